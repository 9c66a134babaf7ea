"""Mistakes of order and state, which no replaced equation shows: values kept from call to call, wrong steps.

State is read off the calls of a run in their order; its first three are a problem A, another of the same shapes B, and
A again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from itertools import product

import torch
from torch import Tensor

from manual import Equations, backward, step, work
from verify.bounds.forms import parameter_of
from verify.grading.answers import Answer
from verify.grading.sentence import said
from verify.lessons.network.cases.fixtures import Case
from verify.lessons.network.mistakes import Variant, replaced
from verify.lessons.network.walking import Online, agree

Observed = tuple[Case, Answer]


def same(first: Answer, again: Answer) -> bool:
    """Whether two answers to one problem are equal: deterministic programs repeat themselves to the last bit."""
    if first.returned != again.returned or first.lines.keys() != again.lines.keys():
        return False
    return all(torch.equal(v.nan_to_num(7.0), again.lines[k].nan_to_num(7.0)) for k, v in first.lines.items())


# State ---------------------------------------------------------------------------------------------------------------


# By what a program may find again what it has kept of a line.
Key = Callable[[Case, str], tuple]
_KEYS: tuple[Key, ...] = (
    lambda c, _: c.problem.layers,
    lambda c, _: (c.problem.layers, c.problem.N),
    lambda c, _: (c.problem.layers, c.problem.N, c.problem.activation),
    lambda c, _: (c.problem.layers, c.problem.N, c.problem.activation, c.problem.lam),
    lambda c, _: (c.problem.layers, c.problem.activation),
)


def _kind(case: Case, name: str) -> tuple:
    return (case.problem.layers, "W") if name.startswith("dW") else (case.problem.layers[1:], "b")


def _parameter(case: Case, name: str) -> tuple:
    return (name,)


def _parameter_at_depth(case: Case, name: str) -> tuple:
    return (name, case.problem.L)


def _shape(case: Case, name: str) -> tuple:
    return (name, *parameter_of(case.problem, name).shape)


def _shape_at_depth(case: Case, name: str) -> tuple:
    return (case.problem.L, *_shape(case, name))


# Where a line is kept by its name, one of another shape begins anew.
_BY_NAME = (_parameter, _parameter_at_depth)


def unpiled(cases: Sequence[Case], answers: Sequence[Answer]) -> Iterator[list[Answer]]:
    """What each call would have answered had the gradients not piled up, for every way in which they may have.

    Nothing where they do not pile up: they do if db of A asked again exceeds that of the call before by A's own.
    Whole gradients pile up, or sums over the samples before the mean and the penalty; until shapes change, or for good;
    weights and biases in one pile, each kind by its own shapes, or each parameter for itself.
    """
    first, second, again = answers[:3]
    if not (_like(first, second) and _like(second, again)) or not _piles_up(cases, first, second, again):
        return
    ways = [*product((*_KEYS, _kind), (True, False)), *product((*_BY_NAME, _shape, _shape_at_depth), (True,))]
    for part, (key, for_good) in product(_PARTS, ways):
        apart = _taken_apart(cases, answers, part, key, for_good)
        if _like(apart[0], apart[2]) and agree({n: v for n, v in apart[0].lines.items() if n[0] == "d"}, apart[2]):
            yield apart


def _piles_up(cases: Sequence[Case], first: Answer, second: Answer, again: Answer) -> bool:
    """Whether A asked again exceeds the call before by A's own: in db, or in dW where there are no biases."""
    biases = [n for n in first.lines if n.startswith("db")]
    if biases:
        return _added_again(biases, first.lines, second.lines, again.lines)
    weights = [n for n in first.lines if n.startswith("dW")]
    bare = [
        {n: answer.lines[n] - case.problem.rate * case.problem.W[int(n[2:]) - 1] for n in weights}
        for case, answer in zip(cases, (first, second, again), strict=False)
    ]
    whole = [first.lines, second.lines, again.lines]
    return any(_added_again(weights, *lines) for lines in (whole, bare))


