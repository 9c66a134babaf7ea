"""The benchmark of grading: its class is right, its memory is that of the grader, and what differs is seen."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.classes import grade_class
from verify.benchmarks import grading
from verify.benchmarks.tables import GRADING, Settings, run


def test_the_class_is_right_and_no_two_are_the_same(tmp_path: Path) -> None:
    with grading._class(3) as (folder, out):
        assert not out.exists()
        assert len({path.read_bytes() for path in folder.iterdir()}) == 3
        assert grade_class(folder, tmp_path / "out").states == {"correct": 3}


def test_what_differs_is_seen(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b'{"x": 1, "timings": {"seconds": 1.0}}')
    before = grading.contents(tmp_path)
    (tmp_path / "a.json").write_bytes(b'{"x": 1, "timings": {"seconds": 2.0}}')
    assert grading.contents(tmp_path) == before
    (tmp_path / "b.tmp").write_bytes(b"")
    assert grading.contents(tmp_path) != before


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no /proc on this system to read memory from")
def test_memory_is_that_of_the_process_and_of_those_that_judge_for_it() -> None:
    program = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'x = bytearray(50 << 20); input()'])"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE) as run_:
        assert 0 < grading.resident(run_.pid) < 50 << 20
        run_.communicate()
    assert grading.resident(run_.pid) == 0
    assert grading.resident(os.getpid()) > 50 << 20


def test_the_tables_run_where_they_are_named() -> None:
    (table,) = run(["class-memory"], Settings(quick=True))
    assert table.name in GRADING
    assert table.rows
    assert all(size > 100 << 20 for size in table.record["bytes"].values())
