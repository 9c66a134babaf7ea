"""Probes as small values: what each changes of a call, and the fault it is for.

Each stands for faults that real kernels had: an upstream gradient read as if it were contiguous, or only its first
entry; columns lost beyond a block; a saturated region; saved values overwritten.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from verify.backward.parts import by_parts, widened
from verify.backward.subject import Case

Make = Callable[[Generator, Tensor], Tensor]  # draws, output -> its upstream gradient
Change = Callable[[Generator, Case], Case]


@dataclass(frozen=True)
class Probe:
    """`random`: the upstream gradient's entries are independent draws, so that roundings do not gang up. `complex`: for
    functions of complex tensors alone. `layout`: the inputs' numbers stay, and lie otherwise in memory.
    """

    name: str
    changes: str
    upstream: Make
    inputs: Change | None = None
    random: bool = True
    complex: bool = False
    layout: bool = False


def normal(draw: Generator, like: Tensor) -> Tensor:
    """Normal numbers of the shape and dtype, in memory of their own."""
    wide = torch.complex128 if like.is_complex() else torch.float64
    return torch.randn(like.shape, generator=draw, dtype=wide, device="cpu").to(device=like.device, dtype=like.dtype)


# Upstream gradients --------------------------------------------------------------------------------------------------


def _one_hot(draw: Generator, out: Tensor) -> Tensor:
    """1, or 1 + i, in one entry: the first, the last or any."""
    g = torch.zeros_like(out, memory_format=torch.contiguous_format)
    if out.numel():
        pick = (0, out.numel() - 1, int(torch.randint(out.numel(), (), generator=draw, device="cpu")))
        place = pick[int(torch.randint(3, (), generator=draw, device="cpu"))]
        g.view(-1)[place] += 1 + 1j if out.is_complex() else 1
    return g


def _ones(draw: Generator, out: Tensor) -> Tensor:
    return torch.ones_like(out, memory_format=torch.contiguous_format)


def _everywhere(draw: Generator, out: Tensor) -> Tensor:
    """What .sum() hands down: one number, seen everywhere by strides of 0."""
    return normal(draw, out.new_empty(())).expand(out.shape)


def _expanded(draw: Generator, out: Tensor) -> Tensor:
    """One value a row, or a column, seen along it by a stride of 0."""
    if out.dim() == 0:
        return normal(draw, out)
    dim = int(torch.randint(out.dim(), (), generator=draw, device="cpu"))
    return normal(draw, out.narrow(dim, 0, min(1, out.shape[dim]))).expand(out.shape)


def _slice(draw: Generator, out: Tensor) -> Tensor:
    """The part that torch.cat's backward pass hands down."""
    if out.dim() == 0:
        return normal(draw, out.new_empty(3))[1]
    dim = out.dim() - 1
    wide = normal(draw, torch.cat([out, out, out], dim=dim).detach())
    return wide.narrow(dim, out.shape[dim], out.shape[dim])


def _transposed(draw: Generator, out: Tensor) -> Tensor:
    return transposed(normal(draw, out))


def transposed(v: Tensor) -> Tensor:
    """The same numbers, the last two dimensions the other way round in memory."""
    return v if v.dim() < 2 else v.transpose(-1, -2).contiguous().transpose(-1, -2)


def spaced(v: Tensor) -> Tensor:
    """The same numbers, every second place of a larger tensor."""
    if v.dim() == 0:
        return v
    room = torch.full((*v.shape[:-1], 2 * v.shape[-1]), 7.0, dtype=v.dtype, device=v.device)
    room[..., ::2] = v.detach()
    return room[..., ::2]


def _conjugate(v: Tensor) -> Tensor:
    """The same numbers, kept as their conjugates with a mark that says so, as .conj() and .mH leave them."""
    return v.conj().resolve_conj().conj()


def _scaled(power: Callable[[torch.dtype], float]) -> Make:
    return lambda draw, out: normal(draw, out) * power(out.dtype)


def _huge(dtype: torch.dtype) -> float:
    return 2.0**4 if dtype == torch.float16 else 2.0**20


def _tiny(dtype: torch.dtype) -> float:
    return 2.0**-6 if dtype == torch.float16 else 2.0**-20


