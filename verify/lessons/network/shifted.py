"""A comparison that asks about another number than the one at which an activation bends: a > 10⁻³ for a > 0.

Of one sample db(l), or a row of dW(l), shows which side of the bend a program takes each unit to be on, and dW(l+1)
over db(l+1) shows it of f itself. The number that it asks about lies between the last unit on the wrong side and the
next one on the right side.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
from torch import Tensor

from manual import Activation, activation
from verify.bounds.bounded import Bounded
from verify.bounds.curves import bounded
from verify.bounds.pieces import Knot, Piece, pieces
from verify.grading.answers import Answer
from verify.lessons.network.cases.fixtures import Case
from verify.lessons.network.fitted import Function, Throughout
from verify.lessons.network.read import of_case
from verify.lessons.network.texts import said
from verify.lessons.network.typed import short

Observed = tuple[Case, Answer]
Read = Callable[[Case, Answer, Knot, Piece, Piece], Iterator[tuple[float, bool]]]

_MOST = 1.5  # a comparison that is further off is another function
_MOST_TRIED = 12
_TELLING = 1e-9  # what two pieces must be apart for a z to tell them
_STEP = 1e-200  # of a complex step: no digit is lost
_USUAL = (0.5, *(10.0**-k for k in range(8)))


@dataclass(frozen=True)
class Shift:
    """A bend that a program puts elsewhere: between `least` and `most` from where it is."""

    knot: Knot
    left: Piece
    right: Piece
    least: float
    most: float

    def numbers(self) -> list[float]:
        """What the program may compare with, the likeliest first."""
        low, high = sorted((abs(self.least), abs(self.most)))
        sign = 1.0 if self.least > 0 else -1.0
        sizes = [v for v in _USUAL if low <= v < high]
        return [self.knot.at + sign * v for v in (*sizes, math.sqrt(low * high))]


@dataclass(frozen=True)
class Shifted:
    """An activation whose pieces meet elsewhere: in f, in f′, or in both."""

    f: Activation
    shifts: Sequence[tuple[Shift, float]]
    of: tuple[str, ...]  # of f and f′
    held: bool = False  # beyond the bend a piece is what it is at the bend, as in exp(minimum(a, 0))

    def function(self) -> Function:
        """It, under the activation's own name."""
        return Function(self._activation(self.f), self._activation(bounded(self.f)))

    def _activation(self, f: Activation) -> Activation:
        value, slope = f.f, f.derivative
        if "f" in self.of:
            value = lambda a: self._moved(f.f(a), a, _value)
        if "f′" in self.of:
            slope = lambda a: self._moved(f.derivative(a), a, _slope)
        return Activation(f.name, value, slope, f.constants)

    def _moved(self, whole: Any, a: Any, of: Any) -> Any:
        plain = a.value if isinstance(a, Bounded) else a
        value = whole.value if isinstance(whole, Bounded) else whole
        for shift, number in self.shifts:
            low, high = sorted((shift.knot.at, number))
            piece = shift.left if number > shift.knot.at else shift.right
            at = torch.full_like(plain, shift.knot.at) if self.held else plain
            value = torch.where((plain > low) & (plain <= high), of(piece, at), value)
        if not isinstance(whole, Bounded):
            return value
        return Bounded(value, whole.error + 8 * whole.u * value.abs() + _beside(a), whole.u)


def _beside(a: Bounded) -> Tensor:
    """What the piece on the other side may make of the argument's own error: no piece is steeper than 2 there."""
    return 2 * a.error


def _value(piece: Piece, a: Tensor) -> Tensor:
    return piece(a)


def _slope(piece: Piece, a: Tensor) -> Tensor:
    return piece(torch.complex(a, torch.full_like(a, _STEP))).imag / _STEP


def shifted_bends(observed: Sequence[Observed]) -> Iterator[Throughout]:
    """The comparisons that what came back shows to be off: in f′ alone or in f too, else in f alone."""
    for name in dict.fromkeys(case.problem.activation for case, _ in observed):
        f = activation(name, observed[0][0].problem.constants)
        joined = pieces(name, f.constants)
        rows = [(c, a) for c, a in observed if c.problem.activation == name and c.problem.N == 1 and c.problem.L > 1]
        for read, ways in ((_sides, (("f′",), ("f", "f′"))), (_values, (("f",),))) if joined else ():
            shifts = [s for j in joined.joints() if (s := _shift(rows, *j, read)) is not None] if joined else []
            bent = any(_is_bent(piece, s.knot) for s in shifts for piece in (s.left, s.right))
            for numbers, of, held in product(_chosen(shifts), ways, (False, True) if bent else (False,)):
                yield _throughout(name, Shifted(f, tuple(zip(shifts, numbers, strict=True)), of, held))
            if shifts:
                break


