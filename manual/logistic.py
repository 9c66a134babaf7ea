"""Binary logistic regression by hand, deck 002 "应用: 分类模型", and units of a ReLU layer that no sample reaches.

Samples are rows: x (N, D), w (D,), b (), t (N,) of 0 and 1.
"""

from __future__ import annotations

import torch
from torch import Tensor

from manual.activations import sigmoid, softplus


def score(w: Tensor, b: Tensor, x: Tensor) -> Tensor:
    """f(x; w) = wᵀx + b, deck 002 "案例-线性回归(Linear Regression)". -> (N,)."""
    return x @ w + b  # (N,)


def probability(w: Tensor, b: Tensor, x: Tensor) -> Tensor:
    """P(y = 1|x) = g(f(x; w)) with g the logistic function, deck 002 "应用: 分类模型". -> (N,)."""
    return sigmoid(score(w, b, x))  # (N,)


def error(w: Tensor, b: Tensor, x: Tensor, t: Tensor, lam: float = 0.0) -> Tensor:
    """E = (1/N) Σ_n −ln P(t_n|x_n) + (λ/2) ǁwǁ², with −ln σ(a) = softplus(−a). -> ()."""
    a = score(w, b, x)  # (N,)
    E_n = t * softplus(-a) + (1 - t) * softplus(a)  # (N,)
    return torch.sum(E_n) / len(t) + lam / 2 * torch.sum(w**2)  # ()


def gradients(w: Tensor, b: Tensor, x: Tensor, t: Tensor, lam: float = 0.0) -> tuple[Tensor, Tensor]:
    """∂E/∂w = (1/N) Σ_n (y_n − t_n) x_n + λw and ∂E/∂b = (1/N) Σ_n (y_n − t_n). -> (D,), ()."""
    delta = probability(w, b, x) - t  # (N,)
    return x.T @ delta / len(t) + lam * w, torch.sum(delta) / len(t)


def dead(a: Tensor) -> Tensor:
    """The units of a ReLU layer with a ≤ 0 for every sample: deck 002 "其他常用激活函数". a (N, M) -> (M,), bool.

    Such a unit hands nothing on and gets no gradient: no step on these samples moves it again.
    """
    return torch.all(a <= 0, dim=0)  # (M,)
