"""The exact witness: every line enclosed in balls, by forward differentiation of the forward pass alone.

Each stored number is an exact one, each operation on balls is rounded outward (Arb; F. Johansson, "Arb: efficient
arbitrary-precision midpoint-radius interval arithmetic", IEEE Trans. Comp. 66, 2017). Precision doubles until a ball's
radius is at most 2⁻⁸⁰ of its midpoint, or the entry is smaller than any float64.

The derivative by a pre-activation is taken as differences take it (`verify.witnesses.columns`): a_nj(l) is moved, here
by ε, and what follows is carried up to E_n layer by layer: e_j → f′ → W(l+1) → f′ → … → E_n, each f′ and ∂E_n/∂a_k(L)
the second part of a jet (`verify.witnesses.jets`). No equation of a backward pass occurs. a is affine in W and b, so
(1/N) Σ_n z_ni times that is the derivative by w_ij; the penalty is a square, whose derivative is λw.

Kinks: the sign of a pre-activation is decided exactly, since a sum of float64 numbers is a ball of radius 0 once the
precision suffices. At an exact 0 every choice of branches is taken, unit by unit, and what comes out is the hull of all
subgradients; where more units of a sample are at 0 than can be tried, it is the hull path by path, which may be wider.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import reduce
from itertools import product
from typing import Any

import numpy as np
from flint import arb, arb_mat, ctx
from numpy.typing import NDArray

from verify.bounds.pieces import pieces
from verify.problems.problem import Problem
from verify.witnesses import jets
from verify.witnesses.branches import MOST
from verify.witnesses.columns import Base
from verify.witnesses.jets import Ball, Jet, variable

Matrix = Any  # arb_mat, which has no types
BITS = (128, 256, 512, 1024, 2048, 4352)  # with the last one, any sum of products of float64 numbers is exact
ACCURACY = 80  # bits of each entry
_NOTHING = arb(2) ** -1076  # less than half of the smallest float64: such an entry is 0 there
SECONDS = 10.0  # of work beyond which hidden units are sampled
# What one product of balls and one entry of a result take, in seconds: measured, and only for choosing the sample.
_PRODUCT, _ENTRY = 4e-8, 4e-6


@dataclass(frozen=True)
class Enclosure:
    """One line: value + rest is the midpoint of each entry's ball, radius bounds what the exact number is off it.

    value is the float64 nearest to the midpoint. `hull` marks entries that enclose several subgradients, or a kink
    whose side no precision decided; `open` those whose radius is not 2⁻⁸⁰ of them for any other reason.
    """

    value: NDArray
    rest: NDArray
    radius: NDArray
    hull: NDArray
    open: NDArray

    @property
    def bar(self) -> NDArray:
        """How far the exact number can be from `value`."""
        return (np.abs(self.rest) + self.radius) * (1 + 2.0**-50)


@dataclass(frozen=True)
class Balls:
    """Every line of a problem enclosed; of a sampled layer's δ, ∂W and ∂b only the columns of `units`."""

    lines: Mapping[str, Enclosure]
    units: Mapping[str, NDArray]  # line -> the units (columns) that it has; lines that are not named have all
    bits: int  # the highest precision that was needed


def balls(problem: Problem, at: Base | None = None, seconds: float = SECONDS) -> Balls:
    """Every line of the problem as its stored numbers define it.

    `at`: enclose instead what finite differences estimate, each δ(l) at those stored a(l), a(l+1), …, with those z(l).
    Where the work would take about longer than `seconds`, hidden units are sampled evenly.
    """
    units = _sample(problem, seconds)
    found = _Collected(problem, units)
    for bits in BITS:
        with ctx.workprec(bits):
            if not found.add(_Pass(problem, at), bits):
                break
    return found.result()


