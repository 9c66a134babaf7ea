"""Sums, differences, products and quotients, entry by entry (Higham, Accuracy and Stability, 2nd ed., ch. 3)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from verify.backward.bound import Bound, plus, size, stored, times
from verify.backward.precision import Precision, gamma
from verify.backward.rules.table import pair, plain, rule, whole


def add(p: Precision, a: Bound, b: Bound, sign: float = 1.0) -> Bound:
    """a + sign·b. Each side that is itself a sum may have had the other's terms added before its own."""
    value = a.value + sign * b.value
    found = stored(p, value, [a, b], plus(a.proof, b.proof), plus(a.var, b.var))
    if a.terms is None and b.terms is None:
        return found
    n, s = a.terms or (1.0, size(a.value))
    m, t = b.terms or (1.0, size(b.value))
    proof = plus(found.proof, (gamma(m, p.sums) * s if n > 1 else 0 * s) + (gamma(n, p.sums) * t if m > 1 else 0 * t))
    joined = (m * s * s if n > 1 else 0 * s) + (n * t * t if m > 1 else 0 * t)
    var = plus(found.var, joined * (p.sums**2 / 3))
    return Bound(value, proof, var, found.derived, (n + m, s + t))


def multiply(p: Precision, a: Bound, b: Bound) -> Bound:
    """a · b."""
    value = a.value * b.value
    if a.exact and b.exact and (_signs(a.value) or _signs(b.value)):
        return Bound(value, None, None, a.derived or b.derived)
    q, r = a.value.abs(), b.value.abs()
    both = a.proof * b.proof if a.proof is not None and b.proof is not None else None
    proof = plus(times(q, b.proof), times(r, a.proof), both)
    var = plus(times(q * q, b.var), times(r * r, a.var))
    if a.value is b.value or _same(a.value, b.value):
        var = plus(var, var)  # one error twice, not two
    return stored(p, value, [a, b], proof, var)


def _signs(value: Tensor) -> bool:
    """A single number that is 0 or ±1: nothing is rounded."""
    return value.numel() == 1 and abs(float(value)) in (0.0, 1.0)


def _same(a: Tensor, b: Tensor) -> bool:
    return a.data_ptr() == b.data_ptr() and a.shape == b.shape and a.stride() == b.stride()


def divide(p: Precision, a: Bound, b: Bound) -> Bound:
    """a / b: q̂ − q = (â − a − q(b̂ − b)) / b̂."""
    value = a.value / b.value
    there = size(value)
    proof, var = plus(a.proof, times(there, b.proof)), plus(a.var, times(there * there, b.var))
    bottom = b.value.abs()
    margin = bottom if b.proof is None else bottom - b.proof
    if proof is not None:
        proof = torch.where(margin > 0, proof / margin, torch.inf)
    if var is not None:
        var = var / (bottom * bottom)
    return stored(p, value, [a, b], proof, var)


@rule("add")
def _add(p: Precision, func: Any, a: Any, b: Any, *, alpha: float = 1) -> Bound:
    if whole(a, b):
        return Bound(func(plain(a), plain(b), alpha=alpha))
    x, y = pair(p, a, b)
    if alpha not in (1, -1):
        y, alpha = multiply(p, y, pair(p, y, alpha)[1]), 1
    return add(p, x, y, alpha)


@rule("sub")
def _sub(p: Precision, func: Any, a: Any, b: Any, *, alpha: float = 1) -> Bound:
    return Bound(func(plain(a), plain(b), alpha=alpha)) if whole(a, b) else _add(p, func, a, b, alpha=-alpha)


@rule("rsub")
def _rsub(p: Precision, func: Any, a: Any, b: Any, alpha: float = 1) -> Bound:
    return Bound(func(plain(a), plain(b), alpha)) if whole(a, b) else _add(p, func, b, a, alpha=-alpha)


@rule("mul")
def _mul(p: Precision, func: Any, a: Any, b: Any) -> Bound:
    return Bound(func(plain(a), plain(b))) if whole(a, b) else multiply(p, *pair(p, a, b))


@rule("div", "true_divide")
def _div(p: Precision, func: Any, a: Any, b: Any, *, rounding_mode: str | None = None) -> Bound:
    if rounding_mode is not None:
        found = steps(
            func, [v for v in (a, b) if isinstance(v, Bound)], plain(a), plain(b), rounding_mode=rounding_mode
        )
        return found if whole(a, b) else _stepped(p, found, plain(a) / plain(b))
    return divide(p, *pair(p, a, b))


def steps(func: Any, parts: list[Bound], *args: Any, **options: Any) -> Bound:
    """A function that only jumps: exact where its arguments are."""
    value = func(*args, **options)
    proof = None if all(b.exact for b in parts) else torch.full_like(value, torch.inf, dtype=torch.float64)
    return Bound(value, proof, proof, any(b.derived for b in parts))


