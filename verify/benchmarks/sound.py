"""Right backward passes: torch's own layers in every dtype, and other algorithms and orders of the same gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from verify.benchmarks.planted import (
    DTYPES,
    X,
    draw,
    function,
    layer_norm,
    layer_norm_back,
    linear,
    softmax,
    softmax_back,
)


@dataclass(frozen=True)
class Sound:
    """A right function, its inputs and reference."""

    name: str
    function: Callable[..., Any]
    inputs: tuple[Any, ...]
    reference: Callable[..., Any]
    accumulate: torch.dtype | None = None
    known: str = "right"  # doubtful, where torch itself or a form loses digits


LABELS = torch.arange(8) % 5
IMAGE, KERNEL = draw(2, 3, 6, 6), draw(4, 3, 3, 3)
Q, K, V = (draw(2, 2, 5, 4, seed=s) for s in range(3))


def _cell(x: Tensor, h: Tensor, c: Tensor, w: Tensor, u: Tensor, b: Tensor) -> Tensor:
    return torch._VF.lstm_cell(x, (h, c), w, u, b, torch.zeros_like(b))[0]


def _gru(x: Tensor, h: Tensor, w: Tensor, u: Tensor) -> Tensor:
    return torch._VF.gru_cell(x, h, w, u, None, None)


LAYERS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "linear": (functional.linear, (draw(6, 5), draw(4, 5), draw(4))),
    "conv2d": (functional.conv2d, (IMAGE, KERNEL, draw(4))),
    "conv1d": (functional.conv1d, (draw(2, 3, 8), draw(4, 3, 3), draw(4))),
    "conv transpose": (functional.conv_transpose2d, (draw(2, 4, 4, 4), KERNEL, draw(3))),
    "layer norm": (lambda x, w, b: functional.layer_norm(x, x.shape[-1:], w, b), (draw(6, 8), draw(8), draw(8))),
    "rms norm": (lambda x, w: functional.rms_norm(x, x.shape[-1:], w), (draw(6, 8), draw(8))),
    "batch norm": (
        lambda x, w, b: functional.batch_norm(x, None, None, w, b, training=True),
        (draw(8, 3, 4), draw(3), draw(3)),
    ),
    "group norm": (lambda x, w, b: functional.group_norm(x, 2, w, b), (draw(4, 4, 3, 3), draw(4), draw(4))),
    "attention": (functional.scaled_dot_product_attention, (Q, K, V)),
    "causal attention": (lambda q, k, v: functional.scaled_dot_product_attention(q, k, v, is_causal=True), (Q, K, V)),
    "embedding": (functional.embedding, (LABELS, draw(7, 4))),
    "cross-entropy": (functional.cross_entropy, (draw(8, 5), LABELS)),
    "softmax": (lambda x: functional.softmax(x, -1), (draw(6, 5),)),
    "log softmax": (lambda x: functional.log_softmax(x, -1), (draw(6, 5),)),
    "gelu": (functional.gelu, (3 * draw(6, 9),)),
    "gelu tanh": (lambda x: functional.gelu(x, approximate="tanh"), (3 * draw(6, 9),)),
    "silu": (functional.silu, (3 * draw(6, 9),)),
    "relu": (functional.relu, (draw(6, 9),)),
    "elu": (functional.elu, (3 * draw(6, 9),)),
    "softplus": (functional.softplus, (3 * draw(6, 9),)),
    "mish": (functional.mish, (3 * draw(6, 9),)),
    "hardswish": (functional.hardswish, (3 * draw(6, 9),)),
    "hardsigmoid": (functional.hardsigmoid, (3 * draw(6, 9),)),
    "glu": (functional.glu, (draw(6, 8),)),
    "max pool": (lambda x: functional.max_pool2d(x, 2), (IMAGE,)),
    "average pool": (lambda x: functional.avg_pool2d(x, 2), (IMAGE,)),
    "bilinear": (lambda x: functional.interpolate(x, scale_factor=2, mode="bilinear"), (IMAGE,)),
    "bce with logits": (
        functional.binary_cross_entropy_with_logits,
        (draw(20), torch.rand(20, generator=torch.Generator().manual_seed(0))),
    ),
    "squared error": (functional.mse_loss, (draw(6, 5), draw(6, 5, seed=4))),
    "smooth l1": (functional.smooth_l1_loss, (draw(6, 5), draw(6, 5, seed=4))),
    "lstm cell": (_cell, (draw(3, 4), draw(3, 5), draw(3, 5, seed=1), draw(20, 4), draw(20, 5), draw(20))),
    "gru cell": (_gru, (draw(3, 4), draw(3, 5), draw(15, 4), draw(15, 5))),
    "variance": (lambda x: x.var(1), (draw(6, 9),)),
    "norm": (lambda x: x.norm(dim=1), (draw(6, 9),)),
    "logsumexp": (lambda x: x.logsumexp(1), (draw(6, 9),)),
    "largest": (lambda x: x.max(1).values, (draw(6, 9),)),
    "cumulative sum": (lambda x: x.cumsum(1), (draw(6, 9),)),
    "einsum": (lambda a, b: torch.einsum("bij,bkj->bik", a, b), (draw(2, 3, 4), draw(2, 5, 4))),
    "scatter add": (lambda x: torch.zeros(5, 4, dtype=x.dtype).index_add(0, LABELS, x), (draw(8, 4),)),
    "cosine similarity": (functional.cosine_similarity, (draw(6, 5), draw(6, 5, seed=4))),
}


def layers() -> Iterator[Sound]:
    """torch's own layers, in every dtype."""
    for dtype in DTYPES:
        for name, (layer, inputs) in LAYERS.items():
            cast = tuple(v.to(dtype) if isinstance(v, Tensor) and v.is_floating_point() else v for v in inputs)
            label = f"{name}, {str(dtype).removeprefix('torch.')}"
            # torch's float64 hardsigmoid multiplies by a sixth that is kept in float32.
            yield Sound(label, layer, cast, layer, known="doubtful" if label == "hardsigmoid, float64" else "right")


