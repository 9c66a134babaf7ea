"""A submission's run beside its judging: how it is run, what each call gave, and what its record has whatever came.

It imports no torch: what is right is graded by the answer key alone (`keyed.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from verify.grading.answers import Answer, gradients_answer
from verify.grading.assignment import Assignment
from verify.grading.message import advise
from verify.grading.passed_over import passed_over
from verify.grading.record import GradeRecord, LineRecord, task_of
from verify.grading.sentence import said
from verify.isolation import Calls, Limits, Outcome, Reply, Run, Sandbox
from verify.isolation import run as run_isolated
from verify.submissions.submission import Submission


def run(submission: Submission, a: Assignment, calls: Calls, sandbox: Sandbox, device: str) -> Run:
    """A submission, with what the assignment gives it, in its sandbox. Raises IsolationError where that fails."""
    limits = Limits(time_limit=a.time_limit, cpu_limit=a.cpu_limit, memory_mib=a.memory_mib)
    return run_isolated(submission, calls, limits=limits, backend=a.offer, device=device, sandbox=sandbox)


def answer(reply: Reply, a: Assignment, L: int) -> Answer:
    """What one call of `gradients` gave, of a network of L layers."""
    if reply.outcome is not Outcome.RETURNED:
        told = said("raised", message=reply.message.replace("\\n", " ")) if reply.message else said("not-run")
        return Answer(failed=told, place=reply.place)
    return gradients_answer(
        reply.value, L, columns=a.convention == "columns", inputs_changed=reply.inputs_changed, biases=a.biases
    )


def record(name: str, ran: Run, a: Assignment, seed: int, problems: int, hidden: Sequence[str]) -> GradeRecord:
    """The record of a run, as far as it is the same whatever came."""
    timings = {"seconds": ran.seconds, "cpu": ran.cpu}
    if ran.waited is not None:
        timings["waited"] = ran.waited
    return GradeRecord(
        submission=name, state=ran.state, task=task_of(a), max_score=a.points.total, seed=seed, problems=problems,
        hidden_mistakes=list(hidden), output=ran.output, sandbox=ran.sandbox, timings=timings,
    )  # fmt: skip


def take(record: GradeRecord, lines: Sequence[LineRecord]) -> None:
    """Puts the lines into the record, and the score that their points make."""
    record.score = round(sum(line.points for line in lines), 6)
    record.lines = [
        msgspec.structs.replace(line, points=round(line.points, 6), max_points=round(line.max_points, 6))
        for line in lines
    ]


def finish(record: GradeRecord, submission: Submission, ran: Run, a: Assignment) -> None:
    """What is said last: parts of the program that were passed over, and digests."""
    advise(record, passed_over(submission, ran))
    record.digests = {"submission": submission.digest, "assignment": a.digest()}
