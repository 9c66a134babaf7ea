"""The diagnosis: the smallest set of mistakes that reproduces a submission's numbers, or what is known of the error.

A wrong name is worse than none. A mistake is named only where it reproduces every number of every problem that came
back, within budget, and the right equations do not. Points depend on this module, for an error is charged in the
equation in which it is made; of the verdict one thing: what a mistake explains is not excused as a textbook form.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from manual import SLIDES
from verify.bounds.budget import FLOAT32, FLOAT64
from verify.bounds.forms import parameter_of, step_of
from verify.grading.answers import Answer
from verify.grading.assignment import Assignment
from verify.grading.machinery.posing import GRADED
from verify.lessons.network.arranged import arranged, fails, views, without_forward_biases
from verify.lessons.network.cases.fixtures import Fixture
from verify.lessons.network.decoding import Decoder, Observed
from verify.lessons.network.findings import Diagnosis, finding, findings_of, lines_of_mistake
from verify.lessons.network.fitted import Throughout
from verify.lessons.network.hypothesis import Hypothesis
from verify.lessons.network.known import known
from verify.lessons.network.logarithms import epsilon_in_log
from verify.lessons.network.order import is_stale, kept_by_batch, kept_calls, unpiled
from verify.lessons.network.precision import (
    in_single,
    inputs_in_single,
    is_cut_off,
    rounded_beside,
    rounded_in_the_middle,
)
from verify.lessons.network.products import product_in_single
from verify.lessons.network.read import throughouts
from verify.lessons.network.read_output import outputs
from verify.lessons.network.right import gradients_are_right, is_finite, line_is_right, wanted, what_came_is_right
from verify.lessons.network.shifted import shifted_bends
from verify.lessons.network.texts import said
from verify.lessons.network.usual import usual_cuts
from verify.lessons.network.walking import stepped_each_sample
from verify.lessons.network.whole_norm import norm_of_all
from verify.said import Said

_MISSING_BIASES: tuple[tuple[tuple[Said, ...], Callable[[int, int], bool]], ...] = (
    ((), lambda l, L: True),
    ((said("biases-at-output"),), lambda l, L: l == L),
    ((said("biases-below"),), lambda l, L: l < L),
)
Found = tuple[Hypothesis, list[Hypothesis]]
_FEW = 3  # problems that rule an explanation out before all are asked

__all__ = ["Diagnosis", "diagnose", "finding", "line_is_right", "lines_of_mistake"]


def diagnose(fixture: Fixture, answers: Sequence[Answer]) -> Diagnosis:
    """Why the answers to the fixture's cases (one each, in order) are wrong."""
    a = fixture.assignment
    called = [
        (case, answer if a.biases else _without_biases(answer))
        for case, answer in zip(fixture.cases, answers, strict=True)
    ]
    asked = _counted(called)
    form = arranged(a, asked)
    said_of_failing = tuple(fails(asked))
    if all(what_came_is_right(c, answer, a.biases) for c, answer in usable(asked)):
        return replace(_of_error(a, asked), fails=said_of_failing).joined(form)
    found = _named(a, asked, called) or Diagnosis(known=tuple(known(a, asked)))
    return replace(found, fails=said_of_failing).joined(form)


def _named(a: Assignment, asked: Sequence[Observed], called: Sequence[Observed]) -> Diagnosis | None:
    """The first explanation that holds; the likelier and cheaper are asked first.

    called: every call in its order, those that do not count too, for programs keep their numbers as well.
    """
    for apart in unpiled([c for c, _ in called], [answer for _, answer in called]):
        counted = _counted((c, answer) for (c, _), answer in zip(called, apart, strict=True))
        piled = _with_state("gradients-accumulated", a, usable(counted))
        if piled is not None:
            return piled
    observed = usable(asked)
    if not any(bool((v != 0).any()) for _, answer in observed for n, v in answer.lines.items() if n[0] == "d"):
        return None  # zeros are what many mistakes give
    found = _scaled(a, observed) or _decoded(a, observed) or _throughout(a, observed)
    if found is not None or decoder(a, observed).nearly_right():
        return found
    return _in_another_view(a, asked) or _stale(a, called) or _walking(a, observed) or _unbiased(a, observed)


