"""Timing by interleaved repetitions, so that the machine's moods fall on all alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Timing:
    """The seconds of a check of all parameters, a median; `entries` is how many of them were really worked."""

    seconds: float
    entries: int
    extrapolated: bool = False


def seconds_of(work: Callable[[], object]) -> float:
    """The seconds that one call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def interleaved(
    works: Mapping[str, Callable[[], object]], repetitions: int, warm_up: int = 1
) -> dict[str, list[float]]:
    """Each work in turn, then each again: name -> its seconds, one an repetition; the first rounds do not count."""
    found: dict[str, list[float]] = {name: [] for name in works}
    for repetition in range(-warm_up, repetitions):
        for name, work in works.items():
            seconds = seconds_of(work)
            if repetition >= 0:
                found[name].append(seconds)
    return found


def median_ratio(first: list[float], second: list[float]) -> float:
    """The median of first/second over the repetitions."""
    return statistics.median(a / b for a, b in zip(first, second, strict=True))


def extrapolate(few: float, few_entries: int, many: float, many_entries: int, entries: int) -> float:
    """Seconds for all entries from two shares of them: a fixed part, and so much an entry.

    Where the larger share was not the slower one, the machine was busy with other things: then in proportion.
    """
    slope = (many - few) / (many_entries - few_entries)
    return many + slope * (entries - many_entries) if slope > 0 else many * entries / many_entries
