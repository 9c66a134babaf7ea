"""A program of Poisson regression in three styles of code, with the places where mistakes go."""

from __future__ import annotations

ARRAYS = """
import numpy as np

def gradients(w, b, X, t, lam):
    N = X.shape[0]
    y = np.exp(X @ w + b)
    delta = {delta}
    dw = {of_weights}
    db = {of_bias}
    return dw, db{lines}
"""
SUMS = """
import math
import numpy as np

def rate(w, b, x):
    return math.exp(sum(p * q for p, q in zip(w, x)) + b)

def gradients(w, b, X, t, lam):
    N, D = len(t), len(w)
    dw, db = [0.0] * D, 0.0
    for row, count in zip(X, t):
        y, t_n = rate(w, b, row), count
        delta = {delta_n}
        db += delta {over_n}
        for j in range(D):
            dw[j] += delta * row[j] {over_n}
    {step}
    return np.array(dw), db
"""
ROWS = """
from numpy import array, dot, exp, mean, outer

class Poisson:
    def __init__(self, weights, bias, penalty):
        self.weights, self.bias, self.penalty = weights, bias, penalty

    def per_sample(self, X, t):
        y = exp(dot(X, self.weights) + self.bias)
        delta = {delta}
        return [x * d for x, d in zip(X, delta)], delta

    def gradients(self, X, t):
        rows, delta = self.per_sample(X, t)
        lam, w = self.penalty, self.weights
        return {reduced}(array(rows)) {penalty}, {reduced1}(delta)

def total(rows):
    return array(rows).sum(axis=0)

def average(rows):
    return array(rows).mean(axis=0)

def gradients(w, b, X, t, lam):
    return Poisson(w, b, lam).gradients(X, t)
"""


def arrays(delta: str = "y - t", of_weights: str = "X.T @ delta / N + lam * w", of_bias: str = "delta.sum() / N",
           lines: str = "") -> str:  # fmt: skip
    return ARRAYS.format(delta=delta, of_weights=of_weights, of_bias=of_bias, lines=lines)


def sums(delta: str = "y - t_n", over: str = "/ N", step: str = "dw = [g + lam * v for g, v in zip(dw, w)]") -> str:
    return SUMS.format(delta_n=delta, over_n=over, step=step)


def rows(delta: str = "y - t", reduced: str = "average", penalty: str = "+ lam * w") -> str:
    return ROWS.format(delta=delta, reduced=reduced, reduced1=reduced, penalty=penalty)


RIGHT = {"arrays": arrays(), "sums": sums(), "rows": rows()}
# Mistake -> the same in each style.
WRONG = {
    "mean-missing": [
        arrays(of_weights="X.T @ delta + lam * w", of_bias="delta.sum()"), sums(over=""), rows(reduced="total")
    ],
    "delta-sign": [arrays(delta="t - y"), sums(delta="t_n - y"), rows(delta="t - y")],
    "delta-times-rate": [arrays(delta="(y - t) * y"), sums(delta="y * (y - t_n)"), rows(delta="y * y - y * t")],
    "l2-missing": [arrays(of_weights="X.T @ delta / N"), sums(step="pass"), rows(penalty="")],
    "l2-doubled": [
        arrays(of_weights="X.T @ delta / N + 2 * lam * w"),
        sums(step="dw = [g + lam * (v + v) for g, v in zip(dw, w)]"),
        rows(penalty="+ 2 * (lam * w)"),
    ],
}  # fmt: skip
TOGETHER = {
    ("mean-missing", "l2-doubled"): arrays(of_weights="X.T @ delta + 2 * lam * w", of_bias="delta.sum()"),
    ("mean-missing", "delta-sign"): sums(delta="t_n - y", over=""),
    ("delta-times-rate", "l2-missing"): rows(delta="(y - t) * y", penalty=""),
    ("mean-missing", "delta-sign", "l2-missing"): rows(delta="t - y", reduced="total", penalty=""),
    ("mean-missing", "delta-times-rate", "l2-doubled"): rows("(y - t) * y", "total", "+ 2 * lam * w"),
}
