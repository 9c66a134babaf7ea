"""What other systems read: Gradescope's results.json, the tables of Canvas and nbgrader."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import msgspec
import pytest

from tests.test_class_record import record, row
from verify.classroom.class_record import ClassRecord, Origin, students_of
from verify.classroom.exports import FORMATS, canvas, export, gradescope, moodle, nbgrader
from verify.grading.assignment import Assignment
from verify.grading.record import LineRecord, encode, without_run
from verify.submissions.people import Person, person

BULK = {
    "doejohn_1234_98765_hw1.py": row("doejohn_1234_98765_hw1.py", score=4.0),
    "roejane_LATE_1235_98766_hw1-2.py": row("roejane_LATE_1235_98766_hw1-2.py", score=5.0),
    "Wang Fang_77_assignsubmission_file_": row("Wang Fang_77_assignsubmission_file_", "grader-error", None),
    "=evil.py": row("=evil.py", score=0.0),
}


def read(table: str) -> list[dict[str, str]]:
    return [*csv.DictReader(io.StringIO(table))]


@pytest.mark.parametrize(
    ("submission", "found"),
    [
        ("doejohn_1234_98765_hw1.py", Person("doejohn", "1234")),
        ("roejane_LATE_1235_98766_hw1-2.py", Person("roejane", "1235", late=True)),
        ("Wang Fang_77_assignsubmission_file_", Person("Wang Fang", "77")),
        ("Wang Fang_77_assignsubmission_file_hw.py", Person("Wang Fang", "77")),
        ("alice.py", Person("alice", "")),
        ("alice.tar.gz", Person("alice", "")),
        ("hw_1.py", Person("hw_1", "")),
        ("shadow", Person("shadow", "")),
    ],
)
def test_the_student_in_a_name(submission: str, found: Person) -> None:
    assert person(submission) == found


def test_canvas() -> None:
    rows = read(canvas(record(BULK)))
    assert [*rows[0]] == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "backproof"]
    assert (rows[0]["Student"], rows[0]["backproof"]) == ("Points Possible", "10")
    assert {entry["ID"]: entry["backproof"] for entry in rows[1:]} == {"1234": "4", "1235": "5", "77": "", "": "0"}
    assert "'=evil" in {entry["Student"] for entry in rows}


def test_moodle() -> None:
    rows = {entry["Full name"]: entry for entry in read(moodle(record(BULK)))}
    assert (rows["Wang Fang"]["Identifier"], rows["Wang Fang"]["Grade"]) == ("Participant 77", "")
    assert (rows["roejane"]["Grade"], rows["roejane"]["Maximum Grade"]) == ("5", "10")
    assert rows["'=evil"]["Identifier"] == ""


def test_what_the_record_says_goes_before_what_a_name_tells() -> None:
    name = "doejohn_1234_98765_hw1.py"
    rows = {name: BULK[name]}
    origins = {f"{name}.json": [Origin(f"{name}.json", "a.zip", "Wei Ling", "42")]}
    known = msgspec.structs.replace(record(rows), students=students_of(rows, origins))
    assert [entry["ID"] for entry in read(canvas(known))][1:] == ["42"]
    assert [entry["student_id"] for entry in read(nbgrader(known))] == ["42"]


def test_nbgrader() -> None:
    rows = {entry["student_id"]: entry for entry in read(nbgrader(record(BULK)))}
    assert rows["1234"]["raw_score"] == rows["1234"]["score"] == "4"
    assert (rows["77"]["first_name"], rows["77"]["last_name"], rows["77"]["score"]) == ("Wang", "Fang", "")
    assert rows["'=evil"]["max_score"] == "10"


def graded(state: str = "wrong"):
    found = without_run("alice.py", state, "something is wrong", Assignment(), 0)
    if state == "wrong":
        found.score = 2.5
        found.lines = [
            LineRecord(name="dW1", state="wrong", points=0.0, max_points=5.0, reason="too large"),
            LineRecord(name="E", function="loss", state="right", points=2.5, max_points=2.5),
        ]
    return found


def test_gradescope() -> None:
    results = gradescope(graded(), "# alice")
    assert (results["score"], results["output"], results["output_format"]) == (2.5, "# alice", "md")
    assert [(t["name"], t["number"], t["status"], t["output"]) for t in results["tests"]] == [
        ("dW1", "1", "failed", "too large"),
        ("loss: E", "2", "passed", ""),
    ]


def test_our_failure_has_no_score_at_gradescope() -> None:
    assert "score" not in gradescope(graded("grader-error"), "")


def test_gradescope_cuts_what_is_too_long_so_we_say_less() -> None:
    assert gradescope(graded(), "x" * 100_001)["output"] == "something is wrong"


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_written(tmp_path: Path, name: str) -> None:
    rows = {"alice.py": row("alice.py")}
    (tmp_path / "alice.py.json").write_bytes(encode(graded()))
    (tmp_path / "alice.py.md").write_text("# alice")
    summary: ClassRecord = record(rows)
    export(name, summary, tmp_path)
    if name == "gradescope":
        assert json.loads((tmp_path / "gradescope" / "alice.py" / "results.json").read_bytes())["score"] == 2.5
    else:
        assert "alice" in (tmp_path / f"{name}.csv").read_text()
