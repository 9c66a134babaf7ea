"""Operations that move, choose or repeat entries: the errors go where the values go, and nothing is rounded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from verify.backward.bound import Bound, moved, size, stored
from verify.backward.precision import DTYPES, Precision, roundoff
from verify.backward.rules.table import lift, plain, rule


def bounds_in(args: Any) -> Iterator[Bound]:
    """The Bounds in arguments and lists of them."""
    for value in args:
        if isinstance(value, Bound):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from bounds_in(value)


def part(value: Any, name: str) -> Any:
    """The arguments with proof or var for each floating tensor, zeros where there is none; indices as they are."""
    if isinstance(value, Bound):
        if not value.floating:
            return value.value
        found = getattr(value, name)
        return torch.zeros_like(value.value) if found is None else found
    if isinstance(value, (list, tuple)):
        return type(value)(part(v, name) for v in value)
    return value


def follow(func: Callable[..., Any], args: Any, options: dict[str, Any]) -> Any:
    """The operation on values and on both errors; a place that rounding decides leaves no bound."""
    value = func(*map(plain, args), **options)
    bounds = list(bounds_in(args))
    floating = [b for b in bounds if b.floating]
    unsure = any(not b.floating and not b.exact for b in bounds)
    if not isinstance(value, Tensor) or not value.is_floating_point():
        return _masks(func, args, options, value, bounds)
    if unsure:
        nothing = torch.full_like(value, torch.inf)
        return moved(value, bounds, nothing, nothing)
    proof, var = (
        func(*(part(a, name) for a in args), **options) if any(getattr(b, name) is not None for b in floating) else None
        for name in ("proof", "var")
    )
    return moved(value, bounds, proof, var)


def _masks(func: Callable[..., Any], args: Any, options: dict[str, Any], value: Any, bounds: list[Bound]) -> Any:
    """Moved masks and indices: unsure ones stay unsure."""
    derived = any(b.derived for b in bounds)
    if all(b.exact for b in bounds):
        return _each(value, lambda v: Bound(v, derived=derived))
    unsure = lambda v: torch.full_like(v, 1.0, dtype=torch.float64)
    return _each(value, lambda v: Bound(v, unsure(v), unsure(v), derived))


def _each(value: Any, make: Callable[[Tensor], Bound]) -> Any:
    return make(value) if isinstance(value, Tensor) else tuple(make(v) for v in value)


@rule(
    "clone", "_unsafe_view", "_reshape_copy", "view_copy", "expand_copy", "permute_copy", "cat", "stack",
    "index_select",
    "gather", "index", "_unsafe_index", "embedding", "flip", "roll", "repeat", "tril", "triu", "select_backward",
    "slice_backward", "diagonal_backward", "select_scatter", "slice_scatter", "diagonal_scatter", "diag_embed", "take",
    "reflection_pad1d", "reflection_pad2d", "reflection_pad3d", "replication_pad1d", "replication_pad2d",
    "replication_pad3d", "upsample_nearest1d", "upsample_nearest2d", "upsample_nearest3d", "im2col", "rot90",
    "index_copy", "masked_scatter", "contiguous", "_to_dense", "pixel_shuffle", "pixel_unshuffle",
    "masked_select", "channel_shuffle", "broadcast_in_dim", "repeat_interleave", "split_with_sizes_copy",
    "masked_scatter_backward", "as_strided_scatter",
)  # fmt: skip
def _follow(p: Precision, func: Any, *args: Any, **options: Any) -> Any:
    return follow(func, args, options)


@rule("constant_pad_nd")
def _pad(p: Precision, func: Any, x: Bound, pad: Any, value: Any = 0) -> Bound:
    if not x.floating:
        return Bound(func(x.value, pad, value), derived=x.derived)
    edge = lift(p, value, x.value)
    pads = lambda v, w: (
        None
        if v is None and w is None
        else func(torch.zeros_like(x.value) if v is None else v, pad, 0.0 if w is None else float(w))
    )
    return moved(func(x.value, pad, value), [x], pads(x.proof, edge.proof), pads(x.var, edge.var))


@rule("_to_copy", "convert_element_type", "to")
def _cast(p: Precision, func: Any, x: Bound, *args: Any, **options: Any) -> Bound:
    """Another dtype: floating ones stay float64 here, and one that is shorter than the storage rounds."""
    dtype = options.get("dtype") or next((a for a in args if isinstance(a, torch.dtype)), x.value.dtype)
    if not dtype.is_floating_point:
        value = x.value.to(dtype)
        if x.floating and not x.exact:
            wide = torch.full_like(value, torch.inf, dtype=torch.float64)
            return Bound(value, wide, wide, x.derived)
        return Bound(value, x.proof, x.var, x.derived)
    if not x.floating:
        return _number(x)
    value = x.value.clone()
    longer = x.exact and dtype == p.storage and not torch.equal(value.to(dtype).to(value.dtype), value)
    if dtype in DTYPES and (roundoff(dtype) > p.u or longer):
        return stored(p, value, [x], x.proof, x.var, relative=roundoff(dtype) / p.u, sigma=roundoff(dtype) / p.u)
    return Bound(value, x.proof, x.var, x.derived, x.terms)


def _number(x: Bound) -> Bound:
    value = x.value.to(torch.float64)
    if x.proof is None:
        return Bound(value, derived=x.derived)
    middle = torch.where(x.proof > 0, 0.5, value)  # of a mask that rounding decides
    return Bound(middle, x.proof / 2, x.proof / 4, x.derived)


# Linear maps that add where places meet ------------------------------------------------------------------------------


@rule(
    "unfold_backward", "col2im", "reflection_pad1d_backward", "reflection_pad2d_backward", "replication_pad1d_backward",
    "replication_pad2d_backward", "upsample_nearest1d_backward", "upsample_nearest2d_backward",
    "upsample_nearest3d_backward", "_upsample_nearest_exact1d_backward", "_upsample_nearest_exact2d_backward",
    "_upsample_nearest_exact3d_backward", "upsample_bilinear2d", "upsample_bilinear2d_backward", "upsample_linear1d",
    "upsample_linear1d_backward", "_adaptive_avg_pool2d", "_adaptive_avg_pool2d_backward", "avg_pool1d", "avg_pool2d",
    "avg_pool2d_backward", "avg_pool3d", "avg_pool3d_backward", "upsample_trilinear3d", "upsample_trilinear3d_backward",
    "_adaptive_avg_pool3d", "_adaptive_avg_pool3d_backward",
)  # fmt: skip
def _spread(p: Precision, func: Any, x: Bound, *args: Any, **options: Any) -> Bound:
    """Weights between 0 and 1; an entry adds no more terms than share it, counted by asking where a 1 arrives."""
    from verify.backward.rules.sums import linear

    rest = tuple(map(plain, args))
    op: Callable[[Tensor], Tensor] = lambda v: func(v, *rest, **options)
    ones = op(torch.ones_like(x.value))
    most = max(1.0, 4.0 * x.value.numel() / max(ones.numel(), 1), float(ones.max()) if ones.numel() else 1.0)
    window = 1
    for a in rest[:1]:
        window = max(window, *_numbers(a)) if isinstance(a, (list, tuple)) and _numbers(a) else window
    found = linear(p, op, lift(p, x, x.value), max(most, window**2 + 1), weights=2.0)
    found.proof = None if found.proof is None else found.proof + 4 * p.u * size(found.value)
    return found


def _numbers(values: Any) -> list[int]:
    return [v for v in values if isinstance(v, int) and v <= 64]
