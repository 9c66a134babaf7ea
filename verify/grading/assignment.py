"""The instructor's assignment: a TOML file with a default for every key, checked key by key before anything runs."""

from __future__ import annotations

import hashlib
import importlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from verify.errors import BadInput
from verify.grading import beside, checks
from verify.grading.common import Common
from verify.grading.course import EXPLAINED, Late, Show
from verify.grading.toml_file import parse, read_text
from verify.problems.choices import ACTIVATIONS, LOSSES, OUTPUTS, PAIRS
from verify.problems.written import PENALTIES

FUNCTIONS = ("forward", "loss", "step")

# The lines that [points.lines] may name: the numbered ones also one layer at a time, as in delta3.
NUMBERED_LINES = ("delta", "dW", "db", "a", "z")
SINGLE_LINES = ("y", "E")

MAX_LAYERS = 20
MAX_UNITS = 1024
MAX_SECONDS = 3600.0
MAX_MEMORY_MIB = 1 << 20
MAX_POINTS = 1e6
MAX_GRACE = 7 * 24 * 60.0


class ActivationConstants(msgspec.Struct, frozen=True):
    """The constants of the activations that have one."""

    leaky_relu: float = 0.01
    elu: float = 1.0
    swish: float = 1.0
    celu: float = 1.0
    prelu: float = 0.25


class LossConstants(msgspec.Struct, frozen=True):
    """The constants of the losses that have one: κ of Huber's, ε of the smoothing of labels, Δ of the margin."""

    huber: float = 1.0
    smoothing: float = 0.1
    margin: float = 1.0


class Points(msgspec.Struct, frozen=True):
    """Points by function; `lines` weighs lines or kinds of lines, `mistakes` has the prices of named mistakes."""

    gradients: float = 10.0
    forward: float = 0.0
    loss: float = 0.0
    step: float = 0.0
    lines: dict[str, float] = {}
    mistakes: dict[str, float] = {}

    @property
    def total(self) -> float:
        """What a submission without a fault gets."""
        return round(self.gradients + self.forward + self.loss + self.step, 6)


class Assignment(Common, frozen=True):
    """What is asked for and how it is marked. `Assignment()` is the default: deck 000's network."""

    lesson: str = "network"
    convention: str = "rows"
    activations: tuple[str, ...] = ("relu", "tanh", "sigmoid")
    output: str = "softmax"
    loss: str = "cross-entropy"
    layers: tuple[int, int] = (1, 3)
    widths: tuple[int, int] = (1, 8)
    inputs: tuple[int, int] = (1, 8)
    outputs: tuple[int, int] = (2, 6)
    batch: tuple[int, int] = (1, 8)
    biases: bool = True
    l2: bool = True
    penalty: str = "lam/2"
    epsilon: str = "allow"
    forward_only: str = "allow"
    activation: ActivationConstants = ActivationConstants()
    losses: LossConstants = LossConstants()
    points: Points = Points()

    @property
    def asked(self) -> tuple[str, ...]:
        """The optional functions that are called: those that have points, and those that the assignment names."""
        return tuple(f for f in FUNCTIONS if getattr(self.points, f) > 0 or f in self.functions)

    @property
    def entry(self) -> str:
        """The function by which the program is known where several lie side by side."""
        return "gradients"

    def digest(self) -> str:
        """Hex SHA-256 of every value that a grade depends on: the same for files that say the same in other words."""
        values = msgspec.to_builtins(self)
        for key in _OF_THE_COURSE:
            del values[key]
        # Assignments from before these keys keep their digest.
        for key in ("forward_only", "packages", "adapter", "files", "penalty", "losses"):
            if getattr(self, key) == getattr(_DEFAULT, key):
                del values[key]
        for name in ("celu", "prelu"):
            if values["activation"][name] == getattr(ActivationConstants(), name):
                del values["activation"][name]
        return hashlib.sha256(msgspec.json.encode(values, order="sorted")).hexdigest()


_DEFAULT = Assignment()


def read_assignment(path: Path | None) -> Assignment:
    """The assignment in a TOML file; None is the default one.

    Raises BadInput, one line with the file, the key, the value and what is allowed.
    """
    if path is None:
        return Assignment()
    source = ascii(str(path))[1:-1] if not str(path).isprintable() else str(path)
    return assignment_from(parse(read_text(path, source), source), source, path.parent)


def assignment_from(table: Mapping[str, Any], source: str, folder: Path | None = None) -> Assignment:
    """The assignment that a table of TOML values says; `source` names its file in errors, `folder` is where it lies."""
    assignment = Assignment(**checks.checked(table, KEYS, "", source))
    problem = _pairing_problem(assignment) or _points_problem(assignment)
    if problem:
        raise BadInput(f"{source}: {problem}")
    return beside.filled(assignment, folder, source, ("gradients(W, b, x, t, activation, lam)",), beside.HERE)


# The keys ------------------------------------------------------------------------------------------------------------


class _LineNames(Mapping[str, checks.Check]):
    """The keys of [points.lines]: any line's name, or a kind of line for all its layers."""

    _POINTS = staticmethod(checks.number(0, MAX_POINTS))
    PATTERN = re.compile(f"(?:{'|'.join(NUMBERED_LINES)})(?:[1-9][0-9]?)?|{'|'.join(SINGLE_LINES)}")

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self.PATTERN.fullmatch(key) is not None

    def __getitem__(self, key: str) -> checks.Check:
        return self._POINTS

    def __iter__(self):
        yield from (*NUMBERED_LINES, *(f"{name}1" for name in NUMBERED_LINES), *SINGLE_LINES)

    def __len__(self) -> int:
        return 2 * len(NUMBERED_LINES) + len(SINGLE_LINES)