def _stepped(p: Precision, found: Bound, quotient: Tensor) -> Bound:
    """A quotient that is rounded first may reach the whole number beside it."""
    room = 2 * p.u * size(quotient)
    there = (torch.floor(quotient - room) != torch.floor(quotient + room)).to(torch.float64)
    proof = there * (1 + room) if found.proof is None else found.proof
    return stored(p, found.value, [found], proof, proof * proof)


@rule("floor", "ceil", "round", "trunc")
def _staircase(p: Precision, func: Any, a: Bound, **options: Any) -> Bound:
    """A staircase that never falls: exact where the argument's error meets no step, else as high as the steps met.

    With decimals, x · 10ᵈ and what is divided by 10ᵈ again are rounded, too.
    """
    value, decimals = func(a.value, **options), options.get("decimals", 0) != 0
    room = plus(a.proof, 2 * p.u * size(a.value) if decimals else None)
    if room is None:
        return Bound(value, derived=a.derived)
    low, high = (func(v, **options) for v in (a.value - room, a.value + room))
    proof = torch.nan_to_num(torch.maximum(high - value, value - low), nan=torch.inf, posinf=torch.inf)
    found = Bound(value, proof, proof * proof, a.derived)
    return stored(p, value, [a], found.proof, found.var, relative=2.0) if decimals else found


@rule("floor_divide", "fmod", "frac")
def _steps(p: Precision, func: Any, *args: Any, **options: Any) -> Bound:
    return steps(func, [v for v in args if isinstance(v, Bound)], *map(plain, args), **options)


@rule("remainder")
def _remainder(p: Precision, func: Any, a: Any, b: Any) -> Bound:
    """What fmod leaves is exact; where its sign is the other one, b is added to it."""
    found = steps(func, [v for v in (a, b) if isinstance(v, Bound)], plain(a), plain(b))
    return (
        found if whole(a, b) else stored(p, found.value, [found], found.proof, found.var, extra=pair(p, a, b)[1].value)
    )


def negated(a: Bound) -> Bound:
    """−a: nothing is rounded."""
    return Bound(-a.value, a.proof, a.var, a.derived, a.terms)


@rule("neg")
def _neg(p: Precision, func: Any, a: Bound) -> Bound:
    return negated(a)


@rule("reciprocal")
def _reciprocal(p: Precision, func: Any, a: Bound) -> Bound:
    return divide(p, *pair(p, 1.0, a))


@rule("addcmul")
def _addcmul(p: Precision, func: Any, a: Bound, b: Bound, c: Bound, *, value: float = 1) -> Bound:
    return add(p, a, _mul(p, func, multiply(p, b, c), value))


@rule("addcdiv")
def _addcdiv(p: Precision, func: Any, a: Bound, b: Bound, c: Bound, *, value: float = 1) -> Bound:
    return add(p, a, _mul(p, func, divide(p, b, c), value))


@rule("lerp")
def _lerp(p: Precision, func: Any, a: Bound, b: Bound, weight: Any) -> Bound:
    return add(p, a, multiply(p, *pair(p, weight, add(p, b, a, -1))))


@rule("pow")
def _pow(p: Precision, func: Any, a: Any, b: Any) -> Bound:
    """x to a constant: |b| x^(b−1) bounds the slope at the ends; otherwise exp(b ln x)."""
    x, y = pair(p, a, b)
    value = func(plain(a), plain(b)) if not whole(a, b) else func(x.value, plain(b))
    if not y.derived and y.value.dim() == 0:
        return _power(p, x, float(y.value), value)
    s = y.value * value / x.value
    t = value * torch.log(x.value.abs())
    over = plus(times(s.abs(), x.proof), times(t.abs(), y.proof))
    proof = None if over is None else torch.where(over < 0.1 * size(value), 1.2 * over, torch.inf)
    var = plus(times(s * s, x.var), times(t * t, y.var))
    return stored(p, value, [x, y], proof, var, relative=p.function / p.u, sigma=p.function_sigma / p.u)


def _power(p: Precision, x: Bound, n: float, value: Tensor) -> Bound:
    slope = lambda v: (n * v ** (n - 1)).abs() if n != 0 else torch.zeros_like(v)
    proof = None
    if x.proof is not None:
        low, high = x.value - x.proof, x.value + x.proof
        proof = x.proof * torch.maximum(slope(low), slope(high))
        if n < 1 or n != int(n):
            proof = torch.where((low > 0) | ((high < 0) & (n == int(n))), proof, torch.inf)
    times_multiplied = n in (1.0, 2.0, 3.0, 4.0)
    relative = n - 1 if times_multiplied else p.function / p.u
    s = slope(x.value)
    return stored(p, value, [x], proof, times(s * s, x.var), relative=max(relative, 0), sigma=max(1.0, relative / 2))
