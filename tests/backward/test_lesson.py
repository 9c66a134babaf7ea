"""Any torch function as a lesson: its backward pass is asked for, autograd and error analysis answer."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
import torch

from tests.lessons.grading import graded as graded_in
from verify.backward.lesson import lesson_of
from verify.errors import BadInput
from verify.grading.lesson import Lesson
from verify.grading.lesson_assignment import lesson_assignment
from verify.grading.machinery.certificate import certify
from verify.grading.machinery.examining import Examination, examination
from verify.grading.record import GradeRecord
from verify.lessons.registry import lesson_of as chosen
from verify.lessons.registry import read_any

CONVOLUTION = Path(__file__).parents[2] / "docs" / "examples" / "convolution.py"
CONVOLVED = """
import numpy as np

def forward(x, k, b):
    return np.array([[[[np.sum(plane[i:i + 3, j:j + 3] * kernel) + c for j in range(3)] for i in range(3)]
                      for kernel, c in zip(k, b)] for plane in x])

def backward(x, k, b, d_y):
    d_x, d_k = np.zeros_like(x), np.zeros_like(k)
    for n, c, i, j in np.ndindex(*d_y.shape):
        d_x[n, i:i + 3, j:j + 3] += d_y[n, c, i, j] * {kernel}
        d_k[c] += d_y[n, c, i, j] * x[n, i:i + 3, j:j + 3]
    return d_x, d_k, {bias}
"""
CELL = """
import numpy as np

sigma = lambda v: 1 / (1 + np.exp(-v))

def backward(x, h, c, W, U, d_h_new, d_c_new):
    a = x @ W + h @ U
    i, f, o, g = (part(v) for part, v in zip((sigma, sigma, sigma, np.tanh), np.split(a, 4, axis=1)))
    new = f * c + i * g
    d_c = d_c_new + d_h_new * o * (1 - np.tanh(new) ** 2)
    d_o = d_h_new * np.tanh(new)
    d_a = np.hstack([d_c * g * i * (1 - i), d_c * c * f * (1 - f), d_o * o * (1 - o), d_c * i * {slope}])
    return d_a @ W.T, d_a @ U.T, {memory}, x.T @ d_a, h.T @ d_a
"""


def cell(x, h, c, W, U):
    i, f, o, g = torch.chunk(x @ W + h @ U, 4, dim=1)
    new = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(new), new


def rectified(x, w):
    return torch.relu(x @ w)


LSTM = lesson_of(
    "lstm-cell", "A cell of an LSTM", cell,
    {"x": "N D", "h": "N 2", "c": "N 2", "W": "D 8", "U": "2 8"}, {"h_new": "N 2", "c_new": "N 2"},
    sizes={"N": (1, 3), "D": (1, 3)},
)  # fmt: skip
LAYER = lesson_of("layer", "A layer of ReLU", rectified, {"x": "N D", "w": "D"}, {"y": "N"})


@cache
def exam(lesson: Lesson) -> Examination:
    certify(lesson)
    return examination(lesson, lesson_assignment(lesson, {}, "a.toml"), 3)


def graded(lesson: Lesson, source: str) -> GradeRecord:
    return graded_in(exam(lesson), source)


def states(record: GradeRecord) -> dict[str, str]:
    return {line.name: line.state for line in record.lines}


@cache
def convolution() -> Lesson:
    return chosen(read_any(None, CONVOLUTION))  # type: ignore[arg-type]


def test_a_convolution_by_hand() -> None:
    record = graded(convolution(), CONVOLVED.format(kernel="k[c]", bias="d_y.sum(axis=(0, 2, 3))"))
    assert (record.state, record.score, record.advice) == ("correct", 10.0, [])
    assert record.detection_limit is not None
    assert record.detection_limit < 1e-11


def test_a_kernel_that_is_not_turned_and_a_mean() -> None:
    record = graded(convolution(), CONVOLVED.format(kernel="k[c][::-1, ::-1]", bias="d_y.mean(axis=(0, 2, 3))"))
    assert (record.state, record.score, record.diagnosis) == ("wrong", pytest.approx(10 / 3, abs=1e-5), [])
    assert states(record) == {"d_x": "wrong", "d_k": "right", "d_b": "wrong"}
    assert record.counterexample is not None


def test_a_cell_with_two_outputs() -> None:
    record = graded(LSTM, CELL.format(slope="(1 - g ** 2)", memory="d_c * f"))
    assert (record.state, record.score) == ("correct", 10.0)
    wrong = graded(LSTM, CELL.format(slope="(1 - g)", memory="d_c * i"))
    assert states(wrong) == dict.fromkeys(("d_x", "d_h", "d_c", "d_W", "d_U"), "wrong")
    assert wrong.score == 0.0


@pytest.mark.parametrize("at", ["> 0", ">= 0"])
def test_at_a_kink_either_side_is_right(at: str) -> None:
    source = f"def backward(x, w, d_y):\n    d = d_y * (x @ w {at})\n    return d[:, None] * w, x.T @ d\n"
    assert graded(LAYER, source).state == "correct"
    assert graded(LAYER, source.replace("d_y *", "0.99 * d_y *")).state == "wrong"


REFUSED = [
    (lambda: lesson_of("a", "a", rectified, {"x": "N D", "w": "D"}, {}), "outputs is empty"),
    (lambda: lesson_of("a", "a", rectified, {"x": "number"}, {"y": "N"}), "every input is a number or drawn"),
    (lambda: lesson_of("a", "a", rectified, {"x": "N D", "w": "D"}, {"y": "N", "z": "N"}), "gives 1 tensors"),
    (lambda: lesson_of("a", "a", rectified, {"x": "N D", "w": "D"}, {"y": "N D"}), "shape"),
    (lambda: lesson_of("a", "a", lambda x: torch.linalg.pinv(x), {"x": "2 2"}, {"y": "2 2"}), "error analysis"),
    (lambda: lesson_of("a", "a", lambda x: x.detach() * x, {"x": "N"}, {"y": "N"}), "by differences"),
]


@pytest.mark.parametrize(("make", "said"), REFUSED, ids=[said for _, said in REFUSED])
def test_what_is_no_lesson_is_one_line(make, said: str) -> None:
    with pytest.raises(BadInput, match=said) as refused:
        certify(make())
    assert "\n" not in str(refused.value)
