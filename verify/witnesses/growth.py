"""How far a move of one pre-activation grows on its way up: bounds that hold for every network.

A pre-activation a_j(l) that moves by 1 moves a(l+d) by at most S^d times either of two bounds, S a bound on |f′|: the
sum over all paths of |W(l+1)|…|W(l+d)|, or in the Euclidean norm ǁW_j(l+1)ǁ ǁW(l+2)ǁ₂…ǁW(l+d)ǁ₂. The second grows with
depth as the network does, where the first grows by the root of the width more; the smaller counts, unit by unit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from verify.bounds.curves import SOFTMAX_STRIP, Curve, curve
from verify.problems.problem import Problem
from verify.witnesses.columns import Base

_UP = 1 + 2.0**-20  # norms are computed with rounding
# Parts of the strips' width that are tried: the narrower, the less steep all that is met there.
_PARTS = (1.0, 0.5, 0.25, 0.125)


@dataclass(frozen=True)
class Growth:
    """The bounds without their slopes, from layer l up. path[d−1] (M, M(l+d)) and norm[d−1] (M,), d = 1 … L − l."""

    path: list[Tensor]
    norm: list[Tensor]

    def most(self, d: int) -> Tensor:
        """How far any single entry of a(l+d) moves, (M,)."""
        return torch.minimum(torch.amax(self.path[d - 1], dim=1), self.norm[d - 1])

    def weighted(self, terms: Tensor) -> Tensor:
        """Σ_k terms_nk |Δa_k(L)|, (N, M), for terms (N, K) that are not negative."""
        if not self.path:
            return terms
        size = torch.linalg.vector_norm(terms, dim=1, keepdim=True)
        return torch.minimum(terms @ self.path[-1].T, size * self.norm[-1])


def growth(base: Base, l: int) -> Growth:
    """The bounds for a move in layer l."""
    path: list[Tensor] = []
    norm: list[Tensor] = []
    for w in base.problem.W[l:]:
        path.append(path[-1] @ w.abs() if path else w.abs())
        norm.append(norm[-1] * spectral(w) if norm else torch.linalg.vector_norm(w, dim=1) * _UP)
    return Growth(path, norm)


def spectral(w: Tensor) -> Tensor:
    """A bound on ǁwǁ₂."""
    found = torch.linalg.matrix_norm(w, ord=2) * _UP
    return torch.where(torch.isfinite(found), torch.minimum(found, of_sizes(w)), of_sizes(w))


def of_sizes(w: Tensor) -> Tensor:
    """A bound on ǁ|w|ǁ₂: √(ǁwǁ₁ ǁwǁ_∞)."""
    size = w.abs()
    return torch.sqrt(torch.amax(size.sum(0))) * torch.sqrt(torch.amax(size.sum(1))) * _UP


# Derivatives of high order -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Disc:
    """Around every real a_nj(l), E_n is analytic within `radius` (M,), and |E′| ≤ `steep` (N, M) there.

    By Cauchy, |E⁽ᵏ⁺¹⁾| ≤ k! steep / radiusᵏ.
    """

    radius: Tensor
    steep: Tensor


def discs(base: Base, l: int, up: Growth) -> list[Disc]:
    """Discs for some widths of the strips in which all functions from layer l up are analytic."""
    p = base.problem
    hidden = curve(p.activation, p.constants) if l < p.L else None
    widths = [_output_width(p), *([hidden.strip.half_width] if hidden else [])]
    widest = min([1.0, *widths])  # where nothing bends at all, any width does
    return [_disc(base, l, up, hidden, part * widest) for part in _PARTS]


def _disc(base: Base, l: int, up: Growth, hidden: Curve | None, width: float) -> Disc:
    slope = _slope(hidden, width) if hidden else 1.0
    reach = torch.ones_like(base.a[l][0])
    for d in range(1, len(up.path) + 1):
        reach = torch.maximum(reach, slope**d * up.most(d))
    return Disc(width / reach, slope ** len(up.path) * up.weighted(_steepest(base, width)))


def _slope(c: Curve, width: float) -> float:
    """A bound on |f′| that far beside the real line: by Hadamard's three lines, log sup |f′| is convex in between."""
    if math.isinf(c.strip.half_width):
        return c.strip.first
    part = width / c.strip.half_width
    return c.first ** (1 - part) * max(c.first, c.strip.first) ** part


def steepest(p: Problem, residual: Tensor, moved: Tensor | float) -> Tensor:
    """A bound on |∂E_n/∂y_k|, (N, K), where |y_k − t_k| is `residual` and y_k moves by `moved`, on its own branch."""
    off = residual + moved
    return {
        "squared-error": off,
        "mean-squared-error": 2 / residual.shape[1] * off,
        "l1": torch.ones_like(off),
        "hinge": 1 + p.t * (residual.shape[1] - 2),
        "huber": torch.clamp(residual, max=p.constants.huber) + moved,
    }[p.loss]


def _output_width(p: Problem) -> float:
    if p.output == "softmax":
        return SOFTMAX_STRIP.half_width
    name = "softplus" if p.loss == "binary-cross-entropy" else p.output
    return curve(name, p.constants).strip.half_width


def _steepest(base: Base, width: float) -> Tensor:
    """A bound on each |∂E_n/∂a_k(L)|, (N, K), where every score has moved by at most `width` in the complex plane."""
    p, a = base.problem, base.a[base.problem.L]
    if p.output == "softmax" and p.pair.by_y is None:
        goal = p.goal.abs()
        weight = torch.sum(goal, dim=1, keepdim=True)
        largest = torch.clamp(torch.softmax(a, dim=1) * math.exp(2 * width), max=1)
        return weight * SOFTMAX_STRIP.first * largest + goal
    if p.loss == "binary-cross-entropy":
        return p.t.abs() + (1 - p.t).abs()
    if p.output == "softmax":
        return _through_softmax(p, a, width)
    slope = _slope(curve(p.output, p.constants), width)
    return steepest(p, (p.pair.y(a) - p.t).abs(), slope * width) * slope


def _through_softmax(p: Problem, a: Tensor, width: float) -> Tensor:
    """A bound on |y_k (e_k − Σ_j e_j y_j)| with e = ∂E_n/∂y there: |y_k| is √2 times what it is at real scores."""
    largest = SOFTMAX_STRIP.first * torch.clamp(torch.softmax(a, dim=1) * math.exp(2 * width), max=1)
    e = steepest(p, largest + p.t.abs(), 0.0)
    return largest * (e + torch.sum(e * largest, dim=1, keepdim=True))
