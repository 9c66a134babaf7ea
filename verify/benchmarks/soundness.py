"""Whether the error bars and the budgets hold, and how narrow they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import torch

from manual import ACTIVATIONS
from verify.benchmarks.measure import ORDINARY, WIDE, Measurement, measure_budget
from verify.benchmarks.networks import MIDDLE, SMALL, name_of, network
from verify.benchmarks.tables import Settings, Table, at_most, none_of, number
from verify.benchmarks.ways import Tally, measure_ways, programs
from verify.problems.problem import Problem
from verify.witnesses.against import autograd_witness, differences_witness, set_against


def bars_table(settings: Settings) -> Table:
    """Every activation, output and loss: entries whose difference from autograd exceeds bar and budget."""
    target = 20_000 if settings.quick else 1_000_000
    rows: dict[str, list[int]] = {name: [0, 0, 0] for name in ACTIVATIONS}
    entries = 0
    for problem in _problems(SMALL if settings.quick else MIDDLE):
        if entries >= target:
            break
        settings.progress(f"bars: {problem.activation}, {problem.loss}, {entries:,} entries")
        found = [c for c in set_against(autograd_witness(problem), differences_witness(problem)) if c.line[0] == "d"]
        counts = [c for c in found if c.line.startswith(("dW", "db"))]
        row = rows[problem.activation]
        for k, value in enumerate(("entries", "wrong", "inconclusive")):
            row[k] += sum(getattr(c, value) for c in counts)
        entries += sum(c.entries for c in counts)
    wrong, open_ = (sum(row[k] for row in rows.values()) for k in (1, 2))
    median = _median_bar(settings)
    shown = [(name, *(f"{v:,}" for v in row)) for name, row in rows.items()]
    shown.append(("all", f"{entries:,}", str(wrong), f"{open_:,}"))
    goals = [
        none_of(f"error bar violated, {entries:,} entries, all activations", wrong),
        at_most(f"median error bar relative to the entry, {name_of(MIDDLE)}, real batch", 1e-8, median),
    ]
    notes = ["Parameters of real Fashion-MNIST batches, against autograd; three losses, random weights and seeds."]
    record = {"activations": rows, "entries": entries, "violations": wrong, "median_relative_bar": median}
    columns = ("activation", "entries", "bar violated", "inconclusive")
    return Table("bars", "Error bars of the differences", columns, shown, notes, record, goals)


def _problems(layers: tuple[int, ...]) -> Iterator[Problem]:
    """Every activation with every loss, then the same with the next seed, without end."""
    seed = 0
    while True:
        for name in ACTIVATIONS:
            problem = network(layers, activation=name, seed=seed, lam=1e-3)
            yield problem
            yield replace(problem, output="sigmoid", loss="binary-cross-entropy")
            yield replace(problem, output=name, loss="squared-error")
        seed += 1


def _median_bar(settings: Settings) -> float:
    """The median over the parameters of the differences' own bar over the entry, entries of 0 left out."""
    witness = differences_witness(network(MIDDLE, seed=settings.seed))
    bars, values = (
        np.concatenate([held[name].ravel() for name in ("dW1", "db1", "dW2", "db2")])
        for held in (witness.bars, witness.lines)
    )
    return float(np.median(bars[values != 0] / np.abs(values[values != 0])))


def budget_table(settings: Settings) -> Table:
    """Entries beyond their budget: manual against autograd, and every order and textbook form; the smallest flagged."""
    k, n = settings.share
    settings = replace(settings, seed=settings.seed * n + k - 1)  # each share draws problems of its own
    entries = 5_000 if settings.quick else 1_000_000 // n
    shown = lambda done: settings.progress(f"budget: {done:,} entries") if done % 50 < 5 else None
    wide = measure_budget(entries, seed=settings.seed, scales=WIDE, progress=shown)
    ordinary = measure_budget(max(entries // 10, 2_000), seed=settings.seed, scales=ORDINARY, progress=shown)
    rows = [
        (f"autograd, {low:g} to {high:g}", f"{m.entries:,}", str(m.violations), f"{m.undecided:,}", "–", number(limit))
        for (low, high), m in ((WIDE, wide), (ORDINARY, ordinary))
        for limit in (m.median_limit,)
    ]
    tallies = _ways(settings, entries)
    rows += [
        (name, f"{t.entries:,}", str(t.violations), f"{t.undecided:,}", number(max(t.worst.values())), "–")
        for name, t in tallies.items()
    ]
    written = len(programs())
    goals = [
        none_of("budget violated, manual against autograd", wide.violations + ordinary.violations),
        none_of(f"budget violated, {written} orders and textbook forms", sum(t.violations for t in tallies.values())),
        at_most("median detection limit, manual against autograd, scales 1e-3 to 10", 1e-13, ordinary.median_limit),
    ]
    record = {
        "wide": _recorded(wide),
        "ordinary": _recorded(ordinary),
        "ways": {"programs": written, **{name: _tallied(t) for name, t in tallies.items()}},
    }
    columns = ("programs, scale of the weights", "entries", "beyond", "undecided", "largest share", "median limit")
    notes = [
        "Undecided: without a finite budget (autograd), or with one above a thousandth of the line's largest entry.",
        *([] if find_spec("flint") else ["Against balls: not run, for python-flint is not installed."]),
    ]
    return Table("budget", "Budgets", columns, rows, notes, record, goals)


def _ways(settings: Settings, entries: int) -> dict[str, Tally]:
    """Orders and forms in both precisions, at wide scales and at ordinary ones: that many entries in all, then again.

    First against the manual working, within the sum of both budgets; then against balls, within one.
    """
    shown = lambda done: settings.progress(f"orders and forms: {done:,} entries")
    judges = (False, True) if find_spec("flint") else (False,)
    drawn = [(scales, dtype, exact) for exact in judges for scales in (WIDE, ORDINARY) for dtype in _DTYPES]
    return {
        f"orders and forms{' against balls' if exact else ''}, {low:g} to {high:g}, {name}": measure_ways(
            entries // 4, seed=settings.seed, scales=(low, high), dtype=dtype, most=60, exact=exact, progress=shown
        )
        for (low, high), (name, dtype), exact in drawn
    }


_DTYPES = (("float64", torch.float64), ("float32", torch.float32))


def _tallied(t: Tally) -> dict[str, object]:
    kept = ("problems", "entries", "violations", "undecided", "not_finite", "broken")
    return {**{name: getattr(t, name) for name in kept}, "largest_share": max(t.worst.values())}


def _recorded(m: Measurement) -> dict[str, object]:
    kept = ("problems", "entries", "violations", "undecided", "not_finite", "worst_ratio", "median_limit", "broken")
    return {name: getattr(m, name) for name in kept}
