"""The table of rules, by aten name. A rule takes the precision, the operation and its arguments, tensors as Bounds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from verify.backward.bound import Bound
from verify.backward.precision import Precision

Rule = Callable[..., Any]
RULES: dict[str, Rule] = {}


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Enter a rule under these aten names (without overload)."""

    def enter(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, function))
        return function

    return enter


def lift(p: Precision, value: Any, like: Tensor) -> Bound:
    """A Bound of a tensor or of a Python number; a number that the storage does not hold exactly is rounded once."""
    if isinstance(value, Bound):
        return value if value.floating else Bound(value.value.to(torch.float64), value.proof, value.var, value.derived)
    number = torch.tensor(value, dtype=torch.float64, device=like.device)
    if float(number.to(p.storage)) == float(number) or not bool(torch.isfinite(number)):
        return Bound(number)
    return Bound(number, p.u * number.abs(), (p.u * number) ** 2 / 3)


def constant(p: Precision, value: Tensor) -> Bound:
    """A tensor of the program's own: what its storage does not hold exactly is rounded once, as a number is."""
    if p.storage == torch.float64 or value.dtype != torch.float64:
        return Bound(value)
    off = (value.to(p.storage).to(torch.float64) != value) & (value.abs() <= p.largest)
    if not bool(off.any()):
        return Bound(value)
    size = torch.where(off, value.abs(), 0.0)
    return Bound(value, p.u * size, (p.u * size) ** 2 / 3)


def pair(p: Precision, a: Any, b: Any) -> tuple[Bound, Bound]:
    """Both operands of an elementwise operation, one of which may be a number."""
    like = a.value if isinstance(a, Bound) else b.value
    return lift(p, a, like), lift(p, b, like)


def argued(func: Any, args: Any, options: dict[str, Any]) -> dict[str, Any]:
    """The arguments of an aten operation by name, its defaults among them."""
    known = func._schema.arguments
    found = {a.name: a.default_value for a in known if a.has_default_value()}
    return found | {a.name: v for a, v in zip(known, args, strict=False)} | options


def whole(*operands: Any) -> bool:
    """Whether all operands are integers or masks: nothing rounds, and the operation is done as it stands."""
    return all(not v.floating if isinstance(v, Bound) else isinstance(v, (int, bool)) for v in operands)


def plain(value: Any) -> Any:
    """The value of a Bound; anything else as it is."""
    if isinstance(value, Bound):
        return value.value
    if isinstance(value, (list, tuple)):
        return type(value)(plain(v) for v in value)
    return value
