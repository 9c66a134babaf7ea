"""Peak memory of the differences in a fresh process, on top of what torch and the problem take."""

from __future__ import annotations

import statistics
import subprocess
import sys
from pathlib import Path

from verify.benchmarks.networks import LARGE, SMALL, name_of
from verify.benchmarks.tables import Settings, Table, at_most, number

_ROOT = Path(__file__).resolve().parents[2]
# Imports and the reading of the images have a peak of their own, which would hide the work's: Linux can start it anew
# (clear_refs, 5). Elsewhere the peak of the process counts, in KiB or, on macOS, in bytes.
_PROGRAM = """
import re, resource, sys
from pathlib import Path
from verify.benchmarks.networks import network
from verify.witnesses.complex_step import complex_step
from verify.witnesses.differences import differences

def resident(name):
    if not Path("/proc/self/clear_refs").exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return 1024 * int(re.search(name + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

problem = network({layers!r}, seed=0)
if Path("/proc/self/clear_refs").exists():
    Path("/proc/self/clear_refs").write_text("5")
before = resident("VmRSS")
{work}
print(before, resident("VmHWM"))
"""
WORKS = {"differences": "differences(problem)", "complex step": "complex_step(problem)"}


def peak(layers: tuple[int, ...], work: str) -> tuple[int, int]:
    """Bytes resident in a fresh process before the work, and the most while it ran."""
    program = _PROGRAM.format(layers=layers, work=work)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=_ROOT)
    before, most = map(int, done.stdout.split())
    return before, most


def memory_table(settings: Settings) -> Table:
    """MiB on top of torch and the problem, the median of fresh processes."""
    layers, repetitions = (SMALL, 1) if settings.quick else (LARGE, 3)
    works = {"differences": WORKS["differences"]} if settings.quick else WORKS
    runs = {name: [peak(layers, work) for _ in range(repetitions)] for name, work in works.items()}
    bare = statistics.median(before for found in runs.values() for before, _ in found)
    more = {name: statistics.median(most - before for before, most in found) for name, found in runs.items()}
    rows = [("torch and the problem", number(bare / 2**20, 4))]
    rows += [(f"{name}, on top", number(v / 2**20, 3)) for name, v in more.items()]
    goal = at_most(f"memory on top of torch, {name_of(layers)}, MiB", 1024, more["differences"] / 2**20)
    record = {"layers": list(layers), "base_bytes": bare, "on_top_bytes": more}
    return Table("memory", f"Peak memory, {name_of(layers)}", ("", "MiB"), rows, [], record, [goal])
