"""A class with hostile neighbours beside the same class without."""

from __future__ import annotations

import json
import statistics
import subprocess
import time
from pathlib import Path

from verify.benchmarks.grading import _ROOT, _class, _command, _on_two_cores
from verify.benchmarks.tables import Settings, Table, at_most, none_of, number

_END = "\ndef gradients(W, b, x, t, activation, lam):\n    return W, b\n"
# Each takes its neighbours' time or memory in a way of its own, for as long as it may.
HOSTILE = {
    "hostile-children.py": """
import os, signal
for number in range(1, 65):
    try: signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError): pass
for _ in range(24):
    if os.fork() == 0:
        os.setsid()
        while True: pass
while True: pass
""",
    "hostile-forks.py": """
import os
while True:
    try: os.fork()
    except OSError: pass
""",
    "hostile-memory.py": """
import os, time
kept = []
for _ in range(12):
    if os.fork() == 0:
        os.setsid()
        while True: kept.append(bytearray(b"x") * (16 << 20))
time.sleep(10000)
""",
    "hostile-sleeps.py": "import time\ntime.sleep(10000)\n",
    "hostile-prints.py": "while True: print('x' * 100000)\n",
}
_HONEST = 25


def neighbours_table(settings: Settings) -> Table:
    """A class of honest programs, and the same with hostile ones in it, one after the other and again."""
    count, rounds = (3, 1) if settings.quick else (_HONEST, 3)
    hostile = {name: source + _END for name, source in HOSTILE.items()}
    with _class(count) as (alone, out), _class(count, hostile) as (mixed, _), _on_two_cores():
        pairs = [_pair(settings, alone, mixed, out.with_name(f"out{at}"), at) for at in range(rounds)]
    ratio = statistics.median(p["together"] / p["alone"] for p in pairs)
    wrong = sum(p["honest_not_correct"] for p in pairs)
    rows = [
        (f"{at + 1}", number(p["alone"], 3), number(p["together"], 3), number(p["together"] / p["alone"], 3),
         str(p["honest_not_correct"]), ", ".join(f"{n}: {s}" for n, s in p["states"].items()))
        for at, p in enumerate(pairs)
    ]  # fmt: skip
    goals = [
        at_most(f"{count} honest and {len(HOSTILE)} hostile: times the honest alone", 2.0, ratio),
        none_of("honest programs beside hostile ones that are not correct", wrong),
    ]
    columns = (
        "round",
        f"{count} honest, s",
        f"with {len(HOSTILE)} hostile, s",
        "times",
        "honest not correct",
        "states",
    )
    notes = ["Of the whole command; the default assignment, so that a program may take 10 s, and be run twice."]
    return Table("neighbours", "Hostile neighbours", columns, rows, notes, {"pairs": pairs}, goals)


def _pair(settings: Settings, alone: Path, mixed: Path, out: Path, at: int) -> dict:
    settings.progress(f"round {at + 1}: honest alone")
    first, _ = _timed(alone, out.with_name(f"{out.name}a"))
    settings.progress(f"round {at + 1}: with hostile ones")
    second, students = _timed(mixed, out.with_name(f"{out.name}b"))
    states = {s["submission"]: s["state"] for s in students}
    return {
        "alone": first,
        "together": second,
        "honest_not_correct": sum(state != "correct" for name, state in states.items() if name not in HOSTILE),
        "states": {name.removeprefix("hostile-").removesuffix(".py"): states[name] for name in HOSTILE},
    }


def _timed(folder: Path, out: Path) -> tuple[float, list[dict]]:
    """Seconds of the whole command, and the students of its summary."""
    started = time.perf_counter()
    done = subprocess.run(_command(folder, out, "auto"), cwd=_ROOT, capture_output=True, text=True, check=True)
    return time.perf_counter() - started, json.loads(done.stdout)["students"]
