"""The message of a record, from its own fields; keys and values of sentences; what a failed call raised."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from verify.grading.answers import Answer
from verify.grading.record import GradeRecord, SaidRecord, said_record, unexplained
from verify.grading.sentence import Said, said
from verify.isolation import Run


def said_records(sentences: Iterable[Said]) -> list[SaidRecord]:
    """Sentences as a record keeps them beside its English texts."""
    return [said_record(s) for s in sentences]


def tell(record: GradeRecord, sentences: Sequence[Said]) -> None:
    """Puts a message into the record, with its keys and values."""
    record.message, record.message_said = " ".join(s.text for s in sentences), said_records(sentences)


def advise(record: GradeRecord, sentences: Sequence[Said]) -> None:
    """Adds advice to the record, with its keys and values."""
    record.advice += [s.text for s in sentences]
    record.advice_said += said_records(sentences)


def raised(answer: Answer) -> Said:
    """Why a call gave nothing, and where in the program."""
    assert answer.failed is not None
    return said("raised-at", what=answer.failed, place=answer.place) if answer.place else answer.failed


def ended(run: Run) -> list[Said]:
    """Why a program ended before all answers were there."""
    return [run.told or (said("raised", message=run.message) if run.message else said("ended", state=run.state))]


def tell_result(record: GradeRecord, run: Run, missing: Sequence[str], failures: Sequence[Said]) -> None:
    """The message of a record that was judged: its own sentences, then the findings, or what is known of the error."""
    if record.state in ("timeout", "memory"):
        tell(record, ended(run))
        return
    tell(record, [*_message(record, missing, failures)])
    findings = record.diagnosis if record.state != "correct" else []
    texts, more = [f.says for f in findings], [one for f in findings for one in f.said]
    if not findings or unexplained(record):
        texts, more = [*record.known, *texts], [*record.known_said, *more]
    record.message = " ".join(text for text in (record.message, *texts) if text)
    record.message_said += more


def _message(record: GradeRecord, missing: Sequence[str], failures: Sequence[Said]) -> Iterator[Said]:
    if record.state == "correct":
        differs = any(line.state == "wrong" for line in record.lines)
        yield said("correct-but" if differs else "correct", problems=record.problems)
        return
    if record.state == "undecided":
        open_ = ", ".join(line.name for line in record.lines if line.state == "undecided")
        yield said("not-decided", problems=record.problems, lines=open_)
        return
    if missing:
        yield said("missing", functions=", ".join(missing))
    elif record.state == "incomplete":
        lines = [line.name for line in record.lines if line.state == "absent" and line.max_points > 0]
        yield said("lines-missing", lines=lines)
    if failures:
        yield said("failed-somewhere", what=failures[0])
    if (line := unexplained(record)) is not None:
        yield said("first-wrong", line=line)
