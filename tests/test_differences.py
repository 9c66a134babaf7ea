"""Finite differences of the network: against a plain loop, autograd and 50 digits; kinks; memory; the arguments."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import replace

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import assume, example, given, settings
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from manual import ACTIVATIONS, Constants, activation, pair
from manual.outputs import Pair
from tests import exact
from verify.bounds import curves
from verify.bounds.budget import budgets
from verify.bounds.pieces import Knot
from verify.lessons.network.cases.drawing import clear_of_kinks
from verify.problems.lines import gradient_names
from verify.problems.problem import Problem
from verify.problems.samples import Shape, sample, seeded, sweep
from verify.strategies import problems
from verify.witnesses import columns
from verify.witnesses import differences as engine
from verify.witnesses.against import autograd_witness
from verify.witnesses.columns import base_of, blocks
from verify.witnesses.differences import Estimate, differences

PIECEWISE = tuple(name for name in ACTIVATIONS if curves.curve(name, Constants()).knots)
KNOTS = [(name, knot) for name in PIECEWISE for knot in curves.curve(name, Constants()).knots]
DEFAULTS = Constants()


def one(value: float) -> Tensor:
    return torch.full((1, 1), value, dtype=torch.float64)


# Against a plain loop ------------------------------------------------------------------------------------------------


def forward(p: Problem, W: list[Tensor], b: list[Tensor]) -> Tensor:
    """E of the whole network, written once more: z₋W + b, f, output and loss, the penalty."""
    f = activation(p.activation, p.constants).f
    loss: Pair = pair(p.output, p.loss, p.constants)
    z = p.x
    for l, (w, v) in enumerate(zip(W, b, strict=True), 1):
        a = z @ w + v
        z = a if l == p.L else f(a)
    E_n = loss.error(z, loss.y(z), p.t)
    return E_n.sum() / p.N + p.rate / 2 * sum((w**2).sum() for w in W)


def plain_loop(p: Problem, h: float = 2.0**-13) -> dict[str, Tensor]:
    """Every stored parameter moved by ±h and ±2h, the whole forward pass each time: order four."""
    W, b = [w.clone() for w in p.W], [v.clone() for v in p.b]
    found: dict[str, Tensor] = {}
    for kind, tensors in (("dW", W), ("db", b)):
        for l, tensor in enumerate(tensors, 1):
            slope = torch.empty_like(tensor)
            for index in np.ndindex(*tensor.shape):
                stored = tensor[index].clone()
                E = {}
                for k in (-2, -1, 1, 2):
                    tensor[index] = stored + k * h
                    E[k] = forward(p, W, b)
                tensor[index] = stored
                slope[index] = (8 * (E[1] - E[-1]) - (E[2] - E[-2])) / (12 * h)
            found[f"{kind}{l}"] = slope
    return found


@pytest.mark.parametrize("problem", [p for p in sweep(34, seed=4) if clear_of_kinks(p, 2**-10)], ids=lambda p: p.label)
def test_a_plain_loop_finds_the_same(problem: Problem) -> None:
    """Order four at 2⁻¹³ truncates some 10⁻¹⁵ and rounds some 10⁻¹²: far less than any wrong index would show."""
    found = differences(problem)
    for name, slope in plain_loop(problem).items():
        size = max(1.0, float(slope.abs().max()))
        assert float((found[name].value - slope).abs().max()) < 1e-9 * size, name


def test_the_loop_sees_what_a_wrong_index_does() -> None:
    problem = sample(seeded(0), Shape("", (4, 4, 4), 4), activation="tanh", lam=0.1)
    slope = plain_loop(problem)["dW1"]
    found = differences(problem)["dW1"].value
    for wrong in (found.T, found.roll(1, 0), found * 4, found - 0.1 * problem.W[0]):
        assert float((wrong - slope).abs().max()) > 1e-3


# The bar -------------------------------------------------------------------------------------------------------------


def beyond(found: dict[str, Estimate], right: dict, point: dict[str, Tensor], L: int) -> list[str]:
    """Lines on which some decided entry is further from the right one than its bar and the rounding of its point."""
    noise = mpmath.mpf(10) ** -25
    wrong = []
    for name in gradient_names(L):
        e = found[name]
        off = abs(np.array(e.value.tolist(), dtype=object) - np.array(right[name], dtype=object))
        within = (off <= (e.bar + point[name]).numpy() + noise) | e.undecided.numpy()
        wrong += [] if within.all() else [name]
    return wrong


def near_a_kink(p: Problem) -> bool:
    """Where differences of 10⁻¹⁵ would see both sides of one."""
    base = base_of(p)
    passed = {l: p.activation if l < p.L else p.output for l in base.a}
    bent = {l: curves.curve(name, p.constants) for l, name in passed.items() if name in PIECEWISE}
    at_loss = False
    if (rho := p.pair.rho) is not None:
        apart = p.pair.apart(p.pair.y(base.a[p.L]), p.t)
        at_loss = bool(curves.curve(rho.name, p.constants).at_knot(apart, 1e-9).any())
    return at_loss or any(bool(c.at_knot(base.a[l], 1e-9).any()) for l, c in bent.items())


@settings(max_examples=25)
@given(problems(widest=2, most_samples=2, depth=(1, 3)))
def test_bars_hold_against_50_digits(problem: Problem) -> None:
    assume(not near_a_kink(problem))
    assert beyond(differences(problem), exact.gradients(problem), budgets(problem), problem.L) == []


def test_a_bar_that_is_too_small_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = sample(seeded(1), Shape("", (3, 3, 2), 2), activation="tanh")
    right, nothing = exact.gradients(problem), {name: torch.zeros(()) for name in gradient_names(2)}
    assert beyond(differences(problem), right, nothing, 2) == []
    small = {name: replace(e, bar=e.bar / 1000) for name, e in differences(problem).items()}
    assert beyond(small, right, nothing, 2) != []


@pytest.mark.parametrize("activation_name", ACTIVATIONS)
def test_bars_hold_against_autograd(activation_name: str) -> None:
    """On networks of some size, where 50 digits take too long."""
    shape = Shape("", (12, 16, 9, 5), 8)
    for seed, gain in enumerate((1e-3, 1.0, 4.0)):
        problem = sample(seeded(seed), shape, activation=activation_name, lam=0.01, gain=gain)
        found, right, point = differences(problem), autograd_witness(problem).lines, budgets(problem)
        for name, e in found.items():
            off = (e.value - torch.as_tensor(right[name])).abs()
            assert bool((off <= e.bar + 2 * point[name]).all()), (name, gain)


@pytest.mark.parametrize("gain", [1e-6, 1e3, 1e6])
def test_far_from_ordinary_scales_nothing_is_wrongly_told(gain: float) -> None:
    """Weights of 10⁶ leave no step that is short for the layers above and long for a number of their size."""
    for i, name in enumerate(ACTIVATIONS):
        problem = sample(seeded(i), Shape("", (5, 4, 4, 3), 4), activation=name, gain=gain)
        found, right, point = differences(problem), autograd_witness(problem).lines, budgets(problem)
        for line, e in found.items():
            off = (e.value - torch.as_tensor(right[line])).abs()
            assert bool(((off <= e.bar + 2 * point[line]) | e.undecided).all()), (name, line)


def test_the_median_bar() -> None:
    problem = sample(seeded(0), Shape("", (50, 28, 10), 16), activation="tanh")
    e = differences(problem)["dW1"]
    assert float((e.bar / e.value.abs()).median()) < 1e-8


# Kinks ---------------------------------------------------------------------------------------------------------------


def at_kink(w: float, a: float, name: str = "relu", c: Constants = DEFAULTS) -> Problem:
    """x = 1 -> a(1) = a -> f -> w -> ½(y − 0)², with y = w f(a) + 1: ∂E/∂a = y w f′(a)."""
    return Problem(
        (one(1), one(w)), (one(a - 1)[0], one(1)[0]), one(1), one(0), name, "identity", "squared-error", 0.0, c
    )


@pytest.mark.parametrize("w", [2.0, -0.5])
@pytest.mark.parametrize(("name", "below"), [("relu", 0.0), ("leaky_relu", 0.25), ("elu", 0.5)])
def test_at_an_exact_0_the_bar_reaches_over_both_sides_and_no_further(name: str, below: float, w: float) -> None:
    e = differences(at_kink(w, 0.0, name, Constants(0.25, 0.5)))["db1"]
    assert not bool(e.undecided)
    low, high = float(e.value - e.bar), float(e.value + e.bar)
    assert sorted((low, high)) == pytest.approx(sorted((w * below, w)), abs=1e-6)
    for share in (0, 0.3, 1):
        assert low <= w * (below + share * (1 - below)) <= high


@pytest.mark.parametrize("w", [2.0, -0.5])
@pytest.mark.parametrize(("name", "knot"), KNOTS, ids=str)
def test_exactly_where_pieces_meet_the_bar_reaches_over_both(name: str, knot: Knot, w: float) -> None:
    """∂E/∂a = y w f′(a), with y = w f(a) + 1."""
    e = differences(at_kink(w, knot.at, name))["db1"]
    y = w * float(activation(name).f(torch.tensor(knot.at, dtype=torch.float64))) + 1
    low, high = sorted((y * w * knot.left, y * w * knot.right))
    assert not bool(e.undecided)
    assert (float(e.value - e.bar), float(e.value + e.bar)) == pytest.approx((low, high), abs=1e-5)


@pytest.mark.parametrize(("name", "knot"), KNOTS, ids=str)
@pytest.mark.parametrize("distance", [1e-1, 1e-5, 1e-8])
@pytest.mark.parametrize("side", [1, -1])
def test_beside_a_knot_the_derivative_is_that_of_its_side(name: str, knot: Knot, distance: float, side: int) -> None:
    problem = at_kink(2.0, knot.at + side * distance, name)
    e, right = differences(problem)["db1"], autograd_witness(problem).lines["db1"]
    assert not bool(e.undecided)
    assert float(e.value) == pytest.approx(float(right[0]), abs=float(e.bar) + 1e-14)
    assert float(e.bar) < 1e-3


def test_where_the_sides_agree_there_is_one_derivative_at_0() -> None:
    e = differences(at_kink(1.0, 0.0, "elu"))["db1"]
    assert float(e.value) == pytest.approx(1, abs=float(e.bar))
    assert float(e.bar) < 1e-5  # one-sided differences have a lower order


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "elu"])
@pytest.mark.parametrize("distance", [1e-1, 1e-3, 1e-5, 1e-7, 1e-9])
@pytest.mark.parametrize("side", [1, -1])
def test_near_a_kink_the_derivative_is_that_of_its_side(name: str, distance: float, side: int) -> None:
    problem = at_kink(2.0, side * distance, name, Constants(0.25, 0.5))
    found = differences(problem)
    right = autograd_witness(problem).lines["db1"]
    assert not bool(found["db1"].undecided)
    assert float(found["db1"].value) == pytest.approx(float(right[0]), abs=float(found["db1"].bar))
    assert float(found["db1"].bar) < 1e-3  # the other side is at least 1 away


@pytest.mark.parametrize("distance", [1e-12, 1e-14, 4e-16])
def test_nearer_still_it_is_left_open_or_right(distance: float) -> None:
    e = differences(at_kink(2.0, distance))["db1"]
    assert bool(e.undecided) or abs(float(e.value) - 2) <= float(e.bar)


@settings(max_examples=25)
@example(at_kink(2.0, 0.0))
@given(problems(activations=PIECEWISE, scales=[1.0], widest=3, most_samples=2, depth=(2, 3)))
def test_whole_numbers_meet_kinks_and_autograd_is_within(problem: Problem) -> None:
    """torch's choice at 0 is one of the subgradients; the budget of the point allows the others' choices above it."""
    found, right, point = differences(problem), autograd_witness(problem).lines, budgets(problem)
    for line, e in found.items():
        off = (e.value - torch.as_tensor(right[line])).abs()
        assert bool(((off <= e.bar + 2 * point[line]) | e.undecided).all()), line


def test_a_kink_of_the_layer_above_shortens_the_step() -> None:
    """a(2) = 1 − w·1 with w a hair from 1: moving a(1) by the first step would cross the kink of the unit above."""
    above = Problem(
        (one(1), one(1), one(3)), (one(0)[0], one(-1 + 1e-5)[0], one(0)[0]), one(1), one(5), "relu", "identity",
        "squared-error",
    )  # fmt: skip
    e = differences(above)["db1"]
    assert not bool(e.undecided)
    assert float(e.value) == pytest.approx(float(autograd_witness(above).lines["db1"][0]), abs=float(e.bar))
    assert float(e.bar) < 1e-3


# Exactness, memory, arguments ----------------------------------------------------------------------------------------


def test_an_input_of_0_contributes_nothing_at_all() -> None:
    problem = sample(seeded(0), Shape("", (4, 3, 2), 3), activation="tanh")
    x = problem.x.clone()
    x[:, 1] = 0
    e = differences(replace(problem, x=x))["dW1"]
    assert e.value[1].tolist() == [0, 0, 0]
    assert e.bar[1].tolist() == [0, 0, 0]


@pytest.mark.parametrize("size", [1e-245, 1e-160, 1e-3, 1e3, 1e160])
def test_the_penalty_is_exact_at_any_size(size: float) -> None:
    w = torch.tensor([[size, -3 * size], [0.0, size / 7]], dtype=torch.float64)
    found = columns.penalty([w], 0.5)[0]
    torch.testing.assert_close(found, 0.5 * w, rtol=1e-14, atol=0)


def test_blocks_cover_every_pair_once_and_fit() -> None:
    base = base_of(sample(seeded(0), Shape("", (5, 40, 30, 3), 16), activation="tanh"))
    for memory in (1, 10_000, 10**9):
        slices = list(blocks(base, 1, 640, 6, memory))
        assert [i for block in slices for i in range(640)[block]] == list(range(640))
        assert len(slices) == 1 or memory < 10**9


class LiveBytes(TorchDispatchMode):
    """The most bytes that tensors made under it have held at one time."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.most = 0
        self.seen: weakref.WeakSet = weakref.WeakSet()

    def __torch_dispatch__(self, func: Callable, types: object, args: tuple = (), kwargs: dict | None = None) -> object:
        out = func(*args, **(kwargs or {}))
        for tensor in out if isinstance(out, (tuple, list)) else [out]:
            if isinstance(tensor, Tensor):
                self._count(tensor.untyped_storage())
        return out

    def _count(self, storage: torch.UntypedStorage) -> None:
        if storage in self.seen:
            return
        self.seen.add(storage)
        size = storage.nbytes()
        self.now += size
        self.most = max(self.most, self.now)
        weakref.finalize(storage, self._freed, size)

    def _freed(self, size: int) -> None:
        self.now -= size


