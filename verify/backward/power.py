"""What would have been seen: mistakes put into the expected gradient, and counted where they exceed the budget."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from verify.backward.expected import Budget
from verify.backward.judging import threshold
from verify.backward.parts import PARTS, parts_of, whole_of

PLANTED: dict[str, Callable[[Tensor], Tensor | None]] = {
    "zero": torch.zeros_like,
    "negated": torch.neg,
    "doubled": lambda g: 2 * g,
    "1 % off": lambda g: 1.01 * g,
    "shuffled": lambda g: g.reshape(-1).roll(1).reshape(g.shape) if g.numel() > 1 else None,
    "transposed": lambda g: g.transpose(-1, -2) if g.dim() > 1 and g.shape[-1] == g.shape[-2] > 1 else None,
    "conjugated": lambda g: g.conj() if g.is_complex() else None,
}
SLICES = ("row", "column", "slice")


@dataclass
class Power:
    """Of one input, over all draws of one shape. seen: the entries in which each mistake shows, or parts of them."""

    entries: int = 0
    seen: dict[str, Tensor] = field(default_factory=dict)
    nonzero: Tensor | None = None
    complex: bool = False
    bounded: bool = False  # whether any entry has a budget at all

    def add(self, budget: Budget) -> None:
        """Take in one more draw."""
        allowed = threshold(budget)
        g = torch.where(torch.isfinite(budget.value), budget.value, 0.0)
        self.entries, self.complex = g.numel(), budget.complex
        self.bounded |= bool(torch.isfinite(allowed).any())
        there = g != 0
        self.nonzero = there if self.nonzero is None else self.nonzero | there
        for name, plant in PLANTED.items():
            wrong = plant(whole_of(g, budget.complex))
            if wrong is not None:
                shown = (parts_of(wrong) - g).abs() > allowed
                self.seen[name] = self.seen[name] | shown if name in self.seen else shown

    def share(self, name: str) -> float | None:
        """Of the entries that are not 0, those in which the mistake would have been seen; None: it changes nothing."""
        if name not in self.seen or self.nonzero is None:
            return None
        over = lambda v: v.any(-1) if self.complex else v
        whole = int(over(self.nonzero).sum())
        return float(over(self.seen[name] & self.nonzero).sum()) / whole if whole else None

    def any(self, name: str) -> bool:
        return name in self.seen and bool(self.seen[name].any())

    def missing(self) -> dict[str, float]:
        """Rows, columns, slices of each dimension: the share of them whose absence would have been seen."""
        if "zero" not in self.seen or self.nonzero is None or self.nonzero.dim() == 0:
            return {}
        found = {}
        last = self.nonzero.dim() - 1 if self.complex else self.nonzero.dim()
        for dim in range(self.nonzero.dim()):
            others = [d for d in range(self.nonzero.dim()) if d != dim]
            over = lambda v, others=others: v.any(dim=others) if others else v
            there, shown = over(self.nonzero), over(self.seen["zero"] & self.nonzero)
            if dim == last:
                found |= {f"every {name} missing": float(shown[k]) for k, name in enumerate(PARTS) if bool(there[k])}
            elif bool(there.any()):
                found[f"one of {len(there)} along dimension {dim} missing"] = float(shown.sum()) / float(there.sum())
        return found
