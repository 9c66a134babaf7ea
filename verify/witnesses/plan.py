"""Which entries of each argument are differenced: all up to a limit, then a sample of that size, drawn by a seed."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from verify.errors import BadInput


@dataclass(frozen=True)
class Plan:
    """limit: entries per argument, None for all of them. The sample depends on seed, argument and size alone."""

    limit: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < 1:
            raise BadInput(f"limit {self.limit}: allowed is a whole number of entries, 1 or more, or None for all")

    def entries(self, k: int, count: int, device: torch.device) -> Tensor:
        """The flat places of argument k's entries, in order."""
        if self.limit is None or count <= self.limit:
            return torch.arange(count, device=device)
        draw = torch.Generator().manual_seed((self.seed * 1_000_003 + k) % 2**63)
        return torch.sort(torch.randperm(count, generator=draw, device="cpu")[: self.limit]).values.to(device)

    def says(self, name: str, count: int) -> str | None:
        """What was left out, in words; None where nothing was."""
        if self.limit is None or count <= self.limit:
            return None
        share = f"{100 * self.limit / count:.2g} %"
        return f"{self.limit:,} of {count:,} entries of {name} ({share}), drawn with seed {self.seed}"


ALL = Plan()
