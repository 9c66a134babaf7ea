"""Wrong programs, drawn: right ones with one, two or three places changed, as far as the oracle finds them wrong."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from verify.benchmarks.programs import oracle
from verify.benchmarks.programs.mutation import changed
from verify.benchmarks.programs.right import right_program
from verify.benchmarks.programs.tasks import TASKS, Task


@dataclass(frozen=True)
class Mutant:
    """A changed program, the right one that it was made from, and what the oracle says of it."""

    name: str
    task: Task
    style: str
    source: str
    parent: str
    says: tuple[str, ...]
    verdict: str


def mutants(count: int, seed: int = 0, depth: int = 1, tasks: Sequence[Task] = TASKS) -> Iterator[Mutant]:
    """That many changed programs, the tasks in turn, with `depth` changes each; those that run on some problem."""
    number = 0
    while count > 0:
        task, rng = tasks[number % len(tasks)], random.Random(f"{seed}/{depth}/{number}")
        number += 1
        mutant = _mutant(task, rng, f"{task.name} {number}", depth)
        if mutant is not None:
            count -= 1
            yield mutant


def _mutant(task: Task, rng: random.Random, name: str, depth: int) -> Mutant | None:
    """One changed program that answers at least one problem: what always raises is seen by anybody."""
    right = right_program(task, rng, name)
    for _ in range(20):
        change = changed(right.source, rng, depth)
        if change is not None and _runs(change.source, task):
            judged = oracle.verdict(change.source, right.source, task)
            return Mutant(name, task, right.style, change.source, right.source, change.says, judged)
    return None


def _runs(source: str, task: Task) -> bool:
    gradients = oracle.loaded(source)
    return any(oracle.answered(gradients, p, task).arrays is not None for p in oracle.fresh_problems(task)[:8])
