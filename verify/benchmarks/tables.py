"""The tables of the benchmark, by name. A table is a function of the settings; a new one is one more entry here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from verify.errors import BadInput


@dataclass(frozen=True)
class Settings:
    """quick: small networks and few repetitions, to see that all works. progress takes a line of text.

    share (k, n): of the drawn programs and entries the k-th of n shares, each of which can run by itself.
    """

    quick: bool = False
    seed: int = 0
    share: tuple[int, int] = (1, 1)
    progress: Callable[[str], None] = lambda text: None


@dataclass(frozen=True)
class Goal:
    """A number to reach: what, the goal as text, the number as text, whether it is reached.

    `proof` marks those that no machine excuses: a bar or budget that does not hold is a defect.
    """

    what: str
    goal: str
    measured: str
    reached: bool
    proof: bool = False


def at_most(what: str, limit: float, value: float, shown: str | None = None) -> Goal:
    """A goal that is reached at the limit or below."""
    return Goal(what, f"≤ {limit:g}", shown or number(value), value <= limit)


def at_least(what: str, limit: float, value: float) -> Goal:
    """A goal that is reached at the limit or above."""
    return Goal(what, f"≥ {limit:g}", number(value, 3), value >= limit)


def none_of(what: str, count: int) -> Goal:
    """A goal that is reached where nothing was counted."""
    return Goal(what, "0", str(count), count == 0, proof=True)


@dataclass(frozen=True)
class Table:
    """One table: what people read (columns, rows, notes), what programs read (record), and the goals it settles."""

    name: str
    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    notes: list[str] = field(default_factory=list)
    record: dict[str, Any] = field(default_factory=dict)
    goals: list[Goal] = field(default_factory=list)


Maker = Callable[[Settings], Table]


# name -> who makes it, in the order in which they run; imported where the table is asked for.
_MAKERS: dict[str, str] = {
    "time": "speed.time_table",
    "bare": "speed.bare_table",
    "smallest": "sensitivity.smallest_table",
    "alarms": "sensitivity.alarms_table",
    "bars": "soundness.bars_table",
    "budget": "soundness.budget_table",
    "step": "step.step_table",
    "memory": "memory.memory_table",
    "diagnosis": "naming.diagnosis_table",
    "checkers": "naming.checkers_table",
    "verdicts": "verdicts.verdicts_table",
    "names": "verdicts.names_table",
    "grading": "grading.grading_table",
    "class-memory": "grading.class_memory_table",
    "killed": "grading.killed_table",
    "neighbours": "neighbours.neighbours_table",
    "walls": "walls.walls_table",
    "odd": "odd.odd_table",
    "guided": "guided.guided_table",
    "course": "course_table.course_table",
    "planted": "backward.planted_table",
    "sound": "backward.sound_table",
    "kernels": "backward.kernels_table",
    "programs": "backward.violations_table",
    "complex": "complexes.complex_table",
    "backward-time": "backward.timing_table",
    "general": "general.general_table",
    "learned": "learning.learned_table",
    "epoch": "learning.epoch_table",
    "drift": "learning.drift_table",
    "resumed": "learning.resumed_table",
}


def _maker(name: str) -> Maker:
    module, function = _MAKERS[name].split(".")
    return getattr(import_module(f"verify.benchmarks.{module}"), function)


NAMES: tuple[str, ...] = (
    "time", "bare", "smallest", "alarms", "bars", "budget", "step", "memory", "diagnosis", "checkers",
)  # fmt: skip
# They draw and grade a thousand programs: minutes, and only where they are named.
VERDICTS: tuple[str, ...] = ("verdicts", "names")
# check_backward's and the general engine's: minutes, and only where they are named.
BACKWARD: tuple[str, ...] = (
    "planted", "sound", "kernels", "programs", "complex", "backward-time", "general",
)  # fmt: skip
# Training by hand: minutes, and only where they are named.
LEARNING: tuple[str, ...] = ("learned", "epoch", "drift", "resumed")
# They grade whole classes, for minutes each, and need both cores to themselves: only where they are named.
GRADING: tuple[str, ...] = ("grading", "class-memory", "killed", "course", "neighbours", "walls")
# A hundred thousand odd answers, ten thousand damaged files, and as many as coverage leads to: minutes.
ODD: tuple[str, ...] = ("odd", "guided")


EVERY = NAMES + VERDICTS + GRADING + BACKWARD + LEARNING + ODD


def run(names: Iterable[str], settings: Settings) -> list[Table]:
    """The tables of those names, in the order in which they run; NAMES where none is. BadInput for an unknown one."""
    wanted = list(names) or list(NAMES)
    for name in wanted:
        if name not in EVERY:
            raise BadInput(f"--table {name}: allowed are {', '.join(EVERY)}")
    tables = []
    for name in _MAKERS:
        if name in wanted:
            settings.progress(name)
            tables.append(_maker(name)(settings))
    return tables


def number(value: float, digits: int = 2) -> str:
    """A number as people read it: 0.0123, 12.3, 1.2e-11."""
    if value != value or value in (float("inf"), float("-inf")):
        return "–"
    if value == 0:
        return "0"
    if 1e-3 <= abs(value) < 1e6:
        return f"{value:,.{max(0, digits - 1 - _exponent(value))}f}"
    return f"{value:.{digits - 1}e}"


def _exponent(value: float) -> int:
    return int(f"{value:e}".split("e")[1])
