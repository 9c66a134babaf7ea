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


def _corners(x: Tensor, grid: Tensor, corners: bool) -> tuple[list[float], list[tuple[Any, ...]]]:
    """Half the sizes, and of each of a place's four corners: its index, 1 where it is inside, weights, and signs."""
    sizes = x.shape[-1], x.shape[-2]
    scales = [(n - 1) / 2 if corners else n / 2 for n in sizes]
    px, py = (grid[..., d] * s + (n - 1) / 2 for d, (s, n) in enumerate(zip(scales, sizes, strict=True)))
    left, top = px.detach().floor(), py.detach().floor()
    samples, found = torch.arange(len(x), device=x.device)[:, None, None], []
    for i, j in ((0, 0), (0, 1), (1, 0), (1, 1)):
        column, row = (left + i).long(), (top + j).long()
        there = ((column >= 0) & (column < sizes[0]) & (row >= 0) & (row < sizes[1])).to(x.dtype)
        at = (samples, row.clamp(0, sizes[1] - 1), column.clamp(0, sizes[0] - 1))
        wx, wy = (px - left if i else left + 1 - px), (py - top if j else top + 1 - py)
        found.append((at, there, wx, wy, 2 * i - 1, 2 * j - 1))
    return scales, found


@formula("grid_sampler_2d")
def _grid_sampler_2d(x: Tensor, grid: Tensor, mode: int, padding: int, corners: bool) -> Any:
    """Bilinear, zeros outside. x (N, C, H, W), grid (N, h, w, 2) -> (N, C, h, w)."""
    if mode != 0 or padding != 0:
        return NotImplemented
    last = x.movedim(1, -1)
    terms = [last[at] * (wx * wy * there)[..., None] for at, there, wx, wy, _, _ in _corners(x, grid, corners)[1]]
    return (terms[0] + terms[1] + terms[2] + terms[3]).movedim(-1, 1)


@formula("grid_sampler_2d_backward")
def _grid_sampler_2d_backward(
    grad: Tensor, x: Tensor, grid: Tensor, mode: int, padding: int, corners: bool, mask: Any
) -> Any:
    """grad (N, C, h, w) -> dx, dgrid."""
    if mode != 0 or padding != 0:
        return NotImplemented
    scales, every = _corners(x, grid, corners)
    last, g = x.movedim(1, -1), grad.movedim(1, -1)
    dx = torch.zeros_like(last)
    along, down = torch.zeros_like(grid[..., 0]), torch.zeros_like(grid[..., 1])
    for at, there, wx, wy, right, below in every:
        dx = dx.index_put(at, g * (wx * wy * there)[..., None], accumulate=True)
        reached = (g * last[at]).sum(-1) * there
        along, down = along + right * reached * wy, down + below * reached * wx
    return dx.movedim(-1, 1), torch.stack([along * scales[0], down * scales[1]], -1)
