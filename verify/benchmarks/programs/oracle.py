"""What is true of a program: its gradients beside those of the loss, on problems that no grader has drawn.

The loss is written anew, for torch's autograd, and nothing of the grader's working is used. Where a pre-activation is
exactly 0 at a kink, the gradients for f′(0) of 0, ½ and 1 are each right.
"""

from __future__ import annotations

import copy
import functools
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from verify.benchmarks.programs.curves import Constants
from verify.benchmarks.programs.tasks import Task

# f′ below and above 0, of those in which it jumps there.
KINKED: dict[str, Callable[[Constants], tuple[float, float]]] = {
    "relu": lambda own: (0.0, 1.0),
    "leaky_relu": lambda own: (own.leaky, 1.0),
    "elu": lambda own: (own.elu, 1.0),
    "relu6": lambda own: (0.0, 1.0),
    "prelu": lambda own: (own.prelu, 1.0),
    "selu": lambda own: (1.0507009873554805 * 1.6732632423543772, 1.0507009873554805),
}
_WIDEST = 6  # units of a layer here, where the assignment has no more
_SCORES = 28.0
_NOISE = 1e10  # a line that rounding moves by a share of 1e-10 of itself is measured by that, and not by its size
_TINY = 1e-200


@dataclass(frozen=True, eq=False)
class Fresh:
    """A problem in the rows convention, and its right gradients: dW then db, for each choice of f′(0).

    noise: per line, how far the right gradient moves where the numbers of the problem move by a rounding each.
    """

    kind: str
    W: list[NDArray]
    b: list[NDArray]
    x: NDArray
    t: NDArray
    activation: str
    lam: float
    right: tuple[list[NDArray], ...]
    noise: list[float]

    def arguments(self, columns: bool) -> tuple[Any, ...]:
        W, b, x, t = copy.deepcopy((self.W, self.b, self.x, self.t))
        if columns:
            W, b, x, t = [np.ascontiguousarray(w.T) for w in W], [c.reshape(-1, 1) for c in b], x.T.copy(), t.T.copy()
        return W, b, x, t, sys.intern(self.activation), self.lam


# Problems ------------------------------------------------------------------------------------------------------------


@functools.cache
def fresh_problems(task: Task, seed: int = 0) -> list[Fresh]:
    """Ordinary problems, saturated ones, ones with large gradients, ones at kinks: what the assignment allows."""
    return list(_fresh(task, np.random.default_rng([seed, 2026])))


def _fresh(task: Task, rng: np.random.Generator) -> Iterator[Fresh]:
    a = task.assignment
    for turn in range(4):
        for name in a.activations:
            units = _units(task, turn, rng)
            N = _within(1 if turn == 2 else int(rng.integers(2, 7)), a.batch)
            lam = 0.0 if turn == 1 or not a.l2 else float(rng.choice([0.1, 0.7, 2.0]))
            yield _problem(task, "ordinary", units, N, name, lam, rng)
            yield _problem(task, "saturated", units, N, name, lam, rng)
            if turn < 2:
                yield _problem(task, "steep", units, N, name, lam, rng)
            if turn == 0 and name in KINKED and len(units) > 2:
                yield _problem(task, "kink", units, N, name, lam, rng)
    units = _units(task, 0, rng)
    yield from (_problem(task, "again", units, _within(3, a.batch), a.activations[0], 0.0, rng) for _ in range(2))


def _units(task: Task, turn: int, rng: np.random.Generator) -> list[int]:
    a = task.assignment
    depth = int(rng.integers(a.layers[0], a.layers[1] + 1)) if turn > 1 else a.layers[1]
    limits = [a.inputs, *[a.widths] * (depth - 1), a.outputs]
    if turn % 2:
        low, high = max(r[0] for r in limits), min(r[1] for r in limits)
        if low <= high:
            return [_within(3, (low, high))] * (depth + 1)
    return [int(rng.integers(low, min(high, max(low, _WIDEST)) + 1)) for low, high in limits]


def _within(value: int, limits: tuple[int, int]) -> int:
    return min(max(value, limits[0]), limits[1])