class _MistakeNames(Mapping[str, checks.Check]):
    """The keys of [points.mistakes]: the ids of the catalogue, which is imported where one is asked for."""

    _POINTS = staticmethod(checks.number(0, MAX_POINTS))

    @staticmethod
    def _ids() -> tuple[str, ...]:
        # By its name: the records that reports read name an assignment's types, and bring no equations along.
        return tuple(importlib.import_module("verify.lessons.network.mistakes").CATALOGUE)

    def __contains__(self, key: object) -> bool:
        return key in self._ids()

    def __getitem__(self, key: str) -> checks.Check:
        return self._POINTS

    def __iter__(self):
        return iter(self._ids())

    def __len__(self) -> int:
        return len(self._ids())


_CONSTANTS = checks.Table(
    {
        "leaky_relu": checks.number(0, 1),
        "elu": checks.number(0, 100, open_below=True),
        "swish": checks.number(0, 100, open_below=True),
        "celu": checks.number(0, 100, open_below=True),
        "prelu": checks.number(0, 1),
    },
    ActivationConstants,
)
_LOSS_CONSTANTS = checks.Table(
    {
        "huber": checks.number(0, 100, open_below=True),
        "smoothing": checks.number(0, 0.9, open_below=True),
        "margin": checks.number(0, 100, open_below=True),
    },
    LossConstants,
)
_FUNCTION_POINTS = checks.number(0, MAX_POINTS)
_POINTS = checks.Table(
    {
        "gradients": _FUNCTION_POINTS,
        "forward": _FUNCTION_POINTS,
        "loss": _FUNCTION_POINTS,
        "step": _FUNCTION_POINTS,
        "lines": checks.Table(_LineNames(), dict),
        "mistakes": checks.Table(_MistakeNames(), dict),
    },
    Points,
)
_LATE = checks.Table(
    {"per_day": checks.number(0, 1), "most": checks.number(0, 1), "grace": checks.number(0, MAX_GRACE)}, Late
)
_SHOW = checks.Table({"before": checks.one_of(EXPLAINED), "after": checks.one_of(EXPLAINED)}, Show)
# What a class needs besides, and no grade depends on.
_OF_THE_COURSE = ("name", "due", "late", "show")
KEYS: dict[str, checks.Check | checks.Table] = {
    "lesson": checks.one_of(("network",)),
    "convention": checks.one_of(("rows", "columns")),
    "backend": checks.one_of(("numpy", "torch")),
    "activations": checks.some_of(ACTIVATIONS),
    "output": checks.one_of(OUTPUTS),
    "loss": checks.one_of(LOSSES),
    "layers": checks.span(MAX_LAYERS),
    "widths": checks.span(MAX_UNITS),
    "inputs": checks.span(MAX_UNITS),
    "outputs": checks.span(MAX_UNITS),
    "batch": checks.span(MAX_UNITS),
    "biases": checks.truth,
    "l2": checks.truth,
    "penalty": checks.one_of(tuple(PENALTIES)),
    "precision": checks.one_of(("float64", "float32")),
    "seed": checks.seed,
    "epsilon": checks.one_of(("allow", "wrong")),
    "forward_only": checks.one_of(("allow", "wrong")),
    "functions": checks.some_of(FUNCTIONS, least=0),
    "time_limit": checks.number(0, MAX_SECONDS, open_below=True),
    "cpu_limit": checks.number(0, MAX_SECONDS),
    "memory_mib": checks.whole(64, MAX_MEMORY_MIB),
    "program": checks.file_name,
    "packages": checks.packages,
    "adapter": checks.adapter_name,
    "files": checks.paths,
    "name": checks.title,
    "due": checks.moment,
    "activation": _CONSTANTS,
    "losses": _LOSS_CONSTANTS,
    "points": _POINTS,
    "late": _LATE,
    "show": _SHOW,
}
COURSE: dict[str, checks.Check | checks.Table] = {key: KEYS[key] for key in _OF_THE_COURSE}


def schema_of(keys: Mapping[str, checks.Check | checks.Table]) -> dict[str, Any]:
    """A table with those keys as JSON Schema, from the checks themselves."""
    if isinstance(keys, _LineNames):
        points = checks.schema_of(keys["dW"])
        return {
            "type": "object",
            "additionalProperties": False,
            "patternProperties": {f"^({keys.PATTERN.pattern})$": points},
        }
    properties = {
        key: schema_of(check.keys) if isinstance(check, checks.Table) else checks.schema_of(check)
        for key in keys
        for check in (keys[key],)
    }
    return {"type": "object", "additionalProperties": False, "properties": properties}


# What the values must be together ------------------------------------------------------------------------------------


def _pairing_problem(assignment: Assignment) -> str | None:
    """An output goes with some losses alone."""
    if assignment.output in PAIRS[assignment.loss]:
        return None
    fitting = [loss for loss, outputs in PAIRS.items() if assignment.output in outputs]
    return (
        f"output = {checks.shown(assignment.output)} does not go with loss = {checks.shown(assignment.loss)}; "
        f"output {assignment.output} takes loss {' or '.join(fitting)}, "
        f"loss {assignment.loss} takes output {', '.join(PAIRS[assignment.loss])}"
    )


def _points_problem(assignment: Assignment) -> str | None:
    points, most = assignment.points, assignment.layers[1]
    if not points.gradients + points.forward + points.loss + points.step > 0:
        return "points: no function has any; at least one of gradients, forward, loss, step takes more than 0"
    for name in points.lines:
        number = name.lstrip("abdeltWz")
        if number.isdigit() and int(number) > most:
            return f"points.lines.{name}: there is no layer {number}; layers = [{assignment.layers[0]}, {most}]"
    return None
