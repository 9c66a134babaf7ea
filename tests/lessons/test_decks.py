"""The decks' systems as lessons: linear and logistic regression, the perceptron's step, the SVM; right and wrong."""

from __future__ import annotations

import pytest

from tests.lessons.grading import exam_of, graded, names
from verify.lessons.registry import lesson_named

HEAD = "import numpy as np\n\n"
SIGMOIDS = ("1 / (1 + np.exp(-a))", "np.exp(a) / (1 + np.exp(a))", "0.5 * (1 + np.tanh(a / 2))")
# lesson -> styles of code, each with the places that mistakes replace.
STYLES: dict[str, list[str]] = {
    "regression": [
        "def gradient(w, X, y, lam):\n    e = y - X.T @ w\n    D, N = X.shape\n    return {of} {penalty}\n",
        ("def gradient(w, X, y, lam):\n    D, N = X.shape\n    new = np.zeros(D)\n"
        "    for x_n, y_n in zip(X.T, y):\n        new += one(w, x_n.reshape(-1, 1), np.array([y_n]), N)\n"
        "    return new {penalty}\n\n\ndef one(w, X, y, N):\n    e = y - w @ X\n    return {of}\n"),
        ("class Line:\n    def __init__(self, w):\n        self.w = w\n\n    def error(self, X, y):\n"
        "        return y - np.einsum('dn,d->n', X, self.w)\n\n\ndef gradient(w, X, y, lam):\n    N = len(y)\n"
        "    e = Line(w).error(X, y)\n    new = {of}\n    return new {penalty}\n"),
    ],
    "logistic": [
        ("def gradients(w, b, X, t, lam):\n    N = len(t)\n    a = {a}\n    y = {y}\n    delta = {delta}\n"
        "    return X.T @ delta {mean} {penalty}, delta.sum() {mean}\n"),
        ("def gradients(w, b, X, t, lam):\n    N, D = X.shape\n    dw, db = np.zeros(D), 0.0\n"
        "    every, targets = X, t\n    for n in range(N):\n        X, t = every[n], targets[n]\n        a = {a}\n"
        "        y = {y}\n        delta = {delta}\n        dw += delta * X {mean}\n        db += delta {mean}\n"
        "    return dw {penalty}, db\n"),
        ("def forward(w, b, X):\n    a = {a}\n    return {y}\n\n\ndef gradients(w, b, X, t, lam):\n"
        "    N = len(X)\n    y = forward(w, b, X)\n    delta = {delta}\n    wide = np.column_stack([X, np.ones(N)])\n"
        "    both = delta @ wide {mean}\n    return both[:-1] {penalty}, both[-1]\n"),
    ],
    "perceptron": [
        "def update(w, b, x, label):\n    s = {s}\n    if {wrong}:\n        w, b = {w}, {b}\n    return w, b\n",
        ("def update(w, b, x, label):\n    s = {s}\n    move = np.where({wrong}, 1.0, 0.0)\n"
        "    old, before = w, b\n    w, b = {w}, {b}\n"
        "    return old + move * (w - old), before + move * (b - before)\n"),
        ("class Perceptron:\n    def __init__(self, w, b):\n        self.w, self.b = w, b\n\n"
        "    def learn(self, x, label):\n        w, b = self.w, self.b\n        s = {s}\n        if {wrong}:\n"
        "            self.w, self.b = {w}, {b}\n\n\ndef update(w, b, x, label):\n    p = Perceptron(w, b)\n"
        "    p.learn(x, label)\n    return p.w, p.b\n"),
    ],
    "svm": [
        ("def gradient(W, x, y, margin, lam):\n    K, N = len(W), len(y)\n    s = W @ x\n"
        "    own = np.eye(K)[y].T\n    m = s - (s * own).sum(axis=0) + {delta}\n    above = (m > 0) * {others}\n"
        "    C = {C}\n    return {dW} {penalty}\n"),
        ("def gradient(W, x, y, margin, lam):\n    K, N = len(W), len(y)\n    C = np.zeros((K, N))\n"
        "    for n in range(N):\n        own = np.eye(K)[y[n]]\n        s = W @ x[:, n]\n"
        "        m = s - s[y[n]] + {delta}\n        above = (m > 0) * {others}\n        C[:, n] = {C}\n"
        "    return {dW} {penalty}\n"),
    ],
}  # fmt: skip
RIGHT = {
    "regression": {"of": "-(X @ e)", "penalty": "+ lam * w"},
    "logistic": {
        "a": "X @ w + b", "y": SIGMOIDS[0], "delta": "y - t", "mean": "/ N", "penalty": "+ lam * w",
    },
    "perceptron": {"s": "x @ w + b", "wrong": "label * s <= 0", "w": "w + label * x", "b": "b + label"},
    "svm": {
        "delta": "margin", "others": "(1 - own)", "C": "above - own * above.sum(axis=0)", "dW": "C @ x.T / N",
        "penalty": "+ lam * W",
    },
}  # fmt: skip
OTHER_WAYS = {
    "regression": [{"of": "-X.dot(e)"}, {"of": "X @ -e", "penalty": "+ w * lam"}],
    "logistic": [{"y": SIGMOIDS[1]}, {"y": SIGMOIDS[2], "delta": "-(t - y)"}, {"delta": "y * (1 - t) - t * (1 - y)"}],
    "perceptron": [{"wrong": "label * s < 0"}, {"wrong": "np.sign(s) != label" , "w": "w + x * label"}],
    "svm": [{"C": "above * (1 - own) - own * above.sum(axis=0)"}, {"dW": "(x @ C.T).T / N"}],
}  # fmt: skip
WRONG = {
    "regression": {
        "gradient-sign": {"of": "X @ e"}, "half-forgotten": {"of": "-2 * X @ e"}, "mean-too-many": {"of": "-X @ e / N"},
        "l2-missing": {"penalty": ""}, "l2-doubled": {"penalty": "+ 2 * lam * w"},
        "input-missing": {"of": "-np.ones_like(X) @ e"},
    },
    "logistic": {
        "mean-missing": {"mean": ""}, "delta-sign": {"delta": "t - y"},
        "delta-extra-slope": {"delta": "(y - t) * y * (1 - y)"},
        "exponent-of-the-sum": {"y": "np.exp(a) / np.exp(1 + a)"}, "bias-inside": {"a": "X @ (w + b)"},
        "l2-missing": {"penalty": ""}, "l2-doubled": {"penalty": "+ 2 * lam * w"},
    },
    "perceptron": {
        "update-always": {"wrong": "True"}, "update-where-right": {"wrong": "label * s > 0"},
        "label-missing": {"w": "w + x", "b": "b + 1"}, "step-sign": {"w": "w - label * x", "b": "b - label"},
        "bias-not-updated": {"b": "b"}, "score-without-bias": {"s": "x @ w"},
    },
    "svm": {
        "own-class-counted": {"others": "1", "C": "above * (1 - own) - own * above.sum(axis=0)"},
        "count-missing": {"C": "above - own * (above.sum(axis=0) > 0)"}, "own-row-missing": {"C": "above"},
        "margin-missing": {"delta": "0"}, "gradient-sign": {"dW": "-C @ x.T / N"}, "mean-missing": {"dW": "C @ x.T"},
        "l2-missing": {"penalty": ""}, "l2-doubled": {"penalty": "+ 2 * lam * W"},
    },
}  # fmt: skip
TOGETHER = [
    ("logistic", ("delta-sign", "l2-missing")), ("logistic", ("bias-inside", "mean-missing")),
    ("svm", ("mean-missing", "l2-doubled")), ("svm", ("margin-missing", "l2-missing")),
    ("regression", ("half-forgotten", "l2-missing")), ("perceptron", ("bias-not-updated", "update-always")),
]  # fmt: skip
STYLED = [(lesson, at) for lesson, styles in STYLES.items() for at in range(len(styles))]


