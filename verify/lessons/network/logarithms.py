"""The epsilon in the logarithm of E alone, read off a program's E."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from verify.lessons.network.cases.fixtures import Case
from verify.lessons.network.typed import EPSILONS

_LOGS = {
    "logarithm-plus": lambda y, e: y + e,
    "logarithm-max": lambda y, e: torch.clamp(y, min=e),
    "logarithm-clip": lambda y, e: torch.clamp(y, e, 1 - e),
}


def epsilon_in_log(rows: Sequence[tuple[Case, Tensor]]) -> tuple[float, str] | None:
    """The ε in the logarithm of a cross-entropy E, and the key of where it stands; rows: cases with the program's E."""
    rows = [(c, E.reshape(())) for c, E in rows if E.numel() == 1 and bool(torch.isfinite(E).all())]
    if not rows or rows[0][0].problem.pair.by_y is not None:
        return None
    for epsilon in EPSILONS:
        for form, inside in _LOGS.items():
            if all(_is_log(case, E, lambda y, e=epsilon, inside=inside: inside(y, e)) for case, E in rows):
                return epsilon, form
    return None


def _is_log(case: Case, E: Tensor, inside) -> bool:
    net, t = case.working, case.problem.goal
    y = net.y
    terms = t * torch.log(inside(y))
    if case.problem.loss == "binary-cross-entropy":
        terms = terms + (1 - t) * torch.log(inside(1 - y))
    penalty = case.problem.rate / 2 * sum(float((w**2).sum()) for w in case.problem.W)
    made = -torch.nan_to_num(terms).sum() / case.problem.N + penalty
    return bool((made - E).abs() <= 1e-13 * (1 + made.abs()) + case.allowed("E"))
