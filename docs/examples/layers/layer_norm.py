"""Layer normalisation by hand.

backproof check docs/examples/layers/layer_norm.py:layer_norm
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

EPS = 1e-5


class LayerNorm(torch.autograd.Function):
    """y = w ⊙ h + b with h = (x − μ) r, r = 1/√(σ² + ε), μ and σ² of each row.

    x (N, D), w (D,), b (D,) -> y (N, D).
    """

    @staticmethod
    def forward(ctx, x: Tensor, w: Tensor, b: Tensor) -> Tensor:
        centred = x - x.mean(-1, keepdim=True)
        r = torch.rsqrt((centred * centred).mean(-1, keepdim=True) + EPS)  # (N, 1)
        h = centred * r
        ctx.save_for_backward(h, r, w)
        return h * w + b

    @staticmethod
    @once_differentiable
    def backward(ctx, dy: Tensor):
        h, r, w = ctx.saved_tensors
        dh = dy * w
        # μ and σ² depend on every x of the row: dh loses its mean, and its part along h.
        dx = r * (dh - dh.mean(-1, keepdim=True) - h * (dh * h).mean(-1, keepdim=True))
        return dx, (dy * h).sum(0), dy.sum(0)


def reference(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return functional.layer_norm(x, x.shape[-1:], w, b, EPS)


def layer_norm():
    """The check: 6 rows of 8 numbers."""
    draw = torch.Generator().manual_seed(0)
    return LayerNorm.apply, [torch.randn(s, generator=draw) for s in ((6, 8), (8,), (8,))], reference
