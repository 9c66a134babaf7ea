"""Grading one submission: the calls of a run, and the record of what came back.

The verdict rests on the budgets alone (`judging/judging.py`). The diagnosis explains it and carries errors
forward; it never decides whether a line is right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from torch import Tensor

from verify.bounds.forms import step_difference
from verify.grading.answers import Answer
from verify.grading.assignment import Assignment
from verify.grading.beside import given
from verify.grading.judged import Judged
from verify.grading.machinery.posing import JUDGED
from verify.grading.message import advise, ended, said_records, tell, tell_result
from verify.grading.record import GradeRecord, without_run
from verify.grading.sentence import Said, said
from verify.grading.state import state_of
from verify.isolation import Call, Calls, Run, Sandbox
from verify.lessons.network import heat, ran, spare_axis
from verify.lessons.network.cases.counterexample import counterexample
from verify.lessons.network.cases.fixtures import Fixture, fixture
from verify.lessons.network.diagnosis import Diagnosis, diagnose
from verify.lessons.network.judging.functions import ETA, Heard, judge_functions
from verify.lessons.network.judging.judging import Judge
from verify.lessons.network.judging.scoring import Scoring, absent, settled
from verify.lessons.network.judging.wide import Wide, judge, wide_case
from verify.lessons.network.mistakes import rank
from verify.lessons.network.sentences import (
    advice,
    finding_record,
    first_wrong,
    no_answer,
    no_gradients,
    other_findings,
    raised_on,
    said_free,
)
from verify.lessons.network.told import told
from verify.lessons.network.words import Words
from verify.problems.lines import gradient_names
from verify.problems.problem import Problem
from verify.submissions.submission import Submission

_FUNCTION_CASES = 16
_PARTIAL = ("ok", "timeout", "memory")


# Calls ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """A call of the run: which function, on which case."""

    function: str
    case: int


def plan(fixture: Fixture) -> list[Asked]:
    """Every call in order: `gradients` on all cases, then the optional functions that are asked for on some."""
    some = [i for i, _ in fixture.of("rung", "general")]
    some = some[:: max(1, len(some) // _FUNCTION_CASES)]
    optional = [Asked(function, i) for function in fixture.assignment.asked for i in some]
    return [*(Asked("gradients", i) for i in range(len(fixture.cases))), *optional]


def calls(fixture: Fixture) -> list[Call]:
    """The plan with its arguments, as the submission's convention has them."""
    large = {i for i, _ in fixture.of("large")}
    return [Call(asked.function, arguments(fixture, asked), asked.case in large) for asked in plan(fixture)]


def arguments(fixture: Fixture, asked: Asked) -> tuple[Any, ...]:
    """The arguments of a call of the plan."""
    columns = fixture.assignment.convention == "columns"
    return arguments_of(fixture.cases[asked.case].problem, asked.function, columns=columns)


def arguments_of(p: Problem, function: str, *, columns: bool) -> tuple[Any, ...]:
    """W, b, x[, t], activation[, lam[, eta]] as arrays in the assignment's convention."""
    turn = (
        (lambda v: np.ascontiguousarray((v if v.dim() == 2 else v.unsqueeze(0)).T.numpy())) if columns else Tensor.numpy
    )
    W, b = [turn(w) for w in p.W], [turn(v) for v in p.b]
    if function == "forward":
        return W, b, turn(p.x), p.activation
    last = (ETA,) if function == "step" else ()
    return W, b, turn(p.x), turn(p.t), p.activation, p.lam, *last


@dataclass(frozen=True)
class Examination:
    """An assignment made ready: its problems with their right answers, and the calls, encoded once."""

    fixture: Fixture
    calls: Calls

    @cached_property
    def judge(self) -> Judge:
        """The right answers, laid out once."""
        return Judge(self.fixture)

    @property
    def assignment(self) -> Assignment:
        return self.fixture.assignment

    def grade(self, submission: Submission, sandbox: Sandbox, *, device: str = "cpu") -> GradeRecord:
        """Run one submission in its sandbox and grade what comes back. Raises IsolationError where that fails."""
        return grade_submission(submission, self, sandbox, device=device)

    def ungradable(self, name: str, reason: Said) -> GradeRecord:
        """The record of what cannot be read as Python."""
        return ungradable(name, reason, self)

    @cached_property
    def wide(self) -> Wide:
        """The problem that tells forward-only programs by their time."""
        a, case = self.assignment, wide_case(self.assignment, self.fixture.seed)
        made = lambda columns: Calls([Call("gradients", arguments_of(case.problem, "gradients", columns=columns))])
        rows = made(False)
        return Wide(case, a, made(True) if a.convention == "columns" else rows, rows)


