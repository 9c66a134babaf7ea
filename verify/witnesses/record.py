"""The record of the main job, `backproof.compare/1`: what the JSON holds and all that a report may read."""

from __future__ import annotations

import math

import msgspec
from msgspec import UNSET, UnsetType

SCHEMA = "backproof.compare/1"


class ProblemPart(msgspec.Struct, frozen=True):
    """The problem that was judged line by line."""

    data: str
    layers: tuple[int, ...]
    batch: int
    activation: str
    output: str
    loss: str
    lam: float
    dtype: str
    device: str
    seed: int
    parameters: int
    penalty: str = "lam/2"


class WitnessPart(msgspec.Struct, frozen=True):
    """An independent way to the gradients; those that carry error bars say how many parameters they checked."""

    name: str
    seconds: float
    parameters_checked: int | UnsetType = UNSET
    inconclusive: int | UnsetType = UNSET


class PlacePart(msgspec.Struct, frozen=True):
    """Where the slides state a line."""

    deck: str
    heading: str


class LinePart(msgspec.Struct, frozen=True):
    """Two witnesses on one line. worst_error, budget and ratio are those of the entry at index; null is no number."""

    name: str
    pair: tuple[str, str]
    verdict: str
    worst_error: float | None
    budget: float | None
    ratio: float | None
    index: tuple[int, ...]
    values: tuple[float | None, float | None]
    entries: int
    wrong: int
    inconclusive: int
    symbol: str
    equation: str
    place: PlacePart
    detail: str = ""
    limit: float | None = None
    largest_limit: float | None = None
    histogram: tuple[int, ...] = ()  # decided entries by error / budget: 0, below 1e-6, each decade up to 1, beyond


class OffPart(msgspec.Struct, frozen=True):
    """One witness on one line, against the exact one. share, index and values are those of the worst entry."""

    line: str
    witness: str
    entries: int
    of: int
    median_ulp: float | None
    worst_ulp: float | None
    share: float | None
    index: tuple[int, ...]
    values: tuple[float | None, float | None]
    off: int


class ExactPart(msgspec.Struct, frozen=True):
    """The exact witness: what it took, what it enclosed, and how far the others are off it."""

    seconds: float
    bits: int
    parameters: int
    hulls: int
    open: int
    lines: tuple[OffPart, ...]


class FailurePart(msgspec.Struct, frozen=True):
    """A problem of the sweep on which two witnesses disagree: the first line that shows it."""

    problem: str
    line: str
    pair: tuple[str, str]
    verdict: str


class CellPart(msgspec.Struct, frozen=True):
    """One problem of the sweep: what it was, and what came of it. ratio: error / budget of its worst entry."""

    activation: str
    loss: str
    lam: float
    shape: str
    verdict: str
    ratio: float | None


class StepPart(msgspec.Struct, frozen=True):
    """A difference quotient's median relative error at each step, in plain float64: the V-curve."""

    method: str
    steps: tuple[float, ...]
    errors: tuple[float, ...]


class SweepPart(msgspec.Struct, frozen=True):
    """The same comparison on many small problems."""

    problems: int
    disagreements: int
    inconclusive: int = 0  # parameters left undecided, of all problems
    parameters: int = 0
    activations: int = 0
    losses: int = 0
    lambdas: tuple[float, ...] = ()
    shapes: tuple[str, ...] = ()
    seconds: float = 0.0
    failures: tuple[FailurePart, ...] = ()
    cells: tuple[CellPart, ...] = ()
    undecided: int = 0  # problems on which nothing disagrees, and some line has no entry that could be decided


class CompareRecord(msgspec.Struct, frozen=True):
    """The main job's outcome. `agree` is whether nothing disagrees and every line of every pair had a say."""

    agree: bool
    problem: ProblemPart
    witnesses: tuple[WitnessPart, ...]
    lines: tuple[LinePart, ...]
    sweep: SweepPart
    detection_limit: dict[str, float | None]
    versions: dict[str, str]
    largest_limit: dict[str, float | None] = {}
    exact: ExactPart | None = None
    steps: tuple[StepPart, ...] = ()
    schema: str = SCHEMA

    def json(self) -> str:
        """The record as JSON, indented, with schema first."""
        fields = {"schema": self.schema} | {name: getattr(self, name) for name in self.__struct_fields__}
        return msgspec.json.format(msgspec.json.encode(fields), indent=2).decode() + "\n"


def number(value: float) -> float | None:
    """The value, or None where it is infinite or no number: JSON has no such numbers."""
    return value if math.isfinite(value) else None
