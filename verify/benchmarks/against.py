"""Another checkout of the project beside this one: the same commands in turn, by the clock and in processor time.

A machine that others use makes both slow alike, so the ratios of pairs are what counts; processor time is of all
processes that a command starts, and moves less.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from verify.benchmarks.grading import right_ones
from verify.benchmarks.tables import Settings, Table, number
from verify.errors import BadInput

_ROOT = Path(__file__).resolve().parents[2]
_JOBS = 2
# Runs a command and waits for whatever it leaves behind too; its standard output, then one line of what it took.
_METER = """
import ctypes, json, os, resource, subprocess, sys, time
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
began = time.perf_counter()
status = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
seconds = time.perf_counter() - began
try:
    while True:
        os.wait()
except ChildProcessError:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([status, seconds, used.ru_utime + used.ru_stime]))
"""


@dataclass(frozen=True)
class Took:
    """What a command took: seconds by the clock, and of processors."""

    seconds: float
    processor: float


@dataclass(frozen=True)
class _Command:
    """A command of both checkouts."""

    name: str
    words: tuple[str, ...]


def check(path: Path) -> None:
    """BadInput where there is no checkout of the project."""
    missing = [name for name in ("scripts/grade.py", "scripts/compare.py", "verify") if not (path / name).exists()]
    if missing:
        raise BadInput(f"--against {path}: is no checkout of backproof (it has no {missing[0]})")


def against_table(settings: Settings, path: Path) -> Table:
    """Ratios of the other checkout's times to this one's, each pair measured in turn."""
    count, rounds = (2, 1) if settings.quick else (100, 5)
    rows, record, first = [], {}, []
    with TemporaryDirectory(prefix="benchmark-") as root:
        for command in _commands(right_ones(count, Path(root)), count):
            cold, *pairs = _pairs(command, path.resolve(), Path(root), rounds + 1, settings)
            rows.append((command.name, *_cells(pairs)))
            record[command.name] = [[vars(took) for took in pair] for pair in (cold, *pairs)]
            first.append(f"{command.name} {number(cold[0].processor, 3)} and {number(cold[1].processor, 3)}")
    columns = ("", "other, s", "here, s", "times, by the clock", "other, processor s", "here", "times, processor")
    notes = [
        f"Medians of {rounds} pairs, and of their ratios with the least and the largest; {_machine()}.",
        "One Python and one set of packages for both; processor seconds are of all processes of a command together.",
        "A first pair is not counted, as it leaves bytecode and answer keys behind.",
        f"It took, in processor seconds there and here: {'; '.join(first)}.",
    ]
    return Table("against", f"Beside {path.name}", columns, rows, notes, record)


def _commands(folder: Path, count: int) -> Iterator[_Command]:
    one = str(sorted(folder.iterdir())[0])
    grade = ("scripts/grade.py", str(folder), "--jobs", str(_JOBS), "--sandbox", "process", "--seed", "0")
    yield _Command(f"a class of {count} right ones, process", grade)
    yield _Command("one right submission", ("scripts/compare.py", one, "--seed", "0"))
    yield _Command("the main job", ("scripts/compare.py",))


def _pairs(
    command: _Command, other: Path, folder: Path, rounds: int, settings: Settings
) -> Iterator[tuple[Took, Took]]:
    for at in range(rounds):
        settings.progress(f"{command.name}: {at + 1} of {rounds}")
        # Who is first takes turns: one may leave the machine warm for the other.
        places = [other, _ROOT] if at % 2 else [_ROOT, other]
        took = {place: _took(command, place, folder) for place in places}
        yield took[other], took[_ROOT]


def _took(command: _Command, place: Path, folder: Path) -> Took:
    with TemporaryDirectory(dir=folder) as new:
        out = ("--out", str(Path(new, "out"))) if "grade" in command.words[0] else ()
        done = subprocess.run(
            [sys.executable, "-c", _METER, sys.executable, *command.words, *out],
            cwd=place, env=_environment(place, folder),
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    with contextlib.suppress(ValueError):
        status, seconds, processor = json.loads(done.stdout)
        if status == 0:
            return Took(seconds, processor)
    raise RuntimeError(f"{command.name} in {place}: {done.stderr.strip()[-300:] or done.stdout}")


def _environment(place: Path, folder: Path) -> dict[str, str]:
    """As where backproof is used again and again: bytecode and answer keys are kept, here in a folder of this run."""
    kept = {"PYTHONPYCACHEPREFIX": str(folder / "bytecode"), "BACKPROOF_CACHE": str(folder / "kept")}
    here = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**here, **kept, "PYTHONPATH": str(place)}


def _cells(pairs: list[tuple[Took, Took]]) -> Iterator[str]:
    for what in ("seconds", "processor"):
        theirs, ours = ([getattr(pair[side], what) for pair in pairs] for side in (0, 1))
        ratios = [a / b for a, b in zip(theirs, ours, strict=True)]
        spread = f" ({number(min(ratios))} to {number(max(ratios))})"
        yield number(statistics.median(theirs), 3)
        yield number(statistics.median(ours), 3)
        yield number(statistics.median(ratios)) + spread


def _machine() -> str:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return f"{platform.machine()}, {cores} processors{load}, Python {platform.python_version()}"
