"""The instructor's assignment: a TOML file with a default for every key, checked key by key before anything runs."""

from __future__ import annotations

import hashlib
import importlib
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from verify.errors import BadInput
from verify.grading.toml_file import parse, read_text

ACTIVATIONS = (
    "relu",
    "leaky_relu",
    "elu",
    "softplus",
    "sigmoid",
    "tanh",
    "swish",
    "gelu",
    "gelu_tanh",
    "gelu_sigmoid",
    "identity",
    "relu6",
    "hard_tanh",
    "hard_sigmoid",
    "hard_swish",
    "mish",
    "selu",
    "celu",
    "prelu",
    "softsign",
    "log_sigmoid",
    "silu",
)
OUTPUTS = ("softmax", *ACTIVATIONS)
LOSSES = ("cross-entropy", "binary-cross-entropy", "squared-error")

FUNCTIONS = ("forward", "loss", "step")
SECRET = "secret"

# The lines that [points.lines] may name: the numbered ones also one layer at a time, as in delta3.
NUMBERED_LINES = ("delta", "dW", "db", "a", "z")
SINGLE_LINES = ("y", "E")

MAX_LAYERS = 20
MAX_UNITS = 1024
MAX_SECONDS = 3600.0
MAX_MEMORY_MIB = 1 << 20
MAX_POINTS = 1e6


class ActivationConstants(msgspec.Struct, frozen=True):
    """The constants of the activations that have one."""

    leaky_relu: float = 0.01
    elu: float = 1.0
    swish: float = 1.0
    celu: float = 1.0
    prelu: float = 0.25


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


class Assignment(msgspec.Struct, frozen=True):
    """What is asked for and how it is marked. `Assignment()` is the default: deck 000's network."""

    lesson: str = "network"
    convention: str = "rows"
    backend: str = "numpy"
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
    precision: str = "float64"
    seed: int | str = SECRET
    epsilon: str = "allow"
    forward_only: str = "allow"
    functions: tuple[str, ...] = ()
    time_limit: float = 10.0
    cpu_limit: float = 0.0
    memory_mib: int = 1024
    program: str = ""
    activation: ActivationConstants = ActivationConstants()
    points: Points = Points()

    @property
    def asked(self) -> tuple[str, ...]:
        """The optional functions that are called: those that have points, and those that the assignment names."""
        return tuple(f for f in FUNCTIONS if getattr(self.points, f) > 0 or f in self.functions)

    @property
    def practice_seed(self) -> int:
        """The seed of problems that anybody may see: the assignment's, or 0 where the class's own is secret."""
        return self.seed if isinstance(self.seed, int) else 0

    def digest(self) -> str:
        """Hex SHA-256 of every value: the same for two files that say the same in other words or another order."""
        values = msgspec.to_builtins(self)
        # Assignments from before these keys keep their digest.
        if self.forward_only == "allow":
            del values["forward_only"]
        for name in ("celu", "prelu"):
            if values["activation"][name] == getattr(ActivationConstants(), name):
                del values["activation"][name]
        return hashlib.sha256(msgspec.json.encode(values, order="sorted")).hexdigest()


def read_assignment(path: Path | None) -> Assignment:
    """The assignment in a TOML file; None is the default one.

    Raises BadInput, one line with the file, the key, the value and what is allowed.
    """
    if path is None:
        return Assignment()
    source = ascii(str(path))[1:-1] if not str(path).isprintable() else str(path)
    return assignment_from(parse(read_text(path, source), source), source)


def assignment_from(table: Mapping[str, Any], source: str) -> Assignment:
    """The assignment that a table of TOML values says; `source` names its file in errors."""
    assignment = Assignment(**_checked(table, _KEYS, "", source))
    problem = _pairing_problem(assignment) or _points_problem(assignment)
    if problem:
        raise BadInput(f"{source}: {problem}")
    return assignment


# Checks of one value -------------------------------------------------------------------------------------------------


class _Refused(Exception):
    """A value that a key does not take; the message says what it takes."""


