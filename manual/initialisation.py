"""First weights: deck 003 "梯度不稳定的解决方法" (1) names the standard normal; the others are what is used today.

Biases begin at 0, but for deck 002's listing. fan_in units below, fan_out units above: W (fan_in, fan_out).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Generator, Tensor

# The standard deviation of one weight.
DEVIATIONS: dict[str, Callable[[int, int], float]] = {
    "normal": lambda fan_in, fan_out: 1.0,  # deck 003
    "fan-in": lambda fan_in, fan_out: 1 / math.sqrt(fan_in),
    "xavier": lambda fan_in, fan_out: math.sqrt(2 / (fan_in + fan_out)),  # Glorot and Bengio, AISTATS 2010
    "he": lambda fan_in, fan_out: math.sqrt(2 / fan_in),  # He et al., ICCV 2015, for ReLU
}


def weights(layers: Sequence[int], how: str, rng: Generator) -> tuple[list[Tensor], list[Tensor]]:
    """W(l) (in, out), normal with the deviation of that name, and b(l) (out,) of zeros; float64, on the CPU.

    Raises ValueError for an unknown name.
    """
    if how not in DEVIATIONS:
        raise ValueError(f"initialisation {how!r} is not known; known are {', '.join(DEVIATIONS)}")
    pairs = list(pairwise(layers))
    W = [DEVIATIONS[how](m, k) * torch.randn(m, k, generator=rng, dtype=torch.float64, device="cpu") for m, k in pairs]
    return W, [torch.zeros(k, dtype=torch.float64, device="cpu") for _, k in pairs]


def deck_weights(layers: Sequence[int], rng: Generator) -> tuple[list[Tensor], list[Tensor]]:
    """2r − 1 with r uniform in [0, 1), for W and b: deck 002 "1. 定义网络结构"."""
    pairs = list(pairwise(layers))
    uniform = lambda *shape: 2 * torch.rand(*shape, generator=rng, dtype=torch.float64, device="cpu") - 1
    return [uniform(m, k) for m, k in pairs], [uniform(k) for _, k in pairs]
