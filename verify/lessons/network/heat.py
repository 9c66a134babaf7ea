"""The first wrong line of a network entry by entry, on the problem that shows most of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import UnsetType

from verify.grading import heat
from verify.grading.answers import Answer, columns_name
from verify.grading.machinery.posing import GRADED
from verify.grading.record import GradeRecord, HeatMap
from verify.lessons.network.cases.fixtures import Fixture
from verify.problems.lines import local_name, names


def first(record: GradeRecord, fixture: Fixture, answers: Sequence[Answer], *, float32: bool) -> HeatMap | UnsetType:
    """Of `gradients`, in the assignment's own convention."""
    columns, deepest = fixture.assignment.convention == "columns", fixture.assignment.layers[1]
    slides = {columns_name(name, deepest) if columns else name: name for name in names(deepest)}

    def seen(line: str) -> Iterator[heat.Seen]:
        for i, case in fixture.of(*GRADED):
            here = local_name(slides[line], deepest, case.problem.L)
            if here is not None and here in answers[i].lines:
                allowed = case.allowed(here, float32=float32)
                yield heat.Seen(case.problem.label, case.truth[here], allowed, answers[i].lines[here])

    return heat.first(record, "gradients", seen, columns=columns)
