"""RMS normalisation by hand.

backproof check docs/examples/layers/rms_norm.py:rms_norm
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

EPS = 1e-6


class RMSNorm(torch.autograd.Function):
    """y = w ⊙ h with h = x r, r = 1/√(mean x² + ε) of each row. x (N, D), w (D,) -> y (N, D)."""

    @staticmethod
    def forward(ctx, x: Tensor, w: Tensor) -> Tensor:
        r = torch.rsqrt((x * x).mean(-1, keepdim=True) + EPS)  # (N, 1)
        ctx.save_for_backward(x, r, w)
        return x * r * w

    @staticmethod
    @once_differentiable
    def backward(ctx, dy: Tensor):
        x, r, w = ctx.saved_tensors
        h, dh = x * r, dy * w
        dx = r * (dh - h * (dh * h).mean(-1, keepdim=True))  # r depends on every x of the row
        return dx, (dy * h).sum(0)


def reference(x: Tensor, w: Tensor) -> Tensor:
    return functional.rms_norm(x, x.shape[-1:], w, EPS)


def rms_norm():
    """The check: 6 rows of 8 numbers."""
    draw = torch.Generator().manual_seed(0)
    return RMSNorm.apply, [torch.randn(s, generator=draw) for s in ((6, 8), (8,))], reference
