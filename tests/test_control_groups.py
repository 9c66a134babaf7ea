"""Control groups: what is written where, by a hierarchy that is made up; and a real one, where this machine lets us."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hostile_kinds import HOSTILE
from tests.hostile_runs import CALLS, HONEST, all_right
from verify.isolation import Limits, choose, control_groups, run, servers
from verify.isolation.inside import groups
from verify.isolation.inside.groups import Group
from verify.isolation.sandbox import notes
from verify.submissions.reading import read_submission

MIB = 1 << 20
LIMITS = Limits(time_limit=20.0, memory_mib=100, disk_bytes=16 * MIB, files=500)
MOUNTS = "31 22 0:27 / {mount} rw,nosuid shared:9 - cgroup2 cgroup2 rw\n30 22 0:26 / /x rw - tmpfs tmpfs rw\n"


def machine(tmp_path: Path, own: str, handed: dict[str, str]) -> Path:
    """A /proc/self of a process in the group `own`, and the groups with what they hand on. The path of that /proc."""
    mount = tmp_path / "a cgroup"
    for name, controllers in handed.items():
        folder = mount / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "cgroup.subtree_control").write_text(controllers)
    proc = tmp_path / "proc"
    proc.mkdir()
    (proc / "mountinfo").write_text(MOUNTS.format(mount=str(mount).replace(" ", r"\040")))
    (proc / "cgroup").write_text(f"4:memory:/elsewhere\n0::{own}\n")
    return proc


def found(tmp_path: Path, own: str, handed: dict[str, str]) -> list[str]:
    """The groups below which some could be made, as they are tried."""
    proc = machine(tmp_path, own, handed)
    tried = [folder for folder in control_groups.candidates(proc) if control_groups._hands_on(folder)]
    return [folder.relative_to(tmp_path / "a cgroup").as_posix() for folder in tried]


@pytest.mark.parametrize(
    ("own", "handed", "expected"),
    [
        ("/", {"": "cpu memory pids"}, ["."]),
        ("/user/run-1.scope", {"user": "memory pids", "user/run-1.scope": ""}, ["user"]),
        ("/user/run-1.scope", {"user": "cpu io", "user/run-1.scope": ""}, []),
        ("/made/ours", {"made": "memory pids", "made/ours": "memory pids"}, ["made/ours", "made"]),
    ],
)
def test_where_groups_can_be_made(tmp_path: Path, own: str, handed: dict[str, str], expected: list[str]) -> None:
    assert found(tmp_path, own, handed) == expected


def test_a_machine_without_them_has_none(tmp_path: Path) -> None:
    (tmp_path / "mountinfo").write_text("30 22 0:26 / /x rw - tmpfs tmpfs rw\n")
    (tmp_path / "cgroup").write_text("4:memory:/elsewhere\n")
    assert list(control_groups.candidates(tmp_path)) == []
    assert list(control_groups.candidates(tmp_path / "nowhere")) == []
    assert groups.made(None, 35) is None
    with (tmp_path / "cgroup").open() as no_folder:
        assert groups.made(no_folder.fileno(), 35) is None


@pytest.fixture
def below(tmp_path: Path) -> Iterator[int]:
    """A folder to make groups in, opened."""
    opened = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    yield opened
    os.close(opened)


def test_what_a_group_bounds(tmp_path: Path, below: int) -> None:
    group = Group(below, 35)
    group.bound_memory({"memory_mib": 100, "disk_bytes": 16 * MIB}, base=30 * MIB)
    folder = tmp_path / group.name
    written = {path.name: path.read_text() for path in folder.iterdir()}
    assert written == {
        "pids.max": "35",
        "memory.max": str((100 + 16 + 30 + 64) * MIB),
        "memory.swap.max": "0",
        "memory.oom.group": "1",
        "cgroup.procs": "",
    }
    group.enter()
    assert (folder / "cgroup.procs").read_text() == "0"
    for path in folder.iterdir():
        path.unlink()  # as the kernel has it: a group's files are no hindrance
    (folder / "memory.events").write_text("low 0\noom 2\noom_kill 3\n")
    killed = group._killed()
    assert killed
    (folder / "memory.events").write_text("low 0\noom 2\noom_kill 0\n")
    assert not group._killed()


def test_a_group_that_ends_is_asked_and_removed(tmp_path: Path, below: int, monkeypatch: pytest.MonkeyPatch) -> None:
    group = Group(below, 35)
    assert not group.end()
    assert (tmp_path / group.name / "cgroup.kill").read_text() == "1"
    again, busy = Group(below, 35), [OSError(errno.EBUSY, "busy")] * 3
    rmdir = os.rmdir

    def removed(name: str, dir_fd: int) -> None:
        if busy:
            raise busy.pop()
        for path in (tmp_path / name).iterdir():
            path.unlink()
        rmdir(name, dir_fd=dir_fd)

    monkeypatch.setattr(os, "rmdir", removed)
    again.end()
    assert not (tmp_path / again.name).exists()


@pytest.fixture
def grouped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A made-up hierarchy, in which the servers that start now make their groups."""
    folder = tmp_path / "groups"
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    monkeypatch.setattr(control_groups, "base", lambda: str(folder))
    monkeypatch.setattr(control_groups, "opened", lambda: opened)
    servers.pool.close()
    yield folder
    servers.pool.close()
    os.close(opened)


@pytest.mark.parametrize("mode", ["process", "namespaces", "bubblewrap"])
def test_every_worker_enters_a_group_of_its_own(grouped: Path, mode: str) -> None:
    from verify.errors import BadInput

    try:
        sandbox = choose(mode)
    except BadInput as reason:
        pytest.skip(f"no {mode} sandbox on this machine: {reason}")
    assert all_right(run(HONEST, CALLS, limits=LIMITS, sandbox=sandbox))
    found = run(read_submission(HOSTILE / "memory_lists.py"), CALLS, limits=LIMITS, sandbox=sandbox)
    assert found.state == "memory"
    assert "control group" in notes(sandbox)[-1]
    made = list(grouped.glob("backproof-*"))
    assert len(made) >= 2
    for folder in made:
        assert (folder / "cgroup.procs").read_text().strip() == "0"
        assert int((folder / "memory.max").read_text()) > LIMITS.memory_mib * MIB


HELD = """
import sys
kept = [bytearray(b"x") * (1 << 20) for _ in range(1000)]
print("alive")
"""


def test_a_real_one_bounds_memory_and_processes() -> None:
    """Where the kernel and this user's rights allow one; elsewhere there is nothing that could be bounded."""
    base = control_groups.base()
    if not base:
        assert not any(control_groups._hands_on(folder) and control_groups._works(str(folder))
                       for folder in control_groups.candidates())  # fmt: skip
        return
    group = Group(control_groups.opened() or 0, 2)
    group.bound_memory({"memory_mib": 64, "disk_bytes": 0}, base=64 * MIB)
    command = [
        "/bin/sh",
        "-c",
        'echo 0 >"$0" && exec "$@"',
        f"{base}/{group.name}/cgroup.procs",
        sys.executable,
        "-c",
        HELD,
    ]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "alive" not in ran.stdout
    assert group.end()
    assert not Path(base, group.name).exists()


def test_where_there_are_none_the_notes_say_which_bound_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_groups, "opened", lambda: None)
    servers.pool.close()
    try:
        assert notes(choose("process"))[-1] == "memory and processes of all together by looks, ten a second"
    finally:
        servers.pool.close()
