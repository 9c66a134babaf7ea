"""What to type to see the same again: the command, and the smallest case as Python that calls the student's program."""

from __future__ import annotations

import shlex
from typing import Any

from verify.grading.record import CallBefore, Counterexample, GradeRecord, LessonCase
from verify.plain import visible
from verify.reports import numbers
from verify.submissions.submission import typed

_MOST = 400  # numbers of a case that are written out
_WIDTH = 100


def command(record: GradeRecord) -> str:
    """The command that gives the same report; "" where nothing ran, or where the class keeps the seed to itself."""
    if record.seed is None or not record.problems:
        return ""
    name = shlex.quote(typed(visible(record.submission)))
    return f"backproof compare {name} --assignment assignment.toml --seed {record.seed}"


def program(record: GradeRecord) -> str:
    """The smallest case as Python; "" where there is none that is small."""
    case = record.counterexample
    if case is None or record.task is None:
        return ""
    inputs = _of_lesson(case) if isinstance(case, LessonCase) else _of_network(case)
    earlier = [] if isinstance(case, LessonCase) or case.before is None else _of_network(case.before)
    if sum(1 for _, value in [*earlier, *inputs] for _ in numbers.entries(value)) > _MOST:
        return ""
    function = case.function if isinstance(case, LessonCase) else "gradients"
    array = "np.array({})" if record.task.backend == "numpy" else "torch.tensor({}, dtype=torch.float64)"
    package = "import numpy as np" if record.task.backend == "numpy" else "import torch"
    return "\n".join([
        package,
        _imported(record, function),
        "",
        *(_called(function, earlier, array, of_lesson=False) if earlier else ()),
        *_called(function, inputs, array, of_lesson=isinstance(case, LessonCase)),
        f"# {case.line}: {_short(case.expected)} is expected",
    ])  # fmt: skip


def _called(function: str, inputs: list[tuple[str, Any]], array: str, *, of_lesson: bool) -> list[str]:
    listed = () if of_lesson else ("W", "b")
    return [
        *(f"{name} = {_written(value, array, listed=name in listed)}" for name, value in inputs),
        f"print({function}({', '.join(name for name, _ in inputs)}))",
    ]


def _imported(record: GradeRecord, function: str) -> str:
    name = typed(visible(record.submission))
    stem = name.removesuffix(".py")
    if name.endswith(".py") and stem.isidentifier():
        return f"from {stem} import {function}"
    if name.endswith(".py"):
        return f"import runpy\n{function} = runpy.run_path({name!r})[{function!r}]"
    return f"from your_program import {function}"


def _of_network(case: Counterexample | CallBefore) -> list[tuple[str, Any]]:
    return [("W", case.W), ("b", case.b), ("x", case.x), ("t", case.t), ("activation", case.activation),
            ("lam", case.lam)]  # fmt: skip


def _of_lesson(case: LessonCase) -> list[tuple[str, Any]]:
    return [(given.name, given.value) for given in case.inputs]


def _written(value: Any, array: str, *, listed: bool) -> str:
    if not isinstance(value, list):
        return repr(value)
    if listed:
        return f"[{', '.join(array.format(v) for v in value)}]"
    whole = all(isinstance(v, int) for v in numbers.entries(value))
    return (array.replace(", dtype=torch.float64", "") if whole else array).format(value)


def _short(value: Any) -> str:
    text = " ".join(" ".join(row) for row in numbers.rows(value))
    return text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"
