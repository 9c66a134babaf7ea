"""The perceptron by hand: deck 002 "感知机实现样例", with the listing mended, and XOR through a hidden layer.

Samples are rows, as in the listing: x (N, D), labels −1 or +1. What is mended stands in docs/ERRATA.md: the score
stays a real number (the listing truncates it to an integer), the error is label · sample, and the number of rounds has
a limit, which is reported and never looped over.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Trained:
    """What the algorithm ends with: w (D,), b (), how many updates and rounds it took, whether all are right."""

    w: Tensor
    b: Tensor
    updates: int
    rounds: int
    separated: bool


def score(w: Tensor, b: Tensor, x: Tensor) -> Tensor:
    """x w + b, deck 002 "感知机实现样例". x (D,) or (N, D) -> () or (N,)."""
    return x @ w + b


def wrong(w: Tensor, b: Tensor, x: Tensor, label: Tensor) -> Tensor:
    """Whether a sample is misclassified: label · score ≤ 0, deck 002 "感知机实现样例". -> the score's shape, bool."""
    return label * score(w, b, x) <= 0


def loss(w: Tensor, b: Tensor, x: Tensor, labels: Tensor) -> Tensor:
    """Σ max(0, −label · score): what an update descends, one sample at a time. -> ()."""
    return torch.sum(torch.relu(-labels * score(w, b, x)))


def update(w: Tensor, b: Tensor, x: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
    """w + label · x and b + label: the lines that deck 002 "感知机实现样例" leaves to try. x (D,), label ()."""
    return w + label * x, b + label


def train(x: Tensor, labels: Tensor, most_rounds: int = 1000) -> Trained:
    """Round after round over the samples in their order, an update at each that is wrong, until none is or the limit.

    x (N, D), labels (N,) of −1 and +1. Starts from w = 0, b = 0, with a learning rate of 1, as the listing does.
    """
    w, b = torch.zeros_like(x[0]), torch.zeros_like(labels[0])
    updates = 0
    for round in range(1, most_rounds + 1):
        before = updates
        for sample, label in zip(x, labels, strict=True):
            if bool(wrong(w, b, sample, label)):
                w, b = update(w, b, sample, label)
                updates += 1
        if updates == before:
            return Trained(w, b, updates, round, separated=True)
    return Trained(w, b, updates, most_rounds, separated=False)


def bound(x: Tensor, labels: Tensor, w: Tensor, b: Tensor) -> float:
    """R²/γ² of deck 002 "收敛性 - 线性可分性", for a w and b that separate the samples: no training takes more updates.

    The bias is a weight on a constant 1, so R and γ are those of (x, 1), with (w, b) of length 1; the slide takes the
    bare x, and small examples need more updates than its bound (docs/ERRATA.md).
    """
    wide = torch.cat([x, torch.ones_like(x[:, :1])], dim=1)  # (N, D + 1)
    separating = torch.cat([w, b.reshape(1)])
    gamma = torch.min(labels * (wide @ separating)) / torch.linalg.vector_norm(separating)
    if not gamma > 0:
        raise ValueError("w and b separate the samples nowhere: there is no bound")
    return float(torch.max(torch.sum(wide**2, dim=1)) / gamma**2)


def hidden_layer(x: Tensor) -> Tensor:
    """Two units in front of the perceptron, deck 002 "特征变换: 堆叠的线性变换!". x (N, 2) -> (N, 2).

    z₁ = relu(x₁ + x₂), z₂ = relu(x₁ + x₂ − 1): of the four points of XOR, (1,0) and (0,1) fall together on (1, 0),
    (0,0) stays, (1,1) goes to (2, 1), and a line parts them.
    """
    both = torch.sum(x, dim=1)  # (N,)
    return torch.stack([torch.relu(both), torch.relu(both - 1)], dim=1)  # (N, 2)
