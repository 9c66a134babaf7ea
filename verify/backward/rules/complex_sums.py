"""Rules for complex tensors that add up or move entries: products, transforms, and what goes part by part."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from verify.backward.bound import Bound, plus, stored
from verify.backward.precision import Precision, gamma
from verify.backward.rules import choices, moves
from verify.backward.rules.arithmetic import negated
from verify.backward.rules.pairs import Pair, enter_complex, pair_of, plus_pair, product, rounded, two_pairs
from verify.backward.rules.products import bilinear
from verify.backward.rules.sums import dims_of
from verify.backward.rules.table import RULES

# Products ------------------------------------------------------------------------------------------------------------


def _cat(one: Bound, two: Bound, dim: int, sign: float = 1.0) -> Bound:
    """One beside the other, the second one with a sign."""
    turned = Bound(sign * two.value, two.proof, two.var, two.derived)
    return moves.follow(torch.cat, ([one, turned], dim), {})


def _matrices(p: Precision, f: Callable[..., Tensor], a: Pair, b: Pair) -> Pair:
    """Each part is one sum of 2n products, in any order."""
    n, first = 2 * a.re.value.shape[-1], -1 if b.re.value.dim() == 1 else -2
    wide = [Bound(v.value.expand_as(a.value.real), v.proof, v.var, v.derived) for v in a.parts]
    tall = [Bound(v.value.expand_as(b.value.real), v.proof, v.var, v.derived) for v in b.parts]
    re = bilinear(p, f, _cat(wide[0], wide[1], -1, -1.0), _cat(tall[0], tall[1], first), n)
    im = bilinear(p, f, _cat(wide[0], wide[1], -1), _cat(tall[1], tall[0], first), n)
    return Pair(re, im)


@enter_complex("mm", "bmm", "mv", "dot", "matmul")
def _mm(p: Precision, func: Any, a: Any, b: Any) -> Pair:
    return _matrices(p, torch.matmul, *two_pairs(p, a, b))


@enter_complex("vdot")
def _vdot(p: Precision, func: Any, a: Any, b: Any) -> Pair:
    one, two = two_pairs(p, a, b)
    return _matrices(p, torch.matmul, Pair(one.re, negated(one.im)), two)


@enter_complex("addmm", "baddbmm", "addmv")
def _addmm(p: Precision, func: Any, bias: Any, a: Any, b: Any, *, beta: Any = 1, alpha: Any = 1) -> Pair:
    found = _matrices(p, torch.matmul, *two_pairs(p, a, b))
    found = found if alpha == 1 else product(p, *two_pairs(p, found, alpha))
    if beta == 0:
        return found
    bias = pair_of(p, bias, found.re.value)
    return plus_pair(p, found, bias if beta == 1 else product(p, *two_pairs(p, bias, beta)), 1)


# Transforms ----------------------------------------------------------------------------------------------------------


def _scale(n: float, normalization: int) -> float:
    return (1.0, n**-0.5, 1 / n)[normalization]


def _transformed(p: Precision, z: Pair, value: Tensor, dims: tuple[int, ...], n: float, scale: float) -> list[Bound]:
    """Sums of n terms in any order; by a fast transform the error is one of the root of the sum of their squares."""
    over: Callable[[Tensor], Tensor] = lambda v: v.sum(dims, keepdim=True).expand(
        *(value.shape[d] if d in dims else v.shape[d] for d in range(v.dim()))
    )
    of = lambda name: plus(*(None if (v := getattr(b, name)) is None else over(v.expand_as(z.value.real))
                             for b in z.parts))  # fmt: skip
    one, two = over(z.re.value.abs() + z.im.value.abs()), over(z.value.abs() ** 2)
    steps = 8 * (1 + math.log2(max(n, 1.0)))
    proof = plus(of("proof"), (gamma(n + steps, p.u) * one) + steps * p.u * torch.sqrt(n * two))
    var = plus(of("var"), two * (steps * p.u) ** 2 / 3)
    found = torch.view_as_real(value).unbind(-1) if value.is_complex() else (value,)
    return [stored(p, v, z.parts, scale * proof, scale**2 * var, relative=2) for v in found]  # type: ignore[operator]


@enter_complex("_fft_c2c")
def _fft(p: Precision, func: Any, z: Pair, dim: Any, normalization: int, forward: bool) -> Pair:
    dims = dims_of(dim, z.value.dim())
    n = math.prod(z.value.shape[d] for d in dims)
    value = func(z.value, dim, normalization, forward)
    return Pair(*_transformed(p, z, value, dims, n, _scale(n, normalization)))


@enter_complex("_fft_r2c")
def _fft_real(p: Precision, func: Any, x: Bound, dim: Any, normalization: int, onesided: bool) -> Pair:
    dims = dims_of(dim, x.value.dim())
    n = math.prod(x.value.shape[d] for d in dims)
    value = func(x.value, dim, normalization, onesided)
    return Pair(*_transformed(p, pair_of(p, x, x.value), value, dims, n, _scale(n, normalization)))


@enter_complex("_fft_c2r")
def _fft_back(p: Precision, func: Any, z: Pair, dim: Any, normalization: int, last: int) -> Bound:
    """Of half of the numbers: the others are their conjugates."""
    dims = dims_of(dim, z.value.dim())
    n = math.prod(z.value.shape[d] for d in dims[:-1]) * last
    value = func(z.value, dim, normalization, last)
    scaled = lambda v, f: None if v is None else f * v
    twice = Pair(*(Bound(2 * b.value, scaled(b.proof, 2), scaled(b.var, 4), b.derived) for b in z.parts))
    return _transformed(p, twice, value, dims, n, _scale(n, normalization))[0]


# In other words ------------------------------------------------------------------------------------------------------

WRITTEN: dict[str, Callable[..., Any]] = {
    "linalg_vector_norm": lambda z, *args, **options: torch.linalg.vector_norm(z.abs(), *args, **options),
    "var": lambda z, *args, **options: torch.var(z.real, *args, **options) + torch.var(z.imag, *args, **options),
    "square": lambda z: z * z,
    "silu": lambda z: z * torch.sigmoid(z),
    "addcmul": lambda a, b, c, *, value=1: a + value * b * c,
    "addcdiv": lambda a, b, c, *, value=1: a + value * b / c,
    "lerp": lambda a, b, weight: a + weight * (b - a),
}  # in plain torch operations


# Part by part --------------------------------------------------------------------------------------------------------

_LINEAR = (
    "sum", "cumsum", "index_add", "scatter_add", "scatter", "index_put", "_unsafe_index_put",
    "embedding_dense_backward", "neg",
    *(name for name, rule in RULES.items() if rule in (RULES["clone"], RULES["unfold_backward"])),
)  # fmt: skip


def _taken(value: Any, k: int) -> Any:
    """Arguments with the k-th part of each complex one; of a real one itself, or nothing."""
    if isinstance(value, Pair):
        return value.parts[k]
    if isinstance(value, complex):
        return (value.real, value.imag)[k]
    if isinstance(value, (list, tuple)):
        return type(value)(_taken(v, k) for v in value)
    if k == 1 and isinstance(value, Bound) and value.floating:
        return Bound(torch.zeros_like(value.value))
    return value


@enter_complex(*_LINEAR)
def _each(p: Precision, func: Any, *args: Any, **options: Any) -> Pair:
    options = {key: v for key, v in options.items() if key != "dtype"}
    rule = RULES[func._schema.name.split("::")[1]]
    re, im = (rule(p, func, *_taken(args, k), **options) for k in (0, 1))
    return Pair(re, im)


@enter_complex("mean")
def _mean(p: Precision, func: Any, z: Pair, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Pair:
    return Pair(*(rounded(p, RULES["mean"](p, func, b, dim, keepdim), 5) for b in z.parts))


@enter_complex("prod")
def _prod(p: Precision, func: Any, z: Pair, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Pair:
    """One factor after the other."""
    dim = dim[0] if isinstance(dim, (list, tuple)) else dim
    d = 0 if dim is None else dim % max(z.value.dim(), 1)
    flat = (lambda v: v.reshape(-1)) if dim is None else (lambda v: v)
    whole = [moves.follow(flat, (b,), {}) for b in z.parts]
    n = whole[0].value.shape[d] if whole[0].value.dim() else 1
    found = pair_of(p, 1.0, z.re.value)
    for k in range(n):
        taken = [moves.follow(lambda v, k=k: v.select(d, k) if v.dim() else v, (b,), {}) for b in whole]
        found = product(p, found, Pair(*taken)) if k else Pair(*taken)
    return Pair(*(moves.follow(lambda v: v.unsqueeze(d), (b,), {}) for b in found.parts)) if keepdim else found


@enter_complex("where")
def _where(p: Precision, func: Any, mask: Bound, a: Any, b: Any) -> Pair:
    one, two = two_pairs(p, a, b)
    return Pair(choices.where(p, mask, one.re, two.re), choices.where(p, mask, one.im, two.im))


@enter_complex("masked_fill")
def _masked_fill(p: Precision, func: Any, z: Any, mask: Bound, number: Any) -> Pair:
    return _where(p, func, mask, number, z)


@enter_complex("constant_pad_nd")
def _pad(p: Precision, func: Any, z: Pair, pad: Any, value: Any = 0) -> Pair:
    number = complex(value)
    return Pair(
        *(
            RULES["constant_pad_nd"](p, func, b, pad, v)
            for b, v in zip(z.parts, (number.real, number.imag), strict=True)
        )
    )


@enter_complex("_to_copy", "to", "convert_element_type")
def _cast(p: Precision, func: Any, z: Any, *args: Any, **options: Any) -> Any:
    """Another complex dtype changes nothing here; a real one keeps the real part."""
    pair = z if isinstance(z, Pair) else pair_of(p, z, z.value)
    dtype = options.get("dtype")
    copied = Pair(*(Bound(b.value.clone(), b.proof, b.var, b.derived, b.terms) for b in pair.parts))
    return copied.re if dtype is not None and dtype.is_floating_point else copied
