"""The orders in which a program may add the terms of a line, and the ways to write the lines: right programs all.

Each `Way` is one equation of the network written in another way. The budget has to hold for every one of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from manual import SLIDES, Equations, Working

Order = Callable[[Tensor], Tensor]
_LONG = {torch.float64: np.longdouble, torch.float32: np.float64}


@dataclass(frozen=True)
class Way:
    """One equation in another way: its line, its name, and the field of Equations that it takes."""

    line: str
    name: str
    field: str
    equation: Callable[..., Any]

    def into(self, equations: Equations = SLIDES) -> Equations:
        return replace(equations, **{self.field: self.equation})


# Orders: sums over the last dimension --------------------------------------------------------------------------------


def _one_by_one(terms: Tensor) -> Tensor:
    total = torch.zeros_like(terms[..., 0])
    for k in range(terms.shape[-1]):
        total = total + terms[..., k]
    return total


def _pairwise(terms: Tensor) -> Tensor:
    while terms.shape[-1] > 1:
        odd = terms[..., -1:] if terms.shape[-1] % 2 else terms[..., :0]
        even = terms[..., : terms.shape[-1] // 2 * 2]
        terms = torch.cat([even[..., ::2] + even[..., 1::2], odd], dim=-1)
    return terms[..., 0]


def _blocked(terms: Tensor) -> Tensor:
    """Eight running sums side by side, as a vector unit has them, then those."""
    return _one_by_one(torch.stack([_one_by_one(terms[..., k::8]) for k in range(min(8, terms.shape[-1]))], dim=-1))


def _kahan(terms: Tensor) -> Tensor:
    total, lost = torch.zeros_like(terms[..., 0]), torch.zeros_like(terms[..., 0])
    for k in range(terms.shape[-1]):
        term = terms[..., k] - lost
        after = total + term
        total, lost = after, (after - total) - term
    return total


def _long(terms: Tensor) -> Tensor:
    total = terms.numpy().astype(_LONG[terms.dtype]).sum(axis=-1)
    return torch.from_numpy(np.asarray(total, dtype=np.float64)).to(terms.dtype)


def _exactly(terms: Tensor) -> Tensor:
    rows = terms.reshape(-1, terms.shape[-1]).tolist()
    return torch.tensor([math.fsum(row) for row in rows], dtype=terms.dtype).reshape(terms.shape[:-1])


def _by_size(terms: Tensor, *, descending: bool) -> Tensor:
    order = torch.argsort(terms.abs(), dim=-1, descending=descending)
    return _one_by_one(torch.gather(terms, -1, order))


ORDERS: Mapping[str, Order] = {
    "one by one": _one_by_one,
    "reversed": lambda terms: _one_by_one(terms.flip(-1)),
    "pairwise": _pairwise,
    "blocked": _blocked,
    "smallest first": lambda terms: _by_size(terms, descending=False),
    "largest first": lambda terms: _by_size(terms, descending=True),
    "Kahan": _kahan,
    "long double": _long,
    "exactly": _exactly,
    "torch.sum": lambda terms: torch.sum(terms, dim=-1),
}


def _fused(left: Tensor, right: Tensor, start: Tensor) -> Tensor:
    """start, then every product added by a fused multiply-add: one rounding for both. Emulated in a longer format."""
    kind = _LONG[left.dtype]
    p, q = left.numpy().astype(kind), right.numpy().astype(kind)
    total = start.numpy()
    for k in range(p.shape[1]):
        total = (p[:, k : k + 1] * q[k : k + 1] + total.astype(kind)).astype(left.numpy().dtype)
    return torch.from_numpy(total)


# a = zW + b ----------------------------------------------------------------------------------------------------------


def _affine_terms(net: Working, l: int) -> tuple[Tensor, Tensor]:
    """The products (N, out, in) and the bias (N, out, 1)."""
    products = (net.z[l - 1].unsqueeze(2) * net.W[l]).transpose(1, 2)
    return products, net.b[l].expand(len(products), -1).unsqueeze(2)


def _affine(order: Order, *, first: bool) -> Callable[[Working, int], Tensor]:
    def equation(net: Working, l: int) -> Tensor:
        products, bias = _affine_terms(net, l)
        return order(torch.cat([bias, products] if first else [products, bias], dim=-1))

    return equation


def _bordered(net: Working, l: int, *, first: bool) -> Tensor:
    ones, b = torch.ones_like(net.z[l - 1][:, :1]), net.b[l].unsqueeze(0)
    z, W = net.z[l - 1], net.W[l]
    return torch.cat([ones, z], 1) @ torch.cat([b, W]) if first else torch.cat([z, ones], 1) @ torch.cat([W, b])


def _rows_of(net: Working, l: int) -> Tensor:
    return torch.stack([net.W[l].T @ row + net.b[l] for row in net.z[l - 1]])


_AFFINE: Mapping[str, Callable[[Working, int], Tensor]] = {
    "addmm": lambda net, l: torch.addmm(net.b[l], net.z[l - 1], net.W[l]),
    "linear": lambda net, l: torch.nn.functional.linear(net.z[l - 1], net.W[l].T.contiguous(), net.b[l]),
    "[1 z] @ [b; W]": lambda net, l: _bordered(net, l, first=True),
    "[z 1] @ [W; b]": lambda net, l: _bordered(net, l, first=False),
    "einsum": lambda net, l: torch.einsum("ni,io->no", net.z[l - 1], net.W[l]) + net.b[l],
    "Wᵀzᵀ in columns": lambda net, l: (net.W[l].T @ net.z[l - 1].T + net.b[l].unsqueeze(1)).T,
    "numpy": lambda net, l: torch.from_numpy(net.z[l - 1].numpy() @ net.W[l].numpy() + net.b[l].numpy()),
    "sample by sample": _rows_of,
    "fused, bias first": lambda net, l: _fused(net.z[l - 1], net.W[l], net.b[l].expand(net.N, -1)),
    "fused, bias last": lambda net, l: _fused(net.z[l - 1], net.W[l], 0 * net.b[l].expand(net.N, -1)) + net.b[l],
}


# dW = mean zᵀδ + λW, db = mean δ -------------------------------------------------------------------------------------


def _outer(net: Working, l: int) -> Tensor:
    """The products of every sample, (in, out, N)."""
    return (net.z[l - 1].unsqueeze(2) * net.delta[l].unsqueeze(1)).permute(1, 2, 0)


def _decay(net: Working, l: int) -> Tensor:
    return (net.lam * net.W[l]).unsqueeze(2)


def _weights(order: Order, *, first: bool) -> Callable[[Working, int], Tensor]:
    def equation(net: Working, l: int) -> Tensor:
        terms = _outer(net, l) / net.N
        return order(torch.cat([_decay(net, l), terms] if first else [terms, _decay(net, l)], dim=-1))

    return equation


def _decay_in_every_sample(order: Order) -> Callable[[Working, int], Tensor]:
    return lambda net, l: order(_outer(net, l) + _decay(net, l)) / net.N


def _decay_apart_in_every_sample(net: Working, l: int) -> Tensor:
    terms = torch.stack([_outer(net, l), _decay(net, l).expand(-1, -1, net.N)], dim=-1)
    return _one_by_one(terms.flatten(2)) / net.N


def _one_product(net: Working, l: int) -> Tensor:
    """[zᵀ λI] [δ/N; W] in one product."""
    eye = net.lam * torch.eye(net.W[l].shape[0], dtype=net.x.dtype)
    return torch.cat([net.z[l - 1].T, eye], 1) @ torch.cat([net.delta[l] / net.N, net.W[l]])


_WEIGHTS: Mapping[str, Callable[[Working, int], Tensor]] = {
    "zᵀ(δ/N)": lambda net, l: net.z[l - 1].T @ (net.delta[l] / net.N) + net.lam * net.W[l],
    "(z/N)ᵀδ": lambda net, l: (net.z[l - 1] / net.N).T @ net.delta[l] + net.lam * net.W[l],
    "times a rounded 1/N": lambda net, l: net.z[l - 1].T @ net.delta[l] * (1 / net.N) + net.lam * net.W[l],
    "(zᵀδ + NλW)/N": lambda net, l: (net.z[l - 1].T @ net.delta[l] + net.N * net.lam * net.W[l]) / net.N,
    "einsum": lambda net, l: torch.einsum("ni,no->io", net.z[l - 1], net.delta[l]) / net.N + net.lam * net.W[l],
    "mean of outer products": lambda net, l: _outer(net, l).mean(dim=-1) + net.lam * net.W[l],
    "addmm": lambda net, l: torch.addmm(net.lam * net.W[l], net.z[l - 1].T, net.delta[l], alpha=1 / net.N),
    "addmm, beta = λ": lambda net, l: torch.addmm(
        net.W[l], net.z[l - 1].T, net.delta[l], beta=net.lam, alpha=1 / net.N
    ),
    "fused, decay first": lambda net, l: _fused(net.z[l - 1].T, net.delta[l] / net.N, net.lam * net.W[l]),
    "decay and data in turn": _decay_apart_in_every_sample,
    "one product": _one_product,
}
_BIASES: Mapping[str, Callable[[Working, int], Tensor]] = {
    "mean": lambda net, l: net.delta[l].mean(dim=0),
    "1ᵀδ/N": lambda net, l: torch.ones(net.N, dtype=net.x.dtype) @ net.delta[l] / net.N,
    "sum of δ/N": lambda net, l: (net.delta[l] / net.N).sum(dim=0),
    "times a rounded 1/N": lambda net, l: net.delta[l].sum(dim=0) * (1 / net.N),
    "numpy": lambda net, l: torch.from_numpy(np.asarray(net.delta[l].numpy().mean(axis=0))),
}


# δ(l) = δ(l+1) Wᵀ ⊙ f′ -----------------------------------------------------------------------------------------------


def _carried_terms(net: Working, l: int) -> Tensor:
    return net.delta[l + 1].unsqueeze(1) * net.W[l + 1]  # (N, out, above)


_DELTA: Mapping[str, Callable[[Working, int], Tensor]] = {
    "f′ ⊙ (δWᵀ)": lambda net, l: SLIDES.slope(net, l) * (net.delta[l + 1] @ net.W[l + 1].T),
    "einsum": lambda net, l: torch.einsum("nk,jk->nj", net.delta[l + 1], net.W[l + 1]) * SLIDES.slope(net, l),
    "columns": lambda net, l: ((net.W[l + 1] @ net.delta[l + 1].T) * SLIDES.slope(net, l).T).T,
    "(diag(f′) W) δ": lambda net, l: torch.stack(
        [(s.unsqueeze(1) * net.W[l + 1]) @ d for s, d in zip(SLIDES.slope(net, l), net.delta[l + 1], strict=True)]
    ),
}


# E -------------------------------------------------------------------------------------------------------------------


def _error_terms(net: Working, l: int) -> tuple[Tensor, Tensor]:
    """E_n / N and (λ/2) w², every one a term."""
    squares = torch.cat([(net.lam / 2 * W**2).flatten() for W in net.W.values()])
    return net.pair.error(net.a[l], net.y, net.t) / net.N, squares


def _error(order: Order, *, first: bool) -> Callable[[Working, int], Tensor]:
    def equation(net: Working, l: int) -> Tensor:
        data, squares = _error_terms(net, l)
        return order(torch.cat([squares, data] if first else [data, squares]))

    return equation


def _penalty(net: Working) -> Tensor:
    return net.lam / 2 * sum((W.flatten() @ W.flatten() for W in net.W.values()), torch.zeros((), dtype=net.x.dtype))


_ERROR: Mapping[str, Callable[[Working, int], Tensor]] = {
    "mean": lambda net, l: net.pair.error(net.a[l], net.y, net.t).mean() + _penalty(net),
    "penalty in every sample": lambda net, l: torch.mean(net.pair.error(net.a[l], net.y, net.t) + _penalty(net)),
    "norms": lambda net, l: (
        net.pair.error(net.a[l], net.y, net.t).sum() / net.N
        + sum(net.lam / 2 * torch.linalg.norm(W) ** 2 for W in net.W.values())
    ),
}


def _every() -> Iterator[Way]:
    for name, order in ORDERS.items():
        for first in (True, False):
            yield Way("a", f"{name}, bias {'first' if first else 'last'}", "affine", _affine(order, first=first))
            where = "first" if first else "last"
            yield Way("dW", f"{name}, decay {where}", "weight_gradient", _weights(order, first=first))
            yield Way("E", f"{name}, penalty {where}", "total_error", _error(order, first=first))
        yield Way("dW", f"{name}, decay in every sample", "weight_gradient", _decay_in_every_sample(order))
        yield Way("db", name, "bias_gradient", lambda net, l, order=order: order(net.delta[l].T) / net.N)
        carried: Any = lambda net, l, order=order: order(_carried_terms(net, l)) * SLIDES.slope(net, l)
        yield Way("delta", name, "delta_hidden", carried)
    for line, field, table in (
        ("a", "affine", _AFFINE),
        ("dW", "weight_gradient", _WEIGHTS),
        ("db", "bias_gradient", _BIASES),
        ("delta", "delta_hidden", _DELTA),
        ("E", "total_error", _ERROR),
    ):
        yield from (Way(line, name, field, equation) for name, equation in table.items())


WAYS: tuple[Way, ...] = tuple(_every())
