"""Right numbers in another place or form, biases left out, another output: one name, one line's price."""

from __future__ import annotations

import pytest

from tests.test_diagnosis import RIGHT, graded
from verify.grading.assignment import Assignment, assignment_from
from verify.grading.record import GradeRecord
from verify.lessons.network.grade import Examination, examination

SOFTMAX = "    e = np.exp(a - a.max(axis=1, keepdims=True))\n    y = e / e.sum(axis=1, keepdims=True)\n"
BARE = RIGHT.replace("return dW, db, lines", "return dW, db")


@pytest.fixture(scope="module")
def exam() -> Examination:
    return examination(Assignment())


def changed(*edits: tuple[str, str]) -> str:
    source = BARE
    for old, new in edits:
        assert old in source
        source = source.replace(old, new)
    return source


def named(record: GradeRecord) -> list[str]:
    return [f.mistake for f in record.diagnosis]


KINDS = {
    "gradients-exchanged": [("return dW, db", "return db, dW")],
    "weight-gradients-transposed": [("return dW, db", "return [w.T for w in dW], db")],
    "forward-biases-missing": [(" + b[l]\n", "\n")],
    "output-not-softmax": [(SOFTMAX, "    y = 1 / (1 + np.exp(-a))\n")],
    "leaky-slope-added": [("(z > 0) * 1.0", "np.where(z > 0, 1.0, 0.01)")],
}
FORMS = [
    ("forward-biases-missing", [(" + b[l]\n", " + (b[l] if l < L - 1 else 0)\n")], "The output layer's b(L) alone"),
    ("forward-biases-missing", [(" + b[l]\n", " + (b[l] if l == L - 1 else 0)\n")], "The hidden layers' b(l) alone"),
    ("output-not-softmax", [(SOFTMAX, "    y = a\n")], "The softmax is missing"),
    ("leaky-slope-added", [("(z > 0) * 1.0", "np.where(z > 0, 1.0, 0.1)")], "0.1 where a ≤ 0"),
]


@pytest.mark.parametrize("id", KINDS)
def test_it_is_named_and_costs_as_much_as_one_line(id: str, exam: Examination) -> None:
    record = graded(changed(*KINDS[id]), exam)
    assert (record.state, named(record)) == ("wrong", [id])
    assert record.score == pytest.approx(10 - 10 / 6, abs=1e-5)
    assert record.counterexample is not None


@pytest.mark.parametrize(("id", "edits", "says"), FORMS)
def test_its_form_is_said(id: str, edits: list[tuple[str, str]], says: str, exam: Examination) -> None:
    record = graded(changed(*edits), exam)
    assert named(record) == [id]
    assert says in record.diagnosis[0].says


@pytest.mark.parametrize("id", ["gradients-exchanged", "weight-gradients-transposed"])
def test_what_else_is_wrong_is_named_too(id: str, exam: Examination) -> None:
    record = graded(changed(*KINDS[id], ("+ lam * W[l]", "- lam * W[l]")), exam)
    assert sorted(named(record)) == sorted([id, "l2-sign"])


@pytest.mark.parametrize("digits", [3, 6, 9])
def test_rounded_numbers_are_told(digits: int, exam: Examination) -> None:
    end = f"return [np.round(w, {digits}) for w in dW], [np.round(v, {digits}) for v in db]"
    record = graded(changed(("return dW, db", end)), exam)
    assert (record.state, named(record)) == ("wrong", [])
    assert f"Your dW3 is the expected one, rounded to {digits} decimals." in record.message


def test_wrong_numbers_that_are_round_are_not_called_rounded(exam: Examination) -> None:
    record = graded(changed(("return dW, db", "return [np.round(w + 1, 3) for w in dW], db")), exam)
    assert "decimals" not in record.message


def test_what_costs_nothing_is_not_called_right(exam: Examination) -> None:
    record = graded(changed(("e / e.sum(axis=1, keepdims=True)", "e / (e.sum(axis=1, keepdims=True) + 1e-8)")), exam)
    assert (record.state, record.score) == ("correct", 10)
    assert record.message.startswith("Every line counts as right on ")
    assert any("ε is 1e-08" in text for text in record.advice)


def test_a_transpose_is_named_where_every_layer_is_square() -> None:
    square = examination(
        assignment_from({"widths": [3, 3], "inputs": [3, 3], "outputs": [3, 3], "batch": [2, 4]}, "test")
    )
    record = graded(changed(*KINDS["weight-gradients-transposed"]), square)
    assert (record.state, named(record)) == ("wrong", ["weight-gradients-transposed"])
    assert graded(BARE, square).state == "correct"
