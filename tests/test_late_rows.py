"""Mistakes that came to the catalogue late: small programs of one source each, in rows, in columns, without biases."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from verify.benchmarks.trusted import run_trusted
from verify.grading.assignment import assignment_from
from verify.lessons.network.cases.counterexample import VISIBLE
from verify.lessons.network.grade import Examination, examination, grade

PROGRAM = """
import numpy as np

def f(a, kind):
    return np.tanh(a) if kind == "tanh" else 1 / (1 + np.exp(-a))

def df(a, kind):
    return 1 - f(a, kind) ** 2 if kind == "tanh" else f(a, kind) * (1 - f(a, kind))

def gradients(W, b, x, t, activation, lam):
    L, N = len(W), len(x)
    a, z = [None], [x]
    for l in range(L):
        a.append(z[-1] @ W[l] + b[l])
        z.append(f(a[-1], activation) if l < L - 1 else OUTPUT)
    y = z[-1]
    error = y - t
    delta = top = DELTA
    dW, db = [None] * L, [None] * L
    for l in reversed(range(L)):
        dW[l] = z[l].T @ delta / N + lam * W[l]
        db[l] = delta.sum(axis=0) / N
        if l:
            down = delta @ W[l].T
            delta = down * df(a[l], activation)
    return dW, db
"""
IN_COLUMNS = """
in_rows = gradients

def gradients(W, b, x, t, activation, lam):
    dW, db = in_rows([w.T for w in W], [c[:, 0] for c in b], x.T, t.T, activation, lam)
    return [g.T for g in dW], [g[:, None] for g in db]
"""
# Every sample by itself, averaged; and the same with the weights stepped after each.
BY_SAMPLE = """
def gradients(W, b, x, t, activation, lam):
    N = len(x)
    dW, db = [0 * w for w in W], [0 * c for c in b]
    for n in range(N):
        gW, gb = of_one(list(W), list(b), x[n : n + 1], t[n : n + 1], activation, lam)
        dW, db = [g + h / N for g, h in zip(dW, gW)], [g + h / N for g, h in zip(db, gb)]
        STEPPED
    return dW, db
"""
STEP = """
def step(W, b, x, t, activation, lam, eta):
    dW, db = gradients(W, b, x, t, activation, lam)
    return [w - eta * g for w, g in zip(W, dW)], [c - eta * g for c, g in zip(b, db)]
