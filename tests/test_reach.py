"""What the graded problems reach: exact zeros at kinks, saturation, large gradients, unlikely targets."""

from __future__ import annotations

import tomllib
from functools import cache

import msgspec
import pytest
import torch

from tests.classes import RIGHT
from verify.benchmarks.trusted import run_trusted
from verify.bounds.curves import curve
from verify.classroom.exports import gradescope
from verify.grading.assignment import Assignment, assignment_from
from verify.grading.record import GradeRecord, LineRecord
from verify.lessons.network.cases.fixtures import Case
from verify.lessons.network.grade import Examination, examination, grade
from verify.reports import graded_pages, graded_words

RELU = '"relu": (a > 0) * 1.0'


@pytest.fixture(scope="module")
def exam() -> Examination:
    return examination(Assignment(), seed=0)


def graded(source: str, exam: Examination) -> GradeRecord:
    return grade("x.py", run_trusted(source, exam.calls), exam)


def changed(old: str, new: str) -> str:
    assert old in RIGHT
    return RIGHT.replace(old, new)


# At an exact zero any c between the slopes of both sides is right, the same for all units or each its own.
@pytest.mark.parametrize(
    "c", ["0", "0.3", "0.5", "1", "(np.arange(a.shape[1]) % 2)", "(np.arange(a.shape[1]) % 3) / 2"]
)
def test_every_subgradient_passes(exam: Examination, c: str) -> None:
    source = changed(RELU, f'"relu": np.where(a == 0, {c}, (a > 0) * 1.0)')
    assert graded(source, exam).state == "correct"


@pytest.mark.parametrize("c", ["-1", "-0.01", "1.01", "1.5", "2", "np.nan"])
def test_nothing_outside_passes(exam: Examination, c: str) -> None:
    source = changed(RELU, f'"relu": np.where(a == 0, {c}, (a > 0) * 1.0)')
    record = graded(source, exam)
    assert record.state == "wrong"
    assert record.score is not None
    assert record.score < record.max_score


CLIPPED = {
    "ReLU at 6": changed('"relu": np.maximum(a, 0)', '"relu": np.clip(a, 0, 6)'),
    "ReLU at 5.5": changed('"relu": np.maximum(a, 0)', '"relu": np.clip(a, 0, 5.5)'),
    "ReLU and its slope at 6": changed('"relu": np.maximum(a, 0)', '"relu": np.clip(a, 0, 6)').replace(
        RELU, '"relu": ((a > 0) & (a < 6)) * 1.0'
    ),
    "the logistic function's argument at 10": changed("np.exp(-a))", "np.exp(-np.clip(a, -10, 10)))"),
    "tanh's argument at 5": changed("np.tanh(a)", "np.tanh(np.clip(a, -5, 5))"),
    "δ at 5": changed("delta = delta @ W[l].T", "delta = np.clip(delta, -5, 5) @ W[l].T"),
    "dW at 5": changed("+ lam * W[l]\n", "+ lam * W[l]\n        dW[l] = np.clip(dW[l], -5, 5)\n"),
    "probabilities at 1e-7": changed(
        "delta = e / e.sum(axis=1, keepdims=True) - t",
        "y = np.clip(e / e.sum(axis=1, keepdims=True), 1e-7, 1 - 1e-7)\n    delta = y - t",
    ),
}


@pytest.mark.parametrize("source", CLIPPED.values(), ids=CLIPPED)
def test_what_is_clipped_shows(exam: Examination, source: str) -> None:
    record = graded(source, exam)
    assert record.state == "wrong"
    found = {f.mistake for f in record.diagnosis}
    assert found <= {"activation-clipped", "gradient-clipped", "probability-clipped"}


def test_a_usual_limit_is_tried_where_none_can_be_read_off(exam: Examination) -> None:
    record = graded(changed("np.tanh(a)", "np.tanh(np.clip(a, -8, 8))"), exam)
    assert [(f.mistake, f.number) for f in record.diagnosis] == [("activation-clipped", 8.0)]


