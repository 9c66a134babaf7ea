"""Binary logistic regression, deck 002 "应用: 分类模型": samples are rows, targets 0 and 1."""

from __future__ import annotations

import torch

from torch_ref import logistic
from verify.grading.lesson import Lesson, Line, Mistake

LESSON = Lesson(
    name="logistic",
    title="Logistic regression",
    place='deck 002 "应用: 分类模型"',
    functions=("gradients(w, b, X, t, lam) -> dw, db",),
    optional=("error(w, b, X, t, lam) -> E",),
    inputs={"w": "D", "b": "", "X": "N D", "t": "N", "lam": "number"},
    sizes={"N": (1, 8), "D": (1, 6)},
    draw={"t": lambda d: d.choice((0.0, 1.0), "N"), "lam": lambda d: d.number(0.0, 0.5)},
    lines={
        "a": Line("a = X w + b", lambda X, w, b: X @ w + b),
        "y": Line("y = σ(a)", lambda a: torch.sigmoid(a)),
        "E": Line(
            "E = −(1/N) Σₙ (tₙ ln yₙ + (1 − tₙ) ln(1 − yₙ)) + (λ/2) ǁwǁ²",
            lambda a, t, N, lam, w: (torch.nn.functional.softplus(a) - t * a).sum() / N + lam / 2 * (w * w).sum(),
        ),
        "delta": Line("δ = y − t", lambda y, t: y - t),
        "dw": Line("∂E/∂w = (1/N) Xᵀ δ + λ w", lambda X, delta, N, lam, w: X.T @ delta / N + lam * w),
        "db": Line("∂E/∂b = (1/N) Σₙ δₙ", lambda delta, N: delta.sum() / N),
    },
    gradients={"dw": "w", "db": "b"},
    reference=lambda w, b, X, t, lam: logistic.error(w, b, X, t, lam),
    mistakes=(
        Mistake(
            "mean-missing",
            "The mean over the samples is missing: the sum is never divided by N.",
            {
                "dw": Line("Xᵀ δ + λ w", lambda X, delta, lam, w: X.T @ delta + lam * w),
                "db": Line("Σₙ δₙ", lambda delta: delta.sum()),
            },
        ),
        Mistake("delta-sign", "δ has the wrong sign: it is y − t.", {"delta": Line("t − y", lambda y, t: t - y)}),
        Mistake(
            "delta-extra-slope",
            "δ has the factor y(1 − y) that the squared error would bring: with the logarithms it cancels.",
            {"delta": Line("(y − t) ⊙ y(1 − y)", lambda y, t: (y - t) * (y * (1 - y)))},
        ),
        Mistake(
            "exponent-of-the-sum",
            "eᵃ/e^(1+a) stands where eᵃ/(1 + eᵃ) belongs: the 1 is inside of the exponent, and y is 1/e everywhere.",
            {"y": Line("eᵃ / e^(1 + a)", lambda a: torch.exp(a) / torch.exp(1 + a))},
        ),
        Mistake(
            "bias-inside",
            "X(w + b) stands where Xw + b belongs: the bias is added to every weight.",
            {"a": Line("X (w + b)", lambda X, w, b: X @ (w + b))},
        ),
        Mistake(
            "l2-missing",
            "The penalty's gradient λw is missing in dw.",
            {"dw": Line("(1/N) Xᵀ δ", lambda X, delta, N: X.T @ delta / N)},
        ),
        Mistake(
            "l2-doubled",
            "The penalty's gradient is 2λw. It should be λw: the ½ cancels the 2 of the square.",
            {"dw": Line("(1/N) Xᵀ δ + 2λ w", lambda X, delta, N, lam, w: X.T @ delta / N + 2 * lam * w)},
        ),
    ),
)
