"""The graded record: what `compare.py SUBMISSION` and `grade.py` write as JSON, schema backproof.grade/1 and /2.

docs/JSON.md explains every field. Two runs with one seed give the same record, byte for byte, but for `timings`.
"""

from __future__ import annotations

import importlib
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from verify.grading.assignment import Assignment
from verify.said import Said, Value

SCHEMA = "backproof.grade/1"
LESSON_SCHEMA = "backproof.grade/2"
PARTS_SCHEMA = "backproof.grade/3"
POINTS_RULE = 2  # how points come about: docs/INSTRUCTOR.md; records of the first rule have no such field


class Worst(msgspec.Struct, frozen=True):
    """The entry of a line that is furthest beyond its budget, or closest to it."""

    index: list[int]
    yours: float | None
    expected: float
    error: float | None
    budget: float
    problem: str = ""


class SaidRecord(msgspec.Struct, frozen=True):
    """A sentence of the record without its language: the key of its text, and the values that stand in it."""

    key: str
    values: dict[str, str | int | float | list[str] | SaidRecord] = {}


def said_record(said: Said) -> SaidRecord:
    """A sentence as a record keeps it beside its English text; sentences within it likewise."""
    return SaidRecord(said.key, {name: _kept(value) for name, value in said.values.items()})


def _kept(value: Value) -> str | int | float | list[str] | SaidRecord:
    if isinstance(value, Said):
        return said_record(value)
    return value if isinstance(value, str | int | float) else list(value)


class LineRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A line over all problems of the run."""

    name: str
    function: str = "gradients"
    state: str  # right | undecided | wrong | blocked | absent
    carried_forward: str | None = None  # right | wrong | blocked, on the student's own values upstream
    points: float = 0.0
    max_points: float = 0.0
    wrong_problems: int = 0
    problems: int = 0
    reason: str = ""
    reason_said: SaidRecord | None = None
    place: str = ""
    equation: str = ""
    worst: Worst | None = None


class FindingRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One mistake of the diagnosis."""

    mistake: str
    lines: list[str]
    says: str
    wrong: str = ""
    right: str = ""
    place: str = ""
    only: list[str] = []
    number: float | None = None
    also: list[str] = []
    said: list[SaidRecord] = []


class WorkingLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the counterexample's working, with the student's value beside it where there is one."""

    name: str
    symbol: str
    equation: str
    place: str
    expected: Any
    yours: Any = None
    differs: bool = False
    terms: list = []  # the equation's right-hand side with its numbers put in: text, numbers, matrices
    sources: list[str] | UnsetType = UNSET  # of a lesson: the inputs and earlier lines that it is computed from


class HeatMap(msgspec.Struct, frozen=True, kw_only=True):
    """The first wrong line, entry by entry, on the problem that shows most of it: what its pattern is seen on.

    Of a line with more rows or columns than are kept, the part around its worst entry.
    """

    line: str
    problem: str
    shape: tuple[int, int]  # rows and columns of the whole line
    origin: tuple[int, int]  # the first row and column that are kept, from 0
    yours: list[list[Any]]
    expected: list[list[Any]]
    share: list[list[Any]] = []  # log₁₀(error / budget); null where nothing is off; empty where the shapes differ


class CallBefore(msgspec.Struct, frozen=True, kw_only=True):
    """The call whose values a program still has in the next one; it answers this one as if nothing were kept."""

    W: list
    b: list
    x: list
    t: list
    activation: str
    lam: float
    label: str


class Counterexample(msgspec.Struct, frozen=True, kw_only=True):
    """The smallest problem of the ladder that shows the error; of a mistake of state, with the call before it."""

    W: list
    b: list
    x: list
    t: list
    activation: str
    lam: float
    output: str
    loss: str
    penalty: str = "lam/2"
    line: str
    yours: Any
    expected: Any
    label: str
    message: str = ""
    message_said: SaidRecord | None = None
    formulas: list[str] = []
    working: list[WorkingLine] = []
    before: CallBefore | None = None


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What the assignment asked for, as far as one needs it to read the record."""

    convention: str
    backend: str
    activations: list[str]
    output: str
    loss: str
    layers: list[int]
    precision: str
    penalty: str = "lam/2"


