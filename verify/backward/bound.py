"""What is known of a tensor beside its value: a worst case and a variance an entry of how far rounding has moved it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from verify.backward.precision import Precision

CENTRE = 0.5


@dataclass
class Bound:
    """value (float64 where floating), |error| ≤ proof, and the error's variance var; None: no error at all.

    Of a mask or an index, proof is 1 where rounding decides it. `derived` says that the inputs have part in it, so that
    a tie is a kink and no constant of the program. `terms`, of a sum that was just made: how many, and the sum of their
    absolute values, so that what is added to it joins as one more term in any place. `settled`, of a clamp's result:
    the entries that lie at its end for sure, so that a comparison with that end is no tie.
    """

    value: Tensor
    proof: Tensor | None = None
    var: Tensor | None = None
    derived: bool = False
    terms: tuple[float, Tensor] | None = None
    settled: Tensor | None = None

    @property
    def exact(self) -> bool:
        return self.proof is None and self.var is None

    @property
    def floating(self) -> bool:
        return self.value.is_floating_point()

    def sure(self) -> Bound:
        """The value, taken for exact."""
        return replace(self, proof=None, var=None, terms=None)


def plus(*parts: Tensor | None) -> Tensor | None:
    """The sum of the parts that are there."""
    there = [part for part in parts if part is not None]
    if len(there) < 2:
        return there[0] if there else None
    total = there[0] + there[1]
    for part in there[2:]:
        total = _added(total, part)
    return total


def times(factor: Tensor | float, part: Tensor | None) -> Tensor | None:
    """factor · part; nothing where there is no part."""
    return None if part is None else factor * part


def size(value: Tensor) -> Tensor:
    """|value|, 0 where it is infinite: an infinite number is stored exactly."""
    found = value.abs()
    return found if bool(torch.isfinite(found.sum())) else torch.where(torch.isfinite(found), found, 0.0)


def moved(value: Tensor, parts: list[Bound], proof: Tensor | None, var: Tensor | None) -> Bound:
    """A result that nothing rounds: moved or chosen entries."""
    return Bound(value, clean(proof), clean(var), any(b.derived for b in parts))


def stored(
    p: Precision,
    value: Tensor,
    parts: list[Bound],
    proof: Tensor | None,
    var: Tensor | None,
    *,
    relative: float = 1.0,
    sigma: float = 1.0,
    extra: Tensor | None = None,
) -> Bound:
    """A result that is rounded on its way to storage.

    relative: roundings of the value in the worst case, sigma: the size of one in units of u for the variance; extra:
    other values that a textbook form stores on the way.
    """
    there = size(value)
    wide = there if extra is None else there + size(extra)
    # Large tensors of float64: what is added here is made here, and is added to in place.
    proof = _added(wide * (relative * p.u), proof)
    var = _added((wide * wide).mul_((sigma * p.u) ** 2 / 3), var)
    if there.numel() and float(there.max()) > p.largest:
        over = there > p.largest
        proof, var = torch.where(over, torch.inf, proof), torch.where(over, torch.inf, var)
    slack = 1 + 16 * min(p.u, 2.0**-24)  # the bound is itself computed with rounding
    proof, var = proof.mul_(slack).add_(p.tiny), var.add_(p.tiny**2)
    return Bound(value, clean(proof), clean(var), any(b.derived for b in parts))


def _added(own: Tensor, part: Tensor | None) -> Tensor:
    """own + part, in own's memory where it has the shape of both."""
    if part is None:
        return own
    return own.add_(part) if torch.broadcast_shapes(own.shape, part.shape) == own.shape else own + part


def clean(part: Tensor | None) -> Tensor | None:
    """0 · ∞ is what "no bound" times "nothing" gives: no bound."""
    if part is None or bool(torch.isfinite(part.sum())):
        return part
    return torch.nan_to_num(part, nan=torch.inf, posinf=torch.inf)
