"""The networks of the benchmarks: real Fashion-MNIST batches, shrunk for small networks, or dense random inputs."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from verify.problems.data import CLASSES, read_batch
from verify.problems.problem import Problem
from verify.problems.samples import CPU, biases, normal, seeded, targets, weights

REAL, RANDOM = "real", "random"
# Parameters: 253, 1,870, 22,270, 62,020 and 235,146.
SIZES: tuple[tuple[int, ...], ...] = ((16, 9, 10), (49, 31, 10), (784, 28, 10), (784, 78, 10), (784, 256, 128, 10))
SMALL, MIDDLE, LARGE = (16, 9, 10), (784, 28, 10), (784, 256, 128, 10)


def network(
    layers: tuple[int, ...],
    *,
    activation: str = "tanh",
    batch: int = 32,
    inputs: str = REAL,
    seed: int = 0,
    lam: float = 0.0,
    bias: float = 0.1,
) -> Problem:
    """A classifier with softmax and cross-entropy on a batch of real images or of N(0, 1) inputs, in float64.

    layers[0] is 784, or 196, 49, 16: the images averaged over squares. `bias` scales the biases.
    """
    generator = seeded(seed)
    W, b = weights(generator, layers), biases(generator, layers, bias)
    if inputs == RANDOM:
        x = normal(generator, batch, layers[0])
        t = targets(generator, batch, layers[-1], "softmax", "cross-entropy")
    else:
        x, t = _images(layers[0], batch, seed)
    return Problem(W, b, x, t, activation, "softmax", "cross-entropy", lam, label=f"{name_of(layers)}, {inputs} inputs")


def _images(inputs: int, batch: int, seed: int) -> tuple[Tensor, Tensor]:
    found = read_batch("fashion-mnist", batch, seed=seed)
    side = math.isqrt(inputs)
    square = found.shape[0] // side
    if side * square != found.shape[0] or side * side != inputs:
        raise ValueError(f"no image of {inputs} inputs from {found.shape}")
    images = found.images.reshape(batch, side, square, side, square).mean(dim=(2, 4)).reshape(batch, inputs)
    return images, torch.eye(CLASSES, dtype=torch.float64, device=CPU)[found.labels]


def name_of(layers: tuple[int, ...]) -> str:
    """The layers as people write them: [784, 28, 10]."""
    return str(list(layers))


def parameters_of(problem: Problem) -> list[Tensor]:
    """W(1), b(1), W(2), b(2), …, the order in which every peer takes them; copies."""
    return [v.clone() for pair in zip(problem.W, problem.b, strict=True) for v in pair]