SOFTPLUS = changed(
    '"tanh": np.tanh(a)', '"softplus": np.where(a > TURN, a, np.log1p(np.exp(np.minimum(a, TURN))))'
).replace('"tanh": 1 - z**2', '"softplus": SLOPE')
SLOPES = {"its own": "1 / (1 + np.exp(-a))", "1 there": "np.where(a > TURN, 1.0, 1 / (1 + np.exp(-a)))"}


@pytest.mark.parametrize("slope", SLOPES.values(), ids=SLOPES)
@pytest.mark.parametrize("turn", ["20", "14"])
def test_softplus_that_goes_straight_is_wrong_and_named(turn: str, slope: str) -> None:
    source = SOFTPLUS.replace("SLOPE", slope).replace("TURN", turn)
    record = graded(source, _of_task('activations = ["softplus", "relu"]'))
    assert record.state == "wrong"
    assert [f.mistake for f in record.diagnosis] == ["activation-clipped"]
    assert "between a = 12 and a = 22" in " ".join(record.diagnosis[0].says.split())


@pytest.mark.parametrize("limit", ["6", "9"])
def test_without_biases_a_clip_is_named_where_its_slope_is_not_clipped(limit: str) -> None:
    source = changed('"relu": np.maximum(a, 0)', f'"relu": np.clip(a, 0, {limit})')
    record = graded(source, _of_task('activations = ["relu"]\nbiases = false'))
    assert [(f.mistake, f.number) for f in record.diagnosis] == [("activation-clipped", float(limit))]


def test_the_smallest_case_of_a_clip_can_be_followed_by_hand(exam: Examination) -> None:
    case = graded(CLIPPED["the logistic function's argument at 10"], exam).counterexample
    assert case is not None
    shown = next(c for c in exam.fixture.cases if c.problem.label == case.label)
    assert shown.problem.layers == (1, 1, 2)
    assert all(bool(((v == 0) | (v.abs() >= 1e-6)).all()) for v in shown.truth.values())
    assert all(bool((w == w.round()).all()) for w in shown.problem.W)


@cache
def _of_task(task: str) -> Examination:
    return examination(assignment_from(tomllib.loads(task), "here"), seed=1)


@pytest.mark.parametrize(
    "source",
    [
        changed("a[-1] - a[-1].max(axis=1, keepdims=True)", "a[-1]"),
        changed("a[-1].max(axis=1, keepdims=True)", "a[-1].max()"),
        changed("a[-1].max(axis=1, keepdims=True)", "a[-1].mean()"),
    ],
    ids=["not shifted", "by the batch's maximum", "by the mean"],
)
@pytest.mark.parametrize("task", ["layers = [2, 2]", "layers = [20, 20]\nwidths = [2, 4]", "inputs = [100, 100]"])
def test_no_graded_problem_is_beyond_a_plain_softmax(source: str, task: str) -> None:
    record = graded(source, _of_task(task))
    assert (record.state, record.score) == ("correct", 10.0)


# Undecided -----------------------------------------------------------------------------------------------------------


def undecided() -> GradeRecord:
    """A record of nothing wrong, one line of which the problems do not decide."""
    exam = examination(Assignment(layers=(1, 1)), seed=0)
    record = graded(RIGHT, exam)
    assert record.state == "correct"
    left = [msgspec.structs.replace(line, state="undecided", reason="not decided") for line in record.lines[:1]]
    return msgspec.structs.replace(record, state="undecided", lines=[*left, *record.lines[1:]], message="left open")


