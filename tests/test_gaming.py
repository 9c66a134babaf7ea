"""Points for what is no work: a second opinion on docs/INSTRUCTOR.md's rules, by programs that try to get them.

Every program is a right one whose results are replaced before they are returned.
"""

from __future__ import annotations

import tomllib
from functools import cache

import pytest

from verify.benchmarks.trusted import run_trusted
from verify.grading.assignment import assignment_from
from verify.grading.record import GradeRecord
from verify.lessons.network.grade import Examination, examination, grade

PROGRAM = """
import numpy as np

F = {"relu": lambda v: np.maximum(v, 0), "tanh": np.tanh, "sigmoid": lambda v: 1 / (1 + np.exp(-v))}
D = {"relu": lambda z: z > 0, "tanh": lambda z: 1 - z**2, "sigmoid": lambda z: z * (1 - z)}
CALLS = []


def gradients(W, b, x, t, activation, lam):
    CALLS.append(1)
    N, L, z, forward, back = len(x), len(W), [x], {}, {}
    for l in range(L):
        a = z[l] @ W[l] + b[l]
        z.append(F[activation](a))
        forward |= {f"a{l + 1}": a} | ({f"z{l + 1}": z[-1]} if l + 1 < L else {})
    e = np.exp(a - a.max(axis=1, keepdims=True))
    y = e / e.sum(axis=1, keepdims=True)
    forward["y"] = y
    delta, dW, db = y - t, [None] * L, [None] * L
    OUTPUT
    for l in range(L - 1, -1, -1):
        back[f"delta{l + 1}"] = delta
        dW[l], db[l] = z[l].T @ delta / N + lam * W[l], delta.mean(axis=0)
        if l:
            delta = delta @ W[l].T * D[activation](z[l])
    nothing = lambda values: [0.0 * v for v in values]
    END
    return dW, db, {**forward, **back}
"""
ASSIGNMENTS = {
    "default": "",
    "forward lines weigh": "[points.lines]\na = 1.0\nz = 1.0\ny = 1.0\ndelta = 1.0\n",
    "no biases": "biases = false\n",
    "no penalty": "l2 = false\n",
    "deep": "layers = [1, 6]\n",
}
WITH_STEP = {"a step": "[points]\ngradients = 5.0\nstep = 5.0\n"}
# What is returned in place of the gradients; the true forward lines are handed over with each.
IDLE = {
    "zeros": "dW, db, back = nothing(dW), nothing(db), {}",
    "zeros, and zeros for delta": "dW, db, back = nothing(dW), nothing(db), {k: 0 * v for k, v in back.items()}",
    "the penalty alone, and zeros for delta": "dW, db = [lam * w for w in W], nothing(db); "
    "back = {k: 0 * v for k, v in back.items()}",
    "ones": "dW, db, back = [v * 0 + 1 for v in dW], [v * 0 + 1 for v in db], {}",
    "one number for every delta": "back = {k: 0 * v + 0.3 for k, v in back.items()}; "
    "dW = [z[l].T @ back[f'delta{l + 1}'] / N + lam * W[l] for l in range(L)]; "
    "db = [back[f'delta{l + 1}'].mean(axis=0) for l in range(L)]",
    "the target for delta": "delta = t; OWN",
    "copies of the weights": "dW, db, back = [w.copy() for w in W], [v.copy() for v in b], {}",
    "not a number": "dW, db, back = [v * np.nan for v in dW], [v * np.nan for v in db], {}",
    "infinite lines": "back = {k: v + np.inf for k, v in back.items()}; dW, db = nothing(dW), nothing(db)",
    "infinite lines and gradients": "dW, db, back = [v + np.inf for v in dW], [v + np.inf for v in db], "
    "{k: v - np.inf for k, v in back.items()}",
    "not a number for delta": "back = {k: v * np.nan for k, v in back.items()}; dW, db = nothing(dW), nothing(db)",
    "smallest numbers for delta": "back = {k: 0 * v + 5e-324 for k, v in back.items()}; "
    "dW, db = [lam * w for w in W], nothing(db)",
    "the first problem alone": "dW, db = (dW, db) if len(CALLS) == 1 else (nothing(dW), nothing(db)); "
    "back = back if len(CALLS) == 1 else {}",
    "all lines on one problem, then no answer": "if len(CALLS) > 1: raise ValueError('enough')",
    "the forward lines alone": "dW, db, back = [None] * L, [None] * L, {}",
}
# Wrong where no number of the other problems says so: what did not come, and f′ at an exact zero.
UNSEEN = {
    "no value for db": ("END", "db = [None] * L"),
    "no value for the last dW": ("END", "dW[-1] = None"),
    "a derivative of -1 at an exact zero": (
        "D[activation](z[l])",
        "np.where(forward[f'a{l}'] == 0, -1, D[activation](z[l]))",
    ),
    "a derivative of 1.5 at an exact zero": (
        "D[activation](z[l])",
        "np.where(forward[f'a{l}'] == 0, 1.5, D[activation](z[l]))",
    ),
}
# Honest mistakes: state wrong, and points for the rest.
HONEST = {
    "no mean": ("/ N + lam", "+ lam"),
    "wrong sign of the penalty": ("+ lam", "- lam"),
    "twice the penalty": ("+ lam", "+ 2 * lam"),
    "the mean twice": ("y - t,", "(y - t) / N,"),
    "no bias": ("delta.mean(axis=0)", "0 * delta.mean(axis=0)"),
}


