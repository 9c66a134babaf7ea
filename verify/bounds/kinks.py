"""Where equations bend: an indicator whose value at 0 is anybody's choice, and comparisons that rounding decides.

`positive(v)` is 1 where v > 0 and 0 where v < 0. Where rounding cannot tell v from 0, every number from 0 to 1 gives a
subgradient of max(0, v); which one is taken there says the `Kinks` that is watching.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from verify.bounds.bounded import Bounded


@dataclass
class Kinks:
    """What one evaluation of equations met. choice: a number from 0 to 1 for each kink met, in their order."""

    choice: Tensor | None = None
    count: int = 0
    asked: bool = False  # whether the equations can bend at all
    unsure: bool = False  # a comparison that rounding may decide either way

    def taken(self, number: int) -> Tensor:
        """The next choices, as many as there are kinks in one call; 0 where none was made."""
        start, self.count = self.count, self.count + number
        if self.choice is None or len(self.choice) < self.count:
            return torch.zeros(number, dtype=torch.float64, device="cpu")
        return self.choice[start : self.count]


_watching: ContextVar[Kinks | None] = ContextVar("watching", default=None)


@contextmanager
def watched(kinks: Kinks) -> Iterator[Kinks]:
    """Kinks and comparisons inside the block are told to `kinks`, and take its choices."""
    token = _watching.set(kinks)
    try:
        yield kinks
    finally:
        _watching.reset(token)


def positive(v: Any) -> Any:
    """1 where v > 0, 0 where v < 0; at 0 a subgradient's choice. Takes and gives a tensor or a Bounded."""
    value = v.value if isinstance(v, Bounded) else v
    at = value.abs() <= 2 * v.error if isinstance(v, Bounded) else value == 0
    kinks = _watching.get() or Kinks()
    kinks.asked = True
    found = (value > 0).to(torch.float64)
    number = int(at.sum())
    if number:
        found = found.clone()
        found[at] = kinks.taken(number)
    return Bounded.exact(found, v.u) if isinstance(v, Bounded) else found


def compared(difference: Bounded) -> Tensor:
    """The value of a difference whose sign is asked for; where rounding may change the sign, the watching are told.

    An exact 0 is taken for what it is: whole numbers give it in any order of the terms.
    """
    kinks = _watching.get()
    value = difference.value
    if kinks is not None and bool(((value != 0) & (value.abs() <= 2 * difference.error)).any()):
        kinks.unsure = True
    return value
