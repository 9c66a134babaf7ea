"""Output and loss, which come in pairs: y = σ(a(L)), the loss E_n of each sample, and δ(L) = ∂E_n/∂a(L).

Softmax with cross-entropy (deck 000 "误差反向传播-整体代价函数"), sigmoid with binary cross-entropy, and squared error
with any activation at the output (deck 001 "正式开始推导", deck 003 "残差与优化目标").
Losses are taken from the scores a(L), not from y, so that scores of ±10⁴ neither overflow nor meet ln 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from manual.activations import ACTIVATIONS, Activation, Constants, activation, sigmoid, softplus


@dataclass(frozen=True)
class Pair:
    """An output with its loss. a, y, t (N, K); E_n (N,); δ(L) (N, K)."""

    output: str
    loss: str
    y: Callable[[Tensor], Tensor]
    error: Callable[[Tensor, Tensor, Tensor], Tensor]
    delta: Callable[[Tensor, Tensor, Tensor], Tensor]
    g: Activation | None = None


def softmax(a: Tensor) -> Tensor:
    """y_l = e^a_l / Σ_k e^a_k, deck 000 "回顾一次迭代前向计算的过程"; the row's maximum is taken off first."""
    e = torch.exp(a - torch.amax(a, dim=1, keepdim=True))  # (N, K)
    return e / torch.sum(e, dim=1, keepdim=True)  # (N, K)


def cross_entropy(a: Tensor, y: Tensor, t: Tensor) -> Tensor:
    """E_n = Σ_k −t_k ln y_k, deck 000 "误差反向传播-整体代价函数"; ln y_k = a_k − ln Σ e^a_j, so never ln 0."""
    return torch.sum(t * (torch.logsumexp(a, dim=1, keepdim=True) - a), dim=1)  # (N,)


def binary_cross_entropy(a: Tensor, y: Tensor, t: Tensor) -> Tensor:
    """E_n = −Σ_k t_k ln y_k + (1 − t_k) ln(1 − y_k), with −ln y = softplus(−a) and −ln(1 − y) = softplus(a)."""
    return torch.sum(t * softplus(-a) + (1 - t) * softplus(a), dim=1)  # (N,)


def squared_error(a: Tensor, y: Tensor, t: Tensor) -> Tensor:
    """E_n = ½ ǁy − tǁ², deck 001 "正式开始推导", without the min that the slide writes in front."""
    return torch.sum((y - t) ** 2, dim=1) / 2  # (N,)


def output_error(a: Tensor, y: Tensor, t: Tensor) -> Tensor:
    """δ(L) = y − t, deck 000 "求导 $\\delta^{(3)}$ -3": softmax with cross-entropy, and sigmoid with its own."""
    return y - t  # (N, K)


def squared_error_delta(g: Activation) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """δ(L) = −(t − y) ⊙ g′(a(L)), deck 001 "计算辅助变量的值"."""
    return lambda a, y, t: (y - t) * g.derivative(a)  # (N, K)


PAIRS: tuple[tuple[str, str], ...] = (
    ("softmax", "cross-entropy"),
    ("sigmoid", "binary-cross-entropy"),
    *((name, "squared-error") for name in ACTIVATIONS),
)


def pair(output: str, loss: str, constants: Constants = Constants()) -> Pair:
    """The pair of that output and loss. Raises ValueError for two that do not belong together."""
    if (output, loss) not in PAIRS:
        raise ValueError(
            f"output {output!r} with loss {loss!r} is no pair; pairs are softmax with cross-entropy, "
            f"sigmoid with binary-cross-entropy, and squared-error with {', '.join(ACTIVATIONS)}"
        )
    if loss == "cross-entropy":
        return Pair(output, loss, softmax, cross_entropy, output_error)
    if loss == "binary-cross-entropy":
        return Pair(output, loss, sigmoid, binary_cross_entropy, output_error)
    g = activation(output, constants)
    return Pair(output, loss, g.f, squared_error, squared_error_delta(g), g)