@cache
def exam(name: str) -> Examination:
    return examination(assignment_from(tomllib.loads((ASSIGNMENTS | WITH_STEP)[name]), name), seed=3)


def graded(end: str, assignment: str = "default", change: tuple[str, str] = ("", "")) -> GradeRecord:
    own = (
        "back = {f'delta{l + 1}': t if t.shape == (N, W[l].shape[1]) else 0 * back[f'delta{l + 1}'] for l in range(L)}"
    )
    own += "; dW = [z[l].T @ back[f'delta{l + 1}'] / N + lam * W[l] for l in range(L)]"
    own += "; db = [back[f'delta{l + 1}'].mean(axis=0) for l in range(L)]"
    source = PROGRAM.replace("OUTPUT", "pass").replace(*change).replace("END", end.replace("OWN", own))
    return grade("program", run_trusted(source, exam(assignment).calls), exam(assignment))


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_the_right_program_has_all_points(assignment: str) -> None:
    record = graded("pass", assignment)
    assert (record.state, record.score) == ("correct", record.max_score)


OTHERS = [(end, name) for name in ("no biases",) for end in ("zeros", "the penalty alone, and zeros for delta")]


@pytest.mark.parametrize(("end", "assignment"), [*((end, "default") for end in IDLE), *OTHERS])
def test_no_work_earns_no_points(end: str, assignment: str) -> None:
    record = graded(IDLE[end], assignment)
    assert record.state != "correct"
    assert (record.score or 0) <= 0.05 * record.max_score


STEP = """

def step(W, b, x, t, activation, lam, eta):
    return W, b
"""


@pytest.mark.parametrize("end", ["zeros", "zeros, and zeros for delta", "not a number"])
def test_a_step_that_does_nothing_is_paid_nothing(end: str) -> None:
    """Right by the program's own gradients, which are zero; a step counts where there is something to step along."""
    record = graded(IDLE[end], "a step", ("import numpy as np", f"import numpy as np{STEP}"))
    step = next(line for line in record.lines if line.name.startswith(("step", "W")))
    assert (record.state, step.points) == ("wrong", 0.0)
    assert (record.score or 0.0) <= 0.05 * record.max_score


@pytest.mark.parametrize("end", ["zeros, and zeros for delta", "the target for delta"])
def test_lines_that_weigh_are_paid_and_no_more(end: str) -> None:
    """dW and db have six of fifteen shares here; the forward lines, which are right, six."""
    record = graded(IDLE[end], "forward lines weigh")
    assert record.state != "correct"
    assert (record.score or 0) <= 0.55 * record.max_score


@pytest.mark.parametrize("change", UNSEEN.values(), ids=UNSEEN)
def test_no_form_that_loses_digits_excuses_what_it_does_not_explain(change: tuple[str, str]) -> None:
    assert graded("pass", "default", change).state == "wrong"


@pytest.mark.parametrize("change", HONEST.values(), ids=HONEST)
def test_more_true_lines_never_lower_the_score_and_wrong_is_never_full(change: tuple[str, str]) -> None:
    """The lines are the program's own, as it computed them."""
    fewer_to_more = ["forward, back = {}, {}", "pass"]
    records = [graded(end, "default", change) for end in fewer_to_more]
    scores = [r.score or 0 for r in records]
    assert all(r.state == "wrong" and s < r.max_score for r, s in zip(records, scores, strict=True))
    assert scores == sorted(scores)


def test_what_an_instructor_compares_costs_alike() -> None:
    scores = {name: graded("pass", "default", HONEST[name]).score for name in ("no mean", "twice the penalty")}
    scores["wrong sign"] = graded("pass", "default", ("y - t", "t - y")).score
    assert len(set(scores.values())) == 1, scores
