"""The ladder: small problems in small whole numbers that a student can redo by hand, the smallest first.

The first to show an error is the smallest case. The last rungs drive one unit far, where an activation that is cut off
shows. Where the assignment fixes wide layers, a rung has at most four units
whose weights are not 0 and inputs that are 0 but for two, so that those alone need to be shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise, product

import numpy as np
import torch
from numpy.typing import NDArray

from manual import Working, activation
from verify.bounds.curves import curve
from verify.grading.assignment import Assignment
from verify.lessons.network.cases.drawing import (
    Shape,
    bounded_scores,
    cancels,
    clear_of_kinks,
    constants,
    outputs_of,
    penalty,
    problem_of,
    targets,
    within,
    worked,
)
from verify.problems.choices import ONE_OF_MANY
from verify.problems.problem import Problem

_SMALL_WHOLE = (1, -1, 2, -2)
_TRIES = 200
_DEEP = 3  # layers, beyond which a hidden unit reads one unit, with weight 1: sums would grow without end
_WIDE = 4  # units in a layer, beyond which only some have weights
_VISIBLE = 1e-6  # the least that the largest entry of a line may be: what is smaller cannot be redone by hand


def ladder(assignment: Assignment, seed: int) -> list[Problem]:
    """The rungs, the smallest first; their numbers are the seed's. None has scores that a plain softmax cannot take."""
    shapes = sorted(_shapes(assignment), key=_size)
    rungs = [rung(assignment, shape, f"small {number + 1}", seed) for number, shape in enumerate(shapes)]
    rungs = [p for p in rungs if bounded_scores(worked(p))]
    far = [p for name in assignment.activations for p in _reaching(assignment, name, seed)]
    close = [p for name in assignment.activations for p in beside_bends(assignment, name, seed)]
    return [*rungs, *far, *close]


def _reaching(assignment: Assignment, name: str, seed: int) -> Iterator[Problem]:
    """The smallest rungs with one hidden unit of that activation driven far, as far as they are sound.

    First as far as f′ can still be seen well: σ to 12, tanh to 6. Then further, with W(2) in sixteenths.
    """
    shape = _of_one_unit(assignment, name)
    if shape is None:
        return
    size = next((v for v in _REACHED if _slope_at(assignment, name, v) > _VISIBLE), _REACHED[-1])
    for further, least, parts in ((size, _VISIBLE, 1.0), *((v, _LEAST, 16.0) for v in _FURTHER)):
        if _used(shape.units)[1] == 1 and not _slope_at(assignment, name, further):
            continue  # its δ(1) is 0 in every draw
        p = _driven_far(assignment, shape, seed, further, least, parts)
        if p is not None:
            yield p if p.layers == shape.units else _embedded(assignment, shape, p)


def _of_one_unit(assignment: Assignment, name: str) -> Shape | None:
    """The smallest shape with a hidden layer, of one sample; None where the assignment has none that is small."""
    depth = max(2, assignment.layers[0])
    if not depth <= min(_DEEP, assignment.layers[1]):
        return None
    outputs = within(1, outputs_of(assignment))
    units = (within(1, assignment.inputs), *[within(1, assignment.widths)] * (depth - 1), outputs)
    return Shape(within(1, assignment.batch), units, name, 0.0)


def _driven_far(
    assignment: Assignment, shape: Shape, seed: int, size: int, least: float, parts: float
) -> Problem | None:
    rng = np.random.default_rng([8 + seed, *shape.units, shape.N])
    for _ in range(_TRIES):
        small = _drawn(assignment, replace(shape, units=_used(shape.units)), rng, f"small and far, {shape.activation}")
        p = _driven(replace(small, W=(small.W[0], *(w / parts for w in small.W[1:]))), size)
        net = worked(p)
        clear = not cancels(net, least) and clear_of_kinks(p, 0.5, net)
        if clear and bounded_scores(net) and _visible(net, least) and _nothing_tiny(net, least):
            return p
    return None


_CLOSE = 1e-6


