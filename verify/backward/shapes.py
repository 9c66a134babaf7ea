"""Other sizes: the given data cut and tiled. Sizes that are equal move together, indices stay in range."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from verify.backward.parts import smooth
from verify.backward.subject import Case

SIZES = (1, 2, 3, 63, 64, 65, 127, 128, 129)
SMALL = 4096  # entries of the largest tensor that the probes are put to, beside the first two on the given data


def sizes_of(case: Case) -> list[int]:
    """The different sizes of the inputs' dimensions, as they come."""
    return list(dict.fromkeys(n for v in case.inputs if isinstance(v, Tensor) for n in v.shape))


def resized(case: Case, old: int, new: int) -> Case:
    """Every dimension of size `old` cut or tiled to `new`; indices below `old` stay below `new`."""
    return Case(tuple(_resized(v, old, new) if isinstance(v, Tensor) else v for v in case.inputs), case.wanted)


def _resized(v: Tensor, old: int, new: int) -> Tensor:
    for dim, n in enumerate(v.shape):
        if n == old:
            v = v.index_select(dim, torch.arange(new, device=v.device) % old)
    if not smooth(v) and v.dtype != torch.bool and new < old and v.numel() and int(v.max()) >= new:
        v = v % new if int(v.min()) >= 0 else v
    return v


def variants(case: Case, limit: int, fixed: frozenset[int] = frozenset()) -> Iterator[tuple[int, int, Case]]:
    """(old, new, case) for each size and each of SIZES, where the largest tensor stays within the limit."""
    for old in sizes_of(case):
        for new in SIZES:
            if new == old or old == 0 or old in fixed:
                continue
            found = resized(case, old, new)
            if largest(found) <= limit:
                yield old, new, found


def largest(case: Case) -> int:
    """Entries of the largest tensor."""
    return max(v.numel() for v in case.inputs if isinstance(v, Tensor))


def cut(case: Case, limit: int = SMALL, fixed: frozenset[int] = frozenset()) -> Case:
    """The case with its largest sizes halved until the largest tensor is within the limit."""
    while largest(case) > limit:
        big = max((v for v in case.inputs if isinstance(v, Tensor)), key=lambda v: v.numel())
        old = max((n for n in big.shape if n not in fixed), default=0)
        if old <= 2:
            return case
        case = resized(case, old, max(2, (old + 1) // 2))
    return case
