"""Every order of a line's terms and every textbook form is within budget; without what joins allow, it is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from manual import SLIDES, Working, work
from verify.benchmarks.measure import ORDINARY, WIDE
from verify.benchmarks.orders import ORDERS, WAYS
from verify.benchmarks.textbook import ACTIVATION_FORMS, SIGMOIDS
from verify.benchmarks.ways import Tally, Written, judge, measure_ways, programs
from verify.bounds.bounded import Bounded
from verify.problems.problem import Problem
from verify.problems.samples import Shape, sample, seeded

BOTH = pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)


@BOTH
@pytest.mark.parametrize("scales", [WIDE, ORDINARY], ids=["wide", "ordinary"])
def test_against_the_exact_lines_one_budget_is_enough(scales: tuple[float, float], dtype: torch.dtype) -> None:
    found = measure_ways(12_000, seed=22, scales=scales, dtype=dtype, most=25, exact=True)
    assert found.broken == []
    assert found.violations == 0
    assert found.entries >= 12_000


@BOTH
@pytest.mark.parametrize("scales", [WIDE, ORDINARY], ids=["wide", "ordinary"])
def test_no_order_and_no_form_breaks_the_budget(scales: tuple[float, float], dtype: torch.dtype) -> None:
    found = measure_ways(25_000, seed=21, scales=scales, dtype=dtype, most=25)
    assert found.broken == []
    assert found.violations == 0
    assert found.entries >= 25_000
    assert scales == WIDE or found.undecided < 0.1 * found.entries


def test_how_many_there_are() -> None:
    every = programs()
    assert len({(w.line, w.name) for w in every}) == len(every) >= 110
    assert {w.line for w in every} >= {"a", "dW", "db", "delta", "E", "softmax", "cross-entropy", "tanh f′"}


def one(*shape: int) -> Tensor:
    return torch.ones(*shape, dtype=torch.float64)


def linear(W: Tensor, b: Tensor, x: Tensor, t: Tensor, lam: float = 0.0) -> Problem:
    return Problem((W,), (b,), x, t, "identity", "identity", "squared-error", lam, label="made for it")


# Problems in which one order rounds at the size of one large term, again for every small one.
JOINS: dict[str, tuple[str, Problem]] = {
    "1000 products of 1e-17 and a bias of 1": ("a", linear(1e-17 * one(1000, 1), one(1), one(1, 1000), one(1, 1))),
    "1000 samples beside λW = 1": (
        "dW",
        linear(one(1, 1), 0 * one(1), one(1000, 1), (1 - 1e-14) * one(1000, 1), lam=1.0),
    ),
    "2000 samples beside λW = 10³": (
        "dW",
        linear(one(1, 1), 0 * one(1), one(2000, 1), (1 - 1e-10) * one(2000, 1), lam=1e3),
    ),
    "an E_n of ½ beside 1000 squares of 10⁻¹⁷": (
        "E",
        linear(3e-9 * one(1000, 1), 0 * one(1), 1e-3 * one(1, 1000), one(1, 1), 1.0),
    ),
}


def of_line(line: str) -> list[Written]:
    return [w for w in programs() if w.line == line]


@BOTH
@pytest.mark.parametrize("name", JOINS)
def test_one_large_term_and_many_small_ones(name: str, dtype: torch.dtype) -> None:
    line, problem = JOINS[name]
    found = Tally()
    judge(found, problem.to(dtype=dtype), of_line(line))
    assert found.broken == []
    assert found.entries > 0


def test_a_join_that_forgets_the_other_side_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each side with its own roundings and one more: bias first, decay first and penalty first are beyond it."""
    monkeypatch.setattr(Bounded, "_joined", _joined_by_one_rounding)
    for name, (line, problem) in JOINS.items():
        found = Tally()
        judge(found, problem, of_line(line))
        assert found.violations > 0, name


def _joined_by_one_rounding(self: Bounded, other: Any, sign: int) -> Bounded:
    o = self._other(other)
    value = self.value + sign * o.value
    return self._with(value, self.error + o.error + self.u * (self.value.abs() + o.value.abs() + value.abs()))


@pytest.mark.parametrize("line", ["a", "dW", "E"])
def test_a_program_with_a_wrong_term_is_beyond_the_budget(line: str) -> None:
    """1e-11 of one term is seen by the same comparison."""
    problem = sample(seeded(3), Shape("", (5, 4, 3), 6), activation="tanh", lam=0.1)
    way = next(w for w in WAYS if w.line == line and w.name.startswith("one by one"))
    wrong: Callable = lambda net, l: way.equation(net, l) * (1 + 1e-11)
    found = Tally()
    net = lambda p: _with(p, way.field, wrong)
    judge(found, problem, [Written(line, "wrong", lambda p: True, net)])
    assert found.violations > 0


def _with(p: Problem, field: str, equation: Callable) -> Working:
    return work(p.W, p.b, p.x, p.t, p.f, p.pair, p.lam, replace(SLIDES, **{field: equation}))


def test_the_orders_are_sums() -> None:
    terms = torch.randn(3, 37, generator=seeded(1), dtype=torch.float64)
    for name, order in ORDERS.items():
        np.testing.assert_allclose(order(terms), terms.sum(dim=-1), rtol=1e-12, err_msg=name)


def test_the_forms_are_different_programs() -> None:
    """Forms that gave the same bits everywhere would test one thing twice."""
    v = torch.linspace(-20, 20, 4001, dtype=torch.float64)
    held = [form(v) for form in SIGMOIDS.values()]
    assert all(not torch.equal(a, b) for k, a in enumerate(held) for b in held[:k])
    assert all(len(f) >= 1 and len(slope) >= 1 for f, slope in ACTIVATION_FORMS.values())
