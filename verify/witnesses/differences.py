"""Finite differences for every parameter of the network, each with its own error bar, from forward passes alone.

The estimate is the central difference of order six of E_n in a_nj(l) (`verify.witnesses.columns` says why that serves
every weight and bias), at ±s, ±2s, ±3s. Its error bar has two parts. Truncation: its distance from the difference of
order four on the same points, which is larger than its own error by about 1/s². Rounding: what the evaluation of E_n
can round off, by running analysis of the forward pass, divided by the step. The step follows from how far the layers
above move. (The rounding of a(l) itself moves the point at which the derivative is taken; all witnesses share it, and
`verify.witnesses.against` adds the running budget for it.)

Kinks: the activation patterns at all points are compared exactly. Where they differ the step shrinks; where a
pre-activation is exactly 0, both one-sided derivatives are taken and the bar covers all that lies between; what even
the smallest step cannot settle is undecided.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from manual.activations import Constants
from verify.bounds.bounded import gamma_n
from verify.bounds.curves import Curve, curve
from verify.problems.problem import Problem
from verify.witnesses.columns import Base, above, base_of, blocks, errors, origins, pairs, penalty, per_weight
from verify.witnesses.stencils import POINTS, between, central, one_sided

_U = torch.finfo(torch.float64).eps / 2
_LONGEST_STEP = 2.0**-10
_SHORTEST_STEP = 2.0**-36
_SHRINK = 8.0
# Roundings of one activation or loss as torch evaluates it.
_FUNCTION_ROUNDINGS = 4
MEMORY = 32 * 2**20  # blocks of about this size are evaluated fastest: larger ones leave the caches


@dataclass(frozen=True)
class Estimate:
    """Derivatives with how far each can be off; `undecided` marks entries whose kink no step could avoid."""

    value: Tensor
    bar: Tensor
    undecided: Tensor


def differences(problem: Problem, memory: int = MEMORY) -> dict[str, Estimate]:
    """Estimates of delta(l) (N, M), dW(l) (in, M) and db(l) (M,) for every layer, in float64 on the problem's device.

    Memory is bounded by about `memory` bytes beyond the results.
    """
    base = base_of(problem)
    found: dict[str, Estimate] = {}
    decay = penalty(base.problem.W, problem.lam)
    for l in range(problem.L, 0, -1):
        delta = _layer(base, l, memory)
        found[f"delta{l}"] = delta
        found[f"dW{l}"], found[f"db{l}"] = parameters(base, l, delta, decay[l - 1])
    return found


def parameters(base: Base, l: int, delta: Estimate, decay: Tensor) -> tuple[Estimate, Estimate]:
    """Estimates of dW(l) and db(l) from those of ∂E_n/∂a(l) (N, M) and the penalty's derivative (in, M)."""
    dW, db = per_weight(base, l, delta.value)
    gamma = gamma_n(base.problem.N + 2, _U)
    bar_W, bar_b = per_weight(base, l, delta.bar + gamma * delta.value.abs(), absolute=True)
    open_W, open_b = per_weight(base, l, delta.undecided.to(dW.dtype), absolute=True)
    weight = Estimate(dW + decay, bar_W + _U * (dW.abs() + 6 * decay.abs()), open_W > 0)
    return weight, Estimate(db, bar_b, open_b > 0)


def _layer(base: Base, l: int, memory: int) -> Estimate:
    """∂E_n/∂a(l) for every sample and unit."""
    n, j = pairs(base, l)
    step, undecided = (v[n, j] for v in _steps(base, l))
    noise = _noise(base, l)
    value, bar = torch.empty_like(step), torch.empty_like(step)
    left = torch.arange(len(step), device=step.device)
    while len(left):
        again = []
        for block in blocks(base, l, len(left), len(POINTS), memory):
            at = left[block]
            value[at], bar[at], crossed = _estimate(base, l, n[at], j[at], step[at], noise)
            again.append(at[crossed])
        left = torch.cat(again)
        short = step[left] <= _SHORTEST_STEP
        undecided[left[short]] = True
        left = left[~short]
        step[left] /= _SHRINK
    shape = base.a[l].shape
    return Estimate(value.reshape(shape), bar.reshape(shape), undecided.reshape(shape))


