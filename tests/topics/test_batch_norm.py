"""Batch normalisation by hand beside torch.nn, differences, and running error analysis."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import torch_ref.batch_norm as ref
from manual import batch_norm
from manual.batch_norm import Running, backward, forward, inference


def _problem(N: int, M: int, seed: int, scale: float = 1.0) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    rng = torch.Generator().manual_seed(seed)
    draw = lambda *shape: torch.randn(*shape, generator=rng, dtype=torch.float64)
    return scale * draw(N, M) + draw(M), draw(M), draw(M), draw(N, M)


@given(N=st.integers(2, 9), M=st.integers(1, 4), seed=st.integers(0, 2**31), scale=st.sampled_from([0.01, 1.0, 100.0]))
def test_forward_and_backward_are_torchs(N: int, M: int, seed: int, scale: float) -> None:
    a, gamma, beta, dy = _problem(N, M, seed, scale)
    y, cache = forward(a, gamma, beta)
    # x̂ is off by some roundings of a, over the deviation; the backward pass takes differences of terms like dy.
    lost = 64 * torch.finfo(torch.float64).eps * (1 + a.abs().max(dim=0).values * cache.inverse)
    assert bool(((y - ref.module(gamma, beta)(a).detach()).abs() <= lost * (gamma.abs() * 3 + beta.abs())).all())
    da, dgamma, dbeta = backward(dy, gamma, cache)
    ref_da, ref_dgamma, ref_dbeta = ref.gradients(a, gamma, beta, dy)
    terms = N * dy.abs().max(dim=0).values
    assert bool(((da - ref_da).abs() <= lost * N * terms * gamma.abs() * cache.inverse).all())
    assert bool(((dgamma - ref_dgamma).abs() <= lost * N * terms).all())
    assert bool(((dbeta - ref_dbeta).abs() <= lost * terms).all())


def test_differences_agree() -> None:
    a, gamma, beta, dy = _problem(5, 3, 1)
    E = lambda a, gamma, beta: torch.sum(forward(a, gamma, beta)[0] * dy)
    found = backward(dy, gamma, forward(a, gamma, beta)[1])
    h = 1e-5
    for which, of in enumerate((a, gamma, beta)):
        for i in range(of.numel()):
            moved = [v.clone() for v in (a, gamma, beta)]
            moved[which].view(-1)[i] += h
            above = E(*moved)
            moved[which].view(-1)[i] -= 2 * h
            assert float((above - E(*moved)) / (2 * h)) == pytest.approx(float(found[which].reshape(-1)[i]), abs=1e-7)


def test_leaving_out_what_goes_through_mean_and_variance_is_seen() -> None:
    """The usual mistake: da = γ/√(σ² + ε) dy alone, as if μ and σ² were numbers."""
    a, gamma, beta, dy = _problem(5, 3, 1)
    cache = forward(a, gamma, beta)[1]
    assert not torch.allclose(gamma * cache.inverse * dy, ref.gradients(a, gamma, beta, dy)[0], rtol=0.05)


def test_the_gradient_sums_to_zero_over_the_batch() -> None:
    """Moving all samples by one amount changes nothing: so says ∂E/∂a."""
    a, gamma, beta, dy = _problem(6, 2, 3)
    da = backward(dy, gamma, forward(a, gamma, beta)[1])[0]
    assert float(da.sum(dim=0).abs().max()) < 1e-13


def test_running_statistics_are_torchs_and_inference_uses_them() -> None:
    _, gamma, beta, _ = _problem(5, 3, 1)
    layer = ref.module(gamma, beta)
    running = Running(torch.zeros(3, dtype=torch.float64), torch.ones(3, dtype=torch.float64))
    for seed in range(4):
        a = _problem(5, 3, seed)[0]
        layer(a)
        forward(a, gamma, beta, running)
    assert layer.running_mean is not None
    assert layer.running_var is not None
    torch.testing.assert_close(running.mean, layer.running_mean, rtol=1e-13, atol=1e-15)
    torch.testing.assert_close(running.variance, layer.running_var, rtol=1e-13, atol=1e-15)
    layer.eval()
    a = _problem(5, 3, 9)[0]
    torch.testing.assert_close(inference(a, gamma, beta, running), layer(a).detach(), rtol=1e-13, atol=1e-14)


def test_the_biased_running_variance_is_another_number() -> None:
    a, gamma, beta, _ = _problem(4, 2, 0)
    kept = {}
    for unbiased in (True, False):
        running = Running(torch.zeros(2, dtype=torch.float64), torch.zeros(2, dtype=torch.float64), 1.0, unbiased)
        forward(a, gamma, beta, running)
        kept[unbiased] = running.variance
    torch.testing.assert_close(kept[True], torch.var(a, dim=0), rtol=1e-13, atol=0)
    torch.testing.assert_close(kept[False], torch.var(a, dim=0, correction=0), rtol=1e-13, atol=0)
    assert not torch.allclose(kept[True], kept[False])


def test_one_sample_has_no_variance() -> None:
    a, gamma, beta, _ = _problem(2, 2, 0)
    running = Running(torch.zeros(2, dtype=torch.float64), torch.ones(2, dtype=torch.float64))
    with pytest.raises(ValueError, match="2 samples"):
        batch_norm.forward(a[:1], gamma, beta, running)
