"""Sums in any order: γ of the number of terms times the sum of their absolute values (Higham, 4.4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from verify.backward.bound import Bound, plus, size, stored
from verify.backward.precision import Precision, gamma
from verify.backward.rules.arithmetic import divide
from verify.backward.rules.moves import follow
from verify.backward.rules.table import lift, pair, plain, rule, whole


def dims_of(dim: Any, rank: int) -> tuple[int, ...]:
    """The dimensions that a reduction runs over; all where none is named."""
    if dim is None or (isinstance(dim, (list, tuple)) and not dim):
        return tuple(range(rank))
    return tuple(d % rank if rank else d for d in (dim if isinstance(dim, (list, tuple)) else [dim]))


def linear(
    p: Precision,
    op: Callable[[Tensor], Tensor],
    x: Bound,
    count: float | Tensor,
    *,
    weights: float = 0.0,
    others: list[Bound] | None = None,
) -> Bound:
    """A linear map with weights between 0 and 1 that adds `count` terms an entry; `weights`: roundings of a weight."""
    value = op(x.value)
    n = count if isinstance(count, Tensor) else float(count)
    spread = op(size(x.value))
    proof = _gamma(n, p.sums, spread)
    proof = plus(proof, None if x.proof is None else op(x.proof))
    var = (value * value + op(x.value * x.value)) * (p.growth(n) * (p.sums**2 / 3))
    if isinstance(n, float) and n <= 1:
        var = torch.zeros_like(var)
    var = plus(var, None if x.var is None else op(x.var))
    if weights:
        proof = plus(proof, weights * p.u * spread)
    found = stored(p, value, [x, *(others or [])], proof, var)
    if isinstance(n, float) and n > 1:
        found.terms = (n, spread)
    return found


def _gamma(n: float | Tensor, u: float, spread: Tensor) -> Tensor:
    if isinstance(n, Tensor):
        nu = torch.clamp(n - 1, min=0) * u
        return torch.where(nu < 1, nu / (1 - nu), torch.inf) * spread
    return gamma(max(n - 1, 0), u) * spread if n > 1 else 0 * spread


def total(p: Precision, x: Bound, dim: Any = None, keepdim: bool = False) -> Bound:
    """The sum over dimensions."""
    dims = dims_of(dim, x.value.dim())
    if not dims or x.value.dim() == 0:
        return x
    n = 1
    for d in dims:
        n *= x.value.shape[d]
    return linear(p, lambda v: torch.sum(v, dim=dims, keepdim=keepdim), x, n)


@rule("sum")
def _sum(
    p: Precision, func: Any, x: Bound, dim: Any = None, keepdim: bool = False, *, dtype: torch.dtype | None = None
) -> Bound:
    if not x.floating and (dtype is None or not dtype.is_floating_point):
        # A count of unsure masks: what shares by it has the width of the mask itself.
        return Bound(torch.sum(x.value, dim=dims_of(dim, x.value.dim()), keepdim=keepdim))
    return total(p, lift(p, x, x.value), dim, keepdim)


@rule("mean")
def _mean(
    p: Precision, func: Any, x: Bound, dim: Any = None, keepdim: bool = False, *, dtype: torch.dtype | None = None
) -> Bound:
    found = total(p, lift(p, x, x.value), dim, keepdim)
    n = x.value.numel() / max(found.value.numel(), 1)
    # A product by a rounded 1/n is one rounding more than the quotient.
    quotient = divide(p, *pair(p, found, n))
    quotient.proof = plus(quotient.proof, p.u * size(quotient.value))
    quotient.terms = None if found.terms is None else (found.terms[0], found.terms[1] / n)
    return quotient


@rule("cumsum")
def _cumsum(p: Precision, func: Any, x: Bound, dim: int, *, dtype: torch.dtype | None = None) -> Bound:
    if whole(x):
        return Bound(func(x.value, dim))
    found = linear(p, lambda v: torch.cumsum(v, dim), x, x.value.shape[dim] if x.value.dim() else 1)
    found.terms = None
    return found


@rule("index_add")
def _index_add(p: Precision, func: Any, self: Bound, dim: int, index: Bound, source: Bound, *, alpha: Any = 1) -> Bound:
    ones = torch.zeros_like(self.value).index_add(dim, index.value, torch.ones_like(source.value))
    put: Callable[[Tensor], Tensor] = lambda v: torch.zeros_like(self.value).index_add(dim, index.value, v)
    return _onto(p, self, _unsure(index, linear(p, put, _scaled(p, source, alpha), ones)))


@rule("scatter_add")
def scatter_add(p: Precision, func: Any, self: Bound, dim: int, index: Bound, src: Bound) -> Bound:
    empty = torch.zeros_like(self.value)
    ones = empty.scatter_add(dim, index.value, torch.ones_like(src.value))
    found = linear(p, lambda v: empty.scatter_add(dim, index.value, v), src, ones)
    return _onto(p, self, _unsure(index, found))


@rule("scatter")
def _scatter(p: Precision, func: Any, self: Bound, dim: int, index: Bound, source: Any, **options: Any) -> Bound:
    """Where rounding decides the place, any place along the dimension may take it, or leave it."""
    found = follow(func, (self, dim, index.sure(), source), options)
    if index.exact or not isinstance(source, Bound) or index.proof is None:
        return found if index.exact else _lost(found)
    given = (source.value.abs() * (index.proof > 0)).sum(dim, keepdim=True).expand_as(found.value)
    return Bound(found.value, plus(found.proof, given), plus(found.var, given * given), found.derived)


@rule("index_put", "_unsafe_index_put")
def _index_put(p: Precision, func: Any, self: Bound, indices: Any, values: Bound, accumulate: bool = False) -> Bound:
    places = [None if i is None else i.value for i in indices]
    sure = all(i is None or i.exact for i in indices)
    if not accumulate or whole(self, values):
        put: Callable[[Tensor | None, Tensor | None], Tensor | None] = lambda v, w: (
            None
            if v is None and w is None
            else func(_or_zero(v, self.value), places, _or_zero(w, values.value), accumulate)
        )
        value = func(self.value, places, values.value.to(self.value.dtype), accumulate)
        found = Bound(value, put(self.proof, values.proof), put(self.var, values.var), self.derived or values.derived)
        return found if sure else _lost(found)
    empty = torch.zeros_like(self.value)
    ones = func(empty, places, torch.ones_like(values.value), True)
    found = linear(p, lambda v: func(empty, places, v, True), values, ones)
    return _onto(p, self, found if sure else _lost(found))


def _or_zero(part: Tensor | None, like: Tensor) -> Tensor:
    return torch.zeros_like(like, dtype=torch.float64) if part is None else part


def _scaled(p: Precision, x: Bound, alpha: Any) -> Bound:
    from verify.backward.rules.arithmetic import multiply

    return x if alpha == 1 else multiply(p, *pair(p, x, alpha))


def _onto(p: Precision, base: Bound, added: Bound) -> Bound:
    """Added to a base, which is nothing where it is all zeros and exact."""
    from verify.backward.rules.arithmetic import add

    return added if base.exact and not bool(base.value.any()) else add(p, base, added)


def _unsure(index: Bound, found: Bound) -> Bound:
    return found if index.exact else _lost(found)


def _lost(found: Bound) -> Bound:
    nothing = torch.full_like(found.value, torch.inf, dtype=torch.float64)
    return Bound(found.value, nothing, nothing, found.derived)


@rule("embedding_dense_backward")
def _embedding_back(
    p: Precision, func: Any, grad: Bound, indices: Bound, rows: int, padding: int, by_frequency: bool
) -> Bound:
    put: Callable[[Tensor], Tensor] = lambda v: func(v, indices.value, rows, padding, by_frequency)
    ones = func(torch.ones_like(grad.value), indices.value, rows, padding, False)
    return linear(p, put, grad, ones, weights=2.0 if by_frequency else 0.0)


@rule("prod")
def _prod(p: Precision, func: Any, x: Bound, *args: Any, **options: Any) -> Bound:
    """Π(x̂ᵢ) = Π xᵢ(1 + δᵢ): relative errors add; where a factor may be 0, the product of the largest."""
    value = func(plain(x), *args, **options)
    dims = dims_of(args[0], x.value.dim()) if args else tuple(range(x.value.dim()))
    n = max(1, x.value.numel() // max(value.numel(), 1))
    keep = bool(args[1]) if len(args) > 1 else False
    error = torch.zeros_like(x.value) if x.proof is None else x.proof
    var = torch.zeros_like(x.value) if x.var is None else x.var
    add: Callable[[Tensor], Tensor] = lambda v: torch.sum(v, dim=dims, keepdim=keep)
    relative = torch.expm1(add(torch.log1p(error / x.value.abs())) + gamma(n, p.u))
    largest = func(x.value.abs() + error, *args, **options) * (1 + gamma(n, p.u))
    zero = add((x.value == 0).double()) > 0
    proof = torch.where(zero, torch.where(add(error) == 0, 0.0, largest), value.abs() * relative)
    spread = value * value * (add(var / (x.value * x.value)) + n * p.u**2 / 3)
    return stored(p, value, [x], proof, torch.where(zero, proof**2 / 9, spread))
