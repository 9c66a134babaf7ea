"""What a submission answered: lines of float64 in the rows convention, and what could not be sorted, and why."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from verify.grading.sentence import Said, said
from verify.problems.lines import kind_and_layer
from verify.said import Value

if TYPE_CHECKING:  # what is right is judged without torch, whose import takes seconds
    from torch import Tensor


class Lines(Mapping[str, "Tensor"]):
    """Lines as they came, line -> array of float64: each becomes a tensor on the same memory when it is asked for."""

    def __init__(self, arrays: Mapping[str, NDArray]) -> None:
        self.arrays = arrays
        self._tensors: dict[str, Tensor] = {}

    def __getitem__(self, name: str) -> Tensor:
        if name not in self._tensors:
            import torch

            self._tensors[name] = torch.from_numpy(self.arrays[name])
        return self._tensors[name]

    def __contains__(self, name: object) -> bool:
        return name in self.arrays

    def __iter__(self) -> Iterator[str]:
        return iter(self.arrays)

    def __len__(self) -> int:
        return len(self.arrays)


@dataclass(frozen=True)
class Answer:
    """One call of `gradients`: its lines, or why there are none."""

    lines: Mapping[str, Tensor] = field(default_factory=dict)  # of any shape: the comparison judges shapes
    failed: Said | None = None  # what was raised, or what was wrong with the form of the result
    place: str = ""  # where in the student's program it failed
    faults: Mapping[str, Said] = field(default_factory=dict)  # line -> why its value is no array of floats
    float32: bool = False  # something came back in single precision
    integers: bool = False  # something came back in integers
    inputs_changed: bool = False
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)  # line -> as it was handed over

    @property
    def returned(self) -> bool:
        return self.failed is None

    @property
    def has_own_lines(self) -> bool:
        """Whether any line came beside the gradients."""
        return any(not n.startswith(("dW", "db")) for n in self.lines)

    @property
    def arrays(self) -> Mapping[str, NDArray]:
        """The lines as arrays."""
        return self.lines.arrays if isinstance(self.lines, Lines) else {n: v.numpy() for n, v in self.lines.items()}


@functools.cache
def _dtype_name(dtype: np.dtype) -> str:
    return str(dtype)


@dataclass
class Sorting:
    """Values as they are sorted into lines. columns: whether they lie as decks 001 to 004 have them."""

    columns: bool = False
    lines: dict[str, NDArray] = field(default_factory=dict)
    faults: dict[str, Said] = field(default_factory=dict)
    dtypes: set[str] = field(default_factory=set)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def take(self, name: str, value: Any) -> None:
        """Keep a value as that line, or say why it is none."""
        array = as_array(value)
        if array is None:
            self.faults[name] = said("no-array", line=name, value=describe(value))
        elif array.dtype.kind == "c" or array.dtype.kind not in "fiub":
            self.faults[name] = said("dtype", line=name, dtype=str(array.dtype))
        else:
            self.dtypes.add(_dtype_name(array.dtype))
            self.shapes[name] = array.shape
            self.lines[name] = _in_float64(self._rows(name, array))

    def answer(self, inputs_changed: bool) -> Answer:
        """What came, as an answer."""
        return Answer(
            Lines(self.lines), faults=self.faults, float32="float32" in self.dtypes or "float16" in self.dtypes,
            integers=any(d.startswith(("int", "uint", "bool")) for d in self.dtypes), inputs_changed=inputs_changed,
            shapes=self.shapes if self.columns else {},
        )  # fmt: skip

    def _rows(self, name: str, array: NDArray) -> NDArray:
        """From the columns convention to rows: matrices turn over, and so do the lines of samples."""
        if not self.columns or array.ndim != 2:
            return array
        return array.T[0] if name.startswith("db") and array.shape[1] == 1 else array.T


def _by_layer(value: Any, L: int) -> bool:
    """Whether a matrix came for each layer, or a matrix and a vector: of two layers they would pass for dW and db."""
    if not isinstance(value, list | tuple) or len(value) != L:
        return False
    layers = [one if isinstance(one, list | tuple) else (one,) for one in value]
    if not all(isinstance(v, np.ndarray) for one in layers for v in one):
        return False
    return {tuple(v.ndim for v in one) for one in layers} in ({(2,)}, {(2, 1)})


def _in_float64(array: NDArray) -> NDArray:
    if array.dtype == np.float64 and array.flags.writeable:
        return array
    with np.errstate(over="ignore", invalid="ignore"):  # of what is wider than float64
        return np.array(array, dtype=np.float64)


def gradients_answer(
    value: Any, L: int, *, columns: bool = False, inputs_changed: bool = False, biases: bool = True
) -> Answer:
    """Sort what `gradients` returned: dW, db, or dW, db and a dict of lines.

    biases: without them db is not looked at, whatever it is, and dW alone will do.
    A result of another form is a failed answer whose message says what came and what is allowed.
    """
    if not biases:
        value = _without_biases(value, L)
    elif _by_layer(value, L):
        return Answer(failed=said("pairs" if isinstance(value[0], list | tuple) else "weights-alone"))
    if not isinstance(value, list | tuple) or len(value) not in (2, 3):
        return Answer(failed=said("returned", value=describe(value)))
    sorting = Sorting(columns)
    for kind, values in (("dW", value[0]), ("db", value[1]))[: 1 + biases]:
        layers = _layers(values)
        if layers is None or len(layers) != L:
            return Answer(failed=_not_a_list(kind, values, layers, L))
        for l, layer in enumerate(layers, 1):
            sorting.take(f"{kind}{l}", layer)
    if len(value) == 3:
        if not isinstance(value[2], dict):
            return Answer(failed=said("third-value", value=describe(value[2])))
        _take_lines(sorting, value[2], L)
    return sorting.answer(inputs_changed)


def _not_a_list(kind: str, values: Any, layers: Sequence[Any] | None, L: int) -> Said:
    if layers is None:
        return said("kind-is", kind=kind, value=describe(values), layers=L)
    return said("kind-has", kind=kind, entries=len(layers), layers=L)


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


def shapes_of(answer: Answer, name: str, value: Tensor, expected: Tensor) -> tuple[str, str]:
    """The shape of a line's value and that which is expected, as the assignment's convention has them."""
    if name not in answer.shapes:
        return str(tuple(value.shape)), str(tuple(expected.shape))
    wanted = (len(expected), 1) if expected.dim() == 1 else tuple(expected.T.shape)
    return str(answer.shapes[name]), str(wanted)


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


_LINE = re.compile(r"([az])(\(?\d+\)?)")


def in_columns(sentence: Said) -> Said:
    """A sentence with the lines in it named as decks 001 to 004 do."""
    return replace(sentence, values={name: _in_columns(name, value) for name, value in sentence.values.items()})


def _in_columns(name: str, value: Value) -> Value:
    if isinstance(value, Said):
        return in_columns(value)
    if name != "line" or not isinstance(value, str):
        return value
    match = _LINE.fullmatch(value)
    return "a(L)" if value == "y" else f"{ {'z': 'a', 'a': 'z'}[match[1]] }{match[2]}" if match else value


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


def describe(value: Any) -> Said:
    """A value in few words, for a message to the student."""
    if value is None:
        return said("value-none")
    if isinstance(value, np.ndarray):
        return said("value-array", shape=str(value.shape), dtype=str(value.dtype))
    kind = type(value).__name__
    if isinstance(value, list | tuple | dict):
        return said("value-list", kind=kind, entries=len(value))
    return said("value-other", kind=kind, value=f"{value!r}"[: max(0, 59 - len(kind))])
