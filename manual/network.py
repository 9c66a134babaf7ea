"""Deck 000's network by hand, for any depth: forward, backward and the step, in the rows convention of its summary.

A working holds the lines in the slides' letters, 1-based as on the slides: `net.delta[3]` is δ(3), `net.W[3]` W(3),
`net.z[0]` the input x. Every equation has the same form, (net, l) -> the value of its line in layer l, reads what the
working already holds, and stands in one frozen value, `Equations`, whose default `SLIDES` is what the slides derive.
Shapes stand at the end of the lines: N samples, `in` units below layer l, `out` units in it.

Departures from the deck, each in docs/ERRATA.md: f′ is taken at a(l), not at z(l); the 1/N of the mean is kept in every
step; the biases are stepped too; every δ is computed before any weight is stepped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from manual.activations import Activation
from manual.outputs import Pair
from manual.penalties import PENALTIES, Penalty

Equation = Callable[["Working", int], Tensor]


@dataclass
class Working:
    """The lines of one problem, filled in the order in which they are computed."""

    W: dict[int, Tensor]  # W(l) (in, out)
    b: dict[int, Tensor]  # b(l) (out,)
    x: Tensor  # (N, D)
    t: Tensor  # (N, K)
    f: Activation
    pair: Pair
    lam: float
    equations: Equations
    penalty: Penalty = PENALTIES["lam/2"]
    a: dict[int, Tensor] = field(default_factory=dict)  # a(l) (N, out)
    z: dict[int, Tensor] = field(default_factory=dict)  # z(l) (N, out); z(0) = x
    y: Tensor = field(init=False)  # (N, K)
    E: Tensor = field(init=False)  # ()
    delta: dict[int, Tensor] = field(default_factory=dict)  # δ(l) (N, out)
    dW: dict[int, Tensor] = field(default_factory=dict)  # ∂E/∂W(l) (in, out)
    db: dict[int, Tensor] = field(default_factory=dict)  # ∂E/∂b(l) (out,)

    @property
    def L(self) -> int:
        """The number of weight layers."""
        return len(self.W)

    @property
    def N(self) -> int:
        """The number of samples."""
        return self.x.shape[0]


# Forward -------------------------------------------------------------------------------------------------------------


def affine(net: Working, l: int) -> Tensor:
    """a(l) = z(l−1) W(l) + b(l), deck 000 "回顾一次迭代前向计算的过程"."""
    return net.z[l - 1] @ net.W[l] + net.b[l]  # (N, out)


def activated(net: Working, l: int) -> Tensor:
    """z(l) = f(a(l)), deck 000 "回顾一次迭代前向计算的过程"."""
    return net.f.f(net.a[l])  # (N, out)


def output(net: Working, l: int) -> Tensor:
    """y = σ(a(L)), deck 000 "回顾一次迭代前向计算的过程"."""
    return net.pair.y(net.a[l])  # (N, K)


def total_error(net: Working, l: int) -> Tensor:
    """E = (1/N) Σ_n E_n + (λ/2) Σ_l ǁW(l)ǁ², deck 000 "误差反向传播-整体代价函数", with the Frobenius norm.

    The penalty may be another one (`manual.penalties`).
    ǁWǁ² column by column: a sum of 10⁵ squares in one go may round each of them 10⁵ times, and float32 has 10⁷ steps.
    """
    E_n = net.pair.error(net.a[l], net.y, net.t)  # (N,)
    squares = sum(torch.sum(torch.sum(W**2, dim=0)) for W in net.W.values())  # ()
    return torch.sum(E_n) / net.N + net.penalty.of(net.lam / 2 * squares, net.N)  # ()


# Backward ------------------------------------------------------------------------------------------------------------


def delta_output(net: Working, l: int) -> Tensor:
    """δ(L) = y − t, deck 000 "综上,误差反向传播求导及调整步骤" (1); other pairs have their own."""
    return net.pair.delta(net.a[l], net.y, net.t)  # (N, K)


def weight_terms(net: Working, l: int) -> Tensor:
    """Σ_n ∂E_n/∂W(l) = z(l−1)ᵀ δ(l), deck 000 "综上,误差反向传播求导及调整步骤" (2a), summed over the samples."""
    return net.z[l - 1].T @ net.delta[l]  # (in, out)


def bias_terms(net: Working, l: int) -> Tensor:
    """Σ_n ∂E_n/∂b(l) = Σ_n δ(l), deck 000 "综上,误差反向传播求导及调整步骤" (2b), summed over the samples."""
    return torch.sum(net.delta[l], dim=0)  # (out,)


def mean(net: Working, total: Tensor) -> Tensor:
    """(1/N) Σ_n, deck 000 "难点在于偏导怎么计算?": the summary's steps lose this factor on the way."""
    return total / net.N


def decay(net: Working, l: int) -> Tensor:
    """λ W(l), deck 000 "难点在于偏导怎么计算?": the derivative of (λ/2) ǁW(l)ǁ², or that of another penalty."""
    return net.penalty.of(net.lam * net.W[l], net.N)  # (in, out)


