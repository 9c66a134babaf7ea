"""Deck 000 by the letter and mended: the letter disagrees with autograd and differences, what is mended agrees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from manual import ACTIVATIONS, SLIDES, Equations, Working, step, work
from verify.bounds.budget import lines_of
from verify.bounds.comparison import Verdict
from verify.problems.problem import Problem
from verify.problems.samples import Shape, sample, seeded
from verify.witnesses.against import (
    Witness,
    autograd_witness,
    differences_witness,
    manual_witness,
    rounding,
    set_against,
    shared_rounding,
)  # fmt: skip

SQUARE = Shape("square", (4, 4, 4, 4), 6)
# f′(z) is f′(a) where f keeps to the piece and f′ asks for no more; of hard_sigmoid, all of the problem's a lie in one.
FORGIVING = ("relu", "leaky_relu", "prelu", "relu6", "hard_tanh", "hard_sigmoid", "identity")
OTHERS: tuple[Callable[[Problem], Witness], ...] = (autograd_witness, differences_witness)


def problem(activation: str = "tanh", shape: Shape = SQUARE) -> Problem:
    return sample(seeded(11), shape, activation=activation, lam=0.05)


def worked(p: Problem, equations: Equations = SLIDES) -> Working:
    return work(p.W, p.b, p.x, p.t, p.f, p.pair, p.lam, equations)


def disagreements(p: Problem, lines: dict[str, Tensor]) -> list[set[str]]:
    """Of those lines, which autograd and which differences contradict."""
    ours = Witness("the letter", {name: v.numpy() for name, v in lines.items()}, rounding(p), 0)
    found = []
    for other in OTHERS:
        comparisons = [c for c in set_against(ours, other(p)) if c.line in lines]
        assert all(c.verdict in (Verdict.AGREE, Verdict.DISAGREE) for c in comparisons)
        found.append({c.line for c in comparisons if c.verdict is Verdict.DISAGREE})
    return found


def of_letter(p: Problem, **equations) -> list[set[str]]:
    return disagreements(p, lines_of(worked(p, replace(SLIDES, **equations))))


def of_mended(p: Problem) -> list[set[str]]:
    return disagreements(p, lines_of(worked(p)))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_slope_is_taken_before_the_activation(activation: str) -> None:
    """1: f′(z(l)) for f′(a(l))."""
    p = problem(activation)
    letter = of_letter(p, slope=lambda net, l: net.f.derivative(net.z[l]))
    hidden = {f"{kind}{l}" for kind in ("delta", "dW", "db") for l in (1, 2)}
    assert letter == ([set(), set()] if activation in FORGIVING else [hidden, hidden])
    assert of_mended(p) == [set(), set()]


def test_the_mean_belongs_into_every_step() -> None:
    """2: W − η zᵀδ − ηλW, as the summary has it, goes N times too far along the data's part."""
    p, eta = problem(), 0.1
    net = worked(p)
    letter = {l: p.W[l - 1] - eta * net.z[l - 1].T @ net.delta[l] - eta * p.lam * p.W[l - 1] for l in (1, 2, 3)}
    mended = step(p.W, p.b, [net.dW[l] for l in (1, 2, 3)], [net.db[l] for l in (1, 2, 3)], eta)[0]
    as_gradient = lambda after, l: (p.W[l - 1] - after) / eta
    wrong = disagreements(p, {f"dW{l}": as_gradient(letter[l], l) for l in (1, 2, 3)})
    assert wrong == [{"dW1", "dW2", "dW3"}] * 2
    for l in (1, 2, 3):  # the division by η rounds once more than the budget has it
        torch.testing.assert_close(as_gradient(mended[l - 1], l), net.dW[l], rtol=1e-12, atol=1e-14)
    assert of_mended(p) == [set(), set()]
    one = problem(shape=Shape("one sample", (4, 4, 4, 4), 1))
    assert of_letter(one, mean=lambda net, total: total) == [set(), set()]  # hidden where N = 1


def test_biases_are_stepped_too() -> None:
    """2: without a step the biases' gradient is taken to be 0."""
    p = problem()
    none = {f"db{l}": torch.zeros_like(p.b[l - 1]) for l in (1, 2, 3)}
    assert disagreements(p, none) == [{"db1", "db2", "db3"}] * 2
    with_decay = of_letter(p, bias_gradient=lambda net, l: SLIDES.bias_gradient(net, l) + net.lam * net.b[l])
    assert with_decay == [{"db1", "db2", "db3"}] * 2
    assert of_mended(p) == [set(), set()]


def test_delta_is_computed_before_any_weight_is_stepped() -> None:
    """3: δ(2) from the W(3) that has been adjusted already, and δ(1) from that W(2)."""
    p, eta = problem(), 0.1
    stepped = lambda net, l: net.W[l] - eta * net.dW[l]
    letter = of_letter(p, carried=lambda net, l: net.delta[l + 1] @ stepped(net, l + 1).T)
    assert letter == [{f"{kind}{l}" for kind in ("delta", "dW", "db") for l in (1, 2)}] * 2
    assert of_mended(p) == [set(), set()]


def test_the_sum_over_units_above_as_a_product() -> None:
    """4: δ wᵀ with w (out, in): our W is (in, out), so the slide's wᵀ is our W."""
    p = problem()
    letter = {"carried": lambda net, l: net.delta[l + 1] @ net.W[l + 1]}
    assert of_letter(p, **letter) == [{f"{kind}{l}" for kind in ("delta", "dW", "db") for l in (1, 2)}] * 2
    assert of_mended(p) == [set(), set()]
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):  # only a square one lets it pass
        of_letter(problem(shape=Shape("", (4, 3, 2), 6)), **letter)
    w, delta = p.W[2].T, worked(p).delta[3][0]  # one sample in columns, w (out, in)
    by_hand = torch.stack([sum(delta[j] * w[j, i] for j in range(4)) for i in range(4)])  # type: ignore[arg-type]
    torch.testing.assert_close(w.T @ delta, by_hand)
    assert not torch.allclose(delta @ w.T, by_hand)


def test_the_norm_is_that_of_frobenius() -> None:
    """5: λW is the derivative of (λ/2) ǁWǁ_F², and not of (λ/2) times the square of the spectral norm."""
    W = problem().W[0].clone().requires_grad_()
    slope = lambda norm: torch.autograd.grad(norm(W) ** 2 / 2, W)[0]
    torch.testing.assert_close(slope(torch.linalg.matrix_norm), W.detach())
    assert not torch.allclose(slope(lambda w: torch.linalg.matrix_norm(w, 2)), W.detach(), atol=0.1)


def test_the_mended_network_agrees_line_by_line_as_well() -> None:
    p = problem()
    manual, autograd = manual_witness(p), autograd_witness(p)
    assert all(c.agrees for c in set_against(manual, autograd, shared_rounding(p, manual, autograd)))
