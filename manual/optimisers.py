"""Steps of descent by hand: GD, momentum, Adam, clipping by norm, and deck 000's schedule.

Each takes the weights θ and the gradient g as tensors of one shape, writes the new weights into θ, and keeps what it
remembers in tensors of its own. SGD and mini-batches are plain steps along the gradient of a part of the samples
(deck 004 "□ Mini-batch:"), so they need no class. Adam's update is in none of the decks, though deck 002 "Exercise 1"
asks for it: it is Kingma and Ba's (ICLR 2015, algorithm 1), with ε outside the root, as torch.optim has it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor


class Optimiser(Protocol):
    """A rule for a step. `memory` is what it keeps from step to step, by name; `steps` how many it has taken."""

    memory: dict[str, Tensor]
    steps: int

    def step(self, theta: Tensor, g: Tensor, eta: float) -> None:
        """Write θ(t+1) into theta. g is left as it is."""
        ...


class Descent:
    """θ(t+1) = θ(t) − η g, deck 000 "梯度下降"."""

    def __init__(self, theta: Tensor) -> None:
        self.memory: dict[str, Tensor] = {}
        self.steps = 0

    def step(self, theta: Tensor, g: Tensor, eta: float) -> None:
        self.steps += 1
        theta.sub_(g, alpha=eta)


class Momentum:
    """v(t+1) = μ v(t) + g, θ(t+1) = θ(t) − η v(t+1), with v(0) = 0."""

    def __init__(self, theta: Tensor, mu: float = 0.9) -> None:
        self.mu = mu
        self.memory = {"v": torch.zeros_like(theta)}
        self.steps = 0

    def step(self, theta: Tensor, g: Tensor, eta: float) -> None:
        self.steps += 1
        v = self.memory["v"]
        v.mul_(self.mu).add_(g)
        theta.sub_(v, alpha=eta)


class Adam:
    """m ← β₁m + (1−β₁)g, v ← β₂v + (1−β₂)g², θ ← θ − η · m/(1−β₁ᵗ) / (√(v/(1−β₂ᵗ)) + ε), t = 1, 2, …

    Kingma and Ba, algorithm 1. The corrections are numbers: one goes into the step, one into the root.
    """

    def __init__(self, theta: Tensor, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8) -> None:
        self.beta1, self.beta2, self.epsilon = beta1, beta2, epsilon
        self.memory = {"m": torch.zeros_like(theta), "v": torch.zeros_like(theta)}
        self._root = torch.empty_like(theta)
        self.steps = 0

    def step(self, theta: Tensor, g: Tensor, eta: float) -> None:
        self.steps += 1
        m, v, root = self.memory["m"], self.memory["v"], self._root
        m.mul_(self.beta1).add_(g, alpha=1 - self.beta1)
        v.mul_(self.beta2).addcmul_(g, g, value=1 - self.beta2)
        torch.sqrt(v, out=root)
        root.div_(math.sqrt(1 - self.beta2**self.steps)).add_(self.epsilon)
        theta.addcdiv_(m, root, value=-eta / (1 - self.beta1**self.steps))


OPTIMISERS: dict[str, type[Descent] | type[Momentum] | type[Adam]] = {
    "gd": Descent,
    "sgd": Descent,
    "momentum": Momentum,
    "adam": Adam,
}


def clip_by_norm(gradients: Sequence[Tensor], most: float, epsilon: float = 1e-6) -> float:
    """g ← g · min(1, most/(ǁgǁ + ε)), ǁgǁ over all of them: deck 003 "梯度不稳定的解决方法" (4). Returns ǁgǁ.

    Written into the tensors. ε keeps a gradient of zeros from a division by 0; it is torch's, so a clipped gradient is
    shorter than `most` by about one part in a million over ǁgǁ.
    """
    norm = math.sqrt(sum(float(torch.sum(g.double() ** 2)) for g in gradients))
    factor = min(1.0, most / (norm + epsilon))
    for g in gradients:
        g.mul_(factor)
    return norm


def deck_schedule(epoch: int, epochs: int = 100) -> float:
    """η of an epoch, counted from 1: 0.1 in the first half, 0.01 in the second, deck 000 "梯度下降" (50 and 50)."""
    return 0.1 if 2 * epoch <= epochs else 0.01