UPSTREAM = (
    Probe("upstream random", "independent normal numbers", normal),
    Probe("upstream one-hot", "1 in one entry, 0 in all others", _one_hot, random=False),
    Probe("upstream ones", "1 in every entry", _ones, random=False),
    Probe("upstream zero-dimensional", "one number everywhere, as .sum() hands it down", _everywhere, random=False),
    Probe("upstream expanded", "one number along one dimension, by a stride of 0", _expanded, random=False),
    Probe("upstream slice", "a slice of a wider tensor, as torch.cat hands it down", _slice),
    Probe("upstream transposed", "the last two dimensions the other way round in memory", _transposed),
    Probe("upstream conjugate", "kept as its conjugate, with torch's mark that says so (is_conj)",
          lambda draw, out: _conjugate(normal(draw, out)), complex=True),
    Probe("upstream huge", "numbers a million times as large (16 times in float16)", _scaled(_huge)),
    Probe("upstream tiny", "numbers a million times as small (64 times in float16)", _scaled(_tiny)),
)  # fmt: skip


# Inputs --------------------------------------------------------------------------------------------------------------


def _layout(change: Callable[[Tensor], Tensor]) -> Change:
    return lambda draw, case: case.replaced(lambda k, v: change(v))


def _values(change: Callable[[Generator, Tensor], Tensor]) -> Change:
    """Other values in the inputs whose gradient is asked for."""
    return lambda draw, case: case.replaced(lambda k, v: change(draw, v) if k in case.wanted else v)


def _zeros(draw: Generator, v: Tensor) -> Tensor:
    """A third of the entries, and one row, exactly 0."""
    keep = torch.rand(v.shape, generator=draw, device="cpu").to(v.device) > 1 / 3
    new = v * keep.to(v.device)
    if v.dim() > 1 and v.shape[0] > 1:
        new[0] = 0
    return new


def _ties(draw: Generator, v: Tensor) -> Tensor:
    """Rounded to halves of the typical size, and neighbours equal."""
    scale = (float(widened(v).abs().mean()) if v.numel() else 0.0) or 1.0
    step = 2.0 ** round(math.log2(scale))
    new = by_parts(lambda part: torch.round(part.double() / step * 2) / 2 * step, v)
    if v.dim() and v.shape[-1] > 1:
        new[..., 1] = new[..., 0]
    return new.to(v.dtype)


def _saturated(draw: Generator, v: Tensor) -> Tensor:
    """Eight times as large: bounded activations and softmaxes are near their ends."""
    return v * 8


def _cancelling(draw: Generator, v: Tensor) -> Tensor:
    """Every second entry nearly the opposite of its neighbour, so that sums cancel."""
    if v.dim() == 0 or v.shape[-1] < 2:
        return v
    new = v.clone()
    n = v.shape[-1] // 2
    new[..., 1 : 2 * n : 2] = -v[..., 0 : 2 * n : 2] * (1 + 2**-4)
    return new


INPUTS = (
    Probe("inputs transposed", "the same numbers, the last two dimensions the other way round in memory",
          normal, _layout(transposed), layout=True),
    Probe("inputs non-contiguous", "the same numbers, at every second place of a tensor", normal, _layout(spaced),
          layout=True),
    Probe("inputs conjugate", "the same numbers, kept as their conjugates, with torch's mark that says so (is_conj)",
          normal, _layout(_conjugate), complex=True, layout=True),
    Probe("inputs with zeros", "a third of the entries exactly 0", normal, _values(_zeros)),
    Probe("inputs with ties", "entries equal to their neighbours", normal, _values(_ties)),
    Probe("inputs saturated", "entries eight times as large", normal, _values(_saturated)),
    Probe("inputs cancelling", "neighbours nearly opposite, so that sums cancel", normal, _values(_cancelling)),
)  # fmt: skip


def again(draw: Generator, case: Case) -> Case:
    """A second draw of the inputs: each entry up to a sixteenth smaller, zeros and signs as they were."""

    def shrink(k: int, v: Tensor) -> Tensor:
        factor = 1 - torch.rand(v.shape, generator=draw, dtype=torch.float64, device="cpu").to(v.device) / 16
        return (widened(v) * factor.to(v.device)).to(v.dtype) if k in case.wanted else v

    return case.replaced(shrink)
