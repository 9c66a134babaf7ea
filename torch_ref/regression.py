"""Linear regression in torch: torch.linalg for what is solved, autograd for gradients. X (D, N), w (D,), y (N,)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.distributions import Normal


def gradient_of(function: Callable[[Tensor], Tensor], w: Tensor) -> Tensor:
    """∂f/∂w at w by autograd. w (D,) -> (D,)."""
    w = w.detach().clone().requires_grad_()
    return torch.autograd.grad(function(w), w)[0]


def error(X: Tensor, y: Tensor, w: Tensor, lam: float = 0.0) -> Tensor:
    """½ ǁy − Xᵀwǁ² + ½ λ ǁwǁ². -> ()."""
    return torch.nn.functional.mse_loss(X.T @ w, y, reduction="sum") / 2 + lam / 2 * torch.dot(w, w)


def gradient(X: Tensor, y: Tensor, w: Tensor, lam: float = 0.0) -> Tensor:
    """Its gradient by autograd. -> (D,)."""
    return gradient_of(lambda w: error(X, y, w, lam), w)


def log_likelihood(X: Tensor, y: Tensor, w: Tensor, sigma: float) -> Tensor:
    """Σ_n ln N(y_n; wᵀx_n, σ²) from torch.distributions. -> ()."""
    return Normal(X.T @ w, sigma).log_prob(y).sum()


def log_likelihood_gradient(X: Tensor, y: Tensor, w: Tensor, sigma: float) -> Tensor:
    """Its gradient by autograd. -> (D,)."""
    return gradient_of(lambda w: log_likelihood(X, y, w, sigma), w)


def log_posterior_gradient(X: Tensor, y: Tensor, w: Tensor, sigma: float, nu: float) -> Tensor:
    """The gradient of likelihood and prior together, by autograd. -> (D,)."""
    # Normal(0.0, nu) of two numbers would keep both in float32, and log_prob of a float64 w would have seven digits.
    prior = Normal(torch.zeros_like(w), nu)
    return gradient_of(lambda w: log_likelihood(X, y, w, sigma) + prior.log_prob(w).sum(), w)


def ridge(X: Tensor, y: Tensor, lam: float) -> Tensor:
    """The minimum of ½ ǁy − Xᵀwǁ² + ½ λ ǁwǁ² as a least-squares problem with √λ I below Xᵀ, by QR. -> (D,)."""
    D = X.shape[0]
    below = lam**0.5 * torch.eye(D, dtype=X.dtype, device=X.device)
    A = torch.cat([X.T, below])  # (N + D, D)
    c = torch.cat([y, torch.zeros(D, dtype=y.dtype, device=y.device)])
    return torch.linalg.lstsq(A, c.unsqueeze(1)).solution.squeeze(1)
