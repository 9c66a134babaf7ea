"""Answer keys on disk: made once per assignment and seed, and taken again until anything changes that they depend on.

Where they lie, `key_place.py` says. A key's file begins with a digest of its name and its content, and is read as plain
values, so nothing in it can run.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import math
import os
import stat
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from verify.grading.assignment import Assignment
from verify.isolation import Sandbox
from verify.lessons.network.judging.answer_key import Key
from verify.lessons.network.key_place import SUFFIX, place
from verify.lessons.network.keyed import Keyed

if TYPE_CHECKING:
    from verify.lessons.network.grade import Examination

_MOST_BYTES = 256 << 20  # of all keys; those that were not asked for longest give way
_DIGEST_BYTES = hashlib.sha256().digest_size


def keyed(assignment: Assignment, seed: int, sandbox: Sandbox, begin: Callable[[], None]) -> Keyed:
    """The examination of an assignment by its key: the one that is kept, or a new one.

    begin: called before anything is worked out.
    """

    @functools.cache
    def whole() -> Examination:
        from verify.lessons.network.grade import examination

        begin()
        return examination(assignment, seed)

    path = place(assignment, seed, sandbox)
    key = _taken(path) if path is not None else None
    if key is None:
        from verify.lessons.network.judging.laid_out import key_of

        key = key_of(whole().fixture, whole().judge, whole().calls)
        if path is not None:
            _keep(path, key)
    return Keyed(assignment, seed, key, whole)


# What ----------------------------------------------------------------------------------------------------------------


def encoded(key: Key) -> bytes:
    """A key as bytes: arrays are their shape and their numbers."""
    return msgspec.msgpack.encode(key, enc_hook=lambda value: (value.shape, np.ascontiguousarray(value).tobytes()))


def decoded(content: bytes) -> Key:
    """The key that was encoded. Raises msgspec.DecodeError where it is none."""
    return msgspec.msgpack.decode(content, type=Key, dec_hook=_array)


def _array(kind: type, value: Any) -> np.ndarray:
    (shape, data) = value
    if kind is not np.ndarray or any(type(n) is not int or n < 0 for n in shape) or len(data) != 8 * math.prod(shape):
        raise ValueError("no array of float64")
    return np.frombuffer(data, dtype=np.float64).reshape(shape)


def _digest(path: Path, content: bytes) -> bytes:
    return hashlib.sha256(path.name.encode() + content).digest()


def _taken(path: Path) -> Key | None:
    """The key that is kept there; None where there is none, or a damaged one, which is said in a line."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as stream:
            found = os.fstat(descriptor)
            if found.st_uid != os.geteuid() or not stat.S_ISREG(found.st_mode):
                return None
            data = stream.read()
    except OSError:
        return None
    if data[:_DIGEST_BYTES] == _digest(path, data[_DIGEST_BYTES:]):
        with contextlib.suppress(msgspec.DecodeError):
            key = decoded(data[_DIGEST_BYTES:])
            with contextlib.suppress(OSError):
                os.utime(path)
            return key
    print(f"{path}: this kept answer key is damaged; it is made again", file=sys.stderr)
    return None


def _keep(path: Path, key: Key) -> None:
    """Writes a key, whole or not at all. Where that cannot be, the next run makes it again."""
    if sum(column.truth.nbytes + column.allowed.nbytes for column in key.columns.values()) > _MOST_BYTES // 4:
        return
    content = encoded(key)
    with contextlib.suppress(OSError):
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=SUFFIX)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(_digest(path, content))
                stream.write(content)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink()
            raise
        _bound(path.parent)


def _bound(folder: Path) -> None:
    """Removes the keys that were not asked for longest, until all together are small enough."""
    kept = []
    for path in folder.glob(f"*{SUFFIX}"):  # those that a killed run left half written, too
        with contextlib.suppress(OSError):
            found = path.lstat()
            kept.append((found.st_mtime, found.st_size, path))
    total = 0
    for _, size, path in sorted(kept, reverse=True):
        total += size
        if total > _MOST_BYTES:
            with contextlib.suppress(OSError):
                path.unlink()
