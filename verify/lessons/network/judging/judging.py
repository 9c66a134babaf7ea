"""Judging what came back: every line over all problems, against the truth and on the student's own values upstream.

The verdict rests on the budgets alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from verify.bounds.budget import FLOAT32, FLOAT64
from verify.bounds.forms import DECIDED, Explanation, Textbook, explained
from verify.grading.answers import Answer, shapes_of
from verify.grading.judged import Judged, median_limit, worst_entry
from verify.grading.machinery.posing import GRADED
from verify.grading.record import Worst
from verify.grading.sentence import Said, said
from verify.lessons.network.cases.fixtures import Case, Fixture
from verify.lessons.network.diagnosis import line_is_right
from verify.lessons.network.judging.answer_key import Column, Part, end_to_end
from verify.lessons.network.judging.carrying import carried_forward
from verify.lessons.network.judging.kinks import Kink, layers_at
from verify.lessons.network.judging.own_lines import OwnLines
from verify.lessons.network.judging.subgradients import is_within
from verify.problems.lines import gradient_names, local_name, names


class Judge:
    """The right answers of a fixture, laid out so that a right submission is judged in one comparison a line."""

    def __init__(self, fixture: Fixture) -> None:
        self.fixture = fixture
        self.deepest = fixture.assignment.layers[1]
        self._columns: dict[tuple[str, bool], _Column] = {}
        self._kinks: dict[tuple[int, bool], Kink] = {}
        self._textbooks: dict[tuple[int, bool], Textbook] = {}
        self._limits: dict[tuple[Any, ...], float | None] = {}

    def lines(self, answers: Sequence[Answer], *, float32: bool) -> list[Judged]:
        """Every line that was handed over; the names are those of the deepest network."""
        judged = [j for n in self.every() if (j := self._line(answers, n, float32)) is not None]
        kinks = self._at_kinks(answers, float32, [j.name for j in judged if j.wrong])
        judged = [j if j.wrong else self._off_at_kinks(j, kinks) for j in judged]
        judged = self._with_mean_inside(answers, judged, float32)
        if any(j.wrong for j in judged if j.name.startswith(("dW", "db"))):
            return judged
        own = [OwnLines(case, answers[i], FLOAT32 if float32 else FLOAT64) for i, case in enumerate(self.fixture.cases)]
        return [self._on_own_lines(j, own, float32) for j in judged]

    def every(self) -> list[str]:
        """The lines that are judged."""
        return [n for n in names(self.deepest) if self.fixture.assignment.biases or not n.startswith("db")]

    def detection_limit(self, answers: Sequence[Answer], *, float32: bool) -> float | None:
        """Median over the gradients' entries of the smallest relative error that would have been seen."""
        came = [n for n in gradient_names(self.deepest) if self.column(n, float32).kept.present(answers)]
        return self.limit(came, float32=float32)

    def limit(self, came: Sequence[str], *, float32: bool) -> float | None:
        """The same, where these gradients came."""
        if (key := (float32, *came)) not in self._limits:
            columns = [self.column(n, float32).kept for n in came]
            self._limits[key] = median_limit([(c.truth, c.allowed) for c in columns])
        return self._limits[key]

    def textbook_forms(
        self, answers: Sequence[Answer], wrong: Sequence[str], *, float32: bool
    ) -> tuple[frozenset[str], list[Said]]:
        """The wrong lines that a textbook form's own rounding explains, and what such a form loses, in words.

        Rounding explains numbers: no line that did not come, and none that is wrong at a kink alone. What the program
        does is said only where one form explains all of its lines.
        """
        wrong = [n for n in wrong if self.column(n, float32).is_off(answers)]
        if not wrong:
            return frozenset(), []
        at_once = self._form(answers, names(self.deepest), float32)
        if at_once is not None:
            return frozenset(wrong), list(at_once.advice)
        return frozenset(n for n in wrong if self._form(answers, [n], float32) is not None), []

    def _form(self, answers: Sequence[Answer], asked: Sequence[str], float32: bool) -> Explanation | None:
        rows = []
        for i, case in self.fixture.of(*GRADED):
            local = [here for n in asked if (here := local_name(n, self.deepest, case.problem.L)) in answers[i].lines]
            rows.append((self._textbook(i, case, float32), {n: answers[i].lines[n] for n in local if n}))
        return explained([row for row in rows if row[1]])

    def _textbook(self, i: int, case: Case, float32: bool) -> Textbook:
        if (i, float32) not in self._textbooks:
            own = {n: case.allowed(n, float32=float32) for n in case.truth}
            u = FLOAT32 if float32 else FLOAT64
            self._textbooks[i, float32] = Textbook(case.problem, case.truth, own, u, self.deepest)
        return self._textbooks[i, float32]

    def column(self, name: str, float32: bool) -> _Column:
        """A line of the deepest network over all problems that have it."""
        key = (name, float32)
        if key not in self._columns:
            cases = [
                (i, case, here)
                for i, case in self.fixture.of(*GRADED)
                if (here := local_name(name, self.deepest, case.problem.L)) is not None
            ]
            self._columns[key] = _Column(cases, float32)
        return self._columns[key]

    def _line(self, answers: Sequence[Answer], name: str, float32: bool) -> Judged | None:
        column = self.column(name, float32)
        at_once = column.kept.judged(answers)
        if at_once is not None:
            return Judged(name, len(column.cases), worst=at_once, decided=column.decided)
        handed = [(case, answers[i], here) for i, case, here in column.cases if _handed(answers[i], here)]
        if not handed:
            return None
        judged = _one_by_one(name, handed, float32)
        everywhere = len(handed) == sum(answers[i].returned for i, _, _ in column.cases)
        return replace(judged, decided=column.decided, everywhere=everywhere)

    def _at_kinks(self, answers: Sequence[Answer], float32: bool, wrong: Sequence[str]) -> list[_AtKink]:
        """What came at each kink beside the subgradients closest to it, which all lines of a problem share.

        wrong: the lines that are wrong elsewhere, which say nothing of the derivative that was chosen.
        """
        found = []
        for i, case in self.fixture.of("kink"):
            kink, lines = self.kink(i, case, float32), answers[i].arrays
            off = {local_name(n, self.deepest, case.problem.L) for n in wrong}
            said_by = {n: v for n, v in lines.items() if n not in off}
            found += [_AtKink(kink, lines, kink.subgradients.expected(said_by))] if lines else []
        return found

    def _off_at_kinks(self, judged: Judged, kinks: Sequence[_AtKink]) -> Judged:
        """A line that is right elsewhere, asked where pre-activations are exactly 0 at a kink."""
        for at in kinks:
            p = at.kink.case.problem
            here = local_name(judged.name, self.deepest, p.L)
            if here is None or here not in at.lines:
                continue
            value, (expected, allowed) = at.lines[here], at.expected[here]
            if not is_within(value, expected, allowed):
                of = torch.from_numpy
                worst = worst_entry(of(expected), of(allowed), of(value), p.label)[1]
                reason = layers_at(here, at.kink)
                return replace(judged, asked=judged.asked + 1, wrong=1, worst=worst, reason=reason)
        return judged

    def _on_own_lines(self, judged: Judged, own: Sequence[OwnLines], float32: bool) -> Judged:
        """A line that is right as far as it is decided, asked where it is not by the student's own lines before it."""
        if judged.wrong:
            return judged
        for i, case, here in self.column(judged.name, float32).undecided:
            value = own[i].answer.lines.get(here)
            if value is None or value.shape != case.truth[here].shape or not own[i].answer.has_own_lines:
                continue
            allowed = own[i].allowed(here, case.allowed(here, float32=float32))
            judged = replace(judged, decided=judged.decided or _is_decided(case, here, allowed))
            if not bool((own[i].off(here, value) <= allowed).all()):
                worst = worst_entry(case.truth[here], allowed, value, case.problem.label)[1]
                return replace(judged, wrong=1, worst=worst, reason=said("off-own-lines"))
        return judged

    def kink(self, i: int, case: Case, float32: bool) -> Kink:
        """A case at a kink, worked once."""
        if (i, float32) not in self._kinks:
            self._kinks[i, float32] = Kink(case, FLOAT32 if float32 else FLOAT64)
        return self._kinks[i, float32]

    def _with_mean_inside(self, answers: Sequence[Answer], judged: list[Judged], float32: bool) -> list[Judged]:
        """δ may hold the 1/N already: where all gradients are right and every δ is the slides' over N, δ is right."""
        deltas = {j.name for j in judged if j.name.startswith("delta") and j.wrong}
        if not deltas or any(j.wrong for j in judged if j.name.startswith("d") and j.name not in deltas):
            return judged
        for name in deltas:
            for i, case, here in self.column(name, float32).cases:
                value = answers[i].lines.get(here)
                if value is not None and not line_is_right(case, here, value * case.problem.N, float32=float32):
                    return judged
        note = said("mean-inside")
        return [Judged(j.name, j.asked, reason=note) if j.name in deltas else j for j in judged]


