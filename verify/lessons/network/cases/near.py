"""Problems close to the points where functions bend, and decidably away from them.

A mask that asks about another number than the bend itself, as a > 1e-3 for a > 0, is right wherever pre-activations
keep their distance. Here they lie 10⁻³ to 10⁻⁶ from every bend, on either side, while rounding moves them by some
10⁻¹⁶: in the first layer numbers are multiples of powers of two, whose sums are exact in any order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import cycle, product

import numpy as np
import torch
from torch import Tensor

from manual import Working
from verify.grading.assignment import Assignment
from verify.lessons.network.cases.drawing import Shape, bounded_scores, cancels, curve_on, loose, loss_curve, worked
from verify.problems.problem import Problem

CLOSEST = 2.0**-20
_DISTANCES = (CLOSEST, *(2.0**-k for k in (10, 15, 12, 17, 11, 18, 13)))
_LEAST = CLOSEST / 2  # that far from every bend all pre-activations must be
_LAYERS = 3  # hidden layers that are moved; those above them pass on what they get
_MOST_MOVED = 16  # units in a layer
_GRID = 16.0
_TRIES = 40


def near(assignment: Assignment, shape: Shape, rng: np.random.Generator, label: str) -> Problem | None:
    """A problem with pre-activations beside every bend of its functions; None where none of them bends.

    At least one unit in each layer of more than two keeps its number, so that something is handed down.
    """
    for attempt in range(_TRIES):
        drawn = loose(assignment, shape, rng, label)
        if not _bends(drawn):
            return None
        p = _beside_targets(assignment, _beside_knots(assignment, _on_grid(drawn, rng), _moved(attempt)))
        net = worked(p)
        if bounded_scores(net) and not cancels(net) and _away(p, net):
            return p
    return None


def _moved(attempt: int) -> Callable[[int], int]:
    """How many of so many units are moved: as many as there are places for, or fewer where nothing is handed down."""
    if attempt < _TRIES // 2:
        return lambda units: min(units - (units > 2), _MOST_MOVED)
    return lambda units: min(max(1, units // 2), _MOST_MOVED)


def bends_at(p: Problem, l: int) -> tuple[float, ...]:
    """Where the pieces of the function on a(l) meet."""
    found = curve_on(p, l)
    return tuple(knot.at for knot in found.knots) if found is not None else ()


def _bends(p: Problem) -> bool:
    return loss_curve(p) is not None or any(bends_at(p, l) for l in range(1, p.L + 1))


def _away(p: Problem, net: Working) -> bool:
    curves = {l: curve_on(p, l) for l in net.a}
    loss = loss_curve(p)
    clear = loss is None or float(loss.from_knots(p.pair.apart(net.y, net.t)).min()) >= _LEAST
    return clear and all(float(c.from_knots(net.a[l]).min()) >= _LEAST for l, c in curves.items() if c is not None)


def _on_grid(p: Problem, rng: np.random.Generator) -> Problem:
    """Multiples of 1/16, with a 1 or −1 in every sample."""
    even = lambda v: torch.round(v * _GRID) / _GRID
    x = even(p.x)
    rows = torch.arange(p.N, device=x.device)
    x[rows, rows % x.shape[1]] = torch.from_numpy(rng.choice((-1.0, 1.0), p.N))
    return replace(p, x=x, W=tuple(map(even, p.W)), b=tuple(map(even, p.b)))


def _beside_knots(assignment: Assignment, p: Problem, moved: Callable[[int], int]) -> Problem:
    """Unit j of each layer that bends has its pre-activation of sample j, counted around, beside a bend."""
    W, b, z = [w.clone() for w in p.W], [v.clone() for v in p.b], p.x
    places: dict[tuple[float, ...], Iterator[float]] = {}
    for l in range(1, p.L + 1):
        knots = bends_at(p, l)
        if knots and (l <= _LAYERS or l == p.L):
            found = places.setdefault(knots, _places(knots))
            units = moved(W[l - 1].shape[1])
            _move(z, W[l - 1], b[l - 1], [next(found) for _ in range(units)], biases=assignment.biases)
        z = p.f.f(z @ W[l - 1] + b[l - 1])
    return replace(p, W=tuple(W), b=tuple(b))


def _places(knots: Sequence[float]) -> Iterator[float]:
    return cycle([knot + sign * d for d, knot, sign in product(_DISTANCES, knots, (1, -1))])


def _move(z: Tensor, W: Tensor, b: Tensor, places: Sequence[float], *, biases: bool) -> None:
    """By the bias where there is one, else by the weight of the input that is largest (1 or −1 of the first layer)."""
    for j, at in enumerate(places):
        n = j % len(z)
        i = int(torch.argmin((z[n].abs() - 1).abs()))
        missing = at - float(z[n] @ W[:, j] + b[j])
        if biases:
            b[j] += missing
        elif float(z[n, i].abs()) > 1 / _GRID:
            W[i, j] += missing / z[n, i]


def _beside_targets(assignment: Assignment, p: Problem) -> Problem:
    """y − t beside 0 under a loss that bends there; margins beside 0 under the hinge loss."""
    if loss_curve(p) is None:
        return p
    places = _places((0.0,))
    if p.loss == "hinge":
        return _beside_margins(p, places, biases=assignment.biases)
    y, t = worked(p).y, p.t.clone()
    for j in range(t.shape[1] - (t.shape[1] > 2)):
        t[j % p.N, j] = y[j % p.N, j] - next(places)
    return replace(p, t=t)


def _beside_margins(p: Problem, places: Iterator[float], *, biases: bool) -> Problem:
    """yₖ − y_c + Δ of the first sample beside 0, for every class k but the true one, c, and the last."""
    net, b = worked(p), [v.clone() for v in p.b]
    W, z = p.W[-1].clone(), net.z[p.L - 1][0]
    i = int(torch.argmax(z.abs()))
    others = [k for k in range(p.t.shape[1]) if p.t[0, k] == 0]
    for k in others[: max(1, len(others) - 1)]:
        missing = next(places) - float(p.pair.apart(net.y, net.t)[0, k])
        if biases:
            b[-1][k] += missing
        else:
            W[i, k] += missing / z[i]
    return replace(p, W=(*p.W[:-1], W), b=tuple(b))
