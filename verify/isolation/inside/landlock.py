"""Landlock: which files a process can reach from now on, kept by the kernel (Linux, Documentation/userspace-api)."""

# ruff: noqa: PTH110
# os works on open folders, and pathlib would cost time before a student's clock starts.
from __future__ import annotations

import ctypes
import os
import stat
import struct
from collections.abc import Sequence
from typing import Any

# Any: elsewhere than on POSIX nothing here is called.
_libc: Any = ctypes.CDLL(None, use_errno=True) if os.name == "posix" else None

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_READ = _EXECUTE | _READ_FILE | _READ_DIR
# The rights that the first version knows, then those that later versions add, but those for reading.
_WRITE = {1: ((1 << 13) - 1) & ~_READ, 2: 1 << 13, 3: 1 << 14, 5: 1 << 15}
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | 1 << 14 | 1 << 15


def version() -> int:
    """The kernel's version of Landlock, 0 where it has none."""
    try:
        known = _libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(1))
    except AttributeError:
        return 0
    return max(0, known)


def reading(paths: Sequence[str], version: int) -> int:
    """A rule for `shut`, as a descriptor: nothing can be read but what lies under these paths. Raises OSError."""
    descriptors = [os.open(path, os.O_PATH | os.O_CLOEXEC) for path in paths if os.path.exists(path)]
    try:
        return _ruleset(_READ, descriptors, version)
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def shut(reading: int, writable: Sequence[int], version: int) -> None:
    """Shuts all files but those that `reading` names and those under the open folders, which may be written.

    Newer kernels shut TCP, and signals to anyone outside, as well. Raises OSError.
    """
    writing = _ruleset(sum(rights for since, rights in _WRITE.items() if version >= since), writable, version)
    for ruleset in (reading, writing):
        _checked(_libc.syscall(_RESTRICT_SELF, ruleset, 0))
    os.close(writing)


def _ruleset(rights: int, descriptors: Sequence[int], version: int) -> int:
    network = 3 if version >= 4 else 0
    scoped = 3 if version >= 6 else 0
    attributes = struct.pack("QQQ", rights, network, scoped)[: 24 if version >= 6 else 16 if version >= 4 else 8]
    ruleset = _checked(_libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0)))
    for descriptor in descriptors:
        fitting = rights if stat.S_ISDIR(os.fstat(descriptor).st_mode) else rights & _OF_FILES
        _checked(_libc.syscall(_ADD_RULE, ruleset, 1, struct.pack("=Qi", fitting, descriptor), 0))
    return ruleset


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