def weight_gradient(net: Working, l: int) -> Tensor:
    """∂E/∂W(l) = (1/N) Σ_n ∂E_n/∂W(l) + λ W(l), deck 000 "难点在于偏导怎么计算?"."""
    eq = net.equations
    return eq.mean(net, eq.weight_terms(net, l)) + eq.decay(net, l)  # (in, out)


def bias_gradient(net: Working, l: int) -> Tensor:
    """∂E/∂b(l) = (1/N) Σ_n ∂E_n/∂b(l), deck 000 "难点在于偏导怎么计算?"; biases are not regularised."""
    eq = net.equations
    return eq.mean(net, eq.bias_terms(net, l))  # (out,)


def carried(net: Working, l: int) -> Tensor:
    """∂E_n/∂z(l) = δ(l+1) W(l+1)ᵀ, deck 000 "求8(2)": Σ_j δ_j w_ji, one row a sample."""
    return net.delta[l + 1] @ net.W[l + 1].T  # (N, out)


def slope(net: Working, l: int) -> Tensor:
    """∂z(l)/∂a(l) = f′(a(l)), deck 000 "relu函数及其求导"; the slides write f′(z(l)), which only ReLU forgives."""
    return net.f.derivative(net.a[l])  # (N, out)


def delta_hidden(net: Working, l: int) -> Tensor:
    """δ(l) = δ(l+1) W(l+1)ᵀ ⊙ f′(a(l)), deck 000 "综上,误差反向传播求导及调整步骤" (4) (6)."""
    eq = net.equations
    return eq.carried(net, l) * eq.slope(net, l)  # (N, out)


# The equations as one value ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Equations:
    """The equations of the network; the defaults are the slides'. `mean` takes (net, total), the others (net, l)."""

    affine: Equation = affine
    activated: Equation = activated
    output: Equation = output
    total_error: Equation = total_error
    delta_output: Equation = delta_output
    weight_terms: Equation = weight_terms
    bias_terms: Equation = bias_terms
    mean: Callable[[Working, Tensor], Tensor] = mean
    decay: Equation = decay
    weight_gradient: Equation = weight_gradient
    bias_gradient: Equation = bias_gradient
    carried: Equation = carried
    slope: Equation = slope
    delta_hidden: Equation = delta_hidden


SLIDES = Equations()


def forward(net: Working) -> Working:
    """Fill a1, z1, a2, …, a(L), y and E, in that order. Returns the same working."""
    eq = net.equations
    net.z[0] = net.x  # (N, D)
    for l in range(1, net.L):
        net.a[l] = eq.affine(net, l)  # (N, out)
        net.z[l] = eq.activated(net, l)  # (N, out)
    net.a[net.L] = eq.affine(net, net.L)  # (N, K)
    net.y = eq.output(net, net.L)  # (N, K)
    net.E = eq.total_error(net, net.L)  # ()
    return net


def backward(net: Working) -> Working:
    """Fill δ(L), dW(L), db(L), δ(L−1), …, dW(1), db(1), in that order. Returns the same working."""
    eq = net.equations
    for l in range(net.L, 0, -1):
        net.delta[l] = eq.delta_output(net, l) if l == net.L else eq.delta_hidden(net, l)  # (N, out)
        net.dW[l] = eq.weight_gradient(net, l)  # (in, out)
        net.db[l] = eq.bias_gradient(net, l)  # (out,)
    return net


def work(
    W: Sequence[Tensor],
    b: Sequence[Tensor],
    x: Tensor,
    t: Tensor,
    f: Activation,
    pair: Pair,
    lam: float,
    equations: Equations = SLIDES,
    penalty: Penalty = PENALTIES["lam/2"],
) -> Working:
    """The whole working of a problem, forward then backward.

    W: L tensors (in, out); b: L tensors (out,); x (N, D); t (N, K); all of one floating dtype on one device.
    Raises ValueError where a tensor requires gradients: nothing here may build a graph unseen.
    """
    for name, tensor in [*((f"W({l})", w) for l, w in enumerate(W, 1)), *((f"b({l})", v) for l, v in enumerate(b, 1)),
                         ("x", x), ("t", t)]:  # fmt: skip
        if getattr(tensor, "requires_grad", False):
            raise ValueError(
                f"{name} requires gradients, and the manual network works without autograd: pass {name}.detach()"
            )
    net = Working(dict(enumerate(W, 1)), dict(enumerate(b, 1)), x, t, f, pair, lam, equations, penalty)
    return backward(forward(net))


def step(
    W: Sequence[Tensor], b: Sequence[Tensor], dW: Sequence[Tensor], db: Sequence[Tensor], eta: float
) -> tuple[list[Tensor], list[Tensor]]:
    """One step of descent, W(t+1) = W(t) − η ∂E/∂W(t), deck 000 "综上,误差反向传播求导及调整步骤" (3) (5) (7).

    The biases likewise, as deck 000 "梯度下降" has it. Returns new W and b; the arguments stay as they are.
    """
    return [w - eta * g for w, g in zip(W, dW, strict=True)], [v - eta * g for v, g in zip(b, db, strict=True)]
