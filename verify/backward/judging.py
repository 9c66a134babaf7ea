"""One gradient against its budget, entry by entry: right, doubtful, wrong, or undecided.

Beyond the worst case nothing but a mistake explains an entry. Between 5 and 8 standard deviations it is doubtful;
beyond 8, on two independent draws, wrong. The standard deviation of the rules takes errors as independent; where an
entry looks wrong by it, runs of the reference with random roundings say how errors hang together: the larger counts.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from verify.backward.expected import Budget
from verify.backward.parts import PARTS, parts_of

DOUBTFUL, WRONG = 5.0, 8.0
RIGHT, DOUBT, FAIL, OPEN = "right", "doubtful", "wrong", "undecided"


@dataclass
class Judgement:
    """The state of a tensor, its worst entry, and what each entry was allowed."""

    state: str
    index: tuple[int, ...] = ()  # of a complex tensor, the last one is that of its part
    yours: float = math.nan
    expected: float = math.nan
    budget: float = math.nan
    beyond: int = 0
    entries: int = 0
    open: int = 0
    proved: bool = False  # beyond the worst case
    deviations: float = 0.0  # the largest
    ratio: Tensor | None = None  # error over what is allowed, an entry
    complex: bool = False

    @property
    def entry(self) -> tuple[int, ...]:
        """The index of the worst entry in the tensor itself."""
        return self.index[:-1] if self.complex else self.index

    @property
    def part(self) -> str:
        """Of a complex tensor, the part that is worst."""
        return PARTS[self.index[-1]] if self.complex and self.index else ""


def threshold(budget: Budget) -> Tensor:
    """What an entry is allowed: the worst case, or 8 standard deviations where that is less."""
    return torch.minimum(budget.proof, WRONG * budget.sigma)


def judge(yours: Tensor, budget: Budget) -> Judgement:
    """Set a gradient against its budget. Shapes must be equal."""
    value = yours.detach().to(torch.float64)
    error = (value - budget.value).abs()
    finite = torch.isfinite(budget.value)
    known = finite & (torch.isfinite(budget.proof) | torch.isfinite(budget.sigma))
    lost = known & ~torch.isfinite(value)  # not a number, where a number is expected
    error = torch.where(torch.isfinite(error), error, torch.where(lost, torch.inf, 0.0))
    proved = known & (error > budget.proof) | lost
    spread = torch.where(budget.sigma > 0, error / budget.sigma, torch.where(error > 0, torch.inf, 0.0))
    spread = torch.where(known, spread, 0.0)
    many = known & torch.isfinite(budget.sigma) & (spread > WRONG)
    some = known & torch.isfinite(budget.sigma) & (spread > DOUBTFUL)
    return _judgement(value, budget, error, proved, many, some, known, spread)


def _judgement(
    value: Tensor, budget: Budget, error: Tensor, proved: Tensor, many: Tensor, some: Tensor, known: Tensor,
    spread: Tensor,
) -> Judgement:  # fmt: skip
    allowed = threshold(budget)
    ratio = torch.where(error == 0, 0.0, torch.where(known, error / allowed, 0.0))
    if value.numel() == 0:
        return Judgement(RIGHT)
    pick = torch.where(proved, ratio + 1e300, ratio)
    at = int(torch.argmax(torch.nan_to_num(pick.reshape(-1), posinf=1e308)))
    index = (
        tuple(int(i) for i in torch.unravel_index(torch.tensor(at, device="cpu"), value.shape)) if value.dim() else ()
    )
    number = lambda v: float(v.reshape(-1)[at])
    state = FAIL if bool((proved | many).any()) else DOUBT if bool(some.any()) else RIGHT
    if state == RIGHT and not bool(known.any()):
        state = OPEN
    return Judgement(
        state, index, number(value), number(budget.value), number(allowed), int((proved | some).sum()), value.numel(),
        int((~known).sum()), bool(proved.any()), float(torch.nan_to_num(spread, posinf=1e300).max()), ratio,
        budget.complex,
    )  # fmt: skip


_CONVENTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "its conjugate": torch.conj,
    "twice it": lambda g: 2 * g,
    "twice its conjugate": lambda g: 2 * g.conj(),
}


def convention(yours: Tensor | None, budget: Budget) -> str:
    """What a complex gradient that is wrong would be right as; nothing where it is no matter of a convention."""
    if yours is None or not yours.is_complex() or not budget.complex:
        return ""
    right = lambda turn: judge(parts_of(turn(yours.detach())), budget).state == RIGHT
    return next((name for name, turn in _CONVENTIONS.items() if right(turn)), "")


def common_factor(yours: Tensor, budget: Budget) -> tuple[float, float]:
    """The factor minus 1 that all of a tensor shares, and its standard deviation were errors independent."""
    value, g, s = yours.detach().to(torch.float64), budget.value, budget.sigma
    fit = torch.isfinite(value) & torch.isfinite(g) & torch.isfinite(s) & (s > 0) & (g != 0)
    if not bool(fit.any()):
        return 0.0, math.inf
    weight = torch.where(fit, g / torch.where(fit, s, 1.0) ** 2, 0.0)
    weight = weight / weight.abs().max().clamp(min=1e-300)
    bottom = (weight * torch.where(fit, g, 0.0)).sum()
    off = (weight * torch.where(fit, value - g, 0.0)).sum() / bottom
    sigma = torch.sqrt((weight**2 * torch.where(fit, s, 0.0) ** 2).sum()) / bottom
    return float(off), float(sigma)
