"""A control group of the kernel's (version 2) for each submission: memory and processes of all it starts, together.

Looks at the totals come ten times a second; where a group can be made, the kernel keeps the same bounds in between.
"""

# os works below an open folder, which is all that is left of it in a room.
from __future__ import annotations

import contextlib
import errno
import os
import secrets
import time
from typing import TextIO

# The kernel counts what it needs for itself too: page tables, pipes, stacks.
_KERNEL_BYTES = 64 << 20
_ENDING_SECONDS = 5.0
# A device's driver starts threads, before any limit counts them.
DEVICE_TASKS = 256


class Group:
    """One submission's group below the open folder `base`, with so many tasks at most. Raises OSError."""

    def __init__(self, base: int, tasks: int) -> None:
        self.base, self.name = base, f"backproof-{os.getpid()}-{secrets.token_hex(4)}"
        os.mkdir(self.name, dir_fd=base)
        try:
            self._write("pids.max", tasks)
            self._door = os.open(f"{self.name}/cgroup.procs", _DOOR, dir_fd=base)
        except OSError:
            os.rmdir(self.name, dir_fd=base)
            raise

    def bound_memory(self, limits: dict[str, float], base: int) -> None:
        """What all may hold, files in memory among it. base: what one had before the student's code came."""
        most = base + (int(limits["memory_mib"]) << 20) + int(limits["disk_bytes"]) + _KERNEL_BYTES
        for name, value in (("memory.max", most), ("memory.swap.max", 0), ("memory.oom.group", 1)):
            with contextlib.suppress(OSError):  # the last two are not on every kernel
                self._write(name, value)

    def enter(self) -> None:
        """Takes this process in, and with it all that it starts; it lets go of the door."""
        os.write(self._door, b"0")
        os.close(self._door)

    def end(self) -> bool:
        """Ends whoever is left, removes the group; whether the kernel ended it for its memory."""
        os.close(self._door)
        killed = self._killed()
        with contextlib.suppress(OSError):
            self._write("cgroup.kill", 1)
        until = time.monotonic() + _ENDING_SECONDS
        while not self._removed() and time.monotonic() < until:
            time.sleep(0.002)
        return killed

    def _removed(self) -> bool:
        """Whether it is gone, or will not go: it is busy for as long as one of its processes has not quite ended."""
        try:
            os.rmdir(self.name, dir_fd=self.base)
        except OSError as error:
            return error.errno != errno.EBUSY
        return True

    def _killed(self) -> bool:
        with contextlib.suppress(OSError, ValueError), self._opened("memory.events", "r") as stream:
            return any(int(count) for name, count in map(str.split, stream) if name.startswith("oom_kill"))
        return False

    def _write(self, name: str, value: int) -> None:
        with self._opened(name, "w") as stream:
            stream.write(str(value))

    def _opened(self, name: str, mode: str) -> TextIO:
        opener = lambda path, flags: os.open(path, flags, 0o666, dir_fd=self.base)
        return open(f"{self.name}/{name}", mode, opener=opener)  # type: ignore[return-value]


_DOOR = os.O_WRONLY | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)


def made(base: int | None, tasks: int) -> Group | None:
    """A group below `base`; None where there is none to be had."""
    if base is None:
        return None
    try:
        return Group(base, tasks)
    except OSError:
        return None
