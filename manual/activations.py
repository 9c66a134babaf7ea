"""The activations of the decks, f and f′ side by side.

Deck 002 "经典激活函数", "其他常用激活函数", "更复杂的激活函数示例" and "激活函数的导数"; deck 000 "relu函数及其求导".
The deck's table of derivatives has five rows (logistic, tanh, ReLU, ELU, softplus); the others are ours. Those from
`relu6` on are in no deck: they are what courses and libraries use beside them, and each names where it was introduced.

Every function takes a tensor of any shape, floating dtype and device, works entry by entry and returns the same shape.
The forms are the stable ones: nothing overflows at any finite input (deck 002's exp forms do, beyond |x| of about 710).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Constants:
    """The constants of the activations that have one: γ of leaky ReLU, PReLU and ELU, β of swish, α of CELU.

    And of losses: κ of Huber's, ε of the smoothing of labels, Δ of the hinge loss's margin.
    """

    leaky_relu: float = 0.01
    elu: float = 1.0
    swish: float = 1.0
    celu: float = 1.0
    prelu: float = 0.25
    huber: float = 1.0
    smoothing: float = 0.1
    margin: float = 1.0


@dataclass(frozen=True)
class Activation:
    """An activation: z = f(a), and its derivative f′(a), taken at the pre-activation a."""

    name: str
    f: Callable[[Tensor], Tensor]
    derivative: Callable[[Tensor], Tensor]
    constants: Constants = Constants()


def relu(a: Tensor) -> Tensor:
    """max(0, a), deck 000 "relu函数及其求导"."""
    return torch.clamp(a, min=0)


def relu_derivative(a: Tensor) -> Tensor:
    """1 where a > 0, else 0, deck 000 "relu函数及其求导": the slide sets f′(0) = 0."""
    return (a > 0).to(a.dtype)


def leaky_relu(a: Tensor, gamma: float) -> Tensor:
    """a where a > 0, γa elsewhere, deck 002 "其他常用激活函数"."""
    return torch.where(a > 0, a, gamma * a)


def leaky_relu_derivative(a: Tensor, gamma: float) -> Tensor:
    """1 where a > 0, γ elsewhere."""
    return torch.where(a > 0, torch.ones_like(a), torch.full_like(a, gamma))


def elu(a: Tensor, gamma: float) -> Tensor:
    """a where a > 0, γ(eᵃ − 1) elsewhere, deck 002 "其他常用激活函数"."""
    return torch.where(a > 0, a, gamma * torch.expm1(torch.clamp(a, max=0)))


def elu_derivative(a: Tensor, gamma: float) -> Tensor:
    """1 where a > 0, γeᵃ elsewhere, deck 002 "激活函数的导数"."""
    return torch.where(a > 0, torch.ones_like(a), gamma * torch.exp(torch.clamp(a, max=0)))


def softplus(a: Tensor) -> Tensor:
    """ln(1 + eᵃ), deck 002 "其他常用激活函数", as max(0, a) + ln(1 + e^−|a|), which cannot overflow."""
    return torch.clamp(a, min=0) + torch.log1p(torch.exp(-torch.abs(a)))


def softplus_derivative(a: Tensor) -> Tensor:
    """1 / (1 + e⁻ᵃ), deck 002 "激活函数的导数"."""
    return torch.sigmoid(a)


def sigmoid(a: Tensor) -> Tensor:
    """σ(a) = 1 / (1 + e⁻ᵃ), deck 002 "经典激活函数"."""
    return torch.sigmoid(a)


def sigmoid_derivative(a: Tensor) -> Tensor:
    """f(a)(1 − f(a)), deck 002 "激活函数的导数"; 1 − σ(a) is taken as σ(−a), which does not cancel."""
    return torch.sigmoid(a) * torch.sigmoid(-a)


def tanh(a: Tensor) -> Tensor:
    """(eᵃ − e⁻ᵃ) / (eᵃ + e⁻ᵃ), deck 002 "经典激活函数"."""
    return torch.tanh(a)


def tanh_derivative(a: Tensor) -> Tensor:
    """1 − f(a)², deck 002 "激活函数的导数"."""
    return 1 - torch.tanh(a) ** 2


def swish(a: Tensor, beta: float) -> Tensor:
    """a σ(βa), deck 002 "更复杂的激活函数示例"."""
    return a * torch.sigmoid(beta * a)


def swish_derivative(a: Tensor, beta: float) -> Tensor:
    """σ(βa) + βa σ(βa)(1 − σ(βa))."""
    return torch.sigmoid(beta * a) + beta * a * sigmoid_derivative(beta * a)


def gelu(a: Tensor) -> Tensor:
    """a P(X ≤ a) for X of N(0, 1), deck 002 "更复杂的激活函数示例"; P(X ≤ a) = erfc(−a/√2)/2."""
    return a * _normal_cdf(a)


def gelu_derivative(a: Tensor) -> Tensor:
    """P(X ≤ a) + a φ(a), with φ the density of N(0, 1)."""
    return _normal_cdf(a) + a * torch.exp(-(a**2) / 2) / math.sqrt(2 * math.pi)


def gelu_tanh(a: Tensor) -> Tensor:
    """0.5 a (1 + tanh(√(2/π)(a + 0.044715 a³))), deck 002 "更复杂的激活函数示例"."""
    return 0.5 * a * (1 + torch.tanh(_gelu_tanh_argument(a)))


def gelu_tanh_derivative(a: Tensor) -> Tensor:
    """0.5 (1 + tanh u) + 0.5 a (1 − tanh² u) u′, with u′ = √(2/π)(1 + 3·0.044715 a²)."""
    u = _gelu_tanh_argument(a)
    # Where u is large, 1 − tanh² u is 0 while a·u′ may overflow: the factor is held finite, the product stays 0.
    slope = torch.clamp(a * math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * a**2), -_large(a), _large(a))
    return 0.5 * (1 + torch.tanh(u)) + 0.5 * tanh_derivative(u) * slope


def gelu_sigmoid(a: Tensor) -> Tensor:
    """a σ(1.702 a), deck 002 "更复杂的激活函数示例"."""
    return swish(a, 1.702)


def gelu_sigmoid_derivative(a: Tensor) -> Tensor:
    """The derivative of a σ(1.702 a): swish at β = 1.702."""
    return swish_derivative(a, 1.702)


def identity(a: Tensor) -> Tensor:
    """a: a linear layer, the output of deck 002 "案例-线性回归(Linear Regression)"."""
    return a


def identity_derivative(a: Tensor) -> Tensor:
    """1 everywhere."""
    return torch.ones_like(a)


def relu6(a: Tensor) -> Tensor:
    """min(max(0, a), 6), of MobileNet (Howard et al. 2017)."""
    return torch.clamp(a, 0, 6)


def relu6_derivative(a: Tensor) -> Tensor:
    """1 where 0 < a < 6, else 0."""
    return _within(a, 0, 6)


def hard_tanh(a: Tensor) -> Tensor:
    """a held between −1 and 1 (Collobert 2004)."""
    return torch.clamp(a, -1, 1)


def hard_tanh_derivative(a: Tensor) -> Tensor:
    """1 where −1 < a < 1, else 0."""
    return _within(a, -1, 1)


def hard_sigmoid(a: Tensor) -> Tensor:
    """a/6 + ½ held between 0 and 1, as torch has it; Keras before 3 had a/5 + ½."""
    return torch.clamp(a / 6 + 0.5, 0, 1)


def hard_sigmoid_derivative(a: Tensor) -> Tensor:
    """1/6 where −3 < a < 3, else 0."""
    return _within(a, -3, 3) / 6


def hard_swish(a: Tensor) -> Tensor:
    """a hard_sigmoid(a), of MobileNetV3 (Howard et al. 2019)."""
    return a * hard_sigmoid(a)


def hard_swish_derivative(a: Tensor) -> Tensor:
    """a/3 + ½ where −3 < a < 3, 0 below, 1 above."""
    return torch.where(_within(a, -3, 3) == 1, a / 3 + 0.5, (a >= 3).to(a.dtype))


def mish(a: Tensor) -> Tensor:
    """a tanh(ln(1 + eᵃ)) (Misra 2019), as a n/(n + 2) with n = eᵃ(eᵃ + 2); above 0 both are divided by e²ᵃ."""
    e = torch.exp(-torch.abs(a))
    return a * torch.where(a > 0, (1 + 2 * e) / (1 + 2 * e + 2 * e**2), e * (e + 2) / (e * (e + 2) + 2))


def mish_derivative(a: Tensor) -> Tensor:
    """tanh s + a (1 − tanh² s) σ(a) with s = ln(1 + eᵃ): n/(n + 2) + 4a eᵃ(eᵃ + 1)/(n + 2)², which does not cancel."""
    e = torch.exp(-torch.abs(a))
    above, below = 1 + 2 * e + 2 * e**2, e * (e + 2) + 2
    share = torch.where(a > 0, (1 + 2 * e) / above, e * (e + 2) / below)
    # Where a is so large that e is 0, the second term is 0 whatever a is.
    slope = torch.where(a > 0, e**2 * (1 + e) / above**2, e * (e + 1) / below**2)
    return share + 4 * torch.clamp(a, -_large(a) / 8, _large(a) / 8) * slope


SELU_LAMBDA = 1.0507009873554804934193349852946
SELU_ALPHA = 1.6732632423543772848170429916717


def selu(a: Tensor) -> Tensor:
    """λa where a > 0, λα(eᵃ − 1) elsewhere, λ and α those of Klambauer et al. 2017."""
    return SELU_LAMBDA * elu(a, SELU_ALPHA)


def selu_derivative(a: Tensor) -> Tensor:
    """λ where a > 0, λα eᵃ elsewhere."""
    return SELU_LAMBDA * elu_derivative(a, SELU_ALPHA)


def celu(a: Tensor, alpha: float) -> Tensor:
    """a where a > 0, α(e^(a/α) − 1) elsewhere (Barron 2017)."""
    return torch.where(a > 0, a, alpha * torch.expm1(torch.clamp(a, max=0) / alpha))


def celu_derivative(a: Tensor, alpha: float) -> Tensor:
    """1 where a > 0, e^(a/α) elsewhere."""
    return torch.where(a > 0, torch.ones_like(a), torch.exp(torch.clamp(a, max=0) / alpha))


def softsign(a: Tensor) -> Tensor:
    """a / (1 + |a|) (Bergstra et al. 2009)."""
    return a / (1 + torch.abs(a))


def softsign_derivative(a: Tensor) -> Tensor:
    """1 / (1 + |a|)²."""
    return (1 / (1 + torch.abs(a))) ** 2


def log_sigmoid(a: Tensor) -> Tensor:
    """ln σ(a) = −softplus(−a)."""
    return -softplus(-a)


def log_sigmoid_derivative(a: Tensor) -> Tensor:
    """1 − σ(a) = σ(−a)."""
    return torch.sigmoid(-a)


def silu(a: Tensor) -> Tensor:
    """a σ(a): swish at β = 1, under the name that torch has for it."""
    return swish(a, 1.0)


def silu_derivative(a: Tensor) -> Tensor:
    """The derivative of a σ(a)."""
    return swish_derivative(a, 1.0)


def _within(a: Tensor, low: float, high: float) -> Tensor:
    return ((a > low) & (a < high)).to(a.dtype)


def _normal_cdf(a: Tensor) -> Tensor:
    return torch.erfc(-a / math.sqrt(2)) / 2


def _gelu_tanh_argument(a: Tensor) -> Tensor:
    return math.sqrt(2 / math.pi) * (a + 0.044715 * a**3)


def _large(a: Tensor) -> float:
    return torch.finfo(a.dtype).max


# name -> (f, f′, the constant both take, or None); the names are those of an assignment.
_TABLE: dict[str, tuple[Callable[..., Tensor], Callable[..., Tensor], str | None]] = {
    "relu": (relu, relu_derivative, None),
    "leaky_relu": (leaky_relu, leaky_relu_derivative, "leaky_relu"),
    "elu": (elu, elu_derivative, "elu"),
    "softplus": (softplus, softplus_derivative, None),
    "sigmoid": (sigmoid, sigmoid_derivative, None),
    "tanh": (tanh, tanh_derivative, None),
    "swish": (swish, swish_derivative, "swish"),
    "gelu": (gelu, gelu_derivative, None),
    "gelu_tanh": (gelu_tanh, gelu_tanh_derivative, None),
    "gelu_sigmoid": (gelu_sigmoid, gelu_sigmoid_derivative, None),
    "identity": (identity, identity_derivative, None),
    "relu6": (relu6, relu6_derivative, None),
    "hard_tanh": (hard_tanh, hard_tanh_derivative, None),
    "hard_sigmoid": (hard_sigmoid, hard_sigmoid_derivative, None),
    "hard_swish": (hard_swish, hard_swish_derivative, None),
    "mish": (mish, mish_derivative, None),
    "selu": (selu, selu_derivative, None),
    "celu": (celu, celu_derivative, "celu"),
    "prelu": (leaky_relu, leaky_relu_derivative, "prelu"),
    "softsign": (softsign, softsign_derivative, None),
    "log_sigmoid": (log_sigmoid, log_sigmoid_derivative, None),
    "silu": (silu, silu_derivative, None),
}

ACTIVATIONS: tuple[str, ...] = tuple(_TABLE)


def activation(name: str, constants: Constants = Constants()) -> Activation:
    """The activation of that name, with its constant bound. Raises ValueError for an unknown name."""
    if name not in _TABLE:
        raise ValueError(f"activation {name!r} is not known; known are {', '.join(ACTIVATIONS)}")
    f, derivative, constant = _TABLE[name]
    if constant is None:
        return Activation(name, f, derivative, constants)
    value = getattr(constants, constant)
    return Activation(name, lambda a: f(a, value), lambda a: derivative(a, value), constants)
