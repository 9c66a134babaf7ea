"""The record of a check: what reports read and `--json` writes, schema backproof.check/1.

Each sentence stands beside the key and the values that it is made of.
"""

from __future__ import annotations

import msgspec

SCHEMA = "backproof.check/1"


class Worst(msgspec.Struct, frozen=True):
    """The entry that is furthest beyond its budget, or closest to it."""

    index: list[int]
    yours: float | None
    expected: float | None
    budget: float | None
    part: str = ""  # of a complex tensor


class CellRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One input under one probe. ratio: the worst error over its budget."""

    input: str
    probe: str
    state: str  # right | doubtful | wrong | undecided
    entries: int = 0
    beyond: int = 0
    undecided: int = 0
    ratio: float | None = None
    worst: Worst | None = None


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong, doubtful or cannot be told, in one sentence."""

    kind: str
    verdict: str
    says: str
    input: str = ""
    probe: str = ""
    index: list[int] = []
    yours: float | None = None
    expected: float | None = None
    budget: float | None = None
    values: dict[str, float | int | str] = {}


class PowerRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What would have been seen in one input's gradient: the share of its entries that are not 0, by mistake."""

    input: str
    entries: int
    seen: dict[str, float]
    missing: dict[str, float] = {}


class ProbeRecord(msgspec.Struct, frozen=True):
    """A probe and what it changes."""

    name: str
    changes: str


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """log₁₀(error/budget) an entry, as rows; None: no error, or no budget. `every`: each how manyth entry is shown."""

    input: str
    probe: str
    rows: list[list[float | None]]
    every: int = 1


class CheckRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A whole check."""

    schema: str = SCHEMA
    function: str
    dtype: str
    device: str
    against: str  # reference | declared | differences
    seed: int
    verdict: str
    sentence: str
    inputs: list[str]
    shapes: list[list[int]]
    probes: list[ProbeRecord]
    cells: list[CellRecord]
    findings: list[Finding]
    power: list[PowerRecord]
    notes: list[str]
    unruled: list[str]
    ran: list[str]
    left_out: int = 0
    pictures: list[Picture] = []
    reproduce: str = ""
    seconds: float = 0.0

    def json(self) -> str:
        """The record as JSON."""
        return msgspec.json.format(msgspec.json.encode(self), indent=1).decode() + "\n"
