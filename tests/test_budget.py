"""Budgets against what happens: never broken, wide of nothing, finite where a textbook's program is."""

from __future__ import annotations

from dataclasses import replace

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings

from manual import SLIDES
from manual import network as slides
from tests import exact
from verify.benchmarks.measure import ORDINARY, WIDE, Measurement, measure_budget, random_problem
from verify.bounds.bounded import unit_roundoff
from verify.bounds.budget import FLOAT32, FLOAT64, bounded_working, budgets, lines_of, shared_budgets
from verify.bounds.curves import curve
from verify.errors import BadInput
from verify.problems.lines import gradient_names, names
from verify.problems.problem import Problem
from verify.problems.samples import Shape, sample, seeded
from verify.strategies import problems
from verify.witnesses.against import autograd_witness, manual_witness

ENTRIES = 20_000  # of each kind; `measure_budget` does the million


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("scales", [WIDE, ORDINARY], ids=["wide", "ordinary"])
def test_no_budget_is_broken(scales: tuple[float, float], dtype: torch.dtype) -> None:
    found = measure_budget(ENTRIES, seed=5, scales=scales, dtype=dtype)
    assert found.entries >= ENTRIES
    assert found.broken == []
    assert found.violations == 0
    # Since a budget above a thousandth of the line's largest entry is no evidence, a few entries are undecided: most of
    # them in float32, of losses that cancel. One that is beyond its budget counts as a violation all the same.
    assert found.undecided <= found.entries / 50
    assert (found.not_finite == 0) == (dtype is torch.float64 or scales == ORDINARY)
    assert scales == ORDINARY or found.saturated > 100
    assert found.worst_ratio > 0.2  # wide of nothing: some entry uses a good part of its budget


def test_the_median_error_seen_at_ordinary_scales() -> None:
    assert measure_budget(ENTRIES, seed=6, scales=ORDINARY).median_limit <= 1e-13


def test_a_budget_that_is_too_small_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("verify.benchmarks.measure.shared_rounding", _a_tenth)
    found = measure_budget(2_000, seed=5)
    assert found.violations > 0
    assert " differs by " in found.broken[0]


def _a_tenth(problem: Problem, first, second) -> dict[str, np.ndarray]:
    from verify.witnesses.against import shared_rounding

    return {name: bound / 10 for name, bound in shared_rounding(problem, first, second).items()}


def test_measuring_counts_what_it_saw() -> None:
    empty, found = Measurement(), measure_budget(1, seed=0)
    assert empty.median_limit == float("inf")
    assert found.problems == len(found.limits) == 1
    problem = random_problem(seeded(0), WIDE)
    assert found.entries == sum(line.size for line in manual_witness(problem).lines.values())


@settings(max_examples=12)
@given(problems(widest=2, most_samples=2, depth=(1, 2)))
def test_budgets_hold_against_50_digits(problem: Problem) -> None:
    """Of one side against the exact gradient, not of two sides against one another."""
    assume(not _at_a_kink(problem))
    bounds, right = budgets(problem), exact.gradients(problem)
    for witness in (manual_witness(problem), autograd_witness(problem)):
        for name in gradient_names(problem.L):
            off = np.array(witness.lines[name].tolist(), dtype=object) - np.array(right[name], dtype=object)
            noise = mpmath.mpf(10) ** -25  # of the differences at 50 digits
            assert bool((abs(off) <= bounds[name].numpy() + noise).all()), name


def _at_a_kink(problem: Problem) -> bool:
    """Where an a lies so near a point at which pieces meet that differences of 10⁻¹⁵ would see both of them."""
    net = bounded_working(problem)
    passes = {l: problem.activation if l < net.L else problem.output for l in net.a}
    curves = {l: curve(name, problem.constants) for l, name in passes.items() if name != "softmax"}
    distances = [c.from_knots(net.a[l].value) for l, c in curves.items()]  # type: ignore[attr-defined]
    if (rho := problem.pair.rho) is not None:
        apart = problem.pair.apart(problem.work().y, problem.t)
        distances.append(curve(rho.name, problem.constants).from_knots(apart))
    return any(bool((far <= 1e-9).any()) for far in distances)


