"""The network with batch normalisation in front of every hidden activation, by hand.

a(l) = z(l−1) W(l) + b(l), n(l) = BN(a(l)), z(l) = f(n(l)): deck 003 "梯度不稳定的解决方法" (5) in the network of
deck 000 "回顾一次迭代前向计算的过程". γ(l) and β(l) (out,) belong to the hidden layers. Rows; lists count from layer 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from manual import batch_norm
from manual.activations import Activation
from manual.outputs import Pair


@dataclass(frozen=True)
class Passed:
    """A forward and a backward pass: n(l) of the hidden layers, E, and every gradient, in the layers' order."""

    n: list[Tensor]
    E: Tensor
    dW: list[Tensor]
    db: list[Tensor]
    dgamma: list[Tensor]
    dbeta: list[Tensor]


def work(
    W: Sequence[Tensor],
    b: Sequence[Tensor],
    gamma: Sequence[Tensor],
    beta: Sequence[Tensor],
    x: Tensor,
    t: Tensor,
    f: Activation,
    pair: Pair,
) -> Passed:
    """Both passes, on a batch of two samples or more. W(l) (in, out), b(l) (out,), γ(l), β(l) of the hidden layers."""
    L, N, z, n, caches = len(W), len(x), [x], [], []
    for l in range(L - 1):
        normal, cache = batch_norm.forward(z[-1] @ W[l] + b[l], gamma[l], beta[l])
        n.append(normal)
        caches.append(cache)
        z.append(f.f(normal))
    a = z[-1] @ W[-1] + b[-1]  # (N, K)
    y = pair.y(a)
    d = pair.delta(a, y, t) / N  # ∂E/∂a(L) (N, K)
    dW, db, dgamma, dbeta = [z[-1].T @ d], [torch.sum(d, dim=0)], [], []
    for l in reversed(range(L - 1)):
        d, dg, dB = batch_norm.backward((d @ W[l + 1].T) * f.derivative(n[l]), gamma[l], caches[l])
        for held, value in ((dW, z[l].T @ d), (db, torch.sum(d, dim=0)), (dgamma, dg), (dbeta, dB)):
            held.insert(0, value)
    return Passed(n, torch.mean(pair.error(a, y, t)), dW, db, dgamma, dbeta)
