"""How points come about: invariants over planted mistakes, handed-over lines and assignments; nothing for nothing."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from manual import work
from verify.bounds.budget import lines_of
from verify.grading.assignment import assignment_from
from verify.grading.record import GradeRecord
from verify.isolation import Outcome, Reply, Run
from verify.lessons.network.cases.fixtures import Case
from verify.lessons.network.grade import Examination, examination, grade, plan
from verify.lessons.network.mistakes import CATALOGUE, Variant, equations_with

TABLES: tuple[dict[str, Any], ...] = (
    {"activations": ["tanh"]},
    {"biases": False, "activations": ["relu"]},
    {"output": "sigmoid", "loss": "squared-error", "layers": [2, 2], "l2": False},
    {"activations": ["tanh"], "points": {"lines": {"delta": 2.0}, "mistakes": {"mean-missing": 2.5}}},
)
RIGHT = Variant("", "mean", lambda net, total: total / net.N)
PLANTED = [v for m in CATALOGUE.values() for v in m.variants if not v.fitted]
KINDS = ("a", "z", "y", "E", "delta")

Lines = Mapping[str, Tensor]
Change = Callable[[Case, dict[str, np.ndarray]], dict[str, np.ndarray]]


@functools.cache
def exam_of(at: int) -> Examination:
    return examination(assignment_from(TABLES[at], "test"))


@functools.cache
def lines_with(at: int, planted: Variant) -> list[dict[str, np.ndarray] | None]:
    """The lines of a program with that one equation, on every case; None where it raises."""
    found: list[dict[str, np.ndarray] | None] = []
    for case in exam_of(at).fixture.cases:
        p = case.problem
        mine = planted if planted.concerns(p.activation, p.output, p.loss) else RIGHT
        try:
            net = work(p.W, p.b, p.x, p.t, p.f, p.pair, p.lam, equations_with({mine.slot: mine}))
            found.append({name: value.numpy() for name, value in lines_of(net).items()})
        except (RuntimeError, IndexError):
            found.append(None)
    return found


def graded(at: int, lines: list[dict[str, np.ndarray] | None], handed: Callable[[str], bool]) -> GradeRecord:
    """The record of a program that gives those lines, and hands over those that it is asked for by name."""
    exam = exam_of(at)
    replies = []
    for asked in plan(exam.fixture):
        of_case = lines[asked.case]
        L = exam.fixture.cases[asked.case].problem.L
        if of_case is None:
            replies.append(Reply(Outcome.RAISED, message="ValueError: shapes"))
            continue
        dW, db = ([of_case[f"{kind}{l}"] for l in range(1, L + 1)] for kind in ("dW", "db"))
        more = {n: v for n, v in of_case.items() if n[:2] not in ("dW", "db") and handed(n)}
        replies.append(Reply(Outcome.RETURNED, (dW, db, more)))
    return grade("program.py", Run("ok", tuple(replies), frozenset({"gradients"})), exam)


def score(record: GradeRecord) -> float:
    assert record.score is not None
    return record.score


def kinds(chosen: frozenset[str]) -> Callable[[str], bool]:
    return lambda name: name.rstrip("0123456789") in chosen


@given(st.integers(0, len(TABLES) - 1), st.sampled_from(PLANTED), st.frozensets(st.sampled_from(KINDS)))
@settings(max_examples=8, deadline=None)
def test_what_is_wrong_never_has_all_points(at: int, planted: Variant, handed: frozenset[str]) -> None:
    record = graded(at, lines_with(at, planted), kinds(handed))
    total = record.max_score
    assert sum(line.points for line in record.lines) == pytest.approx(score(record), abs=1e-4)
    assert sum(line.max_points for line in record.lines) == pytest.approx(total, abs=1e-4)
    assert (record.state in ("wrong", "incomplete")) == (score(record) < total - 1e-6)
    if record.state == "correct":
        assert record.diagnosis == []


@given(st.integers(0, len(TABLES) - 2), st.sampled_from(PLANTED), st.frozensets(st.sampled_from(KINDS)))
@settings(max_examples=4, deadline=None)
def test_lines_that_are_handed_over_never_lower_the_score(at: int, planted: Variant, handed: frozenset[str]) -> None:
    lines = lines_with(at, planted)
    alone, more = graded(at, lines, lambda name: False), graded(at, lines, kinds(handed))
    assert score(more) >= score(alone) - 1e-6
    if alone.diagnosis:  # with a name, every number is explained already
        assert score(more) == pytest.approx(score(alone))


def test_one_mistake_costs_as_much_as_another() -> None:
    """A wrong sign, a missing mean, 2λ: each as much as one dW of the deepest network."""
    for id in ("output-sign", "mean-missing", "l2-doubled", "derivative-missing", "mean-twice"):
        record = graded(0, lines_with(0, CATALOGUE[id].variants[0]), lambda name: False)
        assert [d.mistake for d in record.diagnosis] == [id]
        assert score(record) == pytest.approx(10 - 10 / 6, abs=1e-4), id


def test_the_assignment_prices_a_mistake() -> None:
    record = graded(3, lines_with(3, CATALOGUE["mean-missing"].variants[0]), kinds(frozenset({"delta"})))
    assert score(record) == pytest.approx(7.5)


def changed(at: int, change: Change) -> list[dict[str, np.ndarray] | None]:
    cases = exam_of(at).fixture.cases
    right = lines_with(at, RIGHT)
    return [change(case, dict(lines)) for case, lines in zip(cases, right, strict=True) if lines is not None]


def zero(case: Case, lines: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {n: v * 0 for n, v in lines.items()}


def penalty_of_zeros(case: Case, lines: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """δ of 0, and dW and db that follow from it."""
    p = case.problem
    dW = {f"dW{l}": (p.lam * p.W[l - 1]).numpy() for l in range(1, p.L + 1)}
    return {n: v * 0 for n, v in lines.items()} | dW


def target_for_output(case: Case, lines: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return penalty_of_zeros(case, lines) | {"y": case.problem.t.numpy()}


def constants(case: Case, lines: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {n: np.full_like(v, 0.5) for n, v in lines.items()}


def copies(case: Case, lines: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    p = case.problem
    own = {f"dW{l}": p.W[l - 1].numpy() for l in range(1, p.L + 1)}
    return lines | own | {f"db{l}": p.b[l - 1].numpy() for l in range(1, p.L + 1)}


def forward_alone(case: Case, lines: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {n: v * 0 if n.startswith(("d", "delta")) else v for n, v in lines.items()}


def one_problem_alone(case: Case, lines: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return lines if case.problem.label == "small 1" else {n: v * 0 for n, v in lines.items() if n[:2] in ("dW", "db")}


@pytest.mark.parametrize(
    "change",
    [zero, penalty_of_zeros, target_for_output, constants, copies, forward_alone, one_problem_alone],
    ids=lambda change: change.__name__,
)
@pytest.mark.parametrize("at", [0])
def test_nothing_is_earned_for_nothing(change: Change, at: int) -> None:
    record = graded(at, changed(at, change), lambda name: True)
    assert record.state == "wrong"
    assert score(record) <= 0.05 * record.max_score
    assert record.diagnosis == []


def test_a_wrong_line_without_points_is_told_and_costs_nothing() -> None:
    def without_penalty(case: Case, lines: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        p = case.problem
        penalty = p.lam / 2 * sum(float((w**2).sum()) for w in p.W)
        return lines | {"E": lines["E"] - penalty}

    record = graded(0, changed(0, without_penalty), lambda name: True)
    assert (record.state, record.score) == ("correct", 10.0)
    assert any("lacks the penalty" in said for said in record.advice)


def test_before_and_after_the_activation_may_be_exchanged() -> None:
    def exchanged(case: Case, lines: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        L = case.problem.L
        other = {f"a{l}": lines[f"z{l}"] for l in range(1, L)} | {f"z{l}": lines[f"a{l}"] for l in range(1, L)}
        return lines | other | {f"a{L}": lines["y"]}

    record = graded(0, changed(0, exchanged), lambda name: True)
    assert (record.state, record.score) == ("correct", 10.0)
    assert any("exchanged" in said for said in record.advice)


def test_a_program_that_fails_somewhere_has_the_points_of_what_it_answered() -> None:
    lines = lines_with(0, RIGHT)
    cases = exam_of(0).fixture.cases
    some = [None if case.problem.N == 3 else of for case, of in zip(cases, lines, strict=True)]
    judged = [of for case, of in zip(cases, some, strict=True) if case.role != "large"]
    record = graded(0, some, lambda name: False)
    assert record.state == "wrong"
    assert record.diagnosis == []
    assert score(record) == pytest.approx(10 * sum(of is not None for of in judged) / len(judged), abs=1e-3)