def test_memory_stays_within_its_limit_and_the_result_is_the_same() -> None:
    problem = sample(seeded(0), Shape("", (20, 60, 40, 10), 64), activation="relu")
    limit, results = 2 * 2**20, 12 * sum(64 * 8 * units for units in (20, 60, 40, 10))
    with LiveBytes() as live:
        small = differences(problem, memory=limit)
    with LiveBytes() as free:
        large = differences(problem)
    assert live.most <= limit + results
    assert free.most > 2 * (limit + results)  # without a limit it would take more: the limit is what held it
    for name, e in small.items():
        torch.testing.assert_close(e.value, large[name].value, rtol=1e-9, atol=1e-12)


@given(problems())
def test_arguments_are_unchanged(p: Problem) -> None:
    held = [*p.W, *p.b, p.x, p.t]
    before = [v.clone() for v in held]
    differences(p)
    assert all(torch.equal(v, w) for v, w in zip(held, before, strict=True))


def test_float32_weights_are_judged_as_the_float64_that_they_are() -> None:
    narrow = sample(seeded(0), Shape("", (4, 3, 2), 3), activation="tanh").to(dtype=torch.float32)
    found, same = differences(narrow), differences(narrow.to(dtype=torch.float64))
    assert all(torch.equal(found[name].value, same[name].value) for name in found)
    assert found["dW1"].value.dtype is torch.float64


def test_no_backward_pass_and_no_derivative_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*args: object) -> Tensor:
        raise AssertionError("differences may not ask for a derivative")

    right = activation
    blind = lambda name, c=DEFAULTS: replace(right(name, c), derivative=forbidden)
    monkeypatch.setattr("verify.problems.problem.activation", blind)
    monkeypatch.setattr("manual.outputs.activation", blind)
    with torch.no_grad():
        differences(sample(seeded(0), Shape("", (4, 3, 2), 3), activation="gelu", output="tanh", loss="squared-error"))


def test_a_slope_stated_too_small_leaves_the_estimate_and_takes_from_the_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    """Curves only choose the step and bound the rounding: what is estimated does not come from them."""
    problem = sample(seeded(0), Shape("", (4, 3, 2), 3), activation="tanh")
    before = differences(problem)["dW1"]
    right = curves.curve
    monkeypatch.setattr(engine, "curve", lambda name, c: replace(right(name, c), first=0.25))
    after = differences(problem)["dW1"]
    torch.testing.assert_close(after.value, before.value, rtol=1e-8, atol=1e-11)
