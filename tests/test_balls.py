"""Balls: against 50 digits, at kinks, far from ordinary scales; and what they let off or accuse."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import mpmath
import numpy as np
import pytest
import torch
from torch import Tensor

from manual import ACTIVATIONS, SLIDES, Constants, work
from tests import exact
from verify.benchmarks.orders import WAYS
from verify.bounds.budget import budgets, lines_of
from verify.problems.choices import LOSSES
from verify.problems.lines import gradient_names, names
from verify.problems.problem import Problem
from verify.problems.samples import Shape, sample, seeded, sweep
from verify.witnesses.against import Witness, autograd_witness, exact_witness, manual_witness, rounding
from verify.witnesses.balls import Balls, Enclosure, balls
from verify.witnesses.columns import base_of
from verify.witnesses.complex_step import complex_step, unavailable
from verify.witnesses.differences import Estimate, differences
from verify.witnesses.offsets import offsets

SMALL = Shape("", (3, 3, 2, 2), 2)
OUTPUTS = {"cross-entropy": "softmax", "binary-cross-entropy": "sigmoid", "squared-error": "tanh"}


DEFAULTS = Constants()


def exactly(line: Enclosure) -> np.ndarray:
    """The midpoints as numbers of 50 digits."""
    high, low = (np.array(v.tolist(), dtype=object) for v in (line.value, line.rest))
    return high * mpmath.mpf(1) + low


def of(activation: str, loss: str = "cross-entropy", **changes: object) -> Problem:
    given = {"output": OUTPUTS.get(loss, "tanh"), "loss": loss, "lam": 0.1, **changes}
    return sample(seeded(3), SMALL, activation=activation, **given)


def one(value: float) -> Tensor:
    return torch.full((1, 1), value, dtype=torch.float64)


# The oracle of the oracle --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_gradient_is_that_of_50_digits(activation: str) -> None:
    loss = LOSSES[ACTIVATIONS.index(activation) % 3]
    problem = of(activation, loss)
    found, right = balls(problem), exact.gradients(problem)
    with mpmath.workdps(exact.DIGITS):
        for name in gradient_names(problem.L):
            off = abs(exactly(found.lines[name]) - np.array(right[name], dtype=object))
            assert bool((off < 1e-25).all()), name  # what differences at 50 digits truncate


@pytest.mark.parametrize("output", ACTIVATIONS)
def test_every_line_is_sharp_and_named(output: str) -> None:
    problem = of("tanh", "squared-error", output=output)
    found = balls(problem)
    assert set(found.lines) == set(names(problem.L))
    assert found.units == {}
    for name, line in found.lines.items():
        assert line.value.shape == manual_witness(problem).lines[name].shape
        assert not line.open.any()
        assert not line.hull.any()
        assert bool((line.radius <= 2.0**-79 * np.abs(line.value)).all()), name


def test_a_wrong_oracle_is_caught() -> None:
    problem = of("tanh")
    right = exact.gradients(problem)["dW1"]
    other = balls(replace(problem, lam=0.1 + 1e-16)).lines["dW1"]
    assert bool((abs(exactly(other) - np.array(right, dtype=object)) > 1e-25).any())


# Kinks ---------------------------------------------------------------------------------------------------------------


def at_zero(left: float, right: float, name: str = "relu", c: Constants = DEFAULTS) -> Problem:
    """x = 1 -> two units at exactly 0 -> w₁f(a₁) + w₂f(a₂) -> ½(y − 1)², so that ∂E/∂a_j = −w_j f′(a_j)."""
    W = (torch.ones(1, 2, dtype=torch.float64), torch.tensor([[left], [right]], dtype=torch.float64))
    return Problem(W, (-W[0][0], one(0)[0]), one(1), one(1), name, "identity", "squared-error", 0.0, c)


@pytest.mark.parametrize(("name", "below"), [("relu", 0.0), ("leaky_relu", 0.25), ("elu", 0.5)])
def test_at_an_exact_0_the_ball_is_the_hull_of_both_slopes(name: str, below: float) -> None:
    line = balls(at_zero(2.0, -1.0, name, Constants(0.25, 0.5))).lines["db1"]
    assert line.hull.all()
    for value, radius, w in zip(line.value, line.radius, (2.0, -1.0), strict=True):
        assert sorted((value - radius, value + radius)) == pytest.approx(sorted((-w, -w * below)), abs=1e-7)


@pytest.mark.parametrize("distance", [5e-324, 1e-300, 1e-17, -1e-17, -5e-324])
def test_beside_0_the_side_is_decided_however_near(distance: float) -> None:
    """a = 1·1 + (distance − …): the sum of float64 numbers that nearly cancel is exact."""
    W = (torch.tensor([[1.0], [1.0], [1.0]], dtype=torch.float64), one(2))
    x = torch.tensor([[1.0, -1.0, distance]], dtype=torch.float64)
    line = balls(Problem(W, (one(0)[0], one(0)[0]), x, one(1), "relu", "identity", "squared-error")).lines["delta1"]
    assert not line.hull.any()
    assert float(line.value[0, 0]) == (pytest.approx(-2) if distance > 0 else 0)


def test_units_at_0_in_two_layers_give_the_hull_and_no_more() -> None:
    """One path through both: c₁ c₂ w, and two that cancel: every choice by itself, not every path by itself."""
    W = (one(1), torch.tensor([[1.0]], dtype=torch.float64), torch.tensor([[1.0, -1.0]], dtype=torch.float64),
         torch.tensor([[1.0], [1.0]], dtype=torch.float64))  # fmt: skip
    b = (one(-1)[0], one(0)[0], torch.zeros(2, dtype=torch.float64), one(0)[0])
    problem = Problem(W, b, one(1), one(1), "relu", "identity", "squared-error")
    line, estimate = balls(problem).lines["delta1"], differences(problem)["delta1"]
    low, high = _hull_of(line)
    choices = [-c * d * (e - g) for c, d, e, g in product((0, 1), repeat=4)]
    assert (low, high) == pytest.approx((min(choices), max(choices)), abs=1e-7)
    middle, bar = float(estimate.value), float(estimate.bar)
    assert (middle - bar, middle + bar) == pytest.approx((min(choices), max(choices)), abs=1e-7)


def _hull_of(line: Enclosure) -> tuple[float, float]:
    return float((line.value - line.radius).item()), float((line.value + line.radius).item())


def test_more_units_at_0_than_can_be_tried_are_undecided_for_differences_and_enclosed_by_balls() -> None:
    W = (one(1), torch.ones(1, 9, dtype=torch.float64), torch.ones(9, 1, dtype=torch.float64))
    problem = Problem(W, (one(0)[0], -torch.ones(9, dtype=torch.float64), one(0)[0]), one(1), one(1), "relu",
                      "identity", "squared-error")  # fmt: skip
    estimate = differences(problem)["delta1"]
    assert bool(estimate.undecided.all())
    assert _hull_of(balls(problem).lines["delta1"]) == pytest.approx((-9, 0), abs=1e-7)


# Scales --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("scale", [1e-150, 1e-6, 1e6, 1e100])
def test_far_from_ordinary_scales_it_is_as_sharp_or_says_so(activation: str, scale: float) -> None:
    problem = of(activation)
    found = balls(replace(problem, W=tuple(scale * w for w in problem.W)))
    for name, line in found.lines.items():
        finite = np.isfinite(line.value)
        assert bool((finite & (line.radius <= 2.0**-79 * np.abs(line.value) + 5e-324) | line.open | line.hull).all()), (
            name
        )


def test_what_is_0_by_cancellation_is_0_within_less_than_any_float() -> None:
    """Σ_k δ_k = 0 through weights that are alike: nothing relative to it can be small."""
    W = (one(1), torch.tensor([[1.5, 1.5, 1.5]], dtype=torch.float64))
    b = (one(0.25)[0], torch.tensor([0.1, 0.2, 0.7], dtype=torch.float64))
    t = torch.tensor([[0.0, 1.0, 0.0]], dtype=torch.float64)
    found = balls(Problem(W, b, one(1), t, "tanh"))
    assert found.bits > 1024
    assert abs(float(found.lines["delta1"].value[0, 0])) == 0


# Sampling ------------------------------------------------------------------------------------------------------------


def test_where_all_would_take_too_long_units_are_sampled_and_said() -> None:
    problem = sample(seeded(0), Shape("", (20, 30, 30, 4), 3), activation="gelu", lam=0.1)
    whole, part = balls(problem), balls(problem, seconds=1e-3)
    assert whole.units == {}
    assert set(part.units) >= {"delta1", "dW1", "db1"}
    for name, units in part.units.items():
        assert 1 <= len(units) < whole.lines[name].value.shape[-1]
        np.testing.assert_allclose(part.lines[name].value, whole.lines[name].value[..., units], rtol=1e-15)
    assert part.lines["a1"].value.shape == whole.lines["a1"].value.shape


# The oracle of budgets and bars --------------------------------------------------------------------------------------


def beyond(found: Balls, lines: dict, bars: dict, undecided: dict | None = None) -> list[str]:
    """Lines of which an entry is further from the exact one than its bar (of a hull: than the hull and its bar)."""
    wrong = []
    for name, line in found.lines.items():
        if name in lines:
            off = np.abs(lines[name] - line.value - line.rest)
            within = off <= bars[name] + line.radius
            wrong += [] if (within | (undecided or {}).get(name, False)).all() else [name]
    return wrong


def estimated(found: dict[str, Estimate]) -> tuple[dict, dict, dict]:
    parts = ("value", "bar", "undecided")
    value, bar, undecided = ({name: getattr(e, part).numpy() for name, e in found.items()} for part in parts)
    return value, bar, undecided


@pytest.mark.parametrize("problem", list(sweep(33, seed=11)), ids=lambda p: p.label)
def test_no_witness_is_further_off_than_it_says(problem: Problem) -> None:
    """Manual and autograd within the budget from the inputs; estimates within their bars at the stored point."""
    found = balls(problem)
    own = {name: v.numpy() for name, v in budgets(problem).items()}
    for witness in (manual_witness(problem), autograd_witness(problem)):
        assert beyond(found, dict(witness.lines), own) == []
    there = balls(problem, at=base_of(problem))
    assert beyond(there, *estimated(differences(problem))) == []
    if unavailable(problem) is None:
        assert beyond(there, *estimated(complex_step(problem))) == []


@pytest.mark.parametrize(
    ("output", "loss"),
    [
        ("softmax", "squared-error"),
        ("softmax", "mean-squared-error"),
        ("tanh", "mean-squared-error"),
        ("gelu", "l1"),
        ("sigmoid", "huber"),
        ("identity", "huber"),
        ("identity", "hinge"),
        ("softmax", "smoothed-cross-entropy"),
    ],
)
@pytest.mark.parametrize("penalty", ["lam", "lam/(2N)"])
def test_losses_and_penalties_of_no_deck_are_enclosed(output: str, loss: str, penalty: str) -> None:
    problem = of("swish", loss, output=output, penalty=penalty, gain=3.0)
    enclosed, found = exact_witness(problem)
    assert not any(line.open.any() or line.hull.any() for line in found.lines.values())
    assert [
        o for o in offsets(problem, [manual_witness(problem), autograd_witness(problem)], enclosed, found) if o.off
    ] == []
    there = balls(problem, at=base_of(problem))
    assert beyond(there, *estimated(differences(problem))) == []
    if unavailable(problem) is None:
        assert beyond(there, *estimated(complex_step(problem))) == []


@pytest.mark.parametrize("seed", range(6))
def test_every_order_of_the_terms_is_as_near_to_the_exact_lines_as_budgets_say(seed: int) -> None:
    """The smaller counts of the budget from the inputs and of that from the exact lines before each line."""
    problem = of(ACTIVATIONS[seed], LOSSES[seed % 3])
    p, (enclosed, found) = problem, exact_witness(problem)
    for way in WAYS[seed::6]:
        equations = replace(SLIDES, **{way.field: way.equation})
        lines = lines_of(work(p.W, p.b, p.x, p.t, p.f, p.pair, p.lam, equations=equations))
        program = Witness(way.name, {name: v.numpy() for name, v in lines.items()}, rounding(p), 0.0)
        assert [o for o in offsets(p, [program], enclosed, found) if o.off] == [], (way.line, way.name)


def test_a_program_that_rounds_more_than_its_equation_is_caught() -> None:
    """The mean of the samples through a float32: right from afar, off by what no order of float64 sums explains."""
    p = of("tanh")
    enclosed, found = exact_witness(p)
    equations = replace(SLIDES, bias_gradient=lambda net, l: SLIDES.bias_gradient(net, l).float().double())
    lines = lines_of(work(p.W, p.b, p.x, p.t, p.f, p.pair, p.lam, equations=equations))
    program = Witness("float32", {name: v.numpy() for name, v in lines.items()}, rounding(p), 0.0)
    assert {o.line for o in offsets(p, [program], enclosed, found) if o.off} == {"db1", "db2", "db3"}


@pytest.mark.parametrize("seed", range(8))
def test_whole_numbers_with_exact_zeros(seed: int) -> None:
    """The bar at a kink reaches over the hull that the balls find, whole, and no further than its own error."""
    name, rounded = ("relu", "leaky_relu", "elu")[seed % 3], lambda v: torch.round(2 * v)
    drawn = sample(seeded(seed), Shape("", (3, 3, 2, 2), 3), activation=name)
    problem = replace(drawn, W=tuple(map(rounded, drawn.W)), b=tuple(map(rounded, drawn.b)), x=rounded(drawn.x))
    there, found = balls(problem, at=base_of(problem)), differences(problem)
    for line, e in found.items():
        x, decided = there.lines[line], ~e.undecided.numpy()
        off = np.abs(e.value.numpy() - x.value - x.rest)
        wide = np.where(x.hull, x.radius, 0)
        slack = 1e-7 * (1 + wide) + np.where(x.hull, 0, x.radius)  # a radius has 30 bits
        assert bool((off + wide <= e.bar.numpy() + slack)[decided].all()), line
        assert bool((e.bar.numpy() <= off + wide + slack)[decided & x.hull].all()), line


@pytest.mark.parametrize("beta", [1.0, 100.0, -100.0, 1e3, 1e4])
def test_bars_know_the_scale_of_swish(beta: float) -> None:
    """Where β is large f bends on lengths of 1/β: the step has to be shorter, and truncation is bounded by it."""
    x = torch.from_numpy(np.random.default_rng(0).uniform(-12 / abs(beta), 12 / abs(beta), 600)).reshape(-1, 1)
    problem = Problem((one(1), one(1)), (one(0)[0],) * 2, x, 2 + 0 * x, "swish", "identity", "squared-error",
                      0.0, Constants(swish=beta))  # fmt: skip
    there, found = balls(problem, at=base_of(problem)), differences(problem)
    assert beyond(there, *estimated(found)) == []
    assert float((found["delta1"].bar / found["delta1"].value.abs()).median()) < 1e-7


@pytest.mark.parametrize("activation", ["tanh", "relu", "swish", "softplus"])
def test_no_bar_is_0_where_something_can_underflow(activation: str) -> None:
    drawn = sample(seeded(5), Shape("", (3, 3, 2), 2), activation=activation, lam=1e-3)
    for problem in (replace(drawn, x=drawn.x * 1e-310), replace(drawn, W=tuple(w * 1e-310 for w in drawn.W))):
        there = balls(problem, at=base_of(problem))
        assert beyond(there, *estimated(differences(problem))) == []
        if unavailable(problem) is None:
            assert beyond(there, *estimated(complex_step(problem))) == []


def test_a_bar_that_is_too_small_is_caught() -> None:
    problem = of("tanh")
    value, bar, undecided = estimated(differences(problem))
    assert beyond(balls(problem, at=base_of(problem)), value, {k: v / 1000 for k, v in bar.items()}, undecided) != []
