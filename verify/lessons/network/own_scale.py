"""z(l) of a program without biases, from dW(l+1) of one sample: the scale δ(l+1) that both share is found first.

Of one sample dW(l+1) = z(l)ᵀ δ(l+1), and without db the two factors are known up to a number. In the output layer that
number follows from the loss: the δ(L) that z(L−1) gives must be the δ(L) in the product. Below, most units decide.
"""

from __future__ import annotations

import torch
from torch import Tensor

from verify.lessons.network.cases.fixtures import Case

_ALIKE = 1e-9
_SIZES = torch.logspace(-9, 1, 400, dtype=torch.float64, device="cpu")


def own_activations(case: Case, terms: Tensor, l: int) -> Tensor | None:
    """z(l) (1, units) from the data's part of dW(l+1) (units, units above); None where its scale stays open."""
    k = int(torch.argmax(terms.abs().sum(0)))
    column = terms[:, k]
    scale = _of_loss(case, column, terms, k) if l + 1 == case.problem.L else _of_most(case, column, l)
    return (column / scale).unsqueeze(0) if scale else None


def _of_most(case: Case, column: Tensor, l: int) -> float | None:
    """The ratio to the right z(l) that most units have, two at least: one by itself says nothing."""
    ratios = column / case.truth[f"z{l}"][0]
    ratios = ratios[torch.isfinite(ratios) & (ratios != 0)]
    alike = ((ratios.unsqueeze(1) - ratios).abs() <= _ALIKE * ratios.abs()).sum(1)
    return float(ratios[int(torch.argmax(alike))]) if len(ratios) and int(alike.max()) > 1 else None


def _of_loss(case: Case, column: Tensor, terms: Tensor, k: int) -> float | None:
    """δₖ(L) such that z = column / δₖ gives that δₖ again, and the rest of dW(L); None where there are none or two."""
    p = case.problem

    def delta(scales: Tensor) -> Tensor:  # (n,) -> (n, K)
        a = (column / scales.unsqueeze(1)) @ p.W[-1] + p.b[-1]
        return p.pair.delta(a, p.pair.y(a), p.t)

    found = []
    for sign in (1.0, -1.0):
        low, high = sign * _SIZES[:-1], sign * _SIZES[1:]
        miss = lambda at: delta(at)[:, k] - at
        crossed = (miss(low) > 0) != (miss(high) > 0)
        low, high = low[crossed], high[crossed]
        above = miss(low) > 0
        for _ in range(80 if len(low) else 0):
            middle = (low + high) / 2
            same = (miss(middle) > 0) == above
            low, high = torch.where(same, middle, low), torch.where(same, high, middle)
        made = torch.einsum("i,nk->nik", column, delta(low) / low.unsqueeze(1))
        held = ((made - terms).abs() <= _ALIKE * terms.abs().max()).all(dim=2).all(dim=1)
        found += low[held].tolist()
    return found[0] if len(found) == 1 else None