def _counted(called: Iterable[Observed]) -> list[Observed]:
    """The calls that count."""
    return [(case, answer) for case, answer in called if case.role in GRADED]


def usable(asked: Iterable[Observed]) -> list[Observed]:
    """The problems on which something finite came back."""
    return [(case, answer) for case, answer in asked if answer.returned and answer.lines and is_finite(answer)]


def _without_biases(answer: Answer) -> Answer:
    """Where the assignment has no biases, what came as db is not looked at."""
    lines = {n: v for n, v in answer.lines.items() if not n.startswith("db")}
    return replace(answer, lines=lines, faults={n: v for n, v in answer.faults.items() if not n.startswith("db")})


def _unbiased(a: Assignment, observed: Sequence[Observed]) -> Diagnosis | None:
    """The right gradients of the same network without biases, where these are not 0."""
    if not a.biases:
        return None
    for form, missing in _MISSING_BIASES:
        shows = lambda p, missing=missing: any(bool(v.any()) and missing(l, p.L) for l, v in enumerate(p.b, 1))
        few = [(c, answer) for c, answer in observed if shows(c.problem)][:_FEW]
        right = lambda rows, missing=missing: all(
            gradients_are_right(c, answer, True) for c, answer in without_forward_biases(rows, missing)
        )
        if few and right(few) and right(observed):
            return Diagnosis((finding("forward-biases-missing", a.layers[1], form=form),))
    return None


def _of_error(a: Assignment, asked: Sequence[Observed]) -> Diagnosis:
    """Where every gradient is right: an epsilon in the logarithm of E, if that is what moves it."""
    rows = [(c, answer.lines["E"]) for c, answer in usable(asked) if "E" in answer.lines]
    if all(line_is_right(c, "E", E) for c, E in rows):
        return Diagnosis()
    found = epsilon_in_log(rows)
    if found is None:
        return Diagnosis()
    epsilon, form = found
    return Diagnosis((finding("epsilon-in-log", a.layers[1], form=[said(form, epsilon=epsilon)], number=epsilon),))


def _scaled(a: Assignment, observed: Sequence[Observed]) -> Diagnosis | None:
    """The right gradients, all together scaled to a norm where they exceed it."""
    norm = norm_of_all(observed, a.biases)
    if norm is None:
        return None
    form = [said("limit-of-all", limit=norm)]
    return Diagnosis((finding("gradient-clipped", a.layers[1], form=form, number=norm),))


# State ---------------------------------------------------------------------------------------------------------------


def _with_state(id: str, a: Assignment, clean: Sequence[Observed]) -> Diagnosis | None:
    """A mistake of state, and what else is wrong once its effect is taken off; None where that stays unexplained."""
    state = finding(id, a.layers[1])
    if all(gradients_are_right(c, answer, a.biases, slack=True) for c, answer in clean):
        return Diagnosis((state,))
    rest = _decoded(a, clean, slack=True)
    return Diagnosis((*rest.findings, state), hypothesis=rest.hypothesis) if rest else None


def _stale(a: Assignment, called: Sequence[Observed]) -> Diagnosis | None:
    """Values of an earlier call: the calls that work on their own are clean, and explain the others."""
    cases = [c for c, _ in called]
    for sources in kept_calls(cases):
        found = _kept(a, called, sources)
        if found is None:
            break  # what the fewest clean calls do not bear, more of them do not either
        if found.findings:
            return found
    # Values of another network mostly do not fit: the program fails.
    found = None if all(answer.returned for _, answer in called) else _kept(a, called, kept_by_batch(cases))
    return found if found is not None and found.findings else None


