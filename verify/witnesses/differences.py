"""Finite differences for every parameter of the network, each with its own error bar, from forward passes alone.

The estimate is the central difference of order six of E_n in a_nj(l) (`verify.witnesses.columns` says why that serves
every weight and bias), at ±s, ±2s, ±3s. Its error bar has two parts, both bounds. Truncation: the activations and the
losses are analytic in a strip beside the real line, so E_n is in a disc around a_nj whose radius follows from how far a
move grows on its way up, and Cauchy bounds its seventh derivative there (`verify.witnesses.growth`). Rounding: what the
evaluation of E_n can round off, by running analysis of the forward pass, divided by the step. The step is the one at
which their sum is least. (All this is at the stored a(l), rounded as they are; `verify.bounds.known` judges others
against it.)

Kinks: the activation patterns at all points are compared exactly. Where they differ the step shrinks. Where a
pre-activation is exactly where pieces meet (at 0, mostly), either may be taken, unit by unit: every choice is
differenced by itself, and the bar reaches over all of them and no further. What even the smallest step cannot settle is
undecided, and so is an entry with more such units than can be tried.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from manual.outputs import GOALS
from verify.bounds import roundings
from verify.bounds.bounded import gamma_n
from verify.bounds.curves import Curve, curve
from verify.problems.problem import Problem
from verify.witnesses.branches import Choice, choices, residuals
from verify.witnesses.columns import Base, above, base_of, blocks, errors, origins, pairs, penalty, per_weight
from verify.witnesses.growth import Growth, discs, growth, of_sizes, spectral, steepest
from verify.witnesses.stencils import POINTS, best_step, central_of, truncated

_U = torch.finfo(torch.float64).eps / 2
_TINY = torch.finfo(torch.float64).tiny
_LOST = 5e-324  # what one operation loses by underflow, at most
_MOVED = 2.0**-7  # no pre-activation moves further than that
_SHORTEST_STEP = 2.0**-36
_SHRINK = 8.0
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
    decay = penalty(base.problem.W, problem.rate)
    for l in range(problem.L, 0, -1):
        delta = _layer(base, l, memory)
        found[f"delta{l}"] = delta
        found[f"dW{l}"], found[f"db{l}"] = parameters(base, l, delta, decay[l - 1])
    return found


def parameters(base: Base, l: int, delta: Estimate, decay: Tensor) -> tuple[Estimate, Estimate]:
    """Estimates of dW(l) and db(l) from those of ∂E_n/∂a(l) (N, M) and the penalty's derivative (in, M)."""
    N = base.problem.N
    dW, db = per_weight(base, l, delta.value)
    gamma = gamma_n(N + 2, _U)
    # Each share of δ, each product with it and the sums over samples may underflow, where they are anything at all.
    bar_W, bar_b = per_weight(base, l, delta.bar + gamma * delta.value.abs() + N * _LOST, absolute=True)
    met = torch.sum(base.z[l - 1] != 0, dim=0, dtype=dW.dtype).unsqueeze(1)  # (in, 1)
    open_W, open_b = per_weight(base, l, delta.undecided.to(dW.dtype), absolute=True)
    lost = met * _LOST + (2 * _LOST * (1 + base.problem.W[l - 1].abs()) if base.problem.lam else 0.0)
    weight = Estimate(dW + decay, bar_W + _U * (dW.abs() + 6 * decay.abs()) + lost, open_W > 0)
    return weight, Estimate(db, bar_b + _LOST, open_b > 0)


def _layer(base: Base, l: int, memory: int) -> Estimate:
    """∂E_n/∂a(l) for every sample and unit."""
    n, j = pairs(base, l)
    up = growth(base, l)
    noise, lost = _noise(base, l), of_goal(base, l, up)
    C = _truncation(base, l, up)
    step, undecided = (v[n, j] for v in _steps(base, l, up, C, noise))
    choice = choices(base, l)
    undecided |= choice.too_many[n, j]
    value, bar = torch.zeros_like(step), torch.zeros_like(step)
    left = torch.nonzero(~undecided).reshape(-1)
    while len(left):
        again = []
        for block in blocks(base, l, len(left), len(POINTS), memory):
            at = left[block]
            given = n[at], j[at], step[at], noise[n[at]]
            value[at], bar[at], crossed = _estimate(base, l, *given, choice)
            bar[at] += C[n[at], j[at]] * step[at] ** 6 + lost[n[at], j[at]]
            again.append(at[crossed])
        left = torch.cat(again)
        short = step[left] <= _SHORTEST_STEP
        undecided[left[short]] = True
        left = left[~short]
        step[left] /= _SHRINK
    shape = base.a[l].shape
    return Estimate(value.reshape(shape), bar.reshape(shape), undecided.reshape(shape))


