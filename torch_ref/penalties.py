"""The penalties on the weights as torch adds them up; their gradients are left to autograd."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def squares(weights: Sequence[Tensor]) -> Tensor:
    """Σ ǁW(l)ǁ², column by column of (out, in) weights as by hand: rows here. -> ()."""
    return torch.stack([torch.sum(torch.sum(W**2, dim=0)) for W in weights]).sum()


def penalty(name: str, weights: Sequence[Tensor], lam: float, N: int) -> Tensor:
    """(λ/2) Σ ǁWǁ², λ Σ ǁWǁ² or (λ/(2N)) Σ ǁWǁ², by its name. -> (). Raises ValueError for another name."""
    if name == "lam/2":
        return lam / 2 * squares(weights)
    if name == "lam":
        return lam * squares(weights)
    if name == "lam/(2N)":
        return lam / (2 * N) * squares(weights)
    raise ValueError(f"penalty {name!r} is not known; known are lam/2, lam, lam/(2N)")
