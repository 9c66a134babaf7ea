"""Two witnesses set against one another on one line: shape, dtype, finiteness, value, in that order.

No broadcasting, NaN never passes, an empty reference is refused. The outcome is data; who wants an exception makes one.
An entry whose budget is wider than a thousandth of the line's largest entry is undecided: within it there is no error
of a size that matters that could not hide. A line of zeros has no size to measure by; there every finite budget counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

DECADES = tuple(10.0**k for k in range(-6, 1))  # of error / budget, that a histogram counts by
UNDECIDED = 1e-3  # of the line's largest entry: what is less sure than that has no say


class Verdict(StrEnum):
    """What two witnesses say of one line."""

    AGREE = "agree"
    DISAGREE = "disagree"
    INCONCLUSIVE = "inconclusive"
    WRONG_SHAPE = "wrong shape"
    WRONG_DTYPE = "wrong dtype"
    NOT_FINITE = "not finite"


@dataclass(frozen=True)
class Comparison:
    """One line of two witnesses: the verdict, and the entry that came closest to its budget or went furthest beyond."""

    line: str
    pair: tuple[str, str]
    verdict: Verdict
    index: tuple[int, ...] = ()
    values: tuple[float, float] = (float("nan"), float("nan"))
    error: float = 0.0  # |first − second| at the index
    budget: float = 0.0  # what it may be there
    ratio: float = 0.0  # error / budget; over 1 disagrees; no number where no entry has a usable budget
    wrong: int = 0  # entries that disagree
    inconclusive: int = 0  # entries without a usable budget: undecided
    entries: int = 0
    limit: float = float("inf")  # median over the entries of the smallest relative error that would have been flagged
    largest_limit: float = float("inf")  # the largest of these, infinite where an entry is undecided
    detail: str = ""
    histogram: tuple[int, ...] = ()  # decided entries by error / budget: 0, below the first of DECADES, …, beyond 1

    @property
    def agrees(self) -> bool:
        return self.verdict is Verdict.AGREE


def compare(
    line: str, pair: tuple[str, str], first: NDArray, second: NDArray, budget: NDArray, undecided: NDArray | None = None
) -> Comparison:
    """Set `first` against `second`, the reference, entry by entry: both and the budget have one shape.

    `undecided` marks entries that the reference itself cannot settle (a kink inside its step).
    Raises ValueError where the reference is empty or no array of floats, or the budget has another shape: our fault.
    """
    second = np.asarray(second)
    if second.size == 0:
        raise ValueError(f"{line}: the reference {pair[1]} is empty, and nothing agrees with nothing")
    if budget.shape != second.shape:
        raise ValueError(f"{line}: budget of shape {budget.shape} for a reference of shape {second.shape}")
    refused = _refused(line, pair, first, second)
    return refused if refused is not None else _by_value(line, pair, np.asarray(first), second, budget, undecided)


def smallest_flagged(
    first: NDArray, second: NDArray, budget: NDArray, undecided: NDArray | None = None
) -> NDArray[np.float64]:
    """The relative error that, added to an entry, would be flagged for certain: an array of that shape.

    It takes the budget and the difference that is there already. Infinite where the entry is undecided, no number where
    it is 0 and so has no relative error.
    """
    size = np.abs(second)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        limit = np.where(_open(budget, undecided), np.inf, (budget + np.abs(first - second)) / size)
    return np.where(size > 0, limit, np.nan)


def median_limit(limits: NDArray[np.float64]) -> float:
    """The median of `smallest_flagged`, entries of 0 left out; infinite where nothing is left."""
    usable = limits[~np.isnan(limits)]
    return float(np.median(usable)) if usable.size else float("inf")


def largest_of(limits: NDArray[np.float64]) -> float:
    """The largest of `smallest_flagged`, entries of 0 left out; infinite where nothing is left."""
    usable = limits[~np.isnan(limits)]
    return float(usable.max()) if usable.size else float("inf")


def _open(budget: NDArray, undecided: NDArray | None) -> NDArray[np.bool_]:
    """Entries without a verdict: no finite budget, or left undecided by the reference itself."""
    return ~np.isfinite(budget) if undecided is None else ~np.isfinite(budget) | undecided


def too_wide(second: NDArray, budget: NDArray) -> NDArray[np.bool_]:
    """Entries whose budget is no evidence, whatever lies within it: wider than a thousandth of the largest entry."""
    largest = float(np.abs(second[np.isfinite(second)]).max(initial=0.0))
    return ~(budget <= UNDECIDED * largest) if largest > 0 else np.zeros_like(budget, dtype=np.bool_)


def _refused(line: str, pair: tuple[str, str], first: NDArray, second: NDArray) -> Comparison | None:
    if np.shape(first) != second.shape:
        detail = f"shape {np.shape(first)} where {second.shape} is expected"
        return Comparison(line, pair, Verdict.WRONG_SHAPE, entries=second.size, wrong=second.size, detail=detail)
    if np.asarray(first).dtype.kind != "f":
        detail = f"dtype {np.asarray(first).dtype} where a floating dtype is expected"
        return Comparison(line, pair, Verdict.WRONG_DTYPE, entries=second.size, wrong=second.size, detail=detail)
    bad = ~(np.isfinite(first) & np.isfinite(second))
    if bad.any():
        index = _position(int(np.argmax(bad)), second.shape)
        values = (float(first[index]), float(second[index]))
        detail = f"{int(bad.sum())} of {bad.size} entries are not finite, the first at {list(index)}"
        return Comparison(line, pair, Verdict.NOT_FINITE, index, values, float("nan"), wrong=int(bad.sum()),
                          entries=second.size, detail=detail)  # fmt: skip
    return None


def _by_value(
    line: str, pair: tuple[str, str], first: NDArray, second: NDArray, budget: NDArray, undecided: NDArray | None
) -> Comparison:
    with np.errstate(over="ignore"):
        error = np.abs(first - second)
    within = error <= budget  # written so that NaN is never within
    open_ = _open(budget, undecided) | (within & too_wide(second, budget))
    ratio = _ratio(error, budget, open_)
    wrong = int((~within & ~open_).sum())
    at = int(np.argmax(ratio))
    index = _position(at, second.shape)
    limits = smallest_flagged(first, second, budget, undecided)
    verdict = Verdict.DISAGREE if wrong else Verdict.INCONCLUSIVE if open_.any() else Verdict.AGREE
    return Comparison(
        line, pair, verdict, index, (float(first[index]), float(second[index])), float(error[index]),
        float(budget[index]), float("nan" if open_.all() else ratio.flat[at]), wrong, int(open_.sum()), second.size,
        median_limit(limits), largest_of(limits), histogram=_histogram(ratio),
    )  # fmt: skip


def _histogram(ratio: NDArray) -> tuple[int, ...]:
    """How many entries are not off at all, then how many lie in each decade of their budget, then beyond it."""
    off = ratio[ratio > 0]
    counts = np.bincount(np.searchsorted(DECADES, off, side="left"), minlength=len(DECADES) + 1)
    return int((ratio == 0).sum()), *map(int, counts)


def _ratio(error: NDArray, budget: NDArray, open_: NDArray) -> NDArray:
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ratio = np.where(error > 0, error / budget, 0.0)
    return np.where(open_, -1.0, ratio)


def _position(flat: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(i) for i in np.unravel_index(flat, shape)) if shape else ()
