"""What all processes of a submission hold together, as it is seen from outside."""

from __future__ import annotations

import mmap
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from verify.isolation.inside import totals
from verify.isolation.inside.totals import Totals, excess

MIB = 1 << 20
PARENT = """
import mmap, os, sys, time
kept = mmap.mmap(-1, 64 << 20)
kept.write(b"x" * (64 << 20))
own = bytearray(b"x") * (32 << 20)
children = [os.fork() for _ in range(1)]
if children[0]:
    children.append(os.fork())
for place in range(0, 64 << 20, 4096):
    kept[place]
if all(children):
    time.sleep(0.3)
    print("ready", flush=True)
time.sleep(1000)
"""


@contextmanager
def program(source: str) -> Iterator[int]:
    """A program that is running, until it has said that it is ready."""
    with subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE, start_new_session=True) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"ready\n"
        try:
            yield running.pid
        finally:
            os.killpg(running.pid, 9)


def test_what_several_share_counts_once() -> None:
    with program(PARENT) as first:
        members = totals.family(first)
        assert len(members) == 3
        seen = totals.totals(members)
        assert seen.processes == 3
        used = totals.memory(members)
    assert used is not None
    # 64 MiB that all map in and 32 that the children were born with; each Python has a few of its own.
    assert 96 * MIB < used < 150 * MIB
    assert seen.resident > 230 * MIB


def test_many_processes_step_back_behind_others() -> None:
    with program(PARENT) as first:
        members = totals.family(first)
        totals.step_back(members[:2], Totals(2))
        assert [os.getpriority(os.PRIO_PROCESS, process) for process in members] == [os.nice(0)] * 3
        totals.step_back(members, Totals(3))
        assert [os.getpriority(os.PRIO_PROCESS, process) for process in members] == [19] * 3


LIMITS = {"memory_mib": 100, "cpu_limit": 2.0, "processes": 8}


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (Totals(1, 50 * MIB, 1.0), ""),
        (Totals(1, 105 * MIB, 1.0), ""),  # within what Python itself has
        (Totals(1, 111 * MIB, 1.0), "memory"),
        (Totals(1, 50 * MIB, 2.2), ""),  # clocks differ
        (Totals(4, 50 * MIB, 2.5), "cpu"),
        (Totals(9, 50 * MIB, 1.0), ""),
        (Totals(12, 50 * MIB, 1.0), "processes"),
    ],
)
def test_which_total_is_exceeded(seen: Totals, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(totals, "memory", lambda _: None)
    assert excess([], seen, LIMITS, base=10 * MIB, ours=1) == expected


def test_where_the_kernel_does_not_tell_what_is_shared_the_beginnings_are_taken_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(totals, "memory", lambda _: None)
    many = {**LIMITS, "processes": 32}
    assert excess([], Totals(20, 20 * 12 * MIB, 0.0), many, base=10 * MIB) == ""
    assert excess([], Totals(20, 20 * 16 * MIB, 0.0), many, base=10 * MIB) == "memory"


def test_files_without_a_name(tmp_path: Path) -> None:
    path, device = tmp_path / "file", tmp_path.stat().st_dev
    own = [os.getpid()]

    def nameless() -> int:
        found = totals.nameless(own, device)
        assert found is not None
        return found

    before = nameless()
    with path.open("w+b") as stream:
        stream.write(bytes(2 * MIB))
        stream.flush()
        os.fsync(stream.fileno())
        assert nameless() == before
        path.unlink()
        assert nameless() - before >= 2 * MIB
        mapped = mmap.mmap(stream.fileno(), 2 * MIB)
    # Closed, and still there.
    assert nameless() - before >= 2 * MIB
    mapped.close()
    assert nameless() == before


def test_a_look_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel shows the maps of a process only while it stands still."""
    monkeypatch.setattr(totals, "_PATIENCE_SECONDS", 0.01)
    monkeypatch.setattr(totals, "_memory", lambda _: time.sleep(0.2) or 5)
    assert totals.memory([1]) is None
