"""The message of a record, from its own fields; keys and values of sentences; what a failed call raised."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from verify.grading.answers import Answer
from verify.grading.record import GradeRecord, SaidRecord
from verify.grading.sentence import Said, count, listed, said
from verify.isolation import Run


def said_records(sentences: Iterable[Said]) -> list[SaidRecord]:
    """Sentences as a record keeps them beside its English texts."""
    return [SaidRecord(key=s.key, values=dict(s.values)) for s in sentences]


def raised(answer: Answer) -> str:
    return answer.failed + (f" ({answer.place})" if answer.place else "")


def message_of(record: GradeRecord, run: Run, missing: Sequence[str]) -> str:
    """The message of a record that was judged; its keys and values are put down beside it."""
    if record.state in ("timeout", "memory"):
        return run.message
    sentences = [*_message(record, missing)]
    record.message_said = said_records(sentences)
    findings = [f.says for f in record.diagnosis] if record.state != "correct" else []
    return " ".join([*(s.text for s in sentences), *findings, *([] if findings else record.known)])


def _message(record: GradeRecord, missing: Sequence[str]) -> Iterator[Said]:
    if record.state == "correct":
        yield said("correct", problems=count(record.problems, "problem"))
        return
    if record.state == "undecided":
        open_ = ", ".join(line.name for line in record.lines if line.state == "undecided")
        yield said("not-decided", problems=count(record.problems, "problem"), lines=open_)
        return
    if missing:
        yield said("missing", functions=", ".join(missing))
    elif record.state == "incomplete":
        lines = [line.name for line in record.lines if line.state == "absent" and line.max_points > 0]
        yield said("lines-missing", lines=listed(lines))
    if record.raised:
        yield said("failed-somewhere", what=record.raised[0])
    if record.first_wrong_line and not record.diagnosis:
        yield said("first-wrong", line=record.first_wrong_line)
