"""The slope that the numerical formulas are held against: autograd's."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def gradient(f: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """∂f/∂x by autograd, in x's own shape. x of a floating dtype."""
    x = x.detach().clone().requires_grad_()
    return torch.autograd.grad(f(x), x)[0]
