"""What a record says in words: the message, the findings, advice, and which line is the first wrong one."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from verify.grading.answers import Answer, columns_name
from verify.grading.assignment import Assignment
from verify.grading.fixtures import Fixture
from verify.grading.functions import Heard, step_findings
from verify.grading.judging import Judged, delta_is_wrong
from verify.grading.record import FindingRecord, GradeRecord
from verify.isolation import Run
from verify.lessons.network.diagnosis import Diagnosis, Finding, finding
from verify.lessons.network.mistakes import CATALOGUE
from verify.problems.lines import STEP, place

# What a program keeps from call to call, or cuts off, shows in its step as well, and is no mistake of the step.
STATEFUL = frozenset(("gradients-accumulated", "cache-stale", "precision-float32", "integer-arrays"))
OF_STEPS = ("step-sign", "step-repeated", "updated-weights-in-backward")


def other_findings(
    drawn: Fixture,
    heard: dict[str, list[Heard]],
    answers: Sequence[Answer],
    judged: Sequence[Judged],
    diagnosis: Diagnosis,
) -> list[Finding]:
    """Mistakes of the step, and arguments written to."""
    found = []
    state = {f.mistake for f in diagnosis.findings} & STATEFUL or any(a.inputs_changed for a in answers)
    if not state and any(j.function == "step" and j.wrong > j.carried for j in judged):
        known = {*OF_STEPS, *(f.mistake for f in diagnosis.findings)}
        of_step = step_findings(drawn, heard["step"])
        found += of_step if all(f.mistake in known for f in of_step) else []
    if any(a.inputs_changed for a in answers):
        found.append(finding("inputs-mutated", drawn.assignment.layers[1]))
    return found


def raised(answer: Answer) -> str:
    return answer.failed + (f" ({answer.place})" if answer.place else "")


def finding_record(f: Finding, assignment: Assignment) -> FindingRecord:
    columns = assignment.convention == "columns"
    lines = [columns_name(n, assignment.layers[1]) if columns and n[0] in "azyd" else n for n in f.lines]
    return FindingRecord(
        mistake=f.mistake, lines=lines, says=f.says, wrong=f.wrong, right=f.right, place=_place(f, columns=columns),
        only=list(f.only), number=f.number, also=list(f.also),
    )  # fmt: skip


def _place(f: Finding, *, columns: bool) -> str:
    """Where the slides state the first equation that a mistake replaces; "" for one of none."""
    if not f.lines:
        return ""
    return str(STEP if f.lines[0].startswith("W") else place(f.lines[0], columns=columns))


def first_wrong(record: GradeRecord, drawn: Fixture, answers: Sequence[Answer]) -> str | None:
    """The first line, in the order of the working, whose own equation is wrong."""
    wrong = [line for line in record.lines if line.state not in ("right", "absent")]
    own = [line for line in wrong if line.carried_forward != "right"]
    first = (own or wrong or [None])[0]
    if first is None or first.function != "gradients":
        return None if first is None else f"{first.function}: {first.name}"
    unnamed = not record.diagnosis and first.name.startswith("dW")
    return f"delta{first.name[2:]}" if unnamed and delta_is_wrong(drawn, first.name, answers) else first.name


def advice(drawn: Fixture, answers: Sequence[Answer], float32: bool) -> list[str]:
    """What costs nothing and is worth knowing: overflow at large scores, single precision, unused keys."""
    said = []
    for i, _ in drawn.of("large"):
        answer = answers[i]
        if answer.returned and not all(bool(torch.isfinite(v).all()) for v in answer.lines.values()):
            said.append("softmax-overflow: " + CATALOGUE["softmax-overflow"].says)
    if float32:
        said.append("precision-float32: " + CATALOGUE["precision-float32"].says + " The assignment lets it pass.")
    return said


def message_of(record: GradeRecord, run: Run, missing: Sequence[str]) -> str:
    if record.state == "correct":
        return f"All lines are right on {record.problems} problems."
    if record.state in ("timeout", "memory"):
        return run.message
    text = [f"Missing: {', '.join(missing)}."] if missing else []
    if record.raised:
        text.append(f"The program failed on some problems: {record.raised[0]}.")
    if record.diagnosis:
        text += [f.says for f in record.diagnosis]
    elif record.first_wrong_line:
        text.append(f"{record.first_wrong_line} is the first wrong line; no known mistake explains it.")
        text += record.known
    return " ".join(text)