def _estimate(
    base: Base, l: int, n: Tensor, j: Tensor, s: Tensor, noise: Tensor, choice: Choice
) -> tuple[Tensor, Tensor, Tensor]:
    """The derivative at each pair, the rounding in it, and where a kink that is not at 0 itself lies inside the step.

    Where units are at 0, what is returned reaches over every choice of branches.
    """
    value, bar, crossed = _on_branches(base, l, n, j, s, noise, choice, 0)
    if bool((sided := choice.count[n, j] > 0).any()):
        at = n[sided], j[sided], s[sided], noise[sided]
        low, high = (value - bar)[sided], (value + bar)[sided]
        for number in range(1, 2 ** int(choice.count[n, j].max())):
            other, off, away = _on_branches(base, l, *at, choice, number)
            low, high = torch.minimum(low, other - off), torch.maximum(high, other + off)
            crossed[sided] |= away
        value[sided], bar[sided] = (low + high) / 2, (high - low) / 2
    return value, bar, crossed


def _on_branches(
    base: Base, l: int, n: Tensor, j: Tensor, s: Tensor, noise: Tensor, choice: Choice, number: int
) -> tuple[Tensor, Tensor, Tensor]:
    """The same with each unit at 0 kept to the branch that it has in this choice."""
    a = base.a[l][n, j]
    steps = torch.tensor(POINTS, dtype=a.dtype, device=a.device).unsqueeze(1) * s
    rows = above(base, l, n, j, a + steps, choice.hidden(n, j, number))
    E = errors(base, n, rows[-1], choice.output(n, j, number), choice.error(n, j, number))
    value, bar = central_of(E, s, noise)
    return value, bar, _crossed(base, l, n, j, rows)


# Kinks ---------------------------------------------------------------------------------------------------------------


def _curves(base: Base, l: int) -> list[Curve | None]:
    """The curve that each of a(l), …, a(L) passes through; None for scores whose output is smooth."""
    p = base.problem
    hidden: list[Curve | None] = [curve(p.activation, p.constants)] * (p.L - l)
    return [*hidden, curve(p.output, p.constants) if p.pair.g is not None else None]


def _crossed(base: Base, l: int, n: Tensor, j: Tensor, rows: list[Tensor]) -> Tensor:
    """Where the pattern of a unit that is not at 0 differs at any point from that of the base.

    Points whose patterns are the base's lie on one smooth branch, whatever is between them.
    """
    crossed = torch.zeros_like(n, dtype=torch.bool)
    p, passed = base.problem, zip(rows, _curves(base, l), origins(base, l, n, j), strict=True)
    lines: list[tuple[Tensor, Curve | None, Tensor]] = list(passed)
    if p.pair.rho is not None:
        c = curve(p.pair.rho.name, p.constants)
        lines.append((_with_residuals(base, n, rows[-1]), c, residuals(base)[n]))
    for row, c, origin in lines:
        if c is not None and c.knots:
            away = ~c.at_knot(origin)
            for knot in c.knots:
                crossed |= (((row > knot.at) != (origin > knot.at)).any(0) & away).any(1)
    return crossed


def _with_residuals(base: Base, n: Tensor, scores: Tensor) -> Tensor:
    """What ρ is taken of, y − t or margins, of scores (points, P, K) of the samples n (P,)."""
    p = base.problem
    y = p.pair.y(scores)
    flat = y.reshape(-1, y.shape[2])
    return p.pair.apart(flat, p.t[n].expand(y.shape).reshape(flat.shape)).reshape(y.shape)


# Step, truncation and rounding ---------------------------------------------------------------------------------------


