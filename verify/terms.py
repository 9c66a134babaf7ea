"""A line's equation with its numbers put in, so that it can be redone by hand.

The parts stand in the order in which the line's equation (`verify.lines`) has them: text, numbers, and matrices as
lists of rows. Reports write them out; nothing is computed from them.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from manual import SLIDES, Working
from verify.lines import kind_and_layer

Part = str | float | list

MOST_ENTRIES = 64  # of one matrix: beyond that nobody redoes it by hand
MOST_HANDED = 400  # entries of a student's value that a record keeps


def as_lists(value: Tensor, *, columns: bool = False) -> Any:
    """A tensor as nested lists in one of the conventions. JSON has no NaN and no infinity: they are text."""
    if columns and value.dim() in (1, 2):
        value = value.unsqueeze(1) if value.dim() == 1 else value.T
    return _plain(value.tolist())


def handed(value: Tensor, *, columns: bool = False) -> Any:
    """A student's value as nested lists, or in words where it is larger than any line that is shown."""
    if value.numel() > MOST_HANDED:
        return f"an array of shape {tuple(value.T.shape if columns and value.dim() == 2 else value.shape)}"
    return as_lists(value, columns=columns)


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(v) for v in value]
    return value if value == value and abs(value) != float("inf") else str(value)


def terms(net: Working, name: str, *, columns: bool = False) -> list[Part]:
    """The right-hand side of a line with numbers for letters; empty where a matrix is too large to be of use."""
    kind, layer = kind_and_layer(name)
    parts = _PARTS[kind](net, net.L if layer is None else layer, columns)
    if any(isinstance(p, Tensor) and p.numel() > MOST_ENTRIES for p in parts):
        return []
    return [as_lists(p, columns=columns) if isinstance(p, Tensor) else p for p in parts if p != ""]


Parts = list[str | float | Tensor]


def _product(left: Tensor, right: Tensor, columns: bool) -> Parts:
    """left · right in rows; in columns the factors change places, as (AB)ᵀ = BᵀAᵀ."""
    return [right, " ", left] if columns else [left, " ", right]


def _affine(net: Working, l: int, columns: bool) -> Parts:
    return [*_product(net.z[l - 1], net.W[l], columns), " + ", net.b[l]]


def _activated(net: Working, l: int, columns: bool) -> Parts:
    return [f"{net.f.name}(", net.a[l], ")"]


def _output(net: Working, l: int, columns: bool) -> Parts:
    return [f"{net.pair.output}(", net.a[l], ")"]


def _total_error(net: Working, l: int, columns: bool) -> Parts:
    errors = net.pair.error(net.a[l], net.y, net.t).tolist()
    parts: Parts = [f"(1/{net.N}) ("]
    for n, error in enumerate(errors):
        parts += [" + "] * (n > 0) + [error]
    penalty = sum(float(torch.sum(W**2)) for W in net.W.values())
    return [*parts, ")", *([" + ½ · ", net.lam, " · ", penalty] if net.lam else [])]


def _delta(net: Working, l: int, columns: bool) -> Parts:
    if l < net.L:
        back = _product(net.delta[l + 1], net.W[l + 1].T, columns)
        return ["(", *back, ") ⊙ ", SLIDES.slope(net, l)]
    if net.pair.g is None:
        return [net.y, " − ", net.t]
    return ["(", net.y, " − ", net.t, ") ⊙ ", net.pair.g.derivative(net.a[l])]


def _weight_gradient(net: Working, l: int, columns: bool) -> Parts:
    parts = [_mean(net), *_product(net.z[l - 1].T, net.delta[l], columns)]
    return [*parts, *([" + ", net.lam, " · ", net.W[l]] if net.lam else [])]


def _bias_gradient(net: Working, l: int, columns: bool) -> Parts:
    return [f"{_mean(net)}Σₙ ", net.delta[l]]


def _mean(net: Working) -> str:
    return f"(1/{net.N}) " if net.N > 1 else ""


_PARTS = {
    "a": _affine,
    "z": _activated,
    "y": _output,
    "E": _total_error,
    "delta": _delta,
    "dW": _weight_gradient,
    "db": _bias_gradient,
}
