"""The losses and penalties of no deck, graded: right programs in three styles are right, planted mistakes are named."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from verify.benchmarks.trusted import run_trusted
from verify.grading.assignment import assignment_from
from verify.grading.record import GradeRecord
from verify.lessons.network.grade import Examination, examination, grade

COMMON = """
import numpy as np

def f(a, kind):
    return np.tanh(a) if kind == "tanh" else np.maximum(0, a)

def df(a, kind):
    return 1 - np.tanh(a) ** 2 if kind == "tanh" else (a > 0) * 1.0

def softmax(a):
    e = np.exp(a - a.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)

def sigmoid(a):
    return 1 / (1 + np.exp(-a))
"""
ROWS = """
def gradients(W, b, x, t, activation, lam):
    L, N = len(W), len(x)
    a, z = [None], [x]
    for l in range(L):
        a.append(z[-1] @ W[l] + b[l])
        z.append(f(a[-1], activation))
    K = t.shape[-1]
    scores = a[-1]
    top = scores - scores.max(axis=-1, keepdims=True)
    y = OUTPUT
    error = ERROR
    delta = DELTA
    E = (LOSS).sum() / N + sum(PENALTY for w in W)
    dW, db = [None] * L, [None] * L
    for l in reversed(range(L)):
        dW[l] = z[l].T @ delta / N + DECAY
        db[l] = delta.sum(axis=0) / N
        if l:
            delta = (delta @ W[l].T) * df(a[l], activation)
    return dW, db, {"E": E, "y": y}
"""
# The gradients of one sample after another, in plain loops over the layers, and their mean.
SAMPLES = """
def of_one(W, b, x, t, activation):
    K = len(t)
    a, z = [], [x]
    for w, c in zip(W, b):
        a.append(z[-1] @ w + c)
        z.append(f(a[-1], activation))
    scores = a[-1]
    y = OUTPUT
    error = ERROR
    delta = DELTA
    grads = []
    for l in range(len(W) - 1, -1, -1):
        grads.insert(0, (np.outer(z[l], delta), delta))
        if l:
            delta = W[l] @ delta * df(a[l - 1], activation)
    return grads

def gradients(W, b, x, t, activation, lam):
    N = len(x)
    every = [of_one(W, b, x[n], t[n], activation) for n in range(N)]
    dW = [sum(g[l][0] for g in every) / N + DECAY for l in range(len(W))]
    return dW, [sum(g[l][1] for g in every) / N for l in range(len(W))]
"""
IN_COLUMNS = """
in_rows = gradients

def gradients(W, b, x, t, activation, lam):
    dW, db, lines = in_rows([w.T for w in W], [c[:, 0] for c in b], x.T, t.T, activation, lam)
    return [g.T for g in dW], [g[:, None] for g in db], {"E": lines["E"], "y": lines["y"].T}
