"""Logistic regression beside autograd, and units that no sample reaches."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

import torch_ref.logistic as ref
from manual import SLIDES, activation, logistic, pair, work
from verify.bounds.budget import bounded_working, lines_of
from verify.problems.problem import Problem


def _problem(N: int, D: int, seed: int, scale: float) -> tuple[torch.Tensor, ...]:
    rng = torch.Generator().manual_seed(seed)
    draw = lambda *shape: torch.randn(shape, generator=rng, dtype=torch.float64)
    return draw(D), draw(), scale * draw(N, D), torch.randint(0, 2, (N,), generator=rng).double()


@given(
    N=st.integers(1, 8), D=st.integers(1, 5), seed=st.integers(0, 2**31), lam=st.sampled_from([0.0, 0.3]),
    scale=st.sampled_from([0.1, 1.0, 30.0]),
)  # fmt: skip
def test_by_hand_and_by_autograd_within_the_budget(N: int, D: int, seed: int, lam: float, scale: float) -> None:
    """It is the slides' network with one layer and one unit, so the network's budgets are its own."""
    w, b, x, t = _problem(N, D, seed, scale)
    network = Problem(
        (w.unsqueeze(1),), (b.reshape(1),), x, t.unsqueeze(1), "identity", "sigmoid", "binary-cross-entropy", lam
    )
    budget = {name: 2 * line.error for name, line in lines_of(bounded_working(network)).items()}
    dw, db = logistic.gradients(w, b, x, t, lam)
    ref_dw, ref_db = ref.gradients(w, b, x, t, lam)
    assert bool(((dw - ref_dw).abs() <= budget["dW1"][:, 0]).all())
    assert bool((db - ref_db).abs() <= budget["db1"][0])
    assert bool((logistic.error(w, b, x, t, lam) - ref.error(w, b, x, t, lam)).abs() <= budget["E"])
    assert bool(((logistic.probability(w, b, x) - ref.probability(w, b, x)).abs() <= budget["y"][:, 0]).all())


def test_it_is_the_network_of_one_unit() -> None:
    w, b, x, t = _problem(6, 3, 1, 1.0)
    net = work(
        [w.unsqueeze(1)], [b.reshape(1)], x, t.unsqueeze(1), activation("identity"),
        pair("sigmoid", "binary-cross-entropy"), 0.2, SLIDES,
    )  # fmt: skip
    dw, db = logistic.gradients(w, b, x, t, 0.2)
    torch.testing.assert_close(net.dW[1][:, 0], dw, rtol=1e-14, atol=1e-15)
    torch.testing.assert_close(net.db[1][0], db, rtol=1e-14, atol=1e-15)


def test_a_planted_factor_is_seen() -> None:
    w, b, x, t = _problem(6, 3, 1, 1.0)
    y = logistic.probability(w, b, x)
    wrong = x.T @ ((y - t) * y * (1 - y)) / len(t)
    assert not torch.allclose(wrong, ref.gradients(w, b, x, t)[0], rtol=1e-3)


def test_a_dead_unit_has_no_gradient_and_never_moves() -> None:
    """Deck 002 "其他常用激活函数": a unit with a ≤ 0 for every sample is counted, and 100 steps leave it as it is."""
    rng = torch.Generator().manual_seed(3)
    x = torch.rand(20, 2, generator=rng, dtype=torch.float64)
    t = torch.randint(0, 2, (20, 1), generator=rng).double()
    W = [torch.tensor([[1.0, -1.0], [0.5, -2.0]], dtype=torch.float64), torch.ones(2, 1, dtype=torch.float64)]
    b = [torch.tensor([0.0, -0.1], dtype=torch.float64), torch.zeros(1, dtype=torch.float64)]
    first = W[0][:, 1].clone()
    for _ in range(100):
        net = work(W, b, x, t, activation("relu"), pair("sigmoid", "binary-cross-entropy"), 0.0, SLIDES)
        assert logistic.dead(net.a[1]).tolist() == [False, True]
        assert float(net.dW[1][:, 1].abs().max()) == 0.0
        W = [w - 0.1 * net.dW[l] for l, w in enumerate(W, 1)]
        b = [v - 0.1 * net.db[l] for l, v in enumerate(b, 1)]
    assert torch.equal(W[0][:, 1], first)
