"""The tables that course systems take back: Canvas, Moodle, nbgrader."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from verify.classroom.class_record import ClassRecord, Student, number, table
from verify.classroom.gradebook import write_whole
from verify.grading.lesson_assignment import AnyAssignment
from verify.submissions.people import Person, person, piece

# What an assignment without a name is called.
_UNNAMED = "backproof"


def who(student: Student) -> Person:
    """Whose a submission is: as the class's record says, else as its name tells."""
    return Person(student.name, student.id, student.late) if student.name else person(student.submission)


def system_id(student: Student) -> str:
    """The number that Canvas or Moodle itself gave, and no other.

    With a number or a login of the class list, Gradescope's student ID or the name of a folder in its place, a system
    finds nobody, or somebody else.
    """
    owner = who(student)
    others = () if piece(student.submission) else (student.number, student.login, owner.name, _of_gradescope(student))
    return owner.id if owner.id.isdigit() and owner.id not in others else ""


def _of_gradescope(student: Student) -> str:
    """The student ID, as the instructor entered it there, that ends the name of a submission from Gradescope."""
    id = who(student).id
    return id if id and not piece(student.submission) and student.submission.endswith(f"_{id}") else ""


def titled(record: ClassRecord) -> str:
    """The assignment's own name."""
    return record.assignment or _UNNAMED


def canvas(record: ClassRecord) -> str:
    """The gradebook as Canvas imports it: it finds the student by ID, SIS User ID or SIS Login ID."""
    heading = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", titled(record)]
    possible = ["Points Possible", "", "", "", "", number(record.max_score)]
    rows = [
        [who(s).name, system_id(s), s.number or _of_gradescope(s), s.login, s.group, number(s.final)]
        for s in record.students
    ]
    return table([heading, possible, *rows])


def moodle(record: ClassRecord) -> str:
    """A grading worksheet: Moodle finds the student by Identifier, which is the number of its bulk download."""
    heading = ["Identifier", "Full name", "Email address", "Grade", "Maximum Grade", "Feedback comments"]
    return table([heading, *(_moodle_row(student, record.shown) for student in record.students)])


def _moodle_row(student: Student, shown: str) -> list[str]:
    owner = who(student)
    id = system_id(student)
    identifier = f"Participant {id}" if id else ""
    said = "" if shown == "nothing" else student.state if shown == "states" else student.message
    grade = number(student.final) if shown != "nothing" else ""
    return [identifier, owner.name, student.email, grade, number(student.max_score), said]


def write_nbgrader(record: ClassRecord, folder: Path, asked: AnyAssignment) -> None:
    """nbgrader.csv."""
    write_whole(folder / "nbgrader.csv", nbgrader(record).encode())


def nbgrader(record: ClassRecord) -> str:
    """The gradebook as nbgrader exports it, with nbgrader's own student_id: the name of the student's folder."""
    heading = [
        "assignment", "duedate", "timestamp", "student_id", "last_name", "first_name", "email",
        "raw_score", "late_submission_penalty", "score", "max_score",
    ]  # fmt: skip
    column = _of_the_ids(record)
    return table([heading, *(_nbgrader_row(student, record, column) for student in record.students)])


def _nbgrader_row(student: Student, record: ClassRecord, column: str) -> list[str]:
    owner = who(student)
    first, _, last = owner.name.rpartition(" ")
    folder = "" if system_id(student) else owner.id
    known = folder or getattr(student, column) or student.number or owner.id
    penalty = 0.0 if student.score is None or student.final is None else student.score - student.final
    return [
        titled(record), _utc(record.due), _utc(student.submitted), known or owner.name,
        last if known else "", first if known else "", student.email,
        number(student.score), number(penalty), number(student.final), number(student.max_score),
    ]  # fmt: skip


def _of_the_ids(record: ClassRecord) -> str:
    """Which column of the class list has the names of the folders: who handed in nothing is called by it too."""
    return max(("number", "login"), key=lambda column: sum(getattr(s, column) == s.id != "" for s in record.students))


def _utc(moment: str) -> str:
    """A time as nbgrader writes it: of UTC, without saying so."""
    return str(datetime.fromisoformat(moment).astimezone(UTC).replace(tzinfo=None)) if moment else ""
