"""Output and loss, which come in pairs: y = σ(a(L)), the loss E_n of each sample, and δ(L) = ∂E_n/∂a(L).

Softmax with cross-entropy (deck 000 "误差反向传播-整体代价函数"), sigmoid with binary cross-entropy, and squared error
with any activation at the output (deck 001 "正式开始推导", deck 003 "残差与优化目标"). In no deck, but in many courses:
the mean of the squares over the outputs (torch's MSELoss), and both squared errors behind a softmax, whose whole
Jacobian stands in δ(L) then; the SVM's hinge loss of deck 004 "计算梯度"; the losses of |y − t|, L1 and Huber's (P. J.
Huber, "Robust Estimation of a Location Parameter", Ann. Math. Stat. 35, 1964); and the cross-entropy to smoothed labels
(C. Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", CVPR 2016).
Losses are taken from the scores a(L), not from y, so that scores of ±10⁴ neither overflow nor meet ln 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from manual.activations import (
    ACTIVATIONS,
    Activation,
    Constants,
    activation,
    relu,
    relu_derivative,
    sigmoid,
    softplus,
)


def residual(y: Tensor, t: Tensor) -> Tensor:
    """∂E_n/∂y = y − t of the squared error, deck 001 "计算辅助变量的值"."""
    return y - t  # (N, K)


@dataclass(frozen=True)
class Pair:
    """An output with its loss. a, y, t (N, K); E_n (N,); δ(L) (N, K).

    g: an output that works entry by entry, where its derivative stands in δ(L). by_y: ∂E_n/∂y (N, K) of y and t, where
    δ(L) is that through the output; None where the two cancel and δ(L) = y − t. rho: ρ of a loss E_n = Σ_k ρ(y_k − t_k)
    that is put together from pieces; apart: what ρ is taken of, y − t or margins. goal: what the loss makes of t (N, K)
    before it compares y with it.
    """

    output: str
    loss: str
    y: Callable[[Tensor], Tensor]
    error: Callable[[Tensor, Tensor, Tensor], Tensor]
    delta: Callable[[Tensor, Tensor, Tensor], Tensor]
    g: Activation | None = None
    by_y: Callable[[Tensor, Tensor], Tensor] | None = None
    rho: Activation | None = None
    apart: Callable[[Tensor, Tensor], Tensor] = residual
    goal: Callable[[Tensor], Tensor] = lambda t: t
    constants: Constants = Constants()


@dataclass(frozen=True)
class Loss:
    """A loss: E_n (N,) of a, y, t (N, K), and ∂E_n/∂y (N, K) of y and t, or None where δ(L) = y − t."""

    error: Callable[[Tensor, Tensor, Tensor], Tensor]
    by_y: Callable[[Tensor, Tensor], Tensor] | None = None
    rho: Activation | None = None
    apart: Callable[[Tensor, Tensor], Tensor] = residual


def softmax(a: Tensor) -> Tensor:
    """y_l = e^a_l / Σ_k e^a_k, deck 000 "回顾一次迭代前向计算的过程"; the row's maximum is taken off first."""
    e = torch.exp(a - torch.amax(a, dim=1, keepdim=True))  # (N, K)
    return e / torch.sum(e, dim=1, keepdim=True)  # (N, K)


def cross_entropy(a: Tensor, y: Tensor, t: Tensor) -> Tensor:
    """E_n = Σ_k −t_k ln y_k, deck 000 "误差反向传播-整体代价函数"; ln y_k = a_k − ln Σ e^a_j, so never ln 0."""
    return torch.sum(t * (torch.logsumexp(a, dim=1, keepdim=True) - a), dim=1)  # (N,)


def binary_cross_entropy(a: Tensor, y: Tensor, t: Tensor) -> Tensor:
    """E_n = −Σ_k t_k ln y_k + (1 − t_k) ln(1 − y_k), with −ln y = softplus(−a) and −ln(1 − y) = softplus(a)."""
    return torch.sum(t * softplus(-a) + (1 - t) * softplus(a), dim=1)  # (N,)


def squared_error(a: Tensor, y: Tensor, t: Tensor) -> Tensor:
    """E_n = ½ ǁy − tǁ², deck 001 "正式开始推导", without the min that the slide writes in front."""
    return torch.sum((y - t) ** 2, dim=1) / 2  # (N,)


def mean_squared_error(a: Tensor, y: Tensor, t: Tensor) -> Tensor:
    """E_n = (1/K) ǁy − tǁ²: with the mean over the samples that over all N·K outputs, without the ½."""
    return torch.sum((y - t) ** 2, dim=1) / t.shape[1]  # (N,)


def mean_residual(y: Tensor, t: Tensor) -> Tensor:
    """∂E_n/∂y = (2/K) (y − t) of the mean of the squares."""
    return 2 / t.shape[1] * (y - t)  # (N, K)


ABSOLUTE = Activation("absolute", torch.abs, torch.sign)


def huber(constants: Constants) -> Activation:
    """ρ(r) = ½ r² where |r| ≤ κ, else κ (|r| − ½ κ); ρ′(r) = r held between −κ and κ."""
    kappa = constants.huber

    def f(r: Tensor) -> Tensor:
        held = torch.clamp(r, -kappa, kappa)
        return held * (r - held / 2)

    return Activation("huber", f, lambda r: torch.clamp(r, -kappa, kappa), constants)


def of_residuals(rho: Activation) -> Loss:
    """E_n = Σ_k ρ(y_k − t_k), and ∂E_n/∂y = ρ′(y − t); of |r| 0 is taken for the derivative at 0."""
    return Loss(
        lambda a, y, t: torch.sum(rho.f(y - t), dim=1),  # (N,)
        lambda y, t: rho.derivative(y - t),  # (N, K)
        rho,
    )


