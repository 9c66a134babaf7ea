"""results.json, as Gradescope's autograders write it (gradescope-autograders.readthedocs.io, "Autograder
Specifications")."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from verify.classroom.class_record import ClassRecord
from verify.classroom.gradebook import write_whole
from verify.classroom.sitting import page
from verify.grading.assignment import Assignment
from verify.grading.course import EXPLAINED
from verify.grading.lesson_assignment import AnyAssignment
from verify.grading.record import GradeRecord, LineRecord, decode
from verify.grading.shown import level, shown_as
from verify.language import tr
from verify.reports.spoken import spoken

# Gradescope cuts the middle out of what is longer.
_MOST_CHARACTERS = 100_000


def write_gradescope(record: ClassRecord, folder: Path, asked: AnyAssignment) -> None:
    """gradescope/<name>/results.json for every submission."""
    for student in record.students:
        if student.file:
            stem = student.file.removesuffix(".json")
            target = folder / "gradescope" / stem
            target.mkdir(parents=True, exist_ok=True)
            results = gradescope(decode((folder / student.file).read_bytes()), asked, days=student.days_late)
            write_whole(target / "results.json", encoded(results))


def encoded(results: dict[str, Any]) -> bytes:
    """The results as the file has them."""
    return msgspec.json.format(msgspec.json.encode(results), indent=1) + b"\n"


def gradescope(record: GradeRecord, asked: AnyAssignment | None = None, *, days: int = 0) -> dict[str, Any]:
    """results.json of one submission, so many days late: as much as students see now, the rest after the due date.

    Our own failure has no score, which Gradescope shows as the autograder's.
    """
    asked = Assignment() if asked is None else asked
    now = level(asked)
    return {
        **_score(record, asked, days, now),
        "output": _output(record, now, _said_of(days, asked)),
        "output_format": "md",
        "stdout_visibility": "hidden",
        "extra_data": {
            "state": record.state,
            "first_wrong_line": record.first_wrong_line,
            "diagnosis": [finding.mistake for finding in record.diagnosis],
            "digests": record.digests,
        },
        "tests": [*_tests(record, now), *_later(record, asked, now, days)],
    }


def _final(record: GradeRecord, asked: AnyAssignment, days: int) -> float | None:
    return None if record.score is None else round(record.score * (1 - asked.late.lost(days)), 6)


def _score(record: GradeRecord, asked: AnyAssignment, days: int, now: str) -> dict[str, float]:
    """The score, where students see it; else it is that of the one test that they do not see."""
    final = _final(record, asked, days)
    return {} if final is None or now == "nothing" else {"score": final}


def _said_of(days: int, asked: AnyAssignment) -> str:
    if not days:
        return ""
    lost = 100 * asked.late.lost(days)
    return tr("Handed in {days:day} late: {lost:g} % of the score is taken off.", days=days, lost=lost) + "\n\n"


def _output(record: GradeRecord, shown: str, before: str) -> str:
    text = before + page(record, shown).decode()
    return text if len(text) <= _MOST_CHARACTERS else before + shown_as(record, shown).message


def _tests(record: GradeRecord, now: str) -> list[dict[str, Any]]:
    return [_test(at, line) for at, line in enumerate(spoken(shown_as(record, now)).lines, 1)]


def _test(at: int, line: LineRecord) -> dict[str, Any]:
    name = line.name if line.function == "gradients" else f"{line.function}: {line.name}"
    # Of a line that these problems cannot decide, Gradescope is told neither.
    status = {} if line.state == "undecided" else {"status": "passed" if line.state == "right" else "failed"}
    return {
        "name": name,
        "number": str(at),
        "score": line.points,
        "max_score": line.max_points,
        **status,
        "output": line.reason,
        "output_format": "text",
    }


def _later(record: GradeRecord, asked: AnyAssignment, now: str, days: int) -> list[dict[str, Any]]:
    """What students see once it is due, or published: Gradescope knows when that is."""
    after = asked.show.after if asked.due else now
    final = _final(record, asked, days)
    if EXPLAINED.index(after) <= EXPLAINED.index(now) and (now != "nothing" or final is None):
        return []
    scored = {"score": final, "max_score": record.max_score} if now == "nothing" and final is not None else {}
    return [
        {
            "name": tr("Report"),
            **scored,
            "output": _output(record, after, ""),
            "output_format": "md",
            "visibility": "after_due_date" if asked.due else "after_published",
        }
    ]
