"""Rules for complex tensors, entry by entry: each part is bounded as a real number, by the real rules where they fit.

A function that is analytic moves by |f′| on the disc that its argument may lie in; |f′| is largest on the circle.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from verify.backward.bound import Bound, clean, plus, stored
from verify.backward.precision import Precision
from verify.backward.rules.arithmetic import divide, multiply, negated
from verify.backward.rules.pairs import Pair, either, enter_complex, plus_pair, product, rounded, two_pairs
from verify.backward.rules.table import RULES

# Entry by entry ------------------------------------------------------------------------------------------------------


def _quotient(p: Precision, a: Pair, b: Pair) -> Pair:
    """a b̄ / |b|², or scaled by the larger part of b: each part as the terms of its numerator round."""
    if b.im.exact and not bool(b.im.value.any()):
        return Pair(*(rounded(p, divide(p, part, b.re), 5) for part in a.parts))  # as a complex number it is divided by
    value, size = a.value / b.value, b.value.abs()
    reach, shift, margin = a.reach, b.reach, b.value.abs()
    proof = None
    if reach is not None or shift is not None:
        proof = plus(reach, None if shift is None else value.abs() * shift)
        margin = margin if shift is None else margin - shift
        proof = torch.where(margin > 0, proof / margin, torch.inf)  # type: ignore[operator]
    spread = either(a), either(b)
    var = plus(spread[0], None if spread[1] is None else value.abs() ** 2 * spread[1])
    var = None if var is None else var / size**2
    ar, ai, br, bi = (b.value.abs() for b in (*a.parts, *b.parts))
    terms = (ar * br + ai * bi) / size**2, (ar * bi + ai * br) / size**2
    made = lambda part, inside: stored(p, part, [*a.parts, *b.parts], proof, var, relative=6, sigma=3, extra=inside)
    return Pair(made(value.real, terms[0]), made(value.imag, terms[1]))


@enter_complex("mul")
def _mul(p: Precision, func: Any, a: Any, b: Any) -> Pair:
    return product(p, *two_pairs(p, a, b))


@enter_complex("div", "true_divide")
def _div(p: Precision, func: Any, a: Any, b: Any) -> Pair:
    return _quotient(p, *two_pairs(p, a, b))


@enter_complex("reciprocal")
def _reciprocal(p: Precision, func: Any, a: Pair) -> Pair:
    return _quotient(p, *two_pairs(p, 1.0, a))


@enter_complex("add")
def _add(p: Precision, func: Any, a: Any, b: Any, *, alpha: Any = 1) -> Pair:
    return plus_pair(p, *two_pairs(p, a, b), alpha)


@enter_complex("sub")
def _sub(p: Precision, func: Any, a: Any, b: Any, *, alpha: Any = 1) -> Pair:
    return plus_pair(p, *two_pairs(p, a, b), -alpha)


@enter_complex("rsub")
def _rsub(p: Precision, func: Any, a: Any, b: Any, alpha: Any = 1) -> Pair:
    return plus_pair(p, *two_pairs(p, b, a), -alpha)


@enter_complex("conj_physical")
def _conj(p: Precision, func: Any, a: Pair) -> Pair:
    return Pair(a.re, negated(a.im))


@enter_complex("complex")
def _complex(p: Precision, func: Any, re: Bound, im: Bound) -> Pair:
    return Pair(re, im)


@enter_complex("polar")
def _polar(p: Precision, func: Any, size: Bound, angle: Bound) -> Pair:
    wave = lambda f: RULES["sin"](p, f, angle)
    return Pair(
        multiply(p, size, wave(torch.ops.aten.cos.default)), multiply(p, size, wave(torch.ops.aten.sin.default))
    )


@enter_complex("eq", "ne")
def _equal(p: Precision, func: Any, a: Any, b: Any) -> Bound:
    """Both parts; a place where rounding decides is unsure."""
    one, two = two_pairs(p, a, b)
    value = (torch.eq if func._schema.name.endswith("eq") else torch.ne)(one.value, two.value)
    derived = any(x.derived for x in (*one.parts, *two.parts))
    gap, room = (one.value - two.value).abs(), plus(one.reach, two.reach)
    unsure = None if room is None or not p.kinks else (gap <= 2 * room).to(torch.float64)
    return Bound(value, unsure, unsure, derived)


# Size and direction --------------------------------------------------------------------------------------------------


@enter_complex("abs")
def _abs(p: Precision, func: Any, z: Pair) -> Bound:
    """|z| moves by no more than z does."""
    value = z.value.abs()
    return stored(p, value, z.parts, z.reach, either(z), relative=4, sigma=2)


@enter_complex("sgn", "sign")
def _sgn(p: Precision, func: Any, z: Pair) -> Pair:
    """z/|z|; at 0 any number of the unit disc is a subgradient of |z|."""
    value, size = z.value.sgn(), z.value.abs()
    reach = torch.zeros_like(size) if z.reach is None else z.reach
    near = size <= reach if p.kinks and any(b.derived for b in z.parts) else torch.zeros_like(size, dtype=torch.bool)
    turned = torch.where(size > reach, reach / (size - reach), 2.0).clamp(max=2.0) if z.reach is not None else reach
    var = either(z)
    var = turned * 0 if var is None else torch.where(size > 0, var / size**2, 1.0).clamp(max=1.0)

    def part(v: Tensor) -> Bound:
        found = stored(p, v, z.parts, turned, var, relative=5, sigma=2)
        if not bool(near.any()):
            return found
        ends = lambda there: torch.where(near, 1.0, there)
        return Bound(torch.where(near, 0.0, v), ends(found.proof), ends(found.var), found.derived)

    return Pair(part(value.real), part(value.imag))


@enter_complex("angle")
def _angle(p: Precision, func: Any, z: Pair) -> Bound:
    """Moves by asin(e/|z|), and by 2π where the cut on the negative numbers may lie between."""
    value, size = z.value.angle(), z.value.abs()
    proof, var, reach = None, either(z), z.reach
    if reach is not None:
        proof = torch.where(reach < size, torch.asin((reach / size).clamp(max=1.0)), 2 * math.pi)
        height = torch.zeros_like(size) if z.im.proof is None else z.im.proof
        proof = torch.where((z.re.value <= 0) & (z.im.value.abs() <= height) & (height > 0), 2 * math.pi, proof)
    if var is not None:
        var = torch.where(size > 0, var / size**2, math.pi**2)
    return stored(p, value, z.parts, proof, var, relative=p.function / p.u, sigma=p.function_sigma / p.u)


# Analytic functions --------------------------------------------------------------------------------------------------

Slope = Callable[[Tensor], Tensor]
_ANALYTIC: dict[str, tuple[Slope, bool]] = {  # f′, and whether f is cut along the negative numbers
    "sqrt": (lambda z: 0.5 / torch.sqrt(z), True),
    "rsqrt": (lambda z: -0.5 * z**-1.5, True),
    "log": (lambda z: 1 / z, True),
    "log1p": (lambda z: 1 / (1 + z), False),
    "sin": (torch.cos, False),
    "cos": (torch.sin, False),
    "sinh": (torch.cosh, False),
    "cosh": (torch.sinh, False),
    "tan": (lambda z: 1 / torch.cos(z) ** 2, False),
    "tanh": (lambda z: 1 / torch.cosh(z) ** 2, False),
    "sigmoid": (lambda z: 1 / (4 * torch.cosh(z / 2) ** 2), False),
    "expm1": (torch.exp, False),
}
_CIRCLE = [complex(math.cos(k * math.pi / 4), math.sin(k * math.pi / 4)) for k in range(8)]


def _analytic(p: Precision, z: Pair, value: Tensor, slope: Slope, cut: bool) -> Pair:
    """f(z): the circle is asked at eight points, with a tenth on top for what lies between them."""
    at, proof = z.value, None
    if z.reach is not None:
        around = torch.stack([slope(at + z.reach * c).abs() for c in _CIRCLE]).amax(0)
        proof = torch.where(z.reach == 0, 0.0, 1.1 * around * z.reach)
        if cut:
            height = torch.zeros_like(proof) if z.im.proof is None else z.im.proof
            over = (z.re.value <= 0) & (z.im.value.abs() <= height) & (height > 0)
            proof = torch.where((at.abs() <= 2 * z.reach) & (z.reach > 0) | over, torch.inf, proof)
        proof = torch.nan_to_num(proof, nan=torch.inf, posinf=torch.inf)
    s, a, b = slope(at), z.re.var, z.im.var
    var = None
    if a is not None or b is not None:
        a, b = (torch.zeros_like(s.real) if v is None else v for v in (a, b))
        var = s.real**2 * a + s.imag**2 * b, s.imag**2 * a + s.real**2 * b
    size = value.abs()
    made = lambda part, k: stored(
        p, part, z.parts, proof, None if var is None else clean(var[k]), relative=p.function / p.u,
        sigma=p.function_sigma / p.u, extra=size,
    )  # fmt: skip
    return Pair(made(value.real, 0), made(value.imag, 1))


@enter_complex(*_ANALYTIC)
def _function(p: Precision, func: Any, z: Pair) -> Pair:
    slope, cut = _ANALYTIC[func._schema.name.split("::")[1]]
    return _analytic(p, z, func(z.value), slope, cut)


@enter_complex("exp")
def _exp(p: Precision, func: Any, z: Pair) -> Pair:
    """eˣ (cos y + i sin y)."""
    return _polar(p, func, RULES["exp"](p, torch.ops.aten.exp.default, z.re), z.im)


@enter_complex("pow")
def _pow(p: Precision, func: Any, z: Any, n: Any) -> Pair:
    """zⁿ for a constant n; otherwise exp(n ln z)."""
    if isinstance(z, Pair) and isinstance(n, (int, float, complex)):
        if n == 2:
            return product(p, z, z)
        whole = not isinstance(n, complex) and n == int(n)
        slope: Slope = lambda v: n * v ** (n - 1) if n != 0 else torch.zeros_like(v)
        found = _analytic(p, z, func(z.value, n), slope, not whole)
        return found if whole and float(n.real) >= 0 else _apart(z, found)
    base, power = two_pairs(p, z, n)
    log = _analytic(p, base, torch.log(base.value), lambda v: 1 / v, True)
    return _exp(p, func, product(p, power, log))


def _apart(z: Pair, found: Pair) -> Pair:
    """No bound where 0 may be within reach."""
    if z.reach is None:
        return found
    near = z.value.abs() <= 2 * z.reach
    lost = lambda b: Bound(b.value, torch.where(near, torch.inf, b.proof), b.var, b.derived)
    return Pair(lost(found.re), lost(found.im))
