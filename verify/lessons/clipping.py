"""Clipping by norm, deck 003 "梯度不稳定的解决方法" (4): the gradients of all parameters shortened by one factor."""

from __future__ import annotations

import torch
from torch import Tensor

from verify.grading.lesson import Lesson, Line, Mistake


def reference(dW: Tensor, db: Tensor, most: float, epsilon: float) -> dict[str, Tensor]:
    """By torch's own norm; torch.nn.utils.clip_grad_norm_ is the same at ε = 10⁻⁶."""
    norm = torch.linalg.vector_norm(torch.cat([dW.reshape(-1), db]))
    scale = torch.clamp(most / (norm + epsilon), max=1.0)
    return {"dW_new": dW * scale, "db_new": db * scale}


def _factor(norm: Tensor, most: float, epsilon: float) -> Tensor:
    return torch.clamp(most / (norm + epsilon), max=1.0)


def _by_own_norm(g: Tensor, most: float, epsilon: float) -> Tensor:
    return _factor(torch.sqrt((g * g).sum()), most, epsilon) * g


LESSON = Lesson(
    name="clipping",
    title="Clipping by norm",
    place='deck 003 "梯度不稳定的解决方法"',
    functions=("clip(dW, db, most, epsilon) -> dW_new, db_new",),
    inputs={"dW": "M K", "db": "K", "most": "number", "epsilon": "number"},
    sizes={"M": (1, 5), "K": (1, 5)},
    draw={"most": lambda d: d.number(1.5, 100.0, 0.5, 3.5), "epsilon": lambda d: d.number(0.25, 0.5, 1e-6)},
    lines={
        "norm": Line("ǁgǁ = √(Σ dW² + Σ db²)", lambda dW, db: torch.sqrt((dW * dW).sum() + (db * db).sum())),
        "factor": Line("c = min(1, most / (ǁgǁ + ε))", _factor),
        "dW_new": Line("dW ← c dW", lambda factor, dW: factor * dW),
        "db_new": Line("db ← c db", lambda factor, db: factor * db),
    },
    reference=reference,
    mistakes=(
        Mistake(
            "clip-by-value",
            "Each entry is held between −most and most, which turns the gradient's direction: one factor shortens all.",
            {
                "dW_new": Line("clip(dW)", lambda dW, most: torch.clamp(dW, -most, most)),
                "db_new": Line("clip(db)", lambda db, most: torch.clamp(db, -most, most)),
            },
        ),
        Mistake(
            "clip-each-by-itself",
            "Each array is shortened by its own norm: there is one norm, over all parameters together.",
            {
                "dW_new": Line("by ǁdWǁ", lambda dW, most, epsilon: _by_own_norm(dW, most, epsilon)),
                "db_new": Line("by ǁdbǁ", lambda db, most, epsilon: _by_own_norm(db, most, epsilon)),
            },
        ),
        Mistake(
            "clip-always",
            "The gradient is brought to the length `most` even where it is shorter: then it is left as it is.",
            {"factor": Line("most / (ǁgǁ + ε)", lambda norm, most, epsilon: most / (norm + epsilon))},
        ),
        Mistake(
            "clip-epsilon-missing",
            "ε is left out of most / (ǁgǁ + ε): a gradient of zeros is then divided by 0.",
            {"factor": Line("min(1, most / ǁgǁ)", lambda norm, most: torch.clamp(most / norm, max=1.0))},
        ),
        Mistake(
            "clip-norm-squared",
            "The norm has no root: Σ of squares stands in its place.",
            {"norm": Line("Σ dW² + Σ db²", lambda dW, db: (dW * dW).sum() + (db * db).sum())},
        ),
        Mistake(
            "clip-by-the-largest",
            "The largest entry stands for the norm.",
            {"norm": Line("max |dW|, |db|", lambda dW, db: torch.maximum(torch.amax(dW.abs()), torch.amax(db.abs())))},
        ),
    ),
)
