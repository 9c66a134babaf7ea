"""Equations of single entries: what stands in a line's terms, read as an expression and written for one entry.

`[1 2] [[3] [4]]` gives for its one entry `1 · 3 + 2 · 4`. What cannot be read, or does not come to the value that the
record has, is given up: no equation is shown that was not checked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verify.reports.numbers import number

_MOST_SUMMED = 8  # terms of a sum that are written out
_CLOSE = 1e-7
_DIGITS = 4
_TOKEN = re.compile(
    r"\s*(?:(?P<value>\x00\d+\x00)|(?P<number>\d+(?:\.\d+)?|½)|(?P<sum>Σₙ)|(?P<name>[A-Za-z_σ][A-Za-z_0-9]*)"
    r"|(?P<sign>[-+−⊙·/()√²ᵀ^]))"
)
Index = tuple[int, ...]
Write = Callable[[Index], str]


class _Unreadable(Exception):
    pass


@dataclass(frozen=True)
class _Part:
    """A part of an expression: its value, how one entry of it is written, and how tightly that binds."""

    value: NDArray[np.float64]
    write: Write
    binds: int = 3  # 1 a sum, 2 a product, 3 a number, or what stands in brackets

    def entry(self, index: Index, least: int = 1) -> str:
        """One entry of it, by the index of what it is broadcast to; in brackets where it binds too loosely."""
        at = index[len(index) - self.value.ndim :] if self.value.ndim else ()
        text = self.write(tuple(0 if n == 1 else i for i, n in zip(at, self.value.shape, strict=True)))
        return f"({text})" if self.binds < least or (least > 1 and text.startswith(("-", "−"))) else text


def entries(terms: Sequence[Any], expected: Any, *, columns: bool = False) -> Write | None:
    """Entry -> its equation with numbers; None where the terms cannot be read or come to something else.

    terms: as `WorkingLine.terms` has them. columns: whether samples are columns, for sums over them and for softmax.
    """
    try:
        wanted = _array(expected)
        part = _Reader(terms, wanted, columns).read()
        with np.errstate(all="ignore"):
            same = part.value.shape == wanted.shape and _alike(part.value, wanted)
    except (_Unreadable, ValueError, TypeError, IndexError, FloatingPointError):
        return None
    return part.write if same else None


def _alike(one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    return bool((np.abs(one - other) <= _CLOSE * (1 + np.abs(other))).all())


def _array(value: Any) -> NDArray[np.float64]:
    return np.asarray(value, dtype=np.float64)


def _leaf(value: Any) -> _Part:
    array = _array(value)
    return _Part(array, lambda at: number(float(array[at]), _DIGITS))


class _Reader:
    """Reads an expression from the left: sums of products of what stands close together."""

    def __init__(self, terms: Sequence[Any], wanted: NDArray[np.float64], columns: bool) -> None:
        self.values = [part for part in terms if not isinstance(part, str)]
        counted = iter(range(len(self.values)))
        text = "".join(part if isinstance(part, str) else f"\x00{next(counted)}\x00" for part in terms)
        self.tokens = _tokens(text)
        self.at, self.wanted, self.columns = 0, wanted, columns

    def read(self) -> _Part:
        part = self._sum()
        if self.at < len(self.tokens):
            raise _Unreadable
        return part

    @property
    def next(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def _take(self) -> str:
        self.at += 1
        return self.tokens[self.at - 1]

    def _sum(self) -> _Part:
        part = self._product()
        while self.next in ("+", "-", "−"):
            sign = "+" if self._take() == "+" else "−"
            part = _added(part, self._product(), sign)
        return part

    def _product(self) -> _Part:
        part = self._unary()
        while self.next and self.next not in ("+", "-", "−", ")"):
            sign = self._take() if self.next in ("⊙", "·", "/") else ""
            part = _multiplied(part, self._unary(), sign)
        return part

    def _unary(self) -> _Part:
        if self.next in ("-", "−"):
            self._take()
            inner = self._unary()
            return _Part(-inner.value, lambda at: f"−{inner.entry(at, 3)}", 2)
        if self.next == "Σₙ":
            self._take()
            return self._summed(self._product())
        part = self._single()
        while self.next in ("²", "ᵀ", "^"):
            sign = self._take()
            part = _squared(part) if sign == "²" else _turned(part) if sign == "ᵀ" else _power(part, self._single())
        return part

    def _single(self) -> _Part:
        if not self.next:
            raise _Unreadable
        token = self._take()
        if token.startswith("\x00"):
            return _leaf(self.values[int(token.strip("\x00"))])
        if token == "½" or token[0].isdigit():
            return _Part(_array(0.5), lambda at: "½") if token == "½" else _leaf(float(token))
        if token == "(":
            inner = self._sum()
            if self.next != ")":
                raise _Unreadable
            self._take()
            return inner
        if token == "√":
            return _applied("√", self._single())
        if token == "ln" or (self.next == "(" and (token in (*_FUNCTIONS, "softmax") or self.at == 1)):
            return self._function(token)
        raise _Unreadable

    def _function(self, name: str) -> _Part:
        first = self.at == 1
        inner = self._single()
        if name == "softmax":
            return _softmax(inner, 0 if self.columns else -1)
        if name not in _FUNCTIONS and first and self.at == len(self.tokens):
            # An activation that this module does not know: its value is the record's own.
            return _Part(self.wanted, lambda at: f"{name}({inner.entry(at)})")
        return _applied(name, inner)

    def _summed(self, part: _Part) -> _Part:
        axis = 1 if self.columns else 0
        if part.value.ndim != 2:
            raise _Unreadable
        total = part.value.sum(axis, keepdims=self.columns)

        def write(at: Index) -> str:
            rest = at[-1] if not self.columns else at[0]
            places = [(n, rest) if not self.columns else (rest, n) for n in range(part.value.shape[axis])]
            return _plus([part.entry(place, 2) for place in places])

        return _Part(total, write, 1 if part.value.shape[axis] > 1 else 3)


def _tokens(text: str) -> list[str]:
    found, at = [], 0
    text = text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise _Unreadable
        found.append(match[0].strip())
        at = match.end()
    return found


def _plus(parts: Sequence[str]) -> str:
    if len(parts) > _MOST_SUMMED:
        shown = [*parts[: _MOST_SUMMED - 2], "…", parts[-1]]
        return " + ".join(shown)
    return " + ".join(parts)


def _added(one: _Part, other: _Part, sign: str) -> _Part:
    value = one.value + other.value if sign == "+" else one.value - other.value
    return _Part(value, lambda at: f"{one.entry(at)} {sign} {other.entry(at, 2)}", 1)


def _multiplied(one: _Part, other: _Part, sign: str) -> _Part:
    if sign == "/":
        return _Part(one.value / other.value, lambda at: f"{one.entry(at, 2)} / {other.entry(at, 3)}", 2)
    if sign or not one.value.ndim or not other.value.ndim:
        if not sign and one.value.ndim == 0 and one.value == 0.5:
            return _Part(one.value * other.value, lambda at: f"½ · {other.entry(at, 2)}", 2)
        return _Part(one.value * other.value, lambda at: f"{one.entry(at, 2)} · {other.entry(at, 2)}", 2)
    return _matrix_product(one, other)


def _matrix_product(one: _Part, other: _Part) -> _Part:
    value = one.value @ other.value
    inner = one.value.shape[-1]

    def write(at: Index) -> str:
        left = at[: one.value.ndim - 1]
        right = at[len(left) :]
        pairs = [((*left, k), (k, *right)) for k in range(inner)]
        return _plus([f"{one.entry(i, 2)} · {other.entry(j, 2)}" for i, j in pairs])

    if one.value.ndim > 2 or other.value.ndim > 2:
        raise _Unreadable
    return _Part(value, write, 1 if inner > 1 else 2)


def _squared(part: _Part) -> _Part:
    return _Part(part.value**2, lambda at: f"{part.entry(at, 3)}²")


def _power(part: _Part, exponent: _Part) -> _Part:
    return _Part(part.value**exponent.value, lambda at: f"{part.entry(at, 3)}^{exponent.entry(at, 3)}")


def _turned(part: _Part) -> _Part:
    return _Part(part.value.T, lambda at: part.write(at[::-1]), part.binds)


_FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "tanh": np.tanh,
    "relu": lambda v: np.maximum(v, 0),
    "sigmoid": lambda v: 1 / (1 + np.exp(-v)),
    "σ": lambda v: 1 / (1 + np.exp(-v)),
    "exp": np.exp,
    "ln": np.log,
    "√": np.sqrt,
}


def _applied(name: str, inner: _Part) -> _Part:
    if name not in _FUNCTIONS:
        raise _Unreadable
    with np.errstate(all="ignore"):
        value = _FUNCTIONS[name](inner.value)
    if name == "√":
        return _Part(value, lambda at: f"√{inner.entry(at, 3)}")
    if name == "relu":
        return _Part(value, lambda at: f"max(0, {inner.entry(at)})")
    return _Part(value, lambda at: f"{name}({inner.entry(at)})")


def _softmax(inner: _Part, axis: int) -> _Part:
    with np.errstate(all="ignore"):
        e = np.exp(inner.value - inner.value.max(axis, keepdims=True))
        value = e / e.sum(axis, keepdims=True)

    def write(at: Index) -> str:
        places = [(*at[:-1], k) if axis else (k, *at[1:]) for k in range(inner.value.shape[axis])]
        return f"exp({inner.entry(at)}) / ({_plus([f'exp({inner.entry(place)})' for place in places])})"

    return _Part(value, write, 2)
