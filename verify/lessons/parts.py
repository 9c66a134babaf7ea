"""Several lessons in one assignment: each part is examined by its own lesson, and their records make one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from verify.grading.lesson_assignment import PartsAssignment
from verify.grading.parts import together
from verify.grading.record import GradeRecord, without_run
from verify.grading.sentence import said
from verify.isolation import Sandbox
from verify.said import Said
from verify.submissions.confined import Several, Unread

if TYPE_CHECKING:
    from verify.lessons.registry import Examination


@dataclass(frozen=True)
class PartsExamination:
    """The examinations of all parts, in the assignment's order."""

    assignment: PartsAssignment
    parts: tuple[Examination, ...]
    seed: int | None

    def grade(self, submission: Several, sandbox: Sandbox, *, device: str = "cpu") -> GradeRecord:
        """Run what was read for each part, and grade it. Raises IsolationError where a sandbox fails."""
        name = next(part.name for part in submission.parts if not isinstance(part, Unread))
        graded = [
            exam.ungradable(name, said("unreadable", what=read.reason))
            if isinstance(read, Unread)
            else exam.grade(read, sandbox, device=device)
            for exam, read in zip(self.parts, submission.parts, strict=True)
        ]
        record = together(name, self.assignment, graded, self.seed)
        record.digests = {"submission": submission.digest, **record.digests}
        return record

    def ungradable(self, name: str, reason: Said) -> GradeRecord:
        """The record of what cannot be read as Python."""
        return without_run(name, "ungradable", reason, self.assignment, self.seed)