def _added_again(
    names: Sequence[str], first: Mapping[str, Tensor], second: Mapping[str, Tensor], again: Mapping[str, Tensor]
) -> bool:
    added = {n: again[n] - second[n] for n in names}
    return any(bool((first[n] != 0).any()) for n in names) and agree(added, Answer({n: first[n] for n in names}))


# What piles up, as a part of a returned gradient: its factor, and what is not in it.
Part = Callable[[Case, str], tuple[float, Tensor | float]]


def _whole(case: Case, name: str) -> tuple[float, Tensor | float]:
    return 1.0, 0.0


def _data(case: Case, name: str) -> tuple[float, Tensor | float]:
    return 1.0, case.problem.rate * case.problem.W[int(name[2:]) - 1] if name.startswith("dW") else 0.0


def _sums(case: Case, name: str) -> tuple[float, Tensor | float]:
    return float(case.problem.N), _data(case, name)[1]


def _undivided(case: Case, name: str) -> tuple[float, Tensor | float]:
    """Sums of which those of the weights are never divided by N."""
    return (_data if name.startswith("dW") else _sums)(case, name)


_PARTS: tuple[Part, ...] = (_whole, _sums, _data, _undivided)


def _taken_apart(
    cases: Sequence[Case], answers: Sequence[Answer], part: Part, key: Key, for_good: bool
) -> list[Answer]:
    """key: by what a line's pile is found again."""
    piles: dict[tuple, Observed] = {}
    result: list[Answer] = []
    for case, answer in zip(cases, answers, strict=True):
        lines = [n for n in answer.lines if n.startswith(("dW", "db"))]
        before = {n: pile for n in lines if (pile := piles.get(key(case, n))) is not None}
        if key in _BY_NAME:
            before = {n: pile for n, pile in before.items() if _same_shape(n, answer, pile[1])}
        if not for_good:
            piles.clear()
        piles |= {key(case, n): (case, answer) for n in lines or ("dW1", "db1")}
        result.append(_without_piles(part, case, answer, before))
    return result


def _same_shape(name: str, answer: Answer, other: Answer) -> bool:
    return name in other.lines and other.lines[name].shape == answer.lines[name].shape


def _without_piles(part: Part, case: Case, answer: Answer, before: Mapping[str, Observed]) -> Answer:
    lines = {n: v for n, v in answer.lines.items() if n.startswith(("dW", "db"))}
    for name, pile in before.items():
        if not answer.returned or not _same_shape(name, answer, pile[1]):
            return Answer(failed=said("follows-a-failure"))
        lines[name] = _less(part, name, (case, answer), pile)
    return Answer(lines, failed=answer.failed)


def _less(part: Part, name: str, later: tuple[Case, Answer], earlier: tuple[Case, Answer]) -> Tensor:
    (factor, rest), (factor_before, rest_before) = part(later[0], name), part(earlier[0], name)
    pile = factor * (later[1].lines[name] - rest)
    pile_before = factor_before * (earlier[1].lines[name] - rest_before)
    return (pile - pile_before) / factor + rest


def _like(first: Answer, second: Answer) -> bool:
    """Whether two answers hold the same lines in the same shapes."""
    gradients = [n for n in first.lines if n.startswith(("dW", "db"))]
    return bool(gradients) and all(
        n in second.lines and first.lines[n].shape == second.lines[n].shape for n in gradients
    )


def kept_calls(cases: Sequence[Case]) -> Iterator[list[int | None]]:
    """For each call the earlier one whose values it may use, None where it is on its own; a list for each way.

    The first way leaves the fewest calls on their own, and these are on their own in every other way.
    """
    for key in _KEYS:
        yield _sources(cases, lambda c, key=key: key(c, ""))
    start = 0
    run: list[int | None] = []
    for i, case in enumerate(cases):  # until the network changes
        start = start if case.problem.layers == cases[start].problem.layers else i
        run.append(None if start == i else start)
    yield run


def kept_by_batch(cases: Sequence[Case]) -> list[int | None]:
    """The same where values are found again by the shape of x, whatever the network."""
    return _sources(cases, lambda c: tuple(c.problem.x.shape))


def _sources(cases: Sequence[Case], key: Callable[[Case], tuple]) -> list[int | None]:
    first = {key(c): i for i, c in reversed(list(enumerate(cases)))}
    return [None if first[key(c)] == i else first[key(c)] for i, c in enumerate(cases)]


