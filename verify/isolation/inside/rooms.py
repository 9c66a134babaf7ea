"""Name spaces: a root folder with Python and its packages in it and nothing else, and in it a room for each submission.

`enter` is for the fork server, once; `open_room` and `furnish` are for each child. An ordinary user may do the same
inside a user name space of its own. Sources: namespaces(7), pivot_root(2), mount_setattr(2), capabilities(7).
"""

# ruff: noqa: PTH102, PTH211, PTH103, PTH110, PTH112, PTH120, PTH123
# This runs before anything of Python's is imported from the new root.
from __future__ import annotations

import ctypes
import os
import struct
from typing import Any

_NEW_MOUNTS, _NEW_NAMES, _NEW_IPC = 0x00020000, 0x04000000, 0x08000000
_NEW_USERS, _NEW_PROCESSES, _NEW_NETWORK = 0x10000000, 0x20000000, 0x40000000
_NO_SETUID, _NO_DEVICES, _NO_PROGRAMS, _BIND, _RECURSIVE, _PRIVATE = 2, 4, 8, 4096, 16384, 1 << 18
_DETACH = 2
_MOUNT_SETATTR = 442
_AT_RECURSIVE, _AT_FDCWD = 0x8000, -100
_READ_ONLY_NO_SETUID = 1 | 2
# Another user than any that owns something: bubblewrap gives its own the same number.
NOBODY = 65534

# Any: elsewhere than on POSIX nothing here is called.
_libc: Any = ctypes.CDLL(None, use_errno=True) if os.name == "posix" else None


def _checked(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _unshare(kinds: int) -> None:
    _checked(_libc.unshare(kinds), "name spaces")


def _mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    words = [word.encode() if word else None for word in (source, target, kind)]
    _checked(_libc.mount(*words, ctypes.c_ulong(flags), options.encode() or None), f"mount on {target}")


def _become_nobody() -> None:
    """In a new user name space: the same user and group as outside, by another number."""
    user, group = os.geteuid(), os.getegid()
    _unshare(_NEW_USERS)
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{NOBODY} {user} 1"),
        ("gid_map", f"{NOBODY} {group} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as stream:
            stream.write(text)


# The server's root ---------------------------------------------------------------------------------------------------


def enter(plan: dict[str, Any]) -> None:
    """Leaves all files behind but those of the plan, which can only be read. Raises OSError.

    plan: {"user": whether a user name space is needed, "folders": those that must be there, "steps": [[kind, source,
    place], ...]}, kind one of bind, link, hide, device; what is not there is left out.
    """
    if plan["user"]:
        _become_nobody()
    _unshare(_NEW_MOUNTS | _NEW_NAMES | _NEW_IPC | _NEW_NETWORK)
    _mount("", "/", "", _PRIVATE | _RECURSIVE)
    # Over a folder that is everywhere, the old root and the new one beside each other.
    _mount("tmpfs", "/tmp", "tmpfs", _NO_SETUID | _NO_DEVICES, "mode=755,size=1m")
    for name in ("old", "new"):
        os.mkdir(f"/tmp/{name}", 0o755)
    _checked(_libc.pivot_root(b"/tmp", b"/tmp/old"), "pivot_root")
    os.chdir("/")
    _mount("tmpfs", "/new", "tmpfs", _NO_SETUID | _NO_DEVICES, "mode=755,size=1m")
    for folder in plan["folders"]:
        os.makedirs(f"/new{folder}", 0o755, exist_ok=True)
    for kind, source, place in plan["steps"]:
        _STEPS[kind](source, place)
    for name in ("/tmp", "/proc", "/dev/shm"):
        os.makedirs(f"/new{name}", 0o755, exist_ok=True)
    _make_read_only("/new")
    # The server writes there who is who in a room; in the room lies another one over it.
    _mount("/old/proc", "/new/proc", "", _BIND | _RECURSIVE)
    _checked(_libc.umount2(b"/old", _DETACH), "umount2")
    os.chdir("/new")
    _checked(_libc.pivot_root(b".", b"."), "pivot_root")
    _checked(_libc.umount2(b".", _DETACH), "umount2")
    os.chdir("/")


def _bind(source: str, place: str) -> None:
    found = f"/old{source}"
    if not os.path.exists(found):
        return
    target = f"/new{place}"
    os.makedirs(os.path.dirname(target), 0o755, exist_ok=True)
    if os.path.isdir(found):
        os.makedirs(target, 0o755, exist_ok=True)
    elif not os.path.exists(target):
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))
    _mount(found, target, "", _BIND | _RECURSIVE)


def _link(source: str, place: str) -> None:
    os.makedirs(os.path.dirname(f"/new{place}"), 0o755, exist_ok=True)
    os.symlink(source, f"/new{place}")


def _hide(_: str, place: str) -> None:
    if os.path.isdir(f"/new{place}"):
        _mount("tmpfs", f"/new{place}", "tmpfs", _NO_SETUID | _NO_DEVICES, "mode=755,size=4k")


_STEPS = {"bind": _bind, "link": _link, "hide": _hide, "device": _bind}


def _make_read_only(folder: str) -> None:
    """All that is mounted there, from one call on (Linux 5.12)."""
    attributes = struct.pack("QQQQ", _READ_ONLY_NO_SETUID, 0, 0, 0)
    result = _libc.syscall(
        _MOUNT_SETATTR, _AT_FDCWD, folder.encode(), _AT_RECURSIVE, attributes, ctypes.c_size_t(len(attributes))
    )
    _checked(result, "mount_setattr")


# A room --------------------------------------------------------------------------------------------------------------


def open_room(user: bool) -> None:
    """New name spaces for what this process starts: processes, mounts, network, shared memory, name. Raises OSError."""
    if user:
        _become_nobody()
    _unshare(_NEW_PROCESSES | _NEW_MOUNTS | _NEW_NETWORK | _NEW_IPC | _NEW_NAMES)


def furnish(disk_bytes: int, files: int) -> None:
    """For the room's first process: its own /proc, and two folders to write to, as large as they may get."""
    size = f"mode=777,size={disk_bytes},nr_inodes={files + 1}"
    for place in ("/tmp", "/dev/shm"):
        _mount("tmpfs", place, "tmpfs", _NO_SETUID | _NO_DEVICES, size)
    _mount("proc", "/proc", "proc", _NO_SETUID | _NO_DEVICES | _NO_PROGRAMS)
    os.chdir("/tmp")


_CAPABILITIES_3 = 0x20080522
_CAPSET = {"x86_64": 126, "aarch64": 91}


def drop_rights() -> None:
    """Gives up every capability that a user name space brought. Raises OSError."""
    number = _CAPSET[os.uname().machine]
    header, none = struct.pack("Ii", _CAPABILITIES_3, 0), bytes(24)
    _checked(_libc.syscall(number, header, none), "capset")