def beside_bends(assignment: Assignment, name: str, seed: int) -> list[Problem]:
    """Rungs of one hidden unit whose pre-activation lies 10⁻⁶ from where the activation bends, on either side."""
    found, shape = curve(name, constants(assignment)), _of_one_unit(assignment, name)
    if not found.knots or shape is None:
        return []
    units = shape.units
    rng = np.random.default_rng([9 + seed, *units, shape.N])
    small = replace(shape, units=_used(units))
    rungs = [_beside(assignment, small, knot.at, side * _CLOSE, rng) for knot, side in product(found.knots, (1, -1))]
    return [p if p.layers == units else _embedded(assignment, shape, p) for p in rungs if p is not None]


def _beside(
    assignment: Assignment, shape: Shape, knot: float, distance: float, rng: np.random.Generator
) -> Problem | None:
    for _ in range(_TRIES):
        p = _drawn(assignment, shape, rng, f"small and close, {shape.activation}")
        p = _at(p, knot, distance, biases=assignment.biases)
        net = worked(p)
        if bounded_scores(net) and clear_of_kinks(p, _CLOSE / 2, net) and _nothing_tiny(net, _CLOSE**2):
            return p
    return None


def _at(p: Problem, knot: float, distance: float, *, biases: bool) -> Problem:
    """The problem with a(1) of the first sample that far from a knot in every unit: x is 1 in one place, else 0."""
    W, b = [w.clone() for w in p.W], [v.clone() for v in p.b]
    x = p.x.clone()
    x[0], x[0, 0] = 0.0, 1.0
    W[0][0], b[0][:] = (distance, knot) if biases else (knot + distance, 0.0)
    return replace(p, W=tuple(W), b=tuple(b), x=x)


_FURTHER = (22, 31)  # where σ is 1 to 10 and to 13 digits
_LEAST = 1e-15
_REACHED = (12, 6, 4)  # a(1) of the driven unit: whole numbers, so that W(1) and b(1) are


def _slope_at(assignment: Assignment, name: str, a: float) -> float:
    f = activation(name, constants(assignment))
    return abs(float(f.derivative(torch.tensor([float(a)], dtype=torch.float64, device="cpu"))))


def _driven(p: Problem, size: int) -> Problem:
    """The problem whose first sample has a(1) = size in the first unit, by a whole bias or a whole weight."""
    W, b = [w.clone() for w in p.W], [v.clone() for v in p.b]
    x = p.x.clone()
    x[0] = torch.sign(x[0])
    W[0][0, 0] += x[0, 0] * (size - x[0] @ W[0][:, 0] - b[0][0])
    return replace(p, W=tuple(W), b=tuple(b), x=x)


def _shapes(assignment: Assignment) -> Iterator[Shape]:
    seen: set[Shape] = set()
    depths = range(1, _DEEP + 1) if assignment.layers[0] <= _DEEP else (assignment.layers[0],)
    for depth, width, (N, lam) in product(depths, (1, 2), ((1, 0.0), (2, 0.0), (1, 1.0), (2, 1.0))):
        if not assignment.layers[0] <= depth <= assignment.layers[1] or (
            depth >= _DEEP and (lam or (width, N) == (2, 1))
        ):
            continue
        units = (
            within(width, assignment.inputs),
            *[within(width, assignment.widths)] * (depth - 1),
            within(width, outputs_of(assignment)),
        )
        names = assignment.activations if depth > 1 else assignment.activations[:1]
        for name in names:
            shape = Shape(within(N, assignment.batch), units, name, penalty(assignment, lam))
            if shape not in seen:
                seen.add(shape)
                yield shape


def _size(shape: Shape) -> tuple[int, float]:
    numbers = sum(m * k + k for m, k in pairwise(shape.units))
    return numbers + shape.N * (shape.units[0] + shape.units[-1]), shape.lam


