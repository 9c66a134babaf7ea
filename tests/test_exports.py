"""What other systems read: Gradescope, Canvas, Moodle, nbgrader, JUnit, GitHub; no more than students may see."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import msgspec
import pytest

from tests.test_class_record import record, row
from verify.classroom.class_record import ClassRecord, Origin, Student, students_of
from verify.classroom.exports import FORMATS, canvas, export, gradescope, moodle, nbgrader
from verify.classroom.exports.github import notices, summary
from verify.classroom.exports.gradescope import encoded
from verify.grading.assignment import Assignment
from verify.grading.course import EXPLAINED, Late, Show
from verify.grading.record import LineRecord, encode, without_run
from verify.grading.sentence import said
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
    found = without_run("alice.py", state, said("unreadable", what="something is wrong"), Assignment(), 0)
    if state == "wrong":
        found.score = 2.5
        found.lines = [
            LineRecord(name="dW1", state="wrong", points=0.0, max_points=5.0, reason="too large"),
            LineRecord(name="E", function="loss", state="right", points=2.5, max_points=2.5),
        ]
    return found


def test_gradescope() -> None:
    results = gradescope(graded())
    assert (results["score"], results["output_format"]) == (2.5, "md")
    assert results["output"].startswith("# alice.py: wrong, 2.5 of 10 points")
    assert [(t["name"], t["number"], t["status"], t["output"]) for t in results["tests"]] == [
        ("dW1", "1", "failed", "too large"),
        ("loss: E", "2", "passed", ""),
    ]


def test_our_failure_has_no_score_at_gradescope() -> None:
    assert "score" not in gradescope(graded("grader-error"))


def test_gradescope_cuts_what_is_too_long_so_we_say_less() -> None:
    long = graded()
    long.advice = ["x" * 100_001]
    assert gradescope(long)["output"] == "something is wrong"


# The fields of "Autograder Specifications" at gradescope-autograders.readthedocs.io, and nothing else.
_TEXT, _NUMBER = {"type": "string"}, {"type": "number"}
_FORMAT = {"enum": ["text", "html", "simple_format", "md", "ansi"]}
_VISIBILITY = {"enum": ["hidden", "after_due_date", "after_published", "visible"]}
RESULTS = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "score": _NUMBER, "execution_time": _NUMBER, "output": {"type": "string", "maxLength": 100_000},
        "output_format": _FORMAT, "test_output_format": _FORMAT, "test_name_format": _FORMAT,
        "visibility": _VISIBILITY, "stdout_visibility": _VISIBILITY, "extra_data": {"type": "object"},
        "leaderboard": {"type": "array"},
        "tests": {"type": "array", "items": {
            "type": "object", "additionalProperties": False,
            "properties": {
                "score": _NUMBER, "max_score": _NUMBER, "status": {"enum": ["passed", "failed"]}, "name": _TEXT,
                "name_format": _FORMAT, "number": _TEXT, "output": _TEXT, "output_format": _FORMAT,
                "tags": {"type": "array", "items": _TEXT}, "visibility": _VISIBILITY, "extra_data": {"type": "object"},
            },
        }},
    },
}  # fmt: skip


@pytest.mark.parametrize("state", ["wrong", "ungradable", "grader-error"])
@pytest.mark.parametrize("before", EXPLAINED)
@pytest.mark.parametrize("after", EXPLAINED)
@pytest.mark.parametrize("due", ["", "2999-01-01T00:00:00+00:00", "2000-01-01T00:00:00+00:00"])
def test_results_are_what_gradescope_documents(state: str, before: str, after: str, due: str) -> None:
    asked = Assignment(due=due, show=Show(before, after), late=Late(per_day=0.1))
    results = json.loads(encoded(gradescope(graded(state), asked, days=2)))
    jsonschema.validate(results, RESULTS)
    told = [results, *(test for test in results["tests"] if test.get("visibility", "visible") == "visible")]
    seen = json.dumps([{key: each.get(key) for key in ("output", "score", "name")} for each in told])
    level = before if not due or due.startswith("2999") else after
    if state == "wrong":
        assert ("too large" in seen) == (level in ("hints", "case"))
        assert ("dW1" in seen) == (level != "nothing")
        assert (results.get("score") == 2.0) == (level != "nothing"), "2 days at 10 % of 2.5 points"
        assert sum(t.get("score", 0.0) for t in results["tests"] if t["name"] == "Report") in (0, 2.0)
    if state == "grader-error":
        assert "score" not in results
        assert not any("score" in test for test in results["tests"])


# A class with everything ---------------------------------------------------------------------------------------------

ODD = '=1+1 <b>&]]>\x0b::error::x%"\\'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The records and pages of BULK, with reasons of any letters."""
    for name, each in BULK.items():
        found = graded("grader-error" if each.state == "grader-error" else "wrong")
        found.submission, found.message = name, ODD if found.state == "wrong" else "ours"
        found.lines = [msgspec.structs.replace(line, reason=ODD) for line in found.lines]
        (tmp_path / f"{name}.json").write_bytes(encode(found))
    return tmp_path


