"""Programs written as a stranger to the grader would, each wrong at one place: verdict, name, and every sentence."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
import torch

from verify.benchmarks.trusted import run_trusted
from verify.grading.assignment import assignment_from
from verify.grading.known_numbers import numerical
from verify.grading.record import GradeRecord
from verify.lessons.network.grade import Examination, examination, grade

PROGRAM = """
import numpy as np

def f(name, v):
    return {"relu": np.maximum(v, 0), "tanh": np.tanh(v), "sigmoid": 1 / (1 + np.exp(-v))}[name]

def slope(name, v):
    z = f(name, v)
    return {"relu": (v > 0) * 1.0, "tanh": 1 - z**2, "sigmoid": z * (1 - z)}[name]

def softmax(s):
    e = np.exp(s - s.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)

def sigmoid(s):
    return 1 / (1 + np.exp(-s))

def gradients(W, b, x, t, activation, lam):
    N, L = len(x), len(W)
    pre, post = [], [x]
    for l in range(L):
        a = post[-1] @ W[l] + b[l]
        pre.append(a)
        post.append(OUTPUT if l == L - 1 else f(activation, a))
    y = post[-1]
    delta = DELTA
    dW, db = [None] * L, [None] * L
    for l in reversed(range(L)):
        dW[l] = post[l].T @ delta / N + lam * W[l]
        db[l] = delta.sum(axis=0) / N
        if l > 0:
            delta = delta @ W[l].T * slope(activation, pre[l - 1])
    return dW, db
