"""Descent by torch.optim.SGD and autograd, for the same losses."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def descent(loss: Callable[[Tensor], Tensor], W: Tensor, steps: int, eta: float) -> tuple[Tensor, list[float]]:
    """The weights after that many steps, and the loss after each."""
    W = W.detach().clone().requires_grad_()
    optimiser = torch.optim.SGD([W], lr=eta)
    history = []
    for _ in range(steps):
        optimiser.zero_grad()
        loss(W).backward()
        optimiser.step()
        history.append(float(loss(W.detach())))
    return W.detach(), history
