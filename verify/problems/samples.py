"""Problems made up from a seed: one of any shape, and the sweep over activations, λ, losses and shapes.

Weights and inputs are drawn on the CPU in float64, so that one seed gives the same problem on every device.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Generator, Tensor

from manual import ACTIVATIONS
from verify.problems.choices import LOSSES, ONE_OF_MANY, PAIRS
from verify.problems.problem import Problem
from verify.problems.written import PENALTIES

CPU = torch.device("cpu")
LAMBDAS = (0.0, 1e-4, 0.001, 0.1, 1.0)
# In the sweep the squared error comes more often: every activation stands at its output.
_TURNS = (*LOSSES, "squared-error")


@dataclass(frozen=True)
class Shape:
    """Units from the input to the output, and the samples of the batch."""

    name: str
    layers: tuple[int, ...]
    batch: int


SHAPES = (
    Shape("one sample", (5, 4, 3), 1),
    Shape("one unit a layer", (1, 1, 1), 4),
    Shape("one layer", (6, 4), 7),
    Shape("non-square", (7, 5, 3, 2), 4),
    Shape("square, as many samples as units", (4, 4, 4, 4), 4),
    Shape("deep", (3, 4, 4, 5, 4, 3), 5),
    Shape("wide", (30, 20, 10), 8),
)

# What each output can reach, and squared error may ask for.
_RANGES = {
    **dict.fromkeys(("sigmoid", "hard_sigmoid", "softmax"), (0.0, 1.0)),
    **dict.fromkeys(("tanh", "hard_tanh"), (-1.0, 1.0)),
    **dict.fromkeys(("relu", "relu6", "softplus"), (0.0, 2.0)),
    **dict.fromkeys(("elu", "selu", "celu"), (-0.9, 2.0)),
    "softsign": (-0.9, 0.9),
    "log_sigmoid": (-2.0, 0.0),
}
# Bounded below, at −0.17 or further down.
_BOWLS = ("swish", "silu", "gelu", "gelu_tanh", "gelu_sigmoid", "mish", "hard_swish")


def seeded(seed: int) -> Generator:
    """A generator of the CPU: the seed's numbers are the same whatever device they go to."""
    return Generator(device=CPU).manual_seed(seed)


def normal(generator: Generator, *shape: int) -> Tensor:
    """Numbers of N(0, 1), float64, on the CPU."""
    return torch.randn(*shape, generator=generator, dtype=torch.float64, device=CPU)


def weights(generator: Generator, layers: Sequence[int], gain: float = 1.0) -> tuple[Tensor, ...]:
    """W(l) (in, out) of N(0, gain/√in), so that pre-activations keep their size from layer to layer at gain 1."""
    return tuple(gain / math.sqrt(below) * normal(generator, below, units) for below, units in _steps(layers))


def biases(generator: Generator, layers: Sequence[int], scale: float = 0.1) -> tuple[Tensor, ...]:
    """b(l) (out,) of N(0, scale): small, and not 0, so that a pre-activation is 0 by chance only."""
    return tuple(scale * normal(generator, units) for _, units in _steps(layers))


def _steps(layers: Sequence[int]) -> Iterator[tuple[int, int]]:
    return pairwise(layers)


def targets(generator: Generator, batch: int, units: int, output: str, loss: str) -> Tensor:
    """t (N, K): one-hot for cross-entropy, 0 or 1 for the binary one, within the output's range for squared error."""
    if loss in ONE_OF_MANY:
        classes = torch.randint(units, (batch,), generator=generator, device=CPU)
        return torch.nn.functional.one_hot(classes, units).to(torch.float64)
    uniform = torch.rand(batch, units, generator=generator, dtype=torch.float64, device=CPU)
    if loss == "binary-cross-entropy":
        return torch.round(uniform)
    low, high = _RANGES.get(output, (-0.1 if output in _BOWLS else -2.0, 2.0))
    return low + (high - low) * uniform


def sample(
    generator: Generator,
    shape: Shape,
    *,
    activation: str,
    output: str = "softmax",
    loss: str = "cross-entropy",
    lam: float = 0.0,
    gain: float = 1.0,
    label: str = "",
    penalty: str = "lam/2",
) -> Problem:
    """A problem of that shape, on the CPU in float64. `gain` scales the weights and nothing else."""
    W = weights(generator, shape.layers, gain)
    b = biases(generator, shape.layers)
    x = normal(generator, shape.batch, shape.layers[0])
    t = targets(generator, shape.batch, shape.layers[-1], output, loss)
    return Problem(W, b, x, t, activation, output, loss, lam, label=label, penalty=penalty)


def sweep(problems: int, seed: int) -> Iterator[Problem]:
    """That many problems: every activation, loss, output, λ, penalty and shape in turn."""
    generator = seeded(seed)
    met = dict.fromkeys(LOSSES, 0)
    for i in range(problems):
        activation, loss = ACTIVATIONS[i % len(ACTIVATIONS)], _TURNS[i % len(_TURNS)]
        shape, lam = SHAPES[i % len(SHAPES)], LAMBDAS[i % len(LAMBDAS)]
        outputs, penalty = PAIRS[loss], tuple(PENALTIES)[i // len(_TURNS) % len(PENALTIES)]
        output = outputs[met[loss] % len(outputs)]
        met[loss] += 1
        label = (
            f"{i + 1}: {activation}, {output} with {loss}, λ = {lam:g}, penalty {penalty}, "
            f"{shape.name} {shape.layers}, N = {shape.batch}"
        )
        yield sample(
            generator, shape, activation=activation, output=output, loss=loss, lam=lam, label=label, penalty=penalty
        )  # fmt: skip