def whole(asked: Assignment | None = None) -> ClassRecord:
    """BULK with a person who handed in nothing."""
    found = record(BULK)
    students = students_of(BULK, {}, lambda origin: (1, 0.5))
    absent = Student("", "missing", None, 10.0, None, [], "Nothing was handed in.", "", name="Li, Lei", number="007")
    named = asked or Assignment()
    return msgspec.structs.replace(
        found, students=[*students, absent], assignment=named.name, due=named.due, shown=named.show.before
    )


HW3 = Assignment(name="Homework 3: =backprop", due="2026-11-20T23:59:00+01:00", show=Show("case", "case"))


def test_tables_have_the_assignments_own_name_and_what_lateness_left() -> None:
    rows = read(canvas(whole(HW3)))
    name = "Homework 3: =backprop"
    assert {row["Student"]: row[name] for row in rows}["doejohn"] == "2"
    assert (rows[-1]["Student"], rows[-1]["SIS User ID"], rows[-1][name]) == ("Li, Lei", "007", "")
    table = {row["student_id"]: row for row in read(nbgrader(whole(HW3)))}
    told = [table["1234"][key] for key in ("raw_score", "late_submission_penalty", "score", "assignment", "duedate")]
    assert told == ["4", "2", "2", name, "2026-11-20 22:59:00"]
    assert table["007"]["score"] == ""
    assert {row["Full name"]: row["Grade"] for row in read(moodle(whole(HW3)))}["roejane"] == "2.5"


def course_of_nbgrader() -> ClassRecord:
    """Folders called by the login, one of them all digits, and somebody who handed in nothing."""
    rows = {"ada": row("ada", score=4.0), "41": row("41", score=5.0)}
    known = [("ada", "Ada Lovelace", "1001"), ("41", "Bo Li", "1002")]
    origins = {
        f"{login}.json": [Origin(f"{login}.json", "", name, login, number=number, login=login)]
        for login, name, number in known
    }
    absent = Student("", "missing", None, 10.0, None, [], "", "", "", "Cy Ng", number="1003", login="cy")
    return msgspec.structs.replace(record(rows), students=[*students_of(rows, origins), absent])


def test_in_nbgraders_table_everybody_is_called_as_their_folder_is() -> None:
    found = course_of_nbgrader()
    assert [row["student_id"] for row in read(nbgrader(found))] == ["41", "ada", "cy"]
    numbered = [msgspec.structs.replace(s, id=s.number if s.id else "", login="") for s in found.students]
    by_number = msgspec.structs.replace(found, students=numbered)
    assert [row["student_id"] for row in read(nbgrader(by_number))] == ["1002", "1001", "1003"]


def test_the_name_of_a_folder_is_no_number_of_canvas_or_moodle() -> None:
    """Participant 41 of a Moodle course is somebody else than the student whose folder is called 41."""
    found = course_of_nbgrader()
    assert {row["ID"] for row in read(canvas(found))} == {""}
    assert [row["SIS Login ID"] for row in read(canvas(found))] == ["", "41", "ada", "cy"]
    assert {row["Identifier"] for row in read(moodle(found))} == {""}


def test_the_student_id_of_gradescope_is_one_of_the_schools() -> None:
    rows = {"Ada Lovelace_1001": row("Ada Lovelace_1001", score=4.0)}
    file = "Ada Lovelace_1001.json"
    found = msgspec.structs.replace(
        record(rows), students=students_of(rows, {file: [Origin(file, "", "Ada Lovelace", "1001")]})
    )
    told = read(canvas(found))[1]
    assert (told["ID"], told["SIS User ID"]) == ("", "1001")
    assert read(moodle(found))[0]["Identifier"] == ""


def test_a_worksheet_shows_no_more_than_students_see() -> None:
    told = {row["Feedback comments"] for row in read(moodle(whole(Assignment(show=Show("nothing")))))}
    assert told == {""}
    told = {row["Feedback comments"] for row in read(moodle(whole(Assignment(show=Show("states")))))}
    assert told == {"wrong", "grader-error", "missing"}


def test_pages_for_moodle_and_canvas(folder: Path) -> None:
    for name in ("moodle", "canvas", "pages"):
        export(name, whole(HW3), folder, HW3)
    with zipfile.ZipFile(folder / "moodle-feedback.zip") as packed:
        assert packed.namelist() == [
            "doejohn_1234_assignsubmission_file_/backproof.html",
            "roejane_1235_assignsubmission_file_/backproof.html",
            "Wang Fang_77_assignsubmission_file_/backproof.html",
        ]
        # Moodle splits the name at underlines, at most five parts, and takes the second for the number.
        assert [name.split("/")[0].split("_", 4)[1] for name in packed.namelist()] == ["1234", "1235", "77"]
        assert b"<html" in packed.read(packed.namelist()[0])
    with zipfile.ZipFile(folder / "canvas-feedback.zip") as packed:
        assert packed.namelist() == ["doejohn_1234_98765_backproof.html", "roejane_LATE_1235_98766_backproof.html"]
        # Canvas takes the first two numbers between underlines: user and file.
        numbers = [[part for part in name.split("_") if part.isdigit()][:2] for name in packed.namelist()]
        assert numbers == [["1234", "98765"], ["1235", "98766"]]
    html = (folder / "pages" / "doejohn_1234_98765_hw1.py.html").read_text(encoding="utf-8")
    assert "<b>&]]>" not in html
    first = (folder / "moodle-feedback.zip").read_bytes()
    export("moodle", whole(HW3), folder, HW3)
    assert (folder / "moodle-feedback.zip").read_bytes() == first


