"""Programs of a lesson graded in this process: each examination is drawn once."""

from __future__ import annotations

from functools import cache

from verify.benchmarks.trusted import run_trusted
from verify.grading.lesson_assignment import lesson_assignment
from verify.grading.machinery.examining import Examination, examination, grade
from verify.grading.record import GradeRecord
from verify.lessons.registry import lesson_named


@cache
def exam_of(lesson: str) -> Examination:
    """The examination of a lesson that comes with backproof."""
    found = lesson_named(lesson, "a.toml")
    return examination(found, lesson_assignment(found, {}, "a.toml"), 5)


def graded(exam: Examination, source: str) -> GradeRecord:
    """The record of a program, run without a sandbox."""
    return grade("a.py", run_trusted(source, exam.calls), exam)


def names(record: GradeRecord) -> list[str]:
    """The mistakes that it names, in the order of the alphabet."""
    return sorted(found.mistake for found in record.diagnosis)
