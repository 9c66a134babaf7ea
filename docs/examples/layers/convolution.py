"""A convolution by hand: the image in columns, so that forward and backward pass are products of matrices.

backproof check docs/examples/layers/convolution.py:convolution
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional


class Convolution(torch.autograd.Function):
    """y[n, o] = Σ_c w[o, c] ⋆ x[n, c] + b[o], stride 1, no padding.

    x (N, C, H, W), w (O, C, k, k), b (O,) -> y (N, O, H − k + 1, W − k + 1).
    """

    @staticmethod
    def forward(ctx, x: Tensor, w: Tensor, b: Tensor) -> Tensor:
        k = w.shape[2], w.shape[3]
        columns = functional.unfold(x, k)  # (N, C k k, P): each place of the kernel is one column
        y = w.flatten(1) @ columns + b[:, None]  # (N, O, P)
        ctx.save_for_backward(columns, w)
        ctx.image = x.shape
        return y.reshape(len(x), len(w), x.shape[2] - k[0] + 1, x.shape[3] - k[1] + 1)

    @staticmethod
    @once_differentiable
    def backward(ctx, dy: Tensor):
        columns, w = ctx.saved_tensors
        dy = dy.flatten(2)  # (N, O, P)
        db = dy.sum((0, 2))  # (O,)
        dw = (dy @ columns.transpose(1, 2)).sum(0).reshape(w.shape)  # each sample adds its own
        dcolumns = w.flatten(1).T @ dy  # (N, C k k, P)
        dx = functional.fold(dcolumns, ctx.image[2:], (w.shape[2], w.shape[3]))  # places overlap: they add up
        return dx, dw, db


def convolution():
    """The check: a batch of 2, 3 channels, 5 × 6 pixels, a kernel of 3 × 2."""
    draw = torch.Generator().manual_seed(0)
    inputs = [torch.randn(shape, generator=draw) for shape in ((2, 3, 5, 6), (4, 3, 3, 2), (4,))]
    return Convolution.apply, inputs, functional.conv2d
