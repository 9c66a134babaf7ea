"""Is a name true? The named mistakes, put into the right equations, must give the program's numbers on fresh problems.

That is asked without the grader's search: the catalogue's equations for the names that a report gives, each form of
them, on problems that the grader has not drawn. What a program keeps from call to call is asked of its own behaviour.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray

from manual import Constants, Equations
from verify.benchmarks.programs import oracle
from verify.benchmarks.programs.oracle import Fresh, Given
from verify.benchmarks.programs.tasks import Task
from verify.grading.record import FindingRecord
from verify.lessons.network.mistakes import CATALOGUE, Variant, equations_with
from verify.problems.problem import Problem

OF_STATE = frozenset(("inputs-mutated", "cache-stale", "gradients-accumulated"))
OF_PRECISION = frozenset(("precision-float32", "integer-arrays"))
_RAISES = (RuntimeError, IndexError, TypeError, ValueError)
_CLOSE, _SINGLE = 1e-6, 2e-2


@dataclass(frozen=True)
class Claim:
    """What the names say of a program: its equations, and the activations that some of them are confined to."""

    slots: tuple[tuple[str, Variant], ...]
    slopes: tuple[tuple[str, Variant], ...]

    @property
    def equations(self) -> Equations:
        return equations_with(dict(self.slots), dict(self.slopes))


def is_true(source: str, task: Task, findings: Sequence[FindingRecord], seed: int = 0) -> bool | None:
    """Whether the names explain the program: every fresh problem's numbers, and what is kept from call to call.

    None where a name stands for no equation (lists the other way round, a clip): that cannot be asked here.
    """
    named = {f.mistake for f in findings}
    if any(not CATALOGUE[id].variants for id in named - OF_STATE - OF_PRECISION):
        return None
    if named & OF_STATE and not _keeps_something(source, task, seed):
        return False
    loose = bool(named & OF_PRECISION)
    answers = _answers(source, task, seed)
    if "integer-arrays" in named:
        return True  # what is cut off depends on where; the verdict itself has been checked
    return any(all(_gives(c, p, given, task, loose) for p, given in answers) for c in _claims(findings, task))


def row_of(source: str, task: Task, seed: int = 0) -> str | None:
    """A row of the catalogue that alone explains the program, under all activations or some; None where none does."""
    answers = _answers(source, task, seed)
    right = Claim((), ())
    if all(_gives(right, p, given, task, False) for p, given in answers):
        return None  # what is off is smaller than what is looked at here: any row that changes nothing would do
    for m in CATALOGUE.values():
        for variant in m.variants:
            concerned = any(
                variant.concerns(f, task.output, task.loss, task.assignment.penalty) for f in task.activations
            )
            if not variant.fitted and concerned and _explains(variant, answers, task):
                return m.id
    return None


def _answers(source: str, task: Task, seed: int) -> list[tuple[Fresh, Given]]:
    """What the program gives on ordinary problems, each called first in a program of its own."""
    problems = [p for p in oracle.fresh_problems(task, seed) if p.kind in ("ordinary", "again")]
    first = [(p, oracle.answered(oracle.loaded(source), p, task)) for p in problems]
    return [(p, given) for p, given in first if given.arrays is not None]


def _explains(variant: Variant, answers: Sequence[tuple[Fresh, Given]], task: Task) -> bool:
    wrong, right = Claim(((variant.slot, variant),), ()), Claim((), ())
    if variant.slot != "slope":
        return all(_gives(wrong, p, given, task, False) for p, given in answers)
    names = {p.activation for p, _ in answers if not _gives(right, p, _given(answers, p), task, False)}
    return bool(names) and all(_gives(wrong, p, given, task, False) for p, given in answers if p.activation in names)


def _given(answers: Sequence[tuple[Fresh, Given]], problem: Fresh) -> Given:
    return next(given for p, given in answers if p is problem)


def _claims(findings: Sequence[FindingRecord], task: Task) -> Iterator[Claim]:
    """Every way of putting the named mistakes into the equations: one form for each."""
    rows = [f for f in findings if CATALOGUE[f.mistake].variants]
    for chosen in product(*(CATALOGUE[f.mistake].variants for f in rows)):
        slots: dict[str, Variant] = {}
        slopes: dict[str, Variant] = {}
        for f, variant in zip(rows, chosen, strict=True):
            fixed = variant.with_number(f.number) if variant.fitted and f.number is not None else variant
            if variant.slot == "slope":
                slopes |= {
                    a: fixed
                    for a in (f.only or task.activations)
                    if fixed.concerns(a, task.output, task.loss, task.assignment.penalty)
                }
            else:
                slots[variant.slot] = fixed
        yield Claim(tuple(slots.items()), tuple(slopes.items()))


def _gives(claim: Claim, p: Fresh, given: Given, task: Task, loose: bool) -> bool:
    """Whether those equations give that call's numbers."""
    assert given.arrays is not None
    wanted = _worked(claim.equations, p, task)
    if wanted is None:
        return False
    columns = task.assignment.convention == "columns"
    for i, (g, w) in enumerate(zip(given.arrays, wanted, strict=False)):
        g = g[0] if columns and i >= len(p.W) and g.ndim == 2 and len(g) == 1 else g
        if g.shape != w.shape:
            return False
        allowed = (_SINGLE if loose else _CLOSE) * (np.abs(w).max(initial=0.0) + 1e-6) + 1e3 * p.noise[i]
        if not bool((np.abs(g - w) <= allowed).all()):
            return False
    return True


def _worked(equations: Equations, p: Fresh, task: Task) -> list[NDArray] | None:
    """dW and db of the equations; None where they raise."""
    own, tensors = task.constants, lambda arrays: tuple(torch.from_numpy(v) for v in arrays)
    x, t = tensors([p.x, p.t])
    constants = Constants(own.leaky, own.elu, own.swish, own.celu, own.prelu)
    q = Problem(tensors(p.W), tensors(p.b), x, t, p.activation, task.output, task.loss, p.lam, constants)
    try:
        net = q.work(equations)
    except _RAISES:
        return None
    layers = range(1, q.L + 1)
    return [net.dW[l].numpy() for l in layers] + [net.db[l].numpy() for l in layers]


def _keeps_something(source: str, task: Task, seed: int) -> bool:
    """Whether a call depends on the calls before it, or writes into what it is given."""
    gradients = oracle.loaded(source)
    for p in oracle.fresh_problems(task, seed):
        alone = oracle.answered(oracle.loaded(source), p, task)
        again = oracle.answered(gradients, p, task)
        if alone.changed or not _equal(alone, again) or not _equal(alone, oracle.answered(gradients, p, task)):
            return True
    return False


def _equal(first: Given, second: Given) -> bool:
    if first.arrays is None or second.arrays is None:
        return first.arrays is second.arrays
    return all(np.array_equal(a, b, equal_nan=True) for a, b in zip(first.arrays, second.arrays, strict=True))
