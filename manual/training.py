"""The slides' network in training: the same equations as `manual.network`, written into buffers that stay.

A network that learns repeats forward, backward and step thousands of times, so nothing is made anew: a(l), z(l) and
δ(l) of a batch lie in one place each, and all weights and biases in one tensor θ, all gradients in another, of which
W(l), b(l), ∂E/∂W(l) and ∂E/∂b(l) are views. A step is a few operations on θ.

What differs from `manual.network`, and changes no more than rounding: the mean's 1/N is taken on δ(L), once, and not on
every gradient; of ReLU, tanh and the logistic function f′ is taken from z, as deck 002 "激活函数的导数" writes the last
two (f′ = 1 − f², f(1 − f)); ReLU's z > 0 is a > 0. tests/topics/test_training.py holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from manual.activations import Activation
from manual.optimisers import Optimiser
from manual.outputs import Pair


def _relu_mask(d: Tensor, z: Tensor, room: Tensor) -> None:
    d.mul_(torch.gt(z, 0, out=room))


def _tanh_slope(d: Tensor, z: Tensor, room: Tensor) -> None:
    d.addcmul_(torch.mul(d, z, out=room), z, value=-1)  # d − d z z


def _logistic_slope(d: Tensor, z: Tensor, room: Tensor) -> None:
    torch.mul(d, z, out=room)
    torch.addcmul(room, room, z, value=-1, out=d)  # d z − d z z


def _relu(a: Tensor, z: Tensor) -> None:
    torch.clamp_min(a, 0, out=z)


# f into z, and δ ⊙ f′ into δ by z alone: for the functions whose derivative the deck writes by the function.
_BY_OUTPUT: dict[str, tuple[Callable[[Tensor, Tensor], object], Callable[[Tensor, Tensor, Tensor], None]]] = {
    "relu": (_relu, _relu_mask),
    "tanh": (lambda a, z: torch.tanh(a, out=z), _tanh_slope),
    "sigmoid": (lambda a, z: torch.sigmoid(a, out=z), _logistic_slope),
}


@dataclass(frozen=True)
class _Layer:
    """The buffers of a layer for batches of one size. (N, out) each."""

    a: Tensor
    z: Tensor
    delta: Tensor
    room: Tensor


class Trainee:
    """A network that learns. theta holds W(1), b(1), W(2), …; gradient likewise; W[l], b[l], dW[l], db[l] are views.

    W: L tensors (in, out), b: L (out,), of one dtype and device: they are copied.
    """

    def __init__(self, W: Sequence[Tensor], b: Sequence[Tensor], f: Activation, pair: Pair, lam: float) -> None:
        self.f, self.pair, self.lam, self.L = f, pair, lam, len(W)
        flat = [v.detach().reshape(-1) for W_l, b_l in zip(W, b, strict=True) for v in (W_l, b_l)]
        self.theta = torch.cat(flat)
        self.gradient = torch.zeros_like(self.theta)
        layers = [W[0].shape[0], *(len(v) for v in b)]
        self.W, self.b = self._views(self.theta, layers)
        self.dW, self.db = self._views(self.gradient, layers)
        self._sizes: dict[int, dict[int, _Layer]] = {}

    @staticmethod
    def _views(flat: Tensor, layers: Sequence[int]) -> tuple[dict[int, Tensor], dict[int, Tensor]]:
        W, b, start = {}, {}, 0
        for l, (m, k) in enumerate(pairwise(layers), 1):
            W[l] = flat[start : start + m * k].view(m, k)
            b[l] = flat[start + m * k : start + m * k + k]
            start += m * k + k
        return W, b

    def _buffers(self, N: int) -> dict[int, _Layer]:
        if N not in self._sizes:
            new = lambda l: self.theta.new_empty(N, len(self.b[l]))
            self._sizes[N] = {l: _Layer(new(l), new(l), new(l), new(l)) for l in range(1, self.L + 1)}
        return self._sizes[N]

    # One batch -------------------------------------------------------------------------------------------------------

    def forward(self, x: Tensor) -> Tensor:
        """a(L) of a batch. x (N, D) -> (N, K), valid until the next call."""
        buffers, z = self._buffers(len(x)), x
        for l in range(1, self.L + 1):
            torch.addmm(self.b[l], z, self.W[l], out=buffers[l].a)  # a(l) = z(l−1) W(l) + b(l)
            if l < self.L:
                z = self._activate(buffers[l])  # z(l) = f(a(l))
        return buffers[self.L].a

    def _activate(self, layer: _Layer) -> Tensor:
        if self.f.name in _BY_OUTPUT:
            _BY_OUTPUT[self.f.name][0](layer.a, layer.z)
        else:
            layer.z.copy_(self.f.f(layer.a))
        return layer.z

    def backward(self, x: Tensor, t: Tensor) -> None:
        """∂E/∂W(l) and ∂E/∂b(l) of a batch into `gradient`. x (N, D), t (N, K)."""
        a, buffers = self.forward(x), self._buffers(len(x))
        delta = buffers[self.L].delta
        torch.div(self.pair.delta(a, self.pair.y(a), t), len(x), out=delta)  # δ(L)/N
        for l in range(self.L, 0, -1):
            z = buffers[l - 1].z if l > 1 else x
            if self.lam:
                torch.addmm(self.W[l], z.T, delta, beta=self.lam, out=self.dW[l])  # z(l−1)ᵀ δ(l) + λ W(l)
            else:
                torch.mm(z.T, delta, out=self.dW[l])
            torch.sum(delta, dim=0, out=self.db[l])  # Σ_n δ(l)
            if l > 1:
                below = buffers[l - 1]
                torch.mm(delta, self.W[l].T, out=below.delta)  # δ(l) W(l)ᵀ
                self._slope(below)  # ⊙ f′(a(l−1))
                delta = below.delta

    def _slope(self, layer: _Layer) -> None:
        if self.f.name in _BY_OUTPUT:
            _BY_OUTPUT[self.f.name][1](layer.delta, layer.z, layer.room)
        else:
            layer.delta.mul_(self.f.derivative(layer.a))

    # Many ------------------------------------------------------------------------------------------------------------

    def steps(
        self, x: Tensor, t: Tensor, order: Tensor, batch: int, optimiser: Optimiser, eta: float
    ) -> Iterator[Tensor]:
        """One epoch: a step per `batch` samples in that order, or for all of them at 0. Yields each batch's rows first.

        x (n, D), t (n, K), order (n,): rows of x. The last batch has what is left.
        """
        for rows in torch.split(order, batch or len(order)):
            self.backward(x[rows], t[rows])
            yield rows
            optimiser.step(self.theta, self.gradient, eta)

    def error(self, x: Tensor, t: Tensor) -> float:
        """E = (1/N) Σ E_n + (λ/2) Σ ǁW(l)ǁ² over all samples that are given."""
        a = self.forward(x)
        penalty = sum(float(torch.sum(W**2)) for W in self.W.values())
        return float(torch.mean(self.pair.error(a, self.pair.y(a), t))) + self.lam / 2 * penalty

    def right(self, x: Tensor, labels: Tensor) -> int:
        """How many samples have their largest score at their label. labels (N,)."""
        return int((self.forward(x).argmax(dim=1) == labels).sum())
