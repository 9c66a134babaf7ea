"""What a submission answered: lines of float64 in the rows convention, and what could not be sorted, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from verify.grading.sentence import count
from verify.problems.lines import kind_and_layer


@dataclass(frozen=True)
class Answer:
    """One call of `gradients`: its lines, or why there are none."""

    lines: Mapping[str, Tensor] = field(default_factory=dict)  # of any shape: the comparison judges shapes
    failed: str = ""  # the message of what was raised, or what was wrong with the form of the result
    place: str = ""  # where in the student's program it failed
    faults: Mapping[str, str] = field(default_factory=dict)  # line -> why its value is no array of floats
    float32: bool = False  # something came back in single precision
    integers: bool = False  # something came back in integers
    inputs_changed: bool = False

    @property
    def returned(self) -> bool:
        return not self.failed


@dataclass
class Sorting:
    """Values as they are sorted into lines. columns: whether they lie as decks 001 to 004 have them."""

    columns: bool = False
    lines: dict[str, Tensor] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    dtypes: set[str] = field(default_factory=set)

    def take(self, name: str, value: Any) -> None:
        """Keep a value as that line, or say why it is none."""
        array = as_array(value)
        if array is None:
            self.faults[name] = f"{name} is {describe(value)}, where an array of floats is expected"
        elif array.dtype.kind == "c" or array.dtype.kind not in "fiub":
            self.faults[name] = f"{name} has dtype {array.dtype}, where a floating dtype is expected"
        else:
            self.dtypes.add(str(array.dtype))
            with np.errstate(over="ignore", invalid="ignore"):  # of what is wider than float64
                self.lines[name] = torch.from_numpy(np.array(self._rows(name, array), dtype=np.float64))

    def answer(self, inputs_changed: bool) -> Answer:
        """What came, as an answer."""
        return Answer(
            self.lines, faults=self.faults, float32="float32" in self.dtypes or "float16" in self.dtypes,
            integers=any(d.startswith(("int", "uint", "bool")) for d in self.dtypes), inputs_changed=inputs_changed,
        )  # fmt: skip

    def _rows(self, name: str, array: NDArray) -> NDArray:
        """From the columns convention to rows: matrices turn over, and so do the lines of samples."""
        if not self.columns or array.ndim != 2:
            return array
        return array.T[0] if name.startswith("db") and array.shape[1] == 1 else array.T


def gradients_answer(
    value: Any, L: int, *, columns: bool = False, inputs_changed: bool = False, biases: bool = True
) -> Answer:
    """Sort what `gradients` returned: dW, db, or dW, db and a dict of lines.

    biases: without them db is not looked at, whatever it is, and dW alone will do.
    A result of another form is a failed answer whose message says what came and what is allowed.
    """
    if not biases:
        value = _without_biases(value, L)
    if not isinstance(value, list | tuple) or len(value) not in (2, 3):
        return Answer(failed=f"gradients returned {describe(value)}; it returns dW, db or dW, db, {{lines}}")
    sorting = Sorting(columns)
    for kind, values in (("dW", value[0]), ("db", value[1]))[: 1 + biases]:
        layers = _layers(values)
        if layers is None or len(layers) != L:
            came = f"is {describe(values)}" if layers is None else f"has {count(len(layers), 'entry')}"
            return Answer(failed=f"{kind} {came}, where a list of {count(L, 'array')} is expected, one per layer")
        for l, layer in enumerate(layers, 1):
            sorting.take(f"{kind}{l}", layer)
    if len(value) == 3:
        if not isinstance(value[2], dict):
            return Answer(failed=f"the third value is {describe(value[2])}; it is a dict of lines by name")
        _take_lines(sorting, value[2], L)
    return sorting.answer(inputs_changed)


def _without_biases(value: Any, L: int) -> Any:
    """dW with an empty db beside it: of dW alone, dW and lines, dW and db, or all three."""
    matrices = lambda v: (layers := _layers(v)) is not None and len(layers) == L and all(map(_is_matrix, layers))
    if matrices(value):
        return value, []
    if isinstance(value, list | tuple) and len(value) in (1, 2, 3) and isinstance(value[-1], dict):
        return value[0], [], value[-1]
    return (value[0], []) if isinstance(value, list | tuple) and len(value) in (1, 2) else value


def _is_matrix(value: Any) -> bool:
    array = as_array(value)
    return array is not None and array.ndim == 2


def _layers(values: Any) -> Sequence[Any] | None:
    """One entry per layer: a list, a tuple, or an array whose first axis runs over the layers."""
    if isinstance(values, list | tuple):
        return values
    return list(values) if isinstance(values, np.ndarray) and values.ndim >= 2 else None


# In the columns convention z is before and a after the activation, and the output is a(L).
def rows_name(name: str, L: int) -> str:
    """The rows convention's name of a line that is named as decks 001 to 004 do."""
    kind, l = kind_and_layer(name) if name != "J" else ("E", None)
    if kind == "a" and l == L:
        return "y"
    return f"{ {'z': 'a', 'a': 'z'}.get(kind, kind) }{'' if l is None else l}"


def columns_name(name: str, L: int) -> str:
    """The name in decks 001 to 004 of a line that is named as in deck 000."""
    if name == "y":
        return f"a{L}"
    kind, l = kind_and_layer(name)
    return f"{ {'z': 'a', 'a': 'z'}.get(kind, kind) }{'' if l is None else l}"


def _take_lines(sorting: Sorting, handed: Mapping[Any, Any], L: int) -> None:
    """Lines by name; names that are none of the working's are passed over, the required ones count once."""
    for key, value in handed.items():
        try:
            name = rows_name(str(key), L) if sorting.columns else str(key)
            kind, l = kind_and_layer(name)
        except ValueError:
            continue
        if kind not in ("dW", "db") and (l is None or l <= L) and value is not None:
            sorting.take(name, value)


def as_array(value: Any) -> NDArray | None:
    """A plain array of an array, a number, or a list of lists of numbers; None of anything else."""
    if isinstance(value, np.ndarray | np.generic):
        return np.asarray(value)
    if isinstance(value, bool | int | float | complex) and not isinstance(value, str):
        return np.asarray(value)
    if isinstance(value, list | tuple) and value:
        return _nested(value)
    return None


def _nested(value: Sequence[Any]) -> NDArray | None:
    parts = [as_array(v) for v in value]
    if any(p is None for p in parts) or len({p.shape for p in parts if p is not None}) != 1:
        return None
    return np.stack([p for p in parts if p is not None])


def describe(value: Any) -> str:
    """A value in few words, for a message to the student."""
    if value is None:
        return "None"
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape} and dtype {value.dtype}"
    if isinstance(value, list | tuple | dict):
        return f"a {type(value).__name__} of {len(value)} entries"
    return f"{type(value).__name__} {value!r}"[:60]
