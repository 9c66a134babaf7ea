"""∂E/∂b with an axis more than b: what `sum(axis=0, keepdims=True)` leaves. The numbers are judged without it.

One mistake, in all layers alike, and it hides no other: it is taken off before anything is judged, and charged once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor

from verify.grading.answers import Answer
from verify.grading.finding import Finding
from verify.grading.judged import Judged
from verify.lessons.network.cases.fixtures import Case, Fixture
from verify.lessons.network.findings import Diagnosis, finding

MISTAKE = "bias-axis-kept"


def without_spare_axis(fixture: Fixture, answers: Sequence[Answer]) -> tuple[list[Answer], tuple[str, ...]]:
    """The answers with each db as b has it, and the lines of the deepest network that had an axis of length 1 more.

    In columns a bias has two axes anyway, and one of either shape is read as one. Where a db of any other shape came,
    as of samples that were not summed, the axis of one sample is none too many.
    """
    columns = fixture.assignment.convention == "columns"
    if columns or not fixture.assignment.biases or _of_another_shape(fixture, answers):
        return list(answers), ()
    deepest = fixture.assignment.layers[1]
    kept: set[int] = set()
    levelled = []
    for case, answer in zip(fixture.cases, answers, strict=True):
        spare = _spare(case, answer)
        kept |= {l - case.problem.L + deepest for l in spare}
        lines = {**answer.lines, **{f"db{l}": value for l, value in spare.items()}}
        levelled.append(replace(answer, lines=lines) if spare else answer)
    return levelled, tuple(f"db{l}" for l in sorted(kept, reverse=True))


def _of_another_shape(fixture: Fixture, answers: Sequence[Answer]) -> bool:
    """Whether a db came that is none even without an axis of length 1."""
    return any(
        value.shape != b.shape and l not in _spare(case, answer)
        for case, answer in zip(fixture.cases, answers, strict=True)
        for l, b in enumerate(case.problem.b, 1)
        if (value := answer.lines.get(f"db{l}")) is not None
    )


def _spare(case: Case, answer: Answer) -> dict[int, Tensor]:
    """Layer -> db without the axis that it has more than b."""
    return {
        l: value.reshape(b.shape)
        for l, b in enumerate(case.problem.b, 1)
        if (value := answer.lines.get(f"db{l}")) is not None
        and value.dim() == 2
        and 1 in value.shape
        and value.numel() == len(b)
    }


def found_in(lines: Sequence[str], depth: int) -> Finding:
    """The mistake, in the lines that have it."""
    return replace(finding(MISTAKE, depth), lines=tuple(lines))


def joined(diagnosis: Diagnosis, lines: Sequence[str], wrong: bool, depth: int) -> Diagnosis:
    """The diagnosis with the mistake; where something else is wrong that nothing explains, it is no explanation."""
    explained = diagnosis.explains or not wrong
    return diagnosis.joined([found_in(lines, depth)]) if lines and explained else diagnosis


def marked_wrong(judged: Sequence[Judged], lines: Sequence[str]) -> list[Judged]:
    """The lines that have the mistake are wrong, and right but for it where their numbers are."""
    has = lambda j: j.name in lines and j.function == "gradients" and not j.wrong
    return [replace(j, wrong=j.asked, carried=j.asked) if has(j) else j for j in judged]