def _handed(answer: Answer, name: str) -> bool:
    return answer.returned and (name in answer.lines or name in answer.faults)


@dataclass(frozen=True)
class _AtKink:
    """A problem at a kink: the lines that came, and line -> the subgradient closest to them, how far one may be."""

    kink: Kink
    lines: Mapping[str, NDArray]
    expected: Mapping[str, tuple[NDArray, NDArray]]


@dataclass(frozen=True)
class _Column:
    """One line of all cases, end to end."""

    cases: Sequence[tuple[int, Case, str]]
    float32: bool

    @cached_property
    def kept(self) -> Column:
        """The same in NumPy, as the answer key has it."""
        parts = [Part(i, here, tuple(case.truth[here].shape), case.problem.label) for i, case, here in self.cases]
        truth = [case.truth[here].numpy() for _, case, here in self.cases]
        allowed = [case.allowed(here, float32=self.float32).numpy() for _, case, here in self.cases]
        undecided = {i: _least(case, here) for i, case, here in self.undecided}
        return Column(parts, end_to_end(truth), end_to_end(allowed), self.decided, undecided)

    @cached_property
    def decided(self) -> bool:
        """Whether a case has an entry whose budget is small beside the largest of its line."""
        return any(_is_decided(case, here, case.allowed(here, float32=self.float32)) for _, case, here in self.cases)

    @cached_property
    def undecided(self) -> Sequence[tuple[int, Case, str]]:
        """The cases with an entry whose budget is not."""
        return [
            (i, case, here)
            for i, case, here in self.cases
            if not bool((case.allowed(here, float32=self.float32) <= _least(case, here)).all()) and _least(case, here)
        ]

    def is_off(self, answers: Sequence[Answer]) -> bool:
        """Whether the line came on every problem that returned, and is beyond its budget on one of them."""
        came = [(case, answers[i], here) for i, case, here in self.cases if answers[i].returned]
        return all(here in answer.lines for _, answer, here in came) and any(
            not line_is_right(case, here, answer.lines[here], float32=self.float32) for case, answer, here in came
        )


