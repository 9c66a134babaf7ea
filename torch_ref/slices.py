"""The slope of a slice by autograd: the derivative of L(W + aW₁) in a is the gradient's product with W₁."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def slope(loss: Callable[[Tensor], Tensor], W: Tensor, W1: Tensor, a: float) -> Tensor:
    """d/da L(W + aW₁) by autograd. -> ()."""
    step = torch.tensor(a, dtype=W.dtype, device=W.device, requires_grad=True)
    return torch.autograd.grad(loss(W + step * W1), step)[0]
