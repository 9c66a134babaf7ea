"""The multi-class SVM loss from torch.nn.MultiMarginLoss, which divides by the number of classes; here it does not."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def loss(W: Tensor, x: Tensor, y: Tensor, margin: float = 1.0, lam: float = 0.0) -> Tensor:
    """(1/N) Σ_i Σ_{j≠y_i} max(0, s_j − s_{y_i} + Δ) + (λ/2) ǁWǁ². W (K, D), x (D, N), y (N,) -> ()."""
    module = nn.MultiMarginLoss(margin=margin, reduction="mean")
    return module(x.T @ W.T, y) * len(W) + lam / 2 * torch.sum(W**2)


def gradient(W: Tensor, x: Tensor, y: Tensor, margin: float = 1.0, lam: float = 0.0) -> Tensor:
    """Its gradient by autograd. -> (K, D)."""
    W = W.detach().clone().requires_grad_()
    return torch.autograd.grad(loss(W, x, y, margin, lam), W)[0]
