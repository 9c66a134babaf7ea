"""How fast the activations bend: what running error analysis and differences need to know of each, f and f′ aside.

For each activation: bounds on |f′| and |f″|, where its pieces meet and how far f′ jumps there, and the sum of the
absolute values of the terms of the textbook's f and f′ (what a rounding of u in each can move). The bounds are proved
by `tests/test_curves.py`, on a fine grid and by mpmath where the grid is no proof.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from manual.activations import SELU_ALPHA, SELU_LAMBDA, Activation, Constants
from verify.bounds.bounded import Bounded
from verify.bounds.pieces import Knot, pieces

Size = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Strip:
    """How far beside the real line f goes on, and how steep it is there: what Cauchy's bound on a derivative needs.

    f, and of a piecewise one each branch by itself, is analytic within `half_width` ρ of every real point that it is
    used at, and |f′| ≤ `first` there. So ρ/(a path's slopes, each taken as `first`) is a radius within which a loss is
    analytic in a pre-activation, and f bends on lengths of ρ and longer. Proved in `curve`, form by form.
    """

    half_width: float
    first: float


@dataclass(frozen=True)
class Curve:
    """Bounds on an activation's derivatives over the whole line."""

    first: float  # sup |f′|
    second: float  # sup |f″|, away from the knots
    terms: Size  # sizes of f's terms
    derivative_terms: Size  # sizes of f′'s terms
    knots: tuple[Knot, ...] = ()  # where f is put together from pieces
    tail: tuple[float, float] = (float("inf"), 0.0)  # (C, κ): |f″(a)| ≤ C exp(−κ|a|)
    strip: Strip = Strip(math.inf, 1.0)

    @property
    def jump_at_0(self) -> float:
        """|f′(0+) − f′(0−)|."""
        return max((k.jump for k in self.knots if k.at == 0), default=0.0)

    def at_knot(self, a: Tensor, within: Tensor | float = 0.0) -> Tensor:
        """Where a is a knot, or within a distance of one."""
        found = torch.zeros_like(a, dtype=torch.bool)
        for knot in self.knots:
            found |= (a - knot.at).abs() <= within
        return found

    def from_knots(self, a: Tensor) -> Tensor:
        """The distance from the nearest knot, infinite where there is none."""
        found = torch.full_like(a, torch.inf)
        for knot in self.knots:
            found = torch.minimum(found, (a - knot.at).abs())
        return found


def _one(a: Tensor) -> Tensor:
    return torch.ones_like(a)


def _size(a: Tensor) -> Tensor:
    return a.abs()


def _one_and_size(a: Tensor) -> Tensor:
    return 1 + a.abs()


def _tanh_gelu_terms(a: Tensor) -> Tensor:
    """½(1 + tanh u) and ½a(1 − tanh² u)u′: tanh² u keeps some roundings of 1 while a·u′ grows.

    tanh itself is 1 from u = 19.1 on, sinh/cosh and the like may be off until they overflow.
    """
    slope = math.sqrt(2 / math.pi) * (1 + 0.134145 * a**2)
    u = math.sqrt(2 / math.pi) * (a + 0.044715 * a**3)
    return 1 + a.abs() * torch.where(u.abs() <= _LARGEST_EXPONENT, slope, 1)


_LARGEST_EXPONENT = 710.0  # of a finite exponential


# The softmax and the logarithm of its sum, in the scores. Where every |Im a_k| ≤ π/4, Re e^a_k ≥ |e^a_k| / √2, so
# |Σ e^a_k| ≥ Σ |e^a_k| / √2: no pole, and |y_k| is √2 times the y_k of the real parts at most. (In the open strip of
# π/2 the sum has no zero either, but |y_k| no bound.) `first` bounds Σ_k |y_k|, so Σ_k |y_k − t_k| ≤ √2 + Σ_k |t_k|.
SOFTMAX_STRIP = Strip(math.pi / 4, math.sqrt(2))


def _swish_strip(beta: float) -> Strip:
    """f′ = σ(w) + w σ(w)σ(−w) at w = βa: with |Im w| ≤ π/2, |σ| ≤ 1 and |w|/(2 (cosh x + cos y)) ≤ 0.92."""
    return Strip(math.pi / 2 / abs(beta) if beta else math.inf, 1.92)


def curve(name: str, c: Constants) -> Curve:
    """The curve of that activation at those constants.

    The strips, with w = x + iy. |1 + e^−w| ≥ 1 where |y| ≤ π/2, since Re e^−w ≥ 0: |σ| ≤ 1, which is softplus's slope.
    |σ(w)σ(−w)| = 1/|2 + 2 cosh w| = 1/(2 (cosh x + cos y)) ≤ 1/2 there. |tanh′| = 1/|cosh² w| = 1/(sinh² x + cos² y)
    ≤ 2 where |y| ≤ π/4. Gelu is entire; where |y| ≤ 1, |Φ(w)| ≤ 1 + |y| φ(x) e^(y²/2), and
    |f′| ≤ 1 + (2 + |x|) φ(x) √e ≤ 2.46. Gelu by tanh has its poles where u = √(2/π)(w + 0.044715 w³) is an odd multiple
    of iπ/2: Re u = 0 has x = 0 alone where |y| ≤ 1, and there |u| < π/2; |f′| is largest on the edge, where it is 1.59.
    The branches of the piecewise ones are lines, and γeʷ: e|γ| at most within 1 of the points where it is used (celu's
    e^(w/α): e within α); hard_swish's parabola, w/3 + ½ at most 1.5 + ρ/3 ≤ 1.5 (1.88/1.5)^ρ within ρ ≤ 1 of [−3, 3];
    softsign's 1/(1 ± w)², 1/(1 − ρ)² ≤ 4^(2ρ) within ρ ≤ ½. Mish has its poles where eʷ = −1 ± i, at 3πi/4 from the
    real line; on |y| = 1, |f′| ≤ 1.415.
    """
    found = _curves(c)[name]()
    joined = pieces(name, c)
    return replace(found, knots=joined.knots) if joined else found


def _curves(c: Constants) -> dict[str, Callable[[], Curve]]:
    beta = max(abs(c.swish), 1e-300)
    return {
        "relu": lambda: Curve(1, 0, _size, _one),
        "leaky_relu": lambda: _leaky(c.leaky_relu),
        "prelu": lambda: _leaky(c.prelu),
        "elu": lambda: Curve(
            max(1, abs(c.elu)), abs(c.elu), lambda a: torch.where(a > 0, a.abs(), 2 * abs(c.elu)),
            lambda a: torch.full_like(a, 1 + abs(c.elu)), strip=Strip(1, max(1, math.e * abs(c.elu))),
        ),
        "softplus": lambda: Curve(1, 0.25, _one_and_size, _one, tail=(1, 1), strip=Strip(math.pi / 2, 1)),
        "sigmoid": lambda: Curve(0.25, 0.0963, _one, _one, tail=(1, 1), strip=Strip(math.pi / 2, 0.5)),
        "tanh": lambda: Curve(1, 0.7699, _one, lambda a: 2 * _one(a), tail=(8, 2), strip=Strip(math.pi / 4, 2)),
        "swish": lambda: Curve(1.1, 0.5 * beta, _size, lambda a: 1 + (beta * a).abs(), strip=_swish_strip(c.swish)),
        "silu": lambda: Curve(1.1, 0.5, _size, _one_and_size, strip=_swish_strip(1.0)),
        "gelu": lambda: Curve(1.129, 0.7979, _size, _one_and_size, strip=Strip(1, 2.46)),
        "gelu_tanh": lambda: Curve(1.13, 0.7979, _size, _tanh_gelu_terms, strip=Strip(1, 1.59)),
        "gelu_sigmoid": lambda: Curve(1.1, 0.851, _size, lambda a: 1 + 1.702 * a.abs(), strip=_swish_strip(1.702)),
        "identity": lambda: Curve(1, 0, _size, _one),
        "relu6": lambda: Curve(1, 0, _size, _one),
        "hard_tanh": lambda: Curve(1, 0, _size, _one),
        "hard_sigmoid": lambda: Curve(
            1 / 6, 0, lambda a: torch.clamp(a.abs(), max=3) / 6 + 0.5, lambda a: _one(a) / 6,
            strip=Strip(math.inf, 1 / 6),
        ),
        "hard_swish": lambda: Curve(
            1.5, 1 / 3, lambda a: a.abs() * (torch.clamp(a.abs(), max=3) / 6 + 0.5),
            lambda a: torch.clamp(a.abs(), max=3) / 3 + 0.5, strip=Strip(1, 1.88),
        ),
        "mish": lambda: Curve(1.0885, 0.6443, _size, _one_and_size, strip=Strip(1, 1.42)),
        "selu": lambda: Curve(
            _SELU, _SELU, lambda a: torch.where(a > 0, SELU_LAMBDA * a.abs(), 2 * _SELU),
            lambda a: torch.full_like(a, 2 * _SELU), strip=Strip(1, math.e * _SELU),
        ),
        "celu": lambda: Curve(
            1, 1 / c.celu, lambda a: torch.where(a > 0, a.abs(), 2 * c.celu), lambda a: 2 * _one(a),
            strip=Strip(c.celu, math.e),
        ),
        "softsign": lambda: Curve(
            1, 2, lambda a: a.abs() / (1 + a.abs()), lambda a: 1 / (1 + a.abs()), strip=Strip(0.5, 4)
        ),
        # ρ of losses, in r = y − t; of Huber's parabola |r| ≤ κ + w within w ≤ κ of it, which is below κ e^(w/κ).
        "absolute": lambda: Curve(1, 0, _size, _one),
        "huber": lambda: Curve(
            c.huber, 1, lambda r: r.abs() * torch.clamp(r.abs(), max=c.huber),
            lambda r: torch.clamp(r.abs(), max=c.huber),
            strip=Strip(c.huber, math.e * c.huber),
        ),
        "log_sigmoid": lambda: Curve(1, 0.25, _one_and_size, _one, tail=(1, 1), strip=Strip(math.pi / 2, 1)),
    }  # fmt: skip


_SELU = SELU_LAMBDA * SELU_ALPHA * (1 + 2.0**-50)  # rounded up


def _leaky(gamma: float) -> Curve:
    steep = max(1, abs(gamma))
    return Curve(steep, 0, lambda a: steep * a.abs(), lambda a: torch.full_like(a, steep), strip=Strip(math.inf, steep))


def bounded(f: Activation) -> Activation:
    """The activation on Bounded pre-activations: f and f′ with the bounds that its curve gives."""
    c = curve(f.name, f.constants)
    value: Callable[..., Any] = lambda a: _f(f, c, a)
    slope: Callable[..., Any] = lambda a: _derivative(f, c, a)
    return Activation(f.name, value, slope, f.constants)


def _bend(c: Curve, a: Bounded) -> Tensor:
    """A bound on |f″| from a − 2 error to a + 2 error, where the exact a and any program's lie."""
    nearest = torch.clamp(a.value.abs() - 2 * a.error, min=0)
    return torch.clamp(c.tail[0] * torch.exp(-c.tail[1] * nearest), max=c.second)


def _f(f: Activation, c: Curve, a: Bounded) -> Bounded:
    # Between the exact a and a program's, the slope is on average that at a distance of 1.5 error at most.
    local = torch.where(
        c.at_knot(a.value, 2 * a.error), c.first, f.derivative(a.value).abs() + 1.5 * _bend(c, a) * a.error
    )
    moved = torch.clamp(local, max=c.first) * a.error
    return a.through(f.f(a.value), moved, c.terms(a.value))


def _derivative(f: Activation, c: Curve, a: Bounded) -> Bounded:
    moved = torch.clamp(_bend(c, a) * a.error, max=2 * c.first)
    for knot in c.knots:  # which may lie between the exact a and a program's, itself included
        moved = moved + knot.jump * ((a.value - knot.at).abs() <= 2 * a.error)
    return a.through(f.derivative(a.value), moved, c.derivative_terms(a.value))
