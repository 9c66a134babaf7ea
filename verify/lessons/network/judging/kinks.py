"""Judging at exact zeros: where a pre-activation is 0 at a kink, every subgradient is right, and nothing else.

The derivative there may be any number between f′(0−) and f′(0+), one for all units or each its own. The units concerned
have no weights below them (`drawing.at_kinks`), so what they choose shows in their own columns of δ, dW and db alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from manual import SLIDES, Activation, Equations, Working, activation
from verify.bounds.bounded import Bounded
from verify.grading.sentence import Said, said
from verify.lessons.network.cases.drawing import jump, meets_target
from verify.lessons.network.cases.fixtures import Case
from verify.problems.lines import kind_and_layer

_OF_LOSS = (-1.0, 1.0)  # the derivative of |y − t| on either side of 0
_BESIDE = 1e-300  # close enough to 0 for any derivative


@dataclass(frozen=True, eq=False)
class Kink:
    """A case with exact zeros, at one roundoff: its lines at both ends of what the derivative may be."""

    case: Case
    u: float

    @cached_property
    def _ends(self) -> tuple[dict[str, Bounded], dict[str, Bounded]]:
        low, high = (self.case.bounded_lines(_with_derivative(self.case, share), self.u) for share in (0.0, 1.0))
        return low, high

    def range_at(self, l: int) -> tuple[float, float]:
        """f′(0−) and f′(0+) of the function on a(l); of the loss, of ρ in y − t."""
        return _OF_LOSS if self._at_target(l) else _sides(_function(self.case, l))

    def letters(self, l: int) -> str:
        """What is exactly 0 in layer l."""
        return "y − t" if self._at_target(l) else f"a({l})"

    def _at_target(self, l: int) -> bool:
        p = self.case.problem
        return l == p.L and meets_target(p)

    def expected(self, lines: Mapping[str, Tensor]) -> dict[str, tuple[Tensor, Tensor]]:
        """Line -> the subgradient that comes closest to what was handed over, and how far one may be from it."""
        low, high = self._ends
        found = {n: (v.value, 2 * torch.maximum(v.error, high[n].error)) for n, v in low.items()}
        for l in self._layers:
            names = [n for n in (f"delta{l}", f"dW{l}", f"db{l}") if n in low]
            for unit in torch.nonzero((self.case.working.a[l] == 0).all(0)).flatten().tolist():
                share = _share(lines, low, high, names, unit)
                for n in names:
                    value, allowed = found[n]
                    value = value.clone()
                    value[..., unit] += share * (high[n].value - low[n].value)[..., unit]
                    found[n] = value, allowed
        return found

    @property
    def _layers(self) -> list[int]:
        p = self.case.problem
        return [l for l in range(1, p.L + 1) if jump(p, l) > 0 or self._at_target(l)]


def layers_at(name: str, kink: Kink) -> Said:
    """Why a line is wrong at a kink, in a sentence."""
    l = kind_and_layer(name)[1] or kink.case.problem.L
    low, high = kink.range_at(l)
    return said("kink", line=kink.letters(l), low=low, high=high, gradient=name)


def _share(
    lines: Mapping[str, Tensor], low: Mapping[str, Bounded], high: Mapping[str, Bounded], names: list[str], unit: int
) -> float:
    """How far from the lower to the upper end the derivative of one unit lies, as its own column says.

    dW and db say it; δ alone where they do not, since some hand it over with the 1/N of the mean already in it.
    """
    gradients = [n for n in names if not n.startswith("delta")]
    seen = [n for n in gradients if n in lines and bool((high[n].value != low[n].value)[..., unit].any())]
    over = under = 0.0
    for n in seen or names:
        value = lines.get(n)
        if value is None or value.shape != low[n].value.shape:
            continue
        span = (high[n].value - low[n].value)[..., unit]
        over += float((span * (value - low[n].value)[..., unit]).sum())
        under += float((span * span).sum())
    share = over / under if under > 0 else 0.0
    return min(max(share, 0.0), 1.0) if share == share else 0.0


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
