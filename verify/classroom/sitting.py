"""What the processes that grade a class do: read a submission, grade it, say what there is to grade on.

Nothing heavy is imported before it is needed: the process that hands out the work imports this too.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from verify.classroom.class_record import ClassRecord
from verify.classroom.crew import at_most
from verify.classroom.gradebook import Row
from verify.errors import BadInput
from verify.grading.lesson_assignment import PartsAssignment
from verify.grading.record import GradeRecord, PartsRecord, SaidRecord, encode, without_run
from verify.grading.sentence import said
from verify.grading.shown import level, shown_as
from verify.grading.version import version
from verify.language import speaking
from verify.lessons.registry import decoded, encoded, keeps
from verify.submissions import confined
from verify.submissions.confined import Several, Unread
from verify.submissions.reading import Entry
from verify.submissions.submission import Submission, shown

if TYPE_CHECKING:
    from verify.grading.lesson_assignment import AnyAssignment
    from verify.isolation import Sandbox
    from verify.lessons.registry import Examination

GRADER_ERROR = "grader-error"
# Far beyond what anything takes that goes on: only what stands still takes longer.
_GRADING_SECONDS = 900.0
# A processor that is shared with nobody gives a busy program all of its time but what the clocks differ by.
_MOST_OF_IT = 0.9
_LITTLE_OF_IT = 0.03


@dataclass(frozen=True)
class Sitting:
    """What every submission of a class is graded by.

    sandbox: as `verify.isolation.choose` takes it. version: of the grader, as `version` says it of the one who asks.
    secret: whether the seed stays with the class: records then have none, and the digest of it.
    language: of the pages; records have none.
    html: whether pages for a browser are written.
    """

    assignment: AnyAssignment
    seed: int
    sandbox: str = "auto"
    device: str = "cpu"
    version: str = ""
    secret: bool = False
    language: str = "en"
    html: bool = True

    @property
    def shown_seed(self) -> int | None:
        """The seed as records have it."""
        return None if self.secret else self.seed

    def digests(self) -> dict[str, str]:
        """What every record of the class was graded by, besides the submission itself."""
        of_seed = {"seed": hashlib.sha256(str(self.seed).encode()).hexdigest()} if self.secret else {}
        return {"assignment": self.assignment.digest(), "grader": self.version, **of_seed}


@dataclass(frozen=True)
class Work:
    """One submission to grade: what was read of it, or why nothing was. alone: it ran out of time beside others."""

    entry: Entry
    read: Submission | Several | Unread
    sitting: Sitting
    alone: bool = False


@dataclass(frozen=True)
class Graded:
    """A record as it is written, and its pages. starved: others may have taken the time that it ran out of."""

    record: bytes
    page: bytes
    starved: bool = False
    html: bytes = b""


@dataclass(frozen=True)
class Ground:
    """Where submissions are graded: the sandbox that works there, and the version of the grader.

    notes: what the sandbox shuts out there, and which bounds hold.
    """

    sandbox: str
    version: str
    notes: tuple[str, ...] = ()


def read(entry: Entry, asked: AnyAssignment) -> Submission | Several | Unread:
    """The submission of an entry, read where it can do no harm, as the assignment wants it."""
    if not isinstance(asked, PartsAssignment):
        return confined.read(entry, asked.program, asked.adapter.needs or asked.entry)
    found = tuple(
        confined.read(
            entry, part.wanted, part.asked.adapter.needs or part.asked.entry,
            [other.wanted for other in asked.parts if other.wanted != part.wanted],
        )
        for part in asked.parts
    )  # fmt: skip
    unread = [part for part in found if isinstance(part, Unread)]
    return unread[0] if len(unread) == len(found) else Several(found)


def ground(sitting: Sitting) -> Ground:
    """What there is to grade on. Raises BadInput where the sandbox or the device that was asked for is not there."""
    from verify.isolation import choose
    from verify.isolation.packages import check_offered

    if sitting.device == "cuda":
        _check_cuda()
    check_offered(sitting.assignment.packages)
    chosen = choose(sitting.sandbox)
    if keeps(sitting.assignment, sitting.seed, chosen):
        # Others then find its key. What fails is told of each submission.
        with contextlib.suppress(Exception):
            _examination(encoded(sitting.assignment), sitting.seed, chosen)
    return Ground(chosen.mode, version(sitting.device), chosen.notes)


def _check_cuda() -> None:
    import torch

    if not torch.cuda.is_available():
        raise BadInput("--device cuda: torch finds no CUDA device there; allowed is cpu")


def grade(work: Work) -> Graded:
    """The record and the page of one submission; where they cannot be written, those of our failure to."""
    with at_most(_GRADING_SECONDS):
        record = record_of(work)
        try:
            return finished(record, work.sitting)
        except Exception as error:
            return finished(failed(work.entry.name, _told(error), work.sitting), work.sitting)


def record_of(work: Work) -> GradeRecord:
    """The record of one submission. Whatever fails on our side is a grader-error, and never an exception."""
    try:
        return _judged(work)
    except Exception as error:
        return failed(work.entry.name, _told(error), work.sitting)


def _judged(work: Work) -> GradeRecord:
    from verify.isolation import choose

    sitting = work.sitting
    sandbox = choose(sitting.sandbox)
    examination = _examination(encoded(sitting.assignment), sitting.seed, sandbox)
    if isinstance(work.read, Unread):
        return examination.ungradable(work.entry.name, said("unreadable", what=work.read.reason))
    record = examination.grade(work.read, sandbox, device=sitting.device)
    return _said_of_second_run(record) if work.alone else record


def _said_of_second_run(record: GradeRecord) -> GradeRecord:
    """The record of a submission that had run out of time beside others before it ran alone."""
    record.timings = {**record.timings, "runs": 2}
    if record.state == "timeout":
        record.message += " (twice: beside others, and alone)"
        record.message_said = [SaidRecord("twice", {"what": one}) for one in record.message_said]
    return record


def _starved(record: GradeRecord, asked: AnyAssignment) -> bool:
    """Whether it ran out of time by the clock without having had the processor for most of it, and wanted it."""
    if isinstance(asked, PartsAssignment):
        parts = record.parts if isinstance(record, PartsRecord) else []
        return any(_starved(each.graded, part.asked) for each, part in zip(parts, asked.parts, strict=False))
    if "wide_starved" in record.timings:
        return True
    limit = asked.cpu_limit or asked.time_limit
    # Who slept has waited for nobody, and would sleep again.
    wanted = record.timings.get("waited", limit) > _LITTLE_OF_IT * asked.time_limit
    return record.state == "timeout" and record.timings.get("cpu", 0.0) < _MOST_OF_IT * limit and wanted


@functools.cache
def _examination(assignment: bytes, seed: int, sandbox: Sandbox) -> Examination:
    """Built once a process, and used for every submission that it gets."""
    from verify.lessons.registry import prepared

    return prepared(decoded(assignment), seed, sandbox, _on_one_thread)


def _on_one_thread() -> None:
    """As many submissions at once as there are processes: each is judged on one thread."""
    import torch

    torch.set_num_threads(1)


def _told(error: BaseException) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(last.filename).name}, line {last.lineno}: {type(error).__name__}: {error}"


def failed(name: str, reason: str, sitting: Sitting) -> GradeRecord:
    """The record of our own failure."""
    why = said("grader-failed", what=shown(" ".join(reason.split())))
    return without_run(name, GRADER_ERROR, why, sitting.assignment, sitting.shown_seed)


def finished(record: GradeRecord, sitting: Sitting) -> Graded:
    """The record with what it was graded by, and the page, as they are written."""
    record.digests = {**record.digests, **sitting.digests()}
    record.seed = sitting.shown_seed
    shown = level(sitting.assignment)
    with speaking(sitting.language):
        html = html_page(record, shown) if sitting.html else b""
        return Graded(encode(record), page(record, shown), _starved(record, sitting.assignment), html)


def page(record: GradeRecord, level: str) -> bytes:
    """The page for the student, with as much as is shown."""
    return _page(shown_as(record, level)).encode(errors="backslashreplace")


def html_page(record: GradeRecord, level: str) -> bytes:
    """The same for a browser."""
    from verify.reports import graded_pages

    return graded_pages.as_html(shown_as(record, level)).encode(errors="backslashreplace")


def class_html(record: ClassRecord, rows: Mapping[str, Row]) -> bytes:
    """The page of the class."""
    from verify.reports import class_page

    return class_page.render(record, rows).encode(errors="backslashreplace")


def _page(record: GradeRecord) -> str:
    from verify.reports import graded_pages

    return graded_pages.as_markdown(record)