def _kept(a: Assignment, called: Sequence[Observed], sources: Sequence[int | None]) -> Diagnosis | None:
    """The mistake, where the calls with a source used its values; nothing found where they did not; None where the
    clean calls stay unexplained.
    """
    graded = [c.role in GRADED for c, _ in called]
    clean = usable(row for row, at, counts in zip(called, sources, graded, strict=True) if at is None and counts)
    right = bool(clean) and all(gradients_are_right(c, answer, a.biases) for c, answer in clean)
    rest = Diagnosis() if right else _decoded(a, clean) if clean else None
    if rest is None or (rest.findings and rest.hypothesis is None):
        return None
    equations = rest.hypothesis.equations if rest.hypothesis is not None else SLIDES
    cases = [c for c, _ in called]
    asked = [
        at if counts and at is not None and cases[at].problem.layers == case.problem.layers else None
        for at, counts, case in zip(sources, graded, cases, strict=True)
    ]
    if not is_stale(cases, [answer for _, answer in called], asked, equations):
        return Diagnosis()
    return Diagnosis((*rest.findings, finding("cache-stale", a.layers[1])), hypothesis=rest.hypothesis)


def _walking(a: Assignment, observed: Sequence[Observed]) -> Diagnosis | None:
    """The weights stepped after each sample, and what else is wrong, which problems of one sample show."""
    ones = [(c, answer) for c, answer in observed if c.problem.N == 1]
    right = all(gradients_are_right(c, answer, a.biases) for c, answer in ones)
    found = None if right else decoder(a, ones).accepted()
    if not right and found is None:
        return None
    walked = stepped_each_sample(observed, found[0] if found else None)
    if walked is None:
        return None
    eta, rest = walked.eta, walked.rest
    form, says = ([said("stepped-each-sample")], None) if walked.early else ([], said("stepped-after"))
    early = finding("updated-weights-in-backward", a.layers[1], form=form, number=eta, says=says)
    others = [f for f in findings_of(rest, (), a.layers[1]) if f.mistake != early.mistake]
    return Diagnosis((*others, early), hypothesis=rest if rest.mistakes else None)


# Equations -----------------------------------------------------------------------------------------------------------


def decoder(
    a: Assignment,
    observed: Sequence[Observed],
    float32: bool = False,
    slack: bool = False,
    throughout: Throughout | None = None,
    eta: float | None = None,
) -> Decoder:
    """A decoder of what came back to that assignment."""
    return Decoder(observed, a.activations, a.output, a.loss, a.biases, float32, slack, throughout, eta)


def _decoded(a: Assignment, observed: Sequence[Observed], *, slack: bool = False) -> Diagnosis | None:
    depth = a.layers[1]
    if is_cut_off(observed):
        return Diagnosis((finding("integer-arrays", depth),))
    asked_for = a.precision == "float32"
    if not asked_for and inputs_in_single(a, observed):
        return Diagnosis((finding("precision-float32", depth, form=[said("arguments-rounded")]),))
    float32 = all(in_single(answer) for _, answer in observed)
    if float32 and all(gradients_are_right(c, answer, a.biases, float32=True) for c, answer in observed):
        return Diagnosis(() if asked_for else (finding("precision-float32", depth),))
    if not asked_for and (where := rounded_in_the_middle(a, observed) or product_in_single(a, observed)) is not None:
        return Diagnosis((finding("precision-float32", depth, form=[said(where)]),))
    asked = decoder(a, observed, float32, slack)
    found = None if asked.nearly_right() else asked.accepted()
    if found is None:
        return _after_a_step(a, observed, float32) or _beside_a_rounding(a, observed)
    hypothesis, others = found
    single = (finding("precision-float32", depth),) if float32 and not asked_for else ()
    return Diagnosis((*findings_of(hypothesis, others, depth), *single), hypothesis=hypothesis)