def test_a_line_that_is_not_decided_takes_correct_away_and_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The budget of dW1 made as wide as the line is itself, on every problem."""
    allowed = Case.allowed

    def wide(self, name: str, **more):
        found = allowed(self, name, **more)
        return found + self.truth[name].abs().max() if name == "dW1" else found

    monkeypatch.setattr(Case, "allowed", wide)
    record = graded(RIGHT, examination(Assignment(layers=(1, 1)), seed=0))
    assert record.state == "undecided"
    assert record.score == record.max_score
    assert {line.name: line.state for line in record.lines}["dW1"] == "undecided"
    assert "dW1" in record.message
    assert [s.key for s in record.message_said] == ["not-decided"]


def test_undecided_is_said_in_reports_and_is_neither_passed_nor_failed_for_gradescope() -> None:
    record = undecided()
    assert graded_words.headline(record) == "x.py: undecided, 10 of 10 points"
    page = graded_pages.as_markdown(record)
    assert "Some lines could not be decided on these problems" in page
    results = gradescope(record)
    assert results["extra_data"]["state"] == "undecided"
    assert "status" not in results["tests"][0]
    assert all(test["status"] == "passed" for test in results["tests"][1:])


def test_every_state_of_a_line_has_its_word() -> None:
    line = LineRecord(name="dW1", state="undecided")
    assert graded_words.line_state(line) == "undecided"


# Close to where functions bend ---------------------------------------------------------------------------------------

MASKS = {
    "above": ('"relu": (a > 0) * 1.0', '"relu": (a > 1e-3) * 1.0'),
    "below": ('"relu": (a > 0) * 1.0', '"relu": (a > -1e-3) * 1.0'),
    "a little": ('"relu": (a > 0) * 1.0', '"relu": (z > 2e-6) * 1.0'),
    "in f": ('"relu": np.maximum(a, 0)', '"relu": np.where(a > 1e-3, a, 0)'),
}


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
def test_a_mask_that_asks_about_another_number_is_wrong_and_named(exam: Examination, mask: tuple[str, str]) -> None:
    record = graded(changed(*mask), exam)
    assert record.state == "wrong"
    assert [f.mistake for f in record.diagnosis] == ["bend-shifted"]
    assert record.counterexample is not None
    assert record.counterexample.label == "small and close, relu"


@pytest.mark.parametrize(
    "mask", ["(z > 0) * 1.0", "np.where(a <= 0, 0.0, 1.0)", "(np.sign(a) + 1) / 2", "(a >= 0) * 1.0"]
)
def test_a_mask_in_other_words_is_right(exam: Examination, mask: str) -> None:
    assert graded(changed(RELU, f'"relu": {mask}'), exam).state == "correct"


@pytest.mark.parametrize(
    "task",
    [
        'activations = ["relu6", "elu"]\nwidths = [1, 1]',
        'activations = ["hard_sigmoid"]\nbiases = false',
        'activations = ["relu"]\nbatch = [3, 3]\nwidths = [40, 40]',
        'output = "identity"\nloss = "hinge"\nlayers = [1, 1]',
        'output = "relu"\nloss = "l1"',
    ],
)
def test_every_bend_has_problems_close_to_it_on_either_side_and_decidably_off_it(task: str) -> None:
    cases = [c for c in _of_task(task).fixture.cases if "close" in c.problem.label or "near" in c.problem.label]
    sides: dict[tuple[str, float], set[float]] = {}
    for case in cases:
        p = case.problem
        bends = [(p.activation, l) for l in range(1, p.L)] + [(p.output, p.L)] * (p.pair.g is not None)
        values = [(name, case.working.a[l]) for name, l in bends if curve(name, p.constants).knots]
        values += [(p.loss, p.pair.apart(case.working.y, p.t))] * (p.pair.rho is not None)
        for name, a in values:
            for knot in curve(p.pair.rho.name if name == p.loss and p.pair.rho else name, p.constants).knots:
                close = (a - knot.at)[(a - knot.at).abs() <= 1e-3]
                assert all(abs(d) > 1e-7 for d in close.tolist() if d)
                sides.setdefault((name, knot.at), set()).update(torch.sign(close).tolist())
    assert cases
    assert all({-1.0, 1.0} <= found for found in sides.values())
