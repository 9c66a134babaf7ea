"""A made-up course of 300 in each system's download: a row for each person, each grade once, twice and in any order."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

import verify.classroom.classroom
from tests.classes import RIGHT, grade_download
from verify.benchmarks import course
from verify.classroom.class_record import ClassRecord
from verify.classroom.roster import read_roster
from verify.classroom.sitting import Graded, Ground, Work
from verify.grading.assignment import Assignment
from verify.grading.record import encode, without_run
from verify.grading.sentence import said

ASKED = Assignment(due=course.DUE.isoformat(), name="ps1")
PEOPLE = course.people(300)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Grading that runs nothing and says what was handed in; a disk that need not be waited for."""

    def grade(work: Work) -> Graded:
        handed = work.read.source.splitlines()[0]  # type: ignore[union-attr]
        record = without_run(work.entry.name, "wrong", said("unreadable", what=handed), ASKED, 0)
        record.score = 5.0
        record.digests = dict(record.digests, submission=work.read.digest, grader=work.sitting.version)  # type: ignore[union-attr]
        return Graded(encode(record), b"# page")

    monkeypatch.setattr(verify.classroom.classroom, "grade", grade)
    monkeypatch.setattr(verify.classroom.classroom, "ground", lambda sitting: Ground("", sitting.version))
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


def graded(path: Path, out: Path, listed: Path, asked: Assignment = ASKED) -> ClassRecord:
    return grade_download([path], out, read_roster(listed), asked)


def rows(record: ClassRecord) -> dict[str, tuple]:
    found = {s.number: (s.name, s.group, s.message, s.score, s.late) for s in record.students}
    assert len(found) == len(record.students), "nobody twice"
    return found


def expected(system: str) -> dict[str, tuple]:
    timed = system in course.TIMED
    return {
        f.number: (f.name, f.group, f.newest or "Nothing was handed in.", 5.0 if f.times else None, timed and f.late)
        for f in PEOPLE
    }


def test_the_course_has_everything_that_happens() -> None:
    assert len({fake.number for fake in PEOPLE}) == len({fake.login for fake in PEOPLE}) == 300
    assert PEOPLE[0].name == PEOPLE[-1].name
    assert sum(not fake.times for fake in PEOPLE) > 10
    assert sum(len(fake.times) > 1 for fake in PEOPLE) > 30
    assert sum(fake.late for fake in PEOPLE) > 15
    assert all(
        any(low <= letter <= high for fake in PEOPLE for letter in fake.name)
        for low, high in ("az", "ая", "一龥", "اي")
    )


@pytest.mark.parametrize("system", course.SYSTEMS)
def test_a_row_for_each_person_twice_and_in_another_order(tmp_path: Path, quick: None, system: str) -> None:
    packed = system in ("canvas", "nbgrader", "moodle")
    listed = tmp_path / "roster.csv"
    listed.write_text(course.roster(PEOPLE, system), encoding="utf-8")
    first = graded(course.write(PEOPLE, system, tmp_path, packed=packed), tmp_path / "out", listed)
    assert rows(first) == expected(system)
    assert first.doubts == []
    assert first.missing == [fake.name for fake in PEOPLE if not fake.times]
    shuffled = random.Random(1).sample(PEOPLE, len(PEOPLE))
    listed.write_text(course.roster(shuffled, system), encoding="utf-8")
    again = graded(course.write(shuffled, system, tmp_path, packed=not packed), tmp_path / "out", listed)
    assert rows(again) == rows(first)
    assert again.regraded == []
    assert again.earlier == []


def test_some_of_it_graded_for_real(tmp_path: Path) -> None:
    few = [fake for fake in PEOPLE if len(fake.times) > 1][:2] + [fake for fake in PEOPLE if not fake.times][:1]
    (tmp_path / "roster.csv").write_text(course.roster(few, "gradescope"), encoding="utf-8")
    asked = Assignment(layers=(1, 1), name="ps1")
    path = course.write(few, "gradescope", tmp_path, text=RIGHT)
    record = graded(path, tmp_path / "out", tmp_path / "roster.csv", asked)
    assert [s.state for s in record.students] == ["correct", "correct", "missing"]
    assert {s.number for s in record.students} == {fake.number for fake in few}
