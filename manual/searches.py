"""Three ways down: random search, random local search, and the gradient, deck 004 "最优化:", "最优化：" and "梯度下降".

Each returns the best loss after every evaluation, so that all three stand on one axis.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

Loss = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Found:
    """The best weights of a search, and the best loss after 1, 2, … evaluations."""

    W: Tensor
    best: list[float]


def random_search(loss: Loss, like: Tensor, tries: int, scale: float, rng: Generator) -> Found:
    """Weights drawn anew each time, the best kept, deck 004 "□ 策略1: 随机搜寻(不太实用)" (1000 tries, scale 0.0001).

    like: a tensor of the weights' shape, dtype and device.
    """
    best, best_W, history = float("inf"), torch.zeros_like(like), []
    for _ in range(tries):
        W = _normal(like, rng) * scale
        if (found := float(loss(W))) < best:
            best, best_W = found, W
        history.append(best)
    return Found(best_W, history)


def local_search(loss: Loss, W: Tensor, tries: int, step: float, rng: Generator) -> Found:
    """A random step from the best weights so far, kept where it helps, deck 004 "□ 策略2：随机局部搜索"."""
    best, history = float("inf"), []
    for _ in range(tries):
        tried = W + _normal(W, rng) * step
        if (found := float(loss(tried))) < best:
            best, W = found, tried
        history.append(best)
    return Found(W, history)


def descent(loss: Loss, gradient: Callable[[Tensor], Tensor], W: Tensor, steps: int, eta: float) -> Found:
    """W − η ∂L/∂W again and again, deck 004 "□ 策略3：顺着梯度下滑"; the loss itself, which may rise, is recorded.

    Stops where the loss is no longer finite: steps that are too large end so (deck 004 "□ 关于迭代的步长:").
    """
    history = []
    for _ in range(steps):
        W = W - eta * gradient(W)
        history.append(float(loss(W)))
        if not torch.isfinite(W).all() or history[-1] == float("inf"):
            break
    return Found(W, history)


def _normal(like: Tensor, rng: Generator) -> Tensor:
    return torch.randn(like.shape, generator=rng, dtype=like.dtype, device=like.device)
