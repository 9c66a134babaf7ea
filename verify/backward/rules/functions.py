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
from verify.backward.rules.table import lift, pair, rule

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


# |f′|, which between two poles is largest at an end of any interval, and the pole that a point lies beyond.
_STEEP: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor] | None]] = {
    "asin": (lambda x: torch.rsqrt(1 - x * x), None),
    "acos": (lambda x: torch.rsqrt(1 - x * x), None),
    "atanh": (lambda x: 1 / (1 - x * x), None),
    "acosh": (lambda x: torch.rsqrt(x * x - 1), None),
    "tan": (lambda x: 1 + torch.tan(x) ** 2, lambda x: torch.floor(x / math.pi - 0.5)),
    "lgamma": (lambda x: torch.digamma(x).abs(), lambda x: torch.floor(x.clamp(max=0.5))),
    "digamma": (lambda x: torch.special.polygamma(1, x).abs(), lambda x: torch.floor(x.clamp(max=0.5))),
    "erfinv": (lambda x: torch.exp(torch.erfinv(x) ** 2) / _ROOT, None),
    "special_erfcx": (lambda x: (2 * x * torch.special.erfcx(x) - _ROOT).abs(), None),
}


def _inside(name: str, x: Tensor, slope: Tensor) -> Tensor | None:
    """Sizes that a library adds up on its way, beyond the value's: Γ's functions go up to 10 by their recurrence."""
    if name not in ("lgamma", "digamma"):
        return None
    return 5 + 1 / x.abs() + torch.where(x < 0, x.abs() * slope, 0.0)


@rule(*_STEEP)
def _steep(p: Precision, func: Any, a: Bound) -> Bound:
    """Functions with poles or ends: nothing bounds what the argument's error reaches beyond one."""
    x = lift(p, a, a.value)
    name = func._schema.name.split("::")[1]
    slope, beyond = _STEEP[name]
    proof = None
    if x.proof is not None:
        low, high = x.value - x.proof, x.value + x.proof
        reached = x.proof * torch.maximum(slope(low), slope(high))
        proof = torch.where(x.proof == 0, 0.0, torch.nan_to_num(reached, nan=torch.inf, posinf=torch.inf))
        if beyond is not None:
            proof = torch.where(beyond(low) == beyond(high), proof, torch.inf)
    var = None if x.var is None else torch.where(x.var == 0, 0.0, slope(x.value) ** 2 * x.var)
    return stored(
        p, func(x.value), [x], proof, var, relative=p.function / p.u, sigma=p.function_sigma / p.u,
        extra=_inside(name, x.value, slope(x.value)),
    )  # fmt: skip


@rule("polygamma")
def _polygamma(p: Precision, func: Any, n: int, a: Bound) -> Bound:
    """Of one sign and falling where x > 0; nothing is said of what lies left of 0."""
    x = lift(p, a, a.value)
    slope = torch.special.polygamma(n + 1, x.value).abs()
    proof = torch.where(x.value > 0, 0.0, torch.inf)
    if x.proof is not None:
        low = x.value - x.proof
        steepest = torch.special.polygamma(n + 1, low.clamp(min=1e-300)).abs()
        proof = proof + torch.where(low > 0, torch.where(x.proof == 0, 0.0, x.proof * steepest), torch.inf)
    var = plus(torch.where(torch.isinf(proof), torch.inf, 0.0), times(slope**2, x.var))
    return stored(
        p, func(n, x.value), [x], proof, var, relative=p.function / p.u,
        sigma=p.function_sigma / p.u,
    )  # fmt: skip


@rule("atan2")
def _angle(p: Precision, func: Any, a: Any, b: Any) -> Bound:
    """|∂/∂y| = |x|/r² and |∂/∂x| = |y|/r², r² at least that of the nearest point within the errors."""
    y, x = pair(p, a, b)
    value = func(y.value, x.value)
    across, along = y.value.abs(), x.value.abs()
    less = lambda size, error: size if error is None else (size - error).clamp(min=0)
    more = lambda size, error: size if error is None else size + error
    nearest = less(across, y.proof) ** 2 + less(along, x.proof) ** 2
    reached = plus(times(more(along, x.proof), y.proof), times(more(across, y.proof), x.proof))
    crossed = torch.zeros_like(across, dtype=torch.bool) if y.proof is None else (x.value < 0) & (across <= y.proof)
    proof = None if reached is None else torch.where((reached > 0) & crossed, torch.inf, _over(reached, nearest))
    r4 = (across**2 + along**2) ** 2
    var = plus(times(along**2 / r4, y.var), times(across**2 / r4, x.var))
    return stored(p, value, [y, x], proof, var, relative=p.function / p.u, sigma=p.function_sigma / p.u)


def _over(top: Tensor, bottom: Tensor) -> Tensor:
    return torch.where(top == 0, 0.0, top / bottom)


@rule("logcumsumexp")
def _running(p: Precision, func: Any, a: Bound, dim: int) -> Bound:
    """No entry moves by more than the largest error before it; each step rounds a logarithm and what it is added to."""
    x = lift(p, a, a.value)
    value = func(x.value, dim)
    most = lambda part: None if part is None else torch.cummax(part, dim).values
    steps = x.value.shape[dim] if x.value.dim() else 1
    return stored(
        p, value, [x], most(x.proof), most(x.var), relative=steps * p.function / p.u,
        sigma=steps**0.5 * p.function_sigma / p.u, extra=torch.ones_like(value),
    )  # fmt: skip
