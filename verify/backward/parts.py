"""Real and complex tensors under one roof: a complex one is judged by its real and imaginary parts, last dimension 2.

Gradients are torch's: of a real loss by a complex z, ∂E/∂Re z + i ∂E/∂Im z, the conjugate of Wirtinger's ∂E/∂z times 2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

COMPLEX = {torch.complex128: torch.float64, torch.complex64: torch.float32}  # and the dtype of their parts
PARTS = ("real part", "imaginary part")


def smooth(v: Any) -> bool:
    """Whether it is a tensor that may have a gradient."""
    return isinstance(v, Tensor) and (v.is_floating_point() or v.is_complex())


def real_dtype(dtype: torch.dtype) -> torch.dtype:
    """The dtype of the numbers that are stored."""
    return COMPLEX.get(dtype, dtype)


def cast(v: Tensor, dtype: torch.dtype) -> Tensor:
    """In a floating dtype; a complex tensor in the complex one of such parts."""
    return v.to(dtype.to_complex() if v.is_complex() else dtype)


def widened(v: Tensor) -> Tensor:
    """In float64, or complex128."""
    return cast(v, torch.float64)


def parts_of(v: Tensor) -> Tensor:
    """(…) complex -> (…, 2) real; a real tensor as it is."""
    return torch.view_as_real(v.resolve_conj()) if v.is_complex() else v


def whole_of(parts: Tensor, complex: bool) -> Tensor:
    """The inverse of parts_of."""
    return torch.view_as_complex(parts.contiguous()) if complex else parts


def by_parts(change: Callable[[Tensor], Tensor], v: Tensor) -> Tensor:
    """A change of real numbers, put to real and imaginary parts alike."""
    return torch.complex(change(v.real), change(v.imag)) if v.is_complex() else change(v)
