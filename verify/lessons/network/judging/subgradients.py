"""Where pre-activations are exactly 0 at a kink: the subgradient that is closest to what was handed over, in NumPy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec
import numpy as np


class Subgradients(msgspec.Struct, frozen=True, dict=True):
    """Line -> its value at both ends of what the derivative may be, and how far a program may be from it.

    units: layer -> the units whose pre-activations are exactly 0 there.
    """

    low: Mapping[str, np.ndarray]
    high: Mapping[str, np.ndarray]
    allowed: Mapping[str, np.ndarray]
    units: Mapping[int, Sequence[int]]

    def expected(self, lines: Mapping[str, np.ndarray]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Line -> the subgradient that comes closest to what was handed over, and how far one may be from it."""
        found = dict(self.low)
        for l, units in self.units.items():
            names = [n for n in (f"delta{l}", f"dW{l}", f"db{l}") if n in self.low]
            for unit in units:
                share = self._share(lines, names, unit)
                for n in names:
                    found[n] = value = found[n].copy()
                    value[..., unit] += share * self._span(n, unit)
        return {n: (value, self.allowed[n]) for n, value in found.items()}

    def are(self, lines: Mapping[str, np.ndarray]) -> bool:
        """Whether every line that came is a subgradient, or one rounded."""
        expected = self.expected(lines)
        return all(n in expected and is_within(value, *expected[n]) for n, value in lines.items())

    def _span(self, name: str, unit: int) -> np.ndarray:
        return (self.high[name] - self.low[name])[..., unit]

    def _share(self, lines: Mapping[str, np.ndarray], names: Sequence[str], unit: int) -> float:
        """How far from the lower to the upper end the derivative of one unit lies, as its own column says.

        dW and db say it; δ alone where they do not, since some hand it over with the 1/N of the mean already in it.
        """
        telling = [n for n in names if n in lines and not n.startswith("delta") and self._span(n, unit).any()]
        over = under = 0.0
        with np.errstate(over="ignore", invalid="ignore"):  # of what is not finite, which is no subgradient
            for n, value in self._came(lines, telling or names):
                span = self._span(n, unit)
                over += float((span * (value - self.low[n])[..., unit]).sum())
                under += float((span * span).sum())
        share = over / under if under > 0 else 0.0
        return min(max(share, 0.0), 1.0) if share == share else 0.0

    def _came(self, lines: Mapping[str, np.ndarray], names: Sequence[str]) -> Iterator[tuple[str, np.ndarray]]:
        return ((n, lines[n]) for n in names if n in lines and lines[n].shape == self.low[n].shape)


def is_within(value: np.ndarray, expected: np.ndarray, allowed: np.ndarray) -> bool:
    """Whether a value has the right shape, and every entry of it is as close as it must be."""
    if value.shape != expected.shape:
        return False
    with np.errstate(over="ignore", invalid="ignore"):
        return bool((np.abs(value - expected) <= allowed).all())
