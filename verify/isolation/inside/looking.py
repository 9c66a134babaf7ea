"""Looks at a child's totals while it runs."""

# ruff: noqa: PTH116
# os works faster, and this is done while honest programs run.
from __future__ import annotations

import os

from verify.isolation.inside import cleaning, confine, totals

# More than CUDA's driver and libraries hold in a process that has only begun.
_DRIVER_BYTES = 4 << 30
# Where they are the same user's: the process that opened the room, and the first one in it.
ROOM_TASKS = 2


class Look:
    """Looks at a server's child. rooms: whether it has a process space of its own."""

    def __init__(
        self, child: int, scratch: str, limits: dict[str, float], *, rooms: bool = False, with_device: bool = False
    ) -> None:
        self.rooms, self.child, self.scratch, self.limits = rooms, child, scratch, limits
        self.device = os.stat(scratch or "/").st_dev
        self.free = _free(scratch or "/")
        self.resident, self.cpu = 0, 0.0
        self.waits = totals.Waits()
        self.base = confine.usage(of_user=False)["resident"] + (_DRIVER_BYTES if with_device else 0)

    def excess(self) -> str:
        """Which total is beyond its limit; "" for none."""
        # Orphans come to the server, which has no other children while one runs.
        members = totals.family(self.child if self.rooms else os.getpid())[0 if self.rooms else 1 :]
        seen = totals.totals(members)
        self.resident, self.cpu = max(self.resident, seen.resident), max(self.cpu, seen.cpu)
        self.waits.look(members, seen)
        ours = ROOM_TASKS if self.rooms else 0
        totals.step_back(members, seen, ours=ours)
        found = totals.excess(members, seen, self.limits, base=self.base, ours=ours)
        if not found and not self.rooms:
            most = int(self.limits["disk_bytes"])
            if cleaning.overflows(self.scratch, most - self._hidden(members, most), int(self.limits["files"])):
                return "overflow"
        return found

    def _hidden(self, members: list[int], most: int) -> int:
        """Bytes of files that have no name. Looked for only where the disk has lost what they would take."""
        if self.free - _free(self.scratch) < most // 2:
            return 0
        hidden = totals.nameless(members, self.device)
        return most + 1 if hidden is None else hidden


def _free(folder: str) -> int:
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize
