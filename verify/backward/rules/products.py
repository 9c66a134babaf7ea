"""Products of matrices and convolutions: each entry is one sum of n products, and a bias is one more term."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from verify.backward.bound import Bound, plus, size, stored
from verify.backward.precision import Precision, gamma
from verify.backward.rules.arithmetic import add, multiply
from verify.backward.rules.table import pair, rule

Map = Callable[[Tensor, Tensor], Tensor]


def bilinear(
    p: Precision, f: Map, a: Bound, b: Bound, n: float, bias: Bound | None = None, stages: float = 0.0
) -> Bound:
    """f(a, b) + bias, n products an entry: γₙ₊₁ Σ|a||b|, and |a| e_b + e_a(|b| + e_b) of what came in.

    stages: partial sums of products that a library adds up in the dtype of other sums: torch's convolutions on a CPU do
    so over the batch and over the places of the kernel.
    """
    value = f(a.value, b.value)
    q, r = size(a.value), size(b.value)
    spread = f(q, r)
    proof = (gamma(n + 1, p.products) + gamma(stages, p.sums) + 2 * p.factor) * spread
    if b.proof is not None:
        proof += f(q, b.proof)
    if a.proof is not None:
        proof += f(a.proof, r if b.proof is None else r + b.proof)
    q2, r2 = q * q, r * r
    squares = f(q2, r2)
    steps = (p.growth(n) * p.products**2 + p.growth(stages) * p.sums**2) / 3
    var = (value * value).add_(squares).mul_(steps)
    if p.factor:
        var += squares * (2 * p.factor**2 / 3)
    if b.var is not None:
        var += f(q2, b.var)
    if a.var is not None:
        var += f(a.var, r2)
    if bias is None:
        found = stored(p, value, [a, b], proof, var)
        found.terms = (n, spread) if n > 1 else None
        return found
    total = value + bias.value
    late = (gamma(n, p.products) + gamma(stages, p.sums)) * size(bias.value)
    squares = bias.value**2 * steps
    proof, var = plus(proof + late, bias.proof), plus(var + squares, bias.var)
    return stored(p, total, [a, b, bias], proof, var, extra=value)  # one that stores the product first, too


@rule("mm", "bmm", "mv", "dot")
def _mm(p: Precision, func: Any, a: Bound, b: Bound) -> Bound:
    return bilinear(p, func, a, b, a.value.shape[-1])


@rule("matmul")
def _matmul(p: Precision, func: Any, a: Bound, b: Bound) -> Bound:
    return bilinear(p, torch.matmul, a, b, a.value.shape[-1])


@rule("addmm", "baddbmm", "addmv", "addbmm", "addr")
def _addmm(p: Precision, func: Any, bias: Bound, a: Bound, b: Bound, *, beta: Any = 1, alpha: Any = 1) -> Bound:
    name = func._schema.name.split("::")[1]
    f: Map = {"addbmm": lambda v, w: torch.bmm(v, w).sum(0), "addr": torch.outer}.get(name, torch.matmul)
    n = a.value.shape[-1] * (a.value.shape[0] if name == "addbmm" else 1) if name != "addr" else 1
    bias = bias if beta == 1 else multiply(p, *pair(p, bias, beta))
    if beta == 0:
        bias = Bound(torch.zeros_like(bias.value))
    stages = a.value.shape[0] if name == "addbmm" else 0  # torch adds up the products of matrices one by one
    if alpha == 1:
        return bilinear(p, f, a, b, n, bias, stages)
    return add(p, bias, multiply(p, *pair(p, bilinear(p, f, a, b, n, None, stages), alpha)))


# Convolution ---------------------------------------------------------------------------------------------------------


@rule("convolution", "_convolution", "convolution_overrideable")
def _convolution(p: Precision, func: Any, x: Bound, w: Bound, bias: Bound | None, *options: Any) -> Bound:
    call = torch.ops.aten.convolution.default
    settings = options[:6]
    transposed = bool(settings[3])
    f: Map = lambda v, u: call(v, u, None, *settings)
    n = w.value[0].numel() if not transposed else w.value.numel() // max(w.value.shape[1], 1)
    shaped = None
    if bias is not None:
        view: Callable[[Tensor], Tensor] = lambda v: v.reshape(1, -1, *[1] * (x.value.dim() - 2))
        part = lambda v: None if v is None else view(v)
        shaped = Bound(view(bias.value), part(bias.proof), part(bias.var), bias.derived)
    return bilinear(p, f, x, w, n, shaped, _places(w.value) if transposed else 1.0)


def _places(w: Tensor) -> float:
    """How many places a kernel has."""
    return float(w[0][0].numel())


@rule("convolution_backward")
def _convolution_backward(
    p: Precision, func: Any, grad: Bound, x: Bound, w: Bound, bias_sizes: Any, *options: Any
) -> tuple[Bound | None, ...]:
    settings, mask = options[:6], options[6]

    def only(k: int) -> Map:
        chosen = [k == j for j in range(3)]
        other: Callable[[Tensor, Tensor], Tensor] = lambda g, v: func(
            g, x.value if k == 0 else v, w.value if k == 1 else v, bias_sizes, *settings, chosen
        )[k]
        return other

    found: list[Bound | None] = [None, None, None]
    if mask[0]:
        found[0] = bilinear(p, only(0), grad, w, grad.value.shape[1] * w.value[0][0].numel(), None, _places(w.value))
    if mask[1]:
        found[1] = bilinear(
            p, only(1), grad, x, grad.value.numel() // max(grad.value.shape[1], 1), None, grad.value.shape[0]
        )
    if mask[2]:
        from verify.backward.rules.sums import total

        found[2] = total(p, grad, [0, *range(2, grad.value.dim())])
    return tuple(found)
