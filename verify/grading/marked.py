"""A line with its points, whatever the lesson: what it earns, what a mistake takes from it, and what is said of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from verify.grading.finding import Finding
from verify.grading.judged import Judged
from verify.grading.record import LineRecord
from verify.grading.sentence import Said, said

FOLLOWS = said("follows")
State = tuple[str, str | None, Said | None]  # the state, whether it is right carried forward, and why


@dataclass
class Marked:
    """A line with what it can earn, what it earns, and why."""

    judged: Judged
    worth: float
    state: str
    carried: str | None = None
    reason: Said | None = None
    points: float = 0.0

    @property
    def counts(self) -> bool:
        """Whether it earns what it is worth."""
        return self.state in ("right", "undecided") or self.carried == "right"


@dataclass(frozen=True)
class Marks:
    """The lines of a submission with their points, and what the mistakes cost."""

    lines: list[LineRecord]
    prices: Mapping[str, float] = field(default_factory=dict)  # mistake -> what it costs


def not_wrong(j: Judged, lost: float) -> State:
    """right | undecided | absent, of a line that is wrong nowhere; lost: the share of the problems that failed."""
    if not j.everywhere:
        return "absent", None, j.reason or said("not-everywhere")
    if not j.decided:
        return "undecided", None, said("undecided")
    return "right", None, j.reason or (said("failed-on", share=lost) if lost else None)


def why(j: Judged) -> Said:
    """Why a line is wrong."""
    return j.reason or said("wrong-in", wrong=j.wrong, problems=j.asked)


def followed(m: Marked, findings: Sequence[Finding], lost: float) -> tuple[str | None, Said | None]:
    """Whether a line follows from earlier errors, and why: not so where a mistake stands in it."""
    if m.reason != FOLLOWS:
        return m.carried, m.reason
    named = [f.mistake for f in findings if m.judged.name in f.lines]
    if named:
        return "wrong", said("own-equation-once" if m.points > 0 else "own-equation", mistakes=named)
    charged = "-charged" if m.worth * (1 - lost) - m.points > 1e-9 else ""
    of_no_line = bool(findings) and not any(f.lines for f in findings)  # arrays or lists lie another way, say
    return m.carried, said(f"follows-mistake{charged}" if of_no_line else f"follows{charged}")


# Charges -------------------------------------------------------------------------------------------------------------


def charge(price: float, first: Sequence[Marked], marked: Sequence[Marked]) -> None:
    """Takes a price from the points of the lines that hold a mistake, or that it makes wrong, then from others."""
    left = price
    for m in [*first, *(m for m in marked if m.state == "wrong"), *marked]:
        taken = min(left, m.points)
        m.points -= taken
        left -= taken


def held_by(finding: Finding, marked: Sequence[Marked]) -> list[Marked]:
    """The lines whose equation a mistake replaces, then those below it in the working that are wrong."""
    own = [m for m in marked if m.judged.name in finding.lines]
    after = marked[marked.index(own[0]) :] if own else marked
    return [*own, *(m for m in after if m.judged.wrong)]


def made_wrong(m: Marked, marked: Sequence[Marked]) -> list[Marked]:
    """The lines with points that are wrong below a line."""
    return [o for o in marked[marked.index(m) + 1 :] if o.judged.wrong and o.worth > 0]


def unnamed(marked: Sequence[Marked]) -> list[Marked]:
    """Lines without points whose own equation is wrong, and that make lines wrong which keep theirs."""
    return [
        m
        for m in marked
        if m.worth == 0
        and m.state == "wrong"
        and m.carried != "right"
        and any(o.carried == "right" for o in made_wrong(m, marked))
    ]
