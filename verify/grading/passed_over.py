"""What a student should know of how the program was read and run, although it costs no points."""

from __future__ import annotations

from collections.abc import Iterator

from verify.isolation import Failed, Run
from verify.submissions.submission import Submission

_MOST = 10


def passed_over(submission: Submission, run: Run) -> list[str]:
    """One sentence for each choice of the reader's, and for each part that failed while the rest was graded."""
    said = [*(f"read: {note}" for note in submission.notes), *_failures(submission, run)]
    more = len(said) - _MOST
    return said if more <= 0 else [*said[:_MOST], f"passed-over: {more} more parts failed."]


def _failures(submission: Submission, run: Run) -> Iterator[str]:
    for failed in run.failed:
        place = submission.place(failed.line) if failed.line else "A part"
        yield f"passed-over: {_SENTENCES.get(failed.kind, _raised)(place, failed)}"


def _raised(place: str, failed: Failed) -> str:
    return f"{_capital(place)} raised {failed.message}. The rest was graded; mend these lines or take them out."


def _cut(place: str, failed: Failed) -> str:
    return (
        f"{_capital(place)} took more than half of the time. It was cut off, and only definitions "
        "below it were taken; put it under `if __name__ == '__main__':`, or take it out."
    )


def _absent(place: str, failed: Failed) -> str:
    return (
        f"{_capital(place)} imports {failed.message}, which is neither offered here nor handed in. "
        "The import was passed over; take it out if nothing needs it."
    )


def _exited(place: str, failed: Failed) -> str:
    return f"{_capital(place)} ends the program ({failed.message}). The rest was graded; take that line out."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


_SENTENCES = {"cut": _cut, "absent": _absent, "exited": _exited}
