"""The multi-class SVM loss by hand, deck 004 "损失函数可视化" and "计算梯度".

The deck's columns: x (D, N) a sample a column, W (K, D) a class a row, scores s = W x (K, N), classes y (N,) from 0 to
K − 1, margin Δ. The bias is a last column of W beside a constant 1 in x (the deck's 10 × 3073).
"""

from __future__ import annotations

import torch
from torch import Tensor


def margins(W: Tensor, x: Tensor, y: Tensor, margin: float = 1.0) -> Tensor:
    """w_jᵀx_i − w_{y_i}ᵀx_i + Δ for j ≠ y_i, and 0 for j = y_i, deck 004 "计算梯度". -> (K, N)."""
    s = W @ x  # (K, N)
    own = _own(y, len(W)).to(s.dtype)  # (K, N)
    return (s - torch.sum(s * own, dim=0) + margin) * (1 - own)  # (K, N)


def losses(W: Tensor, x: Tensor, y: Tensor, margin: float = 1.0) -> Tensor:
    """L_i = Σ_{j≠y_i} max(0, margin_ji), deck 004 "计算梯度". -> (N,)."""
    return torch.sum(torch.relu(margins(W, x, y, margin)), dim=0)  # (N,)


def loss(W: Tensor, x: Tensor, y: Tensor, margin: float = 1.0, lam: float = 0.0) -> Tensor:
    """L = (1/N) Σ_i L_i, deck 004 "损失函数可视化", with (λ/2) ǁWǁ²_F where λ is given. -> ()."""
    return torch.sum(losses(W, x, y, margin)) / len(y) + lam / 2 * torch.sum(W**2)  # ()


def gradient(W: Tensor, x: Tensor, y: Tensor, margin: float = 1.0, lam: float = 0.0, at_zero: float = 0.0) -> Tensor:
    """∂L/∂W: row j takes x_i where its margin is above 0, row y_i loses x_i as often as others exceed it. -> (K, D).

    Deck 004 "计算梯度" gives the row of the true class alone; the others' rows are ours (docs/ERRATA.md).
    at_zero: what stands for 1(0 > 0) where a margin is exactly 0; every number from 0 to 1 gives a subgradient.
    """
    m = margins(W, x, y, margin)  # (K, N)
    own = _own(y, len(W))  # (K, N)
    above = torch.where(m > 0, 1.0, torch.where(m == 0, at_zero, 0.0)).to(x.dtype)  # (K, N)
    above = torch.where(own, torch.zeros_like(above), above)  # (K, N)
    weights = above - own.to(x.dtype) * torch.sum(above, dim=0)  # (K, N)
    return weights @ x.T / len(y) + lam * W  # (K, D)


def with_bias(W: Tensor, b: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """The bias as a weight on a constant 1, deck 004 "损失函数可视化" (10 × 3073). -> W (K, D + 1), x (D + 1, N)."""
    return torch.cat([W, b.unsqueeze(1)], dim=1), torch.cat([x, torch.ones_like(x[:1])])


def _own(y: Tensor, K: int) -> Tensor:
    """Which score is that of the sample's own class. -> (K, N), bool."""
    return torch.arange(K, device=y.device).unsqueeze(1) == y


def three_samples() -> tuple[Tensor, Tensor]:
    """Three samples of one number each and three classes, as in deck 004 "损失函数可视化". -> x (1, 3), y (3,).

    The deck gives no numbers; these are ours.
    """
    return torch.tensor([[1.0, -0.5, 2.0]], dtype=torch.float64, device="cpu"), torch.tensor([0, 1, 2], device="cpu")
