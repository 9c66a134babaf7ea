"""Finite differences of any scalar function of tensors, every entry with its error bar: for losses that are no network.

At each step h the function is evaluated at x ± h, ± 2h, ± 3h of one entry, all entries of a chunk at once through
`torch.func.vmap`, or one by one where vmap cannot. That gives central and one-sided difference quotients of two orders
each (`verify.witnesses.stencils`): the estimate is the higher order; its bar is the distance to the lower one
(truncation) and what the evaluations can round off, divided by h (rounding).

Rounding of one evaluation is a bound that the caller gives, or else estimated: the noise level σ of a table of
differences along a line (Moré and Wild, "Estimating computational noise", SIAM J. Sci. Comput. 33, 2011), taken eight
times, and never less than four roundings of the value itself. An estimate is no proof; `Noise.given` says which it was.

Steps form a ladder: from long to short by factors of eight, and a very short one as a check on all of them. A step
counts where its estimate is confirmed, within the bars, by every shorter one that was tried; of those the narrowest bar
is taken. A kink within the longer steps, or a wiggle that they overlook, is seen in this way. Where the slopes of the
two sides differ at every step, as those of |x| do at 0, the bar reaches over both: any subgradient is accepted. What no
step settles is undecided.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from verify.errors import BadInput
from verify.witnesses.differences import MEMORY, Estimate
from verify.witnesses.stencils import POINTS, between, central, central_rounding, one_sided

_U = torch.finfo(torch.float64).eps / 2
_RATIO = 8.0
_LONGEST, _SHORTEST = 2.0**-4, 2.0**-20  # of the first step, relative to max(1, |x|)
_NOISE_FACTOR = 8
_FIRST_SPACING, _LAST_SPACING, _SPACINGS = -44, -8, 6  # of the points on the line, as powers of two
_OFF_GRID = 1.2720196495140689  # √golden ratio, times each spacing: points that fall on no grid of powers of two
_LONG_SPACINGS = (-23, -20, -17, -14, -12, -10, -8)
_ALONE = 8  # times its neighbours
_AWAY = 2.0**-6  # where noise is asked for as well: a residual that is 0 at the argument is quiet there alone
_ROUNDED = (
    2.0**-40
)  # jumps beyond this share of the numbers at hand are the function's own, as those of a fast sine are
_STEP_SHARE = 4  # a staircase's step is this many σ: twice the step in all
# Copies of the perturbed argument that live at once: the chunk itself and what a function usually makes of it.
_COPIES = 8


@dataclass(frozen=True)
class Noise:
    """What one evaluation can be off by, absolute; whether the caller gave it or it was estimated."""

    bound: float
    given: bool


def differences_of(
    function: Callable[..., Tensor], *tensors: Tensor, rounding: float | None = None, memory: int = MEMORY
) -> list[Estimate]:
    """The derivatives of function(*tensors) -> () in every entry: one Estimate a tensor, of its shape, in float64.

    The function is evaluated in float64 on the tensors' device, forward only; the tensors stay as they are. `rounding`
    bounds the error of one evaluation. The perturbed copies take about `memory` bytes. Raises BadInput for tensors that
    are not floating or not finite, and a function whose value is no single finite number, changes its arguments, or
    changes from one call to the next.
    """
    with torch.no_grad():
        f = _Function(function, _checked(tensors))
        return [_argument(f, k, noise_of(f, k, rounding), memory) for k in range(len(tensors))]


def noise_in(function: Callable[..., Tensor], *tensors: Tensor) -> list[Noise]:
    """The estimated rounding of one evaluation, along a line in each tensor: what `differences_of` falls back on."""
    with torch.no_grad():
        f = _Function(function, _checked(tensors))
        return [noise_of(f, k, None) for k in range(len(tensors))]


# The function --------------------------------------------------------------------------------------------------------


def _checked(tensors: Sequence[object]) -> list[Tensor]:
    """Copies of the tensors in float64."""
    if not tensors:
        raise BadInput("no tensor to differentiate by: allowed is one or more")
    return [_copy(k, v) for k, v in enumerate(tensors)]


def _copy(k: int, v: object) -> Tensor:
    if not isinstance(v, Tensor):
        raise BadInput(
            f"argument {k} is {v!r:.60}, of type {type(v).__name__}: allowed are tensors of a floating dtype"
        )
    if not v.is_floating_point():
        raise BadInput(f"argument {k} has dtype {v.dtype}, which no small step fits in: allowed are floating dtypes")
    if not bool(torch.isfinite(v).all()):
        raise BadInput(f"argument {k} has entries that are not finite: allowed are finite numbers")
    return v.detach().to(torch.float64, copy=True)


class _Function:
    """The function at one argument's perturbed copies, the others as they are."""

    def __init__(self, function: Callable[..., Tensor], tensors: list[Tensor]) -> None:
        self.function = function
        self.tensors = tensors
        self.batched = True
        kept = [v.clone() for v in tensors]
        self.value = _number(function(*tensors))
        again = _number(function(*tensors))
        if not all(torch.equal(v, w) for v, w in zip(tensors, kept, strict=True)):
            raise BadInput("the function changes its arguments: allowed is one that leaves them as they are")
        if float(again) != float(self.value):
            raise BadInput(
                f"the function gives {float(self.value)!r}, then {float(again)!r} for the same arguments: "
                "allowed is one without random numbers or memory"
            )

    def at(self, k: int, rows: Tensor) -> Tensor:
        """The values (B,) with argument k replaced by each of the rows (B, *shape)."""
        one: Callable[[Tensor], Tensor] = lambda v: self.function(*self.tensors[:k], v, *self.tensors[k + 1 :])
        if self.batched:
            try:
                with warnings.catch_warnings():
                    warnings.filterwarnings("ignore", message="There is a performance drop")
                    return torch.func.vmap(one)(rows).to(torch.float64)
            except RuntimeError:  # an operation that vmap has no rule for, or a branch on a value
                self.batched = False
        return torch.stack([one(row).to(torch.float64) for row in rows.clone()])