def follows_from(earlier: Observed, later: Observed, equations: Equations) -> bool:
    """Whether the later of two calls is explained by the earlier one alone, which is as if nothing were kept.

    Its gradients are piled on the earlier call's, or made with values of it.
    """
    cases, answers = (earlier[0], later[0]), (earlier[1], later[1])
    alone = [_stale_lines(case, case, ("all",), equations) for case in cases]
    if not agree(alone[0], answers[0]) or agree(alone[1], answers[1]) or not _like(*answers):
        return False
    return any(
        agree(alone[1], _taken_apart(cases, answers, part, lambda *_: (), for_good=True)[1]) for part in _PARTS
    ) or is_stale(cases, answers, [None, 0], equations)


_KEPT = (
    ("a", "z", "y"), ("a", "z", "y", "x"), ("a", "z", "y", "x", "W"), ("z", "y"), ("z", "y", "x"), ("a", "z"), ("z",),
    ("a",), ("y",), ("x",), ("all",),
)  # fmt: skip


def is_stale(
    cases: Sequence[Case], answers: Sequence[Answer], sources: Sequence[int | None], equations: Equations
) -> bool:
    """Whether every later call used the same values of its earlier one, and some not those of its own."""
    later = [(i, source) for i, source in enumerate(sources) if source is not None and answers[i].returned]
    if all(agree(_stale_lines(cases[i], cases[i], ("all",), equations), answers[i]) for i, _ in later):
        return False  # each call explains itself
    return any(
        all(agree(_stale_lines(cases[i], cases[source], kept, equations), answers[i]) for i, source in later)
        for kept in _KEPT
    )


def _stale_lines(case: Case, earlier: Case, kept: Sequence[str], equations: Equations) -> dict[str, Tensor]:
    """The gradients of a case with some lines of an earlier forward pass in them; the penalty is of its own weights."""
    old, new = earlier.working, case.working
    net = copy(old if "all" in kept else new)
    decay = Variant("", "decay", lambda _, l: equations.decay(net if "all" in kept else new, l))
    net.equations, net.delta, net.dW, net.db = replaced(equations, {"decay": decay}), {}, {}, {}
    if "all" not in kept:
        net.a = old.a if "a" in kept else new.a
        net.z = dict(old.z if "z" in kept else new.z)
        net.z[0] = (old if "x" in kept else new).x
        net.y = (old if "y" in kept else new).y
        net.W = old.W if "W" in kept else new.W
    try:
        backward(net)
    except (RuntimeError, KeyError):
        return {}
    return {f"dW{l}": v for l, v in net.dW.items()} | {f"db{l}": v for l, v in net.db.items()}


# Steps ---------------------------------------------------------------------------------------------------------------


def repeated_step(case: Case, eta: float) -> list[Tensor]:
    """W and b after N steps, each along a fresh gradient of the whole batch."""
    p = case.problem
    W, b = list(p.W), list(p.b)
    for _ in range(p.N):
        net = work(W, b, p.x, p.t, p.f, p.pair, p.lam, penalty=p.form)
        W, b = step(W, b, list(reversed(net.dW.values())), list(reversed(net.db.values())), eta)
    return [*W, *b]


def steps_online(cases: Sequence[Case], came: Sequence[Sequence[Tensor]], eta: float) -> bool:
    """Whether one form of stepping inside the loop over the samples gives every case's new W and b."""

    def gives(online: Online, case: Case, values: Sequence[Tensor]) -> bool:
        W, b, _, _ = online.walk(case, eta)
        return all_close(values, [*W, *b])

    return any(
        all(gives(Online(early, penalty, True, mean, "in"), c, v) for c, v in zip(cases, came, strict=True))
        for early, penalty, mean in product((True, False), repeat=3)
    )


def all_close(values: Sequence[Tensor], expected: Sequence[Tensor]) -> bool:
    """Whether all are equal to nine digits, and of equal shapes."""
    return all(
        v.shape == e.shape and torch.allclose(v, e, rtol=1e-9, atol=1e-11)
        for v, e in zip(values, expected, strict=True)
    )
