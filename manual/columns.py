"""The network of decks 001 to 004 in their *columns* convention: any f_l per layer, squared error, L2.

Deck 001 "把所有公式整合在一起" goes sample by sample and adds up; deck 001 "向量化表示" and deck 004
"Sigmoid神经网络的例子" write each sample's equations with vectors. Both are here, and a whole batch at once.

The decks' letters: z(l) before, a(l) after the activation; a(0) = x. Layers are counted as deck 002 "计算公式" does,
W(l) from layer l − 1 to layer l (deck 001's W(l) leads to layer l + 1: docs/NOTATION.md). Lists start at 1: W[0] is
W(1). Shapes: W(l) (out, in), b(l) (out, 1), x (D, N), y (K, N), a sample a column.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from manual.activations import Activation


@dataclass(frozen=True)
class Layers:
    """z(l) and a(l) of a forward pass: z[0] is z(1), a[0] is a(0) = x."""

    z: list[Tensor]
    a: list[Tensor]


Gradients = tuple[list[Tensor], list[Tensor]]  # ∂J/∂W(l) (out, in) and ∂J/∂b(l) (out, 1), l = 1 … L


def forward(W: Sequence[Tensor], b: Sequence[Tensor], f: Sequence[Activation], x: Tensor) -> Layers:
    """z(l) = W(l) a(l−1) + b(l), a(l) = f_l(z(l)), deck 002 "计算公式"."""
    z, a = [], [x]
    for W_l, b_l, f_l in zip(W, b, f, strict=True):
        z.append(W_l @ a[-1] + b_l)  # (out, N)
        a.append(f_l.f(z[-1]))  # (out, N)
    return Layers(z, a)


def loss(a_L: Tensor, y: Tensor, W: Sequence[Tensor], lam: float) -> Tensor:
    """J = (1/m) Σ_i ½ ǁh(x_i) − y_iǁ² + (λ/2) Σ_l ǁW(l)ǁ²_F, deck 001 "正式开始推导", without the min. -> ()."""
    m = y.shape[1]
    return torch.sum((a_L - y) ** 2) / (2 * m) + lam / 2 * sum(torch.sum(W_l**2) for W_l in W)


def delta_output(layers: Layers, y: Tensor, f_L: Activation) -> Tensor:
    """δ(L) = −(y − a(L)) ⊙ f′(z(L)), deck 001 "计算辅助变量的值"; the slide's dot is ⊙. -> (K, N)."""
    return -(y - layers.a[-1]) * f_L.derivative(layers.z[-1])  # (K, N)


def delta_hidden(W_above: Tensor, delta_above: Tensor, z_l: Tensor, f_l: Activation) -> Tensor:
    """δ(l) = f′_l(z(l)) ⊙ (W(l+1)ᵀ δ(l+1)), deck 002 "计算细节". -> (out, N)."""
    return f_l.derivative(z_l) * (W_above.T @ delta_above)  # (out, N)


def deltas(W: Sequence[Tensor], f: Sequence[Activation], layers: Layers, y: Tensor) -> list[Tensor]:
    """δ(1) … δ(L), from the last one down."""
    found = [delta_output(layers, y, f[-1])]
    for l in range(len(W) - 1, 0, -1):
        found.append(delta_hidden(W[l], found[-1], layers.z[l - 1], f[l - 1]))
    return found[::-1]


def sample_gradients(
    W: Sequence[Tensor], b: Sequence[Tensor], f: Sequence[Activation], x: Tensor, y: Tensor
) -> Gradients:
    """Of one sample's ½ ǁh(x) − yǁ²: ∂J/∂W(l) = δ(l) a(l−1)ᵀ and ∂J/∂b(l) = δ(l), deck 002 "反向传播的概念".

    x (D, 1), y (K, 1).
    """
    layers = forward(W, b, f, x)
    delta = deltas(W, f, layers, y)
    return [d @ a.T for d, a in zip(delta, layers.a[:-1], strict=True)], delta


def gradients(
    W: Sequence[Tensor], b: Sequence[Tensor], f: Sequence[Activation], x: Tensor, y: Tensor, lam: float
) -> Gradients:
    """∂J/∂W(l) and ∂J/∂b(l), sample by sample: deck 001 "把所有公式整合在一起", up to the update.

    Raises ValueError where there is no sample.
    """
    m = x.shape[1]
    if not m:
        raise ValueError("x has no column: a mean over no samples does not exist")
    sum_W = [torch.zeros_like(W_l) for W_l in W]  # ΔW(l) = 0
    sum_b = [torch.zeros_like(b_l) for b_l in b]  # Δb(l) = 0
    for i in range(m):
        dW, db = sample_gradients(W, b, f, x[:, i : i + 1], y[:, i : i + 1])
        sum_W = [total + g for total, g in zip(sum_W, dW, strict=True)]
        sum_b = [total + g for total, g in zip(sum_b, db, strict=True)]
    return [total / m + lam * W_l for total, W_l in zip(sum_W, W, strict=True)], [total / m for total in sum_b]


def batch_gradients(
    W: Sequence[Tensor], b: Sequence[Tensor], f: Sequence[Activation], x: Tensor, y: Tensor, lam: float
) -> Gradients:
    """The same with all samples at once: the columns of δ(l) a(l−1)ᵀ are added by the product itself."""
    layers, m = forward(W, b, f, x), x.shape[1]
    delta = deltas(W, f, layers, y)
    dW = [d @ a.T / m + lam * W_l for d, a, W_l in zip(delta, layers.a[:-1], W, strict=True)]
    return dW, [torch.sum(d, dim=1, keepdim=True) / m for d in delta]


def update(W: Sequence[Tensor], b: Sequence[Tensor], gradients: Gradients, alpha: float) -> Gradients:
    """W(l) − α ∂J/∂W(l) and b(l) − α ∂J/∂b(l), deck 001 "把所有公式整合在一起" (3). New lists."""
    dW, db = gradients
    return (
        [W_l - alpha * g for W_l, g in zip(W, dW, strict=True)],
        [b_l - alpha * g for b_l, g in zip(b, db, strict=True)],
    )
