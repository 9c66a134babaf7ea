"""A small problem of any lesson, worked line by line: what `compare.py --explain` shows of it."""

from __future__ import annotations

from verify.grading.answers import Answer
from verify.grading.explain_record import LessonExplainRecord
from verify.grading.lesson import Lesson
from verify.grading.lesson_assignment import LessonAssignment
from verify.grading.machinery.posing import example
from verify.grading.machinery.smallest import given, working_line


def explain(lesson: Lesson, assignment: LessonAssignment, seed: int) -> LessonExplainRecord:
    """The working of a small problem that is drawn from a seed. Raises BadInput where none can be drawn."""
    case = example(lesson, assignment, seed)
    nothing = Answer()
    return LessonExplainRecord(
        lesson=lesson.name,
        title=f"{lesson.title}: {case.described}",
        functions=[str(contract) for contract in lesson.contracts],
        sizes=dict(case.sizes),
        seed=seed,
        inputs=given(case),
        formulas=list(lesson.notes),
        working=[working_line(lesson, case, nothing, name) for name in lesson.lines],
    )