def examination(assignment: Assignment, seed: int | None = None) -> Examination:
    """The problems of an assignment, drawn from its seed or from another, checked for what they expose."""
    drawn = fixture(assignment, seed)
    return Examination(drawn, Calls(calls(drawn)))


def grade_submission(
    submission: Submission, exam: Examination, sandbox: Sandbox, *, device: str = "cpu"
) -> GradeRecord:
    """Run one submission in its sandbox and grade what comes back. Raises IsolationError where the sandbox fails."""
    a = exam.assignment
    return grade_run(submission, ran.run(given(submission, a), a, exam.calls, sandbox, device), exam, sandbox, device)


def grade_run(submission: Submission, run: Run, exam: Examination, sandbox: Sandbox, device: str) -> GradeRecord:
    """Grade what a submission's run gave. Raises IsolationError where it runs again, and the sandbox fails."""
    a = exam.assignment
    record = grade(submission.name, run, exam)
    if a.forward_only == "wrong" and a.points.gradients > 0 and record.state in ("correct", "undecided"):
        _ask_wide(record, given(submission, a), exam.wide, sandbox, device)
    ran.finish(record, submission, run, a)
    return record


def _ask_wide(record: GradeRecord, submission: Submission, wide: Wide, sandbox: Sandbox, device: str) -> None:
    bound, a = wide.bound(sandbox), wide.assignment
    run = wide.run(submission, bound, sandbox, device)
    answer = ran.answer(run.replies[0], a, wide.case.problem.L)
    judge(record, wide, run, answer, bound)


def ungradable(name: str, reason: Said, exam: Examination) -> GradeRecord:
    """The record of what cannot be read as Python."""
    return without_run(name, "ungradable", reason, exam.assignment, exam.fixture.seed)


# The record ----------------------------------------------------------------------------------------------------------


def grade(name: str, run: Run, exam: Examination) -> GradeRecord:
    """The graded record of what a submission's run gave. The caller adds digests."""
    drawn = exam.fixture
    record = ran.record(name, run, exam.assignment, drawn.seed, len(drawn.of(*JUDGED)), drawn.hidden)
    answers = _answers(drawn, run)
    missing = _missing(exam.assignment, run)
    returned = any(a.returned for a in answers)
    if run.state not in _PARTIAL or not returned:
        record.score = 0.0
        absent = "gradients" in missing
        if run.state == "ok":
            record.state = "incomplete" if absent else "error"
            tell(record, no_gradients(run, exam.assignment) if absent else no_answer(answers, exam.assignment))
        else:
            tell(record, ended(run))
        return record
    _judge(record, exam, run, answers, missing)
    return record


def _answers(drawn: Fixture, run: Run) -> list[Answer]:
    asked = [a for a in plan(drawn) if a.function == "gradients"]
    replies = run.replies[: len(asked)]
    return [
        *(ran.answer(r, drawn.assignment, drawn.cases[a.case].problem.L) for a, r in zip(asked, replies, strict=False)),
        *[Answer(failed=said("not-run"))] * (len(asked) - len(replies)),
    ]


def _heard(drawn: Fixture, run: Run, answers: Sequence[Answer]) -> dict[str, list[Heard]]:
    """The optional functions that the submission defines, with what they gave."""
    heard: dict[str, list[Heard]] = {f: [] for f in drawn.assignment.asked if f in run.functions}
    for asked, reply in zip(plan(drawn), run.replies, strict=False):
        if asked.function in heard:
            heard[asked.function].append(Heard(drawn.cases[asked.case], reply, answers[asked.case]))
    return {f: rows for f, rows in heard.items() if rows}


