"""Budgets: for every entry of every line, the largest difference that rounding can explain.

One bounded working gives them all: the manual equations on `verify.bounds.bounded` numbers. Where both sides of a
comparison show all their lines, each line's budget can start from what the lines before it do differ by, which is
little, and not from what they might: `shared_budgets`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from manual import SLIDES, Equations, Pair, Working, activation, pair, work
from manual.activations import softplus
from manual.network import Equation
from manual.outputs import GOALS, PIECES, Loss, output_error, through_activation, through_softmax, to_goal
from verify.bounds.bounded import Bounded, Terms, gamma_n, unit_roundoff
from verify.bounds.curves import bounded
from verify.problems.lines import kind_and_layer
from verify.problems.problem import Problem

FLOAT64 = unit_roundoff(torch.float64)
FLOAT32 = unit_roundoff(torch.float32)

# The equations say Tensor where a Bounded number stands in for one: what makes or takes those is typed as this.
Stand = Callable[..., Any]


def bounded_working(problem: Problem, u: float = FLOAT64, equations: Equations = SLIDES) -> Working:
    """The working of a problem with every line as a Bounded: what it is, and how far rounding can move it."""
    exact: Stand = lambda v: Bounded.exact(v, u)
    return work(
        [exact(w) for w in problem.W],
        [exact(v) for v in problem.b],
        exact(problem.x),
        exact(problem.t),
        bounded(problem.f),
        bounded_pair(problem),
        problem.lam,
        equations,
        problem.form,
    )


def lines_of(net: Working) -> dict[str, Any]:
    """The working's lines by name: tensors of a plain working, Bounded numbers of a bounded one."""
    forward = {f"{kind}{l}": v for kind, held in (("a", net.a), ("z", net.z)) for l, v in held.items() if l > 0}
    back = {
        f"{kind}{l}": v
        for kind, held in (("delta", net.delta), ("dW", net.dW), ("db", net.db))
        for l, v in held.items()
    }
    return {**forward, "y": net.y, "E": net.E, **back}


def budgets(problem: Problem, u: float | None = None) -> dict[str, Tensor]:
    """Line -> the bound, an entry each, on what rounding in the problem's dtype (or one of roundoff u) can do to it."""
    u = unit_roundoff(problem.dtype) if u is None else u
    return {name: line.error for name, line in lines_of(bounded_working(problem, u)).items()}


def _total_error_in_parts(net: Working, l: int) -> Any:
    """E as the witnesses add it up: the mean, and each layer's penalty by columns, apart until they are joined."""
    add: Stand = torch.sum
    mean = (add(net.pair.error(net.a[l], net.y, net.t)) / net.N).alone()
    first, *others = (add(add(W**2, dim=0).alone()).alone() for W in net.W.values())
    return mean + net.penalty.of(net.lam / 2 * sum(others, first), net.N)


# What `manual` and `torch_ref` compute, the order of E's parts included: within one part there is any order.
AS_WITNESSES = replace(SLIDES, total_error=_total_error_in_parts)


