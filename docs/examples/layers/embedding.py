"""An embedding by hand: rows that are looked up more than once add up.

backproof check docs/examples/layers/embedding.py:embedding
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


class Embedding(torch.autograd.Function):
    """y[n] = w[t[n]]. t (N,) of whole numbers below V, w (V, D) -> y (N, D)."""

    @staticmethod
    def forward(ctx, t: Tensor, w: Tensor) -> Tensor:
        ctx.save_for_backward(t)
        ctx.shape = w.shape
        return w[t]

    @staticmethod
    def backward(ctx, dy: Tensor):
        (t,) = ctx.saved_tensors
        dw = torch.zeros(ctx.shape, dtype=dy.dtype, device=dy.device)
        return None, dw.index_add_(0, t, dy)  # dw[t] += dy would keep the last of equal rows only


def embedding():
    """The check: 9 tokens of 7, two of which come more than once."""
    draw = torch.Generator().manual_seed(0)
    t = torch.tensor([3, 1, 4, 1, 5, 6, 2, 6, 5])
    return Embedding.apply, [t, torch.randn(7, 4, generator=draw)], functional.embedding
