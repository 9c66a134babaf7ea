"""The state of a submission that was judged, from its record: wrong, incomplete, undecided or correct."""

from __future__ import annotations

from collections.abc import Sequence

from verify.grading.record import GradeRecord


def state_of(record: GradeRecord, missing: Sequence[str]) -> str:
    """Of what returned: what costs nothing makes nothing wrong, and nothing is correct without evidence."""
    if missing:
        return "incomplete"
    if record.score is not None and record.score < record.max_score - 1e-6:
        return "incomplete" if _only_absent(record) else "wrong"
    return "undecided" if any(line.state == "undecided" and line.max_points > 0 for line in record.lines) else "correct"


def _only_absent(record: GradeRecord) -> bool:
    """Whether all that is lost is lines that have points and were not handed over: nothing that came is wrong."""
    lost = [line for line in record.lines if line.points < line.max_points - 1e-6]
    return not record.raised and not record.diagnosis and all(line.state == "absent" for line in lost)
