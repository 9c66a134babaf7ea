"""What a student should know of how the program was read and run, although it costs no points."""

from __future__ import annotations

from collections.abc import Iterator

from verify.grading.sentence import Said, said
from verify.isolation import Run
from verify.submissions.submission import Submission

_MOST = 10
_KEYS = {"cut": "part-cut", "absent": "part-absent", "exited": "part-exited"}


def passed_over(submission: Submission, run: Run) -> list[Said]:
    """One sentence for each choice of the reader's, and for each part that failed while the rest was graded."""
    found = [*(said("read-note", note=note) for note in submission.notes), *_failures(submission, run)]
    more = len(found) - _MOST
    return found if more <= 0 else [*found[:_MOST], said("more-failed", more=more)]


def _failures(submission: Submission, run: Run) -> Iterator[Said]:
    for failed in run.failed:
        place = submission.place(failed.line) if failed.line else "A part"
        key = _KEYS.get(failed.kind, "part-raised")
        yield said(key, place=place[:1].upper() + place[1:], message=failed.message)
