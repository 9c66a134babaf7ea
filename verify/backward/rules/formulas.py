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
    if ord == -math.inf:
        return x.abs().amin(dims, keepdim=keepdim)
    if ord == 0:
        return (x != 0).to(x.dtype).sum(dims, keepdim=keepdim)
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
    wide = [n - 1 if corners else n for n in sizes]
    # In torch's own order: near a cell's edge the coordinate's rounding decides which cell it is.
    px, py = (((grid[..., d] + 1) * n - (0 if corners else 1)) / 2 for d, n in enumerate(wide))
    left, top = px.detach().floor(), py.detach().floor()
    samples, found = torch.arange(len(x), device=x.device)[:, None, None], []
    for i, j in ((0, 0), (0, 1), (1, 0), (1, 1)):
        column, row = (left + i).long(), (top + j).long()
        there = ((column >= 0) & (column < sizes[0]) & (row >= 0) & (row < sizes[1])).to(x.dtype)
        at = (samples, row.clamp(0, sizes[1] - 1), column.clamp(0, sizes[0] - 1))
        wx, wy = (px - left if i else left + 1 - px), (py - top if j else top + 1 - py)
        found.append((at, there, wx, wy, (2 * i - 1) * _certain(left), (2 * j - 1) * _certain(top)))
    return scales, found


def _certain(step: Tensor) -> Tensor:
    """1; without bound where rounding decides the cell, and so the slope."""
    return 1 / (1 + (step - step.floor()))


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


@formula("hypot")
def _hypot(x: Tensor, y: Tensor) -> Tensor:
    return torch.sqrt(x * x + y * y)


@formula("softshrink_backward", "hardshrink_backward")
def _shrunk_backward(grad: Tensor, x: Tensor, width: Any) -> Tensor:
    return torch.where((x >= -width) & (x <= width), torch.zeros_like(grad), grad)


@formula("_trilinear")
def _trilinear(
    a: Tensor, b: Tensor, c: Tensor, new_a: Any, new_b: Any, new_c: Any, summed: Any, unroll: int = 1
) -> Tensor:
    """Σ a · b · c over `summed`, after new dimensions of size 1 at the places named."""
    for d in sorted(new_a):
        a = a.unsqueeze(d)
    for d in sorted(new_b):
        b = b.unsqueeze(d)
    for d in sorted(new_c):
        c = c.unsqueeze(d)
    product = a * b * c
    return product.sum(list(summed)) if summed else product


@formula("_weight_norm_interface")
def _weight_norm(v: Tensor, g: Tensor, dim: int = 0) -> tuple[Tensor, Tensor]:
    """g v / ‖v‖, the norm over all dimensions but `dim`."""
    norms = torch.sqrt((v * v).sum([d for d in range(v.dim()) if d != dim % v.dim()], keepdim=True))
    return v * (g / norms), norms


@formula("_weight_norm_interface_backward")
def _weight_norm_backward(grad: Tensor, v: Tensor, g: Tensor, norms: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    along = (grad * v).sum([d for d in range(v.dim()) if d != dim % v.dim()], keepdim=True)
    return g / norms * (grad - v * (along / (norms * norms))), along / norms


@formula("_cdist_forward")
def _distances(x: Tensor, y: Tensor, p: float, mode: Any) -> Any:
    """x (…, m, d), y (…, n, d) -> (…, m, n)."""
    if p not in (1.0, 2.0):
        return NotImplemented
    gap = x.unsqueeze(-2) - y.unsqueeze(-3)
    return gap.abs().sum(-1) if p == 1 else torch.sqrt((gap * gap).sum(-1))


@formula("_cdist_backward")
def _distances_backward(grad: Tensor, x: Tensor, y: Tensor, p: float, distances: Tensor) -> Any:
    if p not in (1.0, 2.0):
        return NotImplemented
    gap = x.unsqueeze(-2) - y.unsqueeze(-3)
    if p == 1:
        return (grad.unsqueeze(-1) * torch.sign(gap)).sum(-2)
    there = distances.unsqueeze(-1)
    slope = torch.where(there == 0, torch.zeros_like(gap), gap / there)
    return (grad.unsqueeze(-1) * slope).sum(-2)
