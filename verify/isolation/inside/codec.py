"""Nested lists of arrays as JSON and raw buffers, both ways. Never pickle.

What is encoded may be any object a student returns: only exact types and methods of numpy's own base class are used, so
no code of the student's runs. What is decoded may be forged: sizes are checked before anything is allocated.
"""

from __future__ import annotations

import functools
import json
import re
import struct
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

TOKEN_BYTES = 16
MAX_HEADER_BYTES = 4 << 20
MAX_NODES = 20_000
MAX_DEPTH = 12
MAX_DIMENSIONS = 32
MAX_TEXT = 4000
_SIZES = struct.Struct("!IQ")
PREFIX_BYTES = TOKEN_BYTES + _SIZES.size
_DTYPE = re.compile(r"[<>|=]?[biufc][0-9]{1,2}")


class Unusable(NamedTuple):
    """In place of a value that is no array, number, text, list, tuple or dict: its type's name."""

    type_name: str


class Malformed(Exception):
    """A frame that no honest worker writes."""


# Encoding ------------------------------------------------------------------------------------------------------------

_NUMPY_SCALARS = frozenset(
    kind for kind in vars(np).values() if isinstance(kind, type) and issubclass(kind, (np.number, np.bool_))
)
_PYTHON_SCALARS: dict[type, str] = {bool: "|b1", float: "<f8", complex: "<c16"}
_NUMBERS = _NUMPY_SCALARS | frozenset(_PYTHON_SCALARS) | {int}


class Encoder:
    """Turns one value into a structure for JSON and the bytes of its arrays, at most `most` of them.

    convert: what to do with a leaf of a type that is not known here; it returns a leaf that is, or Unusable.
    """

    def __init__(self, most: int, convert: Callable[[Any], Any] | None = None) -> None:
        self.most = most
        self.convert = convert
        self.buffers: list[bytes] = []
        self.size = 0
        self.nodes = 1

    def encode(self, value: Any, depth: int = 0) -> dict[str, Any]:
        """The structure of a value; its arrays' bytes are appended to `buffers`."""
        kind = type(value)
        if kind is np.ndarray and value.dtype != object:
            return self._array(value, "array")
        if self._has_too_many_parts(value, kind, depth):
            return _unusable("a structure with too many parts")
        # issubclass looks at the bases that the type really has; what `__class__` claims does not count.
        if value is None:
            return {"none": True}
        if issubclass(kind, np.ndarray):
            array = np.ndarray.view(value, np.ndarray)
            return self._objects(array, depth) if array.dtype == object else self._array(array, "array")
        if issubclass(kind, (list, tuple)):
            base = list if issubclass(kind, list) else tuple
            return {base.__name__: [self.encode(entry, depth + 1) for entry in base.__iter__(value)]}
        if issubclass(kind, dict):
            return self._dict(value, depth)
        return self._leaf(value, kind)

    def _has_too_many_parts(self, value: Any, kind: type, depth: int) -> bool:
        for base in (list, tuple, dict):
            if issubclass(kind, base):
                if depth >= MAX_DEPTH or self.nodes + base.__len__(value) > MAX_NODES:
                    return True
                self.nodes += base.__len__(value)
        return False

    def _dict(self, value: dict[Any, Any], depth: int) -> dict[str, Any]:
        entries = []
        for key, entry in list(dict.items(value)):
            if type(key) is not str or len(key) > MAX_TEXT:
                return _unusable(f"dict with a key of type {type_name(type(key))}")
            entries.append([key, self.encode(entry, depth + 1)])
        return {"dict": entries}

    def _leaf(self, value: Any, kind: type) -> dict[str, Any]:
        if kind in _NUMPY_SCALARS:
            return self._array(np.array(value), "array")
        if kind in _PYTHON_SCALARS:
            return self._array(np.array(value, dtype=_PYTHON_SCALARS[kind]), "scalar")
        if kind is int:
            return {"whole": value} if value.bit_length() < 64 else _unusable("int of more than 64 bits")
        if kind is str:
            return {"text": value} if len(value) <= MAX_TEXT else _unusable("str of many letters")
        if self.convert is not None:
            converted = self.convert(value)
            if type(converted) is np.ndarray:
                return self._array(converted, "array")
            if type(converted) is Unusable:
                return _unusable(converted.type_name)
        return _unusable(type_name(kind))

    def _objects(self, array: np.ndarray, depth: int) -> dict[str, Any]:
        """An array of dtype object, as people keep ragged lists: its numbers, or the nested list that it is."""
        if depth >= MAX_DEPTH or array.nbytes > self.most:
            return _unusable("array of dtype object with too many parts")
        entries = np.ndarray.tolist(np.ndarray.ravel(array))
        if entries and all(type(entry) in _NUMBERS for entry in entries):
            numbers = np.array(entries)
            return self._array(np.ndarray.reshape(numbers, array.shape), "array")
        return self.encode(np.ndarray.tolist(array), depth + 1)

    def _array(self, array: np.ndarray, name: str) -> dict[str, Any]:
        dtype, shape = array.dtype.str, array.shape
        if not _is_plain(dtype):
            return _unusable(f"array of dtype {array.dtype.name}")
        if self.size + array.nbytes > self.most or len(shape) > MAX_DIMENSIONS or _extent(shape) > self.most:
            return _unusable("array of too many entries")
        self.size += array.nbytes
        self.buffers.append(np.ndarray.tobytes(array))
        return {name: [dtype, list(shape)]}


