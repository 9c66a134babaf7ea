"""Batch normalisation by hand: deck 003 "梯度不稳定的解决方法" (5) names it; the equations are ours.

After Ioffe and Szegedy (ICML 2015): every unit is centred and scaled over the batch, then scaled by γ and moved by β.
Rows: a (N, M), γ and β (M,). The variance over the batch is the biased one, 1/N; torch keeps the unbiased one, 1/(N−1),
as the running variance, other libraries the biased one: `Running.unbiased`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

EPSILON = 1e-5  # torch.nn.BatchNorm1d's


@dataclass
class Running:
    """What inference uses: mean and variance (M,), moved by every batch, a share of the way to its own."""

    mean: Tensor
    variance: Tensor
    share: float = 0.1
    unbiased: bool = True

    def move(self, mu: Tensor, variance: Tensor, N: int) -> None:
        """running ← (1 − share) running + share · batch. Raises ValueError for one sample, which has no variance."""
        if N < 2:
            raise ValueError(f"a batch of {N} has no variance; batch normalisation needs 2 samples or more")
        kept = variance * N / (N - 1) if self.unbiased else variance
        self.mean = (1 - self.share) * self.mean + self.share * mu
        self.variance = (1 - self.share) * self.variance + self.share * kept


@dataclass(frozen=True)
class Cache:
    """What the backward pass needs: the normalised x̂ (N, M), and 1/√(σ² + ε) (M,)."""

    normal: Tensor
    inverse: Tensor


def forward(
    a: Tensor, gamma: Tensor, beta: Tensor, running: Running | None = None, epsilon: float = EPSILON
) -> tuple[Tensor, Cache]:
    """Training: y = γ x̂ + β with x̂ = (a − μ)/√(σ² + ε), μ and σ² over the batch. -> y (N, M), the cache."""
    N = a.shape[0]
    mu = torch.sum(a, dim=0) / N  # (M,)
    centred = a - mu  # (N, M)
    variance = torch.sum(centred**2, dim=0) / N  # (M,)
    inverse = 1 / torch.sqrt(variance + epsilon)  # (M,)
    normal = centred * inverse  # (N, M)
    if running is not None:
        running.move(mu, variance, N)
    return gamma * normal + beta, Cache(normal, inverse)


def inference(a: Tensor, gamma: Tensor, beta: Tensor, running: Running, epsilon: float = EPSILON) -> Tensor:
    """y = γ (a − μ)/√(σ² + ε) + β with the running μ and σ². -> (N, M)."""
    return gamma * (a - running.mean) / torch.sqrt(running.variance + epsilon) + beta


def backward(dy: Tensor, gamma: Tensor, cache: Cache) -> tuple[Tensor, Tensor, Tensor]:
    """∂E/∂a, ∂E/∂γ, ∂E/∂β from ∂E/∂y (N, M). -> (N, M), (M,), (M,).

    μ and σ² depend on every sample, so each gets its part back:
    ∂E/∂a = γ/√(σ² + ε) · (dy − mean(dy) − x̂ · mean(dy ⊙ x̂)), the means over the batch.
    """
    N = dy.shape[0]
    dbeta = torch.sum(dy, dim=0)  # (M,)
    dgamma = torch.sum(dy * cache.normal, dim=0)  # (M,)
    da = gamma * cache.inverse * (dy - dbeta / N - cache.normal * dgamma / N)  # (N, M)
    return da, dgamma, dbeta