def _problem(
    task: Task, kind: str, units: list[int], N: int, activation: str, lam: float, rng: np.random.Generator
) -> Fresh:
    a = task.assignment
    W = [rng.normal(0, 1 / np.sqrt(m), (m, k)) for m, k in pairwise(units)]
    b = [rng.normal(0, 0.5, k) * a.biases for k in units[1:]]
    x = rng.normal(size=(N, units[0]))
    if kind == "saturated":
        W[0] = W[0] * 12
    if kind == "steep" and len(W) > 1:
        W[-1] = W[-1] * 300
    if kind == "kink":
        W[0][:, 0], b[0][0] = 0.0, 0.0
    if kind in ("saturated", "steep"):
        _limit_scores(task, W, b, x, activation)
    t = _targets(task, N, units[-1], rng)
    truths = [_gradients(task, W, b, x, t, activation, lam, c) for c in ((0.0, 0.5, 1.0) if kind == "kink" else (0.0,))]
    noise = [0.0] * len(truths[0])
    for _ in range(3):
        moved = [[v * (1 + 2e-16 * rng.choice((-1, 1), v.shape)) for v in some] for some in (W, b, [x])]
        near = _gradients(task, moved[0], moved[1], moved[2][0], t, activation, lam, 0.0)
        noise = [max(n, float(np.abs(g - w).max())) for n, g, w in zip(noise, near, truths[0], strict=True)]
    return Fresh(kind, W, b, x, t, activation, lam, tuple(truths), noise)


def _limit_scores(task: Task, W: list[NDArray], b: list[NDArray], x: NDArray, activation: str) -> None:
    """Shift and scale the last layer so that no score is beyond what an unshifted softmax survives."""
    z = torch.from_numpy(x)
    for w, c in zip(W[:-1], b[:-1], strict=True):
        z = _bent(z @ torch.from_numpy(w) + torch.from_numpy(c), activation, task.constants)
    scores = (z @ torch.from_numpy(W[-1])).numpy()
    if task.assignment.biases:
        b[-1] = -scores.mean(axis=0)
    most = float(np.abs(scores + b[-1]).max())
    if most > _SCORES:
        W[-1] *= _SCORES / most
        b[-1] *= _SCORES / most


def _targets(task: Task, N: int, K: int, rng: np.random.Generator) -> NDArray:
    if task.loss == "cross-entropy":
        return np.eye(K)[rng.integers(K, size=N)]
    if task.loss == "binary-cross-entropy":
        return rng.integers(0, 2, (N, K)).astype(float)
    return _bent(torch.from_numpy(rng.normal(size=(N, K))), task.output, task.constants).numpy()


# The loss ------------------------------------------------------------------------------------------------------------


def _bent(a: Tensor, name: str, own: Constants) -> Tensor:
    curves: dict[str, Callable[[], Tensor]] = {
        "relu": lambda: torch.relu(a),
        "leaky_relu": lambda: functional.leaky_relu(a, own.leaky),
        "elu": lambda: functional.elu(a, own.elu),
        "softplus": lambda: torch.logaddexp(torch.zeros((), dtype=a.dtype), a),
        "sigmoid": lambda: torch.sigmoid(a),
        "tanh": lambda: torch.tanh(a),
        "swish": lambda: a * torch.sigmoid(own.swish * a),
        "gelu": lambda: functional.gelu(a),
        "gelu_tanh": lambda: functional.gelu(a, approximate="tanh"),
        "gelu_sigmoid": lambda: a * torch.sigmoid(1.702 * a),
        "identity": lambda: a,
        "relu6": lambda: functional.relu6(a),
        "hard_tanh": lambda: functional.hardtanh(a),
        "hard_sigmoid": lambda: functional.relu6(a + 3) / 6,
        "hard_swish": lambda: functional.hardswish(a),
        "mish": lambda: functional.mish(a),
        "selu": lambda: functional.selu(a),
        "celu": lambda: functional.celu(a, own.celu),
        "prelu": lambda: functional.leaky_relu(a, own.prelu),
        "softsign": lambda: functional.softsign(a),
        "log_sigmoid": lambda: functional.logsigmoid(a),
        "silu": lambda: functional.silu(a),
    }
    return curves[name]()


def _loss(task: Task, a: Tensor, t: Tensor) -> Tensor:
    """Σ E_n of the last layer's scores."""
    if task.loss == "cross-entropy":
        return -(t * functional.log_softmax(a, dim=1)).sum()
    if task.loss == "binary-cross-entropy":
        return functional.binary_cross_entropy_with_logits(a, t, reduction="sum")
    return 0.5 * (_bent(a, task.output, task.constants) - t).square().sum()


def _gradients(
    task: Task, W: list[NDArray], b: list[NDArray], x: NDArray, t: NDArray, activation: str, lam: float, at_kink: float
) -> list[NDArray]:
    """dW then db by autograd; f′(0) at a kink is made by a mixture of the two sides."""
    weights = [torch.tensor(w, requires_grad=True) for w in W]
    biases = [torch.tensor(c, requires_grad=True) for c in b]
    z, own = torch.from_numpy(x), task.constants
    for w, c in zip(weights[:-1], biases[:-1], strict=True):
        a = z @ w + c
        z = _bent(a, activation, own)
        if activation in KINKED:
            left, right = KINKED[activation](own)
            z = torch.where(a == 0, a * (left + (right - left) * at_kink), z)
    a = z @ weights[-1] + biases[-1]
    penalty = torch.stack([w.square().sum() for w in weights]).sum()
    E = _loss(task, a, torch.from_numpy(t)) / len(x) + lam / 2 * penalty
    return [g.numpy() for g in torch.autograd.grad(E, [*weights, *biases])]


