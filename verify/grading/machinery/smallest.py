"""The smallest case: the first problem of the ladder that shows the error, worked line by line beside the student's."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from verify.grading.answers import Answer
from verify.grading.lesson import Contract, Lesson, parameters
from verify.grading.machinery.explaining import Explanation
from verify.grading.machinery.posing import Posed, shows
from verify.grading.machinery.working import Case
from verify.grading.record import LessonCase, LessonInput, WorkingLine
from verify.grading.values import as_lists, handed


def smallest_case(
    posed: Posed, contract: Contract, answers: Sequence[Answer], explanation: Explanation
) -> LessonCase | None:
    """The first rung that shows the mistake that is named first, else the smallest problem that shows the error."""
    wrong = [
        (case, answers[i], line)
        for i, case in _in_order(posed)
        if (line := _wrong_line(posed, contract, case, answers[i])) is not None
    ]
    if not wrong:
        return None
    first = explanation.forms[:1]
    of_first = (w for w in wrong if not first or shows(first[0], w[0], (contract.name,)))
    return _shown(posed, contract, *next(of_first, wrong[0]))


def _in_order(posed: Posed) -> list[tuple[int, Case]]:
    """The ladder from its foot, then the other problems by their size."""
    return [*posed.of("rung"), *sorted(posed.of("state", "general"), key=lambda ic: ic[1].numbers)]


def _wrong_line(posed: Posed, contract: Contract, case: Case, answer: Answer) -> str | None:
    """The first line that came and is wrong, in the order of the working; the returned ones alone decide."""
    off = [n for n in posed.lesson.lines if n in answer.lines and not case.is_right(n, answer.lines[n])]
    off += [n for n in contract.returns if n in answer.faults]
    if not answer.returned or not any(n in contract.returns for n in off):
        return None
    return off[0]


def _shown(posed: Posed, contract: Contract, case: Case, answer: Answer, line: str) -> LessonCase:
    lesson = posed.lesson
    yours = answer.lines.get(line)
    return LessonCase(
        title=f"{lesson.title}: {case.described}",
        function=contract.name,
        inputs=given(case),
        line=line,
        yours=None if yours is None else handed(yours),
        expected=as_lists(case.truth[line]),
        label=case.label,
        message=answer.faults[line].text if line in answer.faults else "",
        formulas=list(lesson.notes),
        working=[working_line(lesson, case, answer, n) for n in lesson.lines if n not in contract.arguments],
    )


def given(case: Case) -> list[LessonInput]:
    """The inputs of a problem, as records have them."""
    return [LessonInput(name=n, value=_plain(v)) for n, v in case.inputs.items()]


def _plain(value: object) -> object:
    return as_lists(value) if isinstance(value, Tensor) else value


def working_line(lesson: Lesson, case: Case, answer: Answer, name: str) -> WorkingLine:
    """A line of the working, with what a program gave of it."""
    equation = lesson.lines[name].equation
    yours = answer.lines.get(name)
    return WorkingLine(
        name=name,
        symbol=equation.split(" = ")[0] if " = " in equation else name,
        equation=equation,
        place=lesson.place_of(name),
        expected=as_lists(case.truth[name]),
        yours=None if yours is None else handed(yours),
        differs=yours is not None and not case.is_right(name, yours),
        sources=[p for p in parameters(lesson.lines[name].value) if p in lesson.inputs or p in lesson.lines],
    )
