"""Points by function and line, by the rule that records call points_rule 2, for any lesson.

Denominators are fixed: a function's points are those of the lines that it returns; what else is handed over informs the
marking and weighs nothing, unless [points.lines] gives it a weight. A line earns its points if it is right, or right
carried forward on the student's own values where those could have shown it wrong, or under the mistakes that explain
every number. One mistake is charged once, and costs as much as one returned line, unless [points.mistakes] says more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from verify.grading.answers import Answer
from verify.grading.finding import Finding
from verify.grading.judged import Judged
from verify.grading.lesson import Contract
from verify.grading.machinery.explaining import Explanation
from verify.grading.machinery.judging import blindness
from verify.grading.machinery.posing import GRADED, Posed
from verify.grading.machinery.texts import said
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
from verify.grading.sentence import said as told
from verify.said import Said


@dataclass(frozen=True)
class Heard:
    """What came of one function: its answers, its lines, why they are wrong, on what share of problems it failed."""

    contract: Contract
    answers: Sequence[Answer]
    judged: Sequence[Judged]
    explanation: Explanation
    lost: float


def worths(posed: Posed, contract: Contract) -> dict[str, float]:
    """Line -> what it can earn in a function."""
    points = posed.assignment.points
    weights = {
        n: points.lines.get(n, 1.0 if n in contract.returns else 0.0)
        for n in posed.lesson.lines if n not in contract.arguments
    }  # fmt: skip
    total = sum(weights.values()) or 1.0
    return {n: points.functions[contract.name] * weight / total for n, weight in weights.items()}


def share(posed: Posed) -> float:
    """What a mistake costs: as much as a returned line does on the average, of those that have points."""
    every = [
        worth for c in posed.lesson.contracts for n, worth in worths(posed, c).items()
        if n in c.returns and worth > 0
    ] or [w for c in posed.lesson.contracts for w in worths(posed, c).values() if w > 0]  # fmt: skip
    return sum(every) / len(every)


def marks(posed: Posed, heard: Sequence[Heard], others: Sequence[Finding]) -> Marks:
    """Every line with its state and points; others: mistakes of no function in particular."""
    every: list[Marked] = []
    prices = {f.mistake: _price(posed, f) for h in heard for f in h.explanation.findings}
    prices |= {f.mistake: _price(posed, f) for f in others}
    charged: set[str] = set()
    rows: list[tuple[Heard, list[Marked]]] = []
    for h in heard:
        marked = [_marked(posed, h, j) for j in _with_absent(posed, h)]
        for m in marked:
            m.points = m.worth * (1 - h.lost) if m.counts else 0.0
        rows.append((h, marked))
        every += marked
    for h, marked in rows:
        for f in h.explanation.findings:
            if f.mistake not in charged:
                charge(prices[f.mistake], held_by(f, marked), [*marked, *every])
            charged.add(f.mistake)
        if not h.explanation.findings:
            for m in unnamed(marked):
                charge(share(posed), made_wrong(m, marked), marked)
    for f in others:
        charge(prices[f.mistake], every, every)
    return Marks([_record(posed, h, m) for h, marked in rows for m in marked], prices)


def _price(posed: Posed, finding: Finding) -> float:
    return posed.assignment.points.mistakes.get(finding.mistake, share(posed))


def _with_absent(posed: Posed, h: Heard) -> list[Judged]:
    """The lines that came, those that have points and did not, and those that hold a mistake of the explanation."""
    known = {j.name for j in h.judged}
    worth = worths(posed, h.contract)
    absent = [
        Judged(n, 0, reason=told("asked-for"), function=h.contract.name,
               everywhere=False)
        for n, w in worth.items() if w > 0 and n not in known
    ]  # fmt: skip
    known |= {j.name for j in absent}
    blamed = [
        Judged(n, 0, wrong=1, reason=told("found-here"), function=h.contract.name)
        for n in dict.fromkeys(n for f in h.explanation.findings for n in f.lines)
        if n not in known
    ]
    order = {n: i for i, n in enumerate(posed.lesson.lines)}
    return sorted([*h.judged, *absent, *blamed], key=lambda j: order[j.name])


# Lines ---------------------------------------------------------------------------------------------------------------


def _marked(posed: Posed, h: Heard, j: Judged) -> Marked:
    state, carried, reason = _state(posed, h, j)
    return Marked(j, worths(posed, h.contract)[j.name], state, carried, reason)


def _state(posed: Posed, h: Heard, j: Judged) -> State:
    """right | undecided | wrong | blocked | absent, carried forward or not, and why."""
    if not j.wrong:
        return not_wrong(j, h.lost)
    if j.asked == 0:
        return "wrong", None, j.reason
    if not any(j.name in a.lines for a in h.answers):
        return "wrong", None, j.reason
    if h.explanation.findings:
        blamed = any(j.name in f.lines for f in h.explanation.findings)
        if not blamed and _is_zero(posed, h, j.name):
            return "wrong", None, said("lesson-void")
        return "wrong", "right", FOLLOWS
    if j.carried == j.wrong:
        blind = blindness(posed, h.contract, h.answers, j.name)
        if blind is None:
            return "wrong", "right", FOLLOWS
        return "blocked", "blocked", told("blind", why=blind)
    if j.undecided == j.wrong and not j.reason and _follows(posed, h, j.name):
        before = [n for n in posed.lesson.sources(j.name)[:-1] if n not in h.contract.arguments]
        reason = said("lesson-open", lines=before)
        return "blocked", "blocked", reason
    return "wrong", "wrong" if j.undecided < j.wrong else None, why(j)


def _is_zero(posed: Posed, h: Heard, name: str) -> bool:
    values = [h.answers[i].lines[name] for i, _ in posed.of(*GRADED) if name in h.answers[i].lines]
    return not any(bool(v.any()) for v in values)


def _follows(posed: Posed, h: Heard, name: str) -> bool:
    """Whether a line before it, which it is computed from, is wrong as well."""
    before = set(posed.lesson.sources(name, h.contract.arguments)) - {name}
    return any(j.wrong and j.name in before for j in h.judged)


# Records -------------------------------------------------------------------------------------------------------------


def absent(posed: Posed, missing: Sequence[str]) -> list[LineRecord]:
    """The lines of functions that have points and are not there."""
    return [
        LineRecord(
            name=n, function=function, state="absent", max_points=worth, reason=_missing(function).text,
            reason_said=said_record(_missing(function)),
            place=posed.lesson.place_of(n), equation=posed.lesson.lines[n].equation,
        )
        for function in missing
        for n, worth in worths(posed, posed.lesson.contract(function)).items() if worth > 0
    ]  # fmt: skip


def _missing(function: str) -> Said:
    return told("function-missing", function=function)


def _record(posed: Posed, h: Heard, m: Marked) -> LineRecord:
    carried, reason = followed(m, h.explanation.findings, h.lost)
    return LineRecord(
        name=m.judged.name, function=h.contract.name, state=m.state, carried_forward=carried, points=m.points,
        max_points=m.worth, wrong_problems=m.judged.wrong, problems=m.judged.asked,
        reason=reason.text if reason is not None else "",
        reason_said=said_record(reason) if reason is not None else None,
        place=posed.lesson.place_of(m.judged.name), equation=posed.lesson.lines[m.judged.name].equation,
        worst=m.judged.worst,
    )  # fmt: skip
