"""Heat maps as PNG, written directly: a square for each entry, coloured by its value or by log₁₀(error / budget)."""

from __future__ import annotations

import base64
import math
import struct
import zlib
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from verify.grading.record import HeatMap
from verify.reports.texts import say

_SIDE = 288  # pixels that a map is about as wide as, so that squares stay whole pixels
_LARGEST, _SMALLEST = 32, 4  # pixels of a square
Colour = tuple[int, int, int]

# Values from negative by none to positive: blue, grey, orange, which those who see no red from green tell apart.
_VALUES: tuple[Colour, ...] = tuple(
    (round(a + (n - a) * s), round(b + (n - b) * s), round(c + (n - c) * s))
    for (a, b, c), n, steps in (((33, 102, 172), 236, range(8)), ((200, 85, 0), 236, range(8, -1, -1)))
    for s in (i / 8 for i in steps)
)
# Errors: within budget; then for each decade beyond it, darker; the last for what cannot be compared.
_WITHIN: Colour = (190, 222, 205)
_BEYOND: tuple[Colour, ...] = (
    (253, 212, 120),
    (249, 160, 63),
    (226, 97, 34),
    (178, 44, 30),
    (122, 13, 40),
    (66, 4, 46),
)
_DECADES = (1.0, 3.0, 6.0, 9.0, 12.0)
_CROSS, _UNDER = (0, 0, 0), (255, 255, 255)
_PALETTE: tuple[Colour, ...] = (_CROSS, _UNDER, *_VALUES, _WITHIN, *_BEYOND)
_FIRST_VALUE, _FIRST_ERROR = 2, 2 + len(_VALUES)
_NAN = 255
_CROSS_AT, _UNDER_AT = 0, 1


class Map(NamedTuple):
    """One picture: what it is called, its data: address, its size in pixels, and what it shows in words."""

    title: str
    source: Markup
    width: int
    height: int
    says: str


class Key(NamedTuple):
    """A colour of the key, and what it means."""

    colour: str
    text: str


def maps(heat: HeatMap) -> list[Map]:
    """Yours, expected and, where their shapes allow it, how far they are apart."""
    yours, expected = _array(heat.yours), _array(heat.expected)
    both = np.abs(np.concatenate([yours.ravel(), expected.ravel()]))
    largest = float(np.max(both[np.isfinite(both)], initial=0.0)) or 1.0
    found = [
        _map(say("heat-yours"), _of_values(yours, largest), _range(yours)),
        _map(say("heat-expected"), _of_values(expected, largest), _range(expected)),
    ]
    if heat.share:
        found.append(_map(say("heat-error"), _of_errors(_array(heat.share)), says_of(heat)))
    return found


def key() -> list[Key]:
    """What the colours of the errors mean, from within budget upwards."""
    bounds = ["1", *(f"10{_raised(int(d))}" for d in _DECADES)]
    texts = [say("key-within"), *(say("key-between", low=a, high=b) for a, b in pairwise(bounds)),
             say("key-beyond", low=bounds[-1])]  # fmt: skip
    return [Key(_hex(c), text) for c, text in zip((_WITHIN, *_BEYOND), texts, strict=True)]


def says_of(heat: HeatMap) -> str:
    """How many entries are off, and whether they are a row, a column, or all."""
    share = _array(heat.share)
    off = np.isnan(share) | (share > 0)
    wrong = int(off.sum())
    said = say("heat-all", entries=off.size) if off.all() else say("heat-off", wrong=wrong, entries=off.size)
    for axis, where in ((1, "heat-row"), (0, "heat-column")):
        (found,) = np.nonzero(off.any(axis))
        if off.shape[1 - axis] > 1 and len(found) == 1:
            said += f" {say(where, number=int(found[0]) + heat.origin[1 - axis] + 1)}"
    return said


def _array(rows: Sequence[Sequence[Any]]) -> NDArray[np.float64]:
    """Numbers as they are; what is no number as NaN; null, where nothing is off, as −∞."""
    if not any(v is None or isinstance(v, str) for row in rows for v in row):
        return np.array(rows, dtype=np.float64)
    return np.array([[-math.inf if v is None else math.nan if isinstance(v, str) else v for v in row] for row in rows])


def _raised(power: int) -> str:
    return str(power).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _hex(colour: Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)


def _range(values: NDArray[np.float64]) -> str:
    found = values[np.isfinite(values)]
    return say("heat-range", low=float(found.min()), high=float(found.max())) if found.size else say("heat-no-number")


def _of_values(values: NDArray[np.float64], largest: float) -> NDArray[np.uint8]:
    at = np.nan_to_num(values / largest, nan=0.0, posinf=0.0, neginf=0.0)
    colours = _FIRST_VALUE + np.rint((at + 1) / 2 * (len(_VALUES) - 1))
    return np.where(np.isfinite(values), colours, _NAN).astype(np.uint8)


def _of_errors(share: NDArray[np.float64]) -> NDArray[np.uint8]:
    beyond = 1 + np.searchsorted(_DECADES, np.nan_to_num(share, nan=0.0), side="right")
    colours = _FIRST_ERROR + np.where(share > 0, beyond, 0)
    return np.where(np.isnan(share), _NAN, colours).astype(np.uint8)


# PNG -----------------------------------------------------------------------------------------------------------------


def _map(title: str, colours: NDArray[np.uint8], says: str) -> Map:
    rows, columns = colours.shape
    side = max(_SMALLEST, min(_LARGEST, _SIDE // max(rows, columns)))
    source = "data:image/png;base64," + base64.b64encode(png(colours, side)).decode()
    return Map(title, Markup(source), side * columns, side * rows, says)


def png(colours: NDArray[np.uint8], side: int) -> bytes:
    """Squares of so many pixels, each of a colour of the palette; `_NAN` is an X."""
    pixels = np.kron(colours, np.ones((side, side), np.uint8))
    cross = np.tile(_cross(side), colours.shape)
    pixels = np.where(pixels == _NAN, cross, pixels)
    # Before each line of pixels stands the filter that leaves it as it is.
    lines = np.pad(pixels, ((0, 0), (1, 0))).tobytes()
    size = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 8, 3, 0, 0, 0)
    palette = bytes(part for colour in _PALETTE for part in colour)
    chunks = ((b"IHDR", size), (b"PLTE", palette), (b"IDAT", zlib.compress(lines, 6)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


def _cross(side: int) -> NDArray[np.uint8]:
    y, x = np.indices((side, side))
    off = np.minimum(abs(x - y), abs(side - 1 - x - y)) >= max(1, side // 10)
    return np.where(off, _UNDER_AT, _CROSS_AT).astype(np.uint8)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
