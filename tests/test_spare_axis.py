"""∂E/∂b as `sum(axis=0, keepdims=True)` leaves it: named, charged once, and no other mistake is hidden by it."""

from __future__ import annotations

import pytest

from tests.test_diagnosis import RIGHT, graded
from verify.grading.assignment import Assignment, assignment_from
from verify.grading.record import GradeRecord
from verify.lessons.network.grade import Examination, examination

KEPT = RIGHT.replace("delta.sum(axis=0) / N", "delta.sum(axis=0, keepdims=True) / N")
COLUMN = RIGHT.replace("delta.sum(axis=0) / N", "delta.sum(axis=0).reshape(-1, 1) / N")


@pytest.fixture(scope="module")
def exam() -> Examination:
    return examination(Assignment())


def named(record: GradeRecord) -> list[str]:
    return [f.mistake for f in record.diagnosis]


def changed(*edits: tuple[str, str], source: str = KEPT) -> str:
    for old, new in edits:
        assert old in source
        source = source.replace(old, new)
    return source


@pytest.mark.parametrize("source", [KEPT, COLUMN])
def test_it_is_named_and_costs_as_much_as_one_line(source: str, exam: Examination) -> None:
    record = graded(source, exam)
    assert (record.state, named(record), record.first_wrong_line) == ("wrong", ["bias-axis-kept"], "db3")
    assert record.score == pytest.approx(10 - 10 / 6, abs=1e-5)
    states = {line.name: (line.state, line.points > 0) for line in record.lines if line.name.startswith("d")}
    assert [states[f"db{l}"] for l in (3, 2, 1)] == [("wrong", False), ("wrong", True), ("wrong", True)]
    assert {states[f"dW{l}"] for l in (3, 2, 1)} == {("right", True)}
    assert "no known mistake" not in record.message
    assert record.counterexample is not None
    assert (record.counterexample.line, record.counterexample.lam) == ("db1", 0)


SIGN = ("+ lam * W[l]", "- lam * W[l]")
NO_SLOPE = (" * df(z[l], activation)", "")


@pytest.mark.parametrize(
    ("edits", "others"),
    [([SIGN], ["l2-sign"]), ([("T @ delta / N", "T @ delta")], ["mean-missing-weights"]), ([SIGN, NO_SLOPE], None)],
)
def test_it_hides_no_other_mistake(edits: list[tuple[str, str]], others: list[str] | None, exam: Examination) -> None:
    alone, both = graded(changed(*edits, source=RIGHT), exam), graded(changed(*edits), exam)
    assert named(alone)
    assert others is None or named(alone) == others
    assert sorted(named(both)) == sorted([*named(alone), "bias-axis-kept"])
    assert both.score == pytest.approx((alone.score or 0) - 10 / 6, abs=1e-5)


def test_beside_an_error_that_nothing_explains_it_is_named_and_charged_once(exam: Examination) -> None:
    odd = ("T @ delta / N", "T @ (delta + 0.01 * np.sin(np.arange(delta.size)).reshape(delta.shape)) / N")
    alone, both = graded(changed(odd, source=RIGHT), exam), graded(changed(odd), exam)
    assert named(alone) == []
    assert named(both) == ["bias-axis-kept"]
    assert (alone.score or 0) - 10 / 6 - 1e-5 <= (both.score or 0) <= (alone.score or 0)
    assert {line.name for line in both.lines if line.state == "blocked"} == {
        line.name for line in alone.lines if line.state == "blocked"
    }


def test_numbers_that_are_wrong_are_not_excused(exam: Examination) -> None:
    record = graded(KEPT.replace("keepdims=True) / N", "keepdims=True) / N * 1.01"), exam)
    assert record.state == "wrong"
    assert (record.score or 0) <= graded(RIGHT.replace("axis=0) / N", "axis=0) / N * 1.01"), exam).score  # type: ignore[operator]


def test_an_instructor_may_set_its_price() -> None:
    asked = examination(assignment_from({"points": {"mistakes": {"bias-axis-kept": 0.5}}}, "test"))
    assert graded(KEPT, asked).score == pytest.approx(9.5)


def test_a_row_of_weights_has_no_spare_axis(exam: Examination) -> None:
    record = graded(RIGHT.replace("+ lam * W[l]\n", "+ lam * W[l]\n        dW[l] = dW[l][None]\n"), exam)
    assert record.state == "wrong"
    assert "bias-axis-kept" not in named(record)


def test_samples_that_were_not_summed_are_no_spare_axis(exam: Examination) -> None:
    assert named(graded(RIGHT.replace("delta.sum(axis=0) / N", "delta / N"), exam)) == ["bias-not-summed"]


def test_an_axis_kept_of_another_length_is_a_wrong_shape(exam: Examination) -> None:
    longer = RIGHT.replace("delta.sum(axis=0) / N", "np.append(delta.sum(axis=0), 0)[None] / N")
    record = graded(longer, exam)
    assert (record.state, named(record)) == ("wrong", [])
    assert any("where (3,) is expected" in line.reason for line in record.lines if line.name == "db3")