@functools.lru_cache(maxsize=256)
def _is_plain(dtype: str) -> bool:
    return _DTYPE.fullmatch(dtype) is not None


def _unusable(name: str) -> dict[str, Any]:
    return {"unusable": name[:200]}


def type_name(kind: type) -> str:
    """A type's own name, whatever its metaclass says."""
    return type.__dict__["__name__"].__get__(kind)[:100]


def _extent(shape: tuple[int, ...] | list[int]) -> int:
    """Entries that an array of this shape can spread to: zero lengths count as one, so none hides a huge one."""
    extent = 1
    for length in shape:
        extent *= max(1, length)
    return extent


def frame(token: bytes, header: dict[str, Any], buffers: list[bytes]) -> bytes:
    """One message: token, the two sizes, the header as JSON, the buffers one after the other."""
    text = json.dumps(header, separators=(",", ":")).encode()
    return b"".join([token, _SIZES.pack(len(text), sum(map(len, buffers))), text, *buffers])


# Decoding ------------------------------------------------------------------------------------------------------------


def sizes(prefix: bytes, token: bytes, most: int) -> tuple[int, int]:
    """Lengths of header and buffers, from a frame's first PREFIX_BYTES. Raises Malformed where they cannot be right."""
    if prefix[:TOKEN_BYTES] != token:
        raise Malformed("a message that the worker did not write")
    header, payload = _SIZES.unpack(prefix[TOKEN_BYTES:])
    if header > MAX_HEADER_BYTES or payload > most:
        raise Malformed("a message of more bytes than any answer has")
    return header, payload


def parse_header(text: bytes) -> dict[str, Any]:
    """A frame's header. Raises Malformed."""
    try:
        header = json.loads(text)
    except (ValueError, RecursionError):
        raise Malformed("a message that is no JSON") from None
    if not isinstance(header, dict):
        raise Malformed("a message that is no JSON object")
    return header


