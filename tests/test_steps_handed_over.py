"""Gradients handed over as (W − W after a step of η) / η: right in any precision, and wrong ones are named."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch

from tests.classes import NO_MEAN, NO_SLOPE, RIGHT
from verify.benchmarks.trusted import run_trusted
from verify.bounds.forms import step_of, step_rounding
from verify.grading.assignment import Assignment
from verify.grading.record import GradeRecord
from verify.lessons.network.grade import Examination, examination, grade

STEPPED = """
worked_out = gradients

def gradients(W, b, x, t, activation, lam):
    eta = ETA
    dW, db = worked_out(W, b, x, t, activation, lam)
    after = [w - eta * g for w, g in zip(W, dW)], [c - eta * g for c, g in zip(b, db)]
    return [(w - v) / eta for w, v in zip(W, after[0])], [(c - v) / eta for c, v in zip(b, after[1])]
"""
# In float32 but for tanh's slope, so that some layers of some problems are stepped in float64 and all others are not.
SINGLE = """
in_any = gradients

def gradients(W, b, x, t, activation, lam):
    short = lambda v: v.astype(np.float32)
    return in_any([short(w) for w in W], [short(c) for c in b], short(x), short(t), activation, np.float32(lam))
"""
MIXED = RIGHT.replace('"tanh": 1 - z**2', '"tanh": 1.0 - z.astype(float)**2').replace(
    '    return {"relu": (a > 0) * 1.0', '    return {"relu": (a > 0).astype(a.dtype)'
)


@cache
def exam(precision: str = "float64") -> Examination:
    return examination(Assignment(precision=precision), seed=3)


def graded(source: str, precision: str = "float64") -> GradeRecord:
    return grade("x.py", run_trusted(source, exam(precision).calls), exam(precision))


def stepped(source: str, eta: str) -> str:
    assert "ETA" in STEPPED
    return source + STEPPED.replace("ETA", eta)


def test_steps_in_float32_are_right_where_some_of_them_are_in_float64() -> None:
    source = stepped(MIXED, "0.1") + SINGLE
    record = graded(source, "float32")
    assert (record.state, record.score, record.diagnosis) == ("correct", 10.0, [])
    assert graded(source.replace("dW, db = worked_out", "dW, db = spoilt")
                  .replace("worked_out = gradients", SPOILT), "float32").state == "wrong"  # fmt: skip


SPOILT = """worked_out = gradients

def spoilt(*given):
    dW, db = worked_out(*given)
    return [g * np.float32(1.002) for g in dW], db
"""

WRONG = {
    "mean-missing": (NO_MEAN, "0.01"),
    "derivative-missing": (NO_SLOPE, "0.1"),
    "l2-doubled": (RIGHT.replace("+ lam * W[l]", "+ 2 * lam * W[l]"), "0.001"),
}


@pytest.mark.parametrize("id", WRONG)
def test_a_mistake_is_named_in_what_a_step_leaves_of_it(id: str) -> None:
    source, eta = WRONG[id]
    record = graded(stepped(source, eta))
    assert [found.mistake for found in record.diagnosis] == [id]
    assert any(f"η = {float(eta):g}" in advice for advice in record.advice)
    assert record.score == pytest.approx(10 - 10 / 6)
    if id == "derivative-missing":  # lines that only lose digits are right beside the mistake
        states = {line.name: (line.state, line.carried_forward) for line in record.lines}
        assert states["dW3"] == states["db3"] == ("right", None)


def test_the_step_is_read_off_the_grid_of_the_weights() -> None:
    rng = np.random.default_rng(0)
    # Steps that are small beside W, of every η that is tried.
    w, g = (torch.from_numpy(rng.normal(0, size, (5, 6))) for size in (1, 1e-3))
    for eta in (0.3, 0.01, 2e-5):
        after = (w - (w - eta * g)) / eta
        assert step_of([(w, after)]) == pytest.approx(eta)
        assert bool(((after - g).abs() <= step_rounding(w, g, eta)).all())
    assert step_of([(w, g * 1.00000001)]) is None
    assert step_of([(w, 0 * g)]) is None
