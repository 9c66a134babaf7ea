"""The decks' functions written down in torch, with autograd for every derivative: no graph of ours is read here."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

# By the names of the examples: the function of its inputs, as the deck writes it.
FUNCTIONS: Mapping[str, Callable[..., Tensor]] = {
    "chain": lambda x: 3 * (2 * x + 2) + 3,
    "square": lambda x, y: x**2 * y + (y + 2),
    "logistic": lambda x, w, b: 1 / (torch.exp(-(w * x + b)) + 1),
    "product": lambda x1, x2: (x1 + x2) * (x2 + 1),
    "squares": lambda x1, x2: x1**2 + (x1 + x2) ** 2,
    "square-of-sum": lambda x1, x2: (x1 + x2) ** 2 * x2**2 + x2,
    "sum-times": lambda x, y, z: (x + y) * z,
    "neuron": lambda w0, w1, w2, x0, x1: torch.sigmoid(w0 * x0 + w1 * x1 + w2),
    "several-paths": lambda x, y: (x * y) * (x + y),
    "arrays": lambda x, y, z: torch.sum(x * y + z),
}


def value_and_gradients(name: str, inputs: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
    """The function's value, and its derivative by each input, from autograd."""
    leaves = {key: value.detach().clone().requires_grad_() for key, value in inputs.items()}
    value = FUNCTIONS[name](**leaves)
    return value.detach(), dict(zip(leaves, torch.autograd.grad(value, list(leaves.values())), strict=True))