HINGE = Activation("relu", relu, relu_derivative)


def margins(delta: float) -> Callable[[Tensor, Tensor], Tensor]:
    """m_k = y_k − y_c + Δ of every class but the true one, c, deck 004 "计算梯度"; of c −1: no loss. -> (N, K).

    t is one-hot.
    """
    return lambda y, t: (y - torch.sum(t * y, dim=1, keepdim=True) + delta) * (1 - t) - t


def of_margins(rho: Activation, delta: float) -> Loss:
    """E_n = Σ_k≠c max(0, m_k); ∂E_n/∂y_k = 1(m_k > 0), and for the true class minus their number."""
    apart = margins(delta)

    def by_y(y: Tensor, t: Tensor) -> Tensor:
        above = rho.derivative(apart(y, t))  # (N, K)
        return above - t * torch.sum(above, dim=1, keepdim=True)

    return Loss(lambda a, y, t: torch.sum(rho.f(apart(y, t)), dim=1), by_y, rho, apart)


def smoothed(constants: Constants) -> Callable[[Tensor], Tensor]:
    """t′ = (1 − ε) t + ε/K of t (N, K): a little of the target goes to every class."""
    epsilon = constants.smoothing
    return lambda t: (1 - epsilon) * t + epsilon / t.shape[1]  # (N, K)


def output_error(a: Tensor, y: Tensor, t: Tensor) -> Tensor:
    """δ(L) = y − t, deck 000 "求导 $\\delta^{(3)}$ -3": softmax with cross-entropy, and sigmoid with its own."""
    return y - t  # (N, K)


def through_activation(g: Activation, by_y: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    """δ(L) = ∂E_n/∂y ⊙ g′(a(L)), deck 001 "计算辅助变量的值"."""
    return lambda a, y, t: by_y(y, t) * g.derivative(a)  # (N, K)


def through_softmax(by_y: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    """δ(L) = y ⊙ (e − Σ_k e_k y_k) with e = ∂E_n/∂y: the Jacobian y_k(1 − y_k), −y_k y_j of deck 000 "求导
    $\\delta^{(3)}$ -1" and its next page, times e.
    """

    def delta(a: Tensor, y: Tensor, t: Tensor) -> Tensor:
        e = by_y(y, t)  # (N, K)
        return y * (e - torch.sum(e * y, dim=1, keepdim=True))  # (N, K)

    return delta


LOSSES: dict[str, Loss] = {
    "cross-entropy": Loss(cross_entropy),
    "binary-cross-entropy": Loss(binary_cross_entropy),
    "squared-error": Loss(squared_error, residual),
    "mean-squared-error": Loss(mean_squared_error, mean_residual),
}
# The cross-entropy is to another target than t.
GOALS: dict[str, Callable[[Constants], Callable[[Tensor], Tensor]]] = {"smoothed-cross-entropy": smoothed}
# Losses that are put together from pieces, of their constants; `bounds` takes another ρ in its place.
PIECES: dict[str, Callable[[Constants, Callable[[Activation], Activation]], Loss]] = {
    "l1": lambda c, of: of_residuals(of(ABSOLUTE)),
    "huber": lambda c, of: of_residuals(of(huber(c))),
    "hinge": lambda c, of: of_margins(of(HINGE), c.margin),
}
# The outputs that each loss goes with.
_ANY = (*ACTIVATIONS, "softmax")
OUTPUTS: dict[str, tuple[str, ...]] = {
    "cross-entropy": ("softmax",),
    "binary-cross-entropy": ("sigmoid",),
    "squared-error": _ANY,
    "mean-squared-error": _ANY,
    "l1": ACTIVATIONS,
    "huber": ACTIVATIONS,
    "hinge": ("identity",),
    "smoothed-cross-entropy": ("softmax",),
}
PAIRS: tuple[tuple[str, str], ...] = tuple((output, loss) for loss, outputs in OUTPUTS.items() for output in outputs)


def to_goal(p: Pair, goal: Callable[[Tensor], Tensor]) -> Pair:
    """The pair with the goal in place of t: E_n = Σ_k −t′_k ln y_k, δ(L) = y − t′."""
    return replace(
        p, error=lambda a, y, t: p.error(a, y, goal(t)), delta=lambda a, y, t: p.delta(a, y, goal(t)), goal=goal
    )  # fmt: skip


def pair(output: str, loss: str, constants: Constants = Constants()) -> Pair:
    """The pair of that output and loss. Raises ValueError for two that do not belong together."""
    if (output, loss) not in PAIRS:
        pairs = "; ".join(f"{', '.join(outputs)} with {name}" for name, outputs in OUTPUTS.items())
        raise ValueError(f"output {output!r} with loss {loss!r} is no pair; pairs are {pairs}")
    if loss in GOALS:
        made = Pair(output, loss, softmax, cross_entropy, output_error, constants=constants)
        return to_goal(made, GOALS[loss](constants))
    found = PIECES[loss](constants, lambda rho: rho) if loss in PIECES else LOSSES[loss]
    if found.by_y is None:
        return Pair(output, loss, softmax if output == "softmax" else sigmoid, found.error, output_error)
    if output == "softmax":
        return Pair(output, loss, softmax, found.error, through_softmax(found.by_y), None, found.by_y)
    g = activation(output, constants)
    return Pair(
        output,
        loss,
        g.f,
        found.error,
        through_activation(g, found.by_y),
        g,
        found.by_y,
        found.rho,
        found.apart,
        constants=constants,
    )
