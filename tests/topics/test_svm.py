"""The SVM loss beside torch's module and differences, its kinks, its convexity; slices and searches of it."""

from __future__ import annotations

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

import torch_ref.searches
import torch_ref.slices
import torch_ref.svm as ref
from manual import activation, pair, searches, slices, svm, work
from verify.bounds.bounded import gamma_n


def _problem(K: int, D: int, N: int, seed: int, scale: float = 1.0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(seed)
    draw = lambda *shape: scale * torch.randn(*shape, generator=rng, dtype=torch.float64)
    return draw(K, D), draw(D, N), torch.randint(0, K, (N,), generator=rng)


@given(
    K=st.integers(2, 5), D=st.integers(1, 6), N=st.integers(1, 8), seed=st.integers(0, 2**31),
    lam=st.sampled_from([0.0, 0.4]), margin=st.sampled_from([0.5, 1.0, 2.0]), scale=st.sampled_from([0.1, 1.0, 30.0]),
)  # fmt: skip
def test_by_hand_and_by_torch(K: int, D: int, N: int, seed: int, lam: float, margin: float, scale: float) -> None:
    """Away from kinks every entry is a sum of N K terms of one size or another, whatever the order."""
    W, x, y = _problem(K, D, N, seed, scale)
    m = svm.margins(W, x, y, margin)
    assume(bool((m[m != 0].abs() > 1e-9 * scale**2).all()))
    terms = (K * x.abs().sum(dim=1) / N).expand(K, D) + lam * W.abs()
    budget = 2 * gamma_n(N * K + 6, torch.finfo(torch.float64).eps / 2) * terms
    assert bool(((svm.gradient(W, x, y, margin, lam) - ref.gradient(W, x, y, margin, lam)).abs() <= budget).all())
    torch.testing.assert_close(svm.loss(W, x, y, margin, lam), ref.loss(W, x, y, margin, lam), rtol=1e-13, atol=1e-14)


def test_the_slides_row_of_the_true_class_alone_is_no_gradient() -> None:
    """Erratum 9: deck 004 gives the row of the true class; the other rows are not 0."""
    W, x, y = _problem(3, 2, 4, 5)
    own = torch.zeros_like(W)
    for i in range(4):
        own[y[i]] -= (svm.margins(W, x, y)[:, i] > 0).sum() * x[:, i] / 4
    assert not torch.allclose(own, ref.gradient(W, x, y))
    assert torch.allclose(svm.gradient(W, x, y), ref.gradient(W, x, y))


def test_at_a_kink_every_subgradient_lies_between_the_one_sided_slopes() -> None:
    x = torch.tensor([[1.0]], dtype=torch.float64)
    W, y = torch.tensor([[1.0], [0.0]], dtype=torch.float64), torch.tensor([0])
    assert float(svm.margins(W, x, y)[1, 0]) == 0.0
    direction = torch.tensor([[0.0], [1.0]], dtype=torch.float64)
    h = 2.0**-20
    right = (svm.loss(W + h * direction, x, y) - svm.loss(W, x, y)) / h
    left = (svm.loss(W, x, y) - svm.loss(W - h * direction, x, y)) / h
    assert (float(left), float(right)) == (0.0, 1.0)
    for c in (0.0, 0.5, 1.0):
        assert float(svm.gradient(W, x, y, at_zero=c)[1, 0]) == c
        assert float(left) <= c <= float(right)


def test_the_count_on_the_true_class_and_the_true_classs_own_margin() -> None:
    """The two mistakes that are made most: −x for −(count) x, and the true class among the sum, which adds Δ."""
    W, x, y = torch.zeros(3, 1, dtype=torch.float64), torch.ones(1, 1, dtype=torch.float64), torch.tensor([0])
    assert svm.gradient(W, x, y).tolist() == [[-2.0], [1.0], [1.0]]
    assert float(svm.loss(W, x, y)) == 2.0


def test_the_bias_trick() -> None:
    W, x, _ = _problem(3, 2, 5, 1)
    b = torch.tensor([0.5, -1.0, 0.25], dtype=torch.float64)
    wide, with_one = svm.with_bias(W, b, x)
    assert wide.shape == (3, 3)
    torch.testing.assert_close(wide @ with_one, W @ x + b.unsqueeze(1), rtol=1e-14, atol=1e-14)


def test_three_samples_give_the_decks_three_losses() -> None:
    x, y = svm.three_samples()
    w = torch.tensor([[0.5], [-1.0], [0.25]], dtype=torch.float64)
    s = [[float(w[j] * x[0, i]) for j in range(3)] for i in range(3)]
    L0 = max(0.0, s[0][1] - s[0][0] + 1) + max(0.0, s[0][2] - s[0][0] + 1)
    L1 = max(0.0, s[1][0] - s[1][1] + 1) + max(0.0, s[1][2] - s[1][1] + 1)
    L2 = max(0.0, s[2][0] - s[2][2] + 1) + max(0.0, s[2][1] - s[2][2] + 1)
    assert svm.losses(w, x, y).tolist() == [L0, L1, L2]
    assert float(svm.loss(w, x, y)) == pytest.approx((L0 + L1 + L2) / 3, rel=1e-15)


@given(seed=st.integers(0, 2**31))
def test_the_loss_is_convex_on_every_line(seed: int) -> None:
    """Deck 004 "凸优化"."""
    W, x, y = _problem(3, 2, 6, seed)
    W1 = _problem(3, 2, 6, seed + 1)[0]
    values = slices.curve(lambda V: svm.loss(V, x, y), W, W1, torch.linspace(-4, 4, 41, dtype=torch.float64))
    assert slices.bends_upwards(values)


def test_a_networks_loss_is_not_convex() -> None:
    rng = torch.Generator().manual_seed(0)
    draw = lambda *shape: torch.randn(*shape, generator=rng, dtype=torch.float64)
    x, t, W, W1, V = draw(8, 2), torch.eye(2, dtype=torch.float64).repeat(4, 1), draw(2, 3), draw(2, 3), draw(3, 2)
    b = [torch.zeros(3, dtype=torch.float64), torch.zeros(2, dtype=torch.float64)]
    loss = lambda U: work([U, V], b, x, t, activation("tanh"), pair("softmax", "cross-entropy"), 0.0).E
    values = slices.curve(loss, W, W1, torch.linspace(-6, 6, 121, dtype=torch.float64))
    assert not slices.bends_upwards(values)


def test_slices() -> None:
    W, x, y = _problem(3, 2, 6, 4)
    W1, W2 = _problem(3, 2, 6, 5)[0], _problem(3, 2, 6, 6)[0]
    loss = lambda V: svm.loss(V, x, y)
    a = torch.tensor([-1.0, 0.0, 0.5], dtype=torch.float64)
    surface = slices.surface(loss, W, W1, W2, a, a)
    assert surface.shape == (3, 3)
    assert torch.equal(surface[:, 1], slices.curve(loss, W, W1, a))
    slope = torch_ref.slices.slope(loss, W, W1, 0.1)
    torch.testing.assert_close(slope, (svm.gradient(W + 0.1 * W1, x, y) * W1).sum(), rtol=1e-13, atol=1e-14)


def test_searches_only_get_better_and_the_gradient_is_fastest() -> None:
    """Deck 004 "最优化:": three ways, as many evaluations each; of the same start, the gradient ends lowest."""
    W, x, y = _problem(3, 4, 30, 2)
    loss = lambda V: svm.loss(V, x, y, lam=0.1)
    rng = torch.Generator().manual_seed(0)
    at_random = searches.random_search(loss, W, 200, 1.0, rng)
    local = searches.local_search(loss, W, 200, 0.1, rng)
    down = searches.descent(loss, lambda V: svm.gradient(V, x, y, lam=0.1), W, 200, 0.05)
    for found in (at_random, local):
        assert found.best == sorted(found.best, reverse=True)
        assert found.best[-1] == float(loss(found.W))
    assert down.best[-1] < local.best[-1] < at_random.best[-1]


def test_descent_is_that_of_torchs_sgd() -> None:
    W, x, y = _problem(3, 4, 10, 2)
    mine = searches.descent(lambda V: svm.loss(V, x, y), lambda V: svm.gradient(V, x, y), W, 20, 0.01)
    weights, history = torch_ref.searches.descent(lambda V: ref.loss(V, x, y), W, 20, 0.01)
    torch.testing.assert_close(mine.W, weights, rtol=1e-12, atol=1e-13)
    assert mine.best == pytest.approx(history, rel=1e-12)


def test_steps_that_are_too_large_end_and_say_so() -> None:
    """Deck 004 "□ 关于迭代的步长:"."""
    loss, gradient = lambda W: torch.sum(W**4), lambda W: 4 * W**3
    found = searches.descent(loss, gradient, torch.tensor([3.0], dtype=torch.float64), 1000, 0.5)
    assert len(found.best) < 1000
    assert found.best[0] < found.best[1]
