"""The decks' activations from torch.nn, where it has them; swish with its β and the logistic GELU are written out."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


class Swish(nn.Module):
    """x σ(βx), deck 002 "更复杂的激活函数示例"; torch.nn.SiLU is β = 1 only."""

    def __init__(self, beta: float) -> None:
        super().__init__()
        self.beta = beta

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(self.beta * x)


class PReLU(nn.Module):
    """max(0, x) + γ min(0, x) with a constant γ; torch.nn.PReLU would learn it."""

    def __init__(self, gamma: float) -> None:
        super().__init__()
        self.gamma = gamma

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.prelu(x, x.new_tensor(self.gamma))


class HardSigmoid(nn.Module):
    """min(max(0, x/6 + ½), 1): the slope of torch.nn.Hardsigmoid is 1/6 as a float32 number, in float64 too."""

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.relu6(x + 3) / 6


# torch's Softplus turns linear above its threshold of 20, where ln(1 + eˣ) − x is still 2·10⁻⁹.
# At 40 the difference is 4·10⁻¹⁸, below the rounding of x.
_SOFTPLUS_THRESHOLD = 40

_MODULES: dict[str, Callable[[dict[str, float]], nn.Module]] = {
    "relu": lambda c: nn.ReLU(),
    "leaky_relu": lambda c: nn.LeakyReLU(c["leaky_relu"]),
    "elu": lambda c: nn.ELU(c["elu"]),
    "softplus": lambda c: nn.Softplus(threshold=_SOFTPLUS_THRESHOLD),
    "sigmoid": lambda c: nn.Sigmoid(),
    "tanh": lambda c: nn.Tanh(),
    "swish": lambda c: nn.SiLU() if c["swish"] == 1.0 else Swish(c["swish"]),
    "gelu": lambda c: nn.GELU(),
    "gelu_tanh": lambda c: nn.GELU(approximate="tanh"),
    "gelu_sigmoid": lambda c: Swish(1.702),
    "identity": lambda c: nn.Identity(),
    "relu6": lambda c: nn.ReLU6(),
    "hard_tanh": lambda c: nn.Hardtanh(),
    "hard_sigmoid": lambda c: HardSigmoid(),
    "hard_swish": lambda c: nn.Hardswish(),
    "mish": lambda c: nn.Mish(),
    "selu": lambda c: nn.SELU(),
    "celu": lambda c: nn.CELU(c["celu"]),
    "prelu": lambda c: PReLU(c["prelu"]),
    "softsign": lambda c: nn.Softsign(),
    "log_sigmoid": lambda c: nn.LogSigmoid(),
    "silu": lambda c: nn.SiLU(),
}


def activation_module(name: str, constants: dict[str, float]) -> nn.Module:
    """The module of that activation; constants holds the field of each in `Constants`. ValueError for others."""
    if name not in _MODULES:
        raise ValueError(f"activation {name!r} is not known; known are {', '.join(_MODULES)}")
    return _MODULES[name](constants)
