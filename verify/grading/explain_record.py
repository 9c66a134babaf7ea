"""A worked problem, schema backproof.explain/1: what `compare.py --explain` is asked for, and what it writes."""

from __future__ import annotations

from pathlib import Path

import msgspec

from verify.errors import BadInput
from verify.grading.record import LessonInput, WorkingLine
from verify.problems.job import MOST_SEED

SCHEMA = "backproof.explain/1"
LESSON_SCHEMA = "backproof.explain/2"
MOST_LAYERS = 5
MOST_UNITS = 5
MOST_BATCH = 5


class ExplainJob(msgspec.Struct, frozen=True):
    """Which problem to work out. None: the assignment's, which without a file is deck 000's.

    lesson: the file of a lesson; of a lesson other than the network, `assignment` and `seed` alone have a meaning.
    """

    layers: tuple[int, ...] = (2, 2, 2)
    batch: int = 2
    activation: str | None = None
    output: str | None = None
    loss: str | None = None
    lam: float | None = None
    penalty: str | None = None
    assignment: Path | None = None
    seed: int = 0
    lesson: Path | None = None

    def check(self) -> None:
        """BadInput, with the value and what is allowed: a working that fills pages explains nothing."""
        shown = ",".join(map(str, self.layers))
        sizes_fit = all(1 <= units <= MOST_UNITS for units in self.layers)
        if not sizes_fit or not 2 <= len(self.layers) <= MOST_LAYERS + 1:
            raise BadInput(
                f"--layers {shown}: to be worked by hand, allowed are 2 to {MOST_LAYERS + 1} whole numbers "
                f"from 1 to {MOST_UNITS}, from the input to the output"
            )
        if not 1 <= self.batch <= MOST_BATCH:
            raise BadInput(
                f"--batch {self.batch}: to be worked by hand, allowed is a whole number from 1 to {MOST_BATCH}"
            )
        if not 0 <= self.seed <= MOST_SEED:
            raise BadInput(f"--seed {self.seed}: allowed is a whole number from 0 to {MOST_SEED}")


class ExplainRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A problem in small whole numbers with every line of its working; of a line, `expected` is its value."""

    schema: str = SCHEMA
    convention: str
    layers: list[int]
    batch: int
    activation: str
    output: str
    loss: str
    lam: float
    penalty: str = "lam/2"
    seed: int
    W: list
    b: list
    x: list
    t: list
    formulas: list[str]
    working: list[WorkingLine]

    def json(self) -> str:
        """The record as JSON, indented, with a newline at its end."""
        return _text(self)


class LessonExplainRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The same of a lesson other than the network, schema backproof.explain/2. title: the lesson and the sizes."""

    schema: str = LESSON_SCHEMA
    lesson: str
    title: str
    functions: list[str]
    sizes: dict[str, int]
    seed: int
    inputs: list[LessonInput]
    formulas: list[str]
    working: list[WorkingLine]

    def json(self) -> str:
        """The record as JSON, indented, with a newline at its end."""
        return _text(self)


AnyExplainRecord = ExplainRecord | LessonExplainRecord


def _text(record: msgspec.Struct) -> str:
    return msgspec.json.format(msgspec.json.encode(record), indent=1).decode() + "\n"
