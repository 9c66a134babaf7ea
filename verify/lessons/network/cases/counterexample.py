"""The smallest case: the first rung of the ladder that shows the error, worked line by line beside the student's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace as changed
from functools import partial
from itertools import pairwise

import torch
from msgspec.structs import replace
from torch import Tensor

from manual import SLIDES
from verify.bounds.forms import parameter_of, step_rounding
from verify.grading.answers import Answer, columns_name
from verify.grading.record import CallBefore, Counterexample, WorkingLine, said_record
from verify.grading.values import as_lists, handed
from verify.lessons.network.cases.fixtures import Case, Fixture, shows
from verify.lessons.network.cases.terms import formulas, working_line
from verify.lessons.network.diagnosis import Diagnosis, line_is_right
from verify.lessons.network.order import follows_from
from verify.problems.lines import kind_and_layer, names

MOST_NUMBERS = 2000  # of all lines: a larger case is shown only where no other shows the error
VISIBLE = 1e-12
MOST_UNITS = 8  # of a layer: beyond that only the units whose weights are not 0 are shown


def counterexample(
    fixture: Fixture, answers: Sequence[Answer], diagnosis: Diagnosis | None = None
) -> Counterexample | None:
    """The first rung that shows the error that is named first, else the smallest other problem that does.

    None where nothing that came back is wrong: what was not handed over differs from nothing.
    """
    calls = _two_calls(fixture, answers, diagnosis)
    if calls is not None:
        return calls
    eta = diagnosis.eta if diagnosis is not None else None
    wrong = [
        (case, answers[i], line)
        for i, case in _in_order(fixture)
        if (line := _wrong_line(case, answers[i], fixture.assignment.biases, eta)) is not None
    ]
    if not wrong:
        return None
    shown = [w for w in wrong if _shows_first(fixture, w[0], diagnosis)] or wrong
    case, answer, line = min(shown, key=lambda w: _hard_to_redo(w[0]))
    return _shown(*_alive(case, answer), line, columns=fixture.assignment.convention == "columns", eta=eta)


_OF_TWO_CALLS = ("gradients-accumulated", "cache-stale")


def _two_calls(fixture: Fixture, answers: Sequence[Answer], diagnosis: Diagnosis | None) -> Counterexample | None:
    """Of a mistake of state the smallest call that the call before it explains, with that one; None where none is."""
    if diagnosis is None or not any(f.mistake in _OF_TWO_CALLS for f in diagnosis.findings):
        return None
    a = fixture.assignment
    equations = diagnosis.hypothesis.equations if diagnosis.hypothesis is not None else SLIDES
    asked = [(case, _graded(answers[i], a.biases)) for i, case in enumerate(fixture.cases)]
    pairs = [
        (earlier, later, line)
        for earlier, later in pairwise(asked)
        if earlier[1].returned
        and (line := _wrong_line(*later, a.biases)) is not None
        and follows_from(earlier, later, equations)
    ]
    if not pairs:
        return None
    (before, _), (case, answer), line = min(pairs, key=lambda pair: (*_hard_to_redo(pair[1][0]), _size(pair[1][0])))
    columns = a.convention == "columns"
    return replace(_shown(case, answer, line, columns=columns), before=_before(before, columns))


def _graded(answer: Answer, biases: bool) -> Answer:
    return answer if biases else changed(answer, lines={n: v for n, v in answer.lines.items() if n[:2] != "db"})


def _size(case: Case) -> int:
    return case.problem.parameters + case.problem.x.numel()


def _before(case: Case, columns: bool) -> CallBefore:
    p = case.problem
    turn = partial(as_lists, columns=columns)
    return CallBefore(
        W=[turn(w) for w in p.W], b=[turn(v) for v in p.b], x=turn(p.x), t=turn(p.t), activation=p.activation,
        lam=p.lam, label=p.label,
    )  # fmt: skip


def _in_order(fixture: Fixture) -> list[tuple[int, Case]]:
    """The ladder from its foot, then the other problems by their size."""
    others = sorted(
        [(i, case) for i, case in enumerate(fixture.cases) if case.role not in ("rung", "large")],
        key=lambda ic: (ic[1].problem.parameters, ic[1].problem.N),
    )
    return [*fixture.of("rung"), *others]


def _hard_to_redo(case: Case) -> tuple[bool, int]:
    """How hard its numbers are to follow: too many of them, and how many are next to nothing without being 0."""
    values = torch.cat([v.abs().flatten() for v in case.truth.values()])
    return len(values) > MOST_NUMBERS, int(((values > 0) & (values < VISIBLE)).sum())


def _shows_first(fixture: Fixture, case: Case, diagnosis: Diagnosis | None) -> bool:
    """Whether the mistake that is named first changes something on that problem by itself."""
    if diagnosis is None or diagnosis.hypothesis is None or not diagnosis.hypothesis.mistakes:
        return True
    first = diagnosis.hypothesis.mistakes[0]
    forms = [v for v in diagnosis.hypothesis.variants if v.mistake == first]
    return not forms or any(shows(v, case, fixture.assignment) for v in forms)


def _is_right(case: Case, name: str, value: Tensor, eta: float | None) -> bool:
    """Whether a line is right; of a program that hands over (W − W after a step of η) / η, up to what that loses."""
    if line_is_right(case, name, value):
        return True
    truth = case.truth[name]
    if eta is None or name[:2] not in ("dW", "db") or value.shape != truth.shape:
        return False
    lost = step_rounding(parameter_of(case.problem, name), truth, eta)
    return bool(((value - truth).abs() <= case.allowed(name) + lost).all())


def _wrong_line(case: Case, answer: Answer, biases: bool, eta: float | None = None) -> str | None:
    """The first line that was handed over and is wrong, in the order of the working."""
    if not answer.returned:
        return None
    for name in names(case.problem.L):
        looked_at = name in answer.lines and (biases or not name.startswith("db"))
        if looked_at and not _is_right(case, name, answer.lines[name], eta):
            return name
    return None


# What is shown -------------------------------------------------------------------------------------------------------


def _shown(case: Case, answer: Answer, line: str, *, columns: bool, eta: float | None = None) -> Counterexample:
    p = case.problem
    turn = partial(as_lists, columns=columns)
    named = (lambda name: columns_name(name, p.L)) if columns else (lambda name: name)
    told = answer.failed or answer.faults.get(line)
    return Counterexample(
        W=[turn(w) for w in p.W],
        b=[turn(v) for v in p.b],
        x=turn(p.x),
        t=turn(p.t),
        activation=p.activation,
        lam=p.lam,
        output=p.output,
        loss=p.loss,
        penalty=p.penalty,
        line=named(line),
        yours=handed(answer.lines[line], columns=columns),
        expected=turn(case.truth[line]),
        label=p.label,
        message=told.text if told is not None else "",
        message_said=said_record(told) if told is not None else None,
        formulas=formulas(case.working),
        working=[_working_line(case, answer, name, columns, eta) for name in names(p.L)],
    )


def _working_line(case: Case, answer: Answer, name: str, columns: bool, eta: float | None) -> WorkingLine:
    yours = answer.lines.get(name)
    line = working_line(case.working, name, columns=columns)
    if yours is None:
        return line
    differs = not _is_right(case, name, yours, eta)
    return replace(line, yours=handed(yours, columns=columns), differs=differs)


# Wide layers ---------------------------------------------------------------------------------------------------------


def _alive(case: Case, answer: Answer) -> tuple[Case, Answer]:
    """The problem with those units alone whose weights are not 0: a smaller network with the same numbers."""
    kept = list(_kept(case))
    p = case.problem
    if all(len(units) == size for units, size in zip(kept, p.layers, strict=True)):
        return case, answer
    W = tuple(w[below][:, units] for w, below, units in zip(p.W, kept, kept[1:], strict=False))
    b = tuple(v[units] for v, units in zip(p.b, kept[1:], strict=True))
    small = Case(changed(p, W=W, b=b, x=p.x[:, kept[0]], t=p.t[:, kept[-1]]), case.role)
    lines = {name: _cut(name, value, case, kept) for name, value in answer.lines.items()}
    return small, changed(answer, lines=lines)


def _kept(case: Case) -> Iterator[Tensor]:
    """Of each layer, the input's first, the numbers of the units that are shown; all outputs."""
    p = case.problem
    for l, size in enumerate(p.layers):
        below = p.W[l - 1].abs().sum(0) + p.b[l - 1].abs() if l > 0 else torch.zeros(size, device="cpu")
        above = p.W[l].abs().sum(1) if l < p.L else torch.ones(size, device="cpu")
        alive = torch.nonzero((below + above) != 0).flatten()
        yield alive if size > MOST_UNITS and len(alive) else torch.arange(size, device="cpu")


def _cut(name: str, value: Tensor, case: Case, kept: Sequence[Tensor]) -> Tensor:
    """What of a line belongs to the units that are shown; a value of another shape stays as it is."""
    if name not in case.truth or value.shape != case.truth[name].shape or name == "E":
        return value
    kind, l = kind_and_layer(name)
    layer = case.problem.L if l is None else l
    if kind == "dW":
        return value[kept[layer - 1]][:, kept[layer]]
    return value[kept[layer]] if kind == "db" else value[:, kept[layer]]
