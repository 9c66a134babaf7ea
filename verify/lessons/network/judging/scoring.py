"""Points by function and line, each deduction with its reason: the rule that records call points_rule 2.

Denominators are fixed: the points of `gradients` are those of dW and db of every layer; what else is handed over
informs the marking and weighs nothing, unless [points.lines] gives it a weight. A line earns its points if it is right,
or right carried forward: on the student's own values upstream, where those could have shown it wrong, or under the
mistakes that the diagnosis names, which explain every number. One mistake is charged once, and costs as much as one dW
whatever its line weighs, unless [points.mistakes] gives it a price. What has price 0 never makes a submission wrong.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from verify.grading.answers import Answer, columns_name, in_columns
from verify.grading.assignment import Assignment
from verify.grading.finding import Finding
from verify.grading.judged import Judged
from verify.grading.machinery.posing import GRADED
from verify.grading.marked import (
    FOLLOWS,
    Marked,
    Marks,
    State,
    charge,
    followed,
    held_by,
    made_wrong,
    not_wrong,
    unnamed,
    why,
)
from verify.grading.record import LineRecord, said_record
from verify.grading.sentence import Said, said
from verify.lessons.network import spare_axis
from verify.lessons.network.cases.fixtures import Fixture
from verify.lessons.network.diagnosis import Diagnosis
from verify.lessons.network.findings import explains_numbers
from verify.lessons.network.judging.carrying import blindness
from verify.lessons.network.judging.functions import OPTIONAL
from verify.problems.lines import STEP, equation, kind_and_layer, local_name, names, place


def absent(assignment: Assignment, missing: Sequence[str]) -> list[LineRecord]:
    """The lines of functions that have points and are not there."""
    found = []
    for function in missing:
        lines = [n for n in OPTIONAL.get(function, ()) if assignment.biases or n != "b"]
        worth = getattr(assignment.points, function)
        reason = said("function-missing", function=function)
        found += [
            LineRecord(
                name=n, function=function, state="absent", max_points=worth / len(lines), reason=reason.text,
                reason_said=said_record(reason),
            )
            for n in lines
        ]  # fmt: skip
    return found


class Scoring:
    """What the points of one submission depend on.

    lost: the share of the problems on which the program failed. spare: the lines with an axis too many, whose numbers
    were judged without it.
    """

    def __init__(
        self,
        fixture: Fixture,
        answers: Sequence[Answer],
        diagnosis: Diagnosis,
        findings: Sequence[Finding],
        lost: float,
        spare: Sequence[str] = (),
    ) -> None:
        self.fixture, self.answers, self.diagnosis, self.findings = fixture, answers, diagnosis, findings
        self.lost, self.assignment, self.L = lost, fixture.assignment, fixture.assignment.layers[1]
        self.spare = frozenset(spare)
        self._worths = self._all_worths()
        self.share = self._share()

    def marks(self, judged: Sequence[Judged]) -> Marks:
        """Every line with its state and points."""
        every = self._ordered([*judged, *self._blamed(judged), *self._asked_for(judged)])
        open_ = self._open(every)
        marked = [self._marked(j, open_) for j in every]
        for m in marked:
            m.points = m.worth * (1 - self.lost) if m.counts else 0.0
        prices = {f.mistake: self.price(f) for f in self.findings}
        for finding in self.findings:
            charge(prices[finding.mistake], held_by(finding, marked), marked)
        if not self.diagnosis.explains:
            for m in self._unnamed(marked):
                charge(self.share, made_wrong(m, marked), marked)
        return Marks([self._record(m) for m in marked], prices)

    def price(self, finding: Finding) -> float:
        """What a named mistake costs: as much as one dW, unless the assignment says otherwise."""
        a, id = self.assignment, finding.mistake
        of_step = finding not in self.diagnosis.findings and id not in ("inputs-mutated", spare_axis.MISTAKE)
        free = (
            id == "softmax-overflow"
            or (id.startswith("epsilon") and a.epsilon == "allow")
            or (of_step and a.points.step == 0)
        )
        return a.points.mistakes.get(id, 0.0 if free else self.share)

    # Worth -----------------------------------------------------------------------------------------------------------

    def _all_worths(self) -> dict[tuple[str, str], float]:
        """(function, line) -> what it can earn."""
        biases = self.assignment.biases
        lines = {"gradients": [n for n in names(self.L) if biases or not n.startswith("db")]}
        for function, held in OPTIONAL.items():
            lines[function] = [n for n in held if biases or n != "b"]
        found = {}
        for function, held in lines.items():
            weights = {n: self._weight(function, n) for n in held}
            total = sum(weights.values()) or 1.0
            worth = getattr(self.assignment.points, function)
            found |= {(function, n): worth * weight / total for n, weight in weights.items()}
        return found

    def _weight(self, function: str, name: str) -> float:
        """A line's share of its function's points: [points.lines] by name or by kind, else 1 for what must be there."""
        lines = self.assignment.points.lines
        kind = name if function != "gradients" else kind_and_layer(name)[0]
        required = function != "gradients" or kind in ("dW", "db")
        return lines.get(name, lines.get(kind, 1.0 if required else 0.0))

    def _share(self) -> float:
        """As much as one dW; where none has points, as one line that has."""
        of_weights = [w for (f, n), w in self._worths.items() if f == "gradients" and n.startswith("dW")]
        worths = [w for w in self._worths.values() if w > 0]
        mean = sum(of_weights) / len(of_weights)
        return mean if mean > 0 else sum(worths) / len(worths)

    # Lines -----------------------------------------------------------------------------------------------------------

    def _ordered(self, every: list[Judged]) -> list[Judged]:
        order = {n: i for i, n in enumerate(names(self.L))}
        return sorted(every, key=lambda j: (j.function != "gradients", j.function, order.get(j.name, len(order))))

    def _blamed(self, judged: Sequence[Judged]) -> list[Judged]:
        """Lines that were not handed over and hold a mistake of the diagnosis."""
        known = {j.name for j in judged if j.function == "gradients"}
        found = dict.fromkeys(n for f in self.diagnosis.findings for n in f.lines if n not in known)
        return [
            Judged(n, 0, wrong=1, reason=said("found-here"))
            for n in found
            if n not in ("W", "E")
            and kind_and_layer(n)[0] in ("a", "z", "y", "delta")
            and not self._worths.get(("gradients", n))
        ]

    def _asked_for(self, judged: Sequence[Judged]) -> list[Judged]:
        """Lines that have points and were not handed over."""
        known = {j.name for j in judged if j.function == "gradients"}
        return [
            Judged(n, 0, reason=said("asked-for"), everywhere=False)
            for (function, n), worth in self._worths.items()
            if function == "gradients" and worth > 0 and n not in known
        ]

    def _marked(self, j: Judged, open_: frozenset[str]) -> Marked:
        state, carried, reason = self._state(j, open_)
        return Marked(j, self._worths.get((j.function, j.name), 0.0), state, carried, reason)

    def _state(self, j: Judged, open_: frozenset[str]) -> State:
        """right | undecided | wrong | blocked | absent, carried forward or not, and why."""
        if not j.wrong:
            return not_wrong(j, self.lost)
        if j.asked == 0:
            return "wrong", None, j.reason
        if j.function != "gradients":
            return self._of_function(j)
        if self.diagnosis.explains or self._is_spare(j):
            return self._under_names(j)
        if j.carried == j.wrong:
            blind = blindness(self.fixture, self.answers, j.name)
            if blind is None:
                return "wrong", "right", FOLLOWS
            return "blocked", "blocked", said("blind", why=blind)
        if j.name in open_:
            return "blocked", "blocked", said("open")
        return "wrong", "wrong" if j.undecided < j.wrong else None, why(j)

    def _of_function(self, j: Judged) -> State:
        kinds = {k for f in self.findings for k in f.lines}
        named = j.name in kinds or (j.name == "b" and "W" in kinds) or (j.name == "E" and "y" in kinds)
        if j.carried == j.wrong or named:
            return "wrong", "right", FOLLOWS
        if j.undecided and j.carried + j.undecided == j.wrong:
            return "blocked", "blocked", said("stood-still")
        return "wrong", None, why(j)

    def _is_spare(self, j: Judged) -> bool:
        """Whether an axis too many is all that is wrong with a line."""
        return j.name in self.spare and j.carried == j.wrong == j.asked

    def _under_names(self, j: Judged) -> State:
        """The mistakes of the diagnosis reproduce every number: what is wrong otherwise follows from them."""
        if not self.diagnosis.blames(j.name) and self._is_void(j.name):
            return "wrong", None, said("void")
        return "wrong", "right", FOLLOWS

    def _is_void(self, name: str) -> bool:
        """Whether the data's part of a gradient is 0 on every problem: nothing was computed there."""
        if name[:2] not in ("dW", "db"):
            return False
        computed = False
        for i, case in self.fixture.of(*GRADED):
            here = local_name(name, self.L, case.problem.L)
            value = self.answers[i].lines.get(here) if here else None
            if value is None or here is None or value.shape != case.truth[here].shape:
                continue
            computed = True
            penalty = case.problem.rate * case.problem.W[int(here[2:]) - 1] if here.startswith("dW") else 0.0
            if bool((value - penalty).any()):
                return False
        return computed

    def _open(self, judged: Sequence[Judged]) -> frozenset[str]:
        """Where nothing names the error: what follows the first wrong layer, without a δ to be judged on."""
        layered = [(kind_and_layer(j.name), j) for j in judged if j.function == "gradients"]
        wrong = [
            (l, j)
            for (kind, l), j in layered
            if l is not None and j.wrong and kind in ("dW", "db", "delta") and not self._is_spare(j)
        ]
        if self.diagnosis.explains or not wrong:
            return frozenset()
        first = max(l for l, _ in wrong)
        by_name = {j.name: j for _, j in layered}
        return frozenset(
            j.name for l, j in wrong if l < first and j.undecided == j.wrong and not _blamed_alone(j, by_name)
        )

    # Charges ---------------------------------------------------------------------------------------------------------

    def _unnamed(self, marked: Sequence[Marked]) -> list[Marked]:
        """Lines without points whose own equation is wrong, and that make lines wrong which keep theirs.

        One for each equation: it is the same in every hidden layer, and one mistake is charged once.
        """
        found: dict[tuple[str, bool], Marked] = {}
        for m in unnamed(marked):
            if m.judged.function == "gradients":
                kind, l = kind_and_layer(m.judged.name)
                found.setdefault((kind, l == self.L), m)
        return list(found.values())

    def _explains(self, finding: Finding) -> bool:
        """Whether it says why a line of `gradients` is wrong."""
        named = finding in self.diagnosis.findings and explains_numbers(finding)
        return named or finding.mistake == spare_axis.MISTAKE

    # Records ---------------------------------------------------------------------------------------------------------

    def _record(self, m: Marked) -> LineRecord:
        j, a = m.judged, self.assignment
        of_gradients = j.function != "step"
        carried, reason = self._told(m)
        columns = a.convention == "columns"
        reason = in_columns(reason) if columns and reason is not None else reason
        return LineRecord(
            name=columns_name(j.name, self.L) if columns and of_gradients else j.name,
            function=j.function,
            state=m.state,
            carried_forward=carried,
            points=m.points,
            max_points=m.worth,
            wrong_problems=j.wrong,
            problems=j.asked,
            reason=reason.text if reason is not None else "",
            reason_said=said_record(reason) if reason is not None else None,
            place=str(place(j.name, columns=columns) if of_gradients else STEP),
            equation=equation(j.name, self.L, a.output, a.loss, columns=columns, penalty=a.penalty)
            if of_gradients
            else f"new {j.name}(l) = {j.name}(l) − η ∂E/∂{j.name}(l)",
            worst=j.worst,
        )

    def _told(self, m: Marked) -> tuple[str | None, Said | None]:
        """Whether a line follows from earlier errors, and why; those of other functions hold no mistake by name."""
        if m.judged.function != "gradients":
            return m.carried, m.reason
        return followed(m, [f for f in self.findings if self._explains(f)], self.lost)


def _blamed_alone(j: Judged, by_name: Mapping[str, Judged]) -> bool:
    """Whether the layer's other gradient, of the same δ, is right on every problem: no earlier error reaches it."""
    other = by_name.get({"dW": "db", "db": "dW"}.get(j.name[:2], "") + j.name[2:])
    return other is not None and other.everywhere and not (other.wrong or other.undecided)


def settled(judged: Sequence[Judged], lost: Collection[str]) -> list[Judged]:
    """The lines with those taken as right that a textbook form's own rounding explains."""
    note = said("loses-digits")
    return [replace(j, wrong=0, carried=0, undecided=0, reason=note) if j.name in lost else j for j in judged]
