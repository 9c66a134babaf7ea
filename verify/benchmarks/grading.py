"""Grading a class on two cores: submissions a second in each sandbox, beside one pytest process a submission; memory of
the grader over a long class; a run that is killed again and again, and its records."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from verify.benchmarks.tables import Settings, Table, at_least, at_most, none_of, number

_ROOT = Path(__file__).resolve().parents[2]
_RIGHT = Path(__file__).with_name("submission.py")
_MODES = ("process", "namespaces", "bubblewrap")
_CORES = 2
_LONG, _SHORT_OF_LONG = 1000, 100
_KILLS = 20


@contextlib.contextmanager
def _class(count: int, programs: dict[str, str] | None = None) -> Iterator[tuple[Path, Path]]:
    """A folder with that many right submissions, no two the same, and where to grade them into."""
    with TemporaryDirectory(prefix="benchmark-") as root:
        folder = right_ones(count, Path(root))
        for name, source in (programs or {}).items():
            (folder / name).write_text(source)
        yield folder, Path(root, "out")


def right_ones(count: int, root: Path) -> Path:
    """A folder in `root` with that many right submissions, no two the same."""
    folder = root / "class"
    folder.mkdir()
    right = _RIGHT.read_text()
    for at in range(count):
        (folder / f"student{at:04d}.py").write_text(f"{right}\n# handed in by student {at}\n")
    return folder


@contextlib.contextmanager
def _on_two_cores() -> Iterator[None]:
    """What starts here may use two processors only."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    every = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(every)[:_CORES])
    try:
        yield
    finally:
        os.sched_setaffinity(0, every)


def _command(folder: Path, out: Path, mode: str) -> list[str]:
    return [
        sys.executable, "scripts/grade.py", str(folder), "--out", str(out), "--jobs", str(_CORES),
        "--sandbox", mode, "--json", "-",
    ]  # fmt: skip


# Speed ---------------------------------------------------------------------------------------------------------------


def grading_table(settings: Settings) -> Table:
    """Submissions a second, of the whole command and once it is under way; beside one pytest process for each."""
    count, processes = (4, 1) if settings.quick else (200, 6)
    rows, record, goals = [], {}, []
    with _class(count) as (folder, out), _on_two_cores():
        pytest = _pytest_seconds(sorted(folder.iterdir())[:processes]) / processes
        bare = _two_at_a_time([_BARE] * 10 * processes, dict(os.environ, OPENBLAS_NUM_THREADS="1")) / (10 * processes)
        for mode in _MODES:
            settings.progress(f"{count} submissions, {mode} sandbox")
            seconds, steady = _graded_in(folder, out.with_name(mode), mode)
            if seconds is None:
                rows.append((f"scripts/grade.py, {mode}", "does not work here", "", "", ""))
                continue
            record[mode] = {"seconds": seconds, "a_second": count / seconds, "a_second_under_way": steady}
            record[mode]["times_pytest"] = pytest * count / seconds
            cells = (seconds, count / seconds, steady, pytest * count / seconds)
            rows.append((f"scripts/grade.py, {mode}", *(number(v, 3) for v in cells)))
            goals.append(at_least(f"{count} right submissions, {_CORES} cores, {mode}: a second", 20, count / seconds))
            goals.append(at_least(f"the same over one pytest process each, {mode}: times", 30, cells[3]))
    rows.append(("one pytest process each ✻", number(pytest * count, 3), number(1 / pytest, 3), "", "1"))
    rows.append(("a Python that imports numpy, and no more ✻", number(bare * count, 3), number(1 / bare, 3), "", ""))
    record["pytest"] = {"processes": processes, "seconds_each": pytest, "extrapolated": True}
    record["bare"] = {"processes": 10 * processes, "seconds_each": bare, "extrapolated": True}
    columns = (f"{count} right submissions", "seconds", "a second", "under way, a second", "times pytest")
    notes = [
        "Of the whole command, with the start of Python and torch; under way: from the first record to the last.",
        f"✻ extrapolated from {processes} and {10 * processes} processes, {_CORES} at a time.",
        "The last row bounds a sandbox that is made anew for each submission, as bubblewrap's is.",
    ]
    return Table("grading", f"Grading a class on {_CORES} cores", columns, rows, notes, record, goals)


