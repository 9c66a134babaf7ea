"""A class in the formats of other systems, made from the records, and no more of them than students may see."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from verify.classroom.class_record import ClassRecord
from verify.classroom.exports.feedback import write_canvas, write_moodle, write_pages
from verify.classroom.exports.github import write_github
from verify.classroom.exports.gradescope import gradescope, write_gradescope
from verify.classroom.exports.junit import write_junit
from verify.classroom.exports.tables import canvas, moodle, nbgrader, write_nbgrader
from verify.grading.assignment import Assignment
from verify.grading.lesson_assignment import AnyAssignment

__all__ = ["FORMATS", "canvas", "export", "gradescope", "moodle", "nbgrader"]

_WRITERS: dict[str, Callable[[ClassRecord, Path, AnyAssignment], None]] = {
    "gradescope": write_gradescope,
    "canvas": write_canvas,
    "moodle": write_moodle,
    "nbgrader": write_nbgrader,
    "junit": write_junit,
    "github": write_github,
    "pages": write_pages,
}
FORMATS = tuple(_WRITERS)


def export(name: str, record: ClassRecord, folder: Path, asked: AnyAssignment | None = None) -> None:
    """Writes the class in one of the FORMATS into the gradebook's folder. Raises OSError and Unwritten."""
    _WRITERS[name](record, folder, Assignment() if asked is None else asked)
