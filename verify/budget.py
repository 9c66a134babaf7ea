"""Budgets: for every entry of every line, the largest difference that rounding can explain.

One bounded working gives them all: the manual equations on `verify.bounded` numbers.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from manual import SLIDES, Equations, Pair, Working, activation, pair, work
from manual.outputs import squared_error_delta
from verify.bounded import Bounded, unit_roundoff
from verify.curves import bounded
from verify.problem import Problem

FLOAT64 = unit_roundoff(torch.float64)
FLOAT32 = unit_roundoff(torch.float32)


def bounded_working(problem: Problem, u: float = FLOAT64, equations: Equations = SLIDES) -> Working:
    """The working of a problem with every line as a Bounded: what it is, and how far rounding can move it."""
    exact: Callable[[Tensor], Bounded] = lambda v: Bounded.exact(v, u)
    return work(
        [exact(w) for w in problem.W],  # type: ignore[misc]
        [exact(v) for v in problem.b],  # type: ignore[misc]
        exact(problem.x),  # type: ignore[arg-type]
        exact(problem.t),  # type: ignore[arg-type]
        bounded(problem.f),
        bounded_pair(problem),
        problem.lam,
        equations,
    )


def lines_of(net: Working) -> dict[str, Bounded | Tensor]:
    """The working's lines by name: tensors of a plain working, Bounded numbers of a bounded one."""
    forward = {f"{kind}{l}": v for kind, held in (("a", net.a), ("z", net.z)) for l, v in held.items() if l > 0}
    back = {
        f"{kind}{l}": v
        for kind, held in (("delta", net.delta), ("dW", net.dW), ("db", net.db))
        for l, v in held.items()
    }
    return {**forward, "y": net.y, "E": net.E, **back}  # type: ignore[dict-item]


def budgets(problem: Problem, u: float | None = None) -> dict[str, Tensor]:
    """Line -> the bound, an entry each, on what rounding in the problem's dtype (or one of roundoff u) can do to it."""
    u = unit_roundoff(problem.dtype) if u is None else u
    return {name: line.error for name, line in lines_of(bounded_working(problem, u)).items()}  # type: ignore[union-attr]


def bounded_pair(problem: Problem) -> Pair:
    """The problem's output and loss on Bounded scores."""
    p = pair(problem.output, problem.loss, problem.constants)
    if p.g is not None:
        g = bounded(p.g)
        return Pair(p.output, p.loss, g.f, p.error, _with_mean_inside(squared_error_delta(g)), g)
    y = _softmax if p.output == "softmax" else bounded(activation("sigmoid", problem.constants)).f
    return Pair(p.output, p.loss, y, _entropy(p), _with_mean_inside(p.delta))  # type: ignore[arg-type]


def _with_mean_inside(delta: Callable[..., Bounded]) -> Callable[..., Bounded]:
    """Many programs, autograd among them, let δ(L) hold the 1/N: two roundings more than y − t has, one to spare."""
    return lambda a, y, t: delta(a, y, t).rounded(3)


def _softmax(a: Bounded) -> Bounded:
    """y_k moves by at most y_k (e^(e_k + max e) − 1) when the scores move by e; the roundings of a − max are among them."""
    y = torch.softmax(a.value, dim=1)
    below = (torch.amax(a.value, dim=1, keepdim=True) - a.value).abs()
    moved = a.error + 2 * a.u * below
    reach = torch.expm1(torch.clamp(moved + torch.amax(moved, dim=1, keepdim=True), max=700))
    # A probability cannot leave [0, 1], however far the scores move.
    moved_y = torch.minimum(y * reach, torch.ones_like(y))
    return a.through(y, torch.where(torch.isfinite(a.error), moved_y, torch.inf), y * a.shape[1])


def _entropy(p: Pair) -> Callable[[Bounded, Bounded, Tensor], Bounded]:
    """E_n of the cross-entropies: a Lipschitz function of the scores, and the logarithms of a textbook's y."""

    def error(a: Bounded, y: Bounded, t: Bounded) -> Bounded:
        value = p.error(a.value, y.value, t.value)
        span = torch.amax(a.value.abs(), dim=1) if p.output == "softmax" else torch.sum(a.value.abs(), dim=1)
        moved = 2 * torch.amax(a.error, dim=1) if p.output == "softmax" else torch.sum(a.error, dim=1)
        # ln(1 − y) of a y near 1 carries the rounding of y enlarged by 1/(1 − y).
        lost = (
            torch.zeros_like(value) if p.output == "softmax" else torch.sum((1 - t.value) * torch.exp(a.value), dim=1)
        )
        terms = 2 * span + value.abs() + a.shape[1] + lost
        return Bounded(value, moved + 8 * a.u * terms + a.u**2, a.u)

    return error