def _estimate(base: Base, l: int, n: Tensor, j: Tensor, s: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The derivative at each pair, its error bar, and where a kink that is not at 0 itself lies inside the step."""
    p = base.problem
    a = base.a[l][n, j]
    steps = torch.tensor(POINTS, dtype=a.dtype, device=a.device).unsqueeze(1) * s
    rows = above(base, l, n, j, a + steps, p.f.f)
    E = errors(base, n, rows[-1], p.pair.y, p.pair.error)
    value, bar = central(E, s, noise[n])
    if not _watched(base, l):
        return value, bar, torch.zeros_like(n, dtype=torch.bool)
    crossed, sided = _patterns(base, l, n, j, rows)
    if bool(sided.any()):
        E_0 = errors(base, n[sided], base.a[p.L][n[sided]].unsqueeze(0), p.pair.y, p.pair.error)
        value[sided], bar[sided] = _between(E_0, E[:, sided], s[sided], noise[n[sided]])
    return value, bar, crossed


def _between(E_0: Tensor, E: Tensor, s: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Any subgradient: what lies between the one-sided derivatives, from E at 0 and at the six points."""
    left = one_sided(torch.cat([E_0, E[3:]]), -s, noise)
    right = one_sided(torch.cat([E_0, E[:3]]), s, noise)
    return between(left, right)


# Kinks ---------------------------------------------------------------------------------------------------------------


def _curves(base: Base, l: int) -> list[Curve | None]:
    """The curve that each of a(l), …, a(L) passes through; None for scores whose output is smooth."""
    p = base.problem
    hidden: list[Curve | None] = [curve(p.activation, p.constants)] * (p.L - l)
    return [*hidden, curve(p.output, p.constants) if p.loss == "squared-error" else None]


def _watched(base: Base, l: int) -> bool:
    return any(c is not None and c.pattern for c in _curves(base, l))


def _patterns(base: Base, l: int, n: Tensor, j: Tensor, rows: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Where a pattern changes within the step away from 0, and where it changes at an exact 0 alone."""
    crossed = torch.zeros_like(n, dtype=torch.bool)
    sided = torch.zeros_like(n, dtype=torch.bool)
    for row, c, origin in zip(rows, _curves(base, l), origins(base, l, n, j), strict=True):
        if c is None or not c.pattern:
            continue
        at_zero = origin == 0
        sign = row > 0
        side = (sign[:3] != sign[:1]).any(0) | (sign[3:] != sign[3:4]).any(0)
        away = (sign != (origin > 0)).any(0) & ~at_zero
        if c.second > 0:  # what bends may reach 0 between two points and turn back
            away |= (row.abs() <= _bends(row, origin)).any(0) & ~at_zero
        crossed |= (side | away).any(1)
        sided |= (at_zero & (row != origin).any(0)).any(1)
    return crossed, sided & ~crossed


def _bends(row: Tensor, origin: Tensor) -> Tensor:
    """The largest second difference of a pre-activation over the points: eight times what it may stray in between."""
    line = torch.cat([row[3:].flip(0), origin.unsqueeze(0), row[:3]])
    return (line[2:] - 2 * line[1:-1] + line[:-2]).abs().amax(0)


# Step and rounding ---------------------------------------------------------------------------------------------------


def _steps(base: Base, l: int) -> tuple[Tensor, Tensor]:
    """s for every (n, j): a power of two, short enough for the layers above and clear of the unit's own kink.

    And where there is none: a_nj is so large that the shortest step it can take is too long for the layers above.
    """
    a = base.a[l].abs()
    s = (_LONGEST_STEP / _reach(base, l)).expand_as(a)
    if (_curves(base, l)[0] or _SMOOTH).pattern:
        s = torch.where(a > 0, torch.minimum(s, torch.clamp(a / 4, min=_SHORTEST_STEP)), s)
    s = torch.exp2(torch.floor(torch.log2(s)))
    # Below eight units in the last place of a, a ± 3s would not be the points that the weights assume.
    shortest = 8 * 2 * _U * torch.exp2(torch.ceil(torch.log2(torch.clamp(a, min=1e-300))))
    return torch.maximum(s, shortest), shortest > s


_SMOOTH = curve("identity", Constants())


def _reach(base: Base, l: int) -> Tensor:
    """How far, at most, a pre-activation above moves for each unit that a_j(l) moves: (M,), at least 1."""
    p = base.problem
    slope = curve(p.activation, p.constants).first
    reach = torch.ones(p.W[l - 1].shape[1], dtype=torch.float64, device=p.device)
    carried: Tensor | None = None
    for w in p.W[l:]:
        carried = slope * (w.abs() if carried is None else carried @ w.abs())
        reach = torch.maximum(reach, torch.amax(carried, dim=1))
    return reach


def _noise(base: Base, l: int) -> Tensor:
    """What one evaluation of E_n after a move in layer l can round off, (N,): nothing of the base, which cancels."""
    p = base.problem
    c = curve(p.activation, p.constants)
    moved = 4 * _LONGEST_STEP  # no pre-activation moves further than three steps
    error: Tensor | None = None
    for above_l in range(l, p.L):
        a, w = base.a[above_l], p.W[above_l].abs()
        own = _FUNCTION_ROUNDINGS * _U * c.terms(a.abs() + moved)
        if error is None:  # one unit alone has moved
            passed = torch.amax(own, dim=1, keepdim=True) * torch.amax(w, dim=0) + _U * moved
        else:
            passed = (c.first * error + own) @ w + gamma_n(len(w), _U) * moved * c.first * torch.sum(w, dim=0)
        error = passed + 2 * _U * (base.a[above_l + 1].abs() + moved)
    return _loss_noise(base, torch.zeros_like(base.a[p.L]) if error is None else error, moved)


def _loss_noise(base: Base, error: Tensor, moved: float) -> Tensor:
    """The rounding of E_n itself, and of scores that are off by `error` (N, K)."""
    p, scores = base.problem, base.a[base.problem.L]
    size = scores.abs() + moved
    if p.loss == "squared-error":
        c = curve(p.output, p.constants)
        y = p.pair.y(scores)
        off = (y - p.t).abs() + c.first * moved
        y_error = c.first * error + _FUNCTION_ROUNDINGS * _U * c.terms(size)
        return torch.sum(off * (y_error + 2 * _U * off) + _U * off**2, dim=1) * (1 + gamma_n(scores.shape[1], _U))
    if p.loss == "cross-entropy":
        weight = torch.clamp(torch.sum(p.t.abs(), dim=1), min=1)
        lipschitz, terms = 2 * torch.amax(error, dim=1) * weight, 2 * torch.amax(size, dim=1) * weight
    else:
        lipschitz, terms = torch.sum(error, dim=1), torch.sum(size, dim=1)
    return lipschitz + _FUNCTION_ROUNDINGS * _U * (terms + scores.shape[1])