def _sample(p: Problem, seconds: float) -> dict[int, NDArray]:
    """The units of each layer whose gradients are enclosed: all, or as many as the time allows, evenly spread."""
    widths = p.layers[1:]
    costs, path = [], p.N * _PRODUCT
    for l in range(p.L, 0, -1):
        above = p.N * _PRODUCT * sum(m * k for m, k in zip(widths[l:], widths[l + 1 :], strict=False))
        costs.append(widths[l - 1] * (above + p.layers[l - 1] * (path + _ENTRY)))
    share = min(1.0, seconds / sum(costs))
    counts = [max(1, int(share * m)) for m in widths]
    return {
        l: np.unique(np.linspace(0, m - 1, n).round().astype(int))
        for l, (m, n) in enumerate(zip(widths, counts, strict=True), 1)
    }


# One precision -------------------------------------------------------------------------------------------------------


class _Pass:
    """All lines at the precision of the moment."""

    def __init__(self, problem: Problem, at: Base | None) -> None:
        p = self.p = problem
        self.W = {l: _matrix(w) for l, w in enumerate(p.W, 1)}
        self.rows = {l: W.tolist() for l, W in self.W.items()}
        self.t = [[arb(v) for v in row] for row in p.t.tolist()]
        self.f = jets.function(p.activation, p.constants)
        joined = pieces(p.activation, p.constants)
        self.sides = jets.sides(joined) if joined else {}  # f′ on either side of where pieces meet
        self.unsure = False
        self.a: dict[int, Matrix] = {}
        self.z: dict[int, Matrix] = {0: _matrix(p.x)}
        self.slope: dict[int, list[list[Ball]]] = {}
        for l in range(1, p.L + 1):
            self.a[l] = _matrix(at.a[l]) if at else _affine(self.z[l - 1], p.W[l - 1], p.b[l - 1])
            if l < p.L:
                self._activate(l, at)
        self._watch(p.L, p.output if p.pair.g is not None else "softmax")
        self._errors()

    def _watch(self, l: int, name: str) -> None:
        joined = pieces(name, self.p.constants) if name != "softmax" else None
        for knot in joined.knots if joined else ():
            self.unsure |= any(v.contains(knot.at) and not _is(v, knot.at) for v in self.a[l].entries())

    def _watch_residuals(self) -> None:
        rho = self.p.pair.rho
        joined = pieces(rho.name, self.p.constants) if rho is not None else None
        if joined is None:
            return
        for row, t in zip(self.y.tolist(), self.t, strict=True):
            apart = [y_k - t_k for y_k, t_k in zip(row, t, strict=True)]
            if self.p.loss == "hinge":
                fixed = [Jet(v, arb(0)) for v in row]
                apart = [m.value for m in jets.margins(fixed, t, arb(self.p.constants.margin))]
            self.unsure |= any(v.contains(k.at) and not _is(v, k.at) for v in apart for k in joined.knots)

    def _activate(self, l: int, at: Base | None) -> None:
        self._watch(l, self.p.activation)
        rows = [[self.f(variable(v)) for v in row] for row in self.a[l].tolist()]
        self.z[l] = _matrix(at.z[l]) if at else arb_mat([[j.value for j in row] for row in rows])
        self.slope[l] = [[j.slope for j in row] for row in rows]

    def _errors(self) -> None:
        """y, E_n, and ∂E_n/∂a_k(L) by a jet for each k."""
        p = self.p
        y, loss = jets.output(p.output, p.constants), jets.loss(p.loss, p.output, p.constants)
        scores = self.a[p.L].tolist()
        fixed = [[Jet(v, arb(0)) for v in row] for row in scores]
        self.y = arb_mat([[j.value for j in y(row)] for row in fixed])
        self._watch_residuals()
        moved = [
            [loss([variable(v.value) if i == k else v for i, v in enumerate(row)], t) for k in range(len(row))]
            for row, t in zip(fixed, self.t, strict=True)
        ]
        self.E_n = [row[0].value for row in moved]
        self.top = [[j.slope for j in row] for row in moved]

    def E(self) -> Matrix:
        """The total error as a matrix of one entry."""
        squares = sum((_dot(W.entries()) for W in self.W.values()), arb(0))
        return arb_mat([[sum(self.E_n, arb(0)) / self.p.N + self.p.form.of(arb(self.p.lam), self.p.N) / 2 * squares]])

    def delta(self, l: int, units: Sequence[int]) -> Matrix:
        """∂E_n/∂a_nj(l) for those units j, (N, units): each carried up to E_n."""
        if l == self.p.L:
            return arb_mat([[row[j] for j in units] for row in self.top])
        table = self.rows[l + 1]
        start = arb_mat([table[j] for j in units])
        return arb_mat([self._carried(l, n, start, units) for n in range(self.p.N)])

    def _carried(self, l: int, n: int, start: Matrix, units: Sequence[int]) -> list[Ball]:
        """One sample's, over every choice of branches for the units at 0, if there are not too many of them."""
        met = [
            ((m, k), both)
            for m in range(l + 1, self.p.L)
            for k, v in enumerate(self.a[m].tolist()[n])
            if (both := self._sides_at(v)) is not None
        ]
        tried = product(*(both for _, both in met)) if len(met) <= MOST else [()]
        rows = [self._up(l, n, start, dict(zip((unit for unit, _ in met), chosen, strict=False))) for chosen in tried]
        up = [_hull(column) for column in zip(*rows, strict=True)]
        return [self._own(l, n, j, v) for j, v in zip(units, up, strict=True)]

    def _sides_at(self, a: Ball) -> tuple[Ball, Ball] | None:
        """f′ on either side where a is exactly a point where pieces meet."""
        return next((both for at, both in self.sides.items() if a == at), None)

    def _own(self, l: int, n: int, j: int, up: Ball) -> Ball:
        both = self._sides_at(self.a[l][n, j])
        if both is not None:
            return _hull([side * up for side in both])
        return self.slope[l][n][j] * up

    def _up(self, l: int, n: int, start: Matrix, chosen: Mapping[tuple[int, int], Ball]) -> list[Ball]:
        moved = start
        for above in range(l + 1, self.p.L):
            slopes = [chosen.get((above, k), v) for k, v in enumerate(self.slope[above][n])]
            moved = moved * _rows_times(slopes, self.rows[above + 1])
        return (moved * arb_mat([[v] for v in self.top[n]])).entries()

    def gradients(self, l: int, delta: Matrix, units: Sequence[int]) -> tuple[Matrix, Matrix]:
        """∂E/∂W(l) (in, units) and ∂E/∂b(l) (1, units)."""
        N, rate = self.p.N, self.p.form.of(arb(self.p.lam), self.p.N)
        total = (self.z[l - 1].transpose() * delta).tolist()
        dW = [
            [v / N + rate * w[j] for v, j in zip(row, units, strict=True)]
            for row, w in zip(total, self.rows[l], strict=True)
        ]
        ones = arb_mat(1, N, [1] * N)
        return arb_mat(dW), arb_mat([[v / N for v in (ones * delta).entries()]])


