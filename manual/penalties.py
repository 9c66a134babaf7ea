"""The penalties on the weights that courses write: (λ/2) Σ ǁWǁ², λ Σ ǁWǁ² and (λ/(2N)) Σ ǁWǁ².

Deck 000 "误差反向传播-整体代价函数" has the first. The second leaves the ½ out, so its derivative is 2λW (Stanford's
CS231n writes it so); the third stands inside the mean over the samples (Nielsen, "Neural Networks and Deep Learning",
chapter 3), with the derivative (λ/N) W. Each is the first one times a number, with or without a 1/N.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Penalty:
    """The first penalty `times` a number, divided by N where it stands inside the mean over the samples."""

    times: float = 1.0
    inside: bool = False

    def of(self, first: Any, N: int) -> Any:
        """What the first penalty gives, (λ/2) ǁWǁ² or λW, as this one has it."""
        value = first if self.times == 1 else self.times * first
        return value / N if self.inside else value


PENALTIES = {"lam/2": Penalty(), "lam": Penalty(times=2.0), "lam/(2N)": Penalty(inside=True)}
