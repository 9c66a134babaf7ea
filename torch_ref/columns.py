"""The columns network from torch.nn modules: nn.Linear holds W (out, in) as the decks do, and takes samples as rows."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from torch_ref.activations import activation_module


def gradients(
    W: Sequence[Tensor],
    b: Sequence[Tensor],
    activations: Sequence[str],
    constants: dict[str, float],
    x: Tensor,
    y: Tensor,
    lam: float,
) -> tuple[list[Tensor], list[Tensor]]:
    """∂J/∂W(l) (out, in) and ∂J/∂b(l) (out, 1) of the mean squared error halved and (λ/2) Σ ǁWǁ², from autograd.

    W: L tensors (out, in), b: L (out, 1), one activation's name per layer, x (D, N), y (K, N).
    """
    layers: list[nn.Module] = []
    for W_l, b_l, name in zip(W, b, activations, strict=True):
        linear = nn.Linear(W_l.shape[1], W_l.shape[0], device="meta")
        linear.weight, linear.bias = nn.Parameter(W_l.clone()), nn.Parameter(b_l.squeeze(1).clone())
        layers += [linear, activation_module(name, constants)]
    linears = [layer for layer in layers if isinstance(layer, nn.Linear)]
    weights, biases = [layer.weight for layer in linears], [layer.bias for layer in linears]
    J = nn.MSELoss(reduction="sum")(nn.Sequential(*layers)(x.T), y.T) / (2 * x.shape[1])
    J = J + lam / 2 * torch.stack([torch.sum(w**2) for w in weights]).sum()
    found = torch.autograd.grad(J, [*weights, *biases])
    return list(found[: len(W)]), [g.unsqueeze(1) for g in found[len(W) :]]
