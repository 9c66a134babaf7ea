"""Single mistakes that are easily taken for none: each is wrong and named, and its right neighbour is correct."""

from __future__ import annotations

from functools import cache

import pytest

from tests.classes import RIGHT, edited
from verify.benchmarks.trusted import run_trusted
from verify.grading.assignment import Assignment
from verify.grading.record import GradeRecord
from verify.lessons.network.grade import Examination, examination, grade

DECAY = "+ lam * W[l]"
SIGMOID = '"sigmoid": 1 / (1 + np.exp(-a))'
SCORES = "e = np.exp(a[-1]"
WRONG = {
    "no penalty in the first layer": ("l2-one-layer", (DECAY, "+ lam * W[l] * (l > 0)")),
    "twice the penalty in the middle": ("l2-one-layer", (DECAY, "+ lam * W[l] * (1 + (0 < l < len(W) - 1))")),
    "the size": ("l1-for-l2", (DECAY, "+ lam * np.abs(W[l])")),
    "plus for minus": ("derivative-sign", ("1 - z**2", "1 + z**2")),
    "minus on the way down": ("derivative-sign", ("delta @ W[l].T *", "-delta @ W[l].T *")),
    "clipped scores": ("scores-clipped", (SCORES, "a[-1] = np.clip(a[-1], -10, 10)\n    e = np.exp(a[-1]")),
}
CORRECT = {
    "the penalty in every layer": (DECAY, "+ lam * W[l] * (l >= 0)"),
    "two signs": ("delta @ W[l].T *", "-delta @ -W[l].T *"),
    "limits beyond what overflows": (SCORES, "a[-1] = np.clip(a[-1], -700, 700)\n    e = np.exp(a[-1]"),
    "0 and 1 where nothing else is left": (SIGMOID, f"{SIGMOID} * (a >= -38) * (a <= 38) + (a > 38)"),
}
AFTER_A_STEP = """    dW = [(w - (w - 0.1 * d)) / 0.1 for w, d in zip(W, dW)]
    db = [(v - (v - 0.1 * d)) / 0.1 for v, d in zip(b, db)]
    return dW, db"""
WITH_ERROR = """    E = -np.sum(t * np.log(e / e.sum(axis=1, keepdims=True))) / len(x)
    return dW, db, {"E": E + lam / 2 * sum((w**2).sum() for w in W)}"""


@cache
def exam() -> Examination:
    return examination(Assignment(), seed=0)


def graded(*edits: tuple[str, str]) -> GradeRecord:
    return grade("x.py", run_trusted(edited(RIGHT, *edits), exam().calls), exam())


@pytest.mark.parametrize(("mistake", "edit"), WRONG.values(), ids=WRONG)
def test_a_single_mistake_is_named(mistake: str, edit: tuple[str, str]) -> None:
    record = graded(edit)
    assert record.state == "wrong"
    assert [f.mistake for f in record.diagnosis] == [mistake]


@pytest.mark.parametrize("edit", CORRECT.values(), ids=CORRECT)
def test_its_right_neighbour_is_correct(edit: tuple[str, str]) -> None:
    assert graded(edit).state == "correct"


def test_a_clip_before_a_step_is_named_and_the_case_shows_it_and_no_lost_digits() -> None:
    clipped = ("z[l].T @ delta / len(x) + lam * W[l]", "np.clip(z[l].T @ delta / len(x) + lam * W[l], -5, 5)")
    record = graded(("    return dW, db", AFTER_A_STEP), clipped)
    assert [(f.mistake, f.number) for f in record.diagnosis] == [("gradient-clipped", 5.0)]
    assert record.counterexample is not None
    assert abs(record.counterexample.yours[0][0]) == pytest.approx(5)


def test_the_smallest_case_of_what_begins_far_out_has_readable_numbers() -> None:
    record = graded((SIGMOID, f"{SIGMOID} * (a >= -24) * (a <= 24) + (a > 24)"))
    assert [f.mistake for f in record.diagnosis] == ["activation-clipped"]
    case = record.counterexample
    assert case is not None
    assert case.label == "small and far, sigmoid"


def test_advice_says_which_line_is_not_finite() -> None:
    record = graded(("    return dW, db", WITH_ERROR))
    assert record.state == "correct"
    assert record.advice == [
        "On a problem with large scores inf or NaN stands in E; the gradients are finite. It costs no points."
    ]
