"""The drawn programs prove themselves: right ones agree with autograd, and it says of changed ones what they are."""

from __future__ import annotations

import random

import pytest

from verify.benchmarks.programs import claims, oracle
from verify.benchmarks.programs.mutation import changes
from verify.benchmarks.programs.right import right_program, right_programs
from verify.benchmarks.programs.tasks import BY_NAME, TASKS, Task
from verify.benchmarks.programs.wrong import mutants
from verify.grading.record import FindingRecord

DEFAULT = BY_NAME["default"]
SMALL = [task for task in TASKS if task.small]
PROGRAM = """
import numpy as np

def gradients(W, b, x, t, activation, lam):
    N, L, z, a = len(x), len(W), [x], []
    for l in range(L):
        a.append(z[l] @ W[l] + b[l])
        f = {"relu": lambda v: np.maximum(v, 0), "tanh": np.tanh, "sigmoid": lambda v: 1 / (1 + np.exp(-v))}
        z.append(f[activation](a[l]))
    e = np.exp(a[-1])
    delta = e / e.sum(axis=1, keepdims=True) - t
    dW, db = [None] * L, [None] * L
    for l in range(L - 1, -1, -1):
        dW[l] = z[l].T @ delta / N + lam * W[l]
        db[l] = delta.mean(axis=0)
        if l:
            slope = {"relu": z[l] > 0, "tanh": 1 - z[l] ** 2, "sigmoid": z[l] * (1 - z[l])}[activation]
            delta = delta @ W[l].T * slope
    return dW, db
"""


def named(mistake: str, only: list[str] | None = None) -> FindingRecord:
    return FindingRecord(mistake=mistake, lines=[], says="", only=only or [])


@pytest.mark.parametrize("task", [t for t in TASKS if not t.heavy], ids=lambda t: t.name)
def test_drawn_programs_are_right(task: Task) -> None:
    drawn = list(right_programs(3, seed=5, tasks=[task]))
    tolerance = 1e-6 if task.assignment.precision == "float64" else 1e-2
    for p in drawn:
        floor = 1e-7 if p.style == "differences" else 0.0
        assert oracle.is_right(p.source, task, tolerance=tolerance, floor=floor), (p.name, p.style)


def test_the_same_seed_gives_the_same_programs() -> None:
    first, again, other = ([p.source for p in right_programs(12, seed=s, tasks=SMALL)] for s in (1, 1, 2))
    assert first == again
    assert len(set(first) | set(other)) == 24
    one, same = ([m.source for m in mutants(3, seed=4, tasks=[DEFAULT])] for _ in range(2))
    assert one == same


def test_every_style_and_every_task_is_drawn() -> None:
    drawn = list(right_programs(40 * len(SMALL), seed=0, tasks=SMALL))
    assert {p.task.name for p in drawn} == {t.name for t in SMALL}
    assert len({p.style for p in drawn}) == 13


@pytest.mark.parametrize(
    ("right", "wrong", "verdict"),
    [
        ("/ N + lam", "+ lam", oracle.WRONG),
        ("+ lam * W[l]", "+ lam * W[l] * (1 + 1e-7)", oracle.WRONG),
        ("lam * W[l]", "W[l] * lam", oracle.EQUIVALENT),
        ("np.exp(a[-1])", "np.exp(a[-1] - a[-1].mean(axis=1, keepdims=True))", oracle.EQUIVALENT),
        ("z[l] > 0", "z[l] >= 0", oracle.WRONG),
        ("z[l] > 0", "a[l - 1] >= 0", oracle.EQUIVALENT),
        ("z[l] > 0", "np.where(a[l - 1] == 0, 1.5, a[l - 1] > 0)", oracle.WRONG),
        ("np.maximum(v, 0)", "np.clip(v, 0, 20)", oracle.WRONG),
        ("delta = delta @", "t += 0.1\n            delta = delta @", oracle.WRONG),
        ("np.exp(a[-1])", "np.exp(a[-1]) + 1e-10", oracle.WRONG),
        ("    e = np", "    dW = KEPT.setdefault('x', x)\n    e = np", oracle.EQUIVALENT),
        ("    e = np", "    z[0] = KEPT.setdefault(x.shape, x)\n    e = np", oracle.WRONG),
    ],
)
def test_autograd_says_what_a_change_did(right: str, wrong: str, verdict: str) -> None:
    assert right in PROGRAM
    program = "KEPT = {}\n" + PROGRAM
    assert oracle.verdict(program.replace(right, wrong), program, DEFAULT) == verdict


def test_changes_differ_and_say_what_they_are() -> None:
    made = list(changes(PROGRAM, 30, random.Random(3)))
    assert len({c.source for c in made}) == 30
    assert all("->" in c.says[0] or ":" in c.says[0] for c in made)
    assert all(len(c.says) == 3 for c in changes(PROGRAM, 5, random.Random(3), depth=3))
    assert len({c.says[0].split(":")[0] for c in made}) > 10


def test_a_true_name_is_told_from_a_false_one() -> None:
    summed = PROGRAM.replace("@ delta / N + lam", "@ delta + lam")
    assert claims.is_true(summed, DEFAULT, [named("mean-missing-weights")])
    assert not claims.is_true(summed, DEFAULT, [named("mean-missing")])
    assert not claims.is_true(summed, DEFAULT, [named("mean-missing-weights"), named("l2-missing")])
    mask = PROGRAM.replace("z[l] > 0", "np.ones_like(z[l])")
    assert claims.is_true(mask, DEFAULT, [named("derivative-missing", only=["relu"])])
    assert not claims.is_true(mask, DEFAULT, [named("derivative-missing", only=["tanh"])])
    stale = PROGRAM.replace("    e = np", "    z[0] = KEPT.setdefault(x.shape, x)\n    e = np")
    assert claims.is_true("KEPT = {}\n" + stale, DEFAULT, [named("cache-stale")])
    assert not claims.is_true(PROGRAM, DEFAULT, [named("cache-stale")])
    single = PROGRAM.replace("z[l] @ W[l]", "(z[l] @ W[l]).astype(np.float32)")
    assert claims.is_true(single, DEFAULT, [named("precision-float32")])


def test_the_program_of_one_task_is_right_there() -> None:
    for seed in range(3):
        program = right_program(DEFAULT, random.Random(seed), "one")
        assert oracle.verdict(program.source, program.source, DEFAULT) == oracle.EQUIVALENT