# Programs ------------------------------------------------------------------------------------------------------------


def loaded(source: str) -> Callable[..., Any] | None:
    """The program's `gradients`; None where it has none or cannot be executed."""
    module: dict[str, Any] = {"__name__": "submission"}
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            exec(compile(source, "submission.py", "exec"), module)
    except Exception:
        return None
    return module.get("gradients")


@dataclass(frozen=True)
class Given:
    """What one call gave: dW then db in rows, or None where it raised; whether its arguments were left alone."""

    arrays: list[NDArray] | None
    changed: bool = False


def answered(gradients: Callable[..., Any] | None, p: Fresh, task: Task) -> Given:
    """One call of a program on a fresh problem."""
    if gradients is None:
        return Given(None)
    columns = task.assignment.convention == "columns"
    given = p.arguments(columns)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            dW, db = gradients(*given)[:2]
            arrays = [np.array(g, dtype=float) for g in [*dW, *(db if task.assignment.biases else [])]]
    except Exception:
        return Given(None)
    changed = not _same(given, p.arguments(columns))
    return Given([g.T if columns else g for g in arrays], changed)


def _same(first: Any, second: Any) -> bool:
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(_same(a, b) for a, b in zip(first, second, strict=True))
    return bool(np.array_equal(first, second)) if isinstance(first, np.ndarray) else first == second


def distance(given: Given, p: Fresh, task: Task, floor: float = 0.0) -> float:
    """How far a call is off: the largest error of a line in units of its largest entry; inf for no or other shapes.

    A line that is smaller than `floor` is measured by that: (W − W_new)/η knows no smaller digits.
    """
    if given.arrays is None:
        return float("inf")
    columns = task.assignment.convention == "columns"
    L = len(p.W)
    wanted = [truth if task.assignment.biases else truth[:L] for truth in p.right]
    return min(
        _apart(given.arrays, truth, [floor + _NOISE * n for n in p.noise], L if columns else None) for truth in wanted
    )


def _apart(arrays: list[NDArray], truth: list[NDArray], floors: list[float], columns: int | None) -> float:
    if len(arrays) != len(truth):
        return float("inf")
    worst = 0.0
    for i, (g, w) in enumerate(zip(arrays, truth, strict=True)):
        scale = float(np.abs(w).max(initial=0.0)) + floors[i] + _TINY
        w = w.reshape(1, -1) if columns is not None and i >= columns else w
        if g.shape != w.shape or not np.isfinite(g).all():
            return float("inf")
        worst = max(worst, float(np.abs(g - w).max(initial=0.0)) / scale)
    return worst


# What a change did ---------------------------------------------------------------------------------------------------

WRONG, EQUIVALENT, UNCLEAR = "wrong", "equivalent", "unclear"
_CLEARLY, _CLEARLY_IN_SINGLE, _ROUNDING, _OVER_PARENT = 1e-8, 1e-2, 1e-12, 1e3


def verdict(source: str, parent: str, task: Task, seed: int = 0) -> str:
    """Whether a changed program is wrong on a problem of its assignment, beside the right one that it was made from.

    A form that loses digits is measured by its own parent; unclear is what lies between rounding and a clear error.
    """
    found = EQUIVALENT
    clearly = _CLEARLY if task.assignment.precision == "float64" else _CLEARLY_IN_SINGLE
    changed, right = loaded(source), loaded(parent)
    for p in fresh_problems(task, seed):
        given = answered(changed, p, task)
        off, base = distance(given, p, task), distance(answered(right, p, task), p, task)
        if given.changed or off > max(clearly, _OVER_PARENT * base):
            return WRONG
        if off > max(_ROUNDING, 30 * base):
            found = UNCLEAR
    return found


def is_right(source: str, task: Task, seed: int = 0, tolerance: float = 1e-6, floor: float = 0.0) -> bool:
    """Whether a program agrees with autograd on every fresh problem, as far as forms that lose digits let it."""
    gradients = loaded(source)
    allowed = {"saturated": 0.05, "steep": 1e-4}
    return all(
        distance(answered(gradients, p, task), p, task, floor) <= max(tolerance, allowed.get(p.kind, 0.0))
        for p in fresh_problems(task, seed)
    )
