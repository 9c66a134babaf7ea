"""A scalar function and its gradients, handed over side by side, as one differentiable function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from verify.errors import BadInput


def as_function(
    function: Callable[..., Tensor], gradients: Callable[..., Any] | Sequence[Tensor]
) -> Callable[..., Tensor]:
    """function, with those gradients for a backward pass."""

    class Plain(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *inputs: Any) -> Tensor:
            ctx.save_for_backward(*inputs)
            value = function(*inputs)
            if not isinstance(value, Tensor) or value.dim() != 0:
                shape = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
                raise BadInput(f"the function's value is {shape}: allowed is a tensor of shape (), a single number")
            return value

        @staticmethod
        def backward(ctx: Any, *upstream: Any) -> Any:
            found = gradients(*ctx.saved_tensors) if callable(gradients) else gradients
            every = list(found) if isinstance(found, (tuple, list)) else [found]
            if len(every) != len(ctx.saved_tensors):
                raise BadInput(f"{len(every)} gradients for {len(ctx.saved_tensors)} inputs: allowed are as many")
            return tuple(None if g is None else upstream[0] * g for g in every)

    Plain.__name__ = Plain.__qualname__ = getattr(function, "__name__", "function")
    return Plain.apply
