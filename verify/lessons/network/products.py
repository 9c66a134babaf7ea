"""A product computed wholly in float32 in the middle of a program: what it gave can be read off as numbers of float32.

In which order such a product is summed is not known, so nothing reproduces its rounding. But what came of it is a
number of float32 to the last bit, which the right product is not; one number in ten million is so by accident.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from verify.grading.answers import Answer
from verify.grading.assignment import Assignment
from verify.lessons.network.cases.fixtures import Case
from verify.lessons.network.precision import short
from verify.lessons.network.right import gradients_are_right, line_is_right

Observed = tuple[Case, Answer]
Read = tuple[Tensor, Tensor]  # a product as the program has it, and the right one
_TELLING = 5  # entries that the right product has not in float32: so many are no accident
_EXACT = 2e-14
_FLAT = 0.05  # |f′|: below, an argument is read off with too few digits


def product_in_single(assignment: Assignment, observed: Sequence[Observed]) -> str | None:
    """The key of the product that a program computes in float32; None where none is seen."""
    if not assignment.biases or not all(gradients_are_right(c, answer, True, float32=True) for c, answer in observed):
        return None
    right_db = all(line_is_right(c, n, answer.lines[n]) for c, answer in observed for n in c.truth if n[:2] == "db")
    ways = (
        (("single-dW", _of_weights),) if right_db else (("single-back", _of_carried), ("single-forward", _of_forward))
    )
    for key, of_case in ways:
        if _are_single([read for case, answer in observed for read in of_case(case, answer)]):
            return key
    return None


def _are_single(read: Sequence[Read]) -> bool:
    if not read:
        return False
    own, right = (torch.cat([pair[i].flatten() for pair in read]) for i in (0, 1))
    near = lambda v: (v - short(v)).abs() <= _EXACT * v.abs()
    return bool(near(own).all()) and int((~near(right)).sum()) >= _TELLING


def _of_weights(case: Case, answer: Answer) -> Iterator[Read]:
    """The mean of z δ, where no penalty is added to it."""
    if case.problem.lam == 0:
        yield from ((answer.lines[f"dW{l}"], case.truth[f"dW{l}"]) for l in range(1, case.problem.L + 1))


def _of_carried(case: Case, answer: Answer) -> Iterator[Read]:
    """δ(l+1) W(l+1)ᵀ of one sample: db(l) over f′, in the last hidden layer."""
    p, l = case.problem, case.problem.L - 1
    if p.N != 1 or l < 1:
        return
    slope = p.f.derivative(case.truth[f"a{l}"])[0]
    kept = slope.abs() > _FLAT
    yield answer.lines[f"db{l}"][kept] / slope[kept], case.truth[f"db{l}"][kept] / slope[kept]


def _of_forward(case: Case, answer: Answer) -> Iterator[Read]:
    """z(0) W(1) of one sample in two layers: a(1) from z(1) = dW(2) / db(2), with or without the bias."""
    p = case.problem
    if p.N != 1 or p.L != 2 or p.lam != 0:
        return
    k = int(torch.argmax(answer.lines["db2"].abs()))
    z, a = answer.lines["dW2"][:, k] / answer.lines["db2"][k], case.truth["a1"][0]
    slope = p.f.derivative(case.truth["a1"])[0]
    kept = slope.abs() > _FLAT
    own = (a + (z - case.truth["z1"][0]) / slope)[kept]
    yield own - p.b[0][kept], a[kept] - p.b[0][kept]
