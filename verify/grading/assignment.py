"""The instructor's assignment: a TOML file with a default for every key, checked key by key before anything runs."""

from __future__ import annotations

import hashlib
import math
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from verify.errors import BadInput

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
)
OUTPUTS = ("softmax", *ACTIVATIONS)
LOSSES = ("cross-entropy", "binary-cross-entropy", "squared-error")

# The lines that [points.lines] may name: the numbered ones also one layer at a time, as in delta3.
NUMBERED_LINES = ("delta", "dW", "db", "a", "z")
SINGLE_LINES = ("y", "E")

MAX_FILE_BYTES = 1 << 20
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


class Points(msgspec.Struct, frozen=True):
    """Points by function; `lines` overrides the equal share of single lines or kinds of lines."""

    gradients: float = 10.0
    forward: float = 0.0
    loss: float = 0.0
    step: float = 0.0
    lines: dict[str, float] = {}

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
    seed: int = 0
    time_limit: float = 10.0
    cpu_limit: float = 0.0
    memory_mib: int = 1024
    program: str = ""
    activation: ActivationConstants = ActivationConstants()
    points: Points = Points()

    def digest(self) -> str:
        """Hex SHA-256 of every value: the same for two files that say the same in other words or another order."""
        return hashlib.sha256(msgspec.json.encode(self, order="sorted")).hexdigest()


def read_assignment(path: Path | None) -> Assignment:
    """The assignment in a TOML file; None is the default one.

    Raises BadInput, one line with the file, the key, the value and what is allowed.
    """
    if path is None:
        return Assignment()
    source = ascii(str(path))[1:-1] if not str(path).isprintable() else str(path)
    return assignment_from(_parse(_read_text(path, source), source), source)


def assignment_from(table: Mapping[str, Any], source: str) -> Assignment:
    """The assignment that a table of TOML values says; `source` names its file in errors."""
    assignment = Assignment(**_checked(table, _KEYS, "", source))
    problem = _pairing_problem(assignment) or _points_problem(assignment)
    if problem:
        raise BadInput(f"{source}: {problem}")
    return assignment


# The file ------------------------------------------------------------------------------------------------------------


def _read_text(path: Path, source: str) -> str:
    try:
        if not path.is_file():
            kind = "is a folder" if path.is_dir() else "is no such file" if not path.exists() else "is no regular file"
            raise BadInput(f"{source}: {kind}; an assignment is a TOML file")
        with path.open("rb") as stream:
            data = stream.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        raise BadInput(f"{source}: cannot be read ({_first_line(error)}); an assignment is a TOML file") from None
    if len(data) > MAX_FILE_BYTES:
        raise BadInput(f"{source}: is larger than {MAX_FILE_BYTES} bytes; an assignment is a short TOML file")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadInput(f"{source}: line {line} is not UTF-8 (byte 0x{data[error.start]:02x}); TOML is UTF-8") from None


def _parse(text: str, source: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise BadInput(f"{source}: is nested too deeply; an assignment has tables of one or two levels") from None
    except ValueError as error:
        raise BadInput(f"{source}: is no TOML: {_first_line(error)}") from None


def _first_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return (str(error).splitlines() or [type(error).__name__])[0]


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


def _names(known: tuple[str, ...]) -> _Check:
    def check(value: Any) -> tuple[str, ...]:
        whole = isinstance(value, list) and value and all(isinstance(entry, str) and entry in known for entry in value)
        if not whole or len(set(value)) < len(value):
            raise _Refused(f"a list of at least one of {', '.join(known)}, each once")
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
    "seed": _whole(0, 2**63 - 1),
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
