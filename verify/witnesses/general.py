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

All points of one step lie on a grid, and so do those of the next: a wave whose period is a power of two has the same
value at each of them, and a slope of 0. So two more points lie off every grid. A step whose polynomial misses them is
not used, and an entry that has no other is `aliased`: something goes up and down between the points. A wave that has
one value at all points, those two among them, cannot be told from a constant by any finite number of evaluations.

Where a function has many inputs, a plan (`verify.witnesses.plan`) says which entries are differenced.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from verify.witnesses.differences import MEMORY, Estimate
from verify.witnesses.evaluating import Evaluated, checked
from verify.witnesses.noise import Noise, line, noise_of
from verify.witnesses.plan import ALL, Plan
from verify.witnesses.stencils import POINTS, between, central, central_rounding, interpolated, one_sided

_U = torch.finfo(torch.float64).eps / 2
_RATIO = 8.0
_LONGEST, _SHORTEST = 2.0**-4, 2.0**-20  # of the first step, relative to max(1, |x|)
# Off every grid, in units of the step: the plastic number and the golden ratio's fraction.
_BETWEEN = (1.3247179572447460, -0.6180339887498949)
_MISSED = 8  # times what the bar allows at such a point
Progress = Callable[[int, int], None]  # evaluations made, evaluations known to be needed


@dataclass(frozen=True)
class Differences(Estimate):
    """An Estimate with `asked`, the entries that the plan chose, and `aliased`, those undecided ones between whose
    points something goes up and down. What was not asked is undecided: its value is 0, its bar ∞.
    """

    asked: Tensor
    aliased: Tensor


def differences_of(
    function: Callable[..., Tensor],
    *tensors: Tensor,
    rounding: float | None = None,
    memory: int = MEMORY,
    plan: Plan = ALL,
    progress: Progress = lambda done, of: None,
) -> list[Differences]:
    """The derivatives of function(*tensors) -> () in every entry: one Estimate a tensor, of its shape, in float64.

    The function is evaluated in float64 on the tensors' device, forward only; the tensors stay as they are. `rounding`
    bounds the error of one evaluation. What is evaluated at once takes about `memory` bytes, measured at one call, and
    one copy of the argument at least. `plan` chooses the entries, `progress` hears of evaluations. Raises BadInput for
    tensors that are not floating or not finite, and a function whose value is no single finite number, changes its
    arguments, or changes from one call to the next.
    """
    with torch.no_grad():
        f = Evaluated(function, checked(tensors), memory)
        at = [plan.entries(k, v.numel(), v.device) for k, v in enumerate(f.tensors)]
        count = _Count(progress, sum(4 * _POINTS * len(a) for a in at))
        return [_argument(f, k, a, noise_of(f, k, rounding), count) for k, a in enumerate(at)]


def noise_in(function: Callable[..., Tensor], *tensors: Tensor) -> list[Noise]:
    """The estimated rounding of one evaluation, along a line in each tensor: what `differences_of` falls back on."""
    with torch.no_grad():
        f = Evaluated(function, checked(tensors), MEMORY)
        return [noise_of(f, k, None) for k in range(len(tensors))]


_POINTS = len(POINTS) + len(_BETWEEN)


@dataclass
class _Count:
    """Evaluations, as they are made and as more of them turn out to be needed."""

    progress: Progress
    of: int
    done: int = 0

    def more(self, count: int) -> None:
        self.of += count

    def add(self, count: int) -> None:
        self.done += count
        self.progress(self.done, self.of)


# The ladder ----------------------------------------------------------------------------------------------------------


