"""Who runs out of time beside others is run once more alone, after all others, and the record says so."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests.classes import grade_class, write_class
from verify.classroom import classroom, sitting
from verify.classroom.sitting import Graded, Sitting, Work
from verify.grading.assignment import Assignment
from verify.grading.record import GradeRecord, without_run
from verify.grading.sentence import said
from verify.isolation import Run

ASSIGNMENT = Assignment(time_limit=10.0)


def record(state: str, cpu: float) -> GradeRecord:
    made = without_run("a.py", state, said("unreadable", what="did not finish within 10 s, on import"), ASSIGNMENT, 0)
    made.timings = {"seconds": 10.0, "cpu": cpu}
    return made


@pytest.mark.parametrize(
    ("state", "cpu", "limit", "starved"),
    [
        ("timeout", 0.1, 0.0, True),  # it slept, or others had the processor
        ("timeout", 8.9, 0.0, True),
        ("timeout", 9.5, 0.0, False),  # it had all the time there was
        ("timeout", 2.0, 2.0, False),
        ("correct", 0.1, 0.0, False),
        ("memory", 0.1, 0.0, False),
    ],
)
def test_who_is_starved(state: str, cpu: float, limit: float, starved: bool) -> None:
    graded = sitting.finished(record(state, cpu), Sitting(msgspec.structs.replace(ASSIGNMENT, cpu_limit=limit), 0))
    assert graded.starved == starved


def test_who_was_ended_by_the_clock_on_the_wide_problem_is_starved() -> None:
    made = record("wrong", 0.1)
    made.timings["wide_starved"] = 1.0
    assert sitting.finished(made, Sitting(ASSIGNMENT, 0)).starved


def test_they_are_run_again_after_all_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[tuple[str, bool]] = []

    def grade(work: Work) -> Graded:
        order.append((work.entry.name, work.alone))
        late = work.entry.name == "b.py"
        made = record("timeout", 0.2) if late and not work.alone else record("correct", 0.2)
        made.submission = work.entry.name
        return sitting.finished(made, work.sitting)

    monkeypatch.setattr(classroom, "grade", grade)
    programs = {f"{letter}.py": "x = 1\n" for letter in "abcd"}
    found = grade_class(write_class(tmp_path / "class", programs), tmp_path / "out")
    assert sorted(name for name, alone in order[:-1] if not alone) == ["a.py", "b.py", "c.py", "d.py"], (
        "side by side, so in any order, each of them once"
    )
    assert order[-1] == ("b.py", True)
    assert {student.submission: student.state for student in found.students}["b.py"] == "correct"


def test_the_record_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a run that ends as it did the first time."""
    from verify.lessons.network import ran

    ended = Run("timeout", (), message="did not finish within 10 s, on import", seconds=10.0, cpu=0.1)
    monkeypatch.setattr(ran, "run_isolated", lambda *_, **__: ended)
    from tests.hostile_runs import HONEST

    work = Work(None, HONEST, Sitting(ASSIGNMENT, 0), alone=True)  # type: ignore[arg-type]
    made = sitting._judged(work)
    assert made.timings["runs"] == 2
    assert made.message == "did not finish within 10 s, on import (twice: beside others, and alone)"
