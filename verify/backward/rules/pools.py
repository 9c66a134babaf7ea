"""Max pooling: errors of the window; in the backward pass any entry that is as large as the largest may be the one."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from verify.backward.bound import Bound, moved, plus
from verify.backward.precision import Precision
from verify.backward.rules.table import rule


@rule("max_pool2d_with_indices")
def _forward(p: Precision, func: Any, x: Bound, *options: Any, **more: Any) -> tuple[Bound, Bound]:
    value, index = func(x.value, *options, **more)
    most = lambda v: None if v is None else func(v, *options, **more)[0]
    return moved(value, [x], most(x.proof), most(x.var)), Bound(index, derived=x.derived)


@rule("max_pool2d_with_indices_backward")
def _backward(
    p: Precision, func: Any, grad: Bound, x: Bound, kernel: Any, stride: Any, padding: Any, dilation: Any,
    ceil_mode: bool, indices: Bound,
) -> Bound:  # fmt: skip
    from verify.backward.rules.sums import linear

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


def _tied(grad: Tensor, x: Bound, settings: Any) -> Tensor | None:
    """The sum of |g| of every window in which an entry is within the errors of the largest, beside another one."""
    kernel, stride, padding, dilation, ceil_mode = settings
    flat = x.value if x.value.dim() == 4 else x.value.unsqueeze(0)
    g = grad if grad.dim() == 4 else grad.unsqueeze(0)
    error = torch.zeros_like(flat) if x.proof is None else x.proof.reshape(flat.shape)
    form = {"kernel_size": kernel, "stride": stride or kernel, "dilation": dilation}
    edge = _padding(padding)
    values = functional.unfold(functional.pad(flat, edge, value=-1e300), **form)
    errors = functional.unfold(functional.pad(error, edge), **form)
    rows, size = values.shape[0], values.shape[2]
    values, errors = (v.reshape(rows, flat.shape[1], -1, size) for v in (values, errors))
    if ceil_mode or size != g.shape[2] * g.shape[3]:
        return g.abs().sum() * torch.ones_like(x.value) if ceil_mode else None
    best, at = values.max(dim=2, keepdim=True)
    near = best - values <= errors + errors.gather(2, at)
    near = near & (near.sum(dim=2, keepdim=True) > 1)
    if not bool(near.any()):
        return None
    given = near * g.abs().reshape(rows, flat.shape[1], 1, size)
    whole = (flat.shape[2] + 2 * edge[2], flat.shape[3] + 2 * edge[0])
    back = functional.fold(given.reshape(rows, -1, size), whole, **form)
    back = back[:, :, edge[2] : whole[0] - edge[2], edge[0] : whole[1] - edge[0]]
    return back.reshape(x.value.shape)


def _padding(padding: Any) -> list[int]:
    high, wide = (padding[0], padding[-1]) if len(padding) else (0, 0)
    return [wide, wide, high, high]
