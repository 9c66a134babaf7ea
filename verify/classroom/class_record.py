"""What is known of a class, from the rows of its records: class.json (schema backproof.class/1) and gradebook.csv."""

from __future__ import annotations

import csv
import io
import re
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from verify.classroom.gradebook import Row

SCHEMA = "backproof.class/1"
COLUMNS = (
    "submission", "state", "score", "max_score", "first_wrong_line", "diagnosis", "message",
    "name", "id", "number", "group", "days_late", "final",
)  # fmt: skip
# What makes a cell a formula, wide signs too, at its beginning or after what some locale takes for the end of a cell.
_FORMULA = re.compile(r"(^|[;\t|\r\n])(?=\s*[=+\-@＝＋－＠])|^(?=[\t\r\n])")


class Student(msgspec.Struct, frozen=True):
    """One person's line of the gradebook. `file` is the record; people who handed in together have the same.

    source: where it came from, the path, with the paths in it. name, id, email: whose it is, as the course system or
    the roster says; number, group: as the roster says. late: handed in late; submitted: when, ISO 8601. final: the
    score less what lateness costs. Who handed in nothing has the state `missing`, and neither file nor score.
    """

    submission: str
    state: str
    score: float | None
    max_score: float
    first_wrong_line: str | None
    diagnosis: list[str]
    message: str
    file: str
    source: str = ""
    name: str = ""
    id: str = ""
    late: bool = False
    number: str = ""
    group: str = ""
    email: str = ""
    login: str = ""
    submitted: str = ""
    days_late: int = 0
    final: float | None = None


class Origin(msgspec.Struct, frozen=True):
    """Where a record's submission came from, and whose it is: one for each person."""

    file: str = ""
    source: str = ""
    name: str = ""
    id: str = ""
    late: bool = False
    number: str = ""
    group: str = ""
    email: str = ""
    login: str = ""
    submitted: str = ""


UNKNOWN = Origin()
MISSING = "missing"


class _Summary(msgspec.Struct):
    students: list[Origin] = []
    shown: str = "case"


class Group(msgspec.Struct, frozen=True):
    """Submissions with the same diagnosis; where no mistake explains them, with the same first wrong line."""

    diagnosis: list[str]
    first_wrong_line: str | None
    says: list[str]
    count: int
    submissions: list[str]


class Scores(msgspec.Struct, frozen=True):
    """Of the submissions that have a score."""

    count: int
    mean: float | None = None
    median: float | None = None
    lowest: float | None = None
    highest: float | None = None


class Regraded(msgspec.Struct, frozen=True):
    """A record that another one took the place of, side by side."""

    submission: str
    old_state: str
    old_score: float | None
    state: str
    score: float | None

    @property
    def changed(self) -> bool:
        """Whether the student's result is another one."""
        return (self.old_state, self.old_score) != (self.state, self.score)


