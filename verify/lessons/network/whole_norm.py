"""All gradients of a call together scaled to a norm, as training loops clip them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from verify.grading.answers import Answer
from verify.lessons.network.cases.fixtures import Case
from verify.lessons.network.right import wanted
from verify.lessons.network.typed import rounded

_ALIKE = 1e-12


def norm_of_all(observed: Sequence[tuple[Case, Answer]], biases: bool) -> float | None:
    """The norm to which the right gradients are scaled wherever they exceed it; None where they are not."""
    norms = [_norm(answer.lines, wanted(case, biases)) for case, answer in observed]
    limit = max(norms, default=0.0)
    if sum(norm >= limit * (1 - _ALIKE) for norm in norms) < 2 or limit == 0:
        return None
    limit = rounded(limit, 6, 1e-12)
    return limit if all(_is_scaled(case, answer, biases, limit) for case, answer in observed) else None


def _norm(lines: Mapping[str, Tensor], names: Sequence[str]) -> float:
    return float(sum(float((lines[n] ** 2).sum()) for n in names if n in lines) ** 0.5)


def _is_scaled(case: Case, answer: Answer, biases: bool, limit: float) -> bool:
    """Whether every gradient is the right one times the same factor, which brings their norm to the limit."""
    names = wanted(case, biases)
    factor = min(1.0, limit / max(_norm(case.truth, names), 1e-300))
    for n in names:
        value, right = answer.lines.get(n), case.truth[n] * factor
        if value is None or value.shape != right.shape:
            return False
        allowed = 2 * case.allowed(n) * factor + 1e-12 * right.abs()
        if not bool(torch.all((value - right).abs() <= allowed)):
            return False
    return True
