"""The summary of a class: counts, groups of the same diagnosis, and a table in which no cell is a formula."""

from __future__ import annotations

import csv
import io
import json

import pytest

from verify.classroom.class_record import (
    COLUMNS,
    ClassRecord,
    Regraded,
    groups_of,
    neutral,
    number,
    scores_of,
    states_of,
    students_of,
    table,
)
from verify.classroom.gradebook import Row
from verify.grading.record import SCHEMA, FindingRecord


def row(name: str, state: str = "wrong", score: float | None = 4.0, mistakes: str = "", line: str | None = None) -> Row:
    findings = [FindingRecord(mistake=id, lines=["dW1"], says=f"{id} says") for id in mistakes.split()]
    return Row(SCHEMA, name, state, score, 10.0, 0, line, findings, f"about {name}")


CLASS = {
    "bob.py": row("bob.py", mistakes="sign mean", line="dW1"),
    "alice.py": row("alice.py", "correct", 10.0),
    "carol.py": row("carol.py", mistakes="mean sign", line="dW2", score=5.5),
    "dora.py": row("dora.py", mistakes="mean"),
    "emil.py": row("emil.py", line="delta2", score=0.0),
    "fay.py": row("fay.py", "grader-error", None),
    "gus.py": row("gus.py", line="delta2", score=0.0),
}


def record(rows: dict[str, Row] = CLASS) -> ClassRecord:
    students = students_of(rows)
    return ClassRecord(
        submissions=len(students), states=states_of(students), max_score=10.0, scores=scores_of(students),
        groups=groups_of(rows.values()), students=students, grader_errors=[], regraded=[], earlier=[], restored=[],
        sandbox="process", seed=0, digests={},
    )  # fmt: skip


def test_students_with_the_same_diagnosis_are_found_together() -> None:
    found = [(group.diagnosis, group.first_wrong_line, group.submissions) for group in groups_of(CLASS.values())]
    assert found == [
        ([], "delta2", ["emil.py", "gus.py"]),
        (["mean", "sign"], None, ["bob.py", "carol.py"]),
        (["mean"], None, ["dora.py"]),
    ]
    assert [group.says for group in groups_of(CLASS.values())][1] == ["mean says", "sign says"]


def test_scores_and_states() -> None:
    assert states_of(CLASS.values()) == {"wrong": 5, "correct": 1, "grader-error": 1}
    scores = scores_of(students_of(CLASS))
    assert (scores.count, scores.lowest, scores.highest, scores.median) == (6, 0.0, 10.0, 4.0)
    assert scores.mean == pytest.approx(23.5 / 6, abs=1e-6)
    assert scores_of([]).mean is None


def test_the_order_is_that_of_the_names_however_they_came() -> None:
    assert record().json() == record(dict(reversed(CLASS.items()))).json()
    assert [student.submission for student in record().students] == sorted(CLASS)


def test_class_json() -> None:
    said = json.loads(record().json())
    assert next(iter(said)) == "schema"
    assert said["schema"] == "backproof.class/1"
    assert said["submissions"] == 7
    assert said["students"][0] == {
        "submission": "alice.py", "state": "correct", "score": 10.0, "max_score": 10.0, "first_wrong_line": None,
        "diagnosis": [], "message": "about alice.py", "file": "alice.py.json",
        "source": "", "name": "", "id": "", "late": False, "number": "", "group": "", "email": "", "login": "",
        "submitted": "", "days_late": 0, "final": 10.0,
    }  # fmt: skip


def test_the_gradebook_reads_back() -> None:
    read = [*csv.DictReader(io.StringIO(record().csv()))]
    assert tuple(read[0]) == COLUMNS
    assert [entry["score"] for entry in read] == ["10", "4", "5.5", "4", "0", "", "0"]
    assert read[1]["diagnosis"] == "sign; mean"


FORMULAS = [
    '=HYPERLINK("http://x","y")', "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "＝1+1", "＋1", "－1",
    "＠x", "a;=1+1", "a\t=1", "a|=1", 'a";=1', "=1\n=2",
]  # fmt: skip


@pytest.mark.parametrize("text", FORMULAS)
def test_no_cell_is_a_formula(text: str) -> None:
    rows = {"x": Row(SCHEMA, text, "wrong", 1.0, 10.0, first_wrong_line=text, message=text)}
    for delimiter in ",;\t|":
        for line in csv.reader(io.StringIO(record(rows).csv()), delimiter=delimiter):
            assert not [cell for cell in line if cell.lstrip().startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠"))]
            assert not [cell for cell in line if cell.startswith(("\t", "\r"))]


@pytest.mark.parametrize("text", ["alice-bob.py", "dW1 is 2 × the expected one, at -0.3 = 1 + 2", "王芳.py", "", "4.5"])
def test_other_cells_stay_as_they_are(text: str) -> None:
    assert neutral(text) == text


def test_a_row_is_a_line() -> None:
    assert table([["a\nb\r\nc", 'say "x", y']]) == 'a b c,"say ""x"", y"\n'


@pytest.mark.parametrize(
    ("value", "shown"), [(None, ""), (0.0, "0"), (10.0, "10"), (8.571429, "8.571429"), (1234567.5, "1234567.5")]
)
def test_scores_as_cells(value: float | None, shown: str) -> None:
    assert number(value) == shown


def test_what_counts_as_a_change() -> None:
    assert Regraded("a", "wrong", 4.0, "wrong", 5.0).changed
    assert Regraded("a", "wrong", 4.0, "timeout", 4.0).changed
    assert not Regraded("a", "wrong", 4.0, "wrong", 4.0).changed
