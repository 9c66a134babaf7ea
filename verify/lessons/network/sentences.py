"""What a record says in words: the message, the findings, advice, and which line is the first wrong one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches

import torch

from verify.grading.answers import Answer, columns_name
from verify.grading.assignment import Assignment
from verify.grading.finding import Finding
from verify.grading.judged import Judged
from verify.grading.message import raised, said_records
from verify.grading.record import FindingRecord, GradeRecord
from verify.grading.sentence import Said, said
from verify.isolation import Run
from verify.lessons.network.cases.fixtures import Case, Fixture
from verify.lessons.network.diagnosis import Diagnosis, finding
from verify.lessons.network.judging.carrying import delta_is_wrong
from verify.lessons.network.judging.functions import Heard, step_findings
from verify.lessons.network.right import is_finite
from verify.lessons.network.words import Words
from verify.problems.lines import STEP, place
from verify.said import joined

# What a program keeps from call to call, or cuts off, shows in its step as well, and is no mistake of the step.
STATEFUL = frozenset(("gradients-accumulated", "cache-stale", "precision-float32", "integer-arrays"))
OF_STEPS = (
    "step-sign", "step-repeated", "step-without-weights", "step-gradients-exchanged", "updated-weights-in-backward"
)  # fmt: skip


def said_free(f: Finding, assignment: Assignment) -> Said:
    """A mistake that costs nothing, as advice: the finding's own sentences one after the other."""
    return said("free-mistake", mistake=f.mistake, says=Words.of(assignment).said(joined(f.sentences)))


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
    if not state and any(j.function == "step" and j.wrong > j.carried + j.undecided for j in judged):
        known = {*OF_STEPS, *(f.mistake for f in diagnosis.findings)}
        of_step = step_findings(drawn, heard["step"])
        found += of_step if all(f.mistake in known for f in of_step) else []
    if any(a.inputs_changed for a in answers):
        found.append(finding("inputs-mutated", drawn.assignment.layers[1]))
    return found


def finding_record(f: Finding, assignment: Assignment) -> FindingRecord:
    """A mistake as the record has it, in the assignment's own words."""
    words = Words.of(assignment)
    columns = assignment.convention == "columns"
    lines = [columns_name(n, assignment.layers[1]) if columns and n[0] in "azyd" else n for n in f.lines]
    return FindingRecord(
        mistake=f.mistake, lines=lines, says=words.text(f.says), wrong=words.text(f.wrong), right=words.text(f.right),
        place=_place(f, columns=columns), only=list(f.only), number=f.number, also=list(f.also),
        said=said_records(map(words.said, f.sentences)),
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


def advice(drawn: Fixture, answers: Sequence[Answer], float32: bool) -> list[Said]:
    """Overflow at large scores, of the softmax only where a softmax overflowed; single precision that passes."""
    sentences = []
    for i, case in drawn.of("large"):
        answer = answers[i]
        if not answer.returned or is_finite(answer):
            continue
        of_softmax = drawn.assignment.output == "softmax" and _softmax_overflowed(case, answer)
        sentences.append(said("softmax-overflow") if of_softmax else _overflow(answer, drawn.assignment))
    return [*sentences, *([said("float32-passes")] if float32 else [])]


def _softmax_overflowed(case: Case, answer: Answer) -> bool:
    """Whether inf / inf stands exactly where exp of the bare scores overflows: elsewhere such a y is 0, and finite.

    A division by a y that has become 0, a Jacobian of one and the like leave NaN in other places too.
    """
    L = case.problem.L
    a = case.truth[f"a{L}"]
    y, db, dW = (answer.lines.get(name) for name in ("y", f"db{L}", f"dW{L}"))
    bad = (
        ~torch.isfinite(y) if y is not None and y.shape == a.shape
        else ~torch.isfinite(db).reshape(1, -1) if db is not None and db.numel() == a.shape[1]
        else ~torch.isfinite(dW).all(0, keepdim=True) if dW is not None and dW.dim() == 2
        else None
    )  # fmt: skip
    if bad is None or not bool(bad.any()):
        return False
    beyond = [torch.isinf(torch.exp(a)), torch.isinf(torch.exp(a.to(torch.float32)))]
    return any(torch.equal(bad, over if len(bad) == len(over) else over.any(0, keepdim=True)) for over in beyond)


def _overflow(answer: Answer, assignment: Assignment) -> Said:
    """Which lines are not finite: the gradients, or what is handed over beside them."""
    bad = [n for n, v in answer.lines.items() if not bool(torch.isfinite(v).all())]
    if any(n.startswith(("dW", "db")) for n in bad):
        return said("overflow")
    depth = max(len([n for n in answer.lines if n.startswith("dW")]), 1)
    return said("overflow-of", lines=[columns_name(n, depth) if assignment.convention == "columns" else n for n in bad])


def raised_on(failed: Sequence[tuple[Case, Answer]]) -> list[Said]:
    """What was raised, with on how many problems and on which of them first; once, whatever numbers are in it."""
    groups: dict[tuple[str, str], list[tuple[Case, Said]]] = {}
    for case, answer in failed:
        what = raised(answer)
        groups.setdefault((answer.place, _NUMBER.sub("0", what.text)), []).append((case, what))
    return [_raised_alike(group) for group in groups.values()][:5]


_NUMBER = re.compile(r"\d+")


def _raised_alike(group: Sequence[tuple[Case, Said]]) -> Said:
    case, what = group[0]
    key = "raised-on" if len({one.text for _, one in group}) == 1 else "raised-on-alike"
    return said(key, what=what, problems=len(group), first=described(case))


def described(case: Case) -> Said:
    """A problem in words: its layers, samples and activation."""
    p = case.problem
    units = " → ".join(map(str, p.layers))
    if p.L == 1:
        return said("network-of-one-layer", units=units, samples=p.N)
    return said("network", layers=p.L, units=units, samples=p.N, activation=p.activation)


# A function that bears one of these names may be what was meant.
_MEANT = ("backward", "backprop", "gradient", "grad", "grads", "compute_gradients", "backward_pass", "back_propagation")


def no_gradients(run: Run, assignment: Assignment) -> list[Said]:
    """What is said where the function gradients is missing: what is there, how it is called, what may be meant."""
    found = sorted(run.functions)
    names = said("names", names=", ".join(found)) if found else said("no-function")
    if assignment.adapter.needs:
        return [said("adapter-needs", name=assignment.adapter.needs, found=names)]
    meant = next((f for name in _MEANT for f in found if f.lower() == name), None)
    close = meant or next(iter(get_close_matches("gradients", found, 1)), None)
    sentences = [said("gradients-missing", found=names, arguments=said(f"arguments-{assignment.convention}"))]
    return [*sentences, *([said("did-you-mean", name=close)] if close else [])]


def no_answer(answers: Sequence[Answer], assignment: Assignment) -> list[Said]:
    """What is said where every problem failed: what the first raised; and where no product fits, how arrays lie."""
    first = raised(answers[0])
    if all(any(word in raised(a).text for word in _MISFIT) for a in answers):
        return [said("products-do-not-fit", lie=said(f"lie-{assignment.convention}"), what=first)]
    return [first]


_MISFIT = ("matmul", "not aligned", "could not be broadcast", "mismatch in its core dimension", "shapes cannot be")