def test_every_line_has_a_budget_of_its_own_shape() -> None:
    problem = sample(seeded(0), Shape("", (3, 4, 2), 5), activation="gelu")
    manual, bounds = manual_witness(problem), budgets(problem)
    assert tuple(sorted(bounds)) == tuple(sorted(names(2)))
    assert {name: tuple(v.shape) for name, v in bounds.items()} == {n: v.shape for n, v in manual.lines.items()}


def test_float32_is_allowed_more_by_its_roundoff() -> None:
    problem = sample(seeded(0), Shape("", (3, 4, 2), 5), activation="tanh", lam=0.1)
    narrow, wide = budgets(problem, FLOAT64), budgets(problem, FLOAT32)
    ratio = torch.cat([(wide[n] / narrow[n]).flatten() for n in gradient_names(2)])
    assert FLOAT32 / FLOAT64 == 2.0**29
    assert bool((ratio > 0.5 * 2**29).all())
    assert bool((ratio < 4 * 2**29).all())
    assert torch.equal(budgets(problem.to(dtype=torch.float32))["dW1"], _budget_of_float32(problem))


def _budget_of_float32(problem: Problem) -> torch.Tensor:
    """Inputs that are float32 already are not rounded on the way in."""
    return budgets(problem.to(dtype=torch.float32), unit_roundoff(torch.float32))["dW1"]


def test_a_mistaken_equation_has_its_budget_too() -> None:
    problem = sample(seeded(0), Shape("", (3, 4, 2), 5), activation="tanh", lam=0.1)
    wrong = replace(SLIDES, decay=lambda net, l: net.lam * torch.sign(net.W[l]))
    right_line = lines_of(bounded_working(problem))["dW1"]
    line = lines_of(bounded_working(problem, equations=wrong))["dW1"]
    assert not torch.allclose(line.value, right_line.value)
    assert bool((line.error <= 2 * right_line.error + 1e-15).all())


@pytest.mark.parametrize("score", [800.0, 1e4])
def test_the_budget_of_a_large_loss_is_finite(score: float) -> None:
    """Binary cross-entropy of a confident wrong answer: ln(1 − y) of a textbook's y is not finite there, ours is."""
    one = torch.ones(1, 1, dtype=torch.float64)
    problem = Problem((score * one,), (0 * one[0],), one, 0 * one, "relu", "sigmoid", "binary-cross-entropy")
    assert manual_witness(problem).lines["E"] == score
    assert float(budgets(problem)["E"]) < 10


def test_a_probability_that_underflows_is_not_called_exact() -> None:
    """Scores of 10¹⁸ may be off by hundreds: y = 0 may be any number up to 1."""
    W = torch.tensor([[0.9, 1.0]], dtype=torch.float64) * 1e18
    x, t = torch.tensor([[1.1]], dtype=torch.float64), torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    problem = Problem((torch.ones(1, 1, dtype=torch.float64), W), (x[0], 0 * x[0].repeat(2)), x, t, "identity")
    assert float(budgets(problem)["y"][0, 0]) == 0 or float(budgets(problem)["y"][0, 0]) < 1e-300
    close = Problem((problem.W[0], torch.tensor([[1.0, 1.0 + 1e-15]]).double() * 1e18), problem.b, x, t, "identity")
    assert float(budgets(close)["y"][0, 0]) > 0.5


# Budgets that start from what two programs have ----------------------------------------------------------------------


