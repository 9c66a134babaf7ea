"""A graded record with its texts in the language that is spoken: what every report of it starts from.

Sentences are made again from their keys and values; formulas keep their letters; ids, numbers and what the student
wrote stay as they are. A text without a translation stays in English.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from verify.grading.explain_record import AnyExplainRecord
from verify.grading.record import FindingRecord, GradeRecord, LessonRecord, LineRecord, SaidRecord, WorkingLine
from verify.language import FORMULA, by_key, language, listing, noted, phrase, phrases, tr
from verify.lessons.network.words import Words
from verify.problems.headings import in_english
from verify.said import Value, filled, joining

_PLACE = re.compile(r'deck (\d{3}) "([^"]*)"')


def spoken(record: GradeRecord) -> GradeRecord:
    """The record as it is told; the same where that is done already."""
    return msgspec.structs.replace(
        record,
        lines=[_line(record, line) for line in record.lines],
        diagnosis=[_finding(record, f) for f in record.diagnosis],
        known=_all(record, record.known, record.known_said),
        message=_joined(record, record.message, record.message_said),
        advice=_all(record, record.advice, record.advice_said),
        raised=_all(record, record.raised, record.raised_said),
        counterexample=_case(record),
    )


def place(text: str) -> str:
    """Places in the slides with their headings in both languages; in Chinese as they stand there."""

    def named(found: re.Match[str]) -> str:
        deck, heading = found[1], found[2]
        if language() == "zh":
            return f"第 {deck} 讲“{heading}”"
        try:
            return f"{found[0]} ({in_english(deck, heading)})"
        except KeyError:
            return found[0]

    return text if " (" in text and _PLACE.search(text) else _PLACE.sub(named, text)


def formula(text: str) -> str:
    """A formula with its words turned, its letters as they are."""
    for words, others in sorted(phrases(FORMULA).items(), key=lambda pair: -len(pair[0])):
        text = text.replace(words, others)
    return text


def sentence(record: GradeRecord, said: SaidRecord) -> str | None:
    """A sentence of the record in the language that is spoken; None where its English has to do."""
    template = _template(record, said)
    if template is None:
        return None
    values: dict[str, Value] = {}
    for name, value in said.values.items():
        turned = sentence(record, value) if isinstance(value, SaidRecord) else value
        if turned is None:
            return None
        values[name] = turned
    return filled(template, values, listing())


def _template(record: GradeRecord, said: SaidRecord) -> str | None:
    if said.key == "sentences":
        return joining(len(said.values)).replace(" ", "" if language() == "zh" else " ")
    found = by_key("lesson", said.key)
    if found is not None and record.task is not None and not isinstance(record, LessonRecord):
        return formula(Words.of(record.task).text(found))  # what words put in has English of its own
    return by_key("said", said.key)


def _all(record: GradeRecord, texts: Sequence[str], said: Sequence[SaidRecord]) -> list[str]:
    if len(texts) != len(said):
        return list(texts)
    return [sentence(record, one) or text for text, one in zip(texts, said, strict=True)]


def _joined(record: GradeRecord, text: str, said: Sequence[SaidRecord]) -> str:
    """Sentences that make one text: all of them turned, or the text as it is."""
    turned = [sentence(record, one) for one in said]
    if not turned or None in turned:
        return text
    return ("" if language() == "zh" else " ").join(map(str, turned))


def _line(record: GradeRecord, line: LineRecord) -> LineRecord:
    reason = sentence(record, line.reason_said) if line.reason_said is not None else None
    worst = line.worst and msgspec.structs.replace(line.worst, problem=problem(line.worst.problem))
    return msgspec.structs.replace(line, reason=reason or line.reason, worst=worst, place=place(line.place))


# What kind of problem a name says it is.
_PROBLEMS = {
    "small": noted("small problem {n}"),
    "general": noted("ordinary problem {n}"),
    "far": noted("problem {n}, with large pre-activations"),
    "steep": noted("problem {n}, with large gradients"),
    "near": noted("problem {n}, close to where functions bend"),
    "kink": noted("problem {n}, with pre-activations of exactly 0"),
}


def problem(name: str) -> str:
    """A problem's name in words: "far 2" is "problem 2, with large pre-activations"."""
    kind, _, number = name.partition(" ")
    return tr(_PROBLEMS[kind], n=number) if kind in _PROBLEMS and number.isdecimal() else name


def _finding(record: GradeRecord, found: FindingRecord) -> FindingRecord:
    of_lesson = phrase("mistake", found.says)
    return msgspec.structs.replace(
        found,
        says=of_lesson if of_lesson != found.says else _joined(record, found.says, found.said),
        wrong=formula(found.wrong),
        right=formula(found.right),
        place=place(found.place),
    )


def _case(record: GradeRecord):
    case = record.counterexample
    if case is None:
        return None
    more = {} if not isinstance(record, LessonRecord) else {"title": title(case.title)}  # type: ignore[union-attr]
    message = getattr(case, "message_said", None)
    return msgspec.structs.replace(
        case,
        formulas=[formula(text) for text in case.formulas],
        message=(sentence(record, message) if message is not None else None) or case.message,
        working=[_working(line) for line in case.working],
        **more,
    )


def _working(line: WorkingLine) -> WorkingLine:
    return msgspec.structs.replace(line, equation=formula(line.equation), place=place(line.place))


def title(text: str) -> str:
    """A lesson's title, with what follows it."""
    head, colon, rest = text.partition(": ")
    return f"{phrase('title', head)}{colon and tr(': ')}{rest}"


def spoken_working(record: AnyExplainRecord) -> AnyExplainRecord:
    """A worked problem as it is told."""
    return msgspec.structs.replace(
        record,
        formulas=[formula(text) for text in record.formulas],
        working=[_working(line) for line in record.working],
    )
