"""Time against the number of parameters, and over the bare evaluations that no structure saves."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor

from verify.benchmarks.networks import LARGE, MIDDLE, RANDOM, REAL, SIZES, SMALL, name_of, network
from verify.benchmarks.peers import GRADCHECK, LOOP, OURS, OURS_COMPLEX, PEERS, Peer, gradcheck_entries
from verify.benchmarks.tables import Goal, Settings, Table, at_least, at_most, number
from verify.benchmarks.timing import Timing, extrapolate, interleaved, seconds_of
from verify.problems.problem import Problem
from verify.witnesses.columns import base_of
from verify.witnesses.differences import differences
from verify.witnesses.stencils import POINTS

# A peer that would take longer than this is extrapolated from two shares of its work, of about this much and an eighth.
_PATIENCE = 2.0

Row = dict[str, Timing | str]


def time_table(settings: Settings) -> Table:
    """Every peer on every network: seconds, with ours as the median of repetitions that surround the others'."""
    cases = [(layers, REAL) for layers in (SIZES[:1] if settings.quick else SIZES)]
    cases += [] if settings.quick else [(MIDDLE, RANDOM), (LARGE, RANDOM)]
    found: dict[tuple[tuple[int, ...], str], Row] = {}
    for layers, inputs in cases:
        settings.progress(f"time: {name_of(layers)}, {inputs} inputs")
        found[layers, inputs] = _times(network(layers, inputs=inputs, seed=settings.seed), settings)
    validation = _validation(settings)
    columns = ("", *(f"{name_of(layers)} {inputs}" for layers, inputs in cases))
    rows = [(f"{peer.name} ({peer.covers})", *(_shown(row[peer.name]) for row in found.values())) for peer in PEERS]
    notes = [
        "Seconds for one check, N = 32, tanh, softmax and cross-entropy. ≈ is extrapolated from part of the work.",
        validation[0],
    ]
    record = {"cases": [_recorded(*case, row) for case, row in found.items()], "validation": validation[1]}
    return Table("time", "Time of a gradient check", columns, rows, notes, record, _goals(found))


def _recorded(layers: tuple[int, ...], inputs: str, row: Row) -> dict:
    seconds = {
        name: t if isinstance(t, str) else {"seconds": t.seconds, "entries": t.entries, "extrapolated": t.extrapolated}
        for name, t in row.items()
    }
    return {"layers": list(layers), "inputs": inputs, "parameters": _parameters(layers), "peers": seconds}


def _parameters(layers: tuple[int, ...]) -> int:
    return sum(below * units + units for below, units in pairwise(layers))


def _shown(t: Timing | str) -> str:
    return t if isinstance(t, str) else ("≈ " if t.extrapolated else "") + number(t.seconds)


# One network ---------------------------------------------------------------------------------------------------------


def _times(problem: Problem, settings: Settings) -> Row:
    able = [p for p in PEERS if p.missing is None and problem.parameters <= p.most]
    row: Row = {p.name: p.missing or f"> {p.most:,} parameters" for p in PEERS if p not in able}
    patience = _PATIENCE / 40 if settings.quick else _PATIENCE
    shares = {p.name: _share(p, problem, patience) for p in able if p is not OURS}
    works: dict[str, Callable[[], object]] = {OURS.name: partial(OURS.work, problem, problem.parameters)}
    for name, entries in shares.items():  # our own work stands between all others
        works[f"{OURS.name} beside {name}"] = partial(OURS.work, problem, problem.parameters)
        works |= {f"{name}: {n}": partial(_peer(name).work, problem, n) for n in entries}
    runs = interleaved(works, 1 if settings.quick else 3, warm_up=0 if settings.quick else 1)
    row |= {name: _timing(problem, name, entries, runs) for name, entries in shares.items()}
    ours = [seconds for name, found in runs.items() if name.startswith(OURS.name) for seconds in found]
    row[OURS.name] = Timing(statistics.median(ours), problem.parameters)
    return row


