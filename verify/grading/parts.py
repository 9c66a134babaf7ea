"""One record for a submission of several parts: each part's own record whole, and what they come to together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from verify.grading.lesson_assignment import Part, PartsAssignment
from verify.grading.record import (
    GradeRecord,
    LineRecord,
    PartRecord,
    PartsRecord,
    SaidRecord,
    encode,
)

# Of several parts the state that counts is the first of these that one of them has.
_ORDER = (
    "grader-error", "forbidden", "wrong", "error", "timeout", "memory", "crashed", "incomplete", "ungradable",
    "undecided", "correct",
)  # fmt: skip
# What lines and functions of a part are called beside those of the others.
_BETWEEN = "."


def function_of(part: str, function: str) -> str:
    """'svm.gradient': a function of a part, where all parts stand together."""
    return f"{part}{_BETWEEN}{function}"


def together(name: str, a: PartsAssignment, graded: Sequence[GradeRecord], seed: int | None) -> PartsRecord:
    """The record of a submission from those of its parts, in the assignment's order. The caller adds its digest."""
    pairs = [*zip(a.parts, graded, strict=True)]
    record = PartsRecord(
        submission=name, state=_state(graded), seed=seed, score=_score(a, pairs), max_score=a.points.total,
        parts=[_part(a, part, each) for part, each in pairs],
        problems=sum(each.problems for each in graded), lines=[*_lines(a, pairs)],
        first_wrong_line=next((f"{p.name}: {g.first_wrong_line}" for p, g in pairs if g.first_wrong_line), None),
        output="\n".join(f"{p.name}:\n{g.output}" for p, g in pairs if g.output),
        sandbox=next((each.sandbox for each in graded if each.sandbox), ""),
        timings=_timings(graded), digests={"assignment": a.digest()},
    )  # fmt: skip
    for part, each in pairs:
        record.diagnosis += [
            msgspec.structs.replace(f, lines=[f"{part.name}: {line}" for line in f.lines]) for f in each.diagnosis
        ]
        record.hidden_mistakes += [f"{part.name}: {mistake}" for mistake in each.hidden_mistakes]
        for texts, kept in (("known", "known_said"), ("advice", "advice_said"), ("raised", "raised_said")):
            getattr(record, texts).extend(f"{part.name}: {text}" for text in getattr(each, texts))
            getattr(record, kept).extend(_of_part(part, getattr(each, kept)))
        record.message_said += _of_part(part, each.message_said)
    record.message = " ".join(f"{part.name}: {each.message or each.state}" for part, each in pairs)
    return record


def _of_part(part: Part, sentences: Iterable[SaidRecord]) -> list[SaidRecord]:
    return [SaidRecord("of-part", {"part": part.name, "what": one}) for one in sentences]


def _state(graded: Sequence[GradeRecord]) -> str:
    """One state for all: what cannot be read beside what can is a part that is missing."""
    states = {each.state for each in graded}
    if len(states) > 1:
        states = {"incomplete" if state == "ungradable" else state for state in states}
    return next(state for state in _ORDER if state in states)


def _score(a: PartsAssignment, pairs: Sequence[tuple[Part, GradeRecord]]) -> float | None:
    """The shares that the parts earned; no score where the grader failed at one."""
    scores = [(part, each.score) for part, each in pairs]
    if any(score is None for _, score in scores):
        return None
    return round(sum((score or 0.0) * a.worth(part) for part, score in scores), 6)


def _part(a: PartsAssignment, part: Part, graded: GradeRecord) -> PartRecord:
    score = None if graded.score is None else round(graded.score * a.worth(part), 6)
    graded.submission = part.name
    return PartRecord(
        name=part.name, lesson=part.asked.lesson, state=graded.state, score=score,
        max_score=round(part.asked.points.total * a.worth(part), 6), record=msgspec.Raw(encode(graded)),
    )  # fmt: skip


def _lines(a: PartsAssignment, pairs: Sequence[tuple[Part, GradeRecord]]) -> Iterable[LineRecord]:
    for part, each in pairs:
        worth = a.worth(part)
        for line in each.lines:
            yield msgspec.structs.replace(
                line, function=function_of(part.name, line.function), points=round(line.points * worth, 6),
                max_points=round(line.max_points * worth, 6),
            )  # fmt: skip


def _timings(graded: Sequence[GradeRecord]) -> dict[str, float]:
    names = dict.fromkeys(name for each in graded for name in each.timings)
    return {name: sum(each.timings.get(name, 0.0) for each in graded) for name in names}
