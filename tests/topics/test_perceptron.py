"""The perceptron: the listing's data, the bound, what it cannot part, XOR behind a hidden layer, one step by torch."""

from __future__ import annotations

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

import torch_ref.perceptron
from manual import perceptron
from manual.perceptron import bound, hidden_layer, train

# Deck 002 "感知机实现样例".
LISTING = torch.tensor([[3.0, -3.0], [4.0, -3.0], [1.0, 1.0], [1.0, 2.0]], dtype=torch.float64)
LABELS = torch.tensor([-1.0, -1.0, 1.0, 1.0], dtype=torch.float64)
# Deck 002 "感知器 - 失败算例".
XOR = torch.tensor([[0.0, 0.0], [1.0, 1.0], [1.0, 0.0], [0.0, 1.0]], dtype=torch.float64)


def test_the_listings_data_take_two_updates() -> None:
    found = train(LISTING, LABELS)
    assert found.separated
    assert (found.w.tolist(), float(found.b), found.updates) == ([-2.0, 4.0], 0.0, 2)


def test_xor_is_not_parted_and_the_limit_is_reported() -> None:
    found = train(XOR, LABELS, most_rounds=50)
    assert not found.separated
    assert found.rounds == 50


def test_a_hidden_layer_parts_xor() -> None:
    found = train(hidden_layer(XOR), LABELS)
    assert found.separated
    assert not bool(perceptron.wrong(found.w, found.b, hidden_layer(XOR), LABELS).any())
    assert found.updates <= bound(hidden_layer(XOR), LABELS, found.w, found.b)


@given(N=st.integers(2, 12), D=st.integers(1, 4), seed=st.integers(0, 2**31), scale=st.sampled_from([0.1, 1.0, 100.0]))
def test_separable_data_are_parted_within_the_bound(N: int, D: int, seed: int, scale: float) -> None:
    rng = torch.Generator().manual_seed(seed)
    draw = lambda *shape: torch.randn(*shape, generator=rng, dtype=torch.float64)
    x, w, b = scale * draw(N, D), draw(D), draw(())
    labels = torch.sign(x @ w + b)
    assume(float((labels * (x @ w + b)).min()) > 0.05 * scale)
    found = train(x, labels, most_rounds=10_000)
    assert found.separated
    assert found.updates <= bound(x, labels, w, b)
    assert found.updates <= bound(x, labels, found.w, found.b)


def test_the_bare_samples_give_a_bound_that_small_data_break() -> None:
    """Erratum 14: x = ±0.1 has R²/γ² = 1 without the constant 1, and takes two updates."""
    x = torch.tensor([[0.1], [-0.1]], dtype=torch.float64)
    labels = torch.tensor([1.0, -1.0], dtype=torch.float64)
    found = train(x, labels)
    R2, gamma = float(torch.max(x**2)), float(torch.min(labels * x[:, 0]))
    assert R2 / gamma**2 == pytest.approx(1.0)
    assert found.updates == 2
    assert found.updates <= bound(x, labels, found.w, found.b)


def test_an_integer_score_takes_more_updates() -> None:
    """Erratum 16: int(y) makes every score between −1 and 1 an error, so the listing goes on where it could stop."""
    x = torch.tensor([[0.1, 0.2], [0.3, -0.1], [-0.2, -0.3], [-0.1, -0.1]], dtype=torch.float64)
    labels = torch.tensor([1.0, 1.0, -1.0, -1.0], dtype=torch.float64)
    w, b, updates = torch.zeros(2, dtype=torch.float64), torch.tensor(0.0, dtype=torch.float64), 0
    for _ in range(1000):
        before = updates
        for sample, label in zip(x, labels, strict=True):
            if int(perceptron.score(w, b, sample)) * label <= 0:
                w, b = perceptron.update(w, b, sample, label)
                updates += 1
        if updates == before:
            break
    assert updates > train(x, labels).updates


@given(D=st.integers(1, 4), seed=st.integers(0, 2**31))
def test_an_update_is_a_step_of_sgd_at_a_sample_that_is_wrong(D: int, seed: int) -> None:
    rng = torch.Generator().manual_seed(seed)
    w, b, x = (torch.randn(s, generator=rng, dtype=torch.float64) for s in ((D,), (), (D,)))
    label = -torch.sign(perceptron.score(w, b, x))
    mine, reference = perceptron.update(w, b, x, label), torch_ref.perceptron.update(w, b, x, label)
    assert torch.equal(mine[0], reference[0])
    assert torch.equal(mine[1], reference[1])


def test_what_no_line_parts_has_no_bound() -> None:
    with pytest.raises(ValueError, match="no bound"):
        bound(XOR, LABELS, torch.tensor([1.0, 1.0], dtype=torch.float64), torch.tensor(0.0, dtype=torch.float64))


def test_the_loss_is_zero_once_all_are_right() -> None:
    found = train(LISTING, LABELS)
    assert float(perceptron.loss(found.w, found.b, LISTING, LABELS)) == 0.0
    assert float(perceptron.loss(-found.w, found.b, LISTING, LABELS)) > 0.0
