"""Judging at exact zeros: where a pre-activation is 0 at a kink, every subgradient is right, and nothing else.

The derivative there may be any number between f′(0−) and f′(0+), one for all units or each its own. The units concerned
have no weights below them (`kinked.at_kinks`), so what they choose shows in their own columns of δ, dW and db alone.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from manual import SLIDES, Activation, Equations, Working, activation
from verify.bounds.bounded import Bounded
from verify.grading.sentence import Said, said
from verify.lessons.network.cases.fixtures import Case
from verify.lessons.network.cases.kinked import jump, meets_target
from verify.lessons.network.judging.subgradients import Subgradients
from verify.problems.lines import kind_and_layer

_OF_LOSS = (-1.0, 1.0)  # the derivative of |y − t| on either side of 0
_BESIDE = 1e-300  # close enough to 0 for any derivative


@dataclass(frozen=True, eq=False)
class Kink:
    """A case with exact zeros, at one roundoff: its lines at both ends of what the derivative may be."""

    case: Case
    u: float

    @cached_property
    def subgradients(self) -> Subgradients:
        """Its lines at both ends, as the answer key has them."""
        low, high = (self.case.bounded_lines(_with_derivative(self.case, share), self.u) for share in (0.0, 1.0))
        allowed = {n: 2 * torch.maximum(v.error, high[n].error) for n, v in low.items()}
        units = {l: torch.nonzero((self.case.working.a[l] == 0).all(0)).flatten().tolist() for l in self._layers}
        arrays = lambda values: {n: v.numpy() for n, v in values.items()}
        values = lambda end: arrays({n: v.value for n, v in end.items()})
        return Subgradients(values(low), values(high), arrays(allowed), units)

    def range_at(self, l: int) -> tuple[float, float]:
        """f′(0−) and f′(0+) of the function on a(l); of the loss, of ρ in y − t."""
        return _OF_LOSS if self._at_target(l) else _sides(_function(self.case, l))

    def letters(self, l: int) -> str:
        """What is exactly 0 in layer l."""
        return "y − t" if self._at_target(l) else f"a({l})"

    def _at_target(self, l: int) -> bool:
        p = self.case.problem
        return l == p.L and meets_target(p)

    @property
    def _layers(self) -> list[int]:
        p = self.case.problem
        return [l for l in range(1, p.L + 1) if jump(p, l) > 0 or self._at_target(l)]


def layers_at(name: str, kink: Kink) -> Said:
    """Why a line is wrong at a kink, in a sentence."""
    l = kind_and_layer(name)[1] or kink.case.problem.L
    low, high = kink.range_at(l)
    return said("kink", line=kink.letters(l), low=low, high=high, gradient=name)


def _function(case: Case, l: int) -> Activation:
    p = case.problem
    return p.f if l < p.L else activation(p.output, p.constants)


def _sides(f: Activation) -> tuple[float, float]:
    beside = torch.tensor([-_BESIDE, _BESIDE], dtype=torch.float64, device="cpu")
    left, right = sorted(f.derivative(beside).tolist())
    return left, right


def _with_derivative(case: Case, share: float) -> Equations:
    """The slides' equations with f′(0) at that share of the way from its lower to its upper end."""

    def at_zero(net: Working, l: int) -> tuple[Tensor, Tensor]:
        low, high = _sides(_function(case, l))
        a: Any = net.a[l]
        a = a.value if isinstance(a, Bounded) else a
        return a == 0, torch.full_like(a, low + share * (high - low))

    def at_target(net: Working) -> tuple[Tensor, Any]:
        """Where y is t, and δ(L) there: ρ′ is a number of its own times the output's derivative."""
        assert net.pair.g is not None
        y, t = (v.value if isinstance(v, Bounded) else v for v in (net.y, net.t))
        low, high = _OF_LOSS
        return y == t, net.pair.g.derivative(net.a[net.L]) * (low + share * (high - low))

    def slope(net: Working, l: int) -> Any:
        return torch.where(*at_zero(net, l), SLIDES.slope(net, l))

    def delta_output(net: Working, l: int) -> Any:
        right = SLIDES.delta_output(net, l)
        if meets_target(case.problem):
            return torch.where(*at_target(net), right)
        if jump(case.problem, l) == 0:
            return right
        at, derivative = at_zero(net, l)
        assert net.pair.by_y is not None  # a function that works entry by entry stands there
        return torch.where(at, net.pair.by_y(net.y, net.t) * derivative, right)

    return replace(copy(SLIDES), slope=slope, delta_output=delta_output)