class Decoder:
    """Rebuilds values from structures; each takes the next bytes of the payload. Raises Malformed."""

    def __init__(self, payload: bytes | memoryview) -> None:
        self.payload = memoryview(payload)
        self.place = 0
        self.nodes = 0

    def decode(self, structure: Any, depth: int = 0) -> Any:
        """The value of a structure: plain arrays that own their memory, in the machine's byte order."""
        self.nodes += 1
        if depth > MAX_DEPTH or self.nodes > MAX_NODES or not isinstance(structure, dict) or len(structure) != 1:
            raise Malformed("a value that no worker writes")
        [(name, content)] = structure.items()
        if name in ("list", "tuple") and isinstance(content, list):
            entries = [self.decode(entry, depth + 1) for entry in content]
            return entries if name == "list" else tuple(entries)
        if name == "dict" and isinstance(content, list):
            return dict(self._entry(entry, depth) for entry in content)
        return self._leaf(name, content)

    def _entry(self, entry: Any, depth: int) -> tuple[str, Any]:
        if not isinstance(entry, list) or len(entry) != 2 or not isinstance(entry[0], str):
            raise Malformed("a dict that no worker writes")
        return entry[0], self.decode(entry[1], depth + 1)

    def _leaf(self, name: str, content: Any) -> Any:
        if name == "none":
            return None
        if name == "text" and isinstance(content, str):
            return sys.intern(content[:MAX_TEXT])  # as a name in source is: programs ask `activation is "relu"`
        if name == "unusable" and isinstance(content, str):
            return Unusable(content[:200])
        if name == "whole" and isinstance(content, int) and content.bit_length() <= 64:
            return int(content)
        if name == "array":
            return self._array(content)
        if name == "scalar":
            array = self._array(content)
            if array.ndim == 0:
                return array.item()
        raise Malformed("a value that no worker writes")

    def _array(self, content: Any) -> np.ndarray:
        if type(content) is not list or len(content) != 2 or type(content[0]) is not str:
            raise Malformed("an array that no worker writes")
        (dtype, native), shape = _dtype(content[0]), content[1]
        count, extent = _counted(shape)
        end = self.place + count * dtype.itemsize
        if end > len(self.payload) or extent > max(len(self.payload), 1 << 20):
            raise Malformed("an array larger than its bytes")
        if count == 0:
            return np.empty(shape, native)
        flat = np.frombuffer(self.payload, dtype, count, self.place)
        self.place = end
        return flat.astype(native).reshape(shape)


def _counted(shape: Any) -> tuple[int, int]:
    """Entries of a shape, and those that it could spread to (see `_extent`). Raises Malformed."""
    if type(shape) is not list or len(shape) > MAX_DIMENSIONS:
        raise Malformed("an array's shape")
    count = extent = 1
    for length in shape:
        if type(length) is not int or not 0 <= length <= 1 << 40:
            raise Malformed("an array's shape")
        count *= length
        extent *= length or 1
    return count, extent


@functools.lru_cache(maxsize=256)
def _dtype(text: str) -> tuple[np.dtype, np.dtype]:
    """A dtype as it was written, and in the machine's byte order."""
    if not _DTYPE.fullmatch(text):
        raise Malformed("an array's dtype")
    try:
        dtype = np.dtype(text)
    except TypeError:
        raise Malformed("an array's dtype") from None
    return dtype, dtype.newbyteorder("=")


# Unchanged -----------------------------------------------------------------------------------------------------------


class Written:
    """The bytes that values were decoded from, to see whether they would still be written down in the same.

    convert: as an Encoder takes it.
    """

    def __init__(self, payload: bytes, convert: Callable[[Any], Any] | None = None) -> None:
        self.payload = payload
        self.convert = convert
        self.place = 0

    def are(self, values: list[Any], structures: list[Any]) -> bool:
        """Whether these values, in this order, have these structures and all of the bytes."""
        return all(map(self._is, values, structures)) and self.place == len(self.payload)

    def _is(self, value: Any, structure: dict[str, Any]) -> bool:
        [(name, content)] = structure.items()
        if name == "array" and type(value) is np.ndarray:
            same = [value.dtype.str, list(value.shape)] == content
            return same and self._goes_on(np.ndarray.tobytes(value))
        if name == "list" and type(value) is list:
            return len(value) == len(content) and all(map(self._is, value, content))
        encoder = Encoder(len(self.payload) + 1, self.convert)
        return encoder.encode(value) == structure and self._goes_on(b"".join(encoder.buffers))

    def _goes_on(self, data: bytes) -> bool:
        before, self.place = self.place, self.place + len(data)
        return self.payload[before : self.place] == data