def _judge(record: GradeRecord, exam: Examination, run: Run, answers: list[Answer], missing: Sequence[str]) -> None:
    drawn, a = exam.fixture, exam.assignment
    came = _without_infinite(drawn, answers)
    answers, spare = spare_axis.without_spare_axis(drawn, came)
    heard = _heard(drawn, run, answers)
    float32, judged = _judged(exam, heard, answers)
    graded = drawn.of(*JUDGED)
    failed = [(case, answers[i]) for i, case in graded if not answers[i].returned]
    judged, diagnosis, forms = _explained(exam, answers, judged, bool(failed), float32)
    wrong = any(j.wrong for j in judged if j.function == "gradients")
    diagnosis, judged = spare_axis.joined(diagnosis, spare, wrong, a.layers[1]), spare_axis.marked_wrong(judged, spare)
    others = [spare_axis.found_in(spare, a.layers[1])] if spare else []
    others += other_findings(drawn, heard, answers, judged, diagnosis)
    found = {f.mistake: f for f in (*others, *diagnosis.findings)}
    marks = Scoring(drawn, answers, diagnosis, list(found.values()), len(failed) / len(graded), spare).marks(judged)
    ran.take(record, [*marks.lines, *absent(a, missing)])
    named = sorted(found.values(), key=lambda f: rank(f.mistake))
    free = [said_free(f, a) for f in named if not marks.prices[f.mistake]]
    failures = raised_on(failed)
    record.raised, record.raised_said = [s.text for s in failures], said_records(failures)
    record.diagnosis = [finding_record(f, a) for f in named if marks.prices[f.mistake] > 0]
    record.detection_limit = exam.judge.detection_limit(answers, float32=float32)
    advise(record, [*advice(drawn, answers, float32), *forms, *free])
    state = state_of(record, missing)
    if state in ("wrong", "incomplete"):
        known = [*diagnosis.fails, *(Words.of(a).said(s) for s in diagnosis.known)]
        record.known, record.known_said = [s.text for s in known], said_records(known)
        record.first_wrong_line = first_wrong(record, drawn, answers)
        wrong = bool(failed) or any(j.wrong for j in judged)
        shown = answers if len(found) > len(spare[:1]) or diagnosis.known else came
        record.counterexample = counterexample(drawn, shown, diagnosis) if wrong else None
        record.heat = heat.first(record, drawn, answers, float32=float32)
    else:
        advise(record, told(drawn, answers, judged))
    record.state = state if run.state == "ok" else run.state
    tell_result(record, run, missing, failures)


def _without_infinite(drawn: Fixture, answers: list[Answer]) -> list[Answer]:
    """Problems on which a gradient is not finite count as failed, where it is finite on others."""
    bad = {
        i: name
        for i, case in drawn.of(*JUDGED)
        for name in gradient_names(case.problem.L)
        if name in answers[i].lines and not np.isfinite(answers[i].arrays[name]).all()
    }
    if len(bad) == sum(answers[i].returned for i, _ in drawn.of(*JUDGED)):
        return answers
    return [
        Answer(failed=said("line-not-finite", line=bad[i]), inputs_changed=answer.inputs_changed)
        if i in bad
        else answer
        for i, answer in enumerate(answers)
    ]


def _explained(
    exam: Examination, answers: Sequence[Answer], judged: list[Judged], failed: bool, float32: bool
) -> tuple[list[Judged], Diagnosis, list[Said]]:
    """The lines, with the mistakes that explain those that are wrong; or taken as right, with the form that does."""
    wrong = [j for j in judged if j.function == "gradients" and j.wrong]
    if not wrong and not failed:
        return judged, Diagnosis(), []
    diagnosis = diagnose(exam.fixture, answers)
    if diagnosis.eta is not None:
        lost, _ = exam.judge.textbook_forms(answers, [j.name for j in wrong], float32=float32)
        return settled(judged, lost), diagnosis, [step_difference(diagnosis.eta)]
    if diagnosis.explains or not wrong:
        return judged, diagnosis, []
    # Where float32 is allowed, a program may lose the digits of a form in float64 all the same.
    asked = [exam.judge.textbook_forms(answers, [j.name for j in wrong], float32=u) for u in {float32, False}]
    lost, forms = max(asked, key=lambda found: len(found[0]))
    judged = settled(judged, lost)
    still = failed or any(j.wrong for j in judged if j.function == "gradients")
    return judged, diagnosis if still else Diagnosis(), forms


def _judged(exam: Examination, heard: dict[str, list[Heard]], answers: Sequence[Answer]) -> tuple[bool, list[Judged]]:
    """Lines and functions judged in float64, or in float32 where the assignment lets that pass and float64 does not."""
    judged: list[Judged] = []
    lenient = exam.assignment.precision == "float32"
    for float32 in (False, True) if lenient else (False,):
        judged = [
            *exam.judge.lines(answers, float32=float32),
            *judge_functions(exam.fixture, heard, float32=float32),
        ]
        if float32 or not any(j.wrong for j in judged):
            return float32, judged
    return False, judged


# Texts ---------------------------------------------------------------------------------------------------------------


def _missing(assignment: Assignment, run: Run) -> list[str]:
    """Required functions that are not there: gradients always, the others where they have points."""
    wanted = ["gradients", *(f for f in ("forward", "loss", "step") if getattr(assignment.points, f) > 0)]
    return [f for f in wanted if f not in run.functions]
