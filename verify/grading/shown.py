"""What students see of a record, before and after the due date, as the assignment says it.

The record itself stays whole: it is the instructor's. Every output for students is made from what `shown_as` gives.
"""

from __future__ import annotations

import msgspec

from verify.grading.lesson_assignment import AnyAssignment
from verify.grading.record import GradeRecord, LineRecord, PartRecord, PartsRecord, encode, said_record
from verify.grading.sentence import said

WITHHELD = "withheld"
# The message explains what is wrong with the numbers, which is a hint; in all other states, why there are none.
_OF_NUMBERS = ("wrong",)


def level(assignment: AnyAssignment) -> str:
    """How much is shown now, one of EXPLAINED."""
    return assignment.show.now(assignment.due)


def shown_as(record: GradeRecord, level: str) -> GradeRecord:
    """The record with what students may see of it.

    nothing: that it was handed in. states: state, score, and the state of each line. hints: also what is wrong in
    words, without numbers of the problems. case: everything.
    """
    if level == "case":
        return record
    if level == "nothing":
        later = said("withheld")
        return type(record)(
            submission=record.submission, state=WITHHELD, max_score=record.max_score, message=later.text,
            message_said=[said_record(later)],
        )  # fmt: skip
    # What a program prints may be the problems that it was given.
    if isinstance(record, PartsRecord):
        record = msgspec.structs.replace(record, parts=[_part_as(part, level) for part in record.parts])
    found = msgspec.structs.replace(
        record, counterexample=None, heat=msgspec.UNSET, output="", lines=[*map(_without_numbers, record.lines)]
    )
    return found if level == "hints" else _states(found)


def _part_as(part: PartRecord, level: str) -> PartRecord:
    return msgspec.structs.replace(part, record=msgspec.Raw(encode(shown_as(part.graded, level))))


def _without_numbers(line: LineRecord) -> LineRecord:
    return msgspec.structs.replace(line, worst=None)


def _states(record: GradeRecord) -> GradeRecord:
    told = record.state not in _OF_NUMBERS
    return msgspec.structs.replace(
        record,
        lines=[*map(_state_alone, record.lines)],
        first_wrong_line=None, diagnosis=[], known=[], known_said=[], advice=[], advice_said=[], raised=[],
        raised_said=[], hidden_mistakes=[],
        message=record.message if told else "", message_said=record.message_said if told else [],
    )  # fmt: skip


def _state_alone(line: LineRecord) -> LineRecord:
    return msgspec.structs.replace(line, reason="", reason_said=None, equation="", carried_forward=None)
