"""The perceptron in torch: one step of torch.optim.SGD at a rate of 1 on max(0, −label · score) of one sample."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def update(w: Tensor, b: Tensor, x: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
    """The step that autograd and SGD take at a sample with label · score < 0. x (D,), label () -> w (D,), b ()."""
    layer = nn.Linear(len(w), 1, dtype=w.dtype, device=w.device)
    with torch.no_grad():
        layer.weight.copy_(w.unsqueeze(0))
        layer.bias.copy_(b.reshape(1))
    optimiser = torch.optim.SGD(layer.parameters(), lr=1.0)
    torch.relu(-label * layer(x)).sum().backward()
    optimiser.step()
    return layer.weight.detach()[0], layer.bias.detach()[0]
