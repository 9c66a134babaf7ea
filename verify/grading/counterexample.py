"""The smallest case: the first rung of the ladder that shows the error, worked line by line beside the student's."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from msgspec.structs import replace

from verify.grading.answers import Answer, columns_name
from verify.grading.fixtures import Case, Fixture
from verify.grading.record import Counterexample, WorkingLine
from verify.grading.terms import as_lists, formulas, handed, working_line
from verify.lessons.network.diagnosis import line_is_right
from verify.problems.lines import gradient_names, names


def counterexample(fixture: Fixture, answers: Sequence[Answer]) -> Counterexample | None:
    """The first rung that shows the error, else the smallest other problem that does; None where all is right."""
    rungs = fixture.of("rung")
    others = sorted(fixture.of("state", "general"), key=lambda ic: (ic[1].problem.parameters, ic[1].problem.N))
    for i, case in [*rungs, *others]:
        line = _wrong_line(case, answers[i], fixture.assignment.biases)
        if line is not None:
            return _shown(case, answers[i], line, columns=fixture.assignment.convention == "columns")
    return None


def _wrong_line(case: Case, answer: Answer, biases: bool) -> str | None:
    """The first wrong line in the order of the working: handed over and wrong, or required and missing."""
    required = {n for n in gradient_names(case.problem.L) if biases or n.startswith("dW")}
    for name in names(case.problem.L):
        if name in answer.lines and (name in required or not name.startswith("db")):
            if not line_is_right(case, name, answer.lines[name]):
                return name
        elif name in required:
            return name
    return None


def _shown(case: Case, answer: Answer, line: str, *, columns: bool) -> Counterexample:
    p = case.problem
    turn = partial(as_lists, columns=columns)
    named = (lambda name: columns_name(name, p.L)) if columns else (lambda name: name)
    return Counterexample(
        W=[turn(w) for w in p.W],
        b=[turn(v) for v in p.b],
        x=turn(p.x),
        t=turn(p.t),
        activation=p.activation,
        lam=p.lam,
        output=p.output,
        loss=p.loss,
        line=named(line),
        yours=handed(answer.lines[line], columns=columns) if line in answer.lines else None,
        expected=turn(case.truth[line]),
        label=p.label,
        message=answer.failed or answer.faults.get(line, ""),
        formulas=formulas(case.working),
        working=[_working_line(case, answer, name, columns) for name in names(p.L)],
    )


def _working_line(case: Case, answer: Answer, name: str, columns: bool) -> WorkingLine:
    yours = answer.lines.get(name)
    line = working_line(case.working, name, columns=columns)
    if yours is None:
        return line
    differs = not line_is_right(case, name, yours)
    return replace(line, yours=handed(yours, columns=columns), differs=differs)
