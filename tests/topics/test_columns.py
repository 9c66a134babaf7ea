"""The columns network: sample by sample, a batch at once, in rows, and by autograd: one gradient within budget."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import torch_ref.columns
from manual import ACTIVATIONS, Constants, activation, columns
from verify.bounds.budget import bounded_working, lines_of
from verify.problems.problem import Problem

CONSTANTS = Constants()


def _problem(layers: list[int], N: int, seed: int) -> tuple[list[Tensor], list[Tensor], Tensor, Tensor]:
    rng = torch.Generator().manual_seed(seed)
    draw = lambda *shape: torch.randn(*shape, generator=rng, dtype=torch.float64)
    W = [draw(out, below) / below**0.5 for below, out in pairwise(layers)]
    b = [0.5 * draw(out, 1) for out in layers[1:]]
    return W, b, draw(layers[0], N), torch.rand(layers[-1], N, generator=rng, dtype=torch.float64)


NETWORKS = {
    "layers": st.lists(st.integers(1, 4), min_size=2, max_size=5), "N": st.integers(1, 6),
    "seed": st.integers(0, 2**31), "lam": st.sampled_from([0.0, 0.2, 1.0]),
}  # fmt: skip


@given(hidden=st.sampled_from(ACTIVATIONS), output=st.sampled_from(ACTIVATIONS), **NETWORKS)
def test_four_ways_to_one_gradient(layers: list[int], N: int, seed: int, lam: float, hidden: str, output: str) -> None:
    W, b, x, y = _problem(layers, N, seed)
    names = [hidden] * (len(W) - 1) + [output]
    f = [activation(name, CONSTANTS) for name in names]
    one_by_one = columns.gradients(W, b, f, x, y, lam)
    at_once = columns.batch_gradients(W, b, f, x, y, lam)
    autograd = torch_ref.columns.gradients(W, b, names, vars(CONSTANTS), x, y, lam)
    rows = Problem(
        tuple(w.T.contiguous() for w in W), tuple(v[:, 0] for v in b), x.T.contiguous(), y.T.contiguous(),
        hidden, output, "squared-error", lam, CONSTANTS,
    )  # fmt: skip
    lines = lines_of(bounded_working(rows))
    for l in range(1, len(W) + 1):
        for kind, of in (("dW", 0), ("db", 1)):
            line = lines[f"{kind}{l}"]
            value, budget = (
                (line.value.T, 2 * line.error.T) if kind == "dW" else (line.value[:, None], 2 * line.error[:, None])
            )
            for way in (one_by_one, at_once, autograd):
                assert way[of][l - 1].shape == value.shape
                assert bool(((way[of][l - 1] - value).abs() <= budget).all())


@given(**NETWORKS)
def test_layers_may_have_activations_of_their_own(layers: list[int], N: int, seed: int, lam: float) -> None:
    """Deck 002 "计算公式" writes f_l."""
    W, b, x, y = _problem(layers, N, seed)
    names = [("tanh", "sigmoid", "softplus", "swish")[l % 4] for l in range(len(W))]
    f = [activation(name, CONSTANTS) for name in names]
    autograd = torch_ref.columns.gradients(W, b, names, vars(CONSTANTS), x, y, lam)
    for way in (columns.gradients(W, b, f, x, y, lam), columns.batch_gradients(W, b, f, x, y, lam)):
        for mine, theirs in zip((*way[0], *way[1]), (*autograd[0], *autograd[1]), strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-11, atol=1e-13)


def test_the_four_equations_of_deck_004_are_those_at_lambda_zero() -> None:
    W, b, x, y = _problem([2, 3, 2], 1, 0)
    f = [activation("sigmoid")] * 2
    layers = columns.forward(W, b, f, x)
    slope = lambda z: torch.sigmoid(z) * (1 - torch.sigmoid(z))
    delta2 = (layers.a[2] - y) * slope(layers.z[1])
    delta1 = (W[1].T @ delta2) * slope(layers.z[0])
    dW, db = columns.gradients(W, b, f, x, y, 0.0)
    for mine, theirs in zip((*dW, *db), (delta1 @ x.T, delta2 @ layers.a[1].T, delta1, delta2), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-14, atol=1e-16)


def test_the_product_of_matrices_for_the_slides_dot_is_another_shape() -> None:
    """Erratum 17: deck 001 "向量化表示" writes a dot where ⊙ is meant; as a product the shapes do not fit."""
    W, b, x, y = _problem([2, 3, 2], 2, 0)
    layers = columns.forward(W, b, [activation("sigmoid")] * 2, x)
    with pytest.raises(RuntimeError):
        _ = (y - layers.a[-1])[:, :1] @ activation("sigmoid").derivative(layers.z[-1])[:, :1]


def test_an_update_goes_down_and_leaves_the_weights_alone() -> None:
    W, b, x, y = _problem([2, 3, 2], 5, 0)
    f, kept = [activation("tanh")] * 2, [w.clone() for w in W]
    before = columns.loss(columns.forward(W, b, f, x).a[-1], y, W, 0.1)
    W2, b2 = columns.update(W, b, columns.gradients(W, b, f, x, y, 0.1), 0.01)
    assert columns.loss(columns.forward(W2, b2, f, x).a[-1], y, W2, 0.1) < before
    assert all(torch.equal(w, k) for w, k in zip(W, kept, strict=True))


def test_no_samples_have_no_mean() -> None:
    W, b, x, y = _problem([2, 2], 1, 0)
    with pytest.raises(ValueError, match="no column"):
        columns.gradients(W, b, [activation("tanh")], x[:, :0], y[:, :0], 0.0)