def _matrix(v: Any) -> Matrix:
    return arb_mat(v.tolist())


def _affine(z: Matrix, W: Any, b: Any) -> Matrix:
    """zW + b as one product, [z 1][W; b]: exact where its sums are."""
    return arb_mat([[*row, arb(1)] for row in z.tolist()]) * arb_mat([*W.tolist(), b.tolist()])


def _rows_times(factors: Sequence[Ball], rows: list[list[Ball]]) -> Matrix:
    return arb_mat([[f * v for v in row] for f, row in zip(factors, rows, strict=True)])


def _is(v: Ball, number: float) -> bool:
    """Whether a ball is exactly that number. (Its != asks another question: whether it cannot be.)"""
    return bool(v == number)


def _hull(balls: Sequence[Ball]) -> Ball:
    return reduce(lambda u, v: u.union(v), balls)


def _dot(v: list[Ball]) -> Ball:
    return (arb_mat(1, len(v), v) * arb_mat(len(v), 1, v))[0, 0]


# All precisions ------------------------------------------------------------------------------------------------------


@dataclass
class _Collected:
    """What the passes have found, entry by entry the first that is sharp enough."""

    problem: Problem
    units: Mapping[int, NDArray]
    lines: dict[str, Enclosure] = field(default_factory=dict)
    bits: int = 0
    blunt: bool = False  # a forward line is not sharp
    left: dict[int, list[int]] = field(default_factory=dict)  # layer -> positions in `units` that are not sharp

    def add(self, found: _Pass, bits: int) -> bool:
        """The lines of one pass; whether a higher precision may sharpen some entry."""
        self.bits, self.blunt = bits, False
        for name, line in _forward(found):
            self.blunt |= bool(self._keep(name, line, None, found.unsure).any())
        for l, units in self.units.items():
            at = self.left.get(l, list(range(len(units))))
            if at:
                self._backward(found, l, at)
        return self.blunt or any(self.left.values())

    def _backward(self, found: _Pass, l: int, at: list[int]) -> None:
        units = [int(self.units[l][i]) for i in at]
        delta = found.delta(l, units)
        dW, db = found.gradients(l, delta, units)
        blunt = np.zeros(len(at), dtype=bool)
        for name, line in ((f"delta{l}", delta), (f"dW{l}", dW), (f"db{l}", db)):
            blunt |= self._keep(name, line, at, found.unsure).any(axis=0)
        self.left[l] = [i for i, more in zip(at, blunt, strict=True) if more]

    def _keep(self, name: str, line: Matrix, at: Sequence[int] | None, unsure: bool) -> NDArray:
        """Put the line down, or the columns `at` of it; which of its entries a higher precision may still sharpen."""
        new = _enclosure(line)
        if at is None or name not in self.lines:
            old, self.lines[name] = self.lines.get(name), new
            before = None if old is None else old.radius
        else:
            before = self.lines[name].radius[:, at]
            for part in fields(Enclosure):
                getattr(self.lines[name], part.name)[:, at] = getattr(new, part.name)
        # What doubled precision did not narrow is as wide as the set that it encloses.
        wide = np.zeros_like(new.open) if before is None else new.open & (new.radius > before * 2.0**-16)
        self.lines[name].hull[:, at if at is not None else slice(None)] = wide
        return new.open & (unsure | ~wide)

    def result(self) -> Balls:
        """All lines, named and shaped as everywhere: biases' gradients are vectors, E is a number."""
        shaped = {}
        for name, line in self.lines.items():
            shape = () if name == "E" else (-1,) if name.startswith("db") else line.value.shape
            parts = {part.name: getattr(line, part.name).reshape(shape) for part in fields(Enclosure)}
            shaped[name] = Enclosure(**{**parts, "open": parts["open"] & ~parts["hull"]})
        partial = {l: units for l, units in self.units.items() if len(units) < self.problem.layers[l]}
        return Balls(shaped, {f"{kind}{l}": u for l, u in partial.items() for kind in ("delta", "dW", "db")}, self.bits)


def _forward(found: _Pass) -> Iterator[tuple[str, Matrix]]:
    for l, a in found.a.items():
        yield f"a{l}", a
        if l < found.p.L:
            yield f"z{l}", found.z[l]
    yield "y", found.y
    yield "E", found.E()


def _enclosure(line: Matrix) -> Enclosure:
    shape = (line.nrows(), line.ncols())
    parts = np.array([_parts(v) for v in line.entries()], dtype=np.float64).reshape(*shape, 4)
    value, rest, radius, blunt = (parts[..., i].copy() for i in range(4))
    return Enclosure(value, rest, radius, np.zeros(shape, dtype=bool), blunt > 0)


def _parts(v: Ball) -> tuple[float, float, float, bool]:
    """value, rest, radius, and whether the ball is too wide to be called exact."""
    middle = v.mid()
    value = float(middle)
    if not math.isfinite(value):
        return value, 0.0, math.inf, True
    radius = float(v.rad()) if v.is_exact() else max(float(v.rad()), 5e-324)
    blunt = v.rel_accuracy_bits() < ACCURACY and not v.abs_upper() < _NOTHING
    return value, float(middle - value), radius, blunt