def written(lesson: str, style: int, *changes: dict[str, str]) -> str:
    """A program of that style with the places changed."""
    parts = dict(RIGHT[lesson])
    for change in changes:
        parts |= change
    return HEAD + STYLES[lesson][style].format(**parts)


@pytest.mark.parametrize(("lesson", "style"), STYLED)
def test_right_programs_are_right(lesson: str, style: int) -> None:
    for other in ({}, *OTHER_WAYS[lesson]):
        record = graded(exam_of(lesson), written(lesson, style, other))
        assert (record.state, record.score, record.hidden_mistakes) == ("correct", 10.0, []), other


@pytest.mark.parametrize(("lesson", "style"), STYLED)
def test_each_mistake_is_named(lesson: str, style: int) -> None:
    for mistake, change in WRONG[lesson].items():
        record = graded(exam_of(lesson), written(lesson, style, change))
        assert (record.state, names(record)) == ("wrong", [mistake]), mistake
        assert record.counterexample is not None


@pytest.mark.parametrize(("lesson", "mistakes"), TOGETHER)
def test_two_at_once_are_both_named(lesson: str, mistakes: tuple[str, ...]) -> None:
    record = graded(exam_of(lesson), written(lesson, 0, *(WRONG[lesson][mistake] for mistake in mistakes)))
    assert names(record) == sorted(mistakes)


@pytest.mark.parametrize(
    ("lesson", "change"),
    [("regression", {"penalty": "+ lam * abs(w)"}), ("logistic", {"delta": "1.5 * (y - t)"}),
     ("perceptron", {"w": "w + 2 * label * x"}), ("svm", {"dW": "C @ x.T / (N + 1)"})],
)  # fmt: skip
def test_what_no_mistake_explains_gets_no_name(lesson: str, change: dict[str, str]) -> None:
    record = graded(exam_of(lesson), written(lesson, 0, change))
    assert (record.state, names(record)) == ("wrong", [])


def test_every_mistake_of_the_lessons_is_tried() -> None:
    for lesson, wrong in WRONG.items():
        assert set(wrong) == set(lesson_named(lesson, "a.toml").ids())
