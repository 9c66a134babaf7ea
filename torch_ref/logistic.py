"""Logistic regression from torch.nn: a linear layer, BCEWithLogitsLoss, autograd. w (D,), b (), x (N, D), t (N,)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def _leaves(*tensors: Tensor) -> list[Tensor]:
    return [v.detach().clone().requires_grad_() for v in tensors]


def probability(w: Tensor, b: Tensor, x: Tensor) -> Tensor:
    """σ(x w + b). -> (N,)."""
    return nn.Sigmoid()(nn.functional.linear(x, w.unsqueeze(0), b.reshape(1))).squeeze(1)


def error(w: Tensor, b: Tensor, x: Tensor, t: Tensor, lam: float = 0.0) -> Tensor:
    """The mean cross-entropy and (λ/2) ǁwǁ². -> ()."""
    a = nn.functional.linear(x, w.unsqueeze(0), b.reshape(1)).squeeze(1)
    return nn.BCEWithLogitsLoss()(a, t) + lam / 2 * torch.dot(w, w)


def gradients(w: Tensor, b: Tensor, x: Tensor, t: Tensor, lam: float = 0.0) -> tuple[Tensor, Tensor]:
    """Of the error by autograd. -> (D,), ()."""
    w, b = _leaves(w, b)
    dw, db = torch.autograd.grad(error(w, b, x, t, lam), (w, b))
    return dw, db