def _number(value: object) -> Tensor:
    if not isinstance(value, Tensor) or not value.is_floating_point():
        what = f"dtype {value.dtype}" if isinstance(value, Tensor) else f"type {type(value).__name__}"
        raise BadInput(f"the function's value has {what}: allowed is a tensor of a floating dtype")
    if value.dim() != 0:
        raise BadInput(f"the function's value has shape {tuple(value.shape)}: allowed is (), a single number")
    if not bool(torch.isfinite(value)):
        raise BadInput(f"the function's value is {float(value)}: allowed is a finite number")
    return value.to(torch.float64).clone()


# Noise ---------------------------------------------------------------------------------------------------------------


def noise_of(f: _Function, k: int, rounding: float | None) -> Noise:
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


def _level(f: _Function, k: int) -> float:
    """σ in argument k: the smaller of those along two opposite lines, one of which may run into a kink or a jump."""
    here = min(_along(f, k, 1.0), _along(f, k, -1.0))
    away = min(_along(f, k, 1.0, _AWAY), _along(f, k, -1.0, -_AWAY))
    return max(here, away) if away <= max(_ROUNDED * float(f.value.abs()), _U) else here


def _along(f: _Function, k: int, sign: float, start: float = 0.0) -> float:
    """σ along a line: the first spacing whose table settles, else the smallest level of any table.

    A spacing below the function's resolution is made longer; one at which the function's own trend drowns the noise,
    shorter. Then longer spacings are looked at: a function that is smooth between jumps is quiet on short ones.
    """
    exponent, tried, lowest, found = _FIRST_SPACING, set[int](), float("inf"), None
    while found is None and exponent not in tried and exponent <= _LAST_SPACING:
        tried.add(exponent)
        values = _line(f, k, sign * _OFF_GRID * 2.0**exponent, start)
        if not bool(torch.isfinite(values).all()):
            break  # the line leaves the function's domain
        levels, found = noise_table(values)
        lowest = min([lowest, *(v for v in levels if v > 0)])
        exponent += _SPACINGS if not levels else -_SPACINGS
    quiet = found if found is not None else lowest if lowest < float("inf") else 0.0
    return max(quiet, _jumps(f, k, sign)) if start == 0.0 else quiet


