"""What all processes of a submission hold together: memory, processor time, processes, files that have no name.

A limit of the kernel's counts one process; a submission may have many. Looked at from outside, several times a second.
"""

# ruff: noqa: PTH116, PTH123, PTH208
# os works faster, and this is done while honest programs run.
from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

LOOK_SECONDS = 0.1
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
# What the clocks of the kernel and of a look may differ by.
_CPU_SLACK = 0.3
# More processes than these step back behind all others.
_FEW = 2
_LAST = 19
_PATIENCE_SECONDS = 0.5


@dataclass
class Totals:
    """What a family of processes held at one look."""

    processes: int = 0
    resident: int = 0
    cpu: float = 0.0
    stuck: int = 0  # processes that wait for a disk, or for memory that is not there


class Waits:
    """Seconds in which a family's tasks could have gone on and had no processor; None where the kernel does not say.

    One task that waits for ten seconds and ten that wait for one count alike.
    """

    def __init__(self) -> None:
        self.seconds: float | None = None
        self._of_tasks: dict[str, float] = {}
        self._stuck = 0.0

    def look(self, members: list[int], seen: Totals) -> None:
        """Takes one look, LOOK_SECONDS after the one before."""
        for process in members:
            with contextlib.suppress(OSError, ValueError, IndexError):
                for task in os.listdir(f"/proc/{process}/task"):
                    with open(f"/proc/{process}/task/{task}/schedstat", "rb") as stream:
                        self._of_tasks[task] = int(stream.read().split()[1]) / 1e9
        self._stuck += LOOK_SECONDS if seen.stuck else 0.0
        self.seconds = sum(self._of_tasks.values()) + self._stuck if self._of_tasks else None


def family(first: int) -> list[int]:
    """A process and all its descendants, orphans only where one of them takes orphans in."""
    found = [first]
    for process in found:
        with contextlib.suppress(OSError):
            for task in os.listdir(f"/proc/{process}/task"):
                with open(f"/proc/{process}/task/{task}/children", "rb") as stream:
                    found += [int(word) for word in stream.read().split()]
    return found


def totals(members: list[int]) -> Totals:
    """The sums over these processes; one that has ended meanwhile counts nothing."""
    found = Totals()
    for process in members:
        with contextlib.suppress(OSError, ValueError, IndexError):
            with open(f"/proc/{process}/stat", "rb") as stream:
                words = stream.read().rpartition(b")")[2].split()
            found.cpu += sum(map(int, words[11:15])) / _TICKS
            found.resident += max(0, int(words[21])) * _PAGE
            found.processes += words[0] not in (b"Z", b"X")
            found.stuck += words[0] == b"D"
    return found


def step_back(members: list[int], found: Totals, *, ours: int = 0) -> None:
    """Lets others go first where a submission has many processes: each would have the share of an honest neighbour."""
    if found.processes - ours > _FEW:
        for process in members:
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, process, _LAST)


def _in_time(look: Callable[[], int | None]) -> int | None:
    """What a look finds; None where it takes too long.

    Some of what the kernel tells it tells only while a process stands still, and one that always forks never does.
    """
    found: list[int | None] = []
    looking = threading.Thread(target=lambda: found.append(look()), daemon=True)
    looking.start()
    looking.join(_PATIENCE_SECONDS)
    return found[0] if found else None


def memory(members: list[int]) -> int | None:
    """Bytes in memory, what several share counted once; None where the kernel does not tell, or not in time."""
    return _in_time(lambda: _memory(members))


def _memory(members: list[int]) -> int | None:
    used = 0
    for process in members:
        try:
            with open(f"/proc/{process}/smaps_rollup", "rb") as stream:
                used += sum(int(line.split()[1]) for line in stream if line.startswith(b"Pss:")) << 10
        except PermissionError:
            return None
        except OSError:
            continue
    return used


def excess(members: list[int], found: Totals, limits: dict[str, float], *, base: int, ours: int = 0) -> str:
    """Which total is beyond its limit: "memory", "cpu", "processes"; "" for none.

    base: what one process had in memory before the student's code came. ours: how many of them are the sandbox's own.
    """
    most = (int(limits["memory_mib"]) << 20) + base
    if found.resident > most:
        # Pages that are shared were counted for each: look closely, or take what each had to begin with off.
        used = memory(members)
        used = found.resident - base * (found.processes - 1) if used is None else used
        if used > most:
            return "memory"
    if found.cpu > limits["cpu_limit"] + _CPU_SLACK:
        return "cpu"
    return "processes" if found.processes - ours > limits["processes"] + 1 else ""


# Files without a name ------------------------------------------------------------------------------------------------


def nameless(members: list[int], device: int) -> int | None:
    """Bytes of files on a device that have been removed and are still open, or mapped, in one of these processes.

    None where the kernel does not tell in time.
    """
    return _in_time(lambda: _nameless(members, device))


def _nameless(members: list[int], device: int) -> int:
    held: dict[int, int] = {}
    for process in members:
        with contextlib.suppress(OSError):
            held |= _open_files(process, device)
        with contextlib.suppress(OSError):
            for number, size in _mapped_files(process):
                held.setdefault(number, size)
    return sum(held.values())


def _open_files(process: int, device: int) -> dict[int, int]:
    found = {}
    for name in os.listdir(f"/proc/{process}/fd"):
        with contextlib.suppress(OSError):
            file = os.stat(f"/proc/{process}/fd/{name}")
            if file.st_nlink == 0 and file.st_dev == device:
                found[file.st_ino] = file.st_blocks * 512
    return found


def _mapped_files(process: int) -> Iterator[tuple[int, int]]:
    """Inode and size of the mappings of removed files; memory that never was a file on a disk is left out."""
    with open(f"/proc/{process}/maps", "rb") as stream:
        for line in stream:
            words = line.split(maxsplit=5)
            if line.rstrip().endswith(b"(deleted)") and not words[5].startswith((b"/dev/zero", b"/memfd:", b"/SYSV")):
                first, last = (int(word, 16) for word in words[0].split(b"-"))
                yield int(words[4]), last - first
