"""A small class to grade, and graders that need no process of their own."""

from __future__ import annotations

import re
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

from verify.classroom.class_record import ClassRecord
from verify.classroom.classroom import Classroom, Graders
from verify.classroom.gradebook import Gradebook
from verify.classroom.roster import Roster
from verify.classroom.sitting import Sitting
from verify.grading.assignment import Assignment
from verify.submissions.confined import find_class, find_submissions

RIGHT = """
import numpy as np

def f(a, activation):
    return {"relu": np.maximum(a, 0), "tanh": np.tanh(a), "sigmoid": 1 / (1 + np.exp(-a))}[activation]

def slope(a, activation):
    z = f(a, activation)
    return {"relu": (a > 0) * 1.0, "tanh": 1 - z**2, "sigmoid": z * (1 - z)}[activation]

def gradients(W, b, x, t, activation, lam):
    z, a = [x], []
    for W_l, b_l in zip(W, b):
        a.append(z[-1] @ W_l + b_l)
        z.append(f(a[-1], activation))
    e = np.exp(a[-1] - a[-1].max(axis=1, keepdims=True))
    delta = e / e.sum(axis=1, keepdims=True) - t
    dW, db = [None] * len(W), [None] * len(W)
    for l in reversed(range(len(W))):
        dW[l] = z[l].T @ delta / len(x) + lam * W[l]
        db[l] = delta.sum(axis=0) / len(x)
        if l:
            delta = delta @ W[l].T * slope(a[l - 1], activation)
    return dW, db
"""
NO_MEAN = RIGHT.replace("delta / len(x)", "delta").replace("delta.sum(axis=0) / len(x)", "delta.sum(axis=0)")
NO_SLOPE = RIGHT.replace(" * slope(a[l - 1], activation)", "")
RAISES = RIGHT.replace("    z, a = [x], []\n", "    raise ValueError('=1+1 <b>|x|')\n")
CLASS = {
    "alice.py": RIGHT,
    "bob.py": NO_MEAN,
    "carol.py": NO_SLOPE,
    "dora.py": "def gradients(W, b\n",
    "emil.py": RAISES,
    "fay.py": NO_MEAN + "\n# another one with the same mistake\n",
}

# A program for tanh alone, as short as it gets.
SHORT = """import numpy as np

def gradients(W, b, x, t, activation, lam):
    z = [x]
    for V, v in zip(W, b):
        a = z[-1] @ V + v
        z.append(np.tanh(a))
    e = np.exp(a - a.max(axis=1, keepdims=True))
    delta, dW, db = e / e.sum(axis=1, keepdims=True) - t, [], []
    for l in reversed(range(len(W))):
        dW.insert(0, z[l].T @ delta / len(x) + lam * W[l])
        db.insert(0, delta.mean(axis=0))
        delta = delta @ W[l].T * (1 - z[l] ** 2)
    return dW, db
"""


def edited(source: str, *changes: tuple[str, str]) -> str:
    """A program with some of its texts written otherwise; each has to stand in it."""
    for old, new in changes:
        assert old in source
        source = source.replace(old, new)
    return source


def write_class(folder: Path, programs: dict[str, str] = CLASS) -> Path:
    """A folder with those submissions."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, source in programs.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(source, encoding="utf-8")
    return folder


def in_this_process() -> Executor:
    """An executor without a process of its own: one thread."""
    return ThreadPoolExecutor(1)


HERE = Graders(in_this_process, 2, readers=in_this_process)


def grade_class(folder: Path, out: Path, *, seed: int = 0, graders: Graders = HERE, **more) -> ClassRecord:
    """Grades a folder in this process, in process mode."""
    sitting = more.pop("sitting", None) or Sitting(Assignment(), seed, "process")
    with Gradebook(out) as gradebook:
        return Classroom(gradebook, sitting, graders, **more).grade(find_submissions([folder]))


def grade_download(
    paths: list[Path], out: Path, roster: Roster | None = None, assignment: Assignment | None = None
) -> ClassRecord:
    """Grades what a course system gives, with the class list, as grade_class does."""
    asked = assignment or Assignment()
    handed = find_class(paths, asked.name)
    with Gradebook(out) as gradebook:
        room = Classroom(gradebook, Sitting(asked, 0, "process"), HERE, roster=roster, passed_over=handed.passed_over)
        return room.grade(handed.entries)


def records(out: Path) -> dict[str, bytes]:
    """Every record and page, the summary and the table, but for the timings in them and where files lay."""
    timings = re.compile(rb'"timings": \{[^{}]*\}|"source": "[^"]*"|<h2>The slowest</h2>\n.*')
    return {
        path.name: timings.sub(b"", path.read_bytes())
        for path in sorted(out.iterdir())
        if path.is_file() and not path.name.startswith(".")
    }
