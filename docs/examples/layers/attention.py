"""Scaled dot-product attention by hand.

backproof check docs/examples/layers/attention.py:attention
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional


class Attention(torch.autograd.Function):
    """y = p v with p = softmax(s) and s = q kᵀ/√D. q (B, T, D), k (B, S, D), v (B, S, E) -> y (B, T, E)."""

    @staticmethod
    def forward(ctx, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        s = q @ k.transpose(1, 2) / q.shape[2] ** 0.5  # (B, T, S)
        e = torch.exp(s - s.amax(2, keepdim=True))
        p = e / e.sum(2, keepdim=True)
        ctx.save_for_backward(q, k, v, p)
        return p @ v

    @staticmethod
    @once_differentiable
    def backward(ctx, dy: Tensor):
        q, k, v, p = ctx.saved_tensors
        dv = p.transpose(1, 2) @ dy  # (B, S, E)
        dp = dy @ v.transpose(1, 2)  # (B, T, S)
        ds = p * (dp - (dp * p).sum(2, keepdim=True))  # the softmax's Jacobian, row by row
        ds = ds / q.shape[2] ** 0.5
        return ds @ k, ds.transpose(1, 2) @ q, dv


def reference(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return functional.scaled_dot_product_attention(q, k, v)


def attention():
    """The check: a batch of 2, 5 queries, 6 keys of 4 numbers, values of 3."""
    draw = torch.Generator().manual_seed(0)
    inputs = [torch.randn(s, generator=draw) for s in ((2, 5, 4), (2, 6, 4), (2, 6, 3))]
    return Attention.apply, inputs, reference