"""
SMALL: dict[str, Any] = {
    "activations": ["relu", "tanh"],
    "widths": [1, 4],
    "inputs": [1, 4],
    "outputs": [2, 4],
    "batch": [1, 4],
}
BINARY = {"output": "sigmoid", "loss": "binary-cross-entropy"}
LINES = {
    "softmax": {"OUTPUT": "softmax(a)", "DELTA": "y - t"},
    "sigmoid": {"OUTPUT": "sigmoid(a)", "DELTA": "y - t"},
    "identity": {"OUTPUT": "a", "DELTA": "y - t"},
}


@functools.cache
def exam_of(given: str) -> Examination:
    return examination(assignment_from(json.loads(given), "test"))


def graded(changes: dict[str, str], **given: Any) -> GradeRecord:
    """The record of the program with some of its texts replaced, under the default assignment or another."""
    exam = exam_of(json.dumps({**SMALL, **given}))
    source = PROGRAM
    for old, new in {**LINES[exam.fixture.assignment.output], **changes}.items():
        assert old in source or old in LINES["softmax"], old
        source = source.replace(old, new)
    return grade("stranger.py", run_trusted(source, exam.calls), exam)


class Strange(NamedTuple):
    """A change, the names that it is to have, and a part of what the report says."""

    changes: dict[str, str]
    names: list[str]
    says: str = ""
    given: Mapping[str, Any] = MappingProxyType({})


DW, DB = "dW[l] = post[l].T @ delta / N + lam * W[l]", "db[l] = delta.sum(axis=0) / N"
SLOPE = "delta = delta @ W[l].T * slope(activation, pre[l - 1])"
WRONG = {
    "N of the wrong axis": Strange({"len(x), len(W)": "x.shape[1], len(W)"}, ["mean-of-another-size"], "by D"),
    "N of the target's": Strange({"len(x), len(W)": "t.shape[1], len(W)"}, ["mean-of-another-size"], "by K"),
    "dW divided again": Strange(
        {"DELTA": "(y - t) / N", DB: "db[l] = delta.sum(axis=0)"}, ["weight-mean-again"], "1/N already"
    ),
    "a loop that keeps the last sample": Strange(
        {DW: "for n in range(N):\n            dW[l] = np.outer(post[l][n], delta[n]) / N + lam * W[l]"},
        ["weights-not-summed"], "the last one",
    ),
    "a penalty for each sample": Strange({"lam * W[l]": "N * lam * W[l]"}, ["l2-times-n"], "once for each sample"),
    "no slope in the first layer": Strange(
        {SLOPE: "delta = delta @ W[l].T * (slope(activation, pre[l - 1]) if l > 1 else 1)"},
        ["derivative-missing"], "in the first layer alone",
    ),
    "no slope below the output": Strange(
        {SLOPE: "delta = delta @ W[l].T * (slope(activation, pre[l - 1]) if l < L - 1 else 1)"},
        ["derivative-missing"], "in the last hidden layer alone",
    ),
    "a decayed bias in the last layer": Strange(
        {DB: f"{DB} + (lam * b[l] if l == L - 1 else 0)"}, ["l2-on-biases"], "in the last layer alone"
    ),
    "a penalty in the second layer": Strange(
        {"+ lam * W[l]": "+ (lam * W[l] if l == 1 else 0)"}, ["l2-some-layers"], "in the second layer"
    ),
    "softmax of the activation": Strange({"OUTPUT": "softmax(f(activation, a))"}, ["activation-on-output"]),
    "the Jacobian forgotten": Strange({"DELTA": "-t / y"}, ["output-derivative-missing"], "softmax's Jacobian"),
    "the first term alone": Strange(
        {"DELTA": "-t / y * y * (1 - y)"}, ["binary-cross-entropy-terms"], "The first alone", BINARY
    ),
    "the second term alone": Strange(
        {"DELTA": "(1 - t) / (1 - y) * y * (1 - y)"}, ["binary-cross-entropy-terms"], "The second alone", BINARY
    ),
    "a sign between the terms": Strange(
        {"DELTA": "-(t / y + (1 - t) / (1 - y)) * y * (1 - y)"}, ["binary-cross-entropy-terms"], "between", BINARY
    ),
    "the logistic slope forgotten": Strange(
        {"DELTA": "-t / y + (1 - t) / (1 - y)"}, ["output-derivative-missing"], "y(1 − y), is missing", BINARY
    ),
    "probabilities clipped in the loss": Strange(
        {"DELTA": "-(t / np.clip(y, 1e-6, 1) - (1 - t) / np.clip(1 - y, 1e-6, 1)) * y * (1 - y)"},
        ["probability-clipped"], "1e-06", BINARY,
    ),
}  # fmt: skip


@pytest.mark.parametrize("strange", WRONG.values(), ids=WRONG)
def test_a_mistake_is_named_by_what_it_is(strange: Strange) -> None:
    record = graded(strange.changes, **strange.given)
    assert (record.state, [d.mistake for d in record.diagnosis]) == ("wrong", strange.names)
    assert strange.says in record.diagnosis[0].says
    assert "softmax" not in record.diagnosis[0].says or "output" not in strange.given


def test_an_epsilon_in_the_binary_cross_entropy_is_advice() -> None:
    through = "(-t / (y + 1e-8) + (1 - t) / (1 - y + 1e-8)) * y * (1 - y)"
    record = graded({"DELTA": through}, **BINARY)
    assert (record.state, record.score) == ("correct", 10.0)
    assert any(advice.startswith("epsilon-in-denominator") and "1e-08" in advice for advice in record.advice)


def test_a_softmax_overflows_only_where_one_does() -> None:
    bare = "(lambda e: e / e.sum(axis=1, keepdims=True))(np.exp(a))"
    assert [advice[:16] for advice in graded({"OUTPUT": bare}).advice] == ["softmax-overflow"]
    e = "-t / y"
    divided = graded({"DELTA": f"y * ({e} - ({e} * y).sum(axis=1, keepdims=True))"})
    assert divided.state == "correct"
    assert all("maximum" not in advice for advice in divided.advice)
    assert any("divides by what has become 0" in advice for advice in divided.advice)


@pytest.mark.parametrize("line", ["db", "dW"])
def test_a_line_beside_a_right_one_of_its_layer_is_wrong_by_itself(line: str) -> None:
    old = DB if line == "db" else DW
    left, right = old.split(" = ")
    record = graded({old: f"{left} = np.abs({right})"})
    states = {n.name: (n.state, n.reason) for n in record.lines}
    for layer in (3, 2, 1):
        state, reason = states[f"{line}{layer}"]
        assert state == "wrong"
        assert "earlier error" not in reason
        assert states[f"{'dW' if line == 'db' else 'db'}{layer}"][0] == "right"


@pytest.mark.parametrize(("share", "said"), [(1.0, ["about-float32"]), (0.1, [])])
def test_single_precision_is_spoken_of_where_it_is_nearly_everywhere(share: float, said: list[str]) -> None:
    right = torch.linspace(1, 2, 6, dtype=torch.float64)
    both = [(None, right * (1 + 3e-8 * (i < 20 * share)), right) for i in range(20)]
    assert [s.key for s in numerical("dW1", both)] == said


@pytest.mark.parametrize(
    ("form", "says"),
    [("dW", "one matrix per layer and no db"), ("list(zip(dW, db))", "a pair for each layer")],
)
def test_another_form_of_answer_is_told_and_no_mistake_named(form: str, says: str) -> None:
    record = graded({"return dW, db": f"return {form}"})
    assert (record.state, record.score, record.diagnosis) == ("error", 0.0, [])
    assert says in record.message


def test_small_errors_everywhere_have_more_than_one_explanation() -> None:
    right = torch.linspace(1, 2, 6, dtype=torch.float64)
    (said,) = numerical("dW1", [(None, right * (1 + 3e-5), right)] * 20)
    assert "an ε that is added" in said.text
