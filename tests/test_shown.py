"""What students see: each level gives no more than it says, in every output, before and after the due date."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

import verify.classroom.classroom
from tests.classes import HERE, NO_SLOPE, RIGHT, write_class
from verify.classroom.classroom import Classroom
from verify.classroom.gradebook import Gradebook
from verify.classroom.sitting import Sitting
from verify.commands.one_submission import OneJob, exit_code, grade_one
from verify.grading.assignment import Assignment, assignment_from
from verify.grading.course import Show
from verify.grading.record import GradeRecord, encode, without_run
from verify.grading.sentence import said
from verify.grading.shown import shown_as
from verify.reports import graded_pages
from verify.submissions.confined import find_submissions

DUE = "2026-11-20T23:59:00+01:00"


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> GradeRecord:
    """Of a program that lacks a slope, and prints the problems that it is given."""
    folder = tmp_path_factory.mktemp("shown")
    source = NO_SLOPE.replace("    z, a = [x], []", "    print('x is', x)\n    z, a = [x], []")
    return grade_one(OneJob(write_class(folder, {"bob.py": source}) / "bob.py", None, "process"))


def test_when_what_is_shown() -> None:
    show = Show("states", "case")
    before, after = datetime(2026, 11, 20, 22, 58, tzinfo=UTC), datetime(2026, 11, 20, 23, 0, tzinfo=UTC)
    assert [show.now(DUE, at) for at in (before, after)] == ["states", "case"]
    assert [show.now("", at) for at in (before, after)] == ["states", "states"]


TOLD = {
    "nothing": (),
    "states": ("wrong", "dW1"),
    "hints": ("wrong", "dW1", "derivative-missing", "lacks the factor"),
    "case": ("wrong", "dW1", "derivative-missing", "lacks the factor", "x is", "smallest case"),
}


@pytest.mark.parametrize("level", TOLD)
def test_a_level_tells_what_it_says_and_no_more(record: GradeRecord, level: str) -> None:
    shown = shown_as(record, level)
    outputs = [graded_pages.as_markdown(shown), graded_pages.as_html(shown), encode(shown).decode()]
    for text in outputs[:2]:
        assert [word in text for word in TOLD["case"]] == [word in TOLD[level] for word in TOLD["case"]]
    for word in set(TOLD["case"]) - set(TOLD[level]) - {"wrong", "smallest case"}:
        assert word not in outputs[2]
    assert (shown.counterexample is None) == (level != "case")
    assert exit_code(shown) == (0 if level == "nothing" else 1)


def test_why_nothing_could_be_graded_is_told_with_the_states(record: GradeRecord) -> None:
    failed = without_run("a.py", "ungradable", said("unreadable", what="line 1: SyntaxError"), Assignment(), 0)
    assert shown_as(failed, "states").message == "line 1: SyntaxError"
    assert shown_as(failed, "nothing").message == shown_as(record, "nothing").message


def test_the_instructor_sees_everything_where_asked(tmp_path: Path, record: GradeRecord) -> None:
    (tmp_path / "hw.toml").write_text('show = {before = "nothing"}')
    path = write_class(tmp_path / "c", {"bob.py": NO_SLOPE}) / "bob.py"
    assert grade_one(OneJob(path, tmp_path / "hw.toml", "process")).state == "withheld"
    assert grade_one(OneJob(path, tmp_path / "hw.toml", "process", show="case")).counterexample is not None


def test_pages_of_a_class_are_written_again_after_the_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = assignment_from({"due": datetime.fromisoformat(DUE), "show": {"before": "nothing"}}, "t")
    folder = write_class(tmp_path / "c", {"alice.py": RIGHT, "bob.py": NO_SLOPE})

    def graded(level: str) -> str:
        monkeypatch.setattr(Show, "now", lambda self, due, at=None: level)
        with Gradebook(tmp_path / "out") as gradebook:
            record = Classroom(gradebook, Sitting(asked, 0, "process"), HERE).grade(find_submissions([folder]))
        assert record.shown == level
        assert record.restored == []
        return (tmp_path / "out" / "bob.py.md").read_text(encoding="utf-8")

    assert "derivative-missing" not in graded("nothing")
    assert json.loads((tmp_path / "out" / "bob.py.json").read_bytes())["diagnosis"]
    monkeypatch.setattr(verify.classroom.classroom, "grade", None)
    assert "derivative-missing" in graded("case")
    assert "derivative-missing" not in graded("states")
    assert "dW1" in graded("states")
