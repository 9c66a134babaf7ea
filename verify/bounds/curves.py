"""How fast the activations bend: what running error analysis and differences need to know of each, f and f′ aside.

For each activation: bounds on |f′| and |f″|, where it has a kink and how far f′ jumps there, and the sum of the
absolute values of the terms of the textbook's f and f′ (what a rounding of u in each can move). The bounds are proved
by `tests/test_curves.py`, on a fine grid and by mpmath where the grid is no proof.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from manual.activations import Activation, Constants
from verify.bounds.bounded import Bounded

Size = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Curve:
    """Bounds on an activation's derivatives over the whole line."""

    first: float  # sup |f′|
    second: float  # sup |f″|, away from the kink
    terms: Size  # sizes of f's terms
    derivative_terms: Size  # sizes of f′'s terms
    jump: float = 0.0  # |f′(0+) − f′(0−)|
    pattern: bool = False  # whether f is put together at 0 from two pieces
    tail: tuple[float, float] = (float("inf"), 0.0)  # (C, κ): |f″(a)| ≤ C exp(−κ|a|)


def _one(a: Tensor) -> Tensor:
    return torch.ones_like(a)


def _size(a: Tensor) -> Tensor:
    return a.abs()


def _one_and_size(a: Tensor) -> Tensor:
    return 1 + a.abs()


def curve(name: str, c: Constants) -> Curve:
    """The curve of that activation at those constants."""
    beta = max(abs(c.swish), 1e-300)
    curves = {
        "relu": lambda: Curve(1, 0, _size, _one, jump=1, pattern=True),
        "leaky_relu": lambda: Curve(
            max(1, abs(c.leaky_relu)), 0, lambda a: max(1, abs(c.leaky_relu)) * a.abs(),
            lambda a: torch.full_like(a, max(1, abs(c.leaky_relu))), jump=abs(1 - c.leaky_relu), pattern=True,
        ),
        "elu": lambda: Curve(
            max(1, abs(c.elu)), abs(c.elu), lambda a: torch.where(a > 0, a.abs(), 2 * abs(c.elu)),
            lambda a: torch.full_like(a, 1 + abs(c.elu)), jump=abs(1 - c.elu), pattern=True,
        ),
        "softplus": lambda: Curve(1, 0.25, _one_and_size, _one, tail=(1, 1)),
        "sigmoid": lambda: Curve(0.25, 0.0963, _one, _one, tail=(1, 1)),
        "tanh": lambda: Curve(1, 0.7699, _one, lambda a: 2 * _one(a), tail=(8, 2)),
        "swish": lambda: Curve(1.1, 0.5 * beta, _size, lambda a: 1 + (beta * a).abs()),
        "gelu": lambda: Curve(1.129, 0.7979, _size, _one_and_size),
        "gelu_tanh": lambda: Curve(1.13, 0.7979, _size, lambda a: 4 + a.abs()),
        "gelu_sigmoid": lambda: Curve(1.1, 0.851, _size, lambda a: 1 + 1.702 * a.abs()),
        "identity": lambda: Curve(1, 0, _size, _one),
    }  # fmt: skip
    return curves[name]()


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


def _at_kink(c: Curve, a: Bounded) -> Tensor:
    """Where the kink at 0 may lie between the exact a and a program's, 0 itself included."""
    return (a.value.abs() <= 2 * a.error) if c.pattern else torch.zeros_like(a.value, dtype=torch.bool)


def _f(f: Activation, c: Curve, a: Bounded) -> Bounded:
    # Between the exact a and a program's, the slope is on average that at a distance of 1.5 error at most.
    local = torch.where(_at_kink(c, a), c.first, f.derivative(a.value).abs() + 1.5 * _bend(c, a) * a.error)
    moved = torch.clamp(local, max=c.first) * a.error
    return a.through(f.f(a.value), moved, c.terms(a.value))


def _derivative(f: Activation, c: Curve, a: Bounded) -> Bounded:
    moved = torch.clamp(_bend(c, a) * a.error, max=2 * c.first) + c.jump * _at_kink(c, a)
    return a.through(f.derivative(a.value), moved, c.derivative_terms(a.value))