def _apart(problem: Problem, wrong: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    lines = {name: torch.as_tensor(line) for name, line in autograd_witness(problem).lines.items()}
    return shared_budgets(problem, lines | wrong, lines)


def test_shared_budgets_are_tighter_than_those_from_the_inputs_alone() -> None:
    problem = sample(seeded(0), Shape("", (60, 40, 30, 10), 16), activation="tanh")
    own, shared = budgets(problem), _apart(problem, {})
    for name in ("dW1", "db1", "dW2"):
        assert float((shared[name] / (2 * own[name])).median()) < 0.01


def test_a_wrong_line_widens_what_comes_after_it_and_nothing_before() -> None:
    problem = sample(seeded(0), Shape("", (3, 4, 2), 5), activation="tanh")
    right = _apart(problem, {})
    moved = torch.as_tensor(autograd_witness(problem).lines["delta1"]) + 0.1
    wrong = _apart(problem, {"delta1": moved})
    assert [n for n in names(2) if not torch.equal(wrong[n], right[n])] == ["dW1", "db1"]
    assert float(wrong["dW1"].min()) > 1e-3


def test_a_line_of_another_shape_or_not_finite_leaves_the_rest_judged() -> None:
    problem = sample(seeded(0), Shape("", (3, 4, 2), 5), activation="tanh")
    delta = torch.as_tensor(autograd_witness(problem).lines["delta1"])
    assert torch.isfinite(_apart(problem, {"delta1": delta.T})["dW1"]).all()
    assert torch.isinf(_apart(problem, {"delta1": delta * torch.nan})["dW1"]).all()


def test_the_shared_budget_of_a_line_is_that_of_its_own_equation() -> None:
    """dW = z₋ᵀδ/N + λW of two programs with one δ: Higham's bound for it, twice, and not much more."""
    problem = sample(seeded(0), Shape("", (3, 4, 2), 5), activation="tanh", lam=0.1)
    net = lines_of(bounded_working(problem))
    z, delta = problem.x.abs(), net["delta1"].value.abs()
    terms = z.T @ delta / problem.N + 0.1 * problem.W[0].abs()
    share = _apart(problem, {})["dW1"] / (2 * FLOAT64 * terms)
    assert float(share.min()) >= 1
    assert float(share.max()) <= 2 * (problem.N + 4)
    assert slides.weight_gradient is SLIDES.weight_gradient


def test_the_shared_budget_is_the_distance_and_two_roundings() -> None:
    """Of lines that are far apart, what is seen of that counts once: z apart by d moves a by Σ d|w| and no more."""
    problem = sample(seeded(0), Shape("", (3, 4, 2), 5), activation="tanh")
    z = torch.as_tensor(autograd_witness(problem).lines["z1"])
    moved = _apart(problem, {"z1": z + 1e-6})["a2"]
    distance = 1e-6 * problem.W[1].abs().sum(dim=0)
    assert bool((moved >= distance * (1 - 1e-9)).all())
    assert bool((moved <= distance * (1 + 1e-6)).all())


# Targets -------------------------------------------------------------------------------------------------------------


def _with_targets(*rows: list[float], loss: str = "cross-entropy", dtype: torch.dtype = torch.float64) -> Problem:
    t = torch.tensor(rows, dtype=dtype)
    output = "softmax" if loss == "cross-entropy" else "sigmoid"
    W = torch.ones(2, t.shape[1], dtype=dtype)
    return Problem((W,), (W[0],), torch.ones(len(rows), 2, dtype=dtype), t, "tanh", output, loss)


def test_targets_that_are_no_distribution_are_refused_under_cross_entropy() -> None:
    """δ(L) = y − t would not be the derivative of its own E, which is y Σt − t."""
    with pytest.raises(BadInput, match=r"t of sample 2 adds up to 1\.5: with cross-entropy allowed is 1, as for"):
        _with_targets([1.0, 0.0, 0.0], [0.5, 0.5, 0.5])
    with pytest.raises(BadInput, match="adds up to nan"):
        _with_targets([float("nan"), 0.0])


def test_distributions_and_other_losses_are_taken() -> None:
    tenth = [0.1] * 10  # adds up to 0.9999999999999999
    assert _with_targets(tenth).N == 1
    assert _with_targets(tenth, dtype=torch.float32).N == 1
    assert _with_targets([0.5, 0.9], loss="binary-cross-entropy").N == 1
