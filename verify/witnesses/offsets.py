"""How far each witness is off the exact lines: in units in the last place, and beyond what it says of itself or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from verify.bounds.comparison import median_limit
from verify.problems.lines import names
from verify.problems.problem import Problem
from verify.witnesses.against import Witness, part, shared_rounding
from verify.witnesses.balls import Balls, Enclosure


@dataclass(frozen=True)
class Offset:
    """One witness on one line, against the exact one."""

    line: str
    witness: str
    entries: int  # that the exact witness has of the line
    of: int  # entries of the line
    median_ulp: float
    worst_ulp: float  # of the entries that are not 0; no number where all are
    share: float  # of its budget that the worst entry takes; over 1 it is off
    index: tuple[int, ...]  # of that entry
    values: tuple[float, float]  # what the witness has there, and the exact one rounded
    off: int  # entries further away than rounding and truncation can explain


def offsets(problem: Problem, witnesses: Sequence[Witness], exact: Witness, balls: Balls) -> list[Offset]:
    """Every line of every witness, in the order of the working. A hull is as good as each number in it."""
    found = []
    for witness in witnesses:
        tight = shared_rounding(problem, witness, exact) if witness.known is None else {}
        found += [_offset(witness, name, exact, balls.lines[name], tight) for name in witness.lines]
    order = {name: i for i, name in enumerate(names(problem.L))}
    return sorted(found, key=lambda o: order[o.line])


def _offset(w: Witness, name: str, exact: Witness, line: Enclosure, tight: Mapping[str, NDArray]) -> Offset:
    if part(w.lines[name], name, exact).shape != line.value.shape:
        nan = float("nan")
        return Offset(
            name, w.name, line.value.size, w.lines[name].size, nan, nan, float("inf"), (), (nan, nan), line.value.size
        )
    value = part(w.lines[name], name, exact)
    error = np.maximum(np.abs((value - line.value) - line.rest) - line.radius, 0)
    budget = part(w.bars[name], name, exact) + line.bar
    if name in tight:
        budget = np.fmin(budget, tight[name])
    if name in w.undecided:
        budget = np.where(part(w.undecided[name], name, exact), np.inf, budget)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(error > 0, error / budget, 0.0)
    beyond = ~(error <= budget)
    at = int(np.argmax(np.where(np.isnan(share), np.inf, share)))
    index = tuple(int(i) for i in np.unravel_index(at, line.value.shape)) if line.value.shape else ()
    ulps = _ulps(value, error, line.value)
    return Offset(
        name, w.name, line.value.size, w.lines[name].size, median_limit(ulps),
        float(np.nanmax(ulps)) if np.isfinite(ulps).any() else float("nan"), float(share.flat[at]),
        _whole(index, name, exact), (float(value.flat[at]), float(line.value.flat[at])), int(beyond.sum()),
    )  # fmt: skip


def _ulps(value: NDArray, error: NDArray, right: NDArray) -> NDArray:
    """Errors in units in the last place of the right entry, in the witness's own dtype; no number where it is 0."""
    with np.errstate(over="ignore", invalid="ignore"):
        ulp = np.spacing(np.abs(right).astype(value.dtype)).astype(np.float64)
        return np.where(right != 0, error / ulp, np.nan)


def _whole(index: tuple[int, ...], name: str, exact: Witness) -> tuple[int, ...]:
    """The place in the whole line of an entry of the part that the exact witness has."""
    return (*index[:-1], int(exact.units[name][index[-1]])) if name in exact.units and index else index