# Other algorithms ----------------------------------------------------------------------------------------------------


def _one_by_one(x: Tensor, w: Tensor) -> Tensor:
    out = torch.zeros(len(x), w.shape[1], dtype=x.dtype)
    for k in range(x.shape[1]):
        out = out + x[:, k : k + 1] * w[k]
    return out


def _bias_first(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    out = b.expand(len(x), -1)
    for k in range(x.shape[1]):
        out = out + x[:, k : k + 1] * w[k]
    return out


def _backwards(v: Tensor) -> Tensor:
    total = torch.zeros_like(v[0])
    for row in v.flip(0):
        total = total + row
    return total


def _softmax_by_matrix(g: Tensor, x: Tensor) -> Tensor:
    """The Jacobian of each row, written out."""
    y = softmax(x)
    jacobian = torch.diag_embed(y) - y[..., :, None] * y[..., None, :]
    return (jacobian @ g[..., None])[..., 0]


def _layer_norm_by_columns(g: Tensor, x: Tensor) -> Tensor:
    d = x.shape[-1]
    centred = x - x.sum(-1, keepdim=True) / d
    v = (centred**2).sum(-1, keepdim=True) / d + 1e-5
    dv = (g * centred * -0.5 * v**-1.5).sum(-1, keepdim=True)
    dm = (-g / torch.sqrt(v)).sum(-1, keepdim=True)
    return g / torch.sqrt(v) + dv * 2 * centred / d + dm / d


def _sigmoid_back(g: Tensor, x: Tensor) -> Tensor:
    y = 1 / (1 + torch.exp(-x))
    return g * y * (1 - y)


def _tanh_back(g: Tensor, x: Tensor) -> Tensor:
    return g * (1 - torch.tanh(x) ** 2)


def _one_by_one_back(g: Tensor, x: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
    return _one_by_one(g, w.T), _one_by_one(x.T, g)


def _half_at_zero(g: Tensor, x: Tensor) -> Tensor:
    return g * ((x > 0) + 0.5 * (x == 0)).to(x.dtype)


def _to_the_first(g: Tensor, x: Tensor) -> Tensor:
    return torch.zeros_like(x).scatter(1, x.argmax(1, keepdim=True), g[:, None])


def others() -> Iterator[Sound]:
    """The same gradients by other forms and orders."""
    w, b = draw(5, 4), draw(4)
    affine = lambda x, w, b: x @ w + b
    table = {
        "products one by one": (function(_one_by_one, _one_by_one_back), (X, w), linear),
        "bias first": (function(_bias_first, lambda g, x, w, b: (g @ w.T, x.T @ g, _backwards(g))), (X, w, b), affine),
        "softmax by its Jacobian": (function(softmax, _softmax_by_matrix), (X,), softmax),
        "softmax, the sum first": (function(softmax, softmax_back), (X,), softmax),
        "layer norm by the chain": (function(layer_norm, _layer_norm_by_columns), (X,), layer_norm),
        "layer norm, three terms": (function(layer_norm, layer_norm_back), (X,), layer_norm),
        "tanh by 1 − y²": (function(torch.tanh, _tanh_back), (X,), torch.tanh),
        "relu's slope 1/2 at 0": (function(torch.relu, _half_at_zero), (X,), torch.relu),
        "relu's slope 1 at 0": (function(torch.relu, lambda g, x: g * (x >= 0)), (X,), torch.relu),
        "|x|'s slope 1 at 0": (function(torch.abs, lambda g, x: torch.where(x >= 0, g, -g)), (X,), torch.abs),
        "the first of tied ones": (
            function(lambda x: x.amax(1), _to_the_first),
            (X,), lambda x: x.amax(1),
        ),
        "square": (function(lambda x: x * x, lambda g, x: g * x + x * g), (X,), lambda x: x**2),
        "sigmoid by 1 − y": (function(torch.sigmoid, _sigmoid_back), (X,), torch.sigmoid),
    }  # fmt: skip
    for dtype in DTYPES:
        for name, (made, inputs, reference) in table.items():
            label = f"{name}, {str(dtype).removeprefix('torch.')}"
            # v to the power −3/2, and eˣ for x = 13, overflow in float16.
            over = dtype == torch.float16 and name in ("layer norm by the chain", "sigmoid by 1 − y")
            yield Sound(
                label, made, tuple(v.to(dtype) for v in inputs), reference,
                dtype if name in ("products one by one", "bias first") else None, "doubtful" if over else "right",
            )  # fmt: skip


def sound() -> list[Sound]:
    return [*layers(), *others()]
