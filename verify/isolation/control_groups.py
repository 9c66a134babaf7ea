"""Where on this machine control groups (version 2) can be made for submissions: in the grader's own or beside it."""

from __future__ import annotations

import contextlib
import functools
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from verify.isolation.inside.groups import Group

_NEEDED = {"memory", "pids"}


@functools.cache
def base() -> str:
    """The group below which those of submissions are made; "" where none can be."""
    for folder in candidates():
        if _hands_on(folder) and _works(str(folder)):
            return str(folder)
    return ""


@functools.cache
def opened() -> int | None:
    """That folder, opened once for this process and its children; None where there is none."""
    return os.open(base(), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC) if base() else None


def candidates(proc: Path = Path("/proc/self")) -> Iterator[Path]:
    """This process's group, and the one above, which is where a group may be made that has processes in it."""
    mount = _mounted(proc / "mountinfo")
    with contextlib.suppress(OSError):
        for line in (proc / "cgroup").read_text().splitlines():
            if mount is not None and line.startswith("0::/"):
                own = mount / line.removeprefix("0::/")
                yield own
                if own != mount:
                    yield own.parent


def _mounted(mountinfo: Path) -> Path | None:
    with contextlib.suppress(OSError):
        for line in mountinfo.read_text().splitlines():
            before, _, after = line.partition(" - ")
            if after.startswith("cgroup2 "):
                return Path(before.split()[4].encode().decode("unicode_escape"))
    return None


def _hands_on(folder: Path) -> bool:
    """Whether groups made there have what bounds memory and processes."""
    try:
        handed = (folder / "cgroup.subtree_control").read_text().split()
    except OSError:
        return False
    return _NEEDED.issubset(handed) and os.access(folder, os.W_OK)


def _works(folder: str) -> bool:
    """Whether a process can in fact enter a group that is made there."""
    below = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        group = Group(below, 4)
        command = ["/bin/sh", "-c", 'echo 0 >"$0"', f"{folder}/{group.name}/cgroup.procs"]
        entered = subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode == 0
        group.end()
    except OSError:
        return False
    finally:
        os.close(below)
    return entered
