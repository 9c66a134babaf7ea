"""A made-up course of 300, in each system's download, graded by the command: rows, grades, and how long it takes."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from verify.benchmarks import course
from verify.benchmarks.tables import Settings, Table, none_of, number

_ROOT = Path(__file__).resolve().parents[2]
_RIGHT = Path(__file__).with_name("submission.py")
_OF_GOAL = "people of the class list whose row is missing or doubled, or has another grade"


def course_table(settings: Settings) -> Table:
    """Every person's row beside what was handed in; the same again, in another order, for what a second run costs."""
    fakes = course.people(12 if settings.quick else 300, settings.seed)
    rows, wrong, found = [], 0, {}
    for system in list(course.SYSTEMS)[:1] if settings.quick else course.SYSTEMS:
        settings.progress(f"course: {system}")
        bad, seconds, again = _graded(fakes, system)
        wrong += bad
        found[system] = {"wrong": bad, "seconds": seconds, "again": again}
        rows.append((system, str(len(fakes)), str(bad), number(seconds), number(again)))
    return Table(
        name="course",
        title="A made-up course, downloaded, graded with its class list, and graded again",
        columns=("download", "people", "rows that are wrong", "seconds", "seconds of the second run"),
        rows=rows,
        record={"people": len(fakes), "systems": found},
        goals=[none_of(_OF_GOAL, wrong)],
    )


def _graded(fakes: list[course.Fake], system: str) -> tuple[int, float, float]:
    with TemporaryDirectory(prefix="benchmark-") as folder:
        root = Path(folder)
        (root / "roster.csv").write_text(course.roster(fakes, system), encoding="utf-8")
        (root / "hw.toml").write_text('name = "ps1"\nlayers = [1, 2]\nseed = 0\n')
        path = course.write(fakes, system, root, text=_RIGHT.read_text(encoding="utf-8"))
        first, seconds = _run(root, path)
        again, second = _run(root, path)
        wrong = sum(_is_wrong(fake, first["students"]) for fake in fakes)
        return wrong + (first["students"] != again["students"]), seconds, second


def _run(root: Path, path: Path) -> tuple[dict, float]:
    command = [
        sys.executable, str(_ROOT / "scripts" / "grade.py"), str(path), "--out", str(root / "out"), "--json", "-",
        "--roster", str(root / "roster.csv"), "--assignment", str(root / "hw.toml"),
    ]  # fmt: skip
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=root)
    return json.loads(done.stdout), time.perf_counter() - started


def _is_wrong(fake: course.Fake, students: list[dict]) -> bool:
    theirs = [(s["state"], s["score"]) for s in students if s["number"] == fake.number]
    return theirs != ([("correct", 10.0)] if fake.times else [("missing", None)])
