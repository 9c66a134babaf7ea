"""Numerical gradients, deck 004 "计算梯度": the deck's listing, and the formulas that do better.

f takes a tensor and gives a number; x is a tensor of one dimension or none; h is the step.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Function = Callable[[Tensor], Tensor]


def listing(f: Function, x: Tensor, h: float = 0.00001) -> Tensor:
    """eval_numerical_gradient of deck 004 "计算梯度" as it is printed: (f(x + h) − f(x))/h, entry by entry.

    x of any dtype and shape -> the same shape, float64. Its faults are kept, for docs/ERRATA.md: x + h is stored in
    x's own dtype, so that of integers nothing moves and the gradient is 0, and of float32 the step that is taken is not
    the h by which the difference is divided.
    """
    fx = f(x)
    grad = torch.zeros(x.shape, dtype=torch.float64, device=x.device)
    x = x.clone()
    for ix in range(x.numel()):
        old_value = x.view(-1)[ix].clone()
        x.view(-1)[ix] = (old_value + h).to(x.dtype)
        fxh = f(x)
        x.view(-1)[ix] = old_value
        grad.view(-1)[ix] = float(fxh - fx) / h
    return grad


def one_sided(f: Function, x: Tensor, h: float) -> Tensor:
    """(f(x + h) − f(x))/h, deck 004 "计算梯度": off by h/2 f″."""
    return (f(x + h) - f(x)) / h


def central(f: Function, x: Tensor, h: float) -> Tensor:
    """(f(x + h) − f(x − h))/2h: off by h²/6 f‴."""
    return (f(x + h) - f(x - h)) / (2 * h)


def five_point(f: Function, x: Tensor, h: float) -> Tensor:
    """(8(f(x + h) − f(x − h)) − (f(x + 2h) − f(x − 2h)))/12h: off by h⁴/30 f⁽⁵⁾."""
    return (8 * (f(x + h) - f(x - h)) - (f(x + 2 * h) - f(x - 2 * h))) / (12 * h)


def complex_step(f: Function, x: Tensor, h: float) -> Tensor:
    """Im f(x + ih)/h: off by h²/6 f‴, and nothing cancels, so that h may be as small as one likes."""
    return f(torch.complex(x, torch.full_like(x, h))).imag / h


METHODS: dict[str, Callable[[Function, Tensor, float], Tensor]] = {
    "one-sided": one_sided,
    "central": central,
    "five-point": five_point,
    "complex-step": complex_step,
}
# What a formula's truncation grows with: h to this power, and its rounding: the sum of its weights' sizes, over h.
ORDER = {"one-sided": 1, "central": 2, "five-point": 4, "complex-step": 2}
WEIGHTS = {"one-sided": 2.0, "central": 1.0, "five-point": 1.5, "complex-step": 0.0}


def errors(f: Function, slope: float, x: Tensor, steps: Tensor) -> dict[str, Tensor]:
    """How far each formula is from the slope at x, for every step: the V-curve. steps (n,) -> (n,) each."""
    return {
        name: torch.stack([(method(f, x, float(h)) - slope).abs() for h in steps]) for name, method in METHODS.items()
    }


def budget(name: str, value: float, derivative: float, roundings: float, steps: Tensor) -> Tensor:
    """What truncation and rounding can explain of a formula's error. steps (n,) -> (n,).

    value: the largest |f| near x. derivative: the largest |f⁽ᵏ⁺¹⁾| near x, k the formula's order, times the formula's
    own factor (1/2, 1/6, 1/30, 1/6). roundings: how many unit roundoffs of |f| one evaluation may be off by.
    """
    u = torch.finfo(torch.float64).eps / 2
    return derivative * steps ** ORDER[name] + WEIGHTS[name] * roundings * u * value / steps + 4 * u * abs(derivative)