"""
STYLES = {"rows": ROWS, "samples": SAMPLES, "columns": ROWS + IN_COLUMNS}
SMALL: dict[str, Any] = {
    "layers": [1, 2], "activations": ["tanh"], "inputs": [2, 3], "widths": [2, 3], "batch": [1, 3], "outputs": [2, 4],
}  # fmt: skip
_THROUGH = "y * (error - (error * y).sum(axis=-1, keepdims=True))"
# Of each loss and output: what stands in the slots, and for the others the same again.
SLOTS: Mapping[tuple[str, str], Mapping[str, str]] = {
    ("softmax", "cross-entropy"): {
        "OUTPUT": "softmax(scores)", "ERROR": "y - t", "DELTA": "error",
        "LOSS": "t * (np.log(np.exp(top).sum(axis=-1, keepdims=True)) - top)",
    },
    ("softmax", "squared-error"): {
        "OUTPUT": "softmax(scores)", "ERROR": "y - t", "DELTA": _THROUGH, "LOSS": "(y - t) ** 2 / 2"
    },
    ("softmax", "mean-squared-error"): {
        "OUTPUT": "softmax(scores)", "ERROR": "2 * (y - t) / K", "DELTA": _THROUGH, "LOSS": "(y - t) ** 2 / K"
    },
    ("sigmoid", "mean-squared-error"): {
        "OUTPUT": "sigmoid(scores)", "ERROR": "2 * (y - t) / K", "DELTA": "error * y * (1 - y)",
        "LOSS": "np.mean((y - t) ** 2, axis=-1)",
    },
    ("softmax", "smoothed-cross-entropy"): {
        "OUTPUT": "softmax(scores)", "ERROR": "y - (0.9 * t + 0.1 / K)", "DELTA": "error",
        "LOSS": "(0.9 * t + 0.1 / K) * (np.log(np.exp(top).sum(axis=-1, keepdims=True)) - top)",
    },
    ("identity", "hinge"): {
        "OUTPUT": "scores", "ERROR": "(y - (t * y).sum(axis=-1, keepdims=True) + 1 > 0) * (1.0 - t)",
        "DELTA": "error - t * error.sum(axis=-1, keepdims=True)",
        "LOSS": "np.maximum(0, y - (t * y).sum(axis=-1, keepdims=True) + 1) * (1 - t)",
    },
    ("identity", "l1"): {
        "OUTPUT": "scores", "ERROR": "np.sign(y - t)", "DELTA": "error", "LOSS": "np.abs(y - t)"
    },
    ("tanh", "l1"): {
        "OUTPUT": "np.tanh(scores)", "ERROR": "np.where(y > t, 1.0, -1.0)", "DELTA": "error * (1 - y ** 2)",
        "LOSS": "np.maximum(y - t, t - y)",
    },
    ("identity", "huber"): {
        "OUTPUT": "scores", "ERROR": "np.clip(y - t, -1, 1)", "DELTA": "error",
        "LOSS": "np.where(abs(y - t) <= 1, (y - t) ** 2 / 2, abs(y - t) - 0.5)",
    },
    ("identity", "mean-squared-error"): {
        "OUTPUT": "scores", "ERROR": "2 / K * (y - t)", "DELTA": "error", "LOSS": "np.mean((y - t) ** 2, axis=-1)"
    },
}  # fmt: skip
PENALTIES = {
    "lam/2": {"PENALTY": "lam / 2 * (w ** 2).sum()", "DECAY": "lam * W[l]"},
    "lam": {"PENALTY": "lam * (w ** 2).sum()", "DECAY": "2 * lam * W[l]"},
    "lam/(2N)": {"PENALTY": "lam / (2 * N) * (w ** 2).sum()", "DECAY": "lam / N * W[l]"},
}


class Planted(NamedTuple):
    """A mistake by the slots that are written otherwise, and the names that it has to get; "" for none."""

    named: str
    pair: tuple[str, str]
    slots: Mapping[str, str]
    style: str = "rows"
    penalty: str = "lam/2"


MEAN, SQUARED, BEHIND = (
    ("sigmoid", "mean-squared-error"),
    ("softmax", "squared-error"),
    ("softmax", "mean-squared-error"),
)
CROSS = ("softmax", "cross-entropy")
L1, TANH_L1, HUBER = ("identity", "l1"), ("tanh", "l1"), ("identity", "huber")
HINGE = ("identity", "hinge")
SMOOTHED = ("softmax", "smoothed-cross-entropy")
JACOBIAN = "np.array([(np.diag(v) - np.outer(v, v)) @ e for v, e in zip(y, error)])"
RIGHT = (
    *((pair, style, penalty) for pair, style, penalty in zip(
        [*SLOTS] * 3, [*STYLES] * 5, [*PENALTIES, "lam/(2N)"] * 4, strict=False)),
)  # fmt: skip
OTHER_FORMS = (
    (BEHIND, "rows", {"DELTA": JACOBIAN}),
    (BEHIND, "samples", {"DELTA": "(np.diag(y) - np.outer(y, y)) @ error"}),
    (SQUARED, "samples", {
        "DELTA": "np.array([y[k] * (1 - y[k]) * error[k] - sum(y[k] * y[j] * error[j] for j in range(K) if j != k) "
                 "for k in range(K)])"}),
    (SMOOTHED, "rows", {"ERROR": "y - t + 0.1 * (t - 1 / K)"}),
    (SMOOTHED, "samples", {"ERROR": "y - np.where(t == 1, 0.9 + 0.1 / K, 0.1 / K)"}),
    (SMOOTHED, "samples", {"ERROR": "-(0.9 * t + 0.1 / K) / y", "DELTA": "(np.diag(y) - np.outer(y, y)) @ error"}),
    (L1, "rows", {"ERROR": "(y >= t) * 2.0 - 1"}),
    (TANH_L1, "samples", {"ERROR": "(y > t).astype(float) - (y < t)"}),
    (HUBER, "samples", {"ERROR": "np.where(abs(y - t) < 1, y - t, np.sign(y - t))"}),
    (MEAN, "rows", {"ERROR": "(y - t) * 2", "DELTA": "error / K * sigmoid(scores) * sigmoid(-scores)"}),
)  # fmt: skip
PLANTED = (
    Planted("outputs-mean-missing", MEAN, {"ERROR": "2 * (y - t)"}),
    Planted("outputs-mean-missing", MEAN, {"ERROR": "y - t"}, "samples"),
    Planted("outputs-mean-missing", BEHIND, {"ERROR": "y - t"}, "columns"),
    Planted("mean-over-outputs", MEAN, {"ERROR": "2 * (y - t) / K / K"}),
    Planted("factor-two", MEAN, {"ERROR": "(y - t) / K"}, "samples", "lam"),
    Planted("output-derivative-missing", MEAN, {"DELTA": "error"}, "columns"),
    Planted("output-derivative-missing", SQUARED, {"DELTA": "error"}),
    Planted("output-derivative-missing", BEHIND, {"DELTA": "error"}, "samples"),
    Planted("output-derivative-missing", BEHIND, {"DELTA": "y - t"}, "columns"),
    Planted("softmax-jacobian-diagonal", SQUARED, {"DELTA": "error * y * (1 - y)"}, "samples"),
    Planted("softmax-jacobian-diagonal", BEHIND, {"DELTA": "error * y * (1 - y)"}),
    Planted("output-sign", BEHIND, {"ERROR": "2 * (t - y) / K"}, "columns"),
    Planted("target-missing", SQUARED, {"ERROR": "y"}),
    Planted(
        "mean-missing", CROSS, {"delta / N + lam / N": "delta + lam", "axis=0) / N": "axis=0)"}, "rows", "lam/(2N)"
    ),
    Planted("mean-missing", CROSS, {"delta / N +": "delta +", "axis=0) / N": "axis=0)"}, "columns", "lam/(2N)"),
    Planted("l2-halved", CROSS, {"DECAY": "lam * W[l]"}, "rows", "lam"),
    Planted("hinge-count-missing", HINGE, {"DELTA": "error"}),
    Planted("hinge-count-missing", HINGE, {"DELTA": "error - t * (error.sum(axis=-1, keepdims=True) > 0)"}, "columns"),
    Planted(
        "hinge-true-class-counted", HINGE, {"DELTA": "error - t * (error.sum(axis=-1, keepdims=True) - 1)"}, "samples"
    ),
    Planted("hinge-margin-missing", HINGE, {"+ 1 > 0": "> 0"}, "samples"),
    Planted("output-sign", HINGE, {"DELTA": "t * error.sum(axis=-1, keepdims=True) - error"}),
    Planted("mean-over-outputs", HINGE, {"DELTA": "(error - t * error.sum(axis=-1, keepdims=True)) / K"}, "columns"),
    Planted("", HINGE, {"+ 1 > 0": "+ 0.5 > 0"}, "columns"),
    Planted("smoothing-missing", SMOOTHED, {"ERROR": "y - t"}),
    Planted("smoothing-missing", SMOOTHED, {"ERROR": "y - np.where(t == 1, 0.9, 0.1 / (K - 1))"}, "samples"),
    Planted("output-sign", SMOOTHED, {"DELTA": "-error"}, "columns"),
    Planted("l2-doubled", SMOOTHED, {"DECAY": "2 * lam * W[l]"}, "samples"),
    Planted("softmax-derivative-again", SMOOTHED, {"DELTA": "error * y * (1 - y)"}),
    Planted("", SMOOTHED, {"ERROR": "y - (0.8 * t + 0.2 / K)"}, "columns"),
    Planted("residual-for-sign", L1, {"ERROR": "y - t"}, "samples"),
    Planted("residual-for-sign", TANH_L1, {"ERROR": "abs(y - t)"}, "columns"),
    Planted("output-sign", L1, {"ERROR": "np.sign(t - y)"}),
    Planted("mean-over-outputs", L1, {"ERROR": "np.sign(y - t) / K"}, "columns"),
    Planted("output-derivative-missing", TANH_L1, {"DELTA": "error"}),
    Planted("", L1, {"ERROR": "np.where(y == t, 1.5, np.sign(y - t))"}, "samples"),
    Planted("huber-not-clipped", HUBER, {"ERROR": "y - t"}, "columns"),
    Planted("constant-of-another-library", HUBER, {"ERROR": "np.clip(y - t, -2, 2)"}, "samples"),
    Planted("l2-halved", MEAN, {"DECAY": "lam * W[l]"}, "samples", "lam"),
    Planted("l2-doubled", CROSS, {"DECAY": "4 * lam * W[l]"}, "columns", "lam"),
    Planted("l1-for-l2", CROSS, {"DECAY": "lam * np.sign(W[l])"}, "rows", "lam"),
    Planted("l2-not-over-n", CROSS, {"DECAY": "lam * W[l]"}, "rows", "lam/(2N)"),
    Planted("l2-not-over-n", BEHIND, {"DECAY": "lam * W[l]"}, "samples", "lam/(2N)"),
    Planted("l2-missing", SQUARED, {"DECAY": "0"}, "columns", "lam/(2N)"),
    Planted("l2-halved", CROSS, {"DECAY": "lam / (2 * N) * W[l]"}, "samples", "lam/(2N)"),
    Planted("l2-over-n", CROSS, {"DECAY": "lam / N * W[l]"}, "columns", "lam"),
    Planted("l1-for-l2", CROSS, {"DECAY": "lam / N * np.sign(W[l])"}, "columns", "lam/(2N)"),
)


@functools.cache
def exam_of(given: str) -> Examination:
    return examination(assignment_from(json.loads(given), "test"))


def graded(
    pair: tuple[str, str], style: str, penalty: str, slots: Mapping[str, str] = MappingProxyType({}), **given: Any
) -> GradeRecord:
    """The record of the program of that style for that pair, with some slots written otherwise."""
    source = COMMON + STYLES[style]
    for name, text in {**SLOTS[pair], **PENALTIES[penalty], **slots}.items():
        source = source.replace(name, text)
    convention = {"convention": "columns"} if style == "columns" else {}
    asked = {**SMALL, "output": pair[0], "loss": pair[1], "penalty": penalty, "seed": 1, **convention, **given}
    exam = exam_of(json.dumps(asked))
    return grade("program.py", run_trusted(source, exam.calls), exam)


@pytest.mark.parametrize(("pair", "style", "penalty"), RIGHT, ids=lambda v: v if isinstance(v, str) else "-".join(v))
def test_a_right_program_is_right(pair: tuple[str, str], style: str, penalty: str) -> None:
    record = graded(pair, style, penalty)
    assert (record.state, record.score, record.advice) == ("correct", record.max_score, [])


@pytest.mark.parametrize(("pair", "style", "slots"), OTHER_FORMS)
def test_another_form_is_right_too(pair: tuple[str, str], style: str, slots: Mapping[str, str]) -> None:
    assert graded(pair, style, "lam/2", slots).state == "correct"


@pytest.mark.parametrize("planted", PLANTED, ids=lambda p: f"{p.named}-{'-'.join(p.pair)}-{p.style}")
def test_a_planted_mistake_is_named(planted: Planted) -> None:
    record = graded(planted.pair, planted.style, planted.penalty, planted.slots)
    assert record.state == "wrong"
    assert {d.mistake for d in record.diagnosis} == set(planted.named.split())


def test_huber_has_the_assignment_s_constant() -> None:
    form = {
        "ERROR": "np.clip(y - t, -0.5, 0.5)",
        "LOSS": "np.where(abs(y - t) <= 0.5, (y - t) ** 2 / 2, (abs(y - t) - 0.25) / 2)",
    }
    asked = {"losses": {"huber": 0.5}}
    assert graded(HUBER, "rows", "lam/2", form, **asked).state == "correct"
    beyond = graded(HUBER, "rows", "lam/2", {"ERROR": "np.where(abs(y - t) <= 0.5, y - t, np.sign(y - t))"}, **asked)
    assert [d.mistake for d in beyond.diagnosis] == ["huber-not-clipped"]
    assert beyond.counterexample is not None
    assert any("else 0.5 (|r| − 0.5/2)" in text for text in beyond.counterexample.formulas)


@pytest.mark.parametrize("at_target", ["0.0", "1.0", "-1.0", "0.3"])
@pytest.mark.parametrize("pair", [L1, TANH_L1], ids="-".join)
def test_every_subgradient_of_the_absolute_value_is_right(pair: tuple[str, str], at_target: str) -> None:
    record = graded(pair, "rows", "lam/2", {"ERROR": f"np.where(y == t, {at_target}, np.sign(y - t))"})
    assert record.state == "correct"


@pytest.mark.parametrize("at_target", ["1.001", "-2.0"])
def test_no_other_number_is(at_target: str) -> None:
    record = graded(TANH_L1, "rows", "lam/2", {"ERROR": f"np.where(y == t, {at_target}, np.sign(y - t))"})
    assert record.state == "wrong"
    assert any(
        "where y − t is exactly 0 the derivative may be any number from -1 to 1" in n.reason for n in record.lines
    )


def test_the_smoothing_is_the_assignment_s() -> None:
    form = {"ERROR": "y - (0.75 * t + 0.25 / K)", "LOSS": "-(0.75 * t + 0.25 / K) * np.log(y)"}
    asked = {"losses": {"smoothing": 0.25}}
    assert graded(SMOOTHED, "rows", "lam/2", form, **asked).state == "correct"
    shown = graded(SMOOTHED, "rows", "lam/2", {"ERROR": "y - t"}, **asked)
    assert [d.mistake for d in shown.diagnosis] == ["smoothing-missing"]
    assert shown.diagnosis[0].right == "δ(L) = y − t′"
    assert shown.counterexample is not None
    assert any("t′ = (1 − 0.25) t + 0.25/K" in text for text in shown.counterexample.formulas)
    top = next(
        line for line in shown.counterexample.working if line.name.startswith("delta") and " ⊙ " not in line.equation
    )
    assert top.equation.endswith("= y − t′")
