"""Poisson regression: counts t of mean y = exp(Xw + b), by the mean negative log-likelihood and a penalty."""

import torch
from torch.nn.functional import poisson_nll_loss

from verify import Lesson, Line, Mistake


def reference(w, b, X, t, lam):
    """The objective by torch alone: its own Poisson loss, a mean over the samples, of a = ln y."""
    return poisson_nll_loss(X @ w + b, t) + lam / 2 * w.square().sum()


LESSON = Lesson(
    name="poisson",
    title="Poisson regression",
    place="Agresti, Categorical Data Analysis, 4.3",
    functions=("gradients(w, b, X, t, lam) -> dw, db",),
    optional=("loss(w, b, X, t, lam) -> E",),
    inputs={"w": "D", "b": "", "X": "N D", "t": "N", "lam": "number"},
    sizes={"N": (1, 8), "D": (1, 6)},
    draw={
        "w": lambda d: d.normal("D", scale=0.5),
        "t": lambda d: d.whole(0, 6, "N"),
        "lam": lambda d: d.number(0.0, 0.5),
    },
    lines={
        "a": Line("a = X w + b", lambda X, w, b: X @ w + b),
        "y": Line("y = exp(a)", lambda a: torch.exp(a)),
        "E": Line(
            "E = (1/N) Σₙ (yₙ − tₙ aₙ) + (λ/2) ǁwǁ²",
            lambda y, t, a, N, lam, w: (y - t * a).sum() / N + lam / 2 * (w * w).sum(),
        ),
        "delta": Line("δ = y − t", lambda y, t: y - t),
        "dw": Line("∂E/∂w = (1/N) Xᵀ δ + λ w", lambda X, delta, N, lam, w: X.T @ delta / N + lam * w),
        "db": Line("∂E/∂b = (1/N) Σₙ δₙ", lambda delta, N: delta.sum() / N),
    },
    gradients={"dw": "w", "db": "b"},
    reference=reference,
    mistakes=(
        Mistake(
            "mean-missing",
            "The mean over the samples is missing: the sum is never divided by N.",
            {
                "dw": Line("Xᵀ δ + λ w", lambda X, delta, lam, w: X.T @ delta + lam * w),
                "db": Line("Σₙ δₙ", lambda delta: delta.sum()),
            },
        ),
        Mistake(
            "delta-sign",
            "δ has the wrong sign: it is t − y, which climbs where the loss is to go down.",
            {"delta": Line("δ = t − y", lambda y, t: t - y)},
        ),
        Mistake(
            "delta-times-rate",
            "δ is multiplied by y, the derivative of exp. It cancels against the 1/y of the log-likelihood.",
            {"delta": Line("δ = (y − t) ⊙ y", lambda y, t: (y - t) * y)},
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
