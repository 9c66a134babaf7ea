"""What GitHub's workflows show: a step's summary in Markdown, annotations, and points for Classroom."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from verify.classroom.class_record import MISSING, ClassRecord, Student
from verify.classroom.exports.tables import titled
from verify.classroom.gradebook import write_whole
from verify.classroom.sitting import page
from verify.grading.lesson_assignment import AnyAssignment
from verify.grading.record import GradeRecord, decode
from verify.grading.shown import WITHHELD, level, shown_as
from verify.submissions.submission import shown as in_one_line

# A step's summary may have 1 MiB, and a step ten annotations of each kind; the rest is dropped, or the step fails.
_MOST_BYTES = 1 << 20
_MOST_ANNOTATIONS = 10
_MOST_IN_ANNOTATION = 400


def write_github(record: ClassRecord, folder: Path, asked: AnyAssignment) -> None:
    """github/summary.md and github/points.json; in a workflow also the step's summary, and annotations.

    The runner names the summary's file in GITHUB_STEP_SUMMARY, and reads annotations from what a step prints: here on
    stderr.
    """
    target = folder / "github"
    target.mkdir(exist_ok=True)
    shown = level(asked)
    records = {s.file: decode((folder / s.file).read_bytes()) for s in record.students if s.file}
    text = summary(record, records, shown).encode()
    write_whole(target / "summary.md", text)
    write_whole(target / "points.json", points(record, shown))
    step = os.environ.get("GITHUB_STEP_SUMMARY")
    if step:
        with Path(step).open("ab") as stream:
            stream.write(_within(text, _MOST_BYTES - stream.tell()))
        sys.stderr.writelines(f"{line}\n" for line in notices(record, records, shown))


def points(record: ClassRecord, shown: str) -> bytes:
    """All points together, as GitHub Classroom counts them; 0 of 0 where students do not see them yet."""
    finals = [] if shown == "nothing" else [s for s in record.students if s.final is not None]
    total = sum(s.final or 0.0 for s in finals)
    return msgspec.json.encode({"totalPoints": round(total, 6), "maxPoints": sum(s.max_score for s in finals)}) + b"\n"


def summary(record: ClassRecord, records: dict[str, GradeRecord], shown: str) -> str:
    """A table of the class, and each page below it, for as many as fit."""
    from verify.reports.graded_pages import prose

    rows = "\n".join(f"| {prose(_called(s))} | {_state(s, shown)} | {_score(s, shown)} |" for s in record.students)
    text = f"# {prose(titled(record))}\n\n| | state | score |\n| --- | --- | --- |\n{rows}\n"
    left = _MOST_BYTES - len(text.encode()) - 200
    pages = [page(graded, shown).decode() for graded in records.values()]
    for at, one in enumerate(pages):
        left -= len(one.encode()) + 1
        if left < 0:
            return f"{text}\nThe pages of {len(pages) - at} more are left out: a summary has 1 MiB.\n"
        text += f"\n{one}"
    return text


def _called(student: Student) -> str:
    return student.submission or student.name


def _state(student: Student, shown: str) -> str:
    return WITHHELD if shown == "nothing" and student.state != MISSING else student.state


def _score(student: Student, shown: str) -> str:
    return "" if shown == "nothing" or student.final is None else f"{student.final:g} of {student.max_score:g}"


def _within(text: bytes, most: int) -> bytes:
    """The text where it fits below what other steps wrote; else as many of its lines as do."""
    return text if len(text) <= most else text[: max(0, text.rfind(b"\n", 0, max(0, most)) + 1)]


# Annotations ---------------------------------------------------------------------------------------------------------


def notices(record: ClassRecord, records: dict[str, GradeRecord], shown: str) -> list[str]:
    """Commands for the runner, ten of a kind at most; the last says how many there are besides."""
    found: dict[str, list[str]] = {"error": [], "warning": []}
    for student in record.students:
        if student.file in records and (told := _told(student, shown_as(records[student.file], shown))):
            found[told[0]].append(told[1])
    return [line for kind, texts in found.items() for line in _commands(kind, texts)]


def _told(student: Student, graded: GradeRecord) -> tuple[str, str] | None:
    if graded.state in ("correct", WITHHELD):
        return None
    said = "; ".join(finding.says for finding in graded.diagnosis) or graded.message or graded.state
    kind = "warning" if graded.state in ("undecided", "grader-error") else "error"
    title = f"{_called(student)}: {graded.state}"
    return kind, f"title={_property(title)}::{_data(in_one_line(said, _MOST_IN_ANNOTATION))}"


def _commands(kind: str, texts: list[str]) -> Iterator[str]:
    more = len(texts) - _MOST_ANNOTATIONS
    shown = texts if more <= 0 else texts[: _MOST_ANNOTATIONS - 1]
    yield from (f"::{kind} {text}" for text in shown)
    if more > 0:
        yield f"::{kind} title=backproof::{_data(f'and {more + 1} more; the summary has all of them')}"


def _data(text: str) -> str:
    """A message as the runner reads it back."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(in_one_line(text, 200)).replace(":", "%3A").replace(",", "%2C")
