"""The arithmetic that a backward pass is judged in: what one storage and one addition inside a sum may round off."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch

from verify.errors import BadInput

DTYPES = (torch.float64, torch.float32, torch.bfloat16, torch.float16)
_HALVES = (torch.bfloat16, torch.float16)
TF32 = "tf32"
_TF32_ROUNDOFF = 2.0**-11  # ten bits are kept of each factor


def roundoff(dtype: torch.dtype) -> float:
    """u: half the distance from 1 to the next number of the dtype."""
    return torch.finfo(dtype).eps / 2


@dataclass(frozen=True)
class Precision:
    """The roundoffs u of what is stored, of sums inside products, of other sums, and of a factor before its product.

    Half precisions accumulate products in float32 and round once; their other reductions are charged the storage's
    roundoff, since an elementwise loop in that dtype is a textbook form.
    """

    storage: torch.dtype
    products: float
    sums: float
    factor: float = 0.0
    coherent: bool = False  # whether roundings inside a sum may all have one sign, as those of equal terms do
    kinks: bool = True  # whether a tie may be decided either way

    def growth(self, n: Any) -> Any:
        """How many times the variance of one rounding n of them have: n, or n² where they all have one sign."""
        return n * n if self.coherent else n

    @classmethod
    def of(cls, storage: torch.dtype, accumulate: torch.dtype | str | None = None) -> Precision:
        """The precision of a dtype; accumulate: the dtype that sums are kept in, or "tf32". Raises BadInput."""
        if storage not in DTYPES:
            raise BadInput(f"inputs of dtype {storage}: allowed are {', '.join(map(str, DTYPES))}")
        u = roundoff(storage)
        if accumulate is None:
            return cls(storage, roundoff(torch.float32) if storage in _HALVES else u, u)
        if accumulate == TF32 and storage == torch.float32:
            return cls(storage, u, u, _TF32_ROUNDOFF)
        if accumulate not in DTYPES:
            raise BadInput(
                f"accumulate={accumulate!r}: allowed are {', '.join(map(str, DTYPES))}, and {TF32!r} with float32"
            )
        kept = roundoff(accumulate)
        return cls(storage, kept, kept)

    @cached_property
    def u(self) -> float:
        return roundoff(self.storage)

    @cached_property
    def half(self) -> bool:
        return self.storage in _HALVES

    @cached_property
    def tiny(self) -> float:
        """What one operation may lose by underflow: subnormal numbers may be flushed to 0, but not in float16."""
        info = torch.finfo(self.storage)
        return info.smallest_normal * (info.eps if self.storage == torch.float16 else 1.0)

    @cached_property
    def largest(self) -> float:
        return torch.finfo(self.storage).max

    @cached_property
    def function(self) -> float:
        """The relative error that a library's elementary function and the few operations of a textbook form may have.

        Measured maxima are 3.8 units in the last place (erfc, sigmoid) in float32 and float64. In half precisions the
        function is worked in float32 and rounded; a second rounding is a form of two operations.
        """
        return 2 * self.u + 8 * roundoff(torch.float32) if self.half else 8 * self.u

    @cached_property
    def function_sigma(self) -> float:
        return self.u if self.half else 3 * self.u


def gamma(n: float, u: float) -> float:
    """γₙ = nu / (1 − nu) (Higham, lemma 3.1); no bound where nu reaches 1."""
    return n * u / (1 - n * u) if n * u < 1 else float("inf")
