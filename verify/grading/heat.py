"""The first wrong line entry by entry, on the problem that shows most of it: a row, a triangle, a transpose is seen."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import torch
from msgspec import UNSET, UnsetType
from torch import Tensor

from verify.grading.answers import Answer
from verify.grading.machinery.posing import GRADED, Posed
from verify.grading.record import GradeRecord, HeatMap
from verify.grading.values import as_lists

MOST = 64  # rows and columns that a record keeps
_DIGITS = 3
_FARTHEST = 20.0  # decades beyond which it makes no difference by how much an entry is off


class Seen(NamedTuple):
    """A line on one problem: the right value, how far each entry may be from it, and the student's."""

    problem: str
    expected: Tensor
    allowed: Tensor
    yours: Tensor

    @property
    def is_wrong(self) -> bool:
        return self.yours.shape != self.expected.shape or not bool(
            ((self.yours - self.expected).abs() <= self.allowed).all()
        )

    @property
    def told(self) -> tuple[bool, int, int]:
        """How much a picture of it tells: whether entries can be compared, how far it is from one row, its size."""
        rows, columns = _as_table(self.expected).shape
        return self.yours.shape == self.expected.shape, min(rows, columns, MOST), min(rows * columns, MOST**2)


def of_lesson(
    record: GradeRecord, posed: Posed, function: str, answers: Sequence[Answer], *, float32: bool
) -> HeatMap | UnsetType:
    """Of the first line of a function that is wrong by itself and came, else of the first that is wrong."""

    def seen(line: str) -> Iterator[Seen]:
        for i, case in posed.of(*GRADED):
            if line in answers[i].lines:
                allowed = case.allowed(line, float32=float32)
                yield Seen(case.label, case.truth[line], allowed, answers[i].lines[line])

    return first(record, function, seen)


def first(
    record: GradeRecord, function: str, seen: Callable[[str], Iterable[Seen]], *, columns: bool = False
) -> HeatMap | UnsetType:
    """Of the first line of a function that is wrong by itself and came, else of the first that is wrong."""
    wrong = [line for line in record.lines if line.state == "wrong" and line.function == function]
    own = [line for line in wrong if line.carried_forward != "right"]
    made = (heat(line.name, seen(line.name), columns=columns) for line in (*own, *wrong))
    return next((one for one in made if isinstance(one, HeatMap)), UNSET)


def heat(line: str, seen: Iterable[Seen], *, columns: bool = False) -> HeatMap | UnsetType:
    """The line on the problem of these that shows most of what is wrong; none where it is a single number."""
    wrong = [one for one in seen if one.is_wrong and one.yours.numel()]
    if not wrong:
        return UNSET
    most = max(wrong, key=lambda one: one.told)
    return _drawn(line, most, columns) if most.expected.numel() > 1 else UNSET


def _drawn(line: str, one: Seen, columns: bool) -> HeatMap:
    turn = (lambda v: _as_table(v).T) if columns else _as_table
    expected, yours = turn(one.expected), turn(one.yours)
    if one.yours.shape != one.expected.shape:
        first = slice(0, MOST)
        return HeatMap(
            line=line, problem=one.problem, shape=(len(expected), expected.shape[1]), origin=(0, 0),
            yours=as_lists(_short(yours[first, first])), expected=as_lists(_short(expected[first, first])),
        )  # fmt: skip
    share = _share(expected, yours, turn(one.allowed))
    at = divmod(int(torch.nan_to_num(share, nan=_FARTHEST).argmax()), share.shape[1])
    begin = [max(0, min(i - MOST // 2, n - MOST)) for i, n in zip(at, share.shape, strict=True)]
    kept = tuple(slice(i, i + MOST) for i in begin)
    return HeatMap(
        line=line, problem=one.problem, shape=(len(expected), expected.shape[1]), origin=(begin[0], begin[1]),
        yours=as_lists(_short(yours[kept])), expected=as_lists(_short(expected[kept])),
        share=[[_plain(v) for v in row] for row in share[kept].tolist()],
    )  # fmt: skip


def _share(expected: Tensor, yours: Tensor, allowed: Tensor) -> Tensor:
    """log₁₀(error / budget): −∞ where nothing is off, NaN where the student's value is not finite."""
    error = torch.where(torch.isfinite(yours), (yours - expected).abs(), torch.nan)
    ratio = torch.where(error == 0, 0.0, error / allowed)
    return ratio.log10().clamp(max=_FARTHEST)


def _plain(share: float) -> float | str | None:
    if share != share:
        return "nan"
    return None if share == -math.inf else round(max(share, -_FARTHEST), 2)


def _as_table(value: Tensor) -> Tensor:
    """A value as rows and columns: a vector is one row, the planes of what is deeper lie below one another."""
    return value.reshape(-1, value.shape[-1]) if value.dim() else value.reshape(1, 1)


def _short(value: Tensor) -> Tensor:
    """The value with few digits: a picture shows no more."""
    scale = 10.0 ** (_DIGITS - 1 - torch.floor(torch.log10(value.abs())))
    rounded = torch.round(value * scale) / scale
    return torch.where(torch.isfinite(rounded), rounded, value)
