"""Linear regression by descent, deck 002 "训练线性回归模型" and "线性回归训练-2": samples are the columns of X."""

from __future__ import annotations

from torch_ref import regression
from verify.grading.lesson import Lesson, Line, Mistake

LESSON = Lesson(
    name="regression",
    title="Linear regression",
    place='deck 002 "训练线性回归模型"',
    functions=("gradient(w, X, y, lam) -> dw",),
    optional=("error(w, X, y, lam) -> R",),
    inputs={"w": "D", "X": "D N", "y": "N", "lam": "number"},
    sizes={"D": (1, 6), "N": (1, 8)},
    draw={"lam": lambda d: d.number(0.0, 0.5)},
    lines={
        "f": Line("f = Xᵀ w", lambda X, w: X.T @ w),
        "e": Line("e = y − f", lambda y, f: y - f),
        "R": Line("R = ½ ǁeǁ² + ½ λ ǁwǁ²", lambda e, lam, w: (e * e).sum() / 2 + lam / 2 * (w * w).sum()),
        "dw": Line("∂R/∂w = −X e + λ w", lambda X, e, lam, w: -(X @ e) + lam * w),
    },
    objective="R",
    gradients={"dw": "w"},
    reference=lambda X, y, w, lam: regression.error(X, y, w, lam),
    mistakes=(
        Mistake(
            "gradient-sign",
            "The gradient has the wrong sign: e = y − f falls where f grows, so it is −X e.",
            {"dw": Line("X e + λ w", lambda X, e, lam, w: X @ e + lam * w)},
        ),
        Mistake(
            "half-forgotten",
            "The ½ of the square is forgotten: it cancels the 2 of the derivative.",
            {"dw": Line("−2 X e + λ w", lambda X, e, lam, w: -2 * (X @ e) + lam * w)},
        ),
        Mistake(
            "mean-too-many",
            "The sum over the samples is divided by N; the error of the deck is a sum.",
            {"dw": Line("−(1/N) X e + λ w", lambda X, e, lam, w, N: -(X @ e) / N + lam * w)},
        ),
        Mistake(
            "l2-missing",
            "The penalty's gradient λw is missing.",
            {"dw": Line("−X e", lambda X, e: -(X @ e))},
        ),
        Mistake(
            "l2-doubled",
            "The penalty's gradient is 2λw. It should be λw: the ½ cancels the 2 of the square.",
            {"dw": Line("−X e + 2λ w", lambda X, e, lam, w: -(X @ e) + 2 * lam * w)},
        ),
        Mistake(
            "input-missing",
            "The error of each sample is added up without its input: ∂f/∂w is X.",
            {"dw": Line("−Σ e + λ w", lambda X, e, lam, w: -((X * 0 + 1.0) @ e) + lam * w)},
        ),
    ),
)
