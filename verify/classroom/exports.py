"""A class in the formats of other systems, made from the records: Gradescope, Canvas, Moodle, nbgrader."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from verify.classroom.class_record import ClassRecord, Student, number, table
from verify.classroom.gradebook import write_whole
from verify.grading.record import GradeRecord, LineRecord, decode
from verify.submissions.people import Person, person

# Gradescope cuts the middle out of what is longer.
_MOST_CHARACTERS = 100_000


def export(name: str, record: ClassRecord, folder: Path) -> None:
    """Writes the class in one of the FORMATS into the gradebook's folder. Raises OSError."""
    _WRITERS[name](record, folder)


# Gradescope ----------------------------------------------------------------------------------------------------------


def _write_gradescope(record: ClassRecord, folder: Path) -> None:
    """gradescope/<name>/results.json for every submission."""
    for student in record.students:
        stem = student.file.removesuffix(".json")
        target = folder / "gradescope" / stem
        target.mkdir(parents=True, exist_ok=True)
        page = (folder / f"{stem}.md").read_text(encoding="utf-8")
        results = gradescope(decode((folder / student.file).read_bytes()), page)
        write_whole(target / "results.json", msgspec.json.format(msgspec.json.encode(results), indent=1) + b"\n")


def gradescope(record: GradeRecord, page: str) -> dict[str, Any]:
    """results.json of one submission. Our own failure has no score, which Gradescope shows as the autograder's."""
    score = {} if record.score is None else {"score": record.score}
    return score | {
        "output": page if len(page) <= _MOST_CHARACTERS else record.message,
        "output_format": "md",
        "stdout_visibility": "hidden",
        "extra_data": {
            "state": record.state,
            "first_wrong_line": record.first_wrong_line,
            "diagnosis": [finding.mistake for finding in record.diagnosis],
            "digests": record.digests,
        },
        "tests": [_test(at, line) for at, line in enumerate(record.lines, 1)],
    }


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


def who(student: Student) -> Person:
    """Whose a submission is: as the class's record says, else as its name tells."""
    return Person(student.name, student.id, student.late) if student.name else person(student.submission)


# Tables --------------------------------------------------------------------------------------------------------------


def _write_canvas(record: ClassRecord, folder: Path) -> None:
    write_whole(folder / "canvas.csv", canvas(record).encode())


def canvas(record: ClassRecord) -> str:
    """The gradebook as Canvas imports it: it finds the student by ID."""
    heading = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "backproof"]
    possible = ["Points Possible", "", "", "", "", number(record.max_score)]
    rows = [[who(s).name, who(s).id, "", "", "", number(s.score)] for s in record.students]
    return table([heading, possible, *rows])


def _write_moodle(record: ClassRecord, folder: Path) -> None:
    write_whole(folder / "moodle.csv", moodle(record).encode())


def moodle(record: ClassRecord) -> str:
    """A grading worksheet: Moodle finds the student by Identifier, which is the number of its bulk download."""
    heading = ["Identifier", "Full name", "Grade", "Maximum Grade", "Feedback comments"]
    return table([heading, *map(_moodle_row, record.students)])


def _moodle_row(student: Student) -> list[str]:
    owner = who(student)
    identifier = f"Participant {owner.id}" if owner.id else ""
    return [identifier, owner.name, number(student.score), number(student.max_score), student.message]


def _write_nbgrader(record: ClassRecord, folder: Path) -> None:
    write_whole(folder / "nbgrader.csv", nbgrader(record).encode())


def nbgrader(record: ClassRecord) -> str:
    """The gradebook as nbgrader exports it."""
    heading = [
        "assignment", "duedate", "timestamp", "student_id", "last_name", "first_name", "email",
        "raw_score", "late_submission_penalty", "score", "max_score",
    ]  # fmt: skip
    return table([heading, *map(_nbgrader_row, record.students)])


def _nbgrader_row(student: Student) -> list[str]:
    owner = who(student)
    first, _, last = owner.name.rpartition(" ")
    score = number(student.score)
    return [
        "backproof", "", "", owner.id or owner.name, last if owner.id else "", first if owner.id else "", "",
        score, "0", score, number(student.max_score),
    ]  # fmt: skip


_WRITERS: dict[str, Callable[[ClassRecord, Path], None]] = {
    "gradescope": _write_gradescope,
    "canvas": _write_canvas,
    "moodle": _write_moodle,
    "nbgrader": _write_nbgrader,
}
FORMATS = tuple(_WRITERS)
