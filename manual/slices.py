"""Looking at a loss along one direction and in one plane, deck 004 "损失函数可视化"."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Loss = Callable[[Tensor], Tensor]


def curve(loss: Loss, W: Tensor, W1: Tensor, a: Tensor) -> Tensor:
    """L(W + aW₁) for every a, deck 004 "□ 举个栗子". W, W₁ of one shape; a (n,) -> (n,)."""
    return torch.stack([loss(W + float(v) * W1) for v in a])  # (n,)


def surface(loss: Loss, W: Tensor, W1: Tensor, W2: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """L(W + aW₁ + bW₂) for every pair, deck 004 "□ 第二个栗子". a (n,), b (m,) -> (n, m)."""
    return torch.stack([curve(loss, W + float(v) * W1, W2, b) for v in a])  # (n, m)


def bends_upwards(values: Tensor) -> bool:
    """Whether no point of an evenly spaced curve lies above the line between its neighbours: what convexity asks of it.

    values (n,). Deck 004 "凸优化": true of the SVM loss on every line; of a network's loss it is not.
    """
    middle, ends = values[1:-1], (values[:-2] + values[2:]) / 2
    rounding = 8 * torch.finfo(values.dtype).eps * values.abs().max()
    return bool((middle <= ends + rounding).all())
