"""Grading a submission of any lesson: the calls of a run, and the record of what came back.

The verdict rests on the budgets alone (judging.py). Explanations name and carry errors forward; they never decide
whether a line is right.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec
import torch

from verify.grading import heat
from verify.grading.answers import Answer
from verify.grading.beside import given
from verify.grading.finding import Finding
from verify.grading.lesson import Contract, Lesson
from verify.grading.lesson_assignment import LessonAssignment
from verify.grading.machinery import telling
from verify.grading.machinery.answering import answers, calls
from verify.grading.machinery.decoding import finite
from verify.grading.machinery.explaining import Explanation, always, explained
from verify.grading.machinery.judging import judged
from verify.grading.machinery.marking import Heard, absent, marks
from verify.grading.machinery.posing import JUDGED, Posed, posed
from verify.grading.machinery.smallest import smallest_case
from verify.grading.message import advise, ended, said_records, tell, tell_result
from verify.grading.passed_over import passed_over
from verify.grading.record import GradeRecord, HeatMap, LessonRecord, LineRecord, without_run
from verify.grading.sentence import said as told
from verify.grading.state import state_of
from verify.isolation import Calls, Limits, Run, Sandbox
from verify.isolation import run as run_isolated
from verify.said import Said
from verify.submissions.submission import Submission

_PARTIAL = ("ok", "timeout", "memory")


@dataclass(frozen=True)
class Examination:
    """A lesson's assignment made ready: its problems with their right lines, and the calls, encoded once."""

    posed: Posed
    calls: Calls

    @property
    def lesson(self) -> Lesson:
        return self.posed.lesson

    @property
    def assignment(self) -> LessonAssignment:
        return self.posed.assignment

    def grade(self, submission: Submission, sandbox: Sandbox, *, device: str = "cpu") -> GradeRecord:
        """Run one submission in its sandbox and grade what comes back. Raises IsolationError where that fails."""
        a = self.assignment
        limits = Limits(time_limit=a.time_limit, cpu_limit=a.cpu_limit, memory_mib=a.memory_mib)
        prepared = given(submission, a)
        ran = run_isolated(prepared, self.calls, limits=limits, backend=a.offer, device=device, sandbox=sandbox)
        record = grade(submission.name, ran, self)
        advise(record, passed_over(submission, ran))
        record.digests = {"submission": submission.digest, "assignment": a.digest()}
        return record

    def ungradable(self, name: str, reason: Said) -> GradeRecord:
        """The record of what cannot be read as Python."""
        return without_run(name, "ungradable", reason, self.assignment, self.posed.seed)


def examination(lesson: Lesson, assignment: LessonAssignment, seed: int | None = None) -> Examination:
    """The problems of an assignment, drawn from its seed or from another."""
    made = posed(lesson, assignment, assignment.practice_seed if seed is None else seed)
    return Examination(made, Calls(calls(made)))


# The record ----------------------------------------------------------------------------------------------------------


def grade(name: str, run: Run, exam: Examination) -> GradeRecord:
    """The graded record of what a submission's run gave. The caller adds digests."""
    made, a = exam.posed, exam.assignment
    record = LessonRecord(
        submission=name, state=run.state, lesson=exam.lesson.name, task=telling.task_of(exam.lesson, a),
        max_score=a.points.total, seed=made.seed, problems=len(made.of(*JUDGED)), hidden_mistakes=list(made.hidden),
        output=run.output, sandbox=run.sandbox, timings={"seconds": run.seconds, "cpu": run.cpu},
    )  # fmt: skip
    came = answers(made, run)
    missing = [f for f in a.asked if f not in run.functions]
    required = [f for f in missing if a.points.functions[f] > 0]
    came = {f: rows for f, rows in came.items() if f not in missing}
    if run.state not in _PARTIAL or not any(answer.returned for rows in came.values() for answer in rows):
        _without_answers(record, exam, run, came, required)
        return record
    _judge(record, exam, run, came, required)
    return record


def _without_answers(
    record: GradeRecord, exam: Examination, run: Run, came: Mapping[str, Sequence[Answer]], missing: Sequence[str]
) -> None:
    record.score = 0.0
    if run.state != "ok":
        tell(record, ended(run))
        return
    record.state = "incomplete" if missing and not came else "error"
    tell(record, telling.nothing_came(exam.posed, run, came, missing))


