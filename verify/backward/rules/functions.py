"""Elementary functions by slope: the error of the argument times the largest |f′| within it.

f′ of each is monotone, or has its one maximum at 0, so that the largest lies at an end of the interval or at 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from verify.backward.bound import Bound, plus, size, stored, times
from verify.backward.precision import Precision
from verify.backward.rules.table import lift, rule

_ROOT = 2 / math.sqrt(math.pi)


@dataclass(frozen=True)
class Smooth:
    """f′; its value at 0 where that is its maximum; how wide f's values lie; whether f stops at 0."""

    slope: Callable[[Tensor], Tensor]
    top: float | None = None
    width: float | None = None
    positive: bool = False


_SMOOTH: dict[str, Smooth] = {
    "exp": Smooth(torch.exp),
    "exp2": Smooth(lambda x: math.log(2) * torch.exp2(x)),
    "expm1": Smooth(torch.exp),
    "log": Smooth(lambda x: 1 / x, positive=True),
    "log2": Smooth(lambda x: 1 / (x * math.log(2)), positive=True),
    "log10": Smooth(lambda x: 1 / (x * math.log(10)), positive=True),
    "log1p": Smooth(lambda x: torch.where(x > -1, 1 / (1 + x), torch.inf)),
    "sqrt": Smooth(lambda x: 0.5 / torch.sqrt(x), positive=True),
    "rsqrt": Smooth(lambda x: -0.5 * x**-1.5, positive=True),
    "tanh": Smooth(lambda x: 1 / torch.cosh(x) ** 2, top=1.0, width=2.0),
    "sigmoid": Smooth(lambda x: torch.sigmoid(x) * torch.sigmoid(-x), top=0.25, width=1.0),
    "erf": Smooth(lambda x: _ROOT * torch.exp(-x * x), top=_ROOT, width=2.0),
    "erfc": Smooth(lambda x: _ROOT * torch.exp(-x * x), top=_ROOT, width=2.0),
    "atan": Smooth(lambda x: 1 / (1 + x * x), top=1.0, width=math.pi),
    "asinh": Smooth(lambda x: 1 / torch.sqrt(1 + x * x), top=1.0),
    "sinh": Smooth(torch.cosh),
    "cosh": Smooth(lambda x: torch.sinh(x).abs()),
}


@rule(*_SMOOTH)
def _smooth(p: Precision, func: Any, a: Bound) -> Bound:
    x = lift(p, a, a.value)
    f = _SMOOTH[func._schema.name.split("::")[1]]
    value = func(x.value)
    # Polynomials for erf, as in torch's own GELU, are accurate to roundings of 1, not of a small erf.
    extra = 1 - size(value) if f.top == _ROOT else None
    return stored(
        p, value, [x], _reached(f, x), _variance(f, x), relative=p.function / p.u, sigma=p.function_sigma / p.u,
        extra=None if extra is None else extra.clamp(min=0),
    )  # fmt: skip


def _reached(f: Smooth, x: Bound) -> Tensor | None:
    if x.proof is None:
        return None
    low, high = x.value - x.proof, x.value + x.proof
    s = torch.maximum(f.slope(low).abs(), f.slope(high).abs())
    if f.top is not None:
        s = torch.where((low <= 0) & (high >= 0), f.top, s)
    proof = torch.where(x.proof == 0, 0.0, x.proof * s)
    if f.positive:
        proof = torch.where((low > 0) | (x.proof == 0), proof, torch.inf)
    return proof if f.width is None else torch.nan_to_num(proof, nan=f.width).clamp(max=f.width)


def _variance(f: Smooth, x: Bound) -> Tensor | None:
    if x.var is None:
        return None
    found = torch.where(x.var == 0, 0.0, f.slope(x.value) ** 2 * x.var)
    return found if f.width is None else torch.nan_to_num(found, nan=f.width**2).clamp(max=f.width**2)


@rule("sin", "cos")
def _wave(p: Precision, func: Any, a: Bound) -> Bound:
    """|f′| ≤ 1, and ≤ |f′(x)| + e."""
    x = lift(p, a, a.value)
    s = (torch.cos if func._schema.name.endswith("sin") else torch.sin)(x.value).abs()
    proof = None if x.proof is None else torch.minimum(x.proof * torch.clamp(s + x.proof, max=1.0), x.proof * 0 + 2.0)
    value = func(x.value)
    return stored(p, value, [x], proof, times(s * s, x.var), relative=p.function / p.u, sigma=p.function_sigma / p.u)


@rule("asin", "acos", "atanh", "tan", "lgamma", "digamma", "erfinv", "special_erfcx", "acosh")
def _by_autograd(p: Precision, func: Any, a: Bound) -> Bound:
    """Functions whose second derivative grows towards the ends of their domain: slopes at both ends and between."""
    x = lift(p, a, a.value)

    def slope(v: Tensor) -> Tensor:
        with torch.enable_grad():
            leaf = v.detach().clone().requires_grad_()
            return torch.autograd.grad(func(leaf).sum(), leaf)[0].abs()

    proof = None
    if x.proof is not None:
        proof = x.proof * torch.maximum(
            slope(x.value), torch.maximum(slope(x.value - x.proof), slope(x.value + x.proof))
        )
    value, s = func(x.value), slope(x.value)
    return stored(
        p, value, [x], plus(proof), times(s * s, x.var), relative=p.function / p.u, sigma=p.function_sigma / p.u
    )
