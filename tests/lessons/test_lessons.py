"""A lesson's file: what is refused and how, kinks, labels, several functions; graded from outside by commands."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from tests.lessons.grading import graded, names
from verify.errors import BadInput
from verify.grading.lesson_assignment import LessonAssignment
from verify.grading.machinery.examining import examination
from verify.lessons.registry import lesson_of, read_any

ROOT = Path(__file__).parents[2]
POISSON = (ROOT / "docs" / "examples" / "poisson.py").read_text()


def refused(tmp_path: Path, source: str, toml: str | None = None) -> str:
    file = tmp_path / "lesson.py"
    file.write_text(source)
    assignment = None
    if toml is not None:
        assignment = tmp_path / "a.toml"
        assignment.write_text(toml)
    with pytest.raises(BadInput) as error:
        read_any(assignment, file)
    text = str(error.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("LESSON = Lesson(", "OTHER = Lesson(", "has no LESSON"),
        ("LESSON = Lesson(", "LESSON = dict(", "has a LESSON that is dict"),
        ("import torch\n", "import torch\n1 / 0\n", "line 4: ZeroDivisionError"),
        ("def reference", "def def reference", "SyntaxError"),
        ('name="poisson"', 'name="Poisson 1"', "its name is not allowed"),
        ('-> dw, db",)', '-> dw, dc",)', "returns dc, which is no line; known are a, y"),
        ("gradients(w, b, X, t, lam) ->", "gradients(w, b, X, u, lam) ->", "takes u, which is no input"),
        ("gradients(w, b, X, t, lam) ->", "gradients(w, b, X, t, lam)", "is no contract"),
        ("lambda y, t: y - t", "lambda y, T: y - T", "line delta takes T, which is no input"),
        ('"lam": lambda d: d.number(0.0, 0.5),', "", "lam is a number and has no draw"),
        ('d.whole(0, 6, "N")', 'd.whole(0, 6, "D")', "draw['t'] gave shape"),
        ("X.T @ delta / N + lam * w),", "X.T @ delta / N + lam * w * 2),", "by its equation, and"),
        ("lambda delta, N: delta.sum() / N", "lambda delta, N: delta.sum() / (N + 1)", "line db is"),
        ("lam / 2 * (w * w).sum()", "lam * (w * w).sum()", "line E is"),
        ("torch.exp(a)", "torch.special.erfcx(a)", "line y cannot be worked out"),
        ("lambda y, t: t - y)", "lambda y, t: y - t)", "mistake delta-sign: no problem shows it"),
        ('"delta-sign"', '"delta sign"', "the id as mean-missing"),
        ('{"delta": Line("δ = t − y"', '{"epsilon": Line("δ = t − y"', "replaces epsilon, which is no line"),
        ('gradients={"dw": "w", "db": "b"}', 'gradients={"dw": "w"}', "line db is returned by a submission, and noth"),
        ('gradients={"dw": "w", "db": "b"}', 'gradients={"dw": "w", "db": "lam"}', "no input with a shape"),
        ("reference=reference", "reference=lambda w, b, q: w.sum()", "reference takes q, which is no input"),
        ("reference=reference", "reference=lambda w, b: (w, b)", "allowed is one number that torch can derive"),
        ('sizes={"N": (1, 8)', 'sizes={"N": (0, 8)', "allowed are two whole numbers"),
        ('sizes={"N": (1, 8)', 'sizes={"M": (1, 8)', "sizes has M, which is in no input's shape"),
    ],
)
def test_a_wrong_lesson_is_refused_in_one_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in POISSON
    text = refused(tmp_path, POISSON.replace(old, new, 1))
    assert re.search(re.escape(said), text), text


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("layers = [1, 2]", 'unknown key "layers"; known here: lesson, D, N, backend'),
        ('lesson = "svm"', 'lesson = "svm" is not the lesson of'),
        ("N = [0, 2]", "N = [0, 2] is not allowed"),
        ("[points]\ngradients = 0", "points: no function has any"),
        ("[points.mistakes]\nnothing = 1", 'unknown key "points.mistakes.nothing"'),
        ('functions = ["step"]', "functions takes a list of gradients, loss"),
    ],
)
def test_a_wrong_assignment_is_refused_in_one_line(tmp_path: Path, toml: str, said: str) -> None:
    assert said in refused(tmp_path, POISSON, toml)


def test_an_unknown_lesson_lists_those_that_are_known(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text('lesson = "svn"')
    with pytest.raises(BadInput, match=r'lesson = "svn" is not allowed; lesson takes one of network'):
        read_any(file)


# Other kinds of lesson -----------------------------------------------------------------------------------------------

HINGE = """
import torch
from verify import Key, Lesson, Line, Mistake, positive

def own(t, K):
    return (torch.arange(K) == t.unsqueeze(1)).double()

