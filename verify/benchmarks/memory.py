"""Peak memory of the differences, on top of a process that imports torch and builds the same problem."""

from __future__ import annotations

import statistics
import subprocess
import sys
from pathlib import Path

from verify.benchmarks.networks import LARGE, SMALL, name_of
from verify.benchmarks.tables import Settings, Table, at_most, number

_ROOT = Path(__file__).resolve().parents[2]
# Linux counts in KiB, macOS in bytes.
_PROGRAM = """
import resource, sys
from verify.benchmarks.networks import network
from verify.complex_step import complex_step
from verify.differences import differences
problem = network({layers!r}, seed=0)
{work}
scale = 1 if sys.platform == "darwin" else 1024
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale)
"""
WORKS = {"differences": "differences(problem)", "complex step": "complex_step(problem)"}


def peak(layers: tuple[int, ...], work: str = "") -> int:
    """The peak resident memory, in bytes, of a fresh process that builds the problem and does the work."""
    program = _PROGRAM.format(layers=layers, work=work)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=_ROOT)
    return int(done.stdout)


def memory_table(settings: Settings) -> Table:
    """MiB on top of torch and the problem, the median of fresh processes."""
    layers, repetitions = (SMALL, 1) if settings.quick else (LARGE, 3)
    bare = statistics.median(peak(layers) for _ in range(repetitions))
    works = {"differences": WORKS["differences"]} if settings.quick else WORKS
    more = {
        name: statistics.median(peak(layers, work) for _ in range(repetitions)) - bare for name, work in works.items()
    }
    rows = [("torch and the problem", number(bare / 2**20, 4))]
    rows += [(f"{name}, on top", number(v / 2**20, 3)) for name, v in more.items()]
    mine = more["differences"]
    goal = at_most(f"memory on top of torch, {name_of(layers)}, MiB", 1024, mine / 2**20)
    record = {"layers": list(layers), "base_bytes": bare, "on_top_bytes": more}
    return Table("memory", f"Peak memory, {name_of(layers)}", ("", "MiB"), rows, [], record, [goal])
