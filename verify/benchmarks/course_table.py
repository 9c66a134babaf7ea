"""A made-up course of 300, in each system's download, graded by the command: rows, grades, and how long it takes.

People hand in one of a few programs, right and wrong ones, each of which is graded by itself first: whoever has another
grade than the program that was handed in last has lost one.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from verify.benchmarks import course
from verify.benchmarks.tables import Settings, Table, none_of, number
from verify.commands.checking import grade

_ROOT = Path(__file__).resolve().parents[2]
_RIGHT = Path(__file__).with_name("submission.py").read_text(encoding="utf-8")
_TOML = 'name = "ps1"\nlayers = [1, 2]\nseed = 0\n'
_OF_GOAL = "people of the class list whose row is missing or doubled, or has another grade"
# What people hand in: one slip each, or what cannot be graded.
_PROGRAMS = (
    _RIGHT,
    _RIGHT.replace("@ delta / len(x)", "@ delta").replace("axis=0) / len(x)", "axis=0)"),
    _RIGHT.replace(" * df(a[l - 1], activation)", ""),
    _RIGHT.replace("+ lam * W[l]", ""),
    _RIGHT.replace("softmax(a[-1]) - t", "t - softmax(a[-1])"),
    _RIGHT.replace("    return dW, db", "    raise ValueError('not yet')"),
    _RIGHT.replace("def gradients(", "def gradient("),
    _RIGHT.replace("def gradients(", "def gradients(("),
)
Result = tuple[str, float | None]


def course_table(settings: Settings) -> Table:
    """Every person's row beside what was handed in; the same again, in another order, for what a second run costs."""
    fakes = course.people(12 if settings.quick else 300, settings.seed)
    expected = _expected()
    rows, wrong, found = [], 0, {}
    for system in list(course.SYSTEMS)[:1] if settings.quick else course.SYSTEMS:
        settings.progress(f"course: {system}")
        bad, seconds, again = _graded(fakes, system, expected)
        wrong += bad
        found[system] = {"wrong": bad, "seconds": seconds, "again": again}
        rows.append((system, str(len(fakes)), str(bad), number(seconds), number(again)))
    return Table(
        name="course",
        title="A made-up course, downloaded, graded with its class list, and graded again",
        columns=("download", "people", "rows that are wrong", "seconds", "seconds of the second run"),
        rows=rows,
        record={"people": len(fakes), "programs": len(_PROGRAMS), "systems": found},
        goals=[none_of(_OF_GOAL, wrong)],
    )


def _expected() -> list[Result]:
    """Each program graded by itself: its state and its score."""
    with TemporaryDirectory(prefix="benchmark-") as folder:
        (Path(folder) / "hw.toml").write_text(_TOML)
        return [_alone(Path(folder), text) for text in _PROGRAMS]


def _alone(folder: Path, text: str) -> Result:
    (folder / "hw3.py").write_text(text, encoding="utf-8")
    record = grade(folder / "hw3.py", folder / "hw.toml")
    return record.state, record.score


def _which(number: str) -> int:
    """Which program a person of that number hands in."""
    return int(number) % len(_PROGRAMS)


def _graded(fakes: list[course.Fake], system: str, expected: list[Result]) -> tuple[int, float, float]:
    """Rows that are wrong, seconds, and seconds of the second run, for which everything stands in another order."""
    with TemporaryDirectory(prefix="benchmark-") as folder:
        root = Path(folder)
        (root / "hw.toml").write_text(_TOML)
        results, times = [], []
        for given in (fakes, fakes[::-1]):
            (root / "roster.csv").write_text(course.roster(given, system), encoding="utf-8")
            path = course.write(given, system, root, texts=lambda number: _PROGRAMS[_which(number)])
            students, seconds = _run(root, path)
            results.append(students)
            times.append(seconds)
        wrong = sum(_is_wrong(fake, students, expected) for students in results for fake in fakes)
        extra = sum(len(students) != len(fakes) for students in results)
        return wrong + extra + (results[0] != results[1]), times[0], times[1]


def _run(root: Path, path: Path) -> tuple[list[dict], float]:
    """The students of a class's record, by number, and the seconds that it took."""
    command = [
        sys.executable, str(_ROOT / "scripts" / "grade.py"), str(path), "--out", str(root / "out"), "--json", "-",
        "--roster", str(root / "roster.csv"), "--assignment", str(root / "hw.toml"),
    ]  # fmt: skip
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=root)
    students = json.loads(done.stdout)["students"]
    return sorted(students, key=lambda student: student["number"]), time.perf_counter() - started


def _is_wrong(fake: course.Fake, students: list[dict], expected: list[Result]) -> bool:
    """Whether a person's row is missing or doubled, is another's, or has another grade."""
    theirs = [(s["name"], s["group"], s["state"], s["score"]) for s in students if s["number"] == fake.number]
    graded = expected[_which(fake.number)] if fake.times else ("missing", None)
    return theirs != [(fake.name, fake.group, *graded)]