_PROGRAM = re.compile(r"[^/\\\0]{1,100}\.(py|ipynb|md|qmd|Rmd)")
_Check = Callable[[Any], Any]


def _name(known: tuple[str, ...]) -> _Check:
    def check(value: Any) -> str:
        if not isinstance(value, str) or value not in known:
            raise _Refused(f"one of {', '.join(known)}")
        return value

    return check


def _names(known: tuple[str, ...], least: int = 1) -> _Check:
    def check(value: Any) -> tuple[str, ...]:
        whole = isinstance(value, list) and all(isinstance(entry, str) and entry in known for entry in value)
        if not whole or len(value) < least or len(set(value)) < len(value):
            raise _Refused(f"a list of {'at least one of ' if least else ''}{', '.join(known)}, each once")
        return tuple(value)

    return check


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _Refused("true or false")
    return value


def _file_name(value: Any) -> str:
    if not isinstance(value, str) or (value and not _PROGRAM.fullmatch(value)):
        raise _Refused('the name of a .py file or a notebook, as "hw3.py"; "" for none in particular')
    return value


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _whole(least: int, most: int) -> _Check:
    def check(value: Any) -> int:
        if not _is_whole(value) or not least <= value <= most:
            raise _Refused(f"a whole number from {least} to {most}")
        return value

    return check


def _seed(value: Any) -> int | str:
    if value == SECRET or (_is_whole(value) and 0 <= value < 2**63):
        return value
    raise _Refused(f'"{SECRET}", or a whole number from 0 to {2**63 - 1}')


def _range(most: int) -> _Check:
    def check(value: Any) -> tuple[int, int]:
        pair = isinstance(value, list) and len(value) == 2 and all(map(_is_whole, value))
        if not pair or not 1 <= value[0] <= value[1] <= most:
            raise _Refused(f"two whole numbers [from, to] with 1 <= from <= to <= {most}")
        return value[0], value[1]

    return check


def _number(least: float, most: float, *, open_below: bool = False) -> _Check:
    least_allowed = "greater than" if open_below else "of at least"

    def check(value: Any) -> float:
        numeric = isinstance(value, float) or _is_whole(value)
        # A comparison, and not float(value), first: TOML's whole numbers have no upper bound, and NaN fails it.
        if not numeric or not least <= value <= most or (open_below and value == least):
            raise _Refused(f"a number {least_allowed} {least:g} and at most {most:g}")
        return float(value)

    return check


# The keys ------------------------------------------------------------------------------------------------------------


class _Table(msgspec.Struct, frozen=True):
    """A table of the file: the keys it knows, and what its checked values become."""

    keys: Mapping[str, Any]
    build: Callable[..., Any]


class _LineNames(Mapping[str, _Check]):
    """The keys of [points.lines]: any line's name, or a kind of line for all its layers."""

    _POINTS = staticmethod(_number(0, MAX_POINTS))
    _PATTERN = re.compile(f"(?:{'|'.join(NUMBERED_LINES)})(?:[1-9][0-9]?)?|{'|'.join(SINGLE_LINES)}")

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self._PATTERN.fullmatch(key) is not None

    def __getitem__(self, key: str) -> _Check:
        return self._POINTS

    def __iter__(self):
        yield from (*NUMBERED_LINES, *(f"{name}1" for name in NUMBERED_LINES), *SINGLE_LINES)

    def __len__(self) -> int:
        return 2 * len(NUMBERED_LINES) + len(SINGLE_LINES)


class _MistakeNames(Mapping[str, _Check]):
    """The keys of [points.mistakes]: the ids of the catalogue, which is imported where one is asked for."""

    _POINTS = staticmethod(_number(0, MAX_POINTS))

    @staticmethod
    def _ids() -> tuple[str, ...]:
        # By its name: the records that reports read name an assignment's types, and bring no equations along.
        return tuple(importlib.import_module("verify.lessons.network.mistakes").CATALOGUE)

    def __contains__(self, key: object) -> bool:
        return key in self._ids()

    def __getitem__(self, key: str) -> _Check:
        return self._POINTS

    def __iter__(self):
        return iter(self._ids())

    def __len__(self) -> int:
        return len(self._ids())


