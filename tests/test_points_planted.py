"""Invariants of the points that need numbers nobody named, and errors planted in the rule itself: each must be seen."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.test_points import (
    RIGHT,
    changed,
    exam_of,
    graded,
    kinds,
    lines_with,
    score,
)
from verify.grading.record import GradeRecord
from verify.lessons.network import grade as grading
from verify.lessons.network.cases.fixtures import Case
from verify.lessons.network.diagnosis import Diagnosis, finding
from verify.lessons.network.judging import scoring
from verify.lessons.network.mistakes import CATALOGUE

# Errors without a name, in one line of the output layer or of the layer below it.
STRANGE: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "bent": lambda v: v * np.abs(v),
    "moved": lambda v: v + 0.37,
    "first row alone": lambda v: np.concatenate([v[:1] * 1.3, v[1:]]),
}


def spoilt(at: int, line: str, how: str) -> list[dict[str, np.ndarray] | None]:
    """Right lines but for one, counted from the output; dW and db of that layer follow from a δ that is spoilt."""

    def change(case: Case, lines: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        p, l = case.problem, case.problem.L - int(line[-1])
        if l < 1:
            return lines
        name = f"{line[:-1]}{l}"
        lines = lines | {name: STRANGE[how](lines[name])}
        if line.startswith("delta"):
            z = p.x.numpy() if l == 1 else lines[f"z{l - 1}"]
            lines[f"dW{l}"] = z.T @ lines[name] / p.N + p.lam * p.W[l - 1].numpy()
            lines[f"db{l}"] = lines[name].sum(0) / p.N
        return lines

    return changed(at, change)


@given(
    st.sampled_from(["delta0", "delta1", "dW0", "db1"]),
    st.sampled_from(sorted(STRANGE)),
    st.frozensets(st.sampled_from(("a", "z", "delta")), min_size=1),
)
@settings(max_examples=2, deadline=None)
def test_lines_raise_the_score_by_what_they_explain_alone(line: str, how: str, handed: frozenset[str]) -> None:
    lines = spoilt(2, line, how)
    alone, more = graded(2, lines, lambda name: False), graded(2, lines, kinds(handed))
    explained = {one.name for one in more.lines if one.carried_forward == "right"}
    before = {one.name: one.points for one in alone.lines}
    gained = {one.name for one in more.lines if one.points > before.get(one.name, 0.0) + 1e-6}
    assert gained <= explained
    assert score(more) <= score(alone) + sum(one.max_points for one in more.lines if one.name in explained) + 1e-6


def no_name_for_what_is_right(at: int, answered: Callable[[Case], bool]) -> GradeRecord:
    """The record of a program that is right wherever it answers, which has no name but for where it fails."""
    cases = exam_of(at).fixture.cases
    lines = [of if answered(case) else None for case, of in zip(cases, lines_with(at, RIGHT), strict=True)]
    record = graded(at, lines, lambda name: False)
    assert {d.mistake for d in record.diagnosis} <= {"layers-hard-coded"}
    assert all(one.state in ("right", "undecided", "absent") for one in record.lines)
    return record


@given(st.integers(0, len(CATALOGUE)), st.integers(2, 5), st.sampled_from((0, 1)))
@settings(max_examples=4, deadline=None)
def test_nothing_is_named_where_no_line_that_came_is_wrong(start: int, step: int, at: int) -> None:
    every = list(exam_of(at).fixture.cases)
    no_name_for_what_is_right(at, lambda case: (every.index(case) + start) % step != 0)


@pytest.mark.parametrize("answered", [lambda c: c.problem.N == 1, lambda c: c.problem.lam == 0, lambda c: False])
def test_nothing_is_named_where_a_program_answers_problems_of_one_kind(answered: Callable[[Case], bool]) -> None:
    no_name_for_what_is_right(0, answered)


# Errors planted in the rule ------------------------------------------------------------------------------------------


def test_a_mistake_that_costs_nothing_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """state wrong ⇒ score < max: where prices are 0, a wrong program is called correct."""
    monkeypatch.setattr(scoring.Scoring, "price", lambda self, finding: 0.0)
    record = graded(0, lines_with(0, CATALOGUE["output-sign"].variants[0]), lambda name: False)
    assert (record.state, score(record)) == ("correct", 10.0)
    assert any(told.startswith("output-sign") for told in record.advice)


def test_a_name_for_a_right_program_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grading, "diagnose", lambda drawn, answers: Diagnosis((finding("output-sign", 3),)))
    with pytest.raises(AssertionError):
        no_name_for_what_is_right(0, lambda case: case.problem.N == 1)
