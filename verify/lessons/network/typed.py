"""Numbers as they were probably typed: what is read off a program's answers is off in its last digits."""

from __future__ import annotations

import math

EPSILONS = tuple(10.0**-k for k in range(3, 17))


def short(number: float, digits: int = 4) -> float:
    """The number of so many digits."""
    return float(f"{number:.{digits}g}")


def rounded(number: float, digits: int = 4, within: float = 1e-6) -> float:
    """The number of so many digits, where it is that close to what was read off."""
    typed = short(number, digits)
    return typed if abs(typed - number) <= within * abs(number) else number


def as_typed(number: float | None) -> list[float]:
    """The number that was read off, and the power of ten that it probably is; none outside of 0 to 1."""
    if number is None or not 0 < number < 1:
        return []
    power = min(EPSILONS, key=lambda e: abs(math.log(e / number)))
    return list(dict.fromkeys([*([power] if abs(power - number) <= 0.2 * number else []), rounded(number)]))