def _jumps(f: _Function, k: int, sign: float) -> float:
    """σ of jumps that are too far apart for short spacings: the steps of a staircase, or noise that does not grow.

    Noise is as large on one spacing as on the next; what a kink or a trend leaves grows with the spacing.
    """
    lines = [_line(f, k, sign * _OFF_GRID * 2.0**e) for e in _LONG_SPACINGS]
    levels = [noise_table(v)[1] or 0.0 for v in lines]
    lasting = [max(a, b) for a, b in pairwise(levels) if min(a, b) > 0 and max(a, b) <= 4 * min(a, b)]
    largest = _ROUNDED * max(1.0, abs(float(f.value)), float(torch.amax(f.tensors[k].abs())))
    return max([0.0, *(v for v in [*lasting, *(_stair(v) / _STEP_SHARE for v in lines)] if v <= largest)])


def _stair(values: Tensor) -> float:
    """The largest jump between neighbours that stands alone, far above those beside it; 0 where there is none."""
    d = (values[1:] - values[:-1]).abs()
    alone = (d[1:-1] > _ALONE * torch.maximum(d[:-2], d[2:])) & torch.isfinite(d[1:-1])
    return float(torch.amax(torch.where(alone, d[1:-1], 0.0)))


def _line(f: _Function, k: int, spacing: float, start: float = 0.0) -> Tensor:
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


# The ladder ----------------------------------------------------------------------------------------------------------


@dataclass
class _Rungs:
    """What each step of the ladder gave, (rungs, P): step, value, bar; a bar of ∞ where nothing usable came out."""

    step: Tensor
    value: Tensor
    bar: Tensor

    def add(self, at: Tensor, step: Tensor, value: Tensor, bar: Tensor) -> None:
        """One more rung for the entries `at`."""
        P = self.step.shape[1]
        for name, new, blank in (("step", step, 0.0), ("value", value, 0.0), ("bar", bar, torch.inf)):
            row = torch.full((1, P), blank, dtype=torch.float64, device=step.device)
            row[0, at] = new
            setattr(self, name, torch.cat([getattr(self, name), row]))

    def confirmed(self) -> Tensor:
        """The bars (rungs, P) of the steps that every shorter one confirms, at least one; ∞ for the others.

        A bar reaches as far as the value of the next shorter step: a wide bar of that one confirms nothing by itself.
        """
        rows = []
        for step, value, bar in zip(self.step, self.value, self.bar, strict=True):
            shorter = (self.step < step) & torch.isfinite(self.bar)
            off = (self.value - value).abs()
            near = off <= self.bar + bar
            next_ = torch.argmax(torch.where(shorter, self.step, 0.0), dim=0, keepdim=True)
            reach = torch.maximum(bar, torch.gather(off, 0, next_)[0])
            rows.append(torch.where((near | ~shorter).all(0) & shorter.any(0), reach, torch.inf))
        return torch.stack(rows)


def _argument(f: _Function, k: int, noise: Noise, memory: int) -> Estimate:
    x = f.tensors[k].reshape(-1)
    if x.numel() == 0:
        empty = f.tensors[k]
        return Estimate(empty, empty, empty.bool())
    rungs = _Rungs(*(torch.empty(0, x.numel(), dtype=torch.float64, device=x.device) for _ in range(3)))
    everywhere = torch.arange(x.numel(), device=x.device)
    relative = _relative_noise(f, k, noise)
    check, step = _check_step(x, relative), _first_step(x, relative)
    for s in (check / _RATIO, check, step, step / _RATIO):
        s = _exact(s, x)
        rungs.add(everywhere, s, *_slopes(f, k, everywhere, s, noise, memory))
    step = step / _RATIO
    while len(at := _unsettled(rungs, step, check, noise)):
        step = torch.where(torch.isin(everywhere, at), step / _RATIO, step)
        s = _exact(step[at], x[at])
        rungs.add(at, s, *_slopes(f, k, at, s, noise, memory))
    return _narrowest(rungs, f.tensors[k].shape)


def _unsettled(rungs: _Rungs, step: Tensor, check: Tensor, noise: Noise) -> Tensor:
    """Entries that a shorter step may still help: none confirmed so far, or truncation is most of the bar."""
    best = torch.amin(rungs.confirmed(), dim=0)
    rounding = central_rounding(step, noise.bound)
    return torch.nonzero(((best == torch.inf) | (best > 4 * rounding)) & (step > check * _RATIO)).reshape(-1)