def _timing(problem: Problem, name: str, entries: tuple[int, ...], runs: dict[str, list[float]]) -> Timing:
    seconds = [statistics.median(runs[f"{name}: {n}"]) for n in entries]
    if len(entries) == 1:
        return Timing(seconds[0], problem.parameters)
    total = extrapolate(seconds[0], entries[0], seconds[1], entries[1], problem.parameters)
    return Timing(total, entries[1], extrapolated=True)


def _peer(name: str) -> Peer:
    return next(p for p in PEERS if p.name == name)


def _real(peer: Peer, problem: Problem, entries: int) -> int:
    """The parameters that the peer checks when asked for that many."""
    return gradcheck_entries(problem, entries) if peer is GRADCHECK else min(entries, problem.parameters)


def _share(peer: Peer, problem: Problem, patience: float) -> tuple[int, ...]:
    """How many parameters to check: all, or where that would take long, few and many."""
    if peer.whole:
        return (problem.parameters,)
    probe = _real(peer, problem, 8)
    peer.work(problem, probe)
    each = seconds_of(lambda: peer.work(problem, probe)) / probe
    if each * problem.parameters <= patience:
        return (problem.parameters,)
    # numdifftools takes entries of W(1) alone.
    many = _real(peer, problem, max(16, min(int(patience / each), problem.W[0].numel() - 1)))
    few = _real(peer, problem, max(8, many // 8))
    return (few, many) if few < many else (_real(peer, problem, 1), many)


def _validation(settings: Settings) -> tuple[str, dict]:
    """The slow gradcheck worked in full once, beside what its share foretells."""
    layers = SMALL if settings.quick else MIDDLE
    problem = network(layers, seed=settings.seed)
    few, many = (_real(GRADCHECK, problem, entries) for entries in (1, 20))
    runs = interleaved({str(n): partial(GRADCHECK.work, problem, n) for n in (few, many)}, 3)
    foretold = extrapolate(
        statistics.median(runs[str(few)]), few, statistics.median(runs[str(many)]), many, problem.parameters
    )
    full = seconds_of(lambda: GRADCHECK.work(problem, problem.parameters))
    text = (
        f"Extrapolation against the full work, torch gradcheck on {name_of(layers)}: "
        f"{number(foretold)} s from {many} parameters, {number(full)} s in full."
    )
    return text, {"layers": list(layers), "foretold": foretold, "full": full, "entries": many}


# Goals ---------------------------------------------------------------------------------------------------------------


def _goals(found: dict[tuple[tuple[int, ...], str], Row]) -> list[Goal]:
    goals = [
        _faster(found, MIDDLE, REAL, GRADCHECK, 60),
        _faster(found, LARGE, REAL, LOOP, 40),
        _faster(found, LARGE, REAL, GRADCHECK, 400),
        _faster(found, LARGE, RANDOM, LOOP, 10),
        _faster(found, LARGE, RANDOM, GRADCHECK, 100),
    ]
    sizes = [(_parameters(layers), row[OURS.name]) for (layers, inputs), row in found.items() if inputs == REAL]
    points = [(P, t.seconds) for P, t in sizes if isinstance(t, Timing)]
    return [*(g for g in goals if g), *([_growth(points)] if len(points) > 1 else [])]


def _growth(points: list[tuple[int, float]]) -> Goal:
    slope = _slope(points)
    text = f"time ∝ P^{slope:.2f}, P = {points[0][0]:,} to {points[-1][0]:,}"
    return Goal("growth of the time with the number of parameters", "linear", text, slope <= 1.1)


def _faster(
    found: dict[tuple[tuple[int, ...], str], Row], layers: tuple[int, ...], inputs: str, peer: Peer, goal: int
) -> Goal | None:
    row = found.get((layers, inputs))
    if row is None:
        return None
    ours, theirs = row[OURS.name], row[peer.name]
    assert isinstance(ours, Timing)
    assert isinstance(theirs, Timing)
    what = f"{name_of(layers)}, {inputs} inputs: faster than {peer.name} by"
    return at_least(what, goal, theirs.seconds / ours.seconds)


def _slope(points: list[tuple[int, float]]) -> float:
    """The least-squares slope of log time over log P."""
    x, y = [math.log(P) for P, _ in points], [math.log(s) for _, s in points]
    mx, my = statistics.fmean(x), statistics.fmean(y)
    return sum((a - mx) * (b - my) for a, b in zip(x, y, strict=True)) / sum((a - mx) ** 2 for a in x)


# Bare evaluations ----------------------------------------------------------------------------------------------------


def bare_table(settings: Settings) -> Table:
    """Our time over that of the tanh, exp and multiply-adds of the same points alone, buffers allocated beforehand."""
    networks = [SMALL] if settings.quick else [MIDDLE, LARGE]
    rows, record, goals = [], [], []
    for layers in networks:
        problem = network(layers, seed=settings.seed)
        works = {"differences": partial(differences, problem), "complex": partial(OURS_COMPLEX.work, problem, 0)}
        runs = interleaved({**works, "bare": bare_evaluations(problem)}, 3 if settings.quick else 15)
        ratio = statistics.median(a / b for a, b in zip(runs["differences"], runs["bare"], strict=True))
        ours, bare, complex_ = (statistics.median(runs[name]) for name in ("differences", "bare", "complex"))
        rows.append((name_of(layers), number(ours), number(complex_), number(bare), number(ratio)))
        record.append({"layers": list(layers), "seconds": ours, "complex": complex_, "bare": bare, "ratio": ratio})
        goals.append(at_most(f"{name_of(layers)}: time over the bare evaluations that remain", 3, ratio))
    return Table(
        "bare", "Time over the bare evaluations that remain necessary",
        ("network", "differences, s", "complex step, s", "bare evaluations, s", "ratio"), rows,
        ["Bare: tanh, multiply-adds and exp of the six points of every sample and unit, into buffers held ready."],
        {"networks": record}, goals,
    )  # fmt: skip


def bare_evaluations(problem: Problem) -> Callable[[], None]:
    """The arithmetic of `differences` on a tanh network and nothing else: no indices, no bars, no new memory."""
    base = base_of(problem)
    plans = [_plan(problem, l, base.a[l]) for l in range(1, problem.L + 1)]

    def work() -> None:
        for plan in plans:
            plan()

    return work


def _plan(problem: Problem, l: int, a: Tensor) -> Callable[[], None]:
    """Layer l: its points in blocks of rows that stay in the caches."""
    rows, widths = a.numel() * len(POINTS), [w.shape[1] for w in problem.W[l:]]
    block = max(1, 2**19 // (8 * max([*widths, problem.W[-1].shape[1]])))
    moved = a.reshape(-1, 1).repeat(1, len(POINTS)).reshape(-1, 1)[:block].contiguous()
    scores = torch.zeros(block, problem.W[-1].shape[1], dtype=a.dtype, device=a.device)
    buffers = [torch.zeros(block, width, dtype=a.dtype, device=a.device) for width in widths]
    ends = [torch.zeros_like(v) for v in buffers]
    f = torch.zeros_like(moved)

    def work() -> None:
        for start in range(0, rows, block):
            size = min(block, rows - start)
            _layers(problem, l, size, moved, f, buffers, ends)
            torch.exp(scores[:size], out=scores[:size])

    return work


def _layers(
    problem: Problem, l: int, size: int, moved: Tensor, f: Tensor, buffers: list[Tensor], ends: list[Tensor]
) -> None:
    if l == problem.L:
        return
    torch.tanh(moved[:size], out=f[:size])
    torch.addcmul(problem.b[l], f[:size], problem.W[l][:1], out=buffers[0][:size])
    for k in range(1, len(buffers)):
        torch.tanh(buffers[k - 1][:size], out=ends[k - 1][:size])
        torch.addmm(problem.b[l + k], ends[k - 1][:size], problem.W[l + k], out=buffers[k][:size])
