"""Functions of a reference put in other words, so that autograd's formula for them shows what they depend on."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from verify.backward.precision import Precision

_NORMS = (torch.rms_norm, torch.nn.functional.rms_norm)
_LARGER = (torch.maximum, torch.fmax, torch.max, Tensor.maximum, Tensor.fmax, Tensor.max)
_SMALLER = (torch.minimum, torch.fmin, torch.min, Tensor.minimum, Tensor.fmin, Tensor.min)


class Rewritten(TorchFunctionMode):
    """torch.rms_norm without an ε takes that of the dtype that is judged (float32 for halves). The larger of two is a
    choice by a comparison: autograd halves the gradient at a tie, where all of it is a subgradient too.
    """

    def __init__(self, precision: Precision) -> None:
        super().__init__()
        self.eps = torch.finfo(torch.float32 if precision.half else precision.storage).eps

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        options = dict(kwargs or {})
        if func in _NORMS:
            given = dict(zip(("input", "normalized_shape", "weight", "eps"), args, strict=False)) | options
            given["eps"] = self.eps if given.get("eps") is None else given["eps"]
            return func(**given)
        pair = _pair(args, options) if func in _LARGER or func in _SMALLER else None
        if pair is not None:
            one, two = pair
            return torch.where(one > two if func in _LARGER else one < two, one, two)
        return func(*args, **options)


def _pair(args: Any, options: dict[str, Any]) -> tuple[Tensor, Tensor] | None:
    """Two tensors of numbers, whose entries are compared."""
    both = [*args, *(options[key] for key in ("input", "other") if key in options)]
    if len(both) != 2 or not all(isinstance(v, Tensor) and v.is_floating_point() for v in both):
        return None
    return both[0], both[1]
