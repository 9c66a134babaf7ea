"""Difference quotients of two orders on the same points: an estimate, and how far truncation and rounding can move it.

The weights are those of B. Fornberg, "Generation of finite difference formulas on arbitrarily spaced grids", Math.
Comp. 51, 1988: for the points ±s, ±2s, ±3s in the central differences of order six and four, and for the points 0, s,
2s, 3s in the one-sided ones of order three and two. The lower order's error is larger than the higher's by a power of
1/s, so the distance of the two covers what the higher one truncates.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

_U = torch.finfo(torch.float64).eps / 2
_OWN_ROUNDINGS = 6  # of the quotient itself: subtraction, weight, product, two sums, division
POINTS = (1, 2, 3, -1, -2, -3)
_SIX = (45 / 60, -9 / 60, 1 / 60)
_FOUR = (8 / 12, -1 / 12, 0.0)
_THREE = (-11 / 6, 18 / 6, -9 / 6, 2 / 6)
_TWO = (-3 / 2, 4 / 2, -1 / 2, 0.0)


def central(E: Tensor, s: Tensor, noise: Tensor | float) -> tuple[Tensor, Tensor]:
    """The derivative from E (6, …) at POINTS times s, and its error bar; noise bounds the rounding of one E."""
    return _quotient(E[:3] - E[3:], s, 2 * noise, _SIX, _FOUR)


def central_of(E: Tensor, s: Tensor, noise: Tensor | float) -> tuple[Tensor, Tensor]:
    """The derivative from E (6, …) at POINTS times s, and the part of its error bar that is rounding."""
    moved = E[:3] - E[3:]
    return _weighted(_SIX, moved) / s, _rounding(moved, s, 2 * noise, _SIX)


def truncated(steep: Tensor, radius: Tensor) -> Tensor:
    """C of a bound C s⁶ on what the central difference of order six leaves out.

    That is (36/7!) s⁶ E⁽⁷⁾ at a point between, and by Cauchy |E⁽⁷⁾| ≤ 6! steep/radius⁶, where |E′| ≤ steep within that
    radius of it; 6 stands for 36/7, rounded up.
    """
    return 6 * steep / radius**6


def best_step(C: Tensor, noise: Tensor) -> Tensor:
    """The step at which C s⁶ and the rounding of the central difference add up to the least."""
    return (2 * sum(map(abs, _SIX)) * noise / (6 * C)) ** (1 / 7)


def interpolated(E: Tensor, at: Tensor) -> tuple[Tensor, Tensor]:
    """The polynomials through E (7, …) at 0 and POINTS, of degree six and (without ±3) of four, `at` steps from 0."""
    nodes = (0, *POINTS)
    four = [i for i, p in enumerate(nodes) if abs(p) < 3]
    return _lagrange(nodes, E, at), _lagrange([nodes[i] for i in four], E[four], at)


def _lagrange(nodes: Sequence[int], E: Tensor, at: Tensor) -> Tensor:
    total = torch.zeros_like(at)
    for i, p in enumerate(nodes):
        weight = torch.ones_like(at)
        for q in (*nodes[:i], *nodes[i + 1 :]):
            weight = weight * (at - q) / (p - q)
        total = total + weight * E[i]
    return total


def one_sided(E: Tensor, s: Tensor, noise: Tensor | float) -> tuple[Tensor, Tensor]:
    """The one-sided derivative from E (4, …) at 0, s, 2s, 3s, and its error bar; s < 0 for the left side."""
    return _quotient(E - E[:1], s, noise, _THREE, _TWO)  # the weights add up to 0


def central_rounding(s: Tensor, noise: Tensor | float) -> Tensor:
    """The part of a central difference's bar that is rounding."""
    return 2 * sum(map(abs, _SIX)) * noise / s


def between(left: tuple[Tensor, Tensor], right: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """The middle of two one-sided derivatives, and a bar that reaches over both with their own errors."""
    (left_value, left_bar), (right_value, right_bar) = left, right
    middle = (left_value + right_value) / 2
    return middle, (left_value - right_value).abs() / 2 + torch.maximum(left_bar, right_bar)


def _quotient(
    E: Tensor, s: Tensor, noise: Tensor | float, high: tuple[float, ...], low: tuple[float, ...]
) -> tuple[Tensor, Tensor]:
    value = _weighted(high, E) / s
    truncation = (value - _weighted(low, E) / s).abs()
    return value, truncation + _rounding(E, s, noise, high)


def _rounding(E: Tensor, s: Tensor, noise: Tensor | float, weights: tuple[float, ...]) -> Tensor:
    size = tuple(map(abs, weights))
    return (sum(size) * noise + _OWN_ROUNDINGS * _U * _weighted(size, E.abs())) / s.abs()


def _weighted(weights: tuple[float, ...], E: Tensor) -> Tensor:
    return torch.tensordot(torch.tensor(weights, dtype=E.dtype, device=E.device), E, dims=1)