def _steps(base: Base, l: int, up: Growth, C: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """s for every (n, j): a power of two, the best one, short enough for all above and clear of the unit's own kink.

    And where there is none: a_nj is so large that the shortest step it can take is too long for the layers above.
    """
    a = base.a[l].abs()
    longest = (_MOVED / 3 / _reach(base, l, up)).expand_as(a)
    s = torch.minimum(longest, best_step(C, noise.unsqueeze(1)))
    own = _curves(base, l)[0]
    if own is not None and own.knots:
        away = own.from_knots(base.a[l])
        s = torch.where(away > 0, torch.minimum(s, torch.clamp(away / 4, min=_SHORTEST_STEP)), s)
    s = torch.exp2(torch.floor(torch.log2(s)))
    # Below eight units in the last place of a, a ± 3s would not be the points that the weights assume.
    shortest = 8 * 2 * _U * torch.exp2(torch.ceil(torch.log2(torch.clamp(a, min=1e-300))))
    return torch.maximum(s, shortest), ~(shortest <= longest)


def _reach(base: Base, l: int, up: Growth) -> Tensor:
    """How far, at most, a pre-activation above moves for each unit that a_j(l) moves: (M,), at least 1."""
    slope = curve(base.problem.activation, base.problem.constants).first
    reach = torch.ones_like(base.a[l][0])
    for d in range(1, len(up.path) + 1):
        reach = torch.maximum(reach, slope**d * up.most(d))
    return reach


def _truncation(base: Base, l: int, up: Growth) -> Tensor:
    """C of the bound C s⁶ on truncation, (N, M): the least that the discs give."""
    return torch.amin(torch.stack([truncated(d.steep, d.radius) for d in discs(base, l, up)]), dim=0)


def of_goal(base: Base, l: int, up: Growth) -> Tensor:
    """What ∂E_n/∂a(l) is off by where the loss makes another target of t and rounds that, (N, M)."""
    p = base.problem
    if p.loss not in GOALS:
        return torch.zeros_like(base.a[l])
    steep = torch.amin(torch.stack([d.steep for d in discs(base, l, up)]), dim=0)
    return 4 * _U * steep


def _noise(base: Base, l: int) -> Tensor:
    """What one evaluation of E_n after a move in layer l can round off, (N,): nothing of the base, which cancels.

    Errors are carried up entry by entry, and beside that as a Euclidean norm; the smaller bound counts.
    """
    p = base.problem
    c = curve(p.activation, p.constants)
    error, norm = torch.zeros_like(base.a[l]), torch.zeros_like(base.a[l][:, :1])
    for above_l in range(l, p.L):
        a, w = base.a[above_l], p.W[above_l]
        stored = 2 * _U * (base.a[above_l + 1].abs() + _MOVED)
        # f is evaluated at the moved point, and was at the base: what has moved is off by both.
        own = 2 * roundings.DIFFERENCES * _U * c.terms(a.abs() + _MOVED)
        if above_l == l:  # one unit alone has moved
            error = torch.amax(own, dim=1, keepdim=True) * torch.amax(w.abs(), dim=0) + _U * _MOVED + stored
            norm = _norm(error)
            continue
        gamma, moved = gamma_n(len(w), _U), torch.full_like(a, _MOVED * c.first)
        entry = (c.first * error + own) @ w.abs() + gamma * (moved @ w.abs()) + stored
        norm = spectral(w) * (c.first * norm + _norm(own)) + gamma * of_sizes(w) * _norm(moved) + _norm(stored)
        norm = torch.minimum(norm, _norm(entry))
        error = torch.minimum(entry, norm)
    return _loss_noise(base, error if l < p.L else torch.zeros_like(base.a[p.L]), _MOVED) + _TINY


def _norm(v: Tensor) -> Tensor:
    return torch.linalg.vector_norm(v, dim=1, keepdim=True)


def _loss_noise(base: Base, error: Tensor, moved: float) -> Tensor:
    """The rounding of E_n itself, and of scores that are off by `error` (N, K)."""
    p, scores = base.problem, base.a[base.problem.L]
    size = scores.abs() + moved
    if p.pair.by_y is not None:
        y, K = p.pair.y(scores), scores.shape[1]
        if p.pair.g is None:  # |∂y_k/∂a_j| is at most y_k, and no y moves by more than e^2m − 1 times itself
            share = torch.clamp(y * math.exp(2 * moved), max=1)
            shift = share * math.expm1(2 * moved)
            y_error = share * (2 * torch.amax(error, dim=1, keepdim=True) + _softmax_noise(size))
        else:
            c = curve(p.output, p.constants)
            shift = c.first * moved
            y_error = c.first * error + roundings.DIFFERENCES * _U * c.terms(size)
        residual = (y - p.t).abs()
        off, own = residual + shift, 1 if p.pair.rho is None else 4
        if p.loss == "hinge":  # of a margin, y_k − y_c + Δ
            off = off + torch.amax(y.abs(), dim=1, keepdim=True) * 2 + shift + p.constants.margin
        terms = steepest(p, residual, shift) * (y_error + 2 * _U * off + own * _U * off)
        return torch.sum(terms, dim=1) * (1 + gamma_n(K + 2, _U))
    if p.output == "softmax":
        weight = torch.clamp(torch.sum(p.goal.abs(), dim=1), min=1)
        lipschitz, terms = 2 * torch.amax(error, dim=1) * weight, 2 * torch.amax(size, dim=1) * weight
    else:
        lipschitz, terms = torch.sum(error, dim=1), torch.sum(size, dim=1)
    return lipschitz + roundings.DIFFERENCES * _U * (terms + scores.shape[1])


def _softmax_noise(size: Tensor) -> Tensor:
    """The rounding of a softmax over itself, (N, 1): of a − max, the exponentials, their sum and the quotient."""
    return 2 * _U * (2 * torch.amax(size, dim=1, keepdim=True) + size.shape[1] + roundings.DIFFERENCES)
