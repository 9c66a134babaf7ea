"""Comparisons, choices and kinks. At a kink any subgradient is right: the middle is the value, half the width a bound.

Where rounding decides a comparison, its mask is unsure (proof 1); what is chosen by it may be either side.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from verify.backward.bound import Bound, clean, moved, plus
from verify.backward.precision import Precision
from verify.backward.rules.table import argued, lift, pair, plain, rule, whole


def _unsure(mask: Tensor | None) -> Tensor | None:
    return None if mask is None or not bool(mask.any()) else mask.to(torch.float64)


@rule("gt", "lt", "ge", "le", "eq", "ne")
def _compare(p: Precision, func: Any, a: Any, b: Any) -> Bound:
    parts = [v for v in (a, b) if isinstance(v, Bound)]
    value = func(plain(a), plain(b))
    derived = any(v.derived for v in parts)
    if not any(v.floating for v in parts) or not derived or not p.kinks:
        return Bound(value, derived=derived)
    x, y = pair(p, a, b)
    near = _near(x, y)
    equality = func._schema.name.split("::")[1] in ("eq", "ne")
    if equality and len(parts) == 2:
        unsure = _shared(near, x, y)  # equal to the last bit is equal: a maximum is itself
    elif equality and x.proof is None and y.proof is None:
        unsure = None  # a special case of the program, as for a factor of 0, and no kink
    else:
        unsure = _unsure(near)
    return Bound(value, unsure, unsure, True)


def _near(x: Bound, y: Bound) -> Tensor:
    room = plus(x.proof, y.proof)
    gap = (x.value - y.value).abs()
    near = gap == 0 if room is None else gap <= room
    for side in (x, y):
        near = near if side.settled is None else near & ~side.settled
    return near


def _shared(near: Tensor, x: Bound, y: Bound) -> Tensor | None:
    """An entry beside a maximum over several: unsure only where others are as near, and by how many.

    Autograd divides the gradient among k of them; one of them taking all of it is k − 1 such parts away.
    """
    same = x.value.dim() == y.value.dim()
    sizes = zip(x.value.shape, y.value.shape, strict=False) if same else ()
    narrow = [d for d, (m, n) in enumerate(sizes) if m != n]
    if not narrow:
        return _unsure(near & (x.value != y.value))
    others = near.sum(dim=narrow, keepdim=True) - 1
    return None if not bool((others > 0).any()) else (near * others).to(torch.float64)


@rule("logical_and", "logical_or", "logical_xor", "bitwise_and", "bitwise_or", "bitwise_xor", "logical_not",
      "bitwise_not", "any", "all", "__and__", "__or__")  # fmt: skip
def _logic(p: Precision, func: Any, *args: Any, **options: Any) -> Bound:
    parts = [v for v in args if isinstance(v, Bound)]
    value = func(*map(plain, args), **options)
    found: Tensor | None = None
    for v in parts:
        if v.proof is not None:
            found = v.proof if found is None else torch.maximum(*torch.broadcast_tensors(found, v.proof))
    if found is not None and found.shape != value.shape:
        found = torch.full_like(value, 1.0, dtype=torch.float64) if bool(found.any()) else None
    return Bound(value, found, found, any(v.derived for v in parts))


def where(p: Precision, mask: Bound, a: Bound, b: Bound) -> Bound:
    """a where the mask holds, b elsewhere; between them where the mask is unsure."""
    value = torch.where(mask.value, a.value, b.value)
    parts = [mask, a, b]
    proof, var = _chosen(mask.value, a.proof, b.proof), _chosen(mask.value, a.var, b.var)
    if mask.proof is None:
        return moved(value, parts, proof, var)
    half = (a.value - b.value).abs() / 2
    unsure = (mask.proof > 0) & torch.isfinite(half)  # no program may choose what is no number
    half = torch.where(torch.isfinite(half), half, 0.0)
    value = torch.where(unsure, (a.value + b.value) / 2, value)
    both = plus(half, a.proof, b.proof)
    spread = plus(half * half, a.var, b.var)
    zero = torch.zeros((), dtype=torch.float64, device=value.device)
    proof = torch.where(unsure, both, zero if proof is None else proof)  # type: ignore[arg-type]
    var = torch.where(unsure, spread, zero if var is None else var)  # type: ignore[arg-type]
    return Bound(value, clean(proof), clean(var), any(b.derived for b in parts))


def _chosen(mask: Tensor, a: Tensor | None, b: Tensor | None) -> Tensor | None:
    if a is None and b is None:
        return None
    zero = torch.zeros((), dtype=torch.float64, device=mask.device)
    return torch.where(mask, zero if a is None else a, zero if b is None else b)


@rule("where")
def _where(p: Precision, func: Any, mask: Bound, a: Any = None, b: Any = None) -> Any:
    if a is None:
        return tuple(Bound(v) for v in func(mask.value))
    if whole(a, b):
        return Bound(torch.where(mask.value, plain(a), plain(b)), mask.proof, mask.var, mask.derived)
    return where(p, mask, lift(p, a, mask.value), lift(p, b, mask.value))


@rule("masked_fill")
def _masked_fill(p: Precision, func: Any, x: Bound, mask: Bound, number: Any) -> Bound:
    if not x.floating:
        return Bound(func(x.value, mask.value, plain(number)), derived=x.derived)
    return where(p, mask, lift(p, number, x.value), x)


# Kinks ---------------------------------------------------------------------------------------------------------------


@rule("sign", "sgn")
def _sign(p: Precision, func: Any, x: Bound) -> Bound:
    value = func(x.value)
    near = x.value.abs() <= (0.0 if x.proof is None else x.proof)
    unsure = _unsure(near & x.derived) if p.kinks else None
    return Bound(value if unsure is None else value * (1 - unsure), unsure, unsure, x.derived)


@rule("abs")
def _abs(p: Precision, func: Any, x: Bound) -> Bound:
    return Bound(func(x.value), x.proof, x.var, x.derived)


@rule("relu")
def _relu(p: Precision, func: Any, x: Bound) -> Bound:
    return _bent(x, func(x.value), 0.0, torch.inf)


@rule("clamp", "hardtanh", "clamp_min", "clamp_max")
def _clamp(p: Precision, func: Any, x: Bound, *args: Any, **options: Any) -> Bound:
    ends = argued(func, (x, *args), options)
    low, high = ends.get("min", ends.get("min_val")), ends.get("max", ends.get("max_val"))
    if not x.floating and all(end is None or whole(end) for end in (low, high)):
        return Bound(
            func(x.value, *map(plain, args), **{key: plain(v) for key, v in options.items()}), derived=x.derived
        )
    found = x
    for end, pick in ((low, _maximum), (high, _minimum)):
        if isinstance(end, Bound):
            found = pick(p, None, found, end)
        elif end is not None:
            value, stop = pick(p, None, found, end).value, lift(p, end, found.value)
            found = _bent(found, value, *((end, torch.inf) if pick is _maximum else (-torch.inf, end)), stop)
    return found


def _bent(x: Bound, value: Tensor, low: float, high: float, stop: Bound | None = None) -> Bound:
    """A clamp to [low, high]: no error but that of the end, `stop`, where all that x may be lies outside."""
    room = 0.0 if x.proof is None else x.proof
    dead = (x.value + room < low) | (x.value - room > high)
    end = Bound(value) if stop is None else stop
    held = dead if stop is None else (x.value - room <= low) | (x.value + room >= high)
    wider = lambda a, b: None if a is None and b is None else torch.maximum(
        torch.zeros_like(value) if a is None else a * ~dead, held * (torch.zeros_like(value) if b is None else b)
    )  # fmt: skip
    return Bound(value, wider(x.proof, end.proof), wider(x.var, end.var), x.derived, settled=dead)


@rule("maximum", "fmax")
def _maximum(p: Precision, func: Any, a: Any, b: Any) -> Bound:
    if whole(a, b):
        return Bound(torch.maximum(plain(a), plain(b)), derived=a.derived or b.derived)
    x, y = pair(p, a, b)
    return _one_of(x, y, torch.maximum(*torch.broadcast_tensors(x.value, y.value)), x.value > y.value)


@rule("minimum", "fmin")
def _minimum(p: Precision, func: Any, a: Any, b: Any) -> Bound:
    if whole(a, b):
        return Bound(torch.minimum(plain(a), plain(b)), derived=a.derived or b.derived)
    x, y = pair(p, a, b)
    return _one_of(x, y, torch.minimum(*torch.broadcast_tensors(x.value, y.value)), x.value < y.value)


def _one_of(x: Bound, y: Bound, value: Tensor, first: Tensor) -> Bound:
    near = _near(x, y)
    wide = lambda a, b: (
        None
        if a is None and b is None
        else torch.where(near, torch.maximum(_some(a, value), _some(b, value)), _chosen(first, a, b))  # type: ignore[arg-type]
    )
    return moved(value, [x, y], wide(x.proof, y.proof), wide(x.var, y.var))


def _some(part: Tensor | None, like: Tensor) -> Tensor:
    return torch.zeros_like(like) if part is None else part.expand_as(like)


@rule("threshold_backward")
def _threshold_backward(p: Precision, func: Any, grad: Bound, x: Bound, threshold: float) -> Bound:
    return where(p, _compare(p, torch.ops.aten.gt.Scalar, x, threshold), grad, Bound(torch.zeros_like(grad.value)))


# The largest of several ----------------------------------------------------------------------------------------------


@rule("amax", "amin")
def _extreme(p: Precision, func: Any, x: Bound, dim: Any = (), keepdim: bool = False) -> Bound:
    most = lambda v: None if v is None else torch.ops.aten.amax.default(v, dim, keepdim)
    return moved(func(x.value, dim, keepdim), [x], most(x.proof), most(x.var))


@rule("max", "min", "argmax", "argmin")
def _best(p: Precision, func: Any, x: Bound, *args: Any, **options: Any) -> Any:
    name = func._schema.name.split("::")[1]
    if args and isinstance(args[0], Bound):
        return (_maximum if name == "max" else _minimum)(p, func, x, args[0])
    found = func(x.value, *args, **options)
    dim = args[0] if args and args[0] is not None else options.get("dim")
    keep = bool(args[1]) if len(args) > 1 else bool(options.get("keepdim", False))
    if name in ("max", "min") and dim is None:
        return _extreme(p, getattr(torch.ops.aten, f"a{name}").default, x)
    unsure = None if dim is None else _unsure(_contested(x, dim, keep, name.endswith("max")))
    if name.startswith("arg"):
        return Bound(found, unsure, unsure, x.derived)
    most = lambda v: None if v is None else torch.ops.aten.amax.default(v, [dim], keep)
    return moved(found[0], [x], most(x.proof), most(x.var)), Bound(found[1], unsure, unsure, x.derived)


def _contested(x: Bound, dim: int, keep: bool, largest: bool) -> Tensor | None:
    """Where the second is within the errors of the first."""
    if x.value.dim() == 0 or x.value.shape[dim] < 2 or not x.derived:
        return None
    two = torch.topk(x.value, 2, dim=dim, largest=largest).values
    gap = (two.select(dim, 0) - two.select(dim, 1)).abs()
    room = 0.0 if x.proof is None else 2 * torch.amax(x.proof, dim)
    near = gap <= room
    return near.unsqueeze(dim) if keep else near


@rule("sort", "topk", "kthvalue", "median", "nanmedian", "mode", "cummax", "cummin")
def _ordered(p: Precision, func: Any, x: Bound, *args: Any, **options: Any) -> Any:
    found = func(x.value, *args, **options)
    if isinstance(found, Tensor):  # the median of all of them
        whole = lambda v: None if v is None else torch.amax(v)
        return moved(found, [x], whole(x.proof), whole(x.var))
    value, index = found
    given = argued(func, (x, *args), options)
    dim = given["dim"] if x.value.dim() else 0
    keep = bool(given.get("keepdim", True))
    most = lambda v: None if v is None else torch.amax(v, dim, keepdim=keep).expand_as(value)
    unsure = torch.ones_like(index, dtype=torch.float64) if _neighbours(x, dim) else None
    return moved(value, [x], most(x.proof), most(x.var)), Bound(index, unsure, unsure, x.derived)


def _neighbours(x: Bound, dim: int) -> bool:
    """Whether two entries along the dimension are within their errors of each other."""
    if not x.derived or x.value.dim() == 0:
        return False
    ranked = torch.sort(x.value, dim=dim).values
    gap = (ranked.narrow(dim, 1, ranked.shape[dim] - 1) - ranked.narrow(dim, 0, ranked.shape[dim] - 1)).abs()
    return bool((gap <= (0.0 if x.proof is None else 2 * torch.amax(x.proof, dim, keepdim=True))).any())
