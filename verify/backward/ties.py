"""Tied entries together: each may have any share of their gradient, and all of them have one gradient in sum.

Entry by entry, a gradient that goes to both of two equal maxima looks like either choice. Along a direction that keeps
the ties, all entries moved or scaled alike, the loss has a slope, and every subgradient has it too; along one that does
not, it lies between the slopes of both sides.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from verify.backward import words
from verify.backward.checker import Checker
from verify.backward.expected import ByDifferences, ByReference
from verify.backward.parts import parts_of, widened
from verify.backward.probes import INPUTS, UPSTREAM
from verify.backward.subject import Case, call, outputs_of

if TYPE_CHECKING:
    from verify.backward.check import Seen

NAME = "ties together"
_STEP = 1e-6
_SHARE = 1e-3  # of the sum of |gradient · direction|, below which nothing is said
_DRAWS = 2


@dataclass(frozen=True)
class Slope:
    """Along one direction: the loss's slope, the function's and the reference's gradients', and how far apart the two
    sides and rounding may put them. Without a reference the loss is the function's own, and has no second opinion.
    """

    alike: str
    loss: float
    yours: float
    theirs: float
    room: float

    @property
    def off(self) -> bool:
        """Where the reference has the slope and the function has not."""
        return abs(self.theirs - self.loss) <= self.room < abs(self.yours - self.loss)


def together(checker: Checker, case: Case, seen: Seen) -> None:
    """Equal entries, and zeros, moved and scaled alike; in float64, so that rounding breaks no tie."""
    if not isinstance(checker.expected, (ByReference, ByDifferences)):
        return
    for probe in (p for p in INPUTS if p.name in ("inputs with ties", "inputs with zeros")):
        assert probe.inputs is not None
        tied = probe.inputs(checker.draws(probe.name), case).replaced(lambda k, v: widened(v))
        try:
            draws = [list(_slopes(checker, tied, seen, n)) for n in range(_DRAWS)]
        except Exception:  # what it does not take in float64, other probes tell
            return
        seen.probes[NAME] = "tied entries moved alike, and all inputs scaled alike: the slope of the loss"
        for each in zip(*draws, strict=True):
            if all(slope.off for slope in each):
                seen.find(words.tied(each[0].alike, probe.name, each[0].yours, each[0].loss))
                return


def _slopes(checker: Checker, case: Case, seen: Seen, draw: int) -> Iterator[Slope]:
    assert isinstance(checker.expected, (ByReference, ByDifferences))
    alone = isinstance(checker.expected, ByDifferences)
    reference, upstream = checker.expected.function, checker.upstream(UPSTREAM[0], draw)
    ours = call(checker.function, case, upstream)
    theirs = ours if alone else call(reference, case, upstream)
    given = [None if g is None else parts_of(g) for g in ours.upstream]

    def loss(moved: dict[int, Tensor]) -> float:
        with torch.no_grad():
            outputs = outputs_of(reference(*(moved.get(k, v) for k, v in enumerate(case.inputs))))
        return sum(float((parts_of(v) * g).sum()) for v, g in zip(outputs, given, strict=True) if g is not None)

    here = loss({})
    for alike, along in _directions(case, seen):
        at = lambda s, along=along: loss({k: case.inputs[k] + s * d for k, d in along.items()})
        up, down, slope = at(_STEP), at(-_STEP), (at(_STEP) - at(-_STEP)) / (2 * _STEP)
        # A slope that changes with the step is none: the function bends within it, or is worked in float32 inside.
        others = [(at(h) - at(-h)) / (2 * h) - slope for h in (_STEP / 4, 64 * _STEP)]
        off = max(map(abs, others))
        blind = 0.0 if off <= _SHARE * (abs(slope) + _SHARE * (1 + abs(here))) else torch.inf
        terms = {k: (_gradient(theirs.gradients[k], d) * parts_of(d)).abs().sum() for k, d in along.items()}
        bend = abs(up - 2 * here + down) / _STEP
        dot = lambda found, along=along: sum(
            float((_gradient(found[k], d) * parts_of(d)).sum()) for k, d in along.items()
        )
        yield Slope(
            alike, slope, dot(ours.gradients), slope if alone else dot(theirs.gradients),
            4 * bend + blind + _SHARE * float(sum(terms.values())),
        )  # fmt: skip


def _gradient(found: Tensor | None, like: Tensor) -> Tensor:
    return parts_of(torch.zeros_like(like) if found is None else found)


def _directions(case: Case, seen: Seen) -> Iterator[tuple[str, dict[int, Tensor]]]:
    """Each input moved by one number, all of them moved by one, and all of them scaled by one."""
    ones = {k: torch.ones_like(case.inputs[k]) for k in case.wanted}
    for k, one in ones.items():
        yield f"all entries of {seen.name(k)} moved alike", {k: one}
    if len(ones) > 1:
        yield "all inputs moved alike", ones
    yield "all inputs scaled alike", {k: case.inputs[k].clone() for k in case.wanted}
