"""Operations that are written out in simpler ones, where torch's own decomposition does not show the terms."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from verify.backward.rules.sums import dims_of

FORMULAS: dict[str, Callable[..., Any]] = {}


def formula(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter a formula in plain torch operations under these aten names."""

    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        FORMULAS.update(dict.fromkeys(names, function))
        return function

    return enter


def _spread(x: Tensor, dim: Any, correction: Any, keepdim: bool) -> tuple[Tensor, Tensor]:
    dims = dims_of(dim, x.dim())
    mean = x.mean(dims, keepdim=True)
    n = x.numel() // max(mean.numel(), 1)
    centred = x - mean
    bottom = n - (1 if correction is None else correction)
    found = (centred * centred).sum(dims, keepdim=keepdim) / max(bottom, 0)
    return found, mean if keepdim else mean.squeeze(dims)


def _correction(unbiased: Any, correction: Any) -> Any:
    return correction if not isinstance(unbiased, bool) else int(unbiased)


@formula("var")
def _var(x: Tensor, dim: Any = None, unbiased: Any = None, keepdim: bool = False, *, correction: Any = None) -> Tensor:
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    return _spread(x, dim, _correction(unbiased, correction), keepdim)[0]


@formula("std")
def _std(x: Tensor, *args: Any, **options: Any) -> Tensor:
    return torch.sqrt(_var(x, *args, **options))


@formula("var_mean")
def _var_mean(
    x: Tensor, dim: Any = None, unbiased: Any = None, keepdim: bool = False, *, correction: Any = None
) -> tuple[Tensor, Tensor]:
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    return _spread(x, dim, _correction(unbiased, correction), keepdim)


@formula("linalg_vector_norm")
def _norm(x: Tensor, ord: Any = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    dims = dims_of(dim, x.dim())
    if ord == math.inf:
        return x.abs().amax(dims, keepdim=keepdim)
    if ord == 1:
        return x.abs().sum(dims, keepdim=keepdim)
    if ord == 2:
        return torch.sqrt((x * x).sum(dims, keepdim=keepdim))
    return (x.abs() ** ord).sum(dims, keepdim=keepdim) ** (1 / ord)


@formula("square")
def _square(x: Tensor) -> Tensor:
    return x * x


@formula("logsumexp")
def _logsumexp(x: Tensor, dim: Any, keepdim: bool = False) -> Tensor:
    dims = dims_of(dim, x.dim())
    top = x.amax(dims, keepdim=True)
    top = torch.where(top.abs() == math.inf, torch.zeros_like(top), top)
    found = torch.exp(x - top).sum(dims, keepdim=True).log() + top
    return found if keepdim else found.squeeze(dims)


@formula("_softmax")
def _softmax(x: Tensor, dim: int, half_to_float: bool) -> Tensor:
    e = torch.exp(x - x.detach().amax(dim, keepdim=True))
    return e / e.sum(dim, keepdim=True)


@formula("_log_softmax")
def _log_softmax(x: Tensor, dim: int, half_to_float: bool) -> Tensor:
    shifted = x - x.amax(dim, keepdim=True)
    return shifted - torch.exp(shifted).sum(dim, keepdim=True).log()


@formula("softplus")
def _softplus(x: Tensor, beta: Any = 1, threshold: Any = 20) -> Tensor:
    a = x * beta
    soft = (torch.relu(a) + torch.log1p(torch.exp(-a.abs()))) / beta
    return torch.where(a > threshold, x, soft)


@formula("silu")
def _silu(x: Tensor) -> Tensor:
    return x * torch.sigmoid(x)


@formula("_fused_rms_norm")
def _rms_norm(x: Tensor, shape: Any, weight: Tensor | None, eps: float) -> Any:
    dims = list(range(x.dim() - len(shape), x.dim()))
    r = torch.rsqrt((x * x).mean(dims, keepdim=True) + eps)
    y = x * r
    return (y if weight is None else y * weight), r


@formula("sinc")
def _sinc(x: Tensor) -> Tensor:
    a = x * math.pi
    return torch.where(x == 0, torch.ones_like(x), torch.sin(a) / a)
