"""Grading by the answer key: what is right in all that it hands over is graded by it alone, everything else in full.

The key decides nothing that the full judging would decide otherwise: it has the same columns, and gives up wherever
anything but a plainly right number came. What is built for the full judging, and torch with it, waits until then.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from verify.grading.assignment import Assignment
from verify.grading.beside import given
from verify.grading.message import tell_result
from verify.grading.record import GradeRecord, without_run
from verify.grading.sentence import Said
from verify.grading.state import state_of
from verify.isolation import Calls, Run, Sandbox
from verify.lessons.network import ran
from verify.lessons.network.judging.answer_key import Key
from verify.submissions.submission import Submission

if TYPE_CHECKING:
    from verify.lessons.network.grade import Examination


class Keyed:
    """An examination with its key. build: makes the whole of it."""

    def __init__(self, assignment: Assignment, seed: int, key: Key, build: Callable[[], Examination]) -> None:
        self.assignment, self.seed, self.key, self._build = assignment, seed, key, build
        self._calls = Calls.encoded(key.functions, key.calls, key.largest)

    @cached_property
    def whole(self) -> Examination:
        """The problems with their workings."""
        return self._build()

    def grade(self, submission: Submission, sandbox: Sandbox, *, device: str = "cpu") -> GradeRecord:
        """Run one submission in its sandbox and grade what comes back. Raises IsolationError where that fails."""
        a = self.assignment
        run = ran.run(given(submission, a), a, self._calls, sandbox, device)
        record = self._right(submission.name, run)
        if record is None:
            from verify.lessons.network.grade import grade_run

            return grade_run(submission, run, self.whole, sandbox, device)
        ran.finish(record, submission, run, a)
        return record

    def ungradable(self, name: str, reason: Said) -> GradeRecord:
        """The record of what cannot be read as Python."""
        return without_run(name, "ungradable", reason, self.assignment, self.seed)

    def _right(self, name: str, run: Run) -> GradeRecord | None:
        """The record of a run that is right in everything; None of any other."""
        key, a = self.key, self.assignment
        if run.state != "ok" or "gradients" not in run.functions or len(run.replies) != len(key.layers):
            return None
        lines = key.right([ran.answer(r, a, L) for r, L in zip(run.replies, key.layers, strict=True)])
        if lines is None:
            return None
        record = ran.record(name, run, a, self.seed, key.judged, key.hidden)
        ran.take(record, lines)
        record.detection_limit = key.limit
        record.state = state_of(record, [])
        if record.state != "correct":
            return None
        tell_result(record, run, [], [])
        return record