def _checked(table: Mapping[str, Any], keys: Mapping[str, _Check | _Table], prefix: str, source: str) -> dict[str, Any]:
    """The table's values, each through its key's check; BadInput at the first unknown key or refused value."""
    values: dict[str, Any] = {}
    for key, value in table.items():
        name = prefix + key
        if key not in keys:
            raise BadInput(f"{source}: unknown key {_shown(name)}; known here: {', '.join(keys)}")
        try:
            values[key] = _value(value, keys[key], f"{name}.", source)
        except _Refused as refused:
            raise BadInput(f"{source}: {name} = {_shown(value)} is not allowed; {name} takes {refused}") from None
    return values


def _value(value: Any, check: _Check | _Table, prefix: str, source: str) -> Any:
    if not isinstance(check, _Table):
        return check(value)
    if not isinstance(value, dict):
        raise _Refused(f"a table with the keys {', '.join(check.keys)}")
    return check.build(**_checked(value, check.keys, prefix, source))


_CONSTANTS = _Table(
    {
        "leaky_relu": _number(0, 1),
        "elu": _number(0, 100, open_below=True),
        "swish": _number(0, 100, open_below=True),
        "celu": _number(0, 100, open_below=True),
        "prelu": _number(0, 1),
    },
    ActivationConstants,
)
_FUNCTION_POINTS = _number(0, MAX_POINTS)
_POINTS = _Table(
    {
        "gradients": _FUNCTION_POINTS,
        "forward": _FUNCTION_POINTS,
        "loss": _FUNCTION_POINTS,
        "step": _FUNCTION_POINTS,
        "lines": _Table(_LineNames(), dict),
        "mistakes": _Table(_MistakeNames(), dict),
    },
    Points,
)
_KEYS: dict[str, _Check | _Table] = {
    "lesson": _name(("network",)),
    "convention": _name(("rows", "columns")),
    "backend": _name(("numpy", "torch")),
    "activations": _names(ACTIVATIONS),
    "output": _name(OUTPUTS),
    "loss": _name(LOSSES),
    "layers": _range(MAX_LAYERS),
    "widths": _range(MAX_UNITS),
    "inputs": _range(MAX_UNITS),
    "outputs": _range(MAX_UNITS),
    "batch": _range(MAX_UNITS),
    "biases": _truth,
    "l2": _truth,
    "precision": _name(("float64", "float32")),
    "seed": _seed,
    "epsilon": _name(("allow", "wrong")),
    "forward_only": _name(("allow", "wrong")),
    "functions": _names(FUNCTIONS, least=0),
    "time_limit": _number(0, MAX_SECONDS, open_below=True),
    "cpu_limit": _number(0, MAX_SECONDS),
    "memory_mib": _whole(64, MAX_MEMORY_MIB),
    "program": _file_name,
    "activation": _CONSTANTS,
    "points": _POINTS,
}


# What the values must be together ------------------------------------------------------------------------------------


def _pairing_problem(assignment: Assignment) -> str | None:
    """Softmax goes with cross-entropy, sigmoid with binary cross-entropy, any activation with squared error."""
    allowed = {
        "cross-entropy": ("softmax",),
        "binary-cross-entropy": ("sigmoid",),
        "squared-error": ACTIVATIONS,
    }
    if assignment.output in allowed[assignment.loss]:
        return None
    fitting = [loss for loss, outputs in allowed.items() if assignment.output in outputs]
    return (
        f"output = {_shown(assignment.output)} does not go with loss = {_shown(assignment.loss)}; "
        f"output {assignment.output} takes loss {' or '.join(fitting)}, "
        f"loss {assignment.loss} takes output {', '.join(allowed[assignment.loss])}"
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


def _shown(value: Any) -> str:
    """A value as TOML would write it, in one line and not too long."""
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and value.bit_length() > 128:
        return "a whole number of more than 38 digits"
    text = '"' + value.encode("unicode_escape").decode() + '"' if isinstance(value, str) else ascii(value)
    return text if len(text) <= 60 else text[:57] + "..."