def _narrowest(rungs: _Rungs, shape: torch.Size) -> Estimate:
    bar, at = torch.min(rungs.confirmed(), dim=0)
    value = torch.gather(rungs.value, 0, at.unsqueeze(0))[0]
    return Estimate(value.reshape(shape), bar.reshape(shape), (bar == torch.inf).reshape(shape))


def _relative_noise(f: _Function, k: int, noise: Noise) -> float:
    """The noise relative to the function's values around argument k (the value at it may happen to be 0)."""
    around = torch.cat([f.value.reshape(1), _line(f, k, 2.0**-10), _line(f, k, -(2.0**-10))]).abs()
    size = float(torch.amax(torch.where(torch.isfinite(around), around, 0.0)))
    return min(max(noise.bound / size, _U), 1.0) if size > 0 else _U


def _first_step(x: Tensor, relative: float) -> Tensor:
    """Where truncation of order h⁴ meets rounding of order 1/h: the fifth root of the relative noise."""
    return min(max(relative**0.2, _SHORTEST), _LONGEST) * torch.clamp(x.abs(), min=1.0)


def _check_step(x: Tensor, relative: float) -> Tensor:
    """Where rounding still leaves half of the digits; relative to the largest entry, if that is below 1."""
    largest = float(torch.amax(x.abs()))
    return torch.full_like(x, min(relative**0.5, _LONGEST / _RATIO**2) * min(largest or 1.0, 1.0))


def _exact(step: Tensor, x: Tensor) -> Tensor:
    """A power of two, at least eight units in the last place of x: then x ± 3h are the points that were meant."""
    ulp = 2 * _U * torch.exp2(torch.ceil(torch.log2(torch.clamp(x.abs(), min=1e-290))))
    return torch.maximum(torch.exp2(torch.floor(torch.log2(step))), 8 * ulp)


# One step ------------------------------------------------------------------------------------------------------------


def _slopes(f: _Function, k: int, at: Tensor, step: Tensor, noise: Noise, memory: int) -> tuple[Tensor, Tensor]:
    """Value and bar of the derivative in the entries `at`, each at its own step."""
    numel = f.tensors[k].numel()
    size = max(1, memory // (8 * numel * len(POINTS) * _COPIES))
    E = torch.cat([_evaluations(f, k, a, s) for a, s in zip(at.split(size), step.split(size), strict=True)], dim=1)
    E_0 = f.value.expand(1, len(at))
    # Where x ± kh is no number of float64, the point that stands in for it moves E by its distance times the slope.
    lost = _lost(f.tensors[k].reshape(-1)[at], _shifts(step))
    off = noise.bound + lost * torch.amax((E - E_0).abs(), dim=0) / step
    left = one_sided(torch.cat([E_0, E[3:]]), -step, off)
    right = one_sided(torch.cat([E_0, E[:3]]), step, off)
    sided = (left[0] - right[0]).abs() > left[1] + right[1]
    value, bar = (torch.where(sided, u, v) for u, v in zip(between(left, right), central(E, step, off), strict=True))
    usable = torch.isfinite(value) & torch.isfinite(bar)
    return torch.where(usable, value, 0.0), torch.where(usable, bar, torch.inf)


def _evaluations(f: _Function, k: int, at: Tensor, step: Tensor) -> Tensor:
    """The function at the six points of each entry, (6, entries)."""
    x = f.tensors[k]
    count, points = len(at), len(POINTS)
    rows = x.reshape(1, -1).repeat(points * count, 1)
    which = torch.arange(points * count, device=x.device)
    rows[which, at.repeat(points)] = (x.reshape(-1)[at] + _shifts(step)).reshape(-1)
    return f.at(k, rows.reshape(-1, *x.shape)).reshape(points, count)


def _shifts(step: Tensor) -> Tensor:
    """kh for the six points, (6, entries)."""
    return torch.tensor(POINTS, dtype=step.dtype, device=step.device).unsqueeze(1) * step


def _lost(x: Tensor, shift: Tensor) -> Tensor:
    """The most that the sums x + shift (6, entries) are off by, (entries,): exact, by Knuth's TwoSum."""
    total = x + shift
    moved = total - x
    return torch.amax(((x - (total - moved)) + (shift - moved)).abs(), dim=0)