def _is_bent(piece: Piece, knot: Knot) -> bool:
    beside = torch.tensor([knot.at, knot.at + 0.5], dtype=torch.float64, device="cpu")
    return len(set(_slope(piece, beside).tolist())) > 1


def _chosen(shifts: Sequence[Shift]) -> list[tuple[float, ...]]:
    """What a program may compare with at each bend; of several bends those that are as far off first, few others."""
    if not shifts:
        return []
    alike = lambda numbers: len({round(abs(v - s.knot.at), 9) for v, s in zip(numbers, shifts, strict=True)})
    return sorted(product(*(s.numbers() for s in shifts)), key=alike)[:_MOST_TRIED]


def _throughout(name: str, made: Shifted) -> Throughout:
    first = made.shifts[0][0]
    low, high = sorted((first.knot.at + first.least, first.knot.at + first.most))
    kinds = tuple(kind for of, kind in (("f", "z"), ("f′", "delta below")) if of in made.of)
    return Throughout(
        "bend-shifted", None, said("bend", least=short(low), most=short(high), knot=short(first.knot.at)),
        functions={name: made.function()}, only=(name,), wrong=f"a > c, c ≠ {short(first.knot.at):g}",
        right=f"a > {short(first.knot.at):g}", kinds=kinds,
    )  # fmt: skip


def _shift(rows: Sequence[Observed], knot: Knot, left: Piece, right: Piece, read: Read) -> Shift | None:
    """Where the program has that bend; None where it has it right, or nowhere."""
    points = [point for case, answer in rows for point in read(case, answer, knot, left, right)]
    above = sorted(d for d, is_right in points if d > 0 and not is_right)
    below = sorted(d for d, is_right in points if d < 0 and is_right)
    if bool(above) == bool(below):
        return None
    if above:
        least = above[-1]
        most = min((d for d, is_right in points if d > 0 and is_right), default=_MOST)
    else:
        least = below[0]
        most = max((d for d, is_right in points if d < 0 and not is_right), default=-_MOST)
    return Shift(knot, left, right, least, most) if abs(least) < abs(most) <= _MOST else None


def _sides(case: Case, answer: Answer, knot: Knot, left: Piece, right: Piece) -> Iterator[tuple[float, bool]]:
    """(a − knot, whether the program takes that for the right side) of every hidden unit near it.

    δ(l) over what the program's own δ(l+1) hands down is its f′, whatever is wrong above.
    """
    p = case.problem
    for l in range(p.L - 1, 0, -1):
        delta, above = _delta(case, answer, l), _delta(case, answer, l + 1)
        if delta is None or above is None:
            return
        carried, a = p.W[l] @ above, case.truth[f"a{l}"][0]
        one, other = (_slope(piece, a) for piece in (left, right))
        telling = ((a - knot.at).abs() <= _MOST) & (one != other) & (carried.abs() > 1e-6 * carried.abs().max())
        for j in torch.nonzero(telling).flatten().tolist():
            yield float(a[j] - knot.at), _nearer(float(delta[j] / carried[j]), float(one[j]), float(other[j]))


def _values(case: Case, answer: Answer, knot: Knot, left: Piece, right: Piece) -> Iterator[tuple[float, bool]]:
    """The same of f, as far as the program's own z can be read off."""
    for a, z in of_case(case, answer):
        for d, own, one, other in torch.stack([a - knot.at, z, left(a), right(a)], 1).tolist():
            if abs(d) <= _MOST and abs(one - other) > _TELLING:
                yield d, abs(own - other) < abs(own - one)


def _nearer(ratio: float, left: float, right: float) -> bool:
    """Whether a slope is that of the right side: where one side is flat, whether it is 0 decides."""
    if 0.0 in (left, right):
        return (ratio == 0) == (right == 0)
    return abs(ratio - right) < abs(ratio - left)


def _delta(case: Case, answer: Answer, l: int) -> Tensor | None:
    """δ(l) of one sample, from db(l), or from the row of dW(l) under the largest input."""
    p = case.problem
    db, dW = answer.lines.get(f"db{l}"), answer.lines.get(f"dW{l}")
    if db is not None and db.shape == case.truth[f"db{l}"].shape:
        return db
    if dW is None or dW.shape != p.W[l - 1].shape:
        return None
    z = case.truth[f"z{l - 1}"][0] if l > 1 else p.x[0]
    i = int(torch.argmax(z.abs()))
    return (dW - p.rate * p.W[l - 1])[i] / z[i]
