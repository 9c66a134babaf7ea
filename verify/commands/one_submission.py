"""Grading one submission from the command line: what is asked for, checked before anything heavy is imported."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from verify.classroom.grade_job import SANDBOXES, check_known
from verify.classroom.sitting import Sitting, Work, ground, read, record_of
from verify.errors import BadInput
from verify.grading.course import EXPLAINED
from verify.grading.lesson_assignment import AnyAssignment
from verify.grading.record import GradeRecord
from verify.grading.shown import WITHHELD, level, shown_as
from verify.lessons.registry import read_any
from verify.problems.job import DEVICES, MOST_SEED
from verify.submissions import confined
from verify.submissions.reading import Entry
from verify.submissions.submission import safe_name, shown

CORRECT, OTHER, GRADER_FAILED = 0, 1, 3


@dataclass(frozen=True)
class OneJob:
    """One submission, as the command line asks for it. assignment None: deck 000's network; seed None: its own.

    show: how much of the report; None: as much as the assignment lets students see.
    lesson: the file of a lesson, which takes the place of the network.
    """

    path: Path
    assignment: Path | None = None
    sandbox: str = "auto"
    seed: int | None = None
    device: str = "cpu"
    show: str | None = None
    lesson: Path | None = None

    def check(self) -> None:
        """BadInput, with the value and what is allowed, for whatever no run could serve."""
        if self.seed is not None and not 0 <= self.seed <= MOST_SEED:
            raise BadInput(f"--seed {self.seed}: allowed is a whole number from 0 to {MOST_SEED}")
        check_known("--sandbox", self.sandbox, SANDBOXES)
        check_known("--device", self.device, DEVICES)
        check_known("--show", EXPLAINED[0] if self.show is None else self.show, EXPLAINED)
        entry_of(self.path)

    def sitting(self, asked: AnyAssignment | None = None) -> Sitting:
        """What the submission is graded by. Raises BadInput for an assignment that cannot be read."""
        asked = read_any(self.assignment, self.lesson) if asked is None else asked
        return Sitting(asked, asked.practice_seed if self.seed is None else self.seed, self.sandbox, self.device)


def entry_of(path: Path) -> Entry:
    """The one submission at a path. Raises BadInput where there is no file or folder."""
    try:
        found = path.resolve()
        is_there = found.is_file() or found.is_dir()
    except (OSError, ValueError, RuntimeError):
        is_there = False
    if not is_there:
        raise BadInput(
            shown(f"{path}: is no file or folder; a submission is a .py file, a notebook, a folder or an archive")
        )
    return Entry(safe_name(path.name or found.name), found)


def grade_one(job: OneJob, progress: Callable[[str], None] = lambda stage: None) -> GradeRecord:
    """The graded record. Raises BadInput where the assignment, the sandbox or the device will not do."""
    return grade_with(job, read_any(job.assignment, job.lesson), progress)


def grade_with(job: OneJob, asked: AnyAssignment, progress: Callable[[str], None] = lambda stage: None) -> GradeRecord:
    """As `grade_one`, by an assignment that was read already."""
    sitting = job.sitting(asked)
    started = time.perf_counter()
    progress("trying the sandbox")
    confined.start()
    ground(sitting)
    progress("reading and grading")
    entry = entry_of(job.path)
    record = record_of(Work(entry, read(entry, asked), sitting))
    record.timings = {**record.timings, "total": time.perf_counter() - started}
    return shown_as(record, job.show or level(asked))


def exit_code(record: GradeRecord) -> int:
    """0 correct, or withheld; 1 any other state of the submission's own, 3 our failure."""
    return {"correct": CORRECT, WITHHELD: CORRECT, "grader-error": GRADER_FAILED}.get(record.state, OTHER)
