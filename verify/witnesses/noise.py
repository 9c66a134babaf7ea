"""How far one evaluation of a function can be off by rounding: given by the caller, or its noise along a line."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from verify.errors import BadInput
from verify.witnesses.evaluating import Evaluated

_U = torch.finfo(torch.float64).eps / 2
_NOISE_FACTOR = 8
_FIRST_SPACING, _LAST_SPACING, _SPACINGS = -44, -8, 6  # of the points on the line, as powers of two
_OFF_GRID = 1.2720196495140689  # √golden ratio, times each spacing: points that fall on no grid of powers of two
_LONG_SPACINGS = (-23, -20, -17, -14, -12, -10, -8)
_ALONE = 8  # times its neighbours
_AWAY = 2.0**-6  # where noise is asked for as well: a residual that is 0 at the argument is quiet there alone
# Jumps beyond this share of the numbers at hand are the function's own, as those of a fast sine are.
_ROUNDED = 2.0**-40
_STEP_SHARE = 4  # a staircase's step is this many σ: twice the step in all


@dataclass(frozen=True)
class Noise:
    """What one evaluation can be off by, absolute; whether the caller gave it or it was estimated."""

    bound: float
    given: bool


def noise_of(f: Evaluated, k: int, rounding: float | None) -> Noise:
    """The bound that was given, or eight times the noise along a line in argument k, at least four roundings."""
    if rounding is not None:
        if not 0 <= rounding < float("inf"):
            raise BadInput(f"rounding {rounding!r}: allowed is a finite number, 0 or more")
        return Noise(float(rounding), given=True)
    x = f.tensors[k]
    own = abs(float(f.value))
    if x.numel() == 0:
        return Noise(4 * _U * own, given=False)
    alone = f.at(k, x.unsqueeze(0))[0]  # vmap may sum in another order than the function by itself
    between = abs(float(alone - f.value))
    return Noise(max(_NOISE_FACTOR * _level(f, k), 4 * _U * own, between), given=False)


def _level(f: Evaluated, k: int) -> float:
    """σ in argument k: the smaller of those along two opposite lines, one of which may run into a kink or a jump."""
    here = min(_along(f, k, 1.0), _along(f, k, -1.0))
    away = min(_along(f, k, 1.0, _AWAY), _along(f, k, -1.0, -_AWAY))
    return max(here, away) if away <= max(_ROUNDED * float(f.value.abs()), _U) else here


def _along(f: Evaluated, k: int, sign: float, start: float = 0.0) -> float:
    """σ along a line: the first spacing whose table settles, else the smallest level of any table.

    A spacing below the function's resolution is made longer; one at which the function's own trend drowns the noise,
    shorter. Then longer spacings are looked at: a function that is smooth between jumps is quiet on short ones.
    """
    exponent, tried, lowest, found = _FIRST_SPACING, set[int](), float("inf"), None
    while found is None and exponent not in tried and exponent <= _LAST_SPACING:
        tried.add(exponent)
        values = line(f, k, sign * _OFF_GRID * 2.0**exponent, start)
        if not bool(torch.isfinite(values).all()):
            break  # the line leaves the function's domain
        levels, found = noise_table(values)
        lowest = min([lowest, *(v for v in levels if v > 0)])
        exponent += _SPACINGS if not levels else -_SPACINGS
    quiet = found if found is not None else lowest if lowest < float("inf") else 0.0
    return max(quiet, _jumps(f, k, sign)) if start == 0.0 else quiet


def _jumps(f: Evaluated, k: int, sign: float) -> float:
    """σ of jumps that are too far apart for short spacings: the steps of a staircase, or noise that does not grow.

    Noise is as large on one spacing as on the next; what a kink or a trend leaves grows with the spacing.
    """
    lines = [line(f, k, sign * _OFF_GRID * 2.0**e) for e in _LONG_SPACINGS]
    levels = [noise_table(v)[1] or 0.0 for v in lines]
    lasting = [max(a, b) for a, b in pairwise(levels) if min(a, b) > 0 and max(a, b) <= 4 * min(a, b)]
    largest = _ROUNDED * max(1.0, abs(float(f.value)), float(torch.amax(f.tensors[k].abs())))
    return max([0.0, *(v for v in [*lasting, *(_stair(v) / _STEP_SHARE for v in lines)] if v <= largest)])


def _stair(values: Tensor) -> float:
    """The largest jump between neighbours that stands alone, far above those beside it; 0 where there is none."""
    d = (values[1:] - values[:-1]).abs()
    alone = (d[1:-1] > _ALONE * torch.maximum(d[:-2], d[2:])) & torch.isfinite(d[1:-1])
    return float(torch.amax(torch.where(alone, d[1:-1], 0.0)))


def line(f: Evaluated, k: int, spacing: float, start: float = 0.0) -> Tensor:
    """The function at nine points beside argument k on a line, each entry moving by max(1, |x|) or its opposite.

    The argument itself is left out: it may well stand on a kink.
    """
    x = f.tensors[k]
    signs = torch.where(torch.arange(x.numel(), device=x.device).reshape(x.shape) % 3 == 1, -1.0, 1.0).to(x.dtype)
    steps = torch.arange(1, 10, device=x.device, dtype=x.dtype).reshape(-1, *[1] * x.dim())
    return f.at(k, x + (start + spacing * steps) * signs * torch.clamp(x.abs(), min=1.0))


def noise_table(values: Tensor) -> tuple[list[float], float | None]:
    """Moré and Wild's table of differences of equally spaced values: the level of each order, and the one that settles.

    σ_j² = (j!)²/(2j)! times the mean of the squares of the differences of order j. It settles at the first j whose next
    two levels are within a factor of four and whose differences change sign; None where none does.
    """
    levels, changes, gamma, row = [], [], 1.0, values
    for j in range(1, len(values)):
        row = row[1:] - row[:-1]
        if j == 1 and int((row == 0).sum()) >= len(values) // 2:
            return [], None  # the spacing is below the resolution of the function
        gamma *= 0.5 * j / (2 * j - 1)
        levels.append(float(torch.sqrt(gamma * torch.mean(row**2))))
        changes.append(bool(torch.amin(row) * torch.amax(row) < 0))
    for j in range(len(levels) - 2):
        three = levels[j : j + 3]
        if changes[j] and max(three) <= 4 * min(three):
            return levels, levels[j]
    return levels, None
