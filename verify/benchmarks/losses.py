"""The loss that every peer differentiates, written out once for the NumPy-like libraries and once for torch.

E(W1, b1, W2, b2, …) = (1/N) Σ E_n of a network with tanh or ReLU, softmax and cross-entropy, and no penalty: the
penalty would only cost the peers time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from verify.problems.problem import Problem


def torch_loss(problem: Problem) -> Callable[..., Tensor]:
    """E of torch tensors, as a function of the parameters alone."""
    x, t, relu = problem.x, problem.t, problem.activation == "relu"

    def loss(*parameters: Tensor) -> Tensor:
        z, a = x, x
        for l in range(0, len(parameters), 2):
            a = z @ parameters[l] + parameters[l + 1]
            z = torch.clamp(a, min=0) if relu else torch.tanh(a)
        return torch.mean(torch.sum(t * (torch.logsumexp(a, dim=1, keepdim=True) - a), dim=1))

    return loss


def array_loss(problem: Problem, np: Any) -> Callable[..., Any]:
    """E of arrays of a NumPy-like module, as a function of the parameters alone."""
    x, t, relu = np.asarray(problem.x.numpy()), np.asarray(problem.t.numpy()), problem.activation == "relu"

    def loss(*parameters: Any) -> Any:
        z, a = x, x
        for l in range(0, len(parameters), 2):
            a = np.dot(z, parameters[l]) + parameters[l + 1]
            z = np.maximum(a, 0) if relu else np.tanh(a)
        a = a - np.max(a, axis=1, keepdims=True)
        return np.mean(np.sum(t * (np.log(np.sum(np.exp(a), axis=1, keepdims=True)) - a), axis=1))

    return loss
