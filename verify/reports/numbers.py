"""Numbers and matrices as one writes them on a board: whole numbers whole, others with few digits.

A value of a record is a number, a text ("nan", or what stands in place of an array too large to show), None, or lists
of these. In a monospaced text a matrix is a block: lines of one width.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from rich.cells import cell_len

from verify.language import tr
from verify.plain import cut, visible

DIGITS = 5
MOST_DIGITS = 17
MOST_SHOWN = 64  # entries of a matrix that is written out
_TEXT = 60

Block = list[str]


def number(value: Any, digits: int = DIGITS) -> str:
    """'2', '0.70711', '1.0000' for what rounds to a whole number and is none, '–' for None."""
    if value is None:
        return "–"
    if not isinstance(value, int | float):
        return cut(visible(str(value)), _TEXT)
    if math.isfinite(value) and value == int(value) and abs(value) < 10**6:
        return str(int(value))
    text = f"{value:.{digits}g}"
    return f"{value:#.{digits}g}" if text.lstrip("-").isdigit() else text


def digits_between(one: Any, other: Any) -> int:
    """The fewest digits, from 5 up, at which two values of one shape read differently where they differ."""
    pairs = [(a, b) for a, b in zip(entries(one), entries(other), strict=False) if a != b]
    for digits in range(DIGITS, MOST_DIGITS):
        if any(number(a, digits) != number(b, digits) for a, b in pairs):
            return digits
    return MOST_DIGITS if pairs else DIGITS


def entries(value: Any) -> Iterator[Any]:
    """The numbers of nested lists, in order."""
    if isinstance(value, list):
        for v in value:
            yield from entries(v)
    else:
        yield value


def shape(value: Any) -> tuple[int, ...]:
    """The shape of nested lists: () for a number, (2, 3) for two rows of three."""
    return (len(value), *(shape(value[0]) if value else ())) if isinstance(value, list) else ()


def rows(value: Any, digits: int = DIGITS) -> list[list[str]]:
    """A number, vector or matrix as rows of texts; the planes of what is deeper below each other, an empty row between.

    Of what is larger, its shape in words.
    """
    if not isinstance(value, list):
        return [[number(value, digits)]]
    if not 0 < sum(1 for _ in entries(value)) <= MOST_SHOWN:
        return [[tr("an array of shape {shape}", shape=str(shape(value)))]]
    if len(shape(value)) > 2:
        first, *others = (rows(plane, digits) for plane in value)
        return first + [row for plane in others for row in ([""] * len(plane[0]), *plane)]
    table = value if isinstance(value[0], list) else [value]
    return [[number(v, digits) for v in row] if isinstance(row, list) else [number(row, digits)] for row in table]


def block(value: Any, digits: int = DIGITS) -> Block:
    """A value as a block: 2, [1 2], or brackets over several lines."""
    table = rows(value, digits)
    if not isinstance(value, list) or not 0 < sum(1 for _ in entries(value)) <= MOST_SHOWN:
        return [table[0][0]]
    columns = max(map(len, table))
    padded = [row + [""] * (columns - len(row)) for row in table]
    widths = [max(len(row[j]) for row in padded) for j in range(columns)]
    inside = ["  ".join(v.rjust(w) for v, w in zip(row, widths, strict=True)) for row in padded]
    if len(inside) == 1:
        return [f"[{inside[0]}]"]
    left, right = ["⎡", *"⎢" * (len(inside) - 2), "⎣"], ["⎤", *"⎥" * (len(inside) - 2), "⎦"]
    return [f"{l}{line}{r}" for l, line, r in zip(left, inside, right, strict=True)]


def fitting(value: Any, width: int, digits: int = DIGITS) -> Block:
    """The block with as many of the digits as fit a width, 3 at least."""
    for fewer in range(digits, 2, -1):
        written = block(value, fewer)
        if len(written[0]) <= width:
            return written
    return block(value, min(digits, 3))


def padded(block: Block) -> Block:
    """The block with lines of one width."""
    width = max(map(cell_len, block), default=0)
    return [line + " " * (width - cell_len(line)) for line in block]


def beside(blocks: Sequence[Block]) -> Block:
    """Blocks side by side, texts of one line at the height of the matrices' middle."""
    height = max((len(b) for b in blocks), default=0)
    filled = []
    for b in map(padded, blocks):
        above = (height - len(b)) // 2
        empty = " " * cell_len(b[0])
        filled.append([empty] * above + b + [empty] * (height - len(b) - above))
    return ["".join(parts).rstrip() for parts in zip(*filled, strict=True)]


def flow(blocks: Sequence[Block], width: int, gap: int = 0) -> Block:
    """Blocks side by side, as many to a row as fit a width, a gap between them."""
    written: Block = []
    row: list[Block] = []
    taken = 0
    for block in map(padded, blocks):
        if row and taken + gap + cell_len(block[0]) > width:
            written += beside(row)
            row, taken = [], 0
        row += [*([[" " * gap]] if row else []), block]
        taken += cell_len(block[0]) + gap
    return [*written, *beside(row)]


def equation(terms: Sequence[Any], width: int, digits: int = DIGITS) -> Block:
    """The parts of an equation with its numbers, side by side; a new line before the part that would be too wide."""
    return flow([[visible(term)] if isinstance(term, str) else fitting(term, width, digits) for term in terms], width)
