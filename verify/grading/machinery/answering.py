"""The calls of a run, and what came back of each function of a lesson, sorted into lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from verify.grading.answers import Answer, Sorting, describe
from verify.grading.lesson import Contract, Lesson
from verify.grading.machinery.posing import Posed
from verify.grading.machinery.texts import said
from verify.grading.machinery.working import Case
from verify.grading.sentence import said as told
from verify.isolation import Call, Outcome, Reply, Run
from verify.said import Said


@dataclass(frozen=True)
class Asked:
    """A call of the run: which function, on which case."""

    contract: Contract
    case: int


def plan(posed: Posed) -> list[Asked]:
    """Every call in order: each function that is asked for on all cases."""
    contracts = [c for c in posed.lesson.contracts if c.name in posed.assignment.asked]
    return [Asked(contract, i) for contract in contracts for i in range(len(posed.cases))]


def calls(posed: Posed) -> list[Call]:
    """The plan with its arguments: arrays, labels of a whole-number dtype, plain numbers as floats."""
    return [Call(a.contract.name, arguments(posed.cases[a.case], a.contract)) for a in plan(posed)]


def arguments(case: Case, contract: Contract) -> tuple[Any, ...]:
    """The arguments of a function on a case; a line among them is given right."""
    return tuple(_handed(case.truth[n] if n in case.truth else case.inputs[n]) for n in contract.arguments)


def _handed(value: Any) -> Any:
    if not isinstance(value, Tensor):
        return value
    return value.item() if value.dim() == 0 else value.numpy()


def answers(posed: Posed, run: Run) -> dict[str, list[Answer]]:
    """Function -> its answer to every case, in order."""
    found: dict[str, list[Answer]] = {}
    for at, asked in enumerate(plan(posed)):
        reply = run.replies[at] if at < len(run.replies) else None
        made = (
            Answer(failed=told("not-run"))
            if reply is None
            else answer_of(posed.lesson, asked.contract, posed.cases[asked.case], reply)
        )
        found.setdefault(asked.contract.name, []).append(made)
    return found


def answer_of(lesson: Lesson, contract: Contract, case: Case, reply: Reply) -> Answer:
    """What one call gave: its lines, or why there are none."""
    if reply.outcome is not Outcome.RETURNED:
        return Answer(failed=_why(reply), place=reply.place)
    parts = _parts(contract, reply.value)
    if isinstance(parts, Said):
        return Answer(failed=parts, inputs_changed=reply.inputs_changed)
    values, more = parts
    sorting = Sorting()
    for name, value in zip(contract.returns, values, strict=True):
        sorting.take(name, value)
    for name, value in more.items():
        if name in lesson.lines and name not in contract.returns and value is not None:
            sorting.take(str(name), value)
    for name, value in sorting.lines.items():
        if case.truth[name].dim() == 0 and value.size == 1:
            sorting.lines[name] = value.reshape(())
    return sorting.answer(reply.inputs_changed)


def _why(reply: Reply) -> Said:
    """Why a call gave nothing."""
    if reply.outcome is Outcome.NOT_RUN:
        return told("not-run")
    return told("raised", message=reply.message) if reply.message else told("ended", state=reply.outcome.value)


def _parts(contract: Contract, value: Any) -> tuple[Sequence[Any], Mapping[str, Any]] | Said:
    """The values of the lines that a function returns, and further lines by name; or what is wrong with the form."""
    names = contract.returns
    wanted = f"{', '.join(names)} or {', '.join(names)}, {{lines}}"
    if isinstance(value, dict):
        missing = next((name for name in names if name not in value), None)
        if missing is not None:
            return said("lesson-dict", function=contract.name, line=missing, wanted=wanted)
        return [value[name] for name in names], value
    if len(names) == 1:
        if isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], dict):
            return [value[0]], value[1]
        return ([value[0]], {}) if isinstance(value, tuple) and len(value) == 1 else ([value], {})
    if isinstance(value, list | tuple) and len(value) == len(names):
        return list(value), {}
    if isinstance(value, list | tuple) and len(value) == len(names) + 1 and isinstance(value[-1], dict):
        return list(value[:-1]), value[-1]
    if isinstance(value, list | tuple):
        return said("lesson-values", function=contract.name, values=len(value), wanted=wanted)
    return said("lesson-returned", function=contract.name, value=describe(value), wanted=wanted)
