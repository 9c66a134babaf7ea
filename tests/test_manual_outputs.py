"""Output and loss by hand: scores of ±10⁴, δ(L) against autograd of the same loss, pairs that are none."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from manual import ACTIVATIONS, PAIRS, pair
from manual.outputs import softmax
from verify.strategies import targets, tensors

EVERY = pytest.mark.parametrize(("output", "loss"), PAIRS)
SCORES = torch.tensor([[1e4, -1e4, 0], [-1e4, -1e4, -1e4], [1e4, 1e4, 1e4], [0, 1e-8, 700]], dtype=torch.float64)
TARGET = torch.eye(3, dtype=torch.float64)[[1, 0, 2, 0]]


@EVERY
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_scores_of_ten_thousand(output: str, loss: str, dtype: torch.dtype) -> None:
    p, a, t = pair(output, loss), SCORES.to(dtype), TARGET.to(dtype)
    y = p.y(a)
    error, delta = p.error(a, y, t), p.delta(a, y, t)
    assert (y.shape, error.shape, delta.shape) == ((4, 3), (4,), (4, 3))
    for found in (y, error, delta):
        assert found.dtype is dtype
        assert torch.isfinite(found).all()


def test_losses_of_ten_thousand_are_not_cut_off() -> None:
    cross, binary = pair("softmax", "cross-entropy"), pair("sigmoid", "binary-cross-entropy")
    assert cross.error(SCORES, cross.y(SCORES), TARGET)[:2].tolist() == pytest.approx([2e4, 1.0986122886681098])
    assert binary.error(SCORES, binary.y(SCORES), TARGET)[:2].tolist() == pytest.approx([2e4 + 0.6931471805599453, 1e4])


@EVERY
@given(st.data())
def test_delta_is_the_derivative_of_the_error(output: str, loss: str, data: st.DataObject) -> None:
    a: Tensor = data.draw(tensors((3, 4), st.floats(-5, 5, allow_subnormal=False).filter(lambda v: v != 0)))
    t = data.draw(targets(3, 4, loss))
    p = pair(output, loss)
    scores = a.clone().requires_grad_()
    gradient = torch.autograd.grad(p.error(scores, p.y(scores), t).sum(), scores)[0]
    torch.testing.assert_close(p.delta(a, p.y(a), t), gradient, rtol=1e-10, atol=1e-12)


@given(tensors((2, 3), st.floats(-50, 50)), st.floats(-1e4, 1e4))
def test_softmax_adds_up_to_1_and_does_not_know_a_common_shift(a: Tensor, shift: float) -> None:
    y = softmax(a)
    torch.testing.assert_close(y.sum(dim=1), torch.ones(2, dtype=torch.float64), rtol=1e-14, atol=0)
    torch.testing.assert_close(softmax(a + shift), y, rtol=1e-10, atol=1e-300)


def test_one_output_under_softmax_is_certain() -> None:
    a = torch.tensor([[3.0], [-1e4]], dtype=torch.float64)
    assert softmax(a).tolist() == [[1.0], [1.0]]


@pytest.mark.parametrize("loss", ["squared-error", "mean-squared-error"])
def test_every_activation_and_the_softmax_may_stand_at_the_output_of_squared_error(loss: str) -> None:
    assert {output for output, other in PAIRS if other == loss} == {*ACTIVATIONS, "softmax"}


def test_the_mean_squared_error_is_over_the_outputs() -> None:
    y, t = torch.tensor([[3.0, 1.0, 0.0, 0.0]]), torch.tensor([[1.0, 1.0, 0.0, 2.0]])
    p = pair("identity", "mean-squared-error")
    assert p.error(y, y, t).tolist() == [2.0]
    assert p.delta(y, y, t).tolist() == [[1.0, 0.0, 0.0, -1.0]]


def test_the_squared_error_behind_a_softmax_goes_through_the_whole_jacobian() -> None:
    """y = (¼, ¾), t = (0, 1): e = (¼, −¼), and y ⊙ (e − Σ e y) = ¼ (¼ + ⅛), −¾ (¼ − ⅛)."""
    a, t = torch.log(torch.tensor([[1.0, 3.0]], dtype=torch.float64)), torch.tensor([[0.0, 1.0]], dtype=torch.float64)
    p = pair("softmax", "squared-error")
    assert p.delta(a, p.y(a), t).tolist() == [pytest.approx([0.09375, -0.09375])]


@pytest.mark.parametrize(
    ("output", "loss"),
    [("softmax", "hinges"), ("sigmoid", "cross-entropy"), ("tanh", "binary-cross-entropy"), ("relu", "squared")],
)
def test_what_is_no_pair_says_what_is(output: str, loss: str) -> None:
    with pytest.raises(ValueError, match=f"output '{output}' with loss '{loss}' is no pair; pairs are softmax with"):
        pair(output, loss)
