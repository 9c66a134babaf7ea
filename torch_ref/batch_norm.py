"""Batch normalisation from torch.nn.BatchNorm1d, gradients from autograd. a (N, M), γ, β (M,)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def module(gamma: Tensor, beta: Tensor) -> nn.BatchNorm1d:
    """The module with that γ and β, in training mode, with fresh running statistics."""
    layer = nn.BatchNorm1d(len(gamma), dtype=gamma.dtype, device=gamma.device)
    with torch.no_grad():
        layer.weight.copy_(gamma)
        layer.bias.copy_(beta)
    return layer


def gradients(a: Tensor, gamma: Tensor, beta: Tensor, dy: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """∂E/∂a, ∂E/∂γ, ∂E/∂β for an E with ∂E/∂y = dy."""
    layer = module(gamma, beta)
    a = a.detach().clone().requires_grad_()
    da, dgamma, dbeta = torch.autograd.grad(layer(a), (a, layer.weight, layer.bias), dy)
    return da, dgamma, dbeta
