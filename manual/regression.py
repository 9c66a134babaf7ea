"""Linear regression by hand, deck 002 "训练线性回归模型": least squares, ridge, maximum likelihood, MAP, and descent.

The deck's letters: samples are the *columns* of X (D, N), w (D,), targets y (N,), predictions Xᵀw (N,). Everything
that takes tensors gives tensors of the same dtype and device. What is solved, is solved in fractions: the numbers of
X, y and λ are taken as they are stored, Gauss's elimination is exact, and only the solution is rounded. So the normal
equations of degree 9, whose condition number is beyond 1/u, give the coefficients that these data have.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import torch
from torch import Tensor


def powers(x: Tensor, M: int) -> Tensor:
    """x⁰, x¹, …, x^M as rows, deck 002 "应用: Polynomial Curve Fitting". x (N,) -> X (M+1, N)."""
    rows = [torch.ones_like(x)]
    for _ in range(M):
        rows.append(rows[-1] * x)
    return torch.stack(rows)  # (M+1, N)


def predictions(X: Tensor, w: Tensor) -> Tensor:
    """f(x; w) = wᵀx of every sample, deck 002 "训练线性回归模型". X (D, N), w (D,) -> (N,)."""
    return X.T @ w  # (N,)


def error(X: Tensor, y: Tensor, w: Tensor, lam: float = 0.0) -> Tensor:
    """R(w) = ½ ǁy − Xᵀwǁ² + ½ λ ǁwǁ², deck 002 "训练线性回归模型" and "线性回归训练-2". -> ()."""
    e = y - predictions(X, w)  # (N,)
    return torch.sum(e**2) / 2 + lam / 2 * torch.sum(w**2)  # ()


def gradient(X: Tensor, y: Tensor, w: Tensor, lam: float = 0.0) -> Tensor:
    """∂R/∂w = −X (y − Xᵀw) + λw, deck 002 "训练线性回归模型" and "线性回归训练-2". -> (D,)."""
    return -(X @ (y - predictions(X, w))) + lam * w  # (D,)


def ridge(X: Tensor, y: Tensor, lam: float) -> Tensor:
    """w* = (XXᵀ + λI)⁻¹ X y, deck 002 "线性回归训练-2". λ = 0 gives least squares. -> (D,).

    Raises ValueError where XXᵀ + λI has no inverse.
    """
    rows = [[Fraction(v) for v in row] for row in X.tolist()]  # (D, N)
    targets = [Fraction(v) for v in y.tolist()]  # (N,)
    A = [[_dot(p, q) + (Fraction(lam) if i == j else 0) for j, q in enumerate(rows)] for i, p in enumerate(rows)]
    c = [_dot(p, targets) for p in rows]
    return torch.tensor([float(v) for v in solved(A, c)], dtype=X.dtype, device=X.device)


def least_squares(X: Tensor, y: Tensor) -> Tensor:
    """w* = (XXᵀ)⁻¹ X y, deck 002 "经验风险最小化 (最小二乘法)". -> (D,)."""
    return ridge(X, y, 0.0)


def solved(A: Sequence[Sequence[Fraction]], c: Sequence[Fraction]) -> list[Fraction]:
    """w with A w = c, by elimination in fractions. A (D, D), c (D,). Raises ValueError where A is singular."""
    rows = [[*row, right] for row, right in zip(A, c, strict=True)]
    D = len(rows)
    for k in range(D):
        pivot = next((i for i in range(k, D) if rows[i][k]), None)
        if pivot is None:
            raise ValueError("the normal equations are singular: fewer independent samples than weights, and λ = 0")
        rows[k], rows[pivot] = rows[pivot], rows[k]
        for i in range(k + 1, D):
            factor = rows[i][k] / rows[k][k]
            rows[i] = [p - factor * q for p, q in zip(rows[i], rows[k], strict=True)]
    w: list[Fraction] = [Fraction(0)] * D
    for k in reversed(range(D)):
        w[k] = (rows[k][D] - _dot(rows[k][k + 1 : D], w[k + 1 :])) / rows[k][k]
    return w


def _dot(p: Sequence[Fraction], q: Sequence[Fraction]) -> Fraction:
    return sum((a * b for a, b in zip(p, q, strict=True)), Fraction(0))


def line(x: Sequence[float], y: Sequence[float]) -> tuple[float, float]:
    """β₀ and β₁ of y = β₀ + β₁x, deck 002 "推广&应用" and the slide before it.

    The slide has the two formulas exchanged (docs/ERRATA.md): the slope is the one with n ΣXY − ΣX ΣY on top.
    x, y: n numbers each. Raises ValueError where all x are equal.
    """
    X, Y, n = [Fraction(v) for v in x], [Fraction(v) for v in y], len(x)
    below = n * _dot(X, X) - sum(X) ** 2
    if not below:
        raise ValueError("all x are equal: no line has a slope there")
    slope = (n * _dot(X, Y) - sum(X) * sum(Y)) / below
    intercept = (_dot(X, X) * sum(Y) - sum(X) * _dot(X, Y)) / below
    return float(intercept), float(slope)


# From the side of probability ----------------------------------------------------------------------------------------


def log_likelihood(X: Tensor, y: Tensor, w: Tensor, sigma: float) -> Tensor:
    """Σ_n ln N(y_n; wᵀx_n, σ²), deck 002 "线性回归训练 - 3". -> ()."""
    e = y - predictions(X, w)  # (N,)
    constant = math.log(2 * math.pi * sigma**2) / 2
    return -(torch.sum(e**2) / (2 * sigma**2)) - len(y) * constant  # ()


def log_likelihood_gradient(X: Tensor, y: Tensor, w: Tensor, sigma: float) -> Tensor:
    """X (y − Xᵀw) / σ²: zero exactly where least squares has its minimum. -> (D,)."""
    return X @ (y - predictions(X, w)) / sigma**2  # (D,)


def log_posterior(X: Tensor, y: Tensor, w: Tensor, sigma: float, nu: float) -> Tensor:
    """−ǁy − Xᵀwǁ²/2σ² − wᵀw/2ν², up to a constant, deck 002 "线性回归训练 - 4". -> ()."""
    e = y - predictions(X, w)  # (N,)
    return -(torch.sum(e**2) / (2 * sigma**2)) - torch.sum(w**2) / (2 * nu**2)  # ()


def log_posterior_gradient(X: Tensor, y: Tensor, w: Tensor, sigma: float, nu: float) -> Tensor:
    """X (y − Xᵀw)/σ² − w/ν². -> (D,)."""
    return log_likelihood_gradient(X, y, w, sigma) - w / nu**2  # (D,)


def maximum_likelihood(X: Tensor, y: Tensor) -> tuple[Tensor, float]:
    """w and σ² that make the likelihood largest: least squares, and the mean square of its residuals. -> (D,), σ²."""
    w = least_squares(X, y)
    e = y - predictions(X, w)  # (N,)
    return w, float(torch.mean(e**2))


def maximum_a_posteriori(X: Tensor, y: Tensor, sigma: float, nu: float) -> Tensor:
    """(XXᵀ/σ² + I/ν²)⁻¹ X y/σ²: the posterior's own normal equations, deck 002 "线性回归训练 - 4". -> (D,).

    The slide says that this is ridge with λ = σ²/ν²; it is solved here as it stands, so that the tests can show it.
    """
    s, n = Fraction(sigma) ** 2, Fraction(nu) ** 2
    rows = [[Fraction(v) for v in row] for row in X.tolist()]  # (D, N)
    targets = [Fraction(v) for v in y.tolist()]  # (N,)
    A = [[_dot(p, q) / s + (1 / n if i == j else 0) for j, q in enumerate(rows)] for i, p in enumerate(rows)]
    c = [_dot(p, targets) / s for p in rows]
    return torch.tensor([float(v) for v in solved(A, c)], dtype=X.dtype, device=X.device)


def descent(X: Tensor, y: Tensor, w: Tensor, eta: float, steps: int, lam: float = 0.0) -> list[Tensor]:
    """w(t+1) = w(t) − η ∂R/∂w for that many steps, from the w that is given. -> steps + 1 weights."""
    path = [w]
    for _ in range(steps):
        path.append(path[-1] - eta * gradient(X, y, path[-1], lam))
    return path