def _after_a_step(a: Assignment, observed: Sequence[Observed], float32: bool) -> Diagnosis | None:
    """Mistakes of a program that hands over (W − W after a step of η) / η, as far as that keeps its digits."""
    names = {id(c): wanted(c, a.biases) for c, _ in observed}
    lines = [(parameter_of(c.problem, n), got.lines[n]) for c, got in observed for n in names[id(c)] if n in got.lines]
    if any(w.shape != g.shape for w, g in lines):
        return None
    eta = step_of(lines, FLOAT32 if float32 else FLOAT64)
    asked = decoder(a, observed, float32, eta=eta)
    if eta is None or asked.nearly_right():
        return None
    found = asked.accepted() or _throughout_before_a_step(a, observed, float32, eta)
    return found and Diagnosis(tuple(findings_of(*found, a.layers[1])), hypothesis=found[0], eta=eta)


def _throughout_before_a_step(a: Assignment, observed: Sequence[Observed], float32: bool, eta: float) -> Found | None:
    """What such a program does throughout, where that alone explains everything."""
    for t in all_throughouts(observed):
        asked = decoder(a, observed, float32, throughout=t, eta=eta)
        if asked.nearly_right() and asked.reproduces(asked.equations({})):
            return _by_itself(asked)
    return None


def _beside_a_rounding(a: Assignment, observed: Sequence[Observed]) -> Diagnosis | None:
    """Mistakes that explain the numbers as far as single precision goes, and what is rounded to it beside them."""
    asked = decoder(a, observed, float32=True)
    found = None if asked.nearly_right() else asked.accepted()
    where = rounded_beside(a, observed, found[0].equations) if found is not None else None
    if found is None or where is None:
        return None
    single = finding("precision-float32", a.layers[1], form=[said(where)])
    return Diagnosis((*findings_of(*found, a.layers[1]), single), hypothesis=found[0])


def _throughout(a: Assignment, observed: Sequence[Observed]) -> Diagnosis | None:
    """A clip, an epsilon, another constant or function: alone if that explains everything, else with what is wrong too.

    With others on top only what is sure to be there: an activation's function, which is read off.
    """
    # The wrong answers first: they rule most of it out.
    doubtful = sorted(observed, key=lambda row: what_came_is_right(*row, a.biases))
    tried = [decoder(a, doubtful, throughout=t) for t in all_throughouts(observed)]
    near = [d for d in tried if d.nearly_right()]
    alone = [d for d in near if d.reproduces(d.equations({}))]  # what comes near and fails has no mistake on top
    alone = alone or _guessed(a, doubtful)
    joined = [d for d in tried if d.throughout is not None and d.throughout.functions and d not in near]
    found = [_by_itself(d) for d in alone] or [one for d in joined if (one := d.accepted()) is not None]
    if not found:
        return None
    best = min(found, key=lambda one: one[0].cost)
    return Diagnosis(tuple(findings_of(*best, a.layers[1])), hypothesis=best[0])


def _by_itself(asked: Decoder) -> Found:
    """What the program does throughout, which reproduces everything: no mistake in a single slot is asked for then."""
    return Hypothesis(throughout=asked.throughout), []


def all_throughouts(observed: Sequence[Observed]) -> Iterator[Throughout]:
    """What a program may do throughout, as its numbers show it."""
    yield from throughouts(observed)
    yield from outputs(observed)
    yield from shifted_bends(observed)


def _guessed(a: Assignment, observed: Sequence[Observed]) -> list[Decoder]:
    """Usual limits of an activation's argument that reproduce everything by themselves."""
    tried = (decoder(a, observed, throughout=t) for t in usual_cuts(observed))
    return [d for d in tried if d.nearly_right() and d.reproduces(d.equations({}))]


def _in_another_view(a: Assignment, asked: Sequence[Observed]) -> Diagnosis | None:
    """The answers as they would be in another arrangement, with what else is wrong in them."""
    for id, view in views(asked):
        observed = usable(view)
        this = finding(id, a.layers[1])
        if observed and all(gradients_are_right(c, answer, a.biases) for c, answer in observed):
            return Diagnosis((this,))
        rest = decoder(a, observed).accepted() if observed else None
        if rest is not None:
            return Diagnosis((*findings_of(*rest, a.layers[1]), this), hypothesis=None)
    return None
