"""Steps by hand beside torch.optim's, each from the same weights, gradient and memory, within the step's budget."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import torch_ref.optimisers as ref
from manual import initialisation, optimisers
from manual.optimisers import OPTIMISERS, Adam, Descent, Momentum, clip_by_norm, deck_schedule

DTYPES = {torch.float64: 2.0**-53, torch.float32: 2.0**-24}


def _torch_step(name: str, rule: optimisers.Optimiser, theta: Tensor, g: Tensor, eta: float) -> Tensor:
    """torch.optim's step from the very weights and memory that the rule has before its own."""
    parameter = theta.clone().requires_grad_()
    reference = ref.optimiser(name, [parameter], eta)
    parameter.grad = g.clone()
    if name == "adam":
        memory = {"step": torch.tensor(float(rule.steps)), "exp_avg": rule.memory["m"].clone()}
        reference.state[parameter] = memory | {"exp_avg_sq": rule.memory["v"].clone()}
    elif name == "momentum":
        reference.state[parameter] = {"momentum_buffer": rule.memory["v"].clone()}
    reference.step()
    return parameter.detach()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", ["gd", "sgd", "momentum", "adam"])
def test_a_thousand_steps_each_equal_torchs_within_the_steps_budget(name: str, dtype: torch.dtype) -> None:
    """The new weight is a sum, rounded once on each side, of θ and an update of some twelve roundings."""
    rng, u = torch.Generator().manual_seed(0), DTYPES[dtype]
    theta = torch.randn(7, generator=rng, dtype=dtype)
    rule = OPTIMISERS[name](theta)
    for _ in range(1000):
        g = torch.randn(7, generator=rng, dtype=dtype) * 10 ** (4 * torch.rand(7, generator=rng, dtype=dtype) - 3)
        before = theta.clone()
        expected = _torch_step(name, rule, theta, g, 0.01)
        rule.step(theta, g, 0.01)
        # v and its terms may cancel: the size of what is added up stands for the update.
        size = (rule.memory["v"].abs() + g.abs()) * 0.01 if name == "momentum" else (theta - before).abs()
        size = size + 0.02 if name == "adam" else size
        allowed = 2 * u * (theta.abs() + before.abs() + 12 * size)
        assert bool(((theta - expected).abs() <= allowed).all())


@given(scale=st.sampled_from([1e-8, 1e-4, 1.0]), t=st.integers(1, 20))
def test_adams_mistakes_leave_the_budget(scale: float, t: int) -> None:
    """ε inside the root, ε before the correction, no correction: each is another step where gradients are small."""
    rng = torch.Generator().manual_seed(t)
    theta = torch.zeros(3, dtype=torch.float64)
    rule = Adam(theta)
    for _ in range(t):
        before = theta.clone()
        g = scale * torch.randn(3, generator=rng, dtype=torch.float64)
        rule.step(theta, g, 1.0)
    m, v = rule.memory["m"], rule.memory["v"]
    m_hat, v_hat = m / (1 - 0.9**t), v / (1 - 0.999**t)
    right = before - m_hat / (torch.sqrt(v_hat) + 1e-8)
    torch.testing.assert_close(theta, right, rtol=1e-13, atol=1e-15)
    wrong = {
        "inside the root": before - m_hat / torch.sqrt(v_hat + 1e-8),
        "before the correction": before - m_hat / (torch.sqrt(v) + 1e-8) * math.sqrt(1 - 0.999**t),
        "no correction": before - m / (torch.sqrt(v) + 1e-8),
    }
    if scale < 1:
        assert all(not torch.allclose(theta, w, rtol=1e-9, atol=0) for w in wrong.values())


def test_momentum_with_the_other_sign_is_another_step() -> None:
    theta = torch.zeros(1, dtype=torch.float64)
    rule = Momentum(theta)
    for _ in range(2):
        rule.step(theta, torch.ones(1, dtype=torch.float64), 0.1)
    assert float(theta) == pytest.approx(-0.1 - 0.19)
    assert float(theta) != pytest.approx(-0.1 - (1 - 0.9) * 0.1)


def test_a_step_leaves_the_gradient_alone() -> None:
    for rule in (Descent, Momentum, Adam):
        theta, g = torch.ones(2), torch.tensor([0.5, -2.0])
        rule(theta).step(theta, g, 0.1)
        assert g.tolist() == [0.5, -2.0]


@given(seed=st.integers(0, 2**31), most=st.floats(0.01, 100), scale=st.sampled_from([0.0, 1e-3, 1.0, 1e3]))
def test_clipping_is_torchs(seed: int, most: float, scale: float) -> None:
    rng = torch.Generator().manual_seed(seed)
    gradients = [scale * torch.randn(*shape, generator=rng, dtype=torch.float64) for shape in ((3, 2), (4,))]
    expected = ref.clip_by_norm(gradients, most)
    norm = clip_by_norm(gradients, most)
    for mine, theirs in zip(gradients, expected, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-14, atol=0)
    length = math.sqrt(sum(float((g**2).sum()) for g in gradients))
    assert length <= most * (1 + 1e-12) or norm <= most
    if norm <= most / 2:
        assert length == pytest.approx(norm)


def test_the_schedule_of_deck_000() -> None:
    """Fifty epochs at 0.1, fifty at 0.01."""
    etas = [deck_schedule(epoch) for epoch in range(1, 101)]
    assert etas == [0.1] * 50 + [0.01] * 50


@pytest.mark.parametrize("how", initialisation.DEVIATIONS)
def test_initial_weights_have_the_deviation_that_they_are_named_for(how: str) -> None:
    W, b = initialisation.weights([400, 300], how, torch.Generator().manual_seed(0))
    assert W[0].shape == (400, 300)
    assert float(W[0].std()) == pytest.approx(initialisation.DEVIATIONS[how](400, 300), rel=0.01)
    assert float(b[0].abs().max()) == 0.0


def test_an_unknown_initialisation_is_refused() -> None:
    with pytest.raises(ValueError, match="known are normal"):
        initialisation.weights([2, 2], "lecun", torch.Generator())


def test_the_listings_weights_lie_between_minus_one_and_one() -> None:
    W, b = initialisation.deck_weights([50, 40], torch.Generator().manual_seed(0))
    assert float(W[0].min()) < -0.9
    assert float(W[0].max()) > 0.9
    assert float(torch.cat([W[0].flatten(), b[0]]).abs().max()) <= 1.0