@dataclass
class _Rungs:
    """What each step of the ladder gave, (rungs, P): step, value, bar, and whether the points between were missed.

    A bar is ∞ where nothing usable came out.
    """

    step: Tensor
    value: Tensor
    bar: Tensor
    missed: Tensor

    @classmethod
    def none(cls, like: Tensor) -> _Rungs:
        return cls(*(torch.empty(0, len(like), dtype=torch.float64, device=like.device) for _ in fields(cls)))

    def add(self, at: Tensor, step: Tensor, found: tuple[Tensor, Tensor, Tensor]) -> None:
        """One more rung for the entries `at`."""
        for name, new, blank in zip(("step", "value", "bar", "missed"), (step, *found), (0, 0, torch.inf, 0),
                                    strict=True):  # fmt: skip
            row = torch.full((1, self.step.shape[1]), blank, dtype=torch.float64, device=step.device)
            row[0, at] = new.to(torch.float64)
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


def _argument(f: Evaluated, k: int, asked: Tensor, noise: Noise, count: _Count) -> Differences:
    whole = f.tensors[k]
    if whole.numel() == 0:
        return Differences(whole, whole, whole.bool(), whole.bool(), whole.bool())
    x = whole.reshape(-1)[asked]
    rungs, every = _Rungs.none(x), torch.arange(len(x), device=x.device)
    relative = _relative_noise(f, k, noise)
    check, step = _check_step(x, whole, relative), _first_step(x, relative)
    for s in (check / _RATIO, check, step, step / _RATIO):
        s = _exact(s, x)
        rungs.add(every, s, _slopes(f, k, asked, s, noise, count))
    step = step / _RATIO
    while len(at := _unsettled(rungs, step, check, noise)):
        count.more(len(at) * _POINTS)
        step[at] /= _RATIO
        s = _exact(step[at], x[at])
        rungs.add(at, s, _slopes(f, k, asked[at], s, noise, count))
    return _narrowest(rungs, asked, whole)


def _unsettled(rungs: _Rungs, step: Tensor, check: Tensor, noise: Noise) -> Tensor:
    """Entries that a shorter step may still help: none confirmed so far, or truncation is most of the bar."""
    best = torch.amin(rungs.confirmed(), dim=0)
    rounding = central_rounding(step, noise.bound)
    return torch.nonzero(((best == torch.inf) | (best > 4 * rounding)) & (step > check * _RATIO)).reshape(-1)


def _narrowest(rungs: _Rungs, asked: Tensor, whole: Tensor) -> Differences:
    """The narrowest bar of each entry that was asked, and ∞ for the others."""
    bar, at = torch.min(rungs.confirmed(), dim=0)
    value = torch.where(bar < torch.inf, torch.gather(rungs.value, 0, at.unsqueeze(0))[0], 0.0)
    aliased = (bar == torch.inf) & rungs.missed.bool().any(0)

    def spread(found: Tensor, blank: float) -> Tensor:
        flat = torch.full((whole.numel(),), blank, dtype=torch.float64, device=whole.device)
        flat[asked] = found.to(torch.float64)
        return flat.reshape(whole.shape)

    bars = spread(bar, torch.inf)
    there, waves = (spread(v, 0.0).bool() for v in (torch.ones_like(bar), aliased))
    return Differences(spread(value, 0.0), bars, bars == torch.inf, there, waves)


def _relative_noise(f: Evaluated, k: int, noise: Noise) -> float:
    """The noise relative to the function's values around argument k (the value at it may happen to be 0)."""
    around = torch.cat([f.value.reshape(1), line(f, k, 2.0**-10), line(f, k, -(2.0**-10))]).abs()
    size = float(torch.amax(torch.where(torch.isfinite(around), around, 0.0)))
    return min(max(noise.bound / size, _U), 1.0) if size > 0 else _U


def _first_step(x: Tensor, relative: float) -> Tensor:
    """Where truncation of order h⁴ meets rounding of order 1/h: the fifth root of the relative noise."""
    return min(max(relative**0.2, _SHORTEST), _LONGEST) * torch.clamp(x.abs(), min=1.0)


def _check_step(x: Tensor, whole: Tensor, relative: float) -> Tensor:
    """Where rounding still leaves half of the digits; relative to the argument's largest entry, if that is below 1."""
    largest = float(torch.amax(whole.abs()))
    return torch.full_like(x, min(relative**0.5, _LONGEST / _RATIO**2) * min(largest or 1.0, 1.0))


