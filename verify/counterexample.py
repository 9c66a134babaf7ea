"""The smallest case: the first rung of the ladder that shows the error, worked line by line beside the student's values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from verify.answers import Answer, columns_name
from verify.diagnosis import line_is_right
from verify.fixtures import Case, Fixture
from verify.lines import equation, gradient_names, names, place, symbol
from verify.record import Counterexample, WorkingLine


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
    turn = _columns if columns else _rows
    named = (lambda name: columns_name(name, p.L)) if columns else (lambda name: name)
    return Counterexample(
        W=[turn("W", w) for w in p.W],
        b=[turn("b", v) for v in p.b],
        x=turn("x", p.x),
        t=turn("t", p.t),
        activation=p.activation,
        lam=p.lam,
        output=p.output,
        loss=p.loss,
        line=named(line),
        yours=turn(line, answer.lines[line]) if line in answer.lines else None,
        expected=turn(line, case.truth[line]),
        label=p.label,
        message=answer.failed or answer.faults.get(line, ""),
        working=[_working_line(case, answer, name, columns) for name in names(p.L)],
    )


def _working_line(case: Case, answer: Answer, name: str, columns: bool) -> WorkingLine:
    turn = _columns if columns else _rows
    p = case.problem
    handed = answer.lines.get(name)
    return WorkingLine(
        name=columns_name(name, p.L) if columns else name,
        symbol=symbol(name),
        equation=equation(name, p.L, p.output, p.loss),
        place=str(place(name)),
        expected=turn(name, case.truth[name]),
        yours=None if handed is None else turn(name, handed),
        differs=handed is not None and not line_is_right(case, name, handed),
    )


def _rows(name: str, value: Tensor) -> Any:
    return _plain(value.tolist())


def _columns(name: str, value: Tensor) -> Any:
    if value.dim() == 1:
        return _plain(value.unsqueeze(1).tolist())
    return _plain(value.T.tolist() if value.dim() == 2 else value.tolist())


def _plain(value: Any) -> Any:
    """JSON has no NaN and no infinity: they are written as text."""
    if isinstance(value, list):
        return [_plain(v) for v in value]
    return value if value == value and abs(value) != float("inf") else str(value)
