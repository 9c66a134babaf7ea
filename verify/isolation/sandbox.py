"""The ways to run a submission: in name spaces forked off a server, in bubblewrap, or as a confined process."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from verify.isolation import control_groups, places, servers, wrapped
from verify.isolation.protocol import Job
from verify.isolation.supervision import Running

# The best first: what auto tries in this order.
MODES = ("namespaces", "bubblewrap", "process")


@dataclass(frozen=True)
class Sandbox:
    """A way to run submissions that works on this machine.

    mode: one of MODES. notes: what it shuts out here, for the report. user_namespace: whether name spaces are made by
    an ordinary user's rights. landlock: whether processes are shut off from files with it. own_user: whether each
    submission is a user of its own, where the grader is root. shuts_files: whether submissions have been seen to reach
    no file that is closed to other users.
    """

    mode: str
    notes: tuple[str, ...] = ()
    user_namespace: bool = False
    landlock: bool = True
    own_user: bool = True
    shuts_files: bool = False

    def hides(self, folder: Path) -> bool:
        """Whether no submission in it can read or write a folder that is closed to other users."""
        return self.shuts_files and places.seen("numpy", "cpu").isdisjoint((folder, *folder.parents))

    def start(self, job: Job, calls: int, reply: int, output: int) -> Running:
        """Starts a worker on a job; reply and output are the writing ends of its pipes. Raises IsolationError."""
        if self.mode == "bubblewrap":
            return wrapped.Wrapped(self.user_namespace, job, calls, reply, output)
        return servers.Forked(self.kind(job.backend, job.device), job, calls, reply, output)

    def kind(self, backend: str = "numpy", device: str = "cpu") -> servers.Kind:
        """The server that its workers are forked off."""
        rooms = self.mode == "namespaces"
        return servers.Kind(rooms, backend, device, self.user_namespace, self.landlock and not rooms, self.own_user)


def candidates(mode: str) -> list[Sandbox]:
    """The sandboxes of a mode, the better first, that could work here."""
    if mode == "process":
        return [Sandbox("process")]
    # Root needs no user name space, and so becomes a user whose processes can be counted.
    by_root = [Sandbox(mode)] if os.geteuid() == 0 else []
    return [*by_root, Sandbox(mode, user_namespace=True)]


def user_for(sandbox: Sandbox) -> int | None:
    """The user that a wrapped worker becomes: one of its own, where bwrap leaves it the right to."""
    if sandbox.mode == "bubblewrap" and not sandbox.user_namespace:
        return servers.FIRST_USER + secrets.randbelow(1 << 24)
    return None


def notes(sandbox: Sandbox) -> tuple[str, ...]:
    """What a sandbox shuts out on this machine, in words for the report."""
    if sandbox.mode == "bubblewrap":
        grouped = bool(control_groups.base()) and not (sandbox.user_namespace and os.geteuid() == 0)
        return (*_APART, *_calls(wrapped.filters_calls()), _totals(grouped))
    told = _told(sandbox.kind())
    if sandbox.mode == "namespaces":
        return (*_APART, *_calls(told["filtered"]), _totals(told["group"]))
    return (
        "a user of its own" if told["user"] is not None else "the grader's own user",
        "no network"
        if told["network"] or told["filtered"]
        else "no TCP"
        if told["landlock"] >= 4
        else "the machine's network",
        "no files but Python and numpy (Landlock)" if told["landlock"] else "files by their permissions",
        *_calls(told["filtered"]),
        _totals(told["group"]),
    )


def shuts_files(sandbox: Sandbox) -> bool:
    """Whether submissions reach no file of this machine that is closed to other users."""
    if sandbox.mode != "process":
        return True
    told = _told(sandbox.kind())
    return bool(told["landlock"]) or told["user"] is not None


_APART = ("no network", "no files but Python and numpy", "its own process space", "not root")


def _calls(filtered: bool) -> tuple[str]:
    return ("system calls filtered" if filtered else "system calls not filtered: this kernel or machine has no filter",)


def _totals(grouped: bool) -> str:
    looks = "memory and processes of all together by looks, ten a second"
    return f"{looks}, and by a control group of the kernel" if grouped else looks


def _told(kind: servers.Kind) -> dict:
    server = servers.pool.take(kind)
    servers.pool.give(server, kind)
    return server.told
