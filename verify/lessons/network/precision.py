"""Shorter arithmetic: float32 throughout or in one place, and what integers cut off."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import Any

import torch
from torch import Tensor

from manual import SLIDES, Equations, Working, work
from verify.bounds.budget import FLOAT32
from verify.grading.answers import Answer
from verify.grading.assignment import Assignment
from verify.lessons.network.cases.fixtures import Case
from verify.lessons.network.right import gradients_are_right, wanted

Observed = tuple[Case, Answer]


def in_single(answer: Answer) -> bool:
    """Whether gradients without a penalty (db, or dW where there is none) are numbers of float32 in whatever dtype."""
    values = [v for n, v in answer.lines.items() if n.startswith("db")]
    some = any(bool((v != 0).any()) for v in values)
    return answer.float32 or (some and all(torch.equal(v, short(v)) for v in values))


def short(value: Tensor) -> Tensor:
    """A number as float32 keeps it."""
    return value.float().double()


# The arguments -------------------------------------------------------------------------------------------------------


def inputs_in_single(assignment: Assignment, observed: Sequence[Observed]) -> bool:
    """Whether the gradients are the right ones of arguments that were rounded to float32 on the way in."""
    if any(gradients_are_right(case, answer, assignment.biases) for case, answer in observed if case.problem.N > 2):
        return False
    return any(
        all(_right_of(case, answer, assignment, names) for case, answer in observed)
        for names in (("W", "b"), ("x",), ("W", "b", "x"))
    )


def _right_of(case: Case, answer: Answer, assignment: Assignment, names: tuple[str, ...]) -> bool:
    p = case.problem
    W, b = (tuple(map(short, v)) if "W" in names else v for v in (p.W, p.b))
    net = work(W, b, short(p.x) if "x" in names else p.x, p.t, p.f, p.pair, p.lam, penalty=p.form)
    return _alike(case, answer, assignment, net, "W" in names)


def _alike(case: Case, answer: Answer, assignment: Assignment, net: Working, decays: bool) -> bool:
    lines = {**{f"dW{l}": v for l, v in net.dW.items()}, **{f"db{l}": v for l, v in net.db.items()}}
    return all(
        n in answer.lines and answer.lines[n].shape == lines[n].shape
        and bool(((answer.lines[n] - lines[n]).abs() <= 2 * case.allowed(n) + _decay(case, n, decays)).all())
        for n in wanted(case, assignment.biases)
    )  # fmt: skip


def _decay(case: Case, name: str, decays: bool) -> Tensor | float:
    """What λW may lose where W is in float32 already."""
    if not decays or not name.startswith("dW"):
        return 0.0
    return 2 * FLOAT32 * case.problem.rate * case.problem.W[int(name[2:]) - 1].abs()


# One product ---------------------------------------------------------------------------------------------------------


def rounded_in_the_middle(assignment: Assignment, observed: Sequence[Observed]) -> str | None:
    """The key of what a program rounds to float32 before one of its products; None where it rounds nothing so."""
    if not all(gradients_are_right(c, answer, assignment.biases, float32=True) for c, answer in observed):
        return None
    for where, equations in _ROUNDED.items():
        if all(_reproduces(case, answer, assignment, equations) for case, answer in observed):
            return where
    return None


def rounded_beside(assignment: Assignment, observed: Sequence[Observed], equations: Equations) -> str | None:
    """The same beside other mistakes: what is rounded before the equations that these do not replace."""
    for where, rounding in _ROUNDED.items():
        own = {f.name for f in fields(SLIDES) if getattr(rounding, f.name) is not getattr(SLIDES, f.name)}
        if any(getattr(equations, name) is not getattr(SLIDES, name) for name in own):
            continue
        made = replace(equations, **{name: getattr(rounding, name) for name in own})
        if all(_reproduces(case, answer, assignment, made) for case, answer in observed):
            return where
    return None


def _reproduces(case: Case, answer: Answer, assignment: Assignment, equations: Equations) -> bool:
    p = case.problem
    return _alike(
        case, answer, assignment, p.work(equations), decays=True
    )  # fmt: skip


def _affine(x: bool, W: bool) -> Callable[[Working, int], Any]:
    def equation(net: Working, l: int) -> Tensor:
        below = short(net.z[l - 1]) if x and (l == 1 or W) else net.z[l - 1]
        return below @ (short(net.W[l]) if W else net.W[l]) + net.b[l]

    return equation


def _terms(z: bool, delta: bool, *, first: bool) -> Callable[[Working, int], Any]:
    def equation(net: Working, l: int) -> Tensor:
        below = short(net.z[l - 1]) if z and (l == 1 or not first) else net.z[l - 1]
        return below.T @ (short(net.delta[l]) if delta else net.delta[l])

    return equation


_ROUNDED = {
    "rounded-x-forward": replace(SLIDES, affine=_affine(True, False)),
    "rounded-x-in-dW": replace(SLIDES, weight_terms=_terms(True, False, first=True)),
    "rounded-z-in-dW": replace(SLIDES, weight_terms=_terms(True, False, first=False)),
    "rounded-delta-in-dW": replace(SLIDES, weight_terms=_terms(False, True, first=False)),
    "rounded-W-forward": replace(SLIDES, affine=_affine(False, True)),
    "rounded-delta-output": replace(SLIDES, delta_output=lambda net, l: short(SLIDES.delta_output(net, l))),
    "rounded-delta": replace(
        SLIDES,
        delta_output=lambda net, l: short(SLIDES.delta_output(net, l)),
        delta_hidden=lambda net, l: short(SLIDES.delta_hidden(net, l)),
    ),
    "rounded-W-back": replace(SLIDES, carried=lambda net, l: net.delta[l + 1] @ short(net.W[l + 1]).T),
    "rounded-carried": replace(SLIDES, carried=lambda net, l: short(SLIDES.carried(net, l))),
    "rounded-y": replace(SLIDES, output=lambda net, l: short(SLIDES.output(net, l))),
    "rounded-z": replace(SLIDES, activated=lambda net, l: short(SLIDES.activated(net, l))),
}


# Integers ------------------------------------------------------------------------------------------------------------

# What is cut off: the whole line, the mean over the samples before the penalty (as // does), or the sum before that.
_CUTS: tuple[Callable[[Tensor, Tensor, int], tuple[Tensor, Callable[[Tensor], Tensor]]], ...] = (
    lambda data, decay, N: (data / N + decay, torch.trunc),
    lambda data, decay, N: (data / N, lambda v: torch.floor(v) + decay),
    lambda data, decay, N: (data / N, lambda v: torch.trunc(v) + decay),
    lambda data, decay, N: (data, lambda v: torch.trunc(v) / N + decay),
)


def is_cut_off(observed: Sequence[Observed]) -> bool:
    """Whether every gradient is the right one with what stands behind the decimal point cut off somewhere."""
    return any(all(_is_cut(case, answer, cut) for case, answer in observed) for cut in _CUTS)


def _is_cut(case: Case, answer: Answer, cut: Callable[..., tuple[Tensor, Callable[[Tensor], Tensor]]]) -> bool:
    N = case.problem.N
    names = [n for n in case.truth if n.startswith("dW") or (n.startswith("db") and n in answer.lines)]
    for name in names:
        truth, actual = case.truth[name], answer.lines.get(name)
        if actual is None or actual.shape != truth.shape:
            return False
        decay = (
            case.problem.rate * case.problem.W[int(name[2:]) - 1] if name.startswith("dW") else torch.zeros_like(truth)
        )
        whole, made = cut((truth - decay) * N, decay, N)
        # A number that is whole but for its rounding may be cut to either side.
        sides = [(made(whole + shift) - actual).abs() <= 1e-9 for shift in (0.0, 1e-9, -1e-9)]
        if not bool((sides[0] | sides[1] | sides[2]).all()):
            return False
    return True
