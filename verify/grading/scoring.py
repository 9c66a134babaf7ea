"""Points by function and line, each deduction with its reason.

A function's points are shared by its lines, equally or by the weights of [points.lines]. A line earns its share if it
is right, or right on the student's own values upstream. A line that was not handed over and in which the diagnosis
finds the mistake is listed as wrong and takes its share, so that what follows is carried forward and costs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from verify.grading.answers import columns_name
from verify.grading.assignment import Assignment
from verify.grading.fixtures import Fixture
from verify.grading.functions import OPTIONAL
from verify.grading.judging import Judged
from verify.grading.record import LineRecord
from verify.lessons.network.diagnosis import Diagnosis
from verify.problems.lines import STEP, equation, kind_and_layer, names, place


def line_records(fixture: Fixture, judged: Sequence[Judged], diagnosis: Diagnosis, lost: float) -> list[LineRecord]:
    """Every line with its state and points. lost: the share of the problems on which the program failed."""
    return Scoring(fixture, diagnosis, lost).records(judged)


def absent(assignment: Assignment, missing: Sequence[str]) -> list[LineRecord]:
    """The lines of functions that have points and are not there."""
    found = []
    for function in missing:
        lines = [n for n in OPTIONAL.get(function, ()) if assignment.biases or n != "b"]
        worth = getattr(assignment.points, function)
        reason = f"the function {function} is missing"
        found += [
            LineRecord(name=n, function=function, state="absent", max_points=worth / len(lines), reason=reason)
            for n in lines
        ]
    return found


class Scoring:
    """What the points of one submission depend on."""

    def __init__(self, fixture: Fixture, diagnosis: Diagnosis, lost: float) -> None:
        self.fixture, self.diagnosis, self.lost = fixture, diagnosis, lost
        self.assignment, self.L = fixture.assignment, fixture.assignment.layers[1]

    def records(self, judged: Sequence[Judged]) -> list[LineRecord]:
        every = [*judged, *self._blamed(judged)]
        order = {n: i for i, n in enumerate(names(self.L))}
        every.sort(key=lambda j: (j.function != "gradients", j.function, order.get(j.name, len(order))))
        totals: dict[str, float] = {}
        for j in every:
            totals[j.function] = totals.get(j.function, 0.0) + self._weight(j)
        open_ = self._open(every)
        return [self._record(j, self._worth(j, totals[j.function]), j.name in open_) for j in every]

    def _blamed(self, judged: Sequence[Judged]) -> list[Judged]:
        """Lines that were not handed over and hold a mistake of the diagnosis."""
        known = {j.name for j in judged if j.function == "gradients"}
        found = dict.fromkeys(n for f in self.diagnosis.findings for n in f.lines if n not in known)
        kinds = ("a", "z", "y", "delta")
        return [
            Judged(n, 0, wrong=1, reason="the diagnosis finds the mistake here")
            for n in found
            if n not in ("W", "E") and kind_and_layer(n)[0] in kinds
        ]

    def _worth(self, j: Judged, total: float) -> float:
        return getattr(self.assignment.points, j.function) * self._weight(j) / (total or 1)

    def _weight(self, j: Judged) -> float:
        """A line's share of its function's points: [points.lines] by name or by kind, else 1."""
        lines = self.assignment.points.lines
        kind = j.name if j.function == "step" else kind_and_layer(j.name)[0]
        return lines.get(j.name, lines.get(kind, 1.0))

    def _record(self, j: Judged, worth: float, open_: bool) -> LineRecord:
        state, carried = self._states(j, open_)
        of_gradients = j.function != "step"
        columns = self.assignment.convention == "columns"
        a = self.assignment
        return LineRecord(
            name=columns_name(j.name, self.L) if columns and of_gradients else j.name,
            function=j.function,
            state=state,
            carried_forward=carried,
            points=worth * (1 - self.lost) if "right" in (state, carried) else 0.0,
            max_points=worth,
            wrong_problems=j.wrong,
            problems=j.asked,
            reason=self._reason(j, state, carried),
            place=str(place(j.name, columns=columns) if of_gradients else STEP),
            equation=equation(j.name, self.L, a.output, a.loss, columns=columns)
            if of_gradients
            else f"new {j.name}(l) = {j.name}(l) − η ∂E/∂{j.name}(l)",
            worst=j.worst,
        )

    def _states(self, j: Judged, open_: bool) -> tuple[str, str | None]:
        if not j.wrong:
            return "right", None
        if j.function != "gradients":
            return "wrong", "right" if j.carried == j.wrong else None
        if j.asked == 0:
            return "wrong", None
        if j.carried == j.wrong or (
            self.diagnosis.hypothesis is not None and not self.diagnosis.blames(j.name, self.L)
        ):
            return "wrong", "right"
        return ("blocked", "blocked") if open_ else ("wrong", "wrong" if j.undecided < j.wrong else None)

    def _open(self, judged: Sequence[Judged]) -> frozenset[str]:
        """Where nothing names the error: what follows the first wrong layer, without a δ to be judged on."""
        layered = [(kind_and_layer(j.name), j) for j in judged if j.function == "gradients"]
        wrong = [(l, j) for (kind, l), j in layered if l is not None and j.wrong and kind in ("dW", "db", "delta")]
        if self.diagnosis.findings or not wrong:
            return frozenset()
        first = max(l for l, _ in wrong)
        return frozenset(j.name for l, j in wrong if l < first and j.undecided == j.wrong)

    def _reason(self, j: Judged, state: str, carried: str | None) -> str:
        if state == "right":
            return j.reason or (f"the program failed on {self.lost:.0%} of the problems" if self.lost else "")
        if carried == "right":
            return "follows from an earlier error; right on the values it was given"
        if state == "blocked":
            return "an earlier error makes this line undecidable; hand over the delta lines to have it marked"
        return j.reason or f"wrong in {j.wrong} of {j.asked} problems"
