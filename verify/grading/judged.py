"""What a judgement of one line is, whatever the lesson: in how many problems it is wrong, and its worst entry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from verify.grading.record import Worst
from verify.said import Said


@dataclass(frozen=True)
class Judged:
    """One line over all problems: right, or in how many wrong; and on the student's own values upstream."""

    name: str
    asked: int
    wrong: int = 0
    carried: int = 0  # of the wrong ones, how many are right on the student's own upstream values
    undecided: int = 0  # of the wrong ones, how many have no upstream values to be judged on
    worst: Worst | None = None
    reason: Said | None = None
    function: str = "gradients"
    decided: bool = True  # some entry, on some problem, has a budget that is small beside its line
    everywhere: bool = True  # it came on every problem that returned


def worst_entry(expected: Tensor, allowed: Tensor, yours: Tensor | None, label: str) -> tuple[float, Worst]:
    """How many times over its budget the worst entry is, and that entry; of another shape, the first one."""
    if yours is None or yours.shape != expected.shape:
        at = (0,) * expected.dim()
        return float("inf"), Worst(list(at), None, float(expected[at]), None, float(allowed[at]), label)
    error = (yours - expected).abs()
    ratio = torch.nan_to_num(torch.where(error > 0, error / allowed, error * 0), nan=torch.inf)
    flat = int(torch.argmax(ratio))
    at = tuple(int(i) for i in np.unravel_index(flat, tuple(expected.shape))) if expected.dim() else ()
    found = Worst(list(at), _finite(yours[at]), float(expected[at]), _finite(error[at]), float(allowed[at]), label)
    return float(ratio[at]), found


def median_limit(lines: Sequence[tuple[NDArray, NDArray]]) -> float | None:
    """The median over all entries of the smallest relative error that would have been seen: allowed over right.

    lines: what is right and what is allowed, end to end: of wide networks millions of entries, held once. Entries of 0
    have no relative error and are left out; None where there are no others.
    """
    limits = np.empty(sum(np.count_nonzero(truth) for truth, _ in lines))
    at = 0
    for truth, allowed in lines:
        kept = truth != 0
        here = limits[at : (at := at + np.count_nonzero(kept))]
        np.divide(allowed[kept], np.abs(truth[kept]), out=here)
    return float(np.median(limits, overwrite_input=True)) if len(limits) else None


def _finite(value: Tensor) -> float | None:
    return float(value) if bool(torch.isfinite(value)) else None
