"""Manual, autograd and differences agree, whatever the activation, λ, loss and batch; what is planted is caught."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, example, given, settings

from manual import ACTIVATIONS, SLIDES, Constants, Equations, work
from manual import network as slides
from verify.bounds.budget import lines_of
from verify.bounds.comparison import Comparison, Verdict, smallest_flagged
from verify.bounds.curves import curve
from verify.commands.main_job import judge
from verify.problems.choices import LOSSES
from verify.problems.problem import Problem
from verify.problems.samples import SHAPES, Shape, sample, seeded, sweep
from verify.strategies import problems
from verify.witnesses.against import (
    Witness,
    autograd_witness,
    complex_step_witness,
    differences_witness,
    manual_witness,
    rounding,
    set_against,
    shared_rounding,
)
from verify.witnesses.differences import differences

# A device is the same for all examples of a test: that Hypothesis does not set it up anew changes nothing.
on_device = settings(
    # 33 tests share the examples of the profile.
    max_examples=settings().max_examples // 8,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
REFUSED = (Verdict.DISAGREE, Verdict.NOT_FINITE, Verdict.WRONG_SHAPE, Verdict.WRONG_DTYPE)


def one_unit_at_zero() -> Problem:
    """A pre-activation that is exactly 0: every value between the one-sided derivatives is right."""
    one = torch.ones(1, 1, dtype=torch.float64)
    return Problem((one, one), (-one[0], one[0]), one, one, "relu", "identity", "squared-error")


def a_tiny_weight() -> Problem:
    """Found by the property: the square of a weight of 10⁻²⁴⁵ underflows."""
    zero = torch.zeros(1, 1, dtype=torch.float64)
    W = (zero, zero + 4.6151e-245)
    return Problem(W, (zero[0], zero[0]), zero, zero + 1, "identity", "softmax", "cross-entropy", 1.0)


def a_tiny_residual() -> Problem:
    """Found by the property: y − t of the size of the complex step."""
    zero = torch.zeros(1, 1, dtype=torch.float64)
    return Problem((zero,), (zero[0] + 1e-121,), zero, zero, "relu", "swish", "squared-error")


def an_output_on_its_target(output: str = "identity", loss: str = "l1") -> Problem:
    """y = t exactly in one output: every number from −1 to 1 is a derivative of |y − t| there."""
    x = torch.tensor([[1.0], [2.0]], dtype=torch.float64)
    W, b = torch.tensor([[0.0, 0.5]], dtype=torch.float64), torch.zeros(2, dtype=torch.float64)
    return Problem((W,), (b,), x, torch.zeros(2, 2, dtype=torch.float64), "relu", output, loss)


@pytest.mark.parametrize("output", ["identity", "tanh", "softsign"])
def test_where_y_is_t_differences_reach_over_every_subgradient_and_no_further(output: str) -> None:
    estimate = differences(an_output_on_its_target(output))["delta1"]
    bar = estimate.bar[:, 0]
    assert np.allclose(estimate.value[:, 0], 0, atol=1e-9)
    assert bool(((bar >= 1) & (bar <= 1 + 1e-9)).all())
    assert not bool(estimate.undecided.any())
    assert not judge(an_output_on_its_target(output)).disagreements


@pytest.mark.parametrize("apart", [0.0, 0.5])
def test_where_the_pieces_of_huber_meet_the_derivative_is_one_number(apart: float) -> None:
    p = an_output_on_its_target(loss="huber")
    p = replace(p, t=torch.tensor([[1.0 + apart, 0.0], [-1.0, 0.0]], dtype=torch.float64))
    estimate = differences(p)["delta1"]
    assert np.allclose(estimate.value[:, 0], [-1, 1], atol=1e-9)
    assert float(estimate.bar.max()) < 1e-9
    assert not judge(p).disagreements


@pytest.mark.parametrize("found", [one_unit_at_zero(), a_tiny_weight(), a_tiny_residual()], ids=["0", "W", "y"])
def test_what_the_property_has_found(found: Problem) -> None:
    assert not judge(found).disagreements


# Of the decks' losses each activation by itself; of the others Hypothesis draws it.
OF_DECKS = ("cross-entropy", "binary-cross-entropy", "squared-error")
EACH = [((activation,), loss) for activation in ACTIVATIONS for loss in OF_DECKS]
DRAWN = [(ACTIVATIONS, loss) for loss in LOSSES if loss not in OF_DECKS]


@pytest.mark.parametrize(
    ("activations", "loss"), [*EACH, *DRAWN], ids=lambda v: v if isinstance(v, str) else v[0] if len(v) == 1 else "any"
)
def test_three_witnesses_agree(activations: tuple[str, ...], loss: str, device: torch.device) -> None:
    @settings(on_device, max_examples=settings().max_examples // (8 if len(activations) == 1 else 2))
    @given(problems(activations=activations, losses=[loss]))
    def agree(problem: Problem) -> None:
        problem = problem.to(device=device)
        manual, autograd, differences = witnesses(problem)
        assert not refused(set_against(manual, autograd, shared_rounding(problem, manual, autograd)))
        assert not refused(set_against(manual, differences))
        assert not refused(set_against(manual, differences, shared_rounding(problem, manual, differences)))
        assert not refused(set_against(autograd, differences))

    agree()


@example(one_unit_at_zero())
@given(problems(activations=[name for name in ACTIVATIONS if curve(name, Constants()).knots], scales=[1.0]))
def test_at_kinks_nothing_disagrees(problem: Problem) -> None:
    assert not judge(problem).disagreements


def test_away_from_kinks_and_saturation_nothing_is_left_open(device: torch.device) -> None:
    for problem in sweep(66, seed=1):
        outcome = judge(problem.to(device=device))
        assert [c for c in outcome.comparisons if c.verdict is not Verdict.AGREE] == [], problem.label


def test_float32_is_judged_with_its_own_roundoff(device: torch.device) -> None:
    for problem in sweep(33, seed=2):
        narrow = problem.to(dtype=torch.float32, device=device)
        manual, autograd, differences = witnesses(narrow)
        assert manual.lines["dW1"].dtype == autograd.lines["dW1"].dtype == np.float32
        assert not beyond(set_against(manual, autograd, shared_rounding(narrow, manual, autograd))), problem.label
        assert not refused(set_against(manual, differences)), problem.label


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, Verdict.AGREE), (1.002, Verdict.DISAGREE)])
def test_in_float32_a_sum_of_many_squares_is_decided(factor: float, verdict: Verdict, device: torch.device) -> None:
    """In any order 10⁵ squares may lose a hundredth in float32; column by column a hundred-thousandth."""
    shape = Shape("many weights", (784, 128, 10), 4)
    narrow = sample(seeded(0), shape, activation="relu", lam=0.1).to(dtype=torch.float32, device=device)
    manual, autograd = manual_witness(narrow), autograd_witness(narrow)
    planted = replace(manual, lines={**manual.lines, "E": manual.lines["E"] * np.float32(factor)})
    found = {c.line: c for c in set_against(planted, autograd, shared_rounding(narrow, planted, autograd))}
    assert found["E"].verdict is verdict
    assert {c.line: c for c in set_against(manual, autograd)}["E"].verdict is Verdict.INCONCLUSIVE


def test_a_float32_result_is_not_within_the_budget_of_float64() -> None:
    problem = square("tanh")
    manual = manual_witness(problem)
    narrow = Witness("narrow", manual_witness(problem.to(dtype=torch.float32)).lines, manual.bars, 0)
    assert "dW1" in {c.line for c in refused(set_against(narrow, autograd_witness(problem)))}


def witnesses(problem: Problem) -> tuple[Witness, Witness, Witness]:
    return manual_witness(problem), autograd_witness(problem), differences_witness(problem)


def beyond(found: list[Comparison]) -> list[Comparison]:
    """What is not an agreement in every entry."""
    return [c for c in found if c.verdict is not Verdict.AGREE]


def refused(found: list[Comparison]) -> list[Comparison]:
    return [c for c in found if c.verdict in REFUSED]


# Planted errors ------------------------------------------------------------------------------------------------------

# Square everywhere, so that no shape gives a transposition away; four samples, so that the mean counts.
SQUARE = next(shape for shape in SHAPES if set(shape.layers) == {shape.batch} and len(shape.layers) == 4)

WRONG: dict[str, tuple[Equations, str]] = {
    "mean missing": (replace(SLIDES, mean=lambda net, total: total), "dW3"),
    "mean missing in the weights": (
        replace(SLIDES, weight_gradient=lambda net, l: slides.weight_terms(net, l) + slides.decay(net, l)), "dW3",
    ),
    "wrong sign": (replace(SLIDES, delta_output=lambda net, l: -slides.delta_output(net, l)), "delta3"),
    "square matrix not transposed": (replace(SLIDES, carried=lambda net, l: net.delta[l + 1] @ net.W[l + 1]), "delta2"),
    "λ on the biases": (
        replace(SLIDES, bias_gradient=lambda net, l: slides.bias_gradient(net, l) + net.lam * net.b[l]), "db3",
    ),
    "λ left out": (replace(SLIDES, decay=lambda net, l: 0 * net.W[l]), "dW3"),
    "f′ at z": (replace(SLIDES, slope=lambda net, l: net.f.derivative(net.z[l])), "delta2"),
}  # fmt: skip
OTHERS: dict[str, Callable[[Problem], Witness]] = {
    "autograd": autograd_witness,
    "finite-differences": differences_witness,
    "complex-step": complex_step_witness,
}


def square(activation: str, lam: float = 0.1) -> Problem:
    return sample(seeded(3), SQUARE, activation=activation, lam=lam)


def planted(problem: Problem, equations: Equations) -> Witness:
    p = problem
    lines = lines_of(work(p.W, p.b, p.x, p.t, p.f, p.pair, p.lam, equations))
    return Witness("planted", {name: line.numpy() for name, line in lines.items()}, rounding(p), 0)


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("mistake", WRONG)
def test_a_planted_mistake_is_caught(mistake: str, other: str) -> None:
    equations, line = WRONG[mistake]
    problem = square("tanh")
    found = set_against(planted(problem, equations), OTHERS[other](problem))
    assert next(iter(refused(found))).line == line


@pytest.mark.parametrize("mistake", WRONG)
def test_a_planted_mistake_is_caught_line_by_line(mistake: str) -> None:
    """With the tighter budgets of two witnesses that show all lines, and on the lines below the wrong one too."""
    equations, line = WRONG[mistake]
    problem = square("tanh")
    wrong, autograd = planted(problem, equations), autograd_witness(problem)
    tight = refused(set_against(wrong, autograd, shared_rounding(problem, wrong, autograd)))
    assert tight[0].line == line
    assert {c.line for c in tight} >= {c.line for c in refused(set_against(wrong, autograd))}


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_never_agrees(value: float, other: str) -> None:
    problem = square("tanh")
    manual = manual_witness(problem)
    line = manual.lines["dW2"].copy()
    line[1, 2] = value
    wrong = replace(manual, lines={**manual.lines, "dW2": line})
    for first, second in ((wrong, OTHERS[other](problem)), (OTHERS[other](problem), wrong)):
        found = {c.line: c for c in set_against(first, second)}["dW2"]
        assert (found.verdict, found.index) == (Verdict.NOT_FINITE, (1, 2))


@pytest.mark.parametrize("other", OTHERS)
def test_the_smallest_flagged_error_is_flagged(other: str) -> None:
    """Planted in one entry at a time, on either side: a hair beyond the stated limit it is seen, in every entry."""
    problem = square("tanh")
    manual, second = manual_witness(problem), OTHERS[other](problem)
    shared = shared_rounding(problem, manual, second) if other == "autograd" else None
    right, reference = manual.lines["dW1"], second.lines["dW1"]
    own = manual.bars["dW1"] + second.bars["dW1"]
    budget = own if shared is None else np.fmin(own, shared["dW1"])
    limits = smallest_flagged(right, reference, budget)
    for index in np.ndindex(*right.shape):
        for sign in (1, -1):
            wrong = right.copy()
            # The sum is rounded: without a few units in the last place it might fall short of the limit.
            wrong[index] += sign * (limits[index] * abs(reference[index]) + 4 * np.spacing(abs(right[index])))
            moved = replace(manual, lines={**manual.lines, "dW1": wrong})
            found = {c.line: c for c in set_against(moved, second, shared)}["dW1"]
            assert (found.verdict, found.index, found.wrong) == (Verdict.DISAGREE, index, 1)


def test_two_autograd_lines_of_another_shape_are_told() -> None:
    problem = sample(seeded(0), Shape("rectangle", (3, 2), 4), activation="tanh")
    manual, autograd = manual_witness(problem), autograd_witness(problem)
    wrong = replace(manual, lines={**manual.lines, "dW1": manual.lines["dW1"].T})
    found = {c.line: c for c in set_against(wrong, autograd, shared_rounding(problem, wrong, autograd))}
    assert found["dW1"].verdict is Verdict.WRONG_SHAPE
    assert found["db1"].verdict is Verdict.AGREE


def test_at_a_margin_of_0_every_subgradient_of_the_hinge_loss_is_within() -> None:
    """y = (0, 1, −3), the second class true, Δ = 1: the first margin is exactly 0, the third below."""
    zero = torch.zeros(1, 3, dtype=torch.float64)
    y, t = torch.tensor([0.0, 1.0, -3.0], dtype=torch.float64), torch.tensor([[0.0, 1.0, 0.0]], dtype=torch.float64)
    problem = Problem((zero,), (y,), zero[:, :1] + 1, t, "relu", "identity", "hinge")
    estimate = differences(problem)["delta1"]
    assert np.allclose(estimate.value, [[0.5, -0.5, 0.0]], atol=1e-9)
    assert np.allclose(estimate.bar, [[0.5, 0.5, 0.0]], atol=1e-9)
    assert not judge(problem).disagreements
