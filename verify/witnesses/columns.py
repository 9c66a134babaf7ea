"""One moved pre-activation and the layers above it: the structure that makes every parameter affordable.

A network is affine in each layer, so the weight w_ij of layer l touches sample n through a_nj(l) only, which it moves
by z_ni(l−1) for each unit of its own, and the bias b_j by 1. The loss is a mean over samples, E = (1/N) Σ E_n + …, and
the derivative of a mean is the mean of the derivatives, so each sample may take the step that suits it. Let sample n
step the weight by s/z_ni: a_nj then moves by s whichever weight of unit j it was. One evaluation of E_n serves all
weights into the unit and its bias; N × units evaluations a layer stand for N × inputs × units. An input of 0
contributes nothing, exactly. Nothing is sampled and nothing approximated, and only the layers above l are evaluated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from verify.problems.problem import Problem

Function = Callable[[Tensor], Tensor]
LayerFunction = Callable[[Tensor, int], Tensor]  # f of a(l), and l
ErrorFunction = Callable[[Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Base:
    """The forward pass from which columns are moved, in float64; 1-based as on the slides, z[0] = x."""

    problem: Problem
    a: dict[int, Tensor]  # a(l) (N, M)
    z: dict[int, Tensor]  # z(l) (N, M)


def base_of(problem: Problem) -> Base:
    """a(l) and z(l) of the problem, by the forward functions alone."""
    problem = problem.to(dtype=torch.float64)
    f = problem.f.f
    a: dict[int, Tensor] = {}
    z = {0: problem.x}
    for l, (w, v) in enumerate(zip(problem.W, problem.b, strict=True), 1):
        a[l] = z[l - 1] @ w + v
        if l < problem.L:
            z[l] = f(a[l])
    return Base(problem, a, z)


def above(base: Base, l: int, n: Tensor, j: Tensor, moved: Tensor, f: LayerFunction) -> list[Tensor]:
    """Move a(l) at the pairs (n, j) to `moved` and go on to the scores.

    n, j (P,): sample and unit of each pair. moved (points, P): the values that a_nj(l) takes.
    Returns a(l), a(l+1), …, a(L) of each point and pair, (points, P, units); of a hidden a(l) the moved unit alone.
    Above l+1 only what differs from the base is multiplied, so that the rounding of the base cancels in differences,
    and what is evaluated is the network that passes through the stored pre-activations.
    """
    if l == base.problem.L:
        row = base.a[l][n].expand(*moved.shape, -1).to(moved.dtype)
        return [row.scatter(2, j.expand(moved.shape).unsqueeze(2), moved.unsqueeze(2))]
    w = base.problem.W[l].to(moved.dtype)  # W(l+1): tuples count from 0
    shift = _shift(f(moved, l), base.z[l][n, j])
    rows = [moved.unsqueeze(2), torch.addcmul(base.a[l + 1][n].to(moved.dtype), shift.unsqueeze(2), w[j])]
    for above_l in range(l + 1, base.problem.L):
        w = base.problem.W[above_l].to(moved.dtype)
        shift = _shift(f(rows[-1], above_l), base.z[above_l][n], rows[-1])
        rows.append((shift @ w).add_(base.a[above_l + 1][n]))
    return rows


def _shift(z: Tensor, unmoved: Tensor, held: Tensor | None = None) -> Tensor:
    """What z has moved by. An imaginary step leaves real parts where they were, whatever f rounds there."""
    if z.is_complex():
        return torch.complex(torch.zeros_like(z.real), z.imag)
    return z - unmoved if held is None or z is held else z.sub_(unmoved)  # z's own memory, if it has one


def origins(base: Base, l: int, n: Tensor, j: Tensor) -> Iterator[Tensor]:
    """Where `above` starts from, unmoved: a(l), a(l+1), …, a(L) of each pair, (P, units), of the same units."""
    yield base.a[l][n] if l == base.problem.L else base.a[l][n, j].unsqueeze(1)
    for above_l in range(l + 1, base.problem.L + 1):
        yield base.a[above_l][n]


def errors(base: Base, n: Tensor, scores: Tensor, y: Function, error: ErrorFunction) -> Tensor:
    """E_n of scores (points, P, K): (points, P)."""
    flat = scores.reshape(-1, scores.shape[-1])
    t = base.problem.t[n].expand(scores.shape).reshape(flat.shape)
    # The cross-entropies take the scores alone.
    return error(flat, y(flat) if base.problem.pair.by_y is not None else flat, t).reshape(scores.shape[:-1])


def pairs(base: Base, l: int) -> tuple[Tensor, Tensor]:
    """Every (n, j) of layer l, as two index tensors (N·M,), row after row."""
    N, M = base.a[l].shape
    device = base.problem.device
    n = torch.arange(N, device=device).repeat_interleave(M)
    return n, torch.arange(M, device=device).repeat(N)


def blocks(base: Base, l: int, count: int, points: int, memory: int) -> Iterator[slice]:
    """Slices of `count` pairs whose evaluation at that many points stays within about `memory` bytes."""
    widest = max(w.shape[1] for w in [*base.problem.W[l:], base.problem.W[-1]])
    size = max(1, memory // (points * widest * 8 * 6))  # six tensors of that size live at once
    return (slice(start, min(start + size, count)) for start in range(0, count, size))


def per_weight(base: Base, l: int, per_sample: Tensor, *, absolute: bool = False) -> tuple[Tensor, Tensor]:
    """(1/N) Σ_n of each sample's share: for W(l) (in, M) and b(l) (M,) from ∂E_n/∂a(l) (N, M), or its error bars."""
    z = base.z[l - 1].abs() if absolute else base.z[l - 1]
    share = per_sample / base.problem.N
    return z.T @ share, torch.sum(share, dim=0)


def penalty(weights: Sequence[Tensor], lam: float) -> list[Tensor]:
    """The central difference of (λ/2) w² for every weight; of a square it is exact at any step h, here |w|.

    The squares are those of (w ± h)/h, which neither overflow nor underflow.
    """
    if lam == 0:
        return [torch.zeros_like(w) for w in weights]
    steps = [torch.clamp(w.abs(), min=torch.finfo(w.dtype).tiny) for w in weights]
    return [lam / 2 * (((w / h + 1) ** 2 - (w / h - 1) ** 2) / 2) * h for w, h in zip(weights, steps, strict=True)]