def rung(assignment: Assignment, shape: Shape, label: str, seed: int = 0) -> Problem:
    """The first draw of small whole numbers that keeps clear of kinks and lets every hidden layer pass something on."""
    rng = np.random.default_rng([7 + seed, *shape.units, shape.N, int(shape.lam)])
    small = replace(shape, units=_used(shape.units))
    for _ in range(_TRIES // max(1, shape.depth // _DEEP)):
        problem = _drawn(assignment, small, rng, label)
        if _is_good(problem):
            break
    return problem if small == shape else _embedded(assignment, shape, problem)


def _drawn(assignment: Assignment, shape: Shape, rng: np.random.Generator, label: str) -> Problem:
    W = []
    for l, (m, k) in enumerate(pairwise(shape.units), 1):
        hidden_of_deep = shape.depth > _DEEP and 1 < l < shape.depth
        W.append(_one_each(m, k, rng) if hidden_of_deep else rng.choice(_SMALL_WHOLE, (m, k)))
    b = [rng.choice((1, -1), k) * assignment.biases for k in shape.units[1:]]
    x = rng.choice(_SMALL_WHOLE, (shape.N, shape.units[0]))
    return problem_of(assignment, shape, (W, b, x, _whole_targets(assignment, shape, rng)), label)


def _one_each(m: int, k: int, rng: np.random.Generator) -> NDArray:
    """W (m, k) with one 1 in every column: unit j of the layer reads one unit below, another for each j if it can."""
    W = np.zeros((m, k))
    W[rng.permutation(np.arange(k) % m), np.arange(k)] = 1
    return W


def _used(units: tuple[int, ...]) -> tuple[int, ...]:
    """How many inputs, hidden units and outputs have weights: all where layers are small, else at most four units."""
    if max(units) <= _WIDE:
        return units
    hidden = 2 if len(units) == 3 else 1
    return min(2, units[0]), *(min(hidden, m) for m in units[1:-1]), min(2, units[-1])


def _embedded(assignment: Assignment, shape: Shape, p: Problem) -> Problem:
    """The problem in layers of the shape's units: those beyond its own have no weights, no biases, inputs of 0."""
    W = [_padded(w.numpy(), m, k) for w, (m, k) in zip(p.W, pairwise(shape.units), strict=True)]
    b = [_padded(v.numpy()[None], 1, k)[0] for v, k in zip(p.b, shape.units[1:], strict=True)]
    x, t = _padded(p.x.numpy(), p.N, shape.units[0]), _padded(p.t.numpy(), p.N, shape.units[-1])
    return problem_of(assignment, shape, (W, b, x, t), p.label)


def _padded(values: NDArray, rows: int, columns: int) -> NDArray:
    return np.pad(values, ((0, rows - values.shape[0]), (0, columns - values.shape[1])))


def _whole_targets(assignment: Assignment, shape: Shape, rng: np.random.Generator) -> NDArray:
    if assignment.output == "softmax" or assignment.loss in (*ONE_OF_MANY, "binary-cross-entropy"):
        return targets(assignment, shape, rng)
    low = -1 if assignment.output in ("tanh", "identity") else 0
    return rng.integers(low, 2, (shape.N, shape.units[-1])).astype(float)


def _is_good(p: Problem) -> bool:
    net = worked(p)
    sound = bounded_scores(net) and not cancels(net)
    return sound and clear_of_kinks(p, 0.5, net) and _alive(net) and _visible(net)


def _alive(net: Working) -> bool:
    """Whether each hidden layer has a unit with a > 0, not all saturated."""
    return all(bool((net.a[l] > 0).any()) and float(net.a[l].abs().min()) < 4 for l in range(1, net.L))


def _nothing_tiny(net: Working, least: float) -> bool:
    held = [v.abs() for lines in (net.a, net.z, net.delta, net.dW, net.db) for v in lines.values()]
    return all(bool(((v == 0) | (v >= least)).all()) for v in (*held, net.y))


def _visible(net: Working, least: float = _VISIBLE) -> bool:
    return all(float(v.abs().max()) >= least for held in (net.delta, net.dW, net.db) for v in held.values())
