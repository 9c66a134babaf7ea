"""Sums over groups of entries that an index names: bags of an embedding, and scattered reductions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from verify.backward.bound import Bound, moved
from verify.backward.precision import Precision
from verify.backward.rules.arithmetic import divide
from verify.backward.rules.products import bilinear
from verify.backward.rules.sums import linear, scatter_add
from verify.backward.rules.table import argued, plain, rule

_SUM, _MEAN = 0, 1


def _over(func: Any, given: dict[str, Any], *names: str, pick: int | None = None) -> Callable[..., Tensor]:
    """The operation as a function of these arguments alone."""
    fixed = {key: plain(value) for key, value in given.items()}

    def run(*values: Tensor) -> Tensor:
        every = fixed | dict(zip(names, values, strict=True))
        found = func(*(every[a.name] for a in func._schema.arguments))
        return found if pick is None else found[pick]

    return run


@rule("_embedding_bag", "_embedding_bag_forward_only")
def _bag(p: Precision, func: Any, weight: Bound, *args: Any, **options: Any) -> Any:
    """Sums and means of rows of a table, each row times its own weight where there are such."""
    given = argued(func, (weight, *args), options)
    if given["mode"] not in (_SUM, _MEAN):
        return NotImplemented
    _, *others = func(*(plain(given[a.name]) for a in func._schema.arguments))
    most = float(torch.bincount(others[0]).max()) if others[0].numel() else 1.0
    scales = given["per_sample_weights"]
    if scales is not None:
        both = _over(func, given, "weight", "per_sample_weights", pick=0)
        found = bilinear(p, both, weight, scales, most, None, most)
    else:
        found = linear(p, _over(func, given, "weight", pick=0), weight, most, weights=2.0 * given["mode"])
    return (found, *(Bound(v) for v in others))


@rule("_embedding_bag_dense_backward", "_embedding_bag_backward")
def _bag_backward(p: Precision, func: Any, grad: Bound, *args: Any, **options: Any) -> Any:
    given = argued(func, (grad, *args), options)
    if given["mode"] not in (_SUM, _MEAN) or given.get("sparse"):
        return NotImplemented
    scales = given["per_sample_weights"]
    terms = float(given["indices"].value.numel())
    if scales is not None:
        return bilinear(p, _over(func, given, "grad", "per_sample_weights"), grad, scales, terms, None, terms)
    return linear(p, _over(func, given, "grad"), grad, terms, weights=2.0)


@rule("_embedding_bag_per_sample_weights_backward")
def _bag_scales(p: Precision, func: Any, grad: Bound, weight: Bound, *args: Any, **options: Any) -> Any:
    given = argued(func, (grad, weight, *args), options)
    return bilinear(p, _over(func, given, "grad", "weight"), grad, weight, weight.value.shape[1])


@rule("scatter_reduce")
def _scatter_reduce(
    p: Precision, func: Any, self: Bound, dim: int, index: Bound, src: Bound, reduce: str, *, include_self: bool = True
) -> Any:
    call = lambda base, v: func(base, dim, index.value, v, reduce, include_self=include_self)
    if not index.exact or not src.floating or reduce == "prod":
        return NotImplemented
    if reduce in ("amax", "amin"):
        most = lambda name: _largest(func, self, dim, index, src, name, include_self)
        return moved(call(self.value, src.value), [self, src], most("proof"), most("var"))
    empty = lambda part: part if part is None or include_self else part.scatter(dim, index.value, 0.0)
    base = Bound(empty(self.value), empty(self.proof), empty(self.var), self.derived)  # type: ignore[arg-type]
    total = scatter_add(p, None, base, dim, index, src)
    if reduce == "sum":
        return total
    ones = torch.ones_like(self.value) if include_self else torch.ones_like(self.value).scatter(dim, index.value, 0.0)
    count = ones.scatter_add(dim, index.value, torch.ones_like(src.value)).clamp(min=1)
    return divide(p, total, Bound(count))


def _largest(func: Any, self: Bound, dim: int, index: Bound, src: Bound, name: str, include: bool) -> Tensor | None:
    """The largest error of a group."""
    one, two = getattr(self, name), getattr(src, name)
    if one is None and two is None:
        return None
    zeros = lambda part, like: torch.zeros_like(like.value) if part is None else part
    return func(zeros(one, self), dim, index.value, zeros(two, src), "amax", include_self=include)