class GradeRecord(msgspec.Struct, kw_only=True):
    """All that is known of one graded submission."""

    schema: str = SCHEMA
    submission: str
    state: str
    task: Task | None = None
    score: float | None = None
    max_score: float = 0.0
    points_rule: int = POINTS_RULE
    seed: int | None = None
    problems: int = 0
    lines: list[LineRecord] = []
    first_wrong_line: str | None = None
    diagnosis: list[FindingRecord] = []
    known: list[str] = []
    known_said: list[SaidRecord] = []
    counterexample: Counterexample | None = None
    heat: HeatMap | UnsetType = UNSET
    detection_limit: float | None = None
    message: str = ""
    message_said: list[SaidRecord] = []
    advice: list[str] = []
    advice_said: list[SaidRecord] = []
    raised: list[str] = []
    raised_said: list[SaidRecord] = []
    hidden_mistakes: list[str] = []
    output: str = ""
    sandbox: str = ""
    digests: dict[str, str] = {}
    timings: dict[str, float] = {}

    def _repr_html_(self) -> str:
        """The page, where a notebook shows a record."""
        # By its name: a record knows none of its renderers.
        return importlib.import_module("verify.reports.graded_pages").in_notebook(self)


class LessonInput(msgspec.Struct, frozen=True):
    """An input of a lesson's problem: its name, and its value as nested lists."""

    name: str
    value: Any


class LessonCase(msgspec.Struct, frozen=True, kw_only=True):
    """The smallest problem of a lesson that shows the error."""

    title: str
    function: str
    inputs: list[LessonInput]
    line: str
    yours: Any
    expected: Any
    label: str
    message: str = ""
    formulas: list[str] = []
    working: list[WorkingLine] = []


class LessonTask(msgspec.Struct, frozen=True, kw_only=True):
    """What a lesson's assignment asked for: the functions, the shapes of inputs, sizes, and the lesson's own keys."""

    title: str
    functions: list[str]
    inputs: dict[str, str]
    sizes: dict[str, list[int]]
    keys: dict[str, Any]
    backend: str
    precision: str


class LessonRecord(GradeRecord, kw_only=True):
    """All that is known of one graded submission of a lesson other than the network, schema backproof.grade/2."""

    schema: str = LESSON_SCHEMA
    lesson: str = ""
    task: LessonTask | None = None
    counterexample: LessonCase | None = None


class PartRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One part of an assignment of several: what it came to in the whole, and its own record, whole.

    record: of schema backproof.grade/1 or /2, in the points of its own lesson, as JSON.
    """

    name: str
    lesson: str
    state: str
    score: float | None
    max_score: float
    record: msgspec.Raw

    @property
    def graded(self) -> GradeRecord:
        """Its own record."""
        return decode(bytes(self.record))


class PartsRecord(GradeRecord, kw_only=True):
    """All that is known of one graded submission of several parts, schema backproof.grade/3.

    lines: those of all parts, with the points that they have in the whole; their function is 'svm.gradient'.
    """

    schema: str = PARTS_SCHEMA
    task: None = None
    counterexample: None = None
    parts: list[PartRecord] = []


def unexplained(record: GradeRecord) -> str | None:
    """The first wrong line, where no mistake is named; beside mistakes, the first that follows from none of them."""
    if not record.diagnosis:
        return record.first_wrong_line
    named = {line for finding in record.diagnosis for line in finding.lines}
    for line in record.lines:
        void = line.reason_said is not None and line.reason_said.key == "void"
        own = line.state == "wrong" and line.carried_forward != "right" and line.function == "gradients"
        if own and not void and line.name not in named:
            return line.name
    return None


def without_run(name: str, state: str, reason: Said, assignment: Any, seed: int | None) -> GradeRecord:
    """The record of what was never run. A grader-error has no score: our own failure is never the student's."""
    about: dict[str, Any] = {
        "submission": name, "state": state, "score": None if state == "grader-error" else 0.0,
        "max_score": assignment.points.total, "seed": seed, "message": reason.text,
        "message_said": [said_record(reason)], "digests": {"assignment": assignment.digest()},
    }  # fmt: skip
    if isinstance(assignment, Assignment):
        return GradeRecord(task=task_of(assignment), **about)
    return PartsRecord(**about) if hasattr(assignment, "parts") else LessonRecord(lesson=assignment.lesson, **about)


def task_of(a: Assignment) -> Task:
    """What of an assignment goes into every record."""
    return Task(
        convention=a.convention, backend=a.backend, activations=list(a.activations), output=a.output, loss=a.loss,
        layers=list(a.layers), precision=a.precision, penalty=a.penalty,
    )  # fmt: skip


def encode(record: GradeRecord) -> bytes:
    """The record as JSON, indented, with a newline at its end."""
    return msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n"


def decode(data: bytes) -> GradeRecord:
    """A record read back. Raises msgspec.DecodeError where it is none."""
    schema = msgspec.json.decode(data, type=_Schema).schema
    return msgspec.json.decode(data, type=_KINDS.get(schema, GradeRecord))


_KINDS: dict[str, type[GradeRecord]] = {LESSON_SCHEMA: LessonRecord, PARTS_SCHEMA: PartsRecord}


class _Schema(msgspec.Struct):
    schema: str
