"""Backward passes as real kernels have them, written for the check: each right, and with one fault that kernels had.

The faults are of the kinds that hid real wrong gradients: upstream gradients taken for uniform, data that never reach a
region, sizes, a term or a normaliser lost, an index that is used the wrong way round.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from verify.benchmarks.planted import draw, function


@dataclass(frozen=True)
class Kernel:
    """The forward pass, a right and a wrong backward pass, and the same function in plain torch operations."""

    name: str
    forward: Callable[..., Any]
    back: Callable[..., Any]
    wrong: Callable[..., Any]
    inputs: tuple[Any, ...]
    reference: Callable[..., Any]
    declared: Callable[..., Any] | None = None
    known: str = "right"  # doubtful, where another algorithm loses digits

    def right(self) -> Callable[..., Any]:
        return function(self.forward, self.back, "Right")

    def faulty(self) -> Callable[..., Any]:
        return function(self.forward, self.wrong, "Faulty")

    def at(self, dtype: torch.dtype) -> tuple[Any, ...]:
        """The inputs in a dtype."""
        cast = lambda v: v.detach().to(dtype).requires_grad_(v.requires_grad)
        return tuple(cast(v) if isinstance(v, Tensor) and v.is_floating_point() else v for v in self.inputs)


def kernels() -> Iterator[Kernel]:
    """All of them."""
    from verify.benchmarks import kernels_sequence

    yield from _losses()
    yield from _norms()
    yield from _pointwise()
    yield from kernels_sequence.kernels()


# Losses --------------------------------------------------------------------------------------------------------------

LABELS = torch.tensor([1, 4, -100, 0, 2, -100])


def _ce(a: Tensor, t: Tensor) -> Tensor:
    """Fused: the mean over rows whose label is not −100."""
    kept = t != -100
    p = torch.log_softmax(a, -1).gather(1, t.clamp(min=0)[:, None])[:, 0]
    return -(p * kept).sum() / kept.sum()


def _ce_back(rows: Callable[[Tensor], Any]) -> Callable[..., Any]:
    def back(g: Tensor, a: Tensor, t: Tensor) -> Any:
        kept = t != -100
        da = torch.softmax(a, -1) - functional.one_hot(t.clamp(min=0), a.shape[-1])
        return g * da * kept[:, None] / rows(kept), None

    return back


def _huber_back(outside: float) -> Callable[..., Any]:
    def back(g: Tensor, x: Tensor, y: Tensor) -> Any:
        d = g * torch.where((x - y).abs() < 0.5, x - y, outside * torch.sign(x - y))
        return d, -d

    return back


def _hinge(a: Tensor, t: Tensor) -> Tensor:
    margins = (a - a.gather(1, t[:, None]) + 1).clamp(min=0)
    return margins.sum(1) - 1


def _hinge_back(counted: bool) -> Callable[..., Any]:
    def back(g: Tensor, a: Tensor, t: Tensor) -> Any:
        over = ((a - a.gather(1, t[:, None]) + 1) > 0).to(a.dtype).scatter(1, t[:, None], 0.0)
        own = over.sum(1, keepdim=True) if counted else torch.ones_like(over[:, :1])
        return g[:, None] * over.scatter(1, t[:, None], -own), None

    return back


def _pinball(x: Tensor, y: Tensor) -> Tensor:
    d = y - x
    return torch.maximum(0.9 * d, -0.1 * d)


def _pinball_back(low: float, high: float) -> Callable[..., Any]:
    def back(g: Tensor, x: Tensor, y: Tensor) -> Any:
        d = torch.where(y > x, g * high, g * -low)
        return -d, d

    return back


def _focal(a: Tensor, t: Tensor) -> Tensor:
    logp = torch.log_softmax(a, -1).gather(1, t[:, None])[:, 0]
    return -((1 - torch.exp(logp)) ** 2) * logp


def _focal_back(whole: bool) -> Callable[..., Any]:
    def back(g: Tensor, a: Tensor, t: Tensor) -> Any:
        logp = torch.log_softmax(a, -1)
        lp = logp.gather(1, t[:, None])
        q = 1 - torch.exp(lp)
        slope = -q * q + (2 * q * torch.exp(lp) * lp if whole else 0)
        return g[:, None] * slope * (functional.one_hot(t, a.shape[-1]) - torch.exp(logp)), None

    return back


def _losses() -> Iterator[Kernel]:
    a, t = draw(6, 5), torch.arange(6) % 5
    x, y = draw(6, 5), draw(6, 5, seed=4)
    huber = lambda x, y: functional.huber_loss(x, y, reduction="none", delta=0.5)
    own = lambda x, y: torch.where((x - y).abs() < 0.5, (x - y) ** 2 / 2, 0.5 * ((x - y).abs() - 0.25))
    yield Kernel("cross-entropy with ignore_index, mean over all rows", _ce, _ce_back(lambda kept: kept.sum()),
                 _ce_back(len), (a, LABELS), functional.cross_entropy)  # fmt: skip
    yield Kernel("huber, δ lost outside", own, _huber_back(0.5), _huber_back(1.0), (x, y), huber)
    yield Kernel("hinge, margins not counted", _hinge, _hinge_back(True), _hinge_back(False), (a, t), _hinge)
    yield Kernel("pinball, quantiles swapped", _pinball, _pinball_back(0.1, 0.9), _pinball_back(0.9, 0.1), (x, y),
                 _pinball)  # fmt: skip
    yield Kernel("focal loss, one factor's derivative lost", _focal, _focal_back(True), _focal_back(False), (a, t),
                 _focal)  # fmt: skip


# Norms ---------------------------------------------------------------------------------------------------------------


def _group_norm(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return functional.group_norm(x, 2, w, b)


def _group_back(grouped: bool) -> Callable[..., Any]:
    def back(g: Tensor, x: Tensor, w: Tensor, b: Tensor) -> Any:
        u, v = x.reshape(len(x), 2, -1), (g * w[:, None]).reshape(len(x), 2, -1)
        c = u - u.mean(-1, keepdim=True)
        r = torch.rsqrt((c * c).mean(-1, keepdim=True) + 1e-5)
        h = c * r
        over = (-1,) if grouped else (-2, -1)
        dx = r * (v - v.mean(over, keepdim=True) - h * (v * h).mean(over, keepdim=True))
        return dx.reshape(x.shape), (g * h.reshape(x.shape)).sum((0, 2)), g.sum((0, 2))

    return back


def _batch_norm(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return functional.batch_norm(x, None, None, w, b, training=True)


def _batch_back(whole: bool) -> Callable[..., Any]:
    def back(g: Tensor, x: Tensor, w: Tensor, b: Tensor) -> Any:
        c = x - x.mean(0)
        r = torch.rsqrt((c * c).mean(0) + 1e-5)
        h, v = c * r, g * w
        dx = r * (v - v.mean(0) - (h * (v * h).mean(0) if whole else 0))
        return dx, (g * h).sum(0), g.sum(0)

    return back


def _batch_norm_fixed(x: Tensor, w: Tensor, b: Tensor, mean: Tensor, var: Tensor) -> Tensor:
    return (x - mean) / torch.sqrt(var + 1e-3) * w + b


def _fixed_back(eps: float) -> Callable[..., Any]:
    def back(g: Tensor, x: Tensor, w: Tensor, b: Tensor, mean: Tensor, var: Tensor) -> Any:
        r = 1 / torch.sqrt(var + eps)
        h = (x - mean) * r
        dv = -0.5 * (g * w * (x - mean)).sum(0) * r**3
        return g * w * r, (g * h).sum(0), g.sum(0), -(g * w * r).sum(0), dv

    return back


def _weight_norm(v: Tensor, s: Tensor) -> Tensor:
    return s[:, None] * v / torch.linalg.vector_norm(v, dim=1, keepdim=True)


def _weight_norm_back(projected: bool) -> Callable[..., Any]:
    def back(g: Tensor, v: Tensor, s: Tensor) -> Any:
        n = torch.sqrt((v * v).sum(1, keepdim=True))
        u = v / n
        along = (g * u).sum(1, keepdim=True)
        return s[:, None] / n * (g - (u * along if projected else 0)), along[:, 0]

    return back


def _cosine(x: Tensor, y: Tensor) -> Tensor:
    return functional.cosine_similarity(x, y)


def _cosine_back(projected: bool) -> Callable[..., Any]:
    def back(g: Tensor, x: Tensor, y: Tensor) -> Any:
        n, m = (torch.sqrt((v * v).sum(1, keepdim=True)).clamp(min=1e-8) for v in (x, y))
        c = (x * y).sum(1, keepdim=True) / (n * m)
        lost = c if projected else 0 * c
        return g[:, None] * (y / (n * m) - lost * x / n**2), g[:, None] * (x / (n * m) - lost * y / m**2)

    return back


def _norms() -> Iterator[Kernel]:
    x, w, b = draw(3, 4, 5), draw(4), draw(4, seed=1)
    yield Kernel("group norm, means over both groups", _group_norm, _group_back(True), _group_back(False), (x, w, b),
                 _group_norm)  # fmt: skip
    x = draw(8, 4)
    yield Kernel("batch norm, the variance's term lost", _batch_norm, _batch_back(True), _batch_back(False), (x, w, b),
                 _batch_norm)  # fmt: skip
    var = draw(4, seed=2).abs() * 1e-2
    yield Kernel("batch norm in use, ε forgotten", _batch_norm_fixed, _fixed_back(1e-3), _fixed_back(0.0),
                 (x, w, b, draw(4, seed=3), var), _batch_norm_fixed)  # fmt: skip
    yield Kernel("weight norm, the projection lost", _weight_norm, _weight_norm_back(True), _weight_norm_back(False),
                 (draw(4, 5), draw(4)), _weight_norm)  # fmt: skip
    yield Kernel("cosine similarity, the projection lost", _cosine, _cosine_back(True), _cosine_back(False),
                 (draw(6, 5), draw(6, 5, seed=4)), _cosine)  # fmt: skip


# Entry by entry ------------------------------------------------------------------------------------------------------


def _swiglu(a: Tensor, b: Tensor) -> Tensor:
    return functional.silu(a) * b


def _swiglu_back(whole: bool) -> Callable[..., Any]:
    def back(g: Tensor, a: Tensor, b: Tensor) -> Any:
        s = torch.sigmoid(a)
        return g * b * s * (1 + (a * (1 - s) if whole else 0)), g * a * s

    return back


def _quantised(x: Tensor, s: Tensor) -> Tensor:
    return s * torch.clamp(torch.round(x / s), -4, 3)


def _through(masked: bool) -> Callable[..., Any]:
    """Straight through: 1 within the range, 0 beyond it."""

    def back(g: Tensor, x: Tensor, s: Tensor) -> Any:
        inside = (x / s >= -4) & (x / s <= 3)
        return (g * inside if masked else g), None

    return back


def _straight_through(g: Tensor, x: Tensor, s: Tensor) -> Tensor:
    return torch.where((x / s >= -4) & (x / s <= 3), g, 0.0)


def _dropped(x: Tensor, kept: Tensor) -> Tensor:
    return x * kept / 0.75


def _lse_back(row: Callable[[Tensor], Tensor]) -> Callable[..., Any]:
    return lambda g, x: row(g)[:, None] * torch.softmax(x, 1)


def _complex(a: Tensor, b: Tensor) -> Tensor:
    """(re, im) pairs in the last dimension."""
    re = a[..., 0] * b[..., 0] - a[..., 1] * b[..., 1]
    return torch.stack([re, a[..., 0] * b[..., 1] + a[..., 1] * b[..., 0]], -1)


def _conjugate(v: Tensor) -> Tensor:
    return torch.stack([v[..., 0], -v[..., 1]], -1)


def _leaky(g: Tensor, x: Tensor) -> Tensor:
    return g * torch.where(x > 0, 1.0, 0.01).to(x.dtype)


def _pointwise() -> Iterator[Kernel]:
    x, y = draw(6, 4), draw(6, 4, seed=5)
    yield Kernel(
        "SwiGLU, a term of silu's slope lost", _swiglu, _swiglu_back(True), _swiglu_back(False), (x, y), _swiglu
    )
    step = torch.tensor(0.25).requires_grad_(False)
    yield Kernel("quantised, straight through beyond the range", _quantised, _through(True), _through(False),
                 (x.requires_grad_(), step), _quantised, _straight_through)  # fmt: skip
    kept = (draw(6, 4, seed=6) > -0.6).to(torch.float32)
    drop = lambda scale: lambda g, x, kept: (g * kept / scale, None)
    yield Kernel("dropout by a mask, the scale lost", _dropped, drop(0.75), drop(1.0),
                 (draw(6, 4).requires_grad_(), kept), _dropped)  # fmt: skip
    yield Kernel("logsumexp, the first row's upstream for all", lambda x: x.logsumexp(1), _lse_back(lambda g: g),
                 _lse_back(lambda g: g[:1].expand_as(g)), (draw(6, 4),), lambda x: x.logsumexp(1))  # fmt: skip
    a, b = draw(6, 3, 2), draw(6, 3, 2, seed=7)
    both = lambda c: lambda g, a, b: (_complex(g, c(b)), _complex(g, c(a)))
    yield Kernel("complex product, not conjugated", _complex, both(_conjugate), both(lambda v: v), (a, b), _complex)
    yield Kernel("relu, leaking", torch.relu, lambda g, x: g * (x > 0), _leaky, (draw(6, 4),), torch.relu)
