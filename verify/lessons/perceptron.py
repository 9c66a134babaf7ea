"""The perceptron's step at one sample, deck 002 "感知机实现样例": labels −1 and +1, a rate of 1."""

from __future__ import annotations

import torch
from torch import Tensor

from torch_ref import perceptron
from verify.bounds.kinks import positive
from verify.grading.lesson import Lesson, Line, Mistake


def reference(w: Tensor, b: Tensor, x: Tensor, label: float) -> dict[str, Tensor]:
    """What autograd and torch.optim.SGD take."""
    w_new, b_new = perceptron.update(w, b, x, torch.tensor(label, dtype=w.dtype, device=w.device))
    return {"w_new": w_new, "b_new": b_new}


LESSON = Lesson(
    name="perceptron",
    title="A step of the perceptron",
    place='deck 002 "感知机实现样例"',
    functions=("update(w, b, x, label) -> w_new, b_new",),
    inputs={"w": "D", "b": "", "x": "D", "label": "number"},
    sizes={"D": (1, 6)},
    draw={"label": lambda d: d.number(1.0, -1.0)},
    lines={
        "score": Line("s = x w + b", lambda x, w, b: (x * w).sum() + b),
        "wrong": Line("1 where label · s < 0, else 0", lambda score, label: positive(-label * score)),
        "w_new": Line("w ← w + label · x where it is wrong", lambda w, wrong, label, x: w + wrong * (label * x)),
        "b_new": Line("b ← b + label where it is wrong", lambda b, wrong, label: b + wrong * label),
    },
    reference=reference,
    mistakes=(
        Mistake(
            "update-always",
            "The step is taken at every sample; it belongs to those that are misclassified.",
            {"wrong": Line("1", lambda score: score * 0 + 1.0)},
        ),
        Mistake(
            "update-where-right",
            "The step is taken where the sample is classified rightly.",
            {"wrong": Line("1 where label · s > 0", lambda score, label: positive(label * score))},
        ),
        Mistake(
            "label-missing",
            "The step adds x whatever the label: it is label · x, and label for b.",
            {
                "w_new": Line("w + x", lambda w, wrong, x: w + wrong * x),
                "b_new": Line("b + 1", lambda b, wrong: b + wrong),
            },
        ),
        Mistake(
            "step-sign",
            "The step has the wrong sign: it goes towards label · x.",
            {
                "w_new": Line("w − label · x", lambda w, wrong, label, x: w - wrong * (label * x)),
                "b_new": Line("b − label", lambda b, wrong, label: b - wrong * label),
            },
        ),
        Mistake(
            "bias-not-updated",
            "The bias stays as it is: it is a weight on a constant 1, and moves by label.",
            {"b_new": Line("b", lambda b: b * 1.0)},
        ),
        Mistake(
            "score-without-bias",
            "The score leaves the bias out.",
            {"score": Line("x w", lambda x, w: (x * w).sum())},
        ),
    ),
)