LESSON = Lesson(
    name="hinge", title="Scores and hinge", functions=("loss(X, W, t) -> E", "gradients(X, W, t) -> dW"),
    inputs={"X": "N D", "W": "D K", "t": "N"}, sizes={"K": (2, 4), "N": (1, 5), "D": (1, 4)},
    draw={"t": lambda d: d.labels("K", "N")}, keys={"weighted": Key(False)}, objective="E", gradients={"dW": "W"},
    lines={
        "S": Line("S = X W", lambda X, W: X @ W),
        "M": Line("M = S − S_t + 1", lambda S, t, N: S - S[torch.arange(N), t][:, None] + 1),
        "E": Line("E = mean of max(0, M)", lambda M, t, K, N: (torch.relu(M) * (1 - own(t, K))).sum() / N),
        "P": Line("P = 1[M > 0]", lambda M, t, K: positive(M) * (1 - own(t, K))),
        "G": Line("G = P − count", lambda P, t, K: P - own(t, K) * P.sum(dim=1, keepdim=True)),
        "dW": Line("dW = Xᵀ G / N", lambda X, G, N: X.T @ G / N),
    },
    reference=lambda X, W, t, K: {
        "S": torch.nn.functional.linear(X, W.T),
        "E": torch.nn.functional.multi_margin_loss(X @ W, t) * K,
    },
    mistakes=(
        Mistake("count-missing", "The count is missing.", {"G": Line("G = P", lambda P: P * 1.0)}),
        Mistake("true-class-counted", "It is counted.", {"E": Line("E", lambda M, N: torch.relu(M).sum() / N)}),
        Mistake("mean-missing", "No mean.", {"dW": Line("dW = Xᵀ G", lambda X, G: X.T @ G)}),
    ),
)
"""
RIGHT = """
import numpy as np
def loss(X, W, t):
    S = X @ W
    n = np.arange(len(t))
    M = np.maximum(0, S - S[n, t][:, None] + 1)
    M[n, t] = 0
    return M.sum() / len(t)
def gradients(X, W, t):
    S = X @ W
    n = np.arange(len(t))
    M = S - S[n, t][:, None] + 1
    P = (M > 0) * 1.0
    P[n, t] = 0
    P[n, t] = -P.sum(axis=1)
    return X.T @ P / len(t)
"""


@pytest.fixture(scope="module")
def hinge(tmp_path_factory: pytest.TempPathFactory):
    file = tmp_path_factory.mktemp("hinge") / "hinge.py"
    file.write_text(HINGE)
    assignment = read_any(None, file)
    assert isinstance(assignment, LessonAssignment)
    exam = examination(lesson_of(assignment), assignment, 1)

    assert exam.posed.of("kink"), "small whole numbers lie at the kink"
    return partial(graded, exam)


@pytest.mark.parametrize("at_zero", ["M > 0", "M >= 0"])
def test_every_subgradient_is_right(hinge, at_zero: str) -> None:
    record = hinge(RIGHT.replace("M > 0", at_zero))
    assert (record.state, record.score) == ("correct", 10.0), record.message
    half = RIGHT.replace("(M > 0) * 1.0", "np.where(M == 0, 0.5, M > 0)")
    assert hinge(half).state == "correct"


def test_what_is_no_subgradient_is_wrong_at_the_kink(hinge) -> None:
    record = hinge(RIGHT.replace("(M > 0) * 1.0", "np.where(M == 0, 2.0, M > 0)"))
    assert (record.state, record.diagnosis) == ("wrong", [])
    assert "subgradients" in next(line.reason for line in record.lines if line.name == "dW")


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("    P[n, t] = -P.sum(axis=1)\n", "", ["count-missing"]),
        ("    M[n, t] = 0\n", "", ["true-class-counted"]),
        ("P / len(t)", "P", ["mean-missing"]),
        ("    P[n, t] = -P.sum(axis=1)\n    return X.T @ P / len(t)", "    return X.T @ P",
         ["count-missing", "mean-missing"]),
    ],
)  # fmt: skip
def test_its_mistakes_are_named(hinge, old: str, new: str, named: list[str]) -> None:
    assert old in RIGHT
    record = hinge(RIGHT.replace(old, new))
    assert names(record) == named


def test_one_function_of_two_is_missing(hinge) -> None:
    record = hinge(RIGHT.replace("def loss", "def lost"))
    assert (record.state, record.score, record.message) == ("incomplete", 5.0, "Missing: loss.")


# From outside --------------------------------------------------------------------------------------------------------


def test_a_class_is_graded_from_outside(tmp_path: Path) -> None:
    """The commands as they are typed: records, pages, gradebook, class, and the seed that stays secret."""
    (tmp_path / "class").mkdir()
    (tmp_path / "hinge.py").write_text(HINGE)
    (tmp_path / "class" / "ann.py").write_text(RIGHT)
    (tmp_path / "class" / "ben.py").write_text(RIGHT.replace("P / len(t)", "P"))
    command = [
        sys.executable,
        "scripts/grade.py",
        tmp_path / "class",
        "--out",
        tmp_path / "out",
        "--sandbox",
        "process",
    ]
    done = subprocess.run(
        [*map(str, command), "--lesson", str(tmp_path / "hinge.py"), "--jobs", "1", "--format", "gradescope"],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    ben = json.loads((tmp_path / "out" / "ben.py.json").read_text())
    assert (ben["schema"], ben["lesson"], ben["seed"]) == ("backproof.grade/2", "hinge", None)
    assert [f["mistake"] for f in ben["diagnosis"]] == ["mean-missing"]
    assert "No mean." in (tmp_path / "out" / "ben.py.md").read_text()
    assert json.loads((tmp_path / "out" / "class.json").read_text())["states"] == {"correct": 1, "wrong": 1}
    assert "mean-missing" in (tmp_path / "out" / "gradebook.csv").read_text()
