"""Each person's page, as one that a browser opens: in a folder, and in the zips that Moodle and Canvas take back."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from verify.classroom.class_record import ClassRecord, Student
from verify.classroom.exports.tables import canvas, moodle, system_id, who
from verify.classroom.gradebook import write_whole
from verify.grading.lesson_assignment import AnyAssignment
from verify.grading.record import decode
from verify.grading.shown import level, shown_as
from verify.submissions.submission import safe_name

_PAGE = "backproof.html"
# Canvas finds whose a file is by two numbers in its name: the user's, and that of the file which was handed in.
_CANVAS = re.compile(r"(?P<begin>.+?(?:_LATE)?_[0-9]+_[0-9]+)_.+")
# One time for all members, so that the same class gives the same bytes.
_TIME = (1980, 1, 1, 0, 0, 0)


def write_moodle(record: ClassRecord, folder: Path, asked: AnyAssignment) -> None:
    """moodle.csv, and moodle-feedback.zip for "Upload multiple feedback files in a zip"."""
    write_whole(folder / "moodle.csv", moodle(record).encode())
    _zip(folder / "moodle-feedback.zip", record, folder, asked, _in_moodle)


def write_canvas(record: ClassRecord, folder: Path, asked: AnyAssignment) -> None:
    """canvas.csv, and canvas-feedback.zip for "Upload Submissions"."""
    write_whole(folder / "canvas.csv", canvas(record).encode())
    _zip(folder / "canvas-feedback.zip", record, folder, asked, _in_canvas)


def write_pages(record: ClassRecord, folder: Path, asked: AnyAssignment) -> None:
    """pages/<name>.html for every submission."""
    (folder / "pages").mkdir(exist_ok=True)
    for student, html in _pages(record, folder, asked):
        write_whole(folder / "pages" / f"{student.file.removesuffix('.json')}.html", html)


def _pages(record: ClassRecord, folder: Path, asked: AnyAssignment) -> Iterator[tuple[Student, bytes]]:
    """Everybody's page, with as much as students see."""
    from verify.reports import graded_pages

    shown = level(asked)
    written: dict[str, bytes] = {}
    for student in record.students:
        if student.file and student.file not in written:
            graded = shown_as(decode((folder / student.file).read_bytes()), shown)
            written[student.file] = graded_pages.as_html(graded).encode(errors="backslashreplace")
        if student.file:
            yield student, written[student.file]


def _zip(path: Path, record: ClassRecord, folder: Path, asked: AnyAssignment, named: Callable[[Student], str]) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as made:
        for student, html in _pages(record, folder, asked):
            name = named(student)
            if name:
                made.writestr(zipfile.ZipInfo(name, _TIME), html, zipfile.ZIP_DEFLATED)
    write_whole(path, packed.getvalue())


def _in_moodle(student: Student) -> str:
    """Moodle reads the number between the first two underlines."""
    id = system_id(student)
    return f"{safe_name(who(student).name.replace('_', ' '))}_{id}_assignsubmission_file_/{_PAGE}" if id else ""


def _in_canvas(student: Student) -> str:
    found = _CANVAS.fullmatch(student.submission)
    return f"{found['begin']}_{_PAGE}" if found else ""
