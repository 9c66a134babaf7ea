"""Ending what a submission started and removing what it wrote: nothing of it may outlast its run."""

# ruff: noqa: PTH101, PTH106, PTH108, PTH112, PTH123, PTH208
# os works on open folders, and so follows no link.
from __future__ import annotations

import contextlib
import itertools
import os
import secrets
import signal
from collections.abc import Iterator


def overflows(folder: str, most_bytes: int, most_files: int) -> bool:
    """Whether a folder holds more than it may. The look itself is bounded: it ends where the answer is yes."""
    used = files = 0
    pending = [folder]
    while pending:
        with contextlib.suppress(OSError), os.scandir(pending.pop()) as entries:
            for entry in entries:
                files += 1
                if files > most_files or used > most_bytes:
                    return True
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
                else:
                    used += entry.stat(follow_symlinks=False).st_blocks * 512
    return used > most_bytes


def reaped() -> bool:
    """Whether all descendants have ended: where a parent of theirs has, they are children of this process."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return True
    return False


def kill_user(user: int, killer: int) -> None:
    """Kills all processes of a user at once, so that none can fork in between.

    The one that kills is of a user of its own in the eyes of those it kills, so that they cannot kill it first.
    """
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(BaseException):
            os.setgroups([])
            os.setresgid(killer, killer, killer)
            os.setresuid(killer, user, killer)
            # -1 is everyone whom this process may kill: it must be nobody but that user, and hold no right to more.
            if os.getresuid() == (killer, user, killer) and min(user, killer) > 1000 and _holds_no_rights():
                os.kill(-1, signal.SIGKILL)
        os._exit(0)
    os.waitpid(pid, 0)


def _holds_no_rights() -> bool:
    with open("/proc/self/status") as stream:
        rights = [line.split()[1] for line in stream if line.startswith(("CapEff", "CapPrm"))]
    return len(rights) == 2 and all(int(right, 16) == 0 for right in rights)


def kill_family(child: int) -> None:
    """Kills the child and all other children of this process, where no user of their own marks them."""
    for target in (child, -child, *_children()):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(target, signal.SIGKILL)


def _children() -> Iterator[int]:
    own = os.getpid()
    for name in filter(str.isdigit, os.listdir("/proc") if os.path.isdir("/proc/self") else []):
        with contextlib.suppress(OSError, ValueError), open(f"/proc/{name}/stat", "rb") as stream:
            # pid (name) state parent: the name may hold anything, so count from its last bracket.
            if int(stream.read().rpartition(b")")[2].split()[1]) == own:
                yield int(name)


def remove(root: str) -> None:
    """Removes a folder however deep it is, whatever its permissions, following no link."""
    with contextlib.suppress(OSError):
        os.chmod(root, 0o700)
        top = os.open(root, _FOLDER)
        try:
            # Names that cannot be there already.
            names = (f"{secrets.token_hex(8)}.{number}" for number in itertools.count())
            pending = _emptied(top, top, names)
            while pending:
                name = pending.pop()
                folder = os.open(name, _FOLDER, dir_fd=top)
                try:
                    pending += _emptied(folder, top, names)
                finally:
                    os.close(folder)
                os.rmdir(name, dir_fd=top)
        finally:
            os.close(top)
        os.rmdir(root)


_FOLDER = os.O_RDONLY
for _name in ("O_DIRECTORY", "O_NOFOLLOW", "O_CLOEXEC"):
    _FOLDER |= getattr(os, _name, 0)


def _emptied(folder: int, top: int, names: Iterator[str]) -> list[str]:
    """Removes a folder's files and moves its folders up into `top`, so that none is ever too deep; their new names."""
    moved = []
    with os.scandir(folder) as entries:
        found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_folder in found:
        if is_folder:
            os.chmod(name, 0o700, dir_fd=folder)
            moved.append(next(names))
            os.rename(name, moved[-1], src_dir_fd=folder, dst_dir_fd=top)
        else:
            os.unlink(name, dir_fd=folder)
    return moved


def sweep(folder: str, user: int) -> None:
    """Removes what a user left in a folder that everyone can write to."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                if entry.stat(follow_symlinks=False).st_uid == user:
                    remove(entry.path) if entry.is_dir(follow_symlinks=False) else os.unlink(entry.path)