def _least(case: Case, name: str) -> float:
    """The widest budget that still decides an entry of that line."""
    return DECIDED * float(case.truth[name].abs().max())


def _is_decided(case: Case, name: str, allowed: Tensor) -> bool:
    return bool((allowed <= _least(case, name)).any())


def _one_by_one(name: str, handed: Sequence[tuple[Case, Answer, str]], float32: bool) -> Judged:
    wrong = carried = undecided = 0
    worst: tuple[float, Worst] | None = None
    reason: Said | None = None
    for case, answer, here in handed:
        if here in answer.faults:
            wrong, reason = wrong + 1, reason or answer.faults[here]  # no array: that is decided whatever came before
            continue
        value = answer.lines[here]
        if not line_is_right(case, here, value, float32=float32):
            wrong += 1
            reason = reason or _form(case, answer, here)
            on_own = carried_forward(case, answer, here, float32=float32)
            of_shape = value.shape != case.truth[here].shape
            carried, undecided = carried + (on_own is True), undecided + (on_own is None and not of_shape)
            found = _worst(case, here, value, float32)
            worst = found if worst is None or found[0] > worst[0] else worst
    return Judged(name, len(handed), wrong, carried, undecided, worst[1] if worst else None, reason)


def _form(case: Case, answer: Answer, name: str) -> Said | None:
    """What is wrong with a value before its size is asked: shape, finiteness."""
    truth, value = case.truth[name], answer.lines[name]
    if value.shape != truth.shape:
        yours, expected = shapes_of(answer, name, value, truth)
        return said("line-shape", line=name, yours=yours, expected=expected, layers=case.problem.L)
    if not bool(torch.isfinite(value).all()):
        bad = int((~torch.isfinite(value)).sum())
        return said("entries-not-finite", line=name, bad=bad, entries=value.numel())
    return None


def _worst(case: Case, name: str, value: Tensor, float32: bool) -> tuple[float, Worst]:
    return worst_entry(case.truth[name], case.allowed(name, float32=float32), value, case.problem.label)