class ClassRecord(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of a class; docs/JSON.md explains every field."""

    schema: str = SCHEMA
    submissions: int
    states: dict[str, int]
    max_score: float
    scores: Scores
    groups: list[Group]
    students: list[Student]
    grader_errors: list[str]
    regraded: list[Regraded]
    earlier: list[str]
    restored: list[str]
    passed_over: list[str] = []
    missing: list[str] = []
    doubts: list[str] = []
    assignment: str = ""
    due: str = ""
    shown: str = "case"
    sandbox: str
    sandbox_notes: list[str] = []
    seed: int | None
    digests: dict[str, str]

    def json(self) -> str:
        """The record as JSON, indented, with a newline at its end."""
        return msgspec.json.format(msgspec.json.encode(self), indent=1).decode() + "\n"

    def csv(self) -> str:
        """The gradebook: a heading, and a row per person in which no cell is a formula."""
        return table([COLUMNS, *(_cells(student) for student in self.students)])


def students_of(
    rows: Mapping[str, Row],
    origins: Mapping[str, Sequence[Origin]] | None = None,
    lateness: Callable[[Origin], tuple[int, float]] = lambda origin: (0, 0.0),
) -> list[Student]:
    """Stem -> row, as the people of a class, by name.

    origins: file of a record -> where the submission came from, once per person. lateness: days, and the share of the
    score that they cost.
    """
    known = origins or {}
    found = [
        _student(row, f"{stem}.json", origin, *lateness(origin))
        for stem, row in rows.items()
        for origin in known.get(f"{stem}.json") or (UNKNOWN,)
    ]
    return sorted(found, key=lambda student: (student.submission.casefold(), student.file, student.name, student.id))


def _student(row: Row, file: str, origin: Origin, days: int, lost: float) -> Student:
    final = None if row.score is None else round(row.score * (1 - lost), 6)
    about: dict[str, Any] = {name: getattr(origin, name) for name in Origin.__struct_fields__}
    about |= {"file": file, "late": origin.late or days > 0}
    return Student(
        row.submission, row.state, row.score, row.max_score, row.first_wrong_line, list(row.mistakes), row.message,
        **about, days_late=days, final=final,
    )  # fmt: skip


def origins_in(summary: bytes) -> dict[str, list[Origin]]:
    """File of a record -> where it came from, as an earlier summary says it; none where that is no summary."""
    found: dict[str, list[Origin]] = {}
    for origin in _read(summary).students:
        if origin.file:
            found.setdefault(origin.file, []).append(origin)
    return found


def shown_in(summary: bytes) -> str:
    """How much students saw when a summary was written."""
    return _read(summary).shown


def _read(summary: bytes) -> _Summary:
    try:
        return msgspec.json.decode(summary, type=_Summary)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _Summary()


def states_of(rows: Iterable[Row | Student]) -> dict[str, int]:
    """State -> how many, the most frequent first."""
    numbers: dict[str, int] = {}
    for row in rows:
        numbers[row.state] = numbers.get(row.state, 0) + 1
    return dict(sorted(numbers.items(), key=lambda entry: (-entry[1], entry[0])))


def scores_of(students: Iterable[Student]) -> Scores:
    """Mean, median and range of the scores."""
    scores = [student.score for student in students if student.score is not None]
    if not scores:
        return Scores(0)
    mean, median = statistics.fmean(scores), statistics.median(scores)
    return Scores(len(scores), round(mean, 6), round(median, 6), min(scores), max(scores))


def groups_of(rows: Iterable[Row]) -> list[Group]:
    """The wrong submissions by what is wrong with them, the largest group first."""
    found: dict[tuple[tuple[str, ...], str | None], list[Row]] = {}
    for row in rows:
        mistakes = tuple(sorted(set(row.mistakes)))
        line = None if mistakes else row.first_wrong_line
        if mistakes or line:
            found.setdefault((mistakes, line), []).append(row)
    groups = [_group(list(mistakes), line, alike) for (mistakes, line), alike in found.items()]
    return sorted(groups, key=lambda group: (-group.count, group.diagnosis, group.first_wrong_line or ""))


def _group(mistakes: list[str], line: str | None, alike: list[Row]) -> Group:
    says = {finding.mistake: finding.says for row in alike for finding in row.diagnosis}
    names = sorted((row.submission for row in alike), key=str.casefold)
    return Group(mistakes, line, [says[mistake] for mistake in mistakes], len(names), names)


# Tables --------------------------------------------------------------------------------------------------------------


def _cells(student: Student) -> list[str]:
    return [
        student.submission,
        student.state,
        number(student.score),
        number(student.max_score),
        student.first_wrong_line or "",
        "; ".join(student.diagnosis),
        student.message,
        student.name,
        student.id,
        student.number,
        student.group,
        str(student.days_late or ""),
        number(student.final),
    ]


def number(value: float | None) -> str:
    """A score as a cell: nothing where there is none."""
    return "" if value is None else f"{value:.6f}".rstrip("0").rstrip(".")


def table(rows: Iterable[Iterable[str]]) -> str:
    """Rows as CSV, every cell in one line and neutral."""
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_MINIMAL, lineterminator="\n").writerows([map(neutral, row) for row in rows])
    return text.getvalue()


def neutral(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula: an apostrophe before what would begin one."""
    marked = _FORMULA.sub(r"\1'", cell)
    return " ".join(marked.splitlines())