# Elements of pytest's junit-10.xsd (xunit2), with attributes and what may stand in them; <error> is there `errors`.
_JUNIT = {
    "testsuites": ({"name", "time", "tests", "failures", "errors"}, {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors", "group", "time", "skipped", "timestamp", "hostname", "id", "package"},
        {"testsuite", "properties", "testcase", "system-out", "system-err"},
    ),
    "properties": (set(), {"property"}),
    "property": ({"name", "value"}, set()),
    "testcase": (
        {"name", "time", "classname", "group"}, {"skipped", "error", "failure", "system-out", "system-err"},
    ),
    "skipped": ({"type", "message"}, set()),
    "failure": ({"type", "message"}, set()),
    "error": ({"type", "message"}, set()),
}  # fmt: skip


def fits(element: ElementTree.Element) -> None:
    attributes, children = _JUNIT[element.tag]
    assert set(element.attrib) <= attributes, element.tag
    for child in element:
        assert child.tag in children, f"{child.tag} in {element.tag}"
        fits(child)


def test_junit_fits_pytests_schema(folder: Path) -> None:
    export("junit", whole(HW3), folder, HW3)
    root = ElementTree.parse(folder / "junit.xml").getroot()
    fits(root)
    suites = {suite.attrib["name"]: suite for suite in root}
    wrong = suites["doejohn_1234_98765_hw1.py"]
    counts = [wrong.attrib[key] for key in ("tests", "failures", "errors", "skipped")]
    assert counts == ["3", "2", "0", "0"]
    assert suites["Wang Fang_77_assignsubmission_file_"].attrib["errors"] == "1"
    assert suites["Li, Lei"].attrib["skipped"] == "1"
    assert {p.attrib["name"]: p.attrib["value"] for p in wrong.iter("property")}["final"] == "2.0"


# GitHub --------------------------------------------------------------------------------------------------------------


def test_github_in_a_workflow(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "step.md").write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(folder / "step.md"))
    export("github", whole(HW3), folder, HW3)
    step = (folder / "step.md").read_text(encoding="utf-8")
    assert step.startswith("before\n# Homework 3")
    assert "| wrong | 2 of 10 |" in step
    assert json.loads((folder / "github" / "points.json").read_text()) == {"totalPoints": 4.5, "maxPoints": 30.0}
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(" ")[0] for line in lines] == ["::error", "::error", "::error", "::warning"]
    for line in lines:
        head, data = line[2:].split("::", 1)
        assert not {"\r", "\n"} & set(data)
        assert ("%25" in data) == line.startswith("::error")
        assert ":" not in head.split("title=")[1]
        assert "," not in head


def test_no_more_annotations_and_bytes_than_github_takes() -> None:
    rows = {f"{at:03}.py": row(f"{at:03}.py") for at in range(30)}
    big = graded()
    big.advice = ["y" * 90_000]
    records = {f"{name}.json": msgspec.structs.replace(big, submission=name) for name in rows}
    lines = notices(record(rows), records, "case")
    assert len(lines) == 10
    assert lines[-1] == "::error title=backproof::and 21 more; the summary has all of them"
    text = summary(record(rows), records, "case")
    assert 900_000 < len(text.encode()) <= 1 << 20
    assert "more are left out: a summary has 1 MiB." in text


def test_a_summary_fits_below_what_other_steps_wrote(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "step.md").write_text("x" * ((1 << 20) - 60))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(folder / "step.md"))
    export("github", whole(HW3), folder, HW3)
    assert (folder / "step.md").stat().st_size <= 1 << 20


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("level", EXPLAINED)
def test_every_format_is_written_and_shows_no_more_than_the_level(folder: Path, name: str, level: str) -> None:
    before = {*folder.rglob("*")}
    asked = Assignment(show=Show(level, level))
    export(name, whole(asked), folder, asked)
    written = [path for path in {*folder.rglob("*")} - before if path.is_file()]
    assert written
    for path in written:
        found = path.read_bytes()
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as packed:
                found = b"".join(map(packed.read, packed.namelist()))
        if path.name not in ("nbgrader.csv", "canvas.csv"):
            assert level != "nothing" or b"2.5 of 10" not in found
            assert level in ("hints", "case") or path.name == "results.json" or b"1+1 " not in found