"""
SMALL: dict[str, Any] = {"layers": [2, 3], "activations": ["tanh"], "inputs": [2, 3], "widths": [2, 3], "batch": [1, 3]}
SQUARE = {"inputs": [3, 3], "widths": [3, 3], "outputs": [3, 3]}
SQUARED = {"output": "sigmoid", "loss": "squared-error"}
WITH_STEP = {"points": {"gradients": 8, "step": 2}}


class Row(NamedTuple):
    """A program by its edits, and the mistakes that it has to be named for; "" for a near miss without a name."""

    named: str
    edits: tuple[tuple[str, str], ...]
    given: Mapping[str, Any] = MappingProxyType({})
    styles: str = "rows"
    tail: str = ""


HIDDEN = "delta = down * df(a[l], activation)"
OF_ONE = ("def gradients", "def of_one")
WALKS = BY_SAMPLE.replace("STEPPED", "W = [w - 0.05 * g for w, g in zip(W, gW)]")
ALONE = BY_SAMPLE.replace("STEPPED", "pass")
EARLY = ("        if l:\n", "        W[l] = W[l] - 0.05 * dW[l]\n        if l:\n")
TO_Z = ("df(a[l], activation)", "df(np.tanh(a[l]), activation)")
HANDED = ("down = delta @ W[l].T", "down = (error if l == L - 1 else delta) @ W[l].T")
# All gradients together, scaled to a norm of 1.
RETURNED = (
    "    return dW, db",
    "    n = max(1, sum((g**2).sum() for g in dW + db)) ** 0.5\n    return [g / n for g in dW], [g / n for g in db]",
)
ROWS = (
    Row("delta-of-another-layer", ((HIDDEN, "delta = top * df(a[l], activation)"),), {}, "columns"),
    Row("delta-of-another-layer", ((HIDDEN, "delta = error"),), {**SQUARED, **SQUARE}),
    Row("delta-of-another-layer", ((HIDDEN, "delta = delta * df(a[l], activation)"),), {}, "no biases"),
    Row("bias-from-weight-gradient", (("delta.sum(axis=0) / N", "(z[l].T @ delta).sum(axis=0)"),)),
    Row("bias-from-weight-gradient", (("delta.sum(axis=0) / N", "dW[l].mean(axis=0)"),), {}, "columns"),
    Row("", (("delta.sum(axis=0) / N", "dW[l].max(axis=0)"),)),
    Row("updated-weights-in-backward", (OF_ONE, EARLY), {}, "rows", ALONE),
    Row("updated-weights-in-backward output-sign", (OF_ONE, EARLY, ("y - t", "t - y")), {}, "no biases", ALONE),
    Row("updated-weights-in-backward", (OF_ONE,), {}, "columns", WALKS + "\n"),
    Row("updated-weights-in-backward derivative-at-activation", (OF_ONE, TO_Z), {}, "no biases", WALKS),
    Row("updated-weights-in-backward derivative-not-passed-on", (OF_ONE, HANDED), SQUARED, "rows", WALKS),
    Row("updated-weights-in-backward l2-doubled", (OF_ONE, ("lam * W", "2 * lam * W")), {}, "rows", WALKS),
    Row("step-without-weights", (), WITH_STEP, "rows", STEP.replace("w - eta", "-eta").replace("c - eta", "-eta")),
    Row("step-without-weights", (), WITH_STEP, "no biases", STEP.replace("w - eta", "-eta")),
    Row("step-gradients-exchanged", (), WITH_STEP, "rows", STEP.replace("dW, db =", "db, dW =")),
    Row("", (), WITH_STEP, "rows", STEP.replace("w - eta * g", "w - 0.9 * eta * g")),
    Row("gradient-clipped", (RETURNED,)),
    Row("", ((RETURNED[0], RETURNED[1].replace("** 0.5", "** 0.4")),)),
    Row("precision-float32", (("delta @ W[l].T", "delta @ W[l].T.astype('f4')"),)),
    Row("precision-float32", (("down = delta @ W[l].T", "down = (delta @ W[l].T).astype('f4')"),), {}, "no biases"),
    Row("precision-float32 mean-missing",
        (("z[l].T @", "(z[l] if l else x.astype('f4')).T @"), (" / N + lam", " + lam"), ("axis=0) / N", "axis=0)"))),
)  # fmt: skip


@functools.cache
def exam_of(given: str) -> Examination:
    return examination(assignment_from(json.loads(given), "test"))


def source_of(row: Row) -> str:
    squared = "loss" in row.given
    output = "1 / (1 + np.exp(-a[-1]))" if squared else "np.exp(a[-1]) / np.exp(a[-1]).sum(axis=1, keepdims=True)"
    source = PROGRAM.replace("OUTPUT", output).replace("DELTA", "error * y * (1 - y)" if squared else "error")
    for old, new in row.edits:
        assert old in source, old
        source = source.replace(old, new)
    if row.styles == "no biases":
        source = source.replace(" + b[l]", "")
    return source + row.tail + (IN_COLUMNS if row.styles == "columns" else "")


def styled(row: Row) -> dict[str, Any]:
    style = {"columns": {"convention": "columns"}, "no biases": {"biases": False}}.get(row.styles, {})
    return {**SMALL, **row.given, **style}


def ids() -> Iterator[str]:
    return (f"{row.named or 'no name'}, {row.styles}, {at}" for at, row in enumerate(ROWS))


@pytest.mark.parametrize("row", ROWS, ids=ids())
def test_a_late_row_is_seen_and_named_or_left_without_a_name(row: Row) -> None:
    exam = exam_of(json.dumps(styled(row)))
    record = grade("program.py", run_trusted(source_of(row), exam.calls), exam)
    assert record.state == "wrong"
    assert {found.mistake for found in record.diagnosis} == set(row.named.split())


def test_the_program_that_is_edited_is_right() -> None:
    for given, style in (({}, "columns"), (SQUARED, "no biases")):
        row = Row("", (), given, style)
        exam = exam_of(json.dumps(styled(row)))
        assert grade("program.py", run_trusted(source_of(row), exam.calls), exam).state == "correct"


def test_the_smallest_case_of_a_limit_has_few_numbers_that_are_next_to_nothing() -> None:
    """Only problems that reach far show it; of these the one is shown whose numbers can be followed."""
    row = Row("activation-clipped", (("1 / (1 + np.exp(-a))", "1 / (1 + np.exp(-np.clip(a, -10, 10)))"),),
              {"activations": ["sigmoid"]})  # fmt: skip
    exam = exam_of(json.dumps(styled(row)))
    record = grade("program.py", run_trusted(source_of(row), exam.calls), exam)
    assert [found.mistake for found in record.diagnosis] == ["activation-clipped"]
    case = record.counterexample
    assert case is not None
    tiny = [
        sum(int(((v.abs() > 0) & (v.abs() < VISIBLE)).sum()) for v in shown.truth.values())
        for _, shown in exam.fixture.of("general")
        if shown.problem.label.startswith("far")
    ]
    of_case = next(shown for shown in exam.fixture.cases if shown.problem.label == case.label)
    assert sum(int(((v.abs() > 0) & (v.abs() < VISIBLE)).sum()) for v in of_case.truth.values()) <= min(tiny)
