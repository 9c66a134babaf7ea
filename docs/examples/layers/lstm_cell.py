"""One step of an LSTM by hand: two outputs, four gates.

backproof check docs/examples/layers/lstm_cell.py:lstm_cell
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def _gates(x: Tensor, h: Tensor, w: Tensor, u: Tensor, b: Tensor) -> list[Tensor]:
    """The pre-activations of i, f, g, o, each (N, H)."""
    return list((x @ w + h @ u + b).chunk(4, dim=1))


class LSTMCell(torch.autograd.Function):
    """c′ = f ⊙ c + i ⊙ g and h′ = o ⊙ tanh c′, with i, f, o = σ(·) and g = tanh(·) of x w + h u + b.

    x (N, D), h (N, H), c (N, H), w (D, 4H), u (H, 4H), b (4H,) -> h′ (N, H), c′ (N, H).
    """

    @staticmethod
    def forward(ctx, x: Tensor, h: Tensor, c: Tensor, w: Tensor, u: Tensor, b: Tensor):
        i, f, g, o = _gates(x, h, w, u, b)
        i, f, g, o = torch.sigmoid(i), torch.sigmoid(f), torch.tanh(g), torch.sigmoid(o)
        new = f * c + i * g
        t = torch.tanh(new)
        ctx.save_for_backward(x, h, c, w, u, i, f, g, o, t)
        return o * t, new

    @staticmethod
    @once_differentiable
    def backward(ctx, dh: Tensor, dc: Tensor):
        x, h, c, w, u, i, f, g, o, t = ctx.saved_tensors
        dc = dc + dh * o * (1 - t * t)  # c′ has part in h′ as well
        da = torch.cat(  # (N, 4H)
            [
                dc * g * i * (1 - i),
                dc * c * f * (1 - f),
                dc * i * (1 - g * g),
                dh * t * o * (1 - o),
            ],
            dim=1,
        )
        return da @ w.T, da @ u.T, dc * f, x.T @ da, h.T @ da, da.sum(0)


def reference(x: Tensor, h: Tensor, c: Tensor, w: Tensor, u: Tensor, b: Tensor):
    i, f, g, o = _gates(x, h, w, u, b)
    new = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(new), new


def lstm_cell():
    """The check: a batch of 5, 3 inputs, 4 units."""
    draw = torch.Generator().manual_seed(0)
    shapes = ((5, 3), (5, 4), (5, 4), (3, 16), (4, 16), (16,))
    return LSTMCell.apply, [torch.randn(s, generator=draw) for s in shapes], reference
