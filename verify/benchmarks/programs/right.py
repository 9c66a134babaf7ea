"""Right programs, drawn: an assignment, a style, and a textbook form for each equation."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from verify.benchmarks.programs.columns import COLUMN_STYLES
from verify.benchmarks.programs.draw import Parts, activations, drawn, error, outputs
from verify.benchmarks.programs.scalars import by_unit
from verify.benchmarks.programs.styles import STYLES
from verify.benchmarks.programs.tasks import TASKS, Task


@dataclass(frozen=True)
class Program:
    """A drawn program: which task it answers, in which style, and its source."""

    name: str
    task: Task
    style: str
    source: str


def right_programs(count: int, seed: int = 0, tasks: Sequence[Task] = TASKS) -> Iterator[Program]:
    """That many right programs, the tasks in turn; the same for the same seed."""
    for number in range(count):
        task = tasks[number % len(tasks)]
        yield right_program(task, random.Random(f"{seed}/{number}"), f"{task.name} {number}")


def right_program(task: Task, rng: random.Random, name: str) -> Program:
    """One right program for a task."""
    columns = task.assignment.convention == "columns"
    choices = [*(COLUMN_STYLES if columns else STYLES), *(["by unit"] if task.small and not task.functions else [])]
    style = rng.choice(choices)
    p = drawn(task, rng)
    if style == "by unit":
        return Program(name, task, style, by_unit(p))
    body = (COLUMN_STYLES if columns else STYLES)[style](p)
    return Program(name, task, style, _assembled(p, body, columns=columns))


def _assembled(p: Parts, body: str, *, columns: bool) -> str:
    head = [activations(p), outputs(p), error(p), *p.helpers.values()]
    rng = p.rng
    rng.shuffle(head)
    text = "\n\n".join(part.strip("\n") + "\n" for part in ("import math\n\nimport numpy as np", *head, body))
    text += _asked_for(p) if p.task.functions and not columns else ""
    return _float32(p, text) if p.task.assignment.precision == "float32" and rng.random() < 0.7 else text


def _asked_for(p: Parts) -> str:
    """The optional functions, where the assignment asks for them."""
    return f"""

def scores(W, b, x, activation):
    z = x
    for w, c in zip(W[:-1], b[:-1]):
        z = {p.f}({p.affine("z", "w", "c")}, activation)
    return {p.affine("z", "W[-1]", "b[-1]")}


def forward(W, b, x, activation):
    return {p.output}(scores(W, b, x, activation))


def loss(W, b, x, t, activation, lam):
    v = scores(W, b, x, activation)
    return E_of(v, {p.output}(v), t, W, lam)


def step(W, b, x, t, activation, lam, eta):
    dW, db = gradients(W, b, x, t, activation, lam)[:2]
    return [w - eta * g for w, g in zip(W, dW)], [c - eta * g for c, g in zip(b, db)]
"""


def _float32(p: Parts, text: str) -> str:
    """The same in single precision from the start."""
    return (
        text.replace("def gradients(", "def in_double(")
        + """

def gradients(W, b, x, t, activation, lam):
    single = lambda v: v.astype(np.float32)
    return in_double([single(w) for w in W], [single(c) for c in b], single(x), single(t), activation, np.float32(lam))
"""
    )