def shared_budgets(problem: Problem, first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Line -> the largest difference between two witnesses that rounding in this line can add to those before it.

    first, second: every line of the problem, computed in its dtype, each from the program's own lines before it.
    The bound is on the difference itself, not on one side of it. It is wide where an earlier line is wrong, and no
    number where one is not finite: whoever uses it takes the smaller of it and the sum of the programs' own budgets.

    Proof: let f be the line's equation, exact, at the second's lines before it. The first works on lines that are apart
    from those by what is seen, so what it computes lies within the bound of f at that distance; the second works on
    these very lines, and lies within the bound of f at no distance, its rounding. Their difference is the sum of both.
    """
    found: dict[str, Tensor] = {}
    still: dict[str, Any] = {}
    seen = lambda kind, equation: _on_seen_lines(kind, equation, problem, first, second, found, still)
    bounded_working(problem, unit_roundoff(problem.dtype), on_every_line(seen, AS_WITNESSES))
    return found


def on_every_line(seen: Callable[[str, Equation], Stand], equations: Equations = SLIDES) -> Equations:
    """The slides' equations, each as `seen` makes it of the kind of its line (a, z, y, E, delta, dW, db) and itself."""
    return replace(
        equations,
        affine=seen("a", equations.affine),
        activated=seen("z", equations.activated),
        output=seen("y", equations.output),
        total_error=seen("E", equations.total_error),
        delta_output=seen("delta", equations.delta_output),
        delta_hidden=seen("delta", equations.delta_hidden),
        weight_gradient=seen("dW", equations.weight_gradient),
        bias_gradient=seen("db", equations.bias_gradient),
    )


def _on_seen_lines(
    kind: str,
    equation: Equation,
    problem: Problem,
    first: Mapping[str, Tensor],
    second: Mapping[str, Tensor],
    found: dict[str, Tensor],
    still: dict[str, Any],
) -> Stand:
    """The equation, its budget put down, and what the two programs have for the line passed on in its place.

    still: the second's own lines by name, each with no distance from itself.
    """

    def seen(net: Working, l: int) -> Bounded:
        name = kind if kind in ("y", "E") else f"{kind}{l}"
        line: Any = equation(net, l)
        alone: Any = equation(_placed(net, still), l)
        found[name] = line.error + alone.error
        if first[name].shape != second[name].shape:
            still[name] = alone
            return line
        value = second[name].to(torch.float64)
        apart = (first[name].to(torch.float64) - value).abs()
        # torch's losses go from the scores to δ(L) past y: that y is computed once more, and rounds as it likes.
        again = 2 * alone.error if kind == "y" else torch.zeros_like(apart)
        still[name] = Bounded(value, again, line.u)
        return Bounded(value, apart + again, line.u)

    return seen


def _placed(net: Working, lines: Mapping[str, Any]) -> Working:
    """The working with those lines in the places of its own."""
    other = copy(net)
    other.a, other.z, other.delta = dict(net.a), dict(net.z), dict(net.delta)
    for name, line in lines.items():
        kind, l = kind_and_layer(name)
        if l is None:
            setattr(other, kind, line)
        elif kind in ("a", "z", "delta"):
            getattr(other, kind)[l] = line
    return other


def bounded_pair(problem: Problem) -> Pair:
    """The problem's output and loss on Bounded scores."""
    p = pair(problem.output, problem.loss, problem.constants)
    if p.g is not None and p.by_y is not None:
        g = bounded(p.g)
        loss = Loss(p.error, p.by_y) if p.rho is None else PIECES[p.loss](p.constants, bounded)
        by_y = loss.by_y
        assert by_y is not None
        delta = _with_mean_inside(through_activation(g, by_y))
        return Pair(p.output, p.loss, g.f, loss.error, delta, g, by_y, p.rho, p.apart, constants=p.constants)
    y: Stand = _softmax if p.output == "softmax" else bounded(activation("sigmoid", problem.constants)).f
    if p.by_y is not None:
        return Pair(p.output, p.loss, y, p.error, _with_mean_inside(_through_softmax(p.by_y)), None, p.by_y)
    made = Pair(p.output, p.loss, y, _entropy(p), _with_mean_inside(output_error))
    return made if p.loss not in GOALS else to_goal(made, _goal(p))


def _goal(p: Pair) -> Stand:
    """t′ = (1 − ε) t + ε/K, also as t − ε (t − 1/K) and the like."""

    def goal(t: Bounded) -> Bounded:
        found: Any = p.goal(t)  # type: ignore[arg-type]
        return Bounded(found.value, found.error + _FORM * t.u * (t.value.abs() + found.value.abs()), t.u)

    return goal


def _with_mean_inside(delta: Stand) -> Stand:
    """Many programs, autograd among them, let δ(L) hold the 1/N: two roundings more than y − t has, one to spare."""
    return lambda a, y, t: delta(a, y, t).rounded(3)


def _through_softmax(by_y: Stand) -> Stand:
    """δ(L) = y ⊙ (e − Σ e y) in any textbook form: also as the Jacobian diag(y) − yyᵀ, or y_k(1 − y_k), times e.

    In all of them each term, y_k e_k and y_k y_j e_j, is rounded by itself, then added up with the K others.
    """
    documented: Stand = through_softmax(by_y)

    def delta(a: Bounded, y: Bounded, t: Bounded) -> Bounded:
        e, found = by_y(y, t), documented(a, y, t)
        size = (y.value.abs() + 2 * y.error) * (e.value.abs() + 2 * e.error)
        terms = size + (y.value.abs() + 2 * y.error) * torch.sum(size, dim=1, keepdim=True)
        lost = gamma_n(y.shape[1] + _FORM, y.u) * terms + y.shape[1] * y._tiny()
        return Bounded(found.value, found.error + lost, y.u)

    return delta


_FORM = 4  # roundings of a term of the softmax's Jacobian times e before it is added up: y_k y_j, the difference, e, ·


def _softmax(a: Bounded) -> Bounded:
    """y when the scores move by e: with r = e_k + max e, y_k moves by at most y_k (1 − y_k)(eʳ − 1) eʳ.

    For y_k′ = y_k / (1 + s) with s = Σ_j≠k y_j (e^(e_j − e_k) − 1), where |s| ≤ (1 − y_k)(eʳ − 1) and 1 + s ≥ e⁻ʳ.
    From `value` to the exact scores y_k and 1 − y_k grow by eʳ each. Roundings: of a − max, of the row or of the batch,
    they too move the scores; of K exponentials, their sum and the quotient, K and some; of a − ln Σ e^a, if y is the
    exponential of that, with which no sum is divided.
    """
    y, log_y = torch.softmax(a.value, dim=1), torch.log_softmax(a.value, dim=1)
    largest_score = torch.amax(a.value, dim=1, keepdim=True)
    moved = a.error + a.u * (2 * (largest_score - a.value) + torch.amax(a.value.abs()))
    reach = moved + torch.amax(moved, dim=1, keepdim=True)
    # The exact y and any program's lie between 0 and the largest that y can become, 1 at most: where y itself
    # underflows or the scores move far, that is all there is to say.
    largest = torch.exp(torch.clamp(log_y + 2 * reach, max=0))
    growth = torch.expm1(torch.clamp(reach, max=_LARGEST_REACH))
    others = y @ (1 - torch.eye(y.shape[1], dtype=y.dtype, device=y.device))  # 1 − y, which does not cancel
    near = torch.where((y > 0) & (reach < _LARGEST_REACH), y * others * (1 + growth) ** 3 * growth, largest)
    moved = torch.where(torch.isfinite(a.error), torch.minimum(near, largest), torch.inf)
    return a.through(y, moved, y * (2 + (y.shape[1] + 2 * torch.amax(a.value.abs(), dim=1, keepdim=True)) / 8))


_LARGEST_REACH = 100.0  # its fourth power's exponential is finite; beyond it nothing is known of y anyway


# Beyond it 1 − y of a textbook's y is 0, and its logarithm not finite: no budget can make that agree.
_LARGEST_SCORE = 36.0


def _entropy(p: Pair) -> Stand:
    """E_n of the cross-entropies: a sum over the outputs, each term a Lipschitz function of the scores."""
    term = _cross_entropy if p.output == "softmax" else _binary_cross_entropy
    return lambda a, y, t: term(a, t).sum(dim=1)


def _cross_entropy(a: Bounded, t: Bounded) -> Bounded:
    """t_k (ln Σ e^a − a_k), (N, K): also as −t_k ln y_k, of a y with the roundings of K exponentials and their sum."""
    weight, largest = t.value.abs(), torch.amax(a.value.abs(), dim=1, keepdim=True)
    value = t.value * (torch.logsumexp(a.value, dim=1, keepdim=True) - a.value)
    moved = 2 * weight * torch.amax(a.error, dim=1, keepdim=True)
    moved = moved + t.error * (2 * largest + math.log(a.shape[1]) + 2 * torch.amax(a.error, dim=1, keepdim=True))
    terms = weight * (2 * largest + 2 + a.shape[1] / 8) + value.abs()
    return _term(a.through(value, moved, terms), 2 * weight * largest)


def _binary_cross_entropy(a: Bounded, t: Bounded) -> Bounded:
    """t_k ln(1 + e^−a) + (1 − t_k) ln(1 + eᵃ), (N, K): also as ln y and ln(1 − y)."""
    weight, other = t.value.abs(), (1 - t.value).abs()
    value = t.value * softplus(-a.value) + (1 - t.value) * softplus(a.value)
    # ln(1 − y) of a y near 1 carries the rounding of y enlarged by 1/(1 − y) = 1 + eᵃ.
    lost = other * torch.exp(torch.clamp(a.value, max=_LARGEST_SCORE))
    return _term(a.through(value, (weight + other) * a.error, a.value.abs() + value.abs() + 1 + lost), a.value.abs())


def _term(held: Bounded, beside: Tensor) -> Bounded:
    """One term of E_n, which may come as a difference of two: what stands `beside` its value counts as its size."""
    return Bounded(held.value, held.error, held.u, Terms(1, held.value.abs() + beside + 2 * held.error))