def _judge(
    record: GradeRecord, exam: Examination, run: Run, came: Mapping[str, list[Answer]], missing: Sequence[str]
) -> None:
    made = exam.posed
    float32, heard = _heard(exam, came)
    others = [always("inputs-mutated")] if any(x.inputs_changed for rows in came.values() for x in rows) else []
    marked = marks(made, heard, others)
    lines = [*marked.lines, *absent(made, missing)]
    record.score = round(sum(line.points for line in lines), 6)
    record.lines = [_rounded(line) for line in lines]
    found = {f.mistake: f for f in (*(f for h in heard for f in h.explanation.findings), *others)}
    named = sorted(found.values(), key=lambda f: _rank(exam.lesson, f))
    record.diagnosis = [telling.finding_record(exam.lesson, f) for f in named if marked.prices[f.mistake] > 0]
    failures = telling.raised_on(made, {h.contract.name: h.answers for h in heard})
    record.raised, record.raised_said = [s.text for s in failures], said_records(failures)
    record.detection_limit = telling.detection_limit(made, heard, float32=float32)
    advise(record, telling.advice(named, marked.prices, float32=float32))
    state = state_of(record, missing)
    if state in ("wrong", "incomplete"):
        record.first_wrong_line = telling.first_wrong(record, exam.lesson)
        known = [s for h in heard for s in (*h.explanation.fails, *h.explanation.known)]
        record.known, record.known_said = [s.text for s in known], said_records(known)
        record.counterexample = _smallest(made, heard)  # type: ignore[assignment]
        record.heat = next(_heats(record, made, heard, float32), msgspec.UNSET)
    else:
        advise(record, telling.of_free_lines(record.lines))
    record.state = state if run.state == "ok" else run.state
    tell_result(record, run, missing, failures)


def _rank(lesson: Lesson, finding: Finding) -> int:
    ids = lesson.ids()
    return ids.index(finding.mistake) if finding.mistake in ids else len(ids)


def _rounded(line: LineRecord) -> LineRecord:
    return msgspec.structs.replace(line, points=round(line.points, 6), max_points=round(line.max_points, 6))


def _heats(record: GradeRecord, made: Posed, heard: Sequence[Heard], float32: bool) -> Iterator[HeatMap]:
    """The first wrong line of each function, entry by entry, where it has entries."""
    for h in heard:
        found = heat.of_lesson(record, made, h.contract.name, h.answers, float32=float32)
        if isinstance(found, HeatMap):
            yield found


def _smallest(made: Posed, heard: Sequence[Heard]):
    """Of the first function that is wrong."""
    cases = (smallest_case(made, h.contract, h.answers, h.explanation) for h in heard)
    return next((case for case in cases if case is not None), None)


# What came of each function ------------------------------------------------------------------------------------------


def _heard(exam: Examination, came: Mapping[str, list[Answer]]) -> tuple[bool, list[Heard]]:
    """Every function's lines, in float64, or in float32 where the assignment lets that pass and float64 does not."""
    contracts = [c for c in exam.lesson.contracts if c.name in came]
    rows = {c.name: _without_infinite(exam.posed, c, came[c.name]) for c in contracts}
    lenient = exam.assignment.precision == "float32"
    for float32 in (False, True) if lenient else (False,):
        found = {c.name: judged(exam.posed, c, rows[c.name], float32=float32) for c in contracts}
        wrong = any(j.wrong for js in found.values() for j in js)
        if not wrong or float32 or not lenient:
            return float32 and not wrong, [_of(exam.posed, c, rows[c.name], found[c.name]) for c in contracts]
    raise AssertionError("the last precision always counts")


def _of(made: Posed, contract: Contract, rows: Sequence[Answer], js) -> Heard:
    graded = made.of(*JUDGED)
    failed = sum(not rows[i].returned for i, _ in graded)
    off = failed or any(j.wrong for j in js if j.name in contract.returns)
    explanation = explained(made, contract, rows) if off else Explanation()
    return Heard(contract, rows, js, explanation, failed / len(graded))


def _without_infinite(made: Posed, contract: Contract, rows: Sequence[Answer]) -> list[Answer]:
    """Problems on which a returned line is not finite count as failed, where it is finite on others."""
    bad = {
        i: next(n for n in contract.returns if n in rows[i].lines and not bool(torch.isfinite(rows[i].lines[n]).all()))
        for i, _ in made.of(*JUDGED)
        if not finite(replace(rows[i], lines={n: v for n, v in rows[i].lines.items() if n in contract.returns}))
    }
    if len(bad) == sum(rows[i].returned for i, _ in made.of(*JUDGED)):
        return list(rows)
    return [
        Answer(failed=told("line-not-finite", line=bad[i]), inputs_changed=answer.inputs_changed)
        if i in bad
        else answer
        for i, answer in enumerate(rows)
    ]
