"""Hypothesis strategies for problems; they shrink towards one sample, one unit and small whole numbers.

They need Hypothesis, which is not among this package's own requirements.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import Tensor

from manual import ACTIVATIONS, Constants
from verify.problems.choices import LOSSES, ONE_OF_MANY, PAIRS
from verify.problems.problem import Problem
from verify.problems.written import PENALTIES

LAMBDAS = (0.0, 1.0, 0.5, 0.001, 1e-6)
SCALES = (1.0, 0.1, 10.0, 1e-3)

whole = st.integers(-3, 3).map(float)
entries = whole | st.floats(-4, 4, allow_subnormal=False)
# 0 to 1 lies within the range of every output.
reachable = st.sampled_from((0.0, 1.0)) | st.floats(0, 1, allow_subnormal=False)
constants = st.builds(
    Constants,
    leaky_relu=st.sampled_from((0.01, 0.0, 0.5, 2.0, -0.25)),
    elu=st.sampled_from((1.0, 0.5, 3.0)),
    swish=st.sampled_from((1.0, 2.0, 0.25, -1.0)),
    celu=st.sampled_from((1.0, 0.5, 3.0)),
    prelu=st.sampled_from((0.25, 0.0, 1.5)),
)


def tensors(shape: tuple[int, ...], elements: st.SearchStrategy[float] = entries) -> st.SearchStrategy[Tensor]:
    """Float64 tensors of that shape, on the CPU."""
    return arrays(np.float64, shape, elements=elements).map(torch.from_numpy)


@st.composite
def problems(
    draw: st.DrawFn,
    activations: Sequence[str] = ACTIVATIONS,
    losses: Sequence[str] = LOSSES,
    depth: tuple[int, int] = (1, 4),
    widest: int = 4,
    most_samples: int = 4,
    scales: Sequence[float] = SCALES,
) -> Problem:
    """Any network of those activations and losses: its weights are multiplied by one of the scales."""
    loss = draw(st.sampled_from(losses))
    output = draw(st.sampled_from(PAIRS[loss]))
    layers = draw(st.lists(st.integers(1, widest), min_size=depth[0] + 1, max_size=depth[1] + 1))
    samples = draw(st.integers(1, most_samples))
    scale = draw(st.sampled_from(scales))
    W = tuple(scale * draw(tensors((below, units))) for below, units in pairwise(layers))
    b = tuple(draw(tensors((units,))) for units in layers[1:])
    x = draw(tensors((samples, layers[0])))
    t = draw(targets(samples, layers[-1], loss))
    lam = draw(st.sampled_from(LAMBDAS))
    penalty = draw(st.sampled_from(tuple(PENALTIES)))
    return Problem(
        W, b, x, t, draw(st.sampled_from(activations)), output, loss, lam, draw(constants), penalty=penalty
    )  # fmt: skip


def targets(samples: int, units: int, loss: str) -> st.SearchStrategy[Tensor]:
    """t (N, K): one-hot, 0 or 1, or within every output's range."""
    if loss in ONE_OF_MANY:
        classes = st.lists(st.integers(0, units - 1), min_size=samples, max_size=samples)
        return classes.map(lambda found: torch.eye(units, dtype=torch.float64, device="cpu")[found])
    return tensors((samples, units), st.sampled_from((0.0, 1.0)) if loss == "binary-cross-entropy" else reachable)
