"""The lines of a lesson worked out on one problem: by value, with bounds, with mistakes in place of equations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from verify.bounds import operations  # noqa: F401 - brings torch's functions to Bounded numbers
from verify.bounds.bounded import Bounded, unit_roundoff
from verify.bounds.kinks import Kinks, watched
from verify.grading.lesson import NUMBER, Lesson, Line, parameters

FLOAT64, FLOAT32 = unit_roundoff(torch.float64), unit_roundoff(torch.float32)
# A lesson has no list of textbook forms: each rounding of its own form stands for as many of another one.
FORMS = 8
DECIDED = 1e-3
# What a mistaken equation may raise where shapes or values do not fit.
RAISES = (RuntimeError, LookupError, TypeError, ValueError, ArithmeticError, AttributeError, AssertionError)

Values = dict[str, Any]


def worked(
    lines: Mapping[str, Line],
    given: Mapping[str, Any],
    only: tuple[str, ...] | None = None,
    take: Callable[[Any], Any] = lambda v: v,
) -> Values:
    """Line -> its value, in the order of the working; `given` has inputs, sizes, and lines that are known already."""
    known: Values = dict(given)
    found: Values = {}
    for name, line in lines.items():
        if name in given or (only is not None and name not in only):
            continue
        known[name] = found[name] = take(line.value(*[known[p] for p in parameters(line.value)]))
    return found


def as_line(value: Any) -> Tensor:
    """What an equation gave, as a line: float64."""
    if not isinstance(value, Tensor):
        value = torch.tensor(value, device="cpu")
    return value.detach().to(torch.float64)


def as_bounded(u: float) -> Callable[[Any], Bounded]:
    """What an equation gave on Bounded numbers: as one, where it was a constant."""

    def take(value: Any) -> Bounded:
        if isinstance(value, Bounded):
            return value
        return Bounded.exact(as_line(value), u)

    return take


@dataclass(frozen=True, eq=False)
class Case:
    """A problem with its right lines, each with its budget.

    role: state, rung, general, kink. inputs: name -> float64 or whole-number tensor, or the float of a `number`.
    """

    lesson: Lesson = field(repr=False)
    inputs: Mapping[str, Any]
    sizes: Mapping[str, int]
    role: str
    label: str = ""

    @property
    def given(self) -> Values:
        """What equations take: inputs and sizes."""
        return {**self.sizes, **self.inputs}

    def bounded_given(self, u: float) -> Values:
        """The same as Bounded numbers; labels and plain numbers stay as they are."""
        return {n: bound(v, u) for n, v in self.given.items()}

    def bounded(self, u: float, choice: Tensor | None = None) -> tuple[dict[str, Bounded], Kinks]:
        """The right lines with their bounds, and what they met; choice: at kinks."""
        kinks = Kinks(choice)
        with watched(kinks):
            return worked(self.lesson.lines, self.bounded_given(u), take=as_bounded(u)), kinks

    @cached_property
    def _in_float64(self) -> tuple[dict[str, Bounded], Kinks]:
        return self.bounded(FLOAT64)

    @cached_property
    def _in_float32(self) -> dict[str, Bounded]:
        return self.bounded(FLOAT32)[0]

    def right(self, u: float) -> dict[str, Bounded]:
        """The right lines with their bounds, worked out once."""
        return self._in_float64[0] if u == FLOAT64 else self._in_float32

    @property
    def kinks(self) -> Kinks:
        """The kinks at which the problem lies."""
        return self._in_float64[1]

    def with_choice(self, choice: Tensor) -> dict[str, Tensor]:
        """The right lines with such derivatives at the kinks, 0 for one side's and 1 for the other's."""
        return {name: line.value for name, line in self.bounded(FLOAT64, choice)[0].items()}

    @cached_property
    def sides(self) -> list[dict[str, Tensor]]:
        """The lines with one side's derivatives at all kinks, then with the other side's at one after the other."""
        each = torch.eye(self.kinks.count, dtype=torch.float64, device="cpu")
        return [self.truth, *map(self.with_choice, each)]

    @cached_property
    def truth(self) -> dict[str, Tensor]:
        """Line -> its right value."""
        return {name: line.value for name, line in self._in_float64[0].items()}

    def allowed(self, name: str, *, float32: bool = False) -> Tensor:
        """How far a program's value may be from ours: its rounding and our own, in any textbook form."""
        key = (name, float32)
        if key not in self._allowed:
            own = self._in_float64[0][name].error
            theirs = self._in_float32[name].error if float32 else own
            self._allowed[key] = FORMS * (own + theirs)
        return self._allowed[key]

    @cached_property
    def _allowed(self) -> dict[tuple[str, bool], Tensor]:
        return {}

    def is_right(self, name: str, value: Tensor, *, float32: bool = False) -> bool:
        """Whether a value is the line's within budget; of what shape and how finite is asked first."""
        truth = self.truth[name]
        return value.shape == truth.shape and bool(((value - truth).abs() <= self.allowed(name, float32=float32)).all())

    def decides(self, name: str, *, float32: bool = False) -> bool:
        """Whether some entry of the line has a budget that is small beside its largest."""
        truth = self.truth[name]
        if not truth.numel():
            return False
        return bool((self.allowed(name, float32=float32) <= DECIDED * truth.abs().max()).any())

    def mistaken(self, replaced: Mapping[str, Line], fixed: tuple[str, ...] = ()) -> dict[str, Tensor] | None:
        """The lines of a program with those equations; None where it raises. fixed: lines that it is given right."""
        given = {**self.given, **{name: self.truth[name] for name in fixed}}
        try:
            return worked({**self.lesson.lines, **replaced}, given, take=as_line)
        except RAISES:
            return None

    def bounded_mistaken(
        self, replaced: Mapping[str, Line], u: float, fixed: tuple[str, ...] = ()
    ) -> dict[str, Bounded]:
        """The same with bounds."""
        given = {**self.bounded_given(u), **{name: bound(self.truth[name], u) for name in fixed}}
        return worked({**self.lesson.lines, **replaced}, given, take=as_bounded(u))

    @property
    def described(self) -> str:
        """The problem in words: its sizes and its plain numbers."""
        numbers = [f"{n} = {self.inputs[n]:g}" for n, shape in self.lesson.inputs.items() if shape == NUMBER]
        return ", ".join([*(f"{letter} = {size}" for letter, size in self.sizes.items()), *numbers]) or "no sizes"

    @property
    def numbers(self) -> int:
        """How many numbers it has: what a problem is sorted by."""
        return sum(v.numel() for v in self.inputs.values() if isinstance(v, Tensor))

    def has_shape_of(self, name: str, value: Tensor | None) -> bool:
        """Whether a value has the line's shape."""
        return value is not None and name in self.truth and value.shape == self.truth[name].shape


def bound(value: Any, u: float) -> Any:
    """An input as a Bounded number, if it is an array of floats."""
    return Bounded.exact(value, u) if isinstance(value, Tensor) and value.is_floating_point() else value
