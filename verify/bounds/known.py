"""Budgets of a program against lines that are known, each within a bar of its own: what its rounding can explain.

Finite differences stand at stored pre-activations and estimate the derivative of the network that passes through them;
balls enclose the exact lines. Neither has to be judged from the inputs alone: every line that is known starts the next
one, with the program's distance from it as the bound, so a budget holds what one equation rounds and no more. The point
itself, the a(l) at which f′ is taken, is such a line: where both stand at the same floats, it moves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from manual import Working
from manual.network import Equation
from verify.bounds.bounded import Bounded, unit_roundoff
from verify.bounds.budget import AS_WITNESSES, bounded_working, on_every_line
from verify.bounds.curves import curve
from verify.problems.problem import Problem

Lines = Mapping[str, Tensor]


@dataclass(frozen=True)
class Known:
    """Lines by name with how far each entry can be off; a bar that is not finite marks an entry that is not known."""

    lines: Lines
    bars: Lines


def known_budgets(problem: Problem, first: Lines, known: Known) -> dict[str, Tensor]:
    """Line -> the largest difference between a witness's line and the known one that rounding and bars can explain.

    first: every line of the witness, computed in the problem's dtype, each from its own lines before it. The lines
    that are not known follow from those before them.
    """
    found: dict[str, Tensor] = {}
    seen = lambda kind, equation: _on_known_lines(kind, equation, problem, first, known, found)
    bounded_working(problem, unit_roundoff(problem.dtype), on_every_line(seen, AS_WITNESSES))
    return found


def _on_known_lines(
    kind: str, equation: Equation, problem: Problem, first: Lines, known: Known, found: dict[str, Tensor]
) -> Callable[..., Any]:
    """The equation, its budget put down, and what is known of the line passed on in its place."""

    def seen(net: Working, l: int) -> Bounded:
        name = kind if kind in ("y", "E") else f"{kind}{l}"
        line: Any = equation(net, l)
        if name not in known.lines or known.lines[name].shape != line.shape:
            return line
        value, bar = known.lines[name], known.bars[name]
        found[name] = line.error + bar
        if kind == "y":  # torch's losses go from the scores to δ(L) past y, which is computed once more and rounds anew
            return line
        passed = _passed_on(line, first[name], value, bar)
        return _off_knots(passed, problem, l) if kind == "a" else passed

    return seen


def _passed_on(line: Bounded, first: Tensor, value: Tensor, bar: Tensor) -> Bounded:
    """The known value, and a bound on how far both the exact one and the program's are off it; else the line itself."""
    if first.shape != value.shape:
        return line
    apart = (first.to(torch.float64) - value).abs() + bar
    usable = torch.isfinite(apart)
    error = torch.maximum(bar, torch.minimum(apart, line.error))
    return Bounded(torch.where(usable, value, line.value), torch.where(usable, error, line.error), line.u)


def _off_knots(a: Bounded, problem: Problem, l: int) -> Bounded:
    """Where pieces meet exactly at both, their slopes are any two of one hull, which the known line's bar covers.

    The kink is no rounding, then: a is put beside it, on the steeper side, for the size of the terms alone.
    """
    name = problem.activation if l < problem.L else problem.output
    if name == "softmax" or (l == problem.L and problem.pair.g is None):
        return a
    value = a.value
    for knot in curve(name, problem.constants).knots:
        value = torch.where((value == knot.at) & (a.error == 0), knot.beside, value)
    return Bounded(value, a.error, a.u)
