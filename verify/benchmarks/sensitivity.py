"""The smallest error that each checker flags, and how often it cries wolf over a right gradient."""

from __future__ import annotations

import statistics
from collections.abc import Callable

import torch

from verify.benchmarks.networks import RANDOM, REAL, SIZES, SMALL, name_of, network
from verify.benchmarks.peers import (
    HINDSIGHT,
    JUDGES,
    OURS,
    OURS_AUTOGRAD,
    OURS_COMPLEX,
    Gradient,
    Judge,
    Peer,
    right_gradient,
)
from verify.benchmarks.tables import Goal, Settings, Table, at_most, none_of, number
from verify.bounds.comparison import Verdict
from verify.problems.problem import Problem
from verify.witnesses.against import differences_witness, manual_witness, set_against

_LEAST, _MOST = -16.0, 6.0  # powers of ten between which the smallest error is sought
_QUANTILES = (0.1, 0.3, 0.5, 0.7, 0.9)


def smallest_table(settings: Settings) -> Table:
    """The smallest relative error that is flagged in one entry alone, the median over five entries, small to large."""
    networks = [SMALL] if settings.quick else [SMALL, SIZES[1]]
    found = {layers: _smallest(network(layers, seed=settings.seed), settings) for layers in networks}
    columns = ("", *(f"{name_of(layers)}" for layers in networks))
    rows = [(peer.name, *(_shown(found[layers][peer.name]) for layers in networks)) for peer in JUDGES]
    notes = [
        "Relative error of one entry, the median over five between the 10th and 90th percentile of size; tanh, N = 32.",
        "The loop and CS231n's have no verdict of their own: each gets the best threshold without a false alarm.",
    ]
    record = {name_of(layers): found[layers] for layers in networks}
    return Table(
        "smallest", "Smallest relative error flagged in one entry", columns, rows, notes, record, _goals(found)
    )


def _shown(value: float | str) -> str:
    return value if isinstance(value, str) else "none" if value == float("inf") else number(value)


def _goals(found: dict[tuple[int, ...], dict[str, float | str]]) -> list[Goal]:
    goals = []
    for peer, goal in ((OURS, 1e-7), (OURS_AUTOGRAD, 1e-12)):
        worst = max(float(row[peer.name]) for row in found.values())
        what = f"smallest relative error flagged, {peer.name}"
        goals.append(at_most(what, goal, worst))
    return goals


def _smallest(problem: Problem, settings: Settings) -> dict[str, float | str]:
    right, row = right_gradient(problem), {}
    for peer in JUDGES:
        settings.progress(f"smallest: {name_of(problem.layers)}, {peer.name}")
        row[peer.name] = peer.missing or _of_peer(peer, problem, right, settings.quick)
    return row


def _of_peer(peer: Peer, problem: Problem, right: Gradient, quick: bool) -> float | str:
    make = HINDSIGHT.get(peer.name, peer.judge)
    assert make is not None
    judge = make(problem)
    if judge(right):
        return "false alarm"
    places, width = (_places(right)[2:3], 1.0) if quick else (_places(right), 0.1)
    return statistics.median(smallest_flagged(judge, right, *place, width) for place in places)


def _places(gradient: Gradient) -> list[tuple[int, int]]:
    """Tensor and position of the entries at the quantiles of size."""
    sizes = torch.cat([v.abs().reshape(-1) for v in gradient])
    order = torch.argsort(sizes)
    order = order[sizes[order] > 0]
    ends = torch.cumsum(torch.tensor([v.numel() for v in gradient]), 0)
    places = []
    for q in _QUANTILES:
        flat = int(order[int(q * (len(order) - 1))])
        k = int(torch.searchsorted(ends, flat, right=True))
        places.append((k, flat - (int(ends[k - 1]) if k else 0)))
    return places


def smallest_flagged(judge: Judge, right: Gradient, k: int, position: int, width: float) -> float:
    """The smallest relative error of that entry that is flagged, to `width` powers of ten; ∞ where none is."""

    def flagged(power: float) -> bool:
        planted = [v.clone() for v in right]
        planted[k].reshape(-1)[position] *= 1 + 10**power
        return judge(planted)

    low, high = _LEAST, _MOST
    if not flagged(high):
        return float("inf")
    while high - low > width:
        middle = (low + high) / 2
        low, high = (low, middle) if flagged(middle) else (middle, high)
    return 10**high


# False alarms --------------------------------------------------------------------------------------------------------


def alarms_table(settings: Settings) -> Table:
    """Right gradients of ReLU networks, N = 128: how many each flags, and what ours leaves inconclusive."""
    seeds, counts = 1 if settings.quick else 50, {}
    for inputs in (REAL, RANDOM):
        settings.progress(f"alarms: {inputs} inputs")
        counts[inputs] = _alarms(inputs, seeds)
    judged = [p for p in JUDGES if p is not OURS_COMPLEX]
    rows = [(p.name, *(_count(counts[inputs][p.name], seeds) for inputs in (REAL, RANDOM))) for p in judged]
    open_ = {inputs: _inconclusive(inputs, seeds) for inputs in (REAL, RANDOM)}
    large = _inconclusive_entries(settings)
    notes = [
        f"{name_of(SMALL)}, ReLU, biases 0, N = 128, {seeds} seeds each. The loop and CS231n's flag above 1e-4.",
        f"Entries that ours leaves inconclusive: {open_[REAL]} with real inputs, {open_[RANDOM]} with random ones.",
        *(f"{text}, ReLU, a real batch of 32: {count} inconclusive entries." for text, count in large.items()),
    ]
    record = {"seeds": seeds, "alarms": counts, "inconclusive": open_, "inconclusive_real_batch": large}
    goal = none_of("inconclusive entries, ReLU, real batch of 32", sum(large.values()))
    columns = ("", "real inputs", "random inputs")
    return Table("alarms", "False alarms on right ReLU networks", columns, rows, notes, record, [goal])


def _count(value: int | str, seeds: int) -> str:
    return value if isinstance(value, str) else f"{value} of {seeds}"


def _relu(inputs: str, seed: int) -> Problem:
    return network(SMALL, activation="relu", batch=128, inputs=inputs, seed=seed, bias=0.0)


def _alarms(inputs: str, seeds: int) -> dict[str, int | str]:
    counts: dict[str, int | str] = {}
    for peer in JUDGES:
        if peer is OURS_COMPLEX:
            continue
        counts[peer.name] = peer.missing or sum(_false_alarm(peer.judge, _relu(inputs, seed)) for seed in range(seeds))
    return counts


def _false_alarm(judge: Callable[[Problem], Judge] | None, problem: Problem) -> bool:
    assert judge is not None
    return judge(problem)(right_gradient(problem))


def _inconclusive(inputs: str, seeds: int) -> int:
    return sum(differences_witness(_relu(inputs, seed)).inconclusive for seed in range(seeds))


def _inconclusive_entries(settings: Settings) -> dict[str, int]:
    """On the networks of the goals; a disagreement would be worse, and stops the benchmark."""
    counts = {}
    for layers in [SMALL] if settings.quick else [SIZES[2], SIZES[4]]:
        problem = network(layers, activation="relu", seed=settings.seed)
        found = set_against(manual_witness(problem), differences_witness(problem))
        wrong = [c.line for c in found if c.verdict is Verdict.DISAGREE]
        if wrong:
            raise AssertionError(f"{problem.label}: manual and differences disagree on {', '.join(wrong)}")
        counts[name_of(layers)] = sum(c.inconclusive for c in found if c.line.startswith(("dW", "db")))
    return counts