def _graded_in(folder: Path, out: Path, mode: str) -> tuple[float | None, float]:
    """Seconds of the whole command, None where the sandbox does not work; and submissions a second under way."""
    started = time.perf_counter()
    done = subprocess.run(_command(folder, out, mode), cwd=_ROOT, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    if done.returncode == 2:
        return None, 0.0
    count = len([*folder.iterdir()])
    if json.loads(done.stdout)["states"] != {"correct": count}:
        raise RuntimeError(f"not all correct: {done.stdout[:200]}")
    times = sorted(path.stat().st_mtime for path in out.glob("student*.json"))
    return seconds, (count - 1) / max(times[-1] - times[0], 1e-9)


def _pytest_seconds(submissions: list[Path]) -> float:
    """Seconds for one process of pytest --grade each."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    return _two_at_a_time([[*command, f"--grade={submission}"] for submission in submissions])


_BARE = [sys.executable, "-c", "import numpy"]


def _two_at_a_time(commands: list[list[str]], environment: dict[str, str] | None = None) -> float:
    """Seconds for all the commands, as many at a time as there are cores."""

    def done(command: list[str]) -> None:
        subprocess.run(command, cwd=_ROOT, stdout=subprocess.DEVNULL, check=True, env=environment)

    started = time.perf_counter()
    with ThreadPoolExecutor(_CORES) as pool:
        list(pool.map(done, commands))
    return time.perf_counter() - started


# Memory --------------------------------------------------------------------------------------------------------------


def class_memory_table(settings: Settings) -> Table:
    """Resident memory of the grader's own processes, together, as a long class goes on."""
    count, early = (4, 2) if settings.quick else (_LONG, _SHORT_OF_LONG)
    settings.progress(f"{count} submissions, memory")
    seen: dict[int, int] = {}
    with _class(count) as (folder, out):
        command = _command(folder, out, "process")
        with subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.DEVNULL) as run:
            while run.poll() is None:
                done = len([*out.glob("student*.json")])
                # Not at the very end: those that have ended by then need no memory.
                if early <= done < max(early + 1, count - 4 * _CORES):
                    seen[done] = resident(run.pid)
                time.sleep(0.05)
    first, last = min(seen), max(seen)
    growth = (seen[last] - seen[first]) / 2**20
    rows = [(f"after {at}", number(seen[at] / 2**20, 4)) for at in _some(sorted(seen))]
    record = {"submissions": count, "bytes": {str(at): seen[at] for at in sorted(seen)}}
    goal = at_most(f"grader's memory, from {first} to {last} submissions: MiB more", 32, growth)
    notes = ["Of the process that hands out the work and those that read and judge, together; two at a time."]
    return Table("class-memory", "Memory of the grader", ("submissions", "MiB"), rows, notes, record, [goal])


def _some(numbers: list[int]) -> list[int]:
    step = max(1, len(numbers) // 9)
    return [*numbers[:-1:step], numbers[-1]]


def resident(root: int) -> int:
    """Bytes of a process and of those that it started to read and judge; 0 once it has ended."""
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(path.parent.name)] = int(path.read_text().rsplit(")", 1)[1].split()[1])
    family = {root}
    while more := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= more
    return sum(_resident_of(pid) for pid in family if pid == root or _judges(pid))


def _judges(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return b"multiprocessing.forkserver" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def _resident_of(pid: int) -> int:
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")
    return 0


# Killed --------------------------------------------------------------------------------------------------------------

_WRONG = {
    "unfinished.py": "def gradients(W, b\n",
    "raises.py": "def gradients(W, b, x, t, activation, lam):\n    raise ValueError\n",
    "returns.py": "def gradients(W, b, x, t, activation, lam):\n    return W, b\n",
}


def killed_table(settings: Settings) -> Table:
    """A run killed at random moments and gone on with, again and again, beside an undisturbed one."""
    count, kills = (4, 1) if settings.quick else (24, _KILLS)
    generator = random.Random(settings.seed)
    with _class(count, _WRONG) as (folder, out):
        undisturbed = out.with_name("undisturbed")
        _done(_command(folder, undisturbed, "auto"))
        expected, different, moments = contents(undisturbed), 0, []
        for at in range(kills):
            settings.progress(f"killed {at + 1} of {kills}")
            target = out.with_name(f"out{at}")
            _kill(_command(folder, target, "auto"), target, generator)
            moments.append(_records(target))
            _done(_command(folder, target, "auto"))
            different += contents(target) != expected
    rows = [(str(kills), f"{min(moments)} to {max(moments)}", str(different))]
    goals = [none_of("runs killed and gone on with whose records differ", different)]
    record = {"kills": kills, "records_at_kill": moments, "different": different}
    columns = ("killed and gone on with", f"records there, of {count + len(_WRONG)}", "records that differ")
    return Table("killed", "Killed with SIGKILL at random moments", columns, rows, [], record, goals)


def _done(command: list[str]) -> None:
    subprocess.run(command, cwd=_ROOT, stdout=subprocess.DEVNULL, check=True)


def _records(out: Path) -> int:
    return len([*out.glob("*.py.json")])


def _kill(command: list[str], out: Path, generator: random.Random) -> None:
    """Starts the command and kills it a random moment after a random record; half of the moments are short ones."""
    records = generator.randrange(len([*Path(command[2]).iterdir()]))
    after = generator.choice((0.01, 1.0)) * generator.random()
    with subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.DEVNULL) as run:
        while run.poll() is None and _records(out) < records:
            time.sleep(0.002)
        with contextlib.suppress(subprocess.TimeoutExpired):
            run.wait(after)
        run.send_signal(signal.SIGKILL)


def contents(out: Path) -> dict[str, bytes]:
    """Every file of a gradebook but for the timings in it; none may be half written."""
    timings = re.compile(rb'"timings": \{[^{}]*\}')
    return {
        path.relative_to(out).as_posix(): timings.sub(b"", path.read_bytes())
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }
