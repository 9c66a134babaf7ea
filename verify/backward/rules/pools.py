"""Max pooling: errors of the window; in the backward pass any entry that is as large as the largest may be the one."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from verify.backward.bound import Bound, moved, plus
from verify.backward.precision import Precision
from verify.backward.rules.sums import linear
from verify.backward.rules.table import plain, rule

_OTHERS = ("max_pool3d_with_indices", "adaptive_max_pool2d", "adaptive_max_pool3d")


@rule("max_pool2d_with_indices", *_OTHERS)
def _forward(p: Precision, func: Any, x: Bound, *options: Any, **more: Any) -> tuple[Bound, Bound]:
    given = tuple(map(plain, options))
    value, index = func(x.value, *given, **more)
    most = lambda v: None if v is None else func(v, *given, **more)[0]
    return moved(value, [x], most(x.proof), most(x.var)), Bound(index, derived=x.derived)


@rule("max_pool2d_with_indices_backward")
def _backward(
    p: Precision, func: Any, grad: Bound, x: Bound, kernel: Any, stride: Any, padding: Any, dilation: Any,
    ceil_mode: bool, indices: Bound,
) -> Bound:  # fmt: skip
    settings = (kernel, stride, padding, dilation, ceil_mode)
    n = 1
    for k in kernel if len(kernel) == 2 else [*kernel, *kernel]:
        n *= k
    found = linear(p, lambda g: func(g, x.value, *settings, indices.value), grad, n)
    tied = _tied(grad.value, x, settings)
    if tied is not None:
        # Which of the tied ones takes it is free: nothing to all of it.
        found.proof, found.var = plus(found.proof, tied), plus(found.var, tied * tied)
    found.terms = None
    return found


@rule(*(f"{name}_backward" for name in _OTHERS))
def _other_backward(p: Precision, func: Any, grad: Bound, x: Bound, *settings: Any) -> Bound:
    """Each entry goes to one place; where two are within their errors of each other, no place is certain."""
    rest = tuple(map(plain, settings))
    op = lambda g: func(g, x.value, *rest)
    found = linear(p, op, grad, op(torch.ones_like(grad.value)))
    ranked, at = x.value.reshape(-1).sort()
    error = torch.zeros_like(ranked) if x.proof is None else x.proof.reshape(-1)[at]
    if bool((ranked.diff() <= error[1:] + error[:-1]).any()):
        found.proof = found.var = torch.full_like(found.value, torch.inf)
    return found


def _tied(grad: Tensor, x: Bound, settings: Any) -> Tensor | None:
    """The sum of |g| of every window in which an entry is within the errors of the largest, beside another one."""
    kernel, stride, padding, dilation, _ = settings
    flat = x.value if x.value.dim() == 4 else x.value.unsqueeze(0)
    g = grad if grad.dim() == 4 else grad.unsqueeze(0)
    error = torch.zeros_like(flat) if x.proof is None else x.proof.reshape(flat.shape)
    form = {"kernel_size": kernel, "stride": stride or kernel, "dilation": dilation}
    edge = _padding(padding, flat, g, settings)
    values = functional.unfold(functional.pad(flat, edge, value=-1e300), **form)
    errors = functional.unfold(functional.pad(error, edge), **form)
    rows, size = values.shape[0], values.shape[2]
    values, errors = (v.reshape(rows, flat.shape[1], -1, size) for v in (values, errors))
    if size != g.shape[2] * g.shape[3]:
        return g.abs().sum() * torch.ones_like(x.value)
    best, at = values.max(dim=2, keepdim=True)
    near = best - values <= errors + errors.gather(2, at)
    near = near & (near.sum(dim=2, keepdim=True) > 1)
    if not bool(near.any()):
        return None
    given = near * g.abs().reshape(rows, flat.shape[1], 1, size)
    whole = (flat.shape[2] + edge[2] + edge[3], flat.shape[3] + edge[0] + edge[1])
    back = functional.fold(given.reshape(rows, -1, size), whole, **form)
    back = back[:, :, edge[2] : edge[2] + flat.shape[2], edge[0] : edge[0] + flat.shape[3]]
    return back.reshape(x.value.shape)


def _padding(padding: Any, x: Tensor, g: Tensor, settings: Any) -> list[int]:
    """Left, right, above and below, so that as many windows fit as the result has entries (ceil_mode)."""
    kernel, stride, _, dilation, _ = settings
    found: list[int] = []
    for d in (1, 0):
        before = padding[min(d, len(padding) - 1)] if len(padding) else 0
        k, s, r = (v[min(d, len(v) - 1)] for v in (kernel, stride or kernel, dilation))
        reach = (g.shape[2 + d] - 1) * s + r * (k - 1) + 1
        found += [before, max(reach - before - x.shape[2 + d], 0)]
    return found
