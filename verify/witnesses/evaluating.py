"""A scalar function of tensors at many perturbed copies of one argument, within a bound on memory."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

from verify.errors import BadInput

_OWN_COPIES = 3  # of the perturbed argument: the rows, their reshaped copy, one that the function makes


def checked(tensors: Sequence[object]) -> list[Tensor]:
    """Copies of the tensors in float64. Raises BadInput."""
    if not tensors:
        raise BadInput("no tensor to differentiate by: allowed is one or more")
    return [_copy(k, v) for k, v in enumerate(tensors)]


def _copy(k: int, v: object) -> Tensor:
    if not isinstance(v, Tensor):
        raise BadInput(
            f"argument {k} is {v!r:.60}, of type {type(v).__name__}: allowed are tensors of a floating dtype"
        )
    if not v.is_floating_point():
        raise BadInput(f"argument {k} has dtype {v.dtype}, which no small step fits in: allowed are floating dtypes")
    if not bool(torch.isfinite(v).all()):
        raise BadInput(f"argument {k} has entries that are not finite: allowed are finite numbers")
    return v.detach().to(torch.float64, copy=True)


class Evaluated:
    """The function at one argument's perturbed copies, the others as they are."""

    def __init__(self, function: Callable[..., Tensor], tensors: list[Tensor], memory: int) -> None:
        self.function = function
        self.tensors = tensors
        self.memory = memory
        self.batched = True
        kept = [v.clone() for v in tensors]
        with _Live() as live:
            self.value = number(function(*tensors))
        self.footprint = live.peak
        again = number(function(*tensors))
        if not all(torch.equal(v, w) for v, w in zip(tensors, kept, strict=True)):
            raise BadInput("the function changes its arguments: allowed is one that leaves them as they are")
        if float(again) != float(self.value):
            raise BadInput(
                f"the function gives {float(self.value)!r}, then {float(again)!r} for the same arguments: "
                "allowed is one without random numbers or memory"
            )

    def chunk(self, k: int) -> int:
        """How many copies of argument k are evaluated at once: what they and the function make takes `memory` bytes."""
        own = 8 * self.tensors[k].numel()
        return max(1, self.memory // max(1, _OWN_COPIES * own + (self.footprint if self.batched else 0)))

    def at(self, k: int, rows: Tensor) -> Tensor:
        """The values (B,) with argument k replaced by each of the rows (B, *shape)."""
        one: Callable[[Tensor], Tensor] = lambda v: self.function(*self.tensors[:k], v, *self.tensors[k + 1 :])
        if self.batched:
            try:
                with warnings.catch_warnings():
                    warnings.filterwarnings("ignore", message="There is a performance drop")
                    return torch.func.vmap(one)(rows).to(torch.float64)
            except RuntimeError:  # an operation that vmap has no rule for, or a branch on a value
                self.batched = False
        return torch.stack([one(row).to(torch.float64) for row in rows.clone()])


class _Live(TorchDispatchMode):
    """The most bytes that live at once of what the operations inside make."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        if any(r.alias_info is not None for r in func._schema.returns):
            return found  # a view, or what was there already
        for v in tree_flatten(found)[0]:
            if isinstance(v, Tensor):
                size = v.numel() * v.element_size()
                self.now += size
                weakref.finalize(v, self._gone, size)
        self.peak = max(self.peak, self.now)
        return found

    def _gone(self, size: int) -> None:
        self.now -= size


def number(value: object) -> Tensor:
    """A function's value, checked. Raises BadInput."""
    if not isinstance(value, Tensor) or not value.is_floating_point():
        what = f"dtype {value.dtype}" if isinstance(value, Tensor) else f"type {type(value).__name__}"
        raise BadInput(f"the function's value has {what}: allowed is a tensor of a floating dtype")
    if value.dim() != 0:
        raise BadInput(f"the function's value has shape {tuple(value.shape)}: allowed is (), a single number")
    if not bool(torch.isfinite(value)):
        raise BadInput(f"the function's value is {float(value)}: allowed is a finite number")
    return value.to(torch.float64).clone()