def _exact(step: Tensor, x: Tensor) -> Tensor:
    """A power of two, at least eight units in the last place of x: then x ± 3h are the points that were meant."""
    ulp = 2 * _U * torch.exp2(torch.ceil(torch.log2(torch.clamp(x.abs(), min=1e-290))))
    return torch.maximum(torch.exp2(torch.floor(torch.log2(step))), 8 * ulp)


# One step ------------------------------------------------------------------------------------------------------------


def _slopes(
    f: Evaluated, k: int, at: Tensor, step: Tensor, noise: Noise, count: _Count
) -> tuple[Tensor, Tensor, Tensor]:
    """Value and bar of the derivative in the entries `at`, each at its own step; whether points between were missed."""
    x, size = f.tensors[k].reshape(-1)[at], max(1, f.chunk(k) // _POINTS)
    parts = [_evaluations(f, k, a, s, count) for a, s in zip(at.split(size), step.split(size), strict=True)]
    every = torch.cat(parts, dim=1)
    E, E_0 = every[: len(POINTS)], f.value.expand(1, len(at))
    # Where x ± kh is no number of float64, the point that stands in for it moves E by its distance times the slope.
    lost = _lost(x, _shifts(step)[: len(POINTS)])
    off = noise.bound + lost * torch.amax((E - E_0).abs(), dim=0) / step
    left = one_sided(torch.cat([E_0, E[3:]]), -step, off)
    right = one_sided(torch.cat([E_0, E[:3]]), step, off)
    sided = (left[0] - right[0]).abs() > left[1] + right[1]
    value, bar = (torch.where(sided, u, v) for u, v in zip(between(left, right), central(E, step, off), strict=True))
    there = torch.isfinite(value) & torch.isfinite(bar)
    missed = there & _missed(x, step, every, E_0, bar)
    usable = there & ~missed
    return torch.where(usable, value, 0.0), torch.where(usable, bar, torch.inf), missed


def _missed(x: Tensor, step: Tensor, E: Tensor, E_0: Tensor, bar: Tensor) -> Tensor:
    """Whether a point off the grid has another value than the polynomial through the others, beyond what bars allow.

    What the degree adds is allowed as well: an even function's derivative at 0 is exact, its polynomial is not.
    """
    found = torch.zeros_like(x, dtype=torch.bool)
    for shift, value in zip(_shifts(step)[len(POINTS) :], E[len(POINTS) :], strict=True):
        high, low = interpolated(torch.cat([E_0, E[: len(POINTS)]]), ((x + shift) - x) / step)
        found |= ~((value - high).abs() <= _MISSED * step * bar + 2 * (high - low).abs())
    return found


def _evaluations(f: Evaluated, k: int, at: Tensor, step: Tensor, count: _Count) -> Tensor:
    """The function at all points of each entry, (points, entries)."""
    x = f.tensors[k]
    rows = x.reshape(1, -1).repeat(_POINTS * len(at), 1)
    which = torch.arange(len(rows), device=x.device)
    rows[which, at.repeat(_POINTS)] = (x.reshape(-1)[at] + _shifts(step)).reshape(-1)
    found = f.at(k, rows.reshape(-1, *x.shape)).reshape(_POINTS, len(at))
    count.add(len(rows))
    return found


def _shifts(step: Tensor) -> Tensor:
    """The points' distances from x, (points, entries)."""
    return torch.tensor((*POINTS, *_BETWEEN), dtype=step.dtype, device=step.device).unsqueeze(1) * step


def _lost(x: Tensor, shift: Tensor) -> Tensor:
    """The most that the sums x + shift (6, entries) are off by, (entries,): exact, by Knuth's TwoSum."""
    total = x + shift
    moved = total - x
    return torch.amax(((x - (total - moved)) + (shift - moved)).abs(), dim=0)
