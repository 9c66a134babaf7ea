"""Tensors as a record has them: nested lists, or in words where they are larger than anything that is shown."""

from __future__ import annotations

from typing import Any

from torch import Tensor

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
