"""A student's own lines decide what the inputs leave undecided, where they follow from one another within rounding.

From the inputs alone a budget grows with every layer; in a deep and wide network it may be wider than a thousandth of
its line, and the entry is undecided. A program that hands over its lines need not be judged from the inputs. A line
that follows from those before it within rounding starts the next one just as it came, so each budget holds what one
equation rounds. That is a proof for a program that goes on with the lines that it hands over: what it computes is
within `error` of the equation on these lines, and so is our own value, which may be apart from the right line besides.

Some right programs go on with other lines: they hand over copies of fewer digits, δ with the 1/N in it, or the lines of
a second evaluation. What does not follow is not built on. Two right evaluations are apart by what rounding does to them
in truth, which is far less than what it might do; so no more is asked than a thousandth of the line's largest entry,
and of those problems alone on which 64 roundings of every number that is given move the line by less than that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from manual import Working
from manual.network import Equation
from verify.bounds.bounded import Bounded
from verify.bounds.budget import bounded_working, lines_of, on_every_line
from verify.bounds.forms import DECIDED
from verify.grading.answers import Answer
from verify.lessons.network.cases.fixtures import Case
from verify.problems.lines import kind_and_layer

_ROUNDINGS = 64  # by which what is given is moved, to see what rounding does to a line in truth


@dataclass(frozen=True, eq=False)
class OwnLines:
    """A case with what a student handed over, judged in an arithmetic of roundoff u."""

    case: Case
    answer: Answer
    u: float

    def allowed(self, name: str, from_inputs: Tensor) -> Tensor:
        """How far each entry may be from the right one: never more than what the budget from the inputs allows.

        What that decides stays as it is. Entries become narrower where the student's own lines bear it, not beyond a
        thousandth of the largest.
        """
        least = DECIDED * float(self.case.truth[name].abs().max())
        own = self._found.get(name)
        if own is None or not self._steady(name, least):
            return from_inputs
        undecided = from_inputs > least
        return torch.where(undecided, torch.minimum(from_inputs, torch.clamp(own, min=least)), from_inputs)

    def off(self, name: str, value: Tensor) -> Tensor:
        """How far the student's line is from the right one; δ may hold the 1/N of the mean."""
        truth = self.case.truth[name]
        return torch.minimum(*((v - truth).abs() for v in self._forms(name, value)))

    def _forms(self, name: str, value: Tensor) -> tuple[Tensor, Tensor]:
        return value, value * (self.case.problem.N if name.startswith("delta") else 1)

    @cached_property
    def _found(self) -> dict[str, Tensor]:
        """Line -> how far it may be from the right one, as the student's own lines before it have it."""
        found: dict[str, Tensor] = {}
        broken: set[str] = set()
        seen = lambda kind, equation: self._seen(kind, equation, found, broken)
        bounded_working(self.case.problem, self.u, on_every_line(seen))
        return found

    def _seen(
        self, kind: str, equation: Equation, found: dict[str, Tensor], broken: set[str]
    ) -> Callable[[Working, int], Any]:
        """The equation, its budget put down, and the student's line passed on in its place where it follows.

        broken: "forward" where a line that came does not follow on the way to the loss, "backward" where δ(L) does not
        or did not come; a textbook form that loses digits is at work there, or something that no budget knows.
        """

        def line_of(net: Working, l: int) -> Any:
            name = kind if kind in ("y", "E") else f"{kind}{l}"
            line: Any = equation(net, l)
            if "forward" in broken or (kind[0] == "d" and "backward" in broken):
                return line
            if name not in ("E", f"delta{net.L}"):  # textbook forms of these lose digits of their own
                found[name] = 2 * line.error + (line.value - self.case.truth[name]).abs()
            came = self.answer.lines.get(name)
            follows = None if came is None else self._following(name, line, came)
            if follows is None:
                broken.update(self._breaks(name, came is not None))
            return line if follows is None or kind in ("E", "dW", "db") else follows

        return line_of

    def _breaks(self, name: str, came: bool) -> set[str]:
        """What can no longer be built on once a line does not follow, or did not come."""
        kind, l = kind_and_layer(name)
        if kind in ("a", "z", "y") and came:
            return {"forward"}
        return {"backward"} if kind == "delta" and l == self.case.problem.L else set()

    def _following(self, name: str, line: Bounded, came: Tensor) -> Bounded | None:
        """The student's line where it follows from those before it within rounding."""
        if came.shape != line.shape:
            return None
        for value in self._forms(name, came):
            if bool(((value - line.value).abs() <= 2 * line.error).all()):
                exact = Bounded.exact(value, self.u).rounded(2 if value is not came else 0)
                # Some programs go from the scores to δ(L) past y, which then is rounded once more.
                return Bounded(exact.value, exact.error + 2 * line.error, self.u) if name == "y" else exact
        return None

    def _steady(self, name: str, least: float) -> bool:
        """Whether some roundings of all that is given move the line by little."""
        return bool(((self._moved[name] - self.case.truth[name]).abs() <= least).all())

    @cached_property
    def _moved(self) -> dict[str, Tensor]:
        generator = torch.Generator(device="cpu").manual_seed(0)
        p = self.case.problem

        def moved(v: Tensor) -> Tensor:
            signs = 2 * torch.randint(2, v.shape, generator=generator, device="cpu") - 1
            return v * (1 + _ROUNDINGS * self.u * signs.to(v.dtype))

        q = replace(p, W=tuple(map(moved, p.W)), b=tuple(map(moved, p.b)), x=moved(p.x))
        return lines_of(q.work())
