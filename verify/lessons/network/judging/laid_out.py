"""The answer key that an examination makes: its columns, its kinks, and the records of lines that are right."""

from __future__ import annotations

from collections.abc import Sequence

from verify.grading.judged import Judged
from verify.grading.machinery.posing import JUDGED
from verify.grading.record import LineRecord
from verify.isolation import Calls
from verify.lessons.network.cases.fixtures import Fixture
from verify.lessons.network.diagnosis import Diagnosis
from verify.lessons.network.judging.answer_key import Key
from verify.lessons.network.judging.judging import Judge
from verify.lessons.network.judging.scoring import Scoring
from verify.problems.lines import gradient_names


def key_of(drawn: Fixture, judge: Judge, calls: Calls) -> Key:
    """What is right in an examination whose calls are of `gradients` alone, one for each case."""
    every = [n for n in judge.every() if judge.column(n, False).cases]
    frame = calls.frame()
    return Key(
        shapes=[{n: tuple(v.shape) for n, v in case.truth.items()} for case in drawn.cases],
        layers=[case.problem.L for case in drawn.cases],
        open=[i for i, case in enumerate(drawn.cases) if case.role not in JUDGED],
        judged=len(drawn.of(*JUDGED)),
        hidden=list(drawn.hidden),
        columns={n: judge.column(n, False).kept for n in every},
        kinks={i: judge.kink(i, case, False).subgradients for i, case in drawn.of("kink")},
        records=_records(drawn, judge, every),
        limit=judge.limit([n for n in gradient_names(judge.deepest) if n in every], float32=False),
        functions=[call.function for call in calls],
        calls=frame,
        largest=calls.largest,
    )


def _records(drawn: Fixture, judge: Judge, every: Sequence[str]) -> dict[str, LineRecord]:
    """Line -> its record where it is right, but for its worst entry."""
    columns = {n: judge.column(n, False) for n in every}
    right = [Judged(n, len(column.cases), decided=column.decided) for n, column in columns.items()]
    marks = Scoring(drawn, [], Diagnosis(), [], 0.0).marks(right)
    return dict(zip(every, marks.lines, strict=True))
