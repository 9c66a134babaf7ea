"""What an assignment says for the course around it: lateness, and how much of a report students see and when."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import msgspec

# How much of a report is shown, from nothing at all to the worked case.
EXPLAINED = ("nothing", "states", "hints", "case")
_DAY = 24 * 60.0


class Adapter(msgspec.Struct, frozen=True):
    """What gives programs of another form the one that is graded. name: of one that is here, or of a file.

    source: its text. needs: the function or class of the program that it uses.
    """

    name: str = ""
    source: str = ""
    needs: str = ""


class Offered(msgspec.Struct, frozen=True):
    """Files that every program finds beside itself. names: as the assignment has them. contents: path -> bytes."""

    names: tuple[str, ...] = ()
    contents: dict[str, bytes] = {}


class Late(msgspec.Struct, frozen=True):
    """What lateness costs. per_day: share of the score for each day begun; most: all days together; grace: minutes."""

    per_day: float = 0.0
    most: float = 1.0
    grace: float = 0.0

    def lost(self, days: int) -> float:
        """The share of the score that so many days cost."""
        return min(self.most, days * self.per_day)


class Show(msgspec.Struct, frozen=True):
    """How much students see before and after the assignment is due, one of EXPLAINED."""

    before: str = "case"
    after: str = "case"

    def now(self, due: str, at: datetime | None = None) -> str:
        """What is shown at a time; without a due date it is always before."""
        at = at or datetime.now(UTC)
        return self.after if due and at > datetime.fromisoformat(due) else self.before


def days_late(submitted: str, due: str, late: Late, *, marked: bool) -> int:
    """Days begun after the due date and the minutes of grace; one where it is marked late at no known time.

    submitted, due: ISO 8601 with an offset, or "".
    """
    if not submitted or not due:
        return int(marked)
    over = datetime.fromisoformat(submitted) - datetime.fromisoformat(due)
    minutes = over.total_seconds() / 60 - late.grace
    return math.ceil(minutes / _DAY) if minutes > 0 else 0
