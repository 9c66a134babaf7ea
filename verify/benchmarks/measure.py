"""Measurements of the budget itself: is it ever broken, and how small an error would it let be seen.

`scripts/benchmark.py` and the tests call this; it judges manual against autograd on random problems by the hundred.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Generator

from manual import ACTIVATIONS
from verify.bounds.comparison import Comparison, Verdict
from verify.problems.choices import LOSSES, PAIRS
from verify.problems.problem import Problem
from verify.problems.samples import CPU, LAMBDAS, Shape, sample, seeded
from verify.problems.written import PENALTIES
from verify.witnesses.against import autograd_witness, detection_limit, manual_witness, set_against, shared_rounding

WIDE = (1e-6, 1e6)
ORDINARY = (1e-3, 10.0)


@dataclass
class Measurement:
    """What comparing two witnesses on many problems has shown."""

    problems: int = 0
    entries: int = 0  # of all lines
    violations: int = 0  # entries beyond their budget
    undecided: int = 0  # entries without a usable budget: none that is finite, or one too wide to be evidence
    not_finite: int = 0  # entries that are infinite or no number
    saturated: int = 0  # entries of y within 1e-12 of 0 or 1, or of ±1 under tanh
    worst_ratio: float = 0.0
    broken: list[str] = field(default_factory=list)  # where, the first few
    limits: list[float] = field(default_factory=list)  # of each problem: the median over its parameters

    @property
    def median_limit(self) -> float:
        """The median over the problems of the smallest relative error that would have been flagged."""
        return statistics.median(self.limits) if self.limits else float("inf")


def measure_budget(
    entries: int,
    *,
    seed: int = 0,
    scales: tuple[float, float] = WIDE,
    dtype: torch.dtype = torch.float64,
    device: torch.device = CPU,
    progress: Callable[[int], None] = lambda entries: None,
) -> Measurement:
    """Set manual against autograd on random problems until that many entries have been judged.

    scales: from and to, drawn evenly by their logarithm for each problem's weights. Lines and parameters all count.
    """
    generator = seeded(seed)
    found = Measurement()
    while found.entries < entries:
        problem = random_problem(generator, scales).to(dtype=dtype, device=device)
        _add(found, problem)
        progress(found.entries)
    return found


def random_problem(generator: Generator, scales: tuple[float, float]) -> Problem:
    """One to four layers of 1 to 12 units, 1 to 8 samples, any activation, loss and λ, weights of a random scale."""
    pick = lambda low, high: int(torch.randint(low, high + 1, (), generator=generator, device=CPU))
    loss = LOSSES[pick(0, len(LOSSES) - 1)]
    outputs = PAIRS[loss]
    output = outputs[pick(0, len(outputs) - 1)]
    shape = Shape("random", tuple(pick(1, 12) for _ in range(pick(2, 5))), pick(1, 8))
    low, high = (torch.log10(torch.tensor(v, dtype=torch.float64, device=CPU)) for v in scales)
    gain = float(10 ** (low + (high - low) * torch.rand((), generator=generator, dtype=torch.float64, device=CPU)))
    activation, lam = ACTIVATIONS[pick(0, len(ACTIVATIONS) - 1)], LAMBDAS[pick(0, 4)]
    penalty = tuple(PENALTIES)[pick(0, 2)]
    asked = f"{activation}, {output} with {loss}, λ = {lam:g} ({penalty})"
    label = f"{asked}, {shape.layers}, N = {shape.batch}, weights × {gain:.1e}"
    return sample(
        generator,
        shape,
        activation=activation,
        output=output,
        loss=loss,
        lam=lam,
        gain=gain,
        label=label,
        penalty=penalty,
    )


def _add(found: Measurement, problem: Problem) -> None:
    first, second = manual_witness(problem), autograd_witness(problem)
    shared = shared_rounding(problem, first, second)
    found.problems += 1
    y = abs(second.lines["y"])
    found.saturated += int(((y < 1e-12) | (abs(1 - y) < 1e-12)).sum()) if problem.output in _BOUNDED else 0
    for c in set_against(first, second, shared):
        found.entries += c.entries
        found.undecided += c.inconclusive
        found.worst_ratio = max(found.worst_ratio, c.ratio)
        if c.verdict is Verdict.NOT_FINITE:
            found.not_finite += c.wrong
        elif c.wrong:
            _break(found, problem, c)
    found.limits.append(detection_limit(first, second, shared))


_BOUNDED = ("softmax", "sigmoid", "tanh")


def _break(found: Measurement, problem: Problem, c: Comparison) -> None:
    found.violations += c.wrong
    if len(found.broken) < 20:
        found.broken.append(f"{problem.label}: {c.line}{list(c.index)} differs by {c.error:.3g}, budget {c.budget:.3g}")
