"""Limits and epsilons in a program's output and loss, read off its δ(L)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from verify.grading.answers import Answer
from verify.lessons.network import fitted
from verify.lessons.network.cases.fixtures import Case
from verify.lessons.network.fitted import Throughout
from verify.lessons.network.read import Observed, limits_of_delta
from verify.lessons.network.texts import said
from verify.lessons.network.typed import as_typed


def outputs(observed: Sequence[Observed]) -> Iterator[Throughout]:
    """What a program may do with its scores, its output and its loss throughout, by what δ(L) shows."""
    p = observed[0][0].problem
    yield from _clipped_scores(observed)
    if p.loss == "huber":
        yield from _other_kappas(observed)
    if p.pair.by_y is not None:
        return
    read = [(case, d) for case, answer in observed if (d := _output_delta(case, answer)) is not None]
    yield from _clipped_outputs(read)
    if p.loss == "cross-entropy":
        yield from _softmax_epsilons(read)
    if p.loss in ("cross-entropy", "binary-cross-entropy"):
        yield from _loss_epsilons(read, binary=p.loss == "binary-cross-entropy")


def _output_delta(case: Case, answer: Answer) -> Tensor | None:
    """δ(L) of one sample, from db(L), or from dW(L) and what enters the layer."""
    p = case.problem
    db, dW = answer.lines.get(f"db{p.L}"), answer.lines.get(f"dW{p.L}")
    if p.N != 1:
        return None
    if db is not None and db.shape == case.truth[f"db{p.L}"].shape and bool((db != 0).any()):
        return db
    if dW is None or dW.shape != p.W[-1].shape:
        return None
    z = case.truth[f"z{p.L - 1}"][0] if p.L > 1 else p.x[0]
    i = int(torch.argmax(z.abs()))
    return (dW - p.rate * p.W[-1])[i] / z[i]


def _other_kappas(observed: Sequence[Observed]) -> Iterator[Throughout]:
    """The Huber loss of another κ: of the identity's output δ(L) itself is what does not exceed it."""
    own = observed[0][0].problem.constants.huber
    for number in (v for v in limits_of_delta(observed) if v != own):
        yield Throughout(
            "constant-of-another-library", number, said("constant-of-huber", number=number, own=own),
            fitted.another_kappa(number), wrong=f"κ = {number:g}", right=f"κ = {own:g}", kinds=("delta output",),
            says=said("another-kappa"),
        )  # fmt: skip


_SCORES = (1.0, 2.0, 3.0, 5.0, 8.0, 10.0, 12.0, 15.0, 20.0, 25.0)


def _clipped_scores(observed: Sequence[Observed]) -> Iterator[Throughout]:
    """The scores held within the limits that people take, and that some of them exceed; or on one side of it."""
    largest = max(float(case.truth[f"a{case.problem.L}"].abs().max()) for case, _ in observed)
    for limit in (v for v in _SCORES if v < largest):
        for low, high, at in (
            (-limit, limit, f"±{limit:g}"), (-math.inf, limit, f"{limit:g}"), (-limit, math.inf, f"−{limit:g}")
        ):  # fmt: skip
            yield Throughout("scores-clipped", limit, said("limit", limit=at),
                             fitted.scores_clipped(low, high), wrong=f"clip(a(L), {at})", right="a(L)")  # fmt: skip


def _clipped_outputs(read: Sequence[tuple[Case, Tensor]]) -> Iterator[Throughout]:
    """The smallest y of the program, where the right one is smaller still."""
    found = [
        float(y[k])
        for case, d in read
        for y in [d + case.problem.goal[0]]
        for k in range(len(y))
        if float(case.truth["y"][0, k]) < 0.5 * float(y[k]) and float(y[k]) < 0.1
    ]
    for limit in as_typed(min(found) if found else None):
        for high, wrong in ((1 - limit, f"clip(y, {limit:g}, 1 − {limit:g})"), (1.0, f"max(y, {limit:g})")):
            yield Throughout("probability-clipped", limit, said("limit", limit=limit),
                             fitted.output_clipped(limit, high), wrong=wrong)  # fmt: skip


def _softmax_epsilons(read: Sequence[tuple[Case, Tensor]]) -> Iterator[Throughout]:
    for shifted in (True, False):
        found = []
        for case, d in read:
            a, total = case.truth[f"a{case.problem.L}"][0], float((d + case.problem.goal[0]).sum())
            size = float(torch.exp(a - a.max()).sum() if shifted else torch.exp(a).sum())
            if 0 < total < 1 - 1e-12 and size > 0:
                found.append(((1 - total), size * (1 / total - 1)))
        for epsilon in as_typed(max(found)[1] if found else None):
            yield Throughout("epsilon-in-denominator", epsilon, said("epsilon", epsilon=epsilon),
                             fitted.epsilon_in_softmax(epsilon, shifted=shifted))  # fmt: skip


def _loss_epsilons(read: Sequence[tuple[Case, Tensor]], *, binary: bool) -> Iterator[Throughout]:
    """−t/(y + ε) or −t/max(y, ε) through the output: δ(L) times y/(y + ε), y being that of the true class.

    Of the binary cross-entropy the same stands in both terms; it is read off the first, whose y has every digit.
    """
    found = []
    for case, d in read:
        t, truth = case.problem.t[0], case.truth[f"delta{case.problem.L}"][0]
        own = fitted.own_output(case.truth["y"], case.problem.t, binary=binary)[0].expand(len(t))
        told = torch.where(t == 1, truth, 0.0) if binary else truth
        k = int(torch.argmax(told.abs()))
        factor = float(d[k] / told[k]) if float(told[k]) else 0.0
        if 0 < factor < 1 - 1e-9 and float(own[k]) > 0:
            found.append((1 - factor, float(own[k]) * (1 / factor - 1), float(own[k]) / factor))
    _, added, limit = max(found) if found else (0.0, None, None)
    told = _through(binary=binary)
    for epsilon in as_typed(added):
        yield Throughout(
            "epsilon-in-denominator", epsilon, said("epsilon", epsilon=epsilon),
            fitted.through_loss(lambda own, e=epsilon: own / (own + e), binary=binary),
            wrong=told[0].format("(y + ε)", "(1 − y + ε)"), right=told[1],
        )  # fmt: skip
    for epsilon in as_typed(limit):
        yield Throughout(
            "probability-clipped", epsilon, said("limit", limit=epsilon),
            fitted.through_loss(lambda own, e=epsilon: own / fitted.clamped(own, e, 1.0), binary=binary),
            wrong=told[0].format(f"max(y, {epsilon:g})", f"max(1 − y, {epsilon:g})"), right=told[1],
        )  # fmt: skip


def _through(*, binary: bool) -> tuple[str, str]:
    """How ∂E/∂y through the output is written, with room for what is divided by; and the right one."""
    if binary:
        return "(−t / {} + (1 − t) / {}) ⊙ y ⊙ (1 − y)", "(−t / y + (1 − t) / (1 − y)) ⊙ y ⊙ (1 − y) = y − t"
    return "−t / {} through the softmax", "−t / y, which gives δ(L) = y − t"
