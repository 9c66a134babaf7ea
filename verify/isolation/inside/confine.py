"""What a process gives up before it runs a student's code. Nothing here can be taken back afterwards."""

# ruff: noqa: PTH123, PTH208
# os works on open folders, and pathlib would cost time before a student's clock starts.
from __future__ import annotations

import contextlib
import ctypes
import math
import os
from collections.abc import Collection
from typing import Any

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_CLONE_NEWIPC = 0x08000000
_CLONE_NEWNET = 0x40000000

try:
    import resource
except ImportError:  # Windows: nothing here is called
    resource: Any = None

# Any: elsewhere than on POSIX nothing here is called.
_libc: Any = ctypes.CDLL(None, use_errno=True) if os.name == "posix" else None


def _prctl(option: int, value: int) -> bool:
    return hasattr(_libc, "prctl") and _libc.prctl(option, value, 0, 0, 0) == 0


def become_subreaper() -> bool:
    """Makes every orphan among the descendants a child of this process, so that none can get away."""
    return _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent() -> None:
    """Has the kernel kill this process when its parent dies."""
    _prctl(_PR_SET_PDEATHSIG, 9)


def gain_nothing(*, seen: bool = False) -> None:
    """No program that is run later can bring rights along, and no other process can look into this one.

    seen: its server may, to count its memory, where it is shut off from all others' processes otherwise.
    """
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    _prctl(_PR_SET_DUMPABLE, int(seen))


def close_all_but(kept: Collection[int]) -> None:
    """Closes every descriptor but the three standard ones and these."""
    last = 2
    for descriptor in sorted(kept):
        os.closerange(last + 1, descriptor)
        last = max(last, descriptor)
    os.closerange(last + 1, 1 << 16)


def leave_network() -> bool:
    """Moves into a network of its own that is connected to nothing; False where the kernel does not let us."""
    return hasattr(_libc, "unshare") and _libc.unshare(_CLONE_NEWNET) == 0


def leave_shared_memory() -> bool:
    """Moves out of reach of System V shared memory and queues, which outlive the process that made them."""
    return hasattr(_libc, "unshare") and _libc.unshare(_CLONE_NEWIPC) == 0


def switch_user(uid: int) -> None:
    """Becomes a user who owns nothing, for good. Raises OSError."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def usage(of_user: bool) -> dict[str, int]:
    """What there is before the student's code comes, which limits must leave room for: memory in bytes, and tasks.

    of_user: whether this user has other processes. Ask before Landlock shuts /proc.
    """
    with open("/proc/self/statm", "rb") as stream:
        pages = [int(word) for word in stream.read().split()]
    size = resource.getpagesize()
    return {
        "addresses": pages[0] * size,
        "data": pages[5] * size,
        "resident": pages[1] * size,
        "tasks": _count_own_tasks() if of_user else 0,
    }


def usage_with_device(before: dict[str, int]) -> dict[str, int]:
    """The same once a device's driver has started in this process, with its threads and open files."""
    threads, files = len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd"))
    return usage(of_user=False) | {"tasks": before["tasks"] + threads - 1, "files": files}


def _count_own_tasks() -> int:
    """Processes and threads of this user, as the limit on processes counts them."""
    tasks = 0
    for entry in os.scandir("/proc"):
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and entry.stat().st_uid == os.getuid():
                tasks += len(os.listdir(f"/proc/{entry.name}/task"))
    return tasks


# Limits --------------------------------------------------------------------------------------------------------------


def _lower(kind: int, soft: float, hard: float | None = None) -> None:
    """Sets a limit, or leaves a lower one that is already there."""
    ceiling = resource.getrlimit(kind)[1]
    wanted = [int(soft), int(soft if hard is None else hard)]
    if ceiling != resource.RLIM_INFINITY:
        wanted = [min(value, ceiling) for value in wanted]
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(kind, (wanted[0], wanted[1]))


def limit(limits: dict[str, Any], before: dict[str, int], address_space: bool) -> None:
    """Bounds time, memory, files, descriptors and processes of this process and its children.

    limits: the fields of Limits. before: what `usage` said. address_space: False where the backend reserves more
    addresses than memory (CUDA).
    """
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = math.ceil(used.ru_utime + used.ru_stime + limits["cpu_limit"]) + 1
    memory = limits["memory_mib"] << 20
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_CPU, seconds, seconds + 1)
    _lower(resource.RLIMIT_DATA, before["data"] + memory)
    if address_space:
        _lower(resource.RLIMIT_AS, before["addresses"] + memory)
    _lower(resource.RLIMIT_FSIZE, limits["file_bytes"])
    _lower(resource.RLIMIT_NOFILE, limits["descriptors"] + before.get("files", 0))
    _lower(resource.RLIMIT_NPROC, before["tasks"] + limits["processes"])
    if hasattr(resource, "RLIMIT_MSGQUEUE"):
        _lower(resource.RLIMIT_MSGQUEUE, 0)
