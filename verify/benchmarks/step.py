"""One training step by hand and by torch's autograd: the same loss, the same L2 term, the same descent."""

from __future__ import annotations

import statistics
from collections.abc import Callable

import torch

from manual import step
from verify.benchmarks.networks import LARGE, SMALL, name_of, network, parameters_of
from verify.benchmarks.tables import Settings, Table, at_most, number
from verify.benchmarks.timing import interleaved, median_ratio
from verify.problems.problem import Problem

_ETA, _LAM = 0.1, 1e-4


def step_table(settings: Settings) -> Table:
    """Median seconds of both, and the median of their ratio over interleaved repetitions."""
    layers, repetitions = (SMALL, 5) if settings.quick else (LARGE, 60)
    rows, record, goals = [], [], []
    for activation in ("relu", "tanh"):
        for dtype in (torch.float64, torch.float32):
            problem = network(layers, activation=activation, batch=256, seed=settings.seed, lam=_LAM).to(dtype=dtype)
            works = {"manual": manual_step(problem), "autograd": autograd_step(problem)}
            runs = interleaved(works, repetitions, warm_up=3)
            ratio = median_ratio(runs["manual"], runs["autograd"])
            name = f"{activation}, {str(dtype).removeprefix('torch.')}"
            milliseconds = [1e3 * statistics.median(runs[key]) for key in works]
            rows.append((name, *(number(v) for v in milliseconds), number(ratio, 3)))
            record.append({"activation": activation, "dtype": name, "milliseconds": milliseconds, "ratio": ratio})
            goals.append(at_most(f"{name_of(layers)}, N = 256, {name}: manual step over autograd's", 1.0, ratio))
    notes = [f"{name_of(layers)}, N = 256, softmax, cross-entropy and L2 in both losses, W ← W − η ∂E/∂W in both."]
    columns = ("", "manual, ms", "autograd, ms", "median ratio")
    return Table("step", "One training step", columns, rows, notes, {"steps": record}, goals)


def manual_step(problem: Problem) -> Callable[[], object]:
    """Forward, E, backward and descent with the slides' equations."""
    p = problem

    def one() -> object:
        net = p.work()
        layers = range(1, p.L + 1)
        return net.E, step(p.W, p.b, [net.dW[l] for l in layers], [net.db[l] for l in layers], _ETA)

    return one


def autograd_step(problem: Problem) -> Callable[[], object]:
    """The same loss in plain torch, its gradients from autograd, the same descent."""
    x, t, N, relu = problem.x, problem.t, problem.N, problem.activation == "relu"
    leaves = [v.requires_grad_() for v in parameters_of(problem)]

    def one() -> object:
        z, a = x, x
        for l in range(0, len(leaves), 2):
            a = z @ leaves[l] + leaves[l + 1]
            z = torch.clamp(a, min=0) if relu else torch.tanh(a)
        E_n = torch.sum(t * (torch.logsumexp(a, dim=1, keepdim=True) - a), dim=1)
        penalty = sum(torch.sum(w**2) for w in leaves[::2])
        E = torch.sum(E_n) / N + problem.lam / 2 * penalty
        gradients = torch.autograd.grad(E, leaves)
        with torch.no_grad():
            return E, [v - _ETA * g for v, g in zip(leaves, gradients, strict=True)]

    return one
