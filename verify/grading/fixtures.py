"""The problems of a grading run, checked before use: together they expose every mistake that the assignment can show.

In this order: three calls for state (a problem, another of the same shapes, the first again); the ladder, small
problems in small whole numbers that a student can redo by hand; general problems of all shapes that the assignment
allows, N = 1 and N > 1, λ = 0 and λ > 0, square and not, both signs of pre-activations, kinks left out; last, one
problem with large scores, asked for advice alone. Everything follows from the assignment and its seed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
import torch
from torch import Tensor

from manual import SLIDES, Constants, Equations, Working, activation, backward, work
from verify.bounds.bounded import Bounded
from verify.bounds.budget import FLOAT32, FLOAT64, bounded_working, lines_of
from verify.bounds.curves import curve
from verify.grading.assignment import Assignment
from verify.lessons.network.mistakes import CATALOGUE, Variant, equations_with
from verify.problems.lines import gradient_names
from verify.problems.problem import Problem

GRADED = ("state", "rung", "general")
_GENERAL = 24
_REDRAWS = 4
_KINK_DISTANCE = 1e-3
_SMALL_WHOLE = (1, -1, 2, -2)
_LARGE_SCORES = 1e4


@dataclass(frozen=True, eq=False)
class Case:
    """A problem of the run with its right answers, each with its budget in float64 and in float32."""

    problem: Problem
    role: str  # state | rung | general | large

    @cached_property
    def working(self) -> Working:
        p = self.problem
        return work(p.W, p.b, p.x, p.t, p.f, p.pair, p.lam)

    @cached_property
    def truth(self) -> dict[str, Tensor]:
        """Line -> its right value."""
        return lines_of(self.working)

    @cached_property
    def budget(self) -> dict[str, Tensor]:
        return self._errors(FLOAT64)

    @cached_property
    def budget32(self) -> dict[str, Tensor]:
        return self._errors(FLOAT32)

    def _errors(self, u: float) -> dict[str, Tensor]:
        return {name: line.error for name, line in self.bounded_lines(SLIDES, u).items()}

    def allowed(self, name: str, *, float32: bool = False) -> Tensor:
        """How far a program's value may be from ours: its rounding and our own."""
        if (name, float32) not in self._allowed:
            self._allowed[name, float32] = self.budget[name] + (self.budget32 if float32 else self.budget)[name]
        return self._allowed[name, float32]

    @cached_property
    def _allowed(self) -> dict[tuple[str, bool], Tensor]:
        return {}

    def bounded_net(self, u: float) -> Working:
        """The bounded working, as a copy whose lines may be replaced."""
        net = copy(self._bounded[u])
        net.a, net.z, net.delta, net.dW, net.db = dict(net.a), dict(net.z), dict(net.delta), {}, {}
        return net

    def bounded_lines(self, equations: Equations, u: float) -> dict[str, Bounded]:
        """The lines under other equations, each with its budget; the forward pass of the slides is computed once."""
        net = self.bounded_net(u)
        net.equations, net.delta = equations, {}
        if equations.output is not SLIDES.output:
            net.y = equations.output(net, net.L)
        return lines_of(backward(net))

    @cached_property
    def _bounded(self) -> dict[float, Working]:
        return {u: bounded_working(self.problem, u) for u in (FLOAT64, FLOAT32)}


@dataclass(frozen=True)
class Fixture:
    """The cases of a run, and the mistakes that no problem of the assignment shows."""

    assignment: Assignment
    cases: tuple[Case, ...]
    hidden: tuple[str, ...] = ()
    seed: int = 0

    def of(self, *roles: str) -> list[tuple[int, Case]]:
        """The cases of those roles with their numbers."""
        return [(i, case) for i, case in enumerate(self.cases) if case.role in roles]


def fixture(assignment: Assignment, seed: int | None = None) -> Fixture:
    """The problems of a run; redrawn where the first draw hides a mistake that another draw shows."""
    seed = assignment.seed if seed is None else seed
    best: Fixture | None = None
    for attempt in range(_REDRAWS):
        cases = tuple(_cases(assignment, np.random.default_rng([seed, attempt])))
        drawn = Fixture(assignment, cases, hidden_in(assignment, cases), seed)
        if best is None or len(drawn.hidden) < len(best.hidden):
            best = drawn
        if not best.hidden:
            break
    assert best is not None
    return best


# Certificate ---------------------------------------------------------------------------------------------------------


def hidden_in(assignment: Assignment, cases: tuple[Case, ...]) -> tuple[str, ...]:
    """The mistakes of the catalogue that change nothing beyond the budgets on any of the cases."""
    graded = [case for case in cases if case.role != "large"]
    concerned = {
        m.id: [
            v
            for v in m.variants
            if any(v.concerns(f, assignment.output, assignment.loss) for f in assignment.activations)
        ]
        for m in CATALOGUE.values()
    }
    return tuple(
        id
        for id, forms in concerned.items()
        if forms and not any(shows(variant, case, assignment) for variant in forms for case in graded)
    )


def shows(variant: Variant, case: Case, assignment: Assignment) -> bool:
    """Whether a program with that one mistake would be called wrong on this case."""
    p = case.problem
    if not variant.concerns(p.activation, p.output, p.loss):
        return False
    lines = mistaken(variant, p)
    if lines is None:
        return True
    return any(
        lines[name].shape != case.truth[name].shape
        or not bool(((lines[name] - case.truth[name]).abs() <= 4 * case.budget[name]).all())
        for name in gradient_names(p.L)
        if assignment.biases or name.startswith("dW")
    )


def mistaken(variant: Variant, p: Problem) -> dict[str, Tensor] | None:
    """The lines of a program with that one mistake; None where it raises."""
    fixed = variant.with_number(0.5) if variant.fitted else variant
    try:
        return lines_of(work(p.W, p.b, p.x, p.t, p.f, p.pair, p.lam, equations_with({fixed.slot: fixed})))
    except (RuntimeError, IndexError):
        return None


# Drawing -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shape:
    """What a problem is drawn from."""

    N: int
    units: tuple[int, ...]  # D, M(1), …, K
    activation: str
    lam: float


def _cases(assignment: Assignment, rng: np.random.Generator) -> Iterator[Case]:
    depth = min(max(2, assignment.layers[0]), assignment.layers[1])
    square = _square(assignment)  # for choice, so that mistakes which raise elsewhere show what they do to state
    units = (square,) * (depth + 1) if square else _units(assignment, depth, rng)
    shape = Shape(_within(4, assignment.batch), units, assignment.activations[0], _lam(assignment, 0.5))
    first, second = (_draw(assignment, shape, rng, "state") for _ in range(2))
    yield from (Case(first, "state"), Case(second, "state"), Case(first, "state"))
    yield from (Case(problem, "rung") for problem in ladder(assignment))
    for number in range(max(_GENERAL, 6 * len(assignment.activations))):
        yield Case(_draw(assignment, _shape(assignment, number, rng), rng, f"general {number + 1}"), "general")
    yield Case(_large(assignment, rng), "large")


def _shape(assignment: Assignment, number: int, rng: np.random.Generator) -> Shape:
    """Shapes in turn, so that every activation meets every depth, both kinds of λ, N = 1 and N > 1, square and not."""
    name = assignment.activations[number % len(assignment.activations)]
    turn = number // len(assignment.activations)
    low, high = assignment.layers
    depth = high - turn % (high - low + 1)
    lam = _lam(assignment, 0.0 if turn % 4 == 3 else float(rng.choice([0.1, 0.5, 1.5])))
    N = _within(1 if turn % 4 == 2 else int(rng.integers(2, 9)), assignment.batch)
    square = _square(assignment)
    units = (square,) * (depth + 1) if square and turn % 2 == 1 else _units(assignment, depth, rng)
    return Shape(N, units, name, lam)


def _lam(assignment: Assignment, value: float) -> float:
    return value if assignment.l2 else 0.0


def _within(value: int, limits: tuple[int, int]) -> int:
    return min(max(value, limits[0]), limits[1])


def _units(assignment: Assignment, depth: int, rng: np.random.Generator) -> tuple[int, ...]:
    """Numbers of units that differ from layer to layer where the assignment has room for it."""
    limits = [assignment.inputs, *[assignment.widths] * (depth - 1), assignment.outputs]
    drawn: list[int] = []
    for low, high in limits:
        choice = rng.permutation(np.arange(max(low, min(2, high)), min(high, low + 7) + 1))
        drawn.append(next((int(v) for v in choice if int(v) not in drawn[-1:]), int(choice[0])))
    return tuple(drawn)


def _square(assignment: Assignment) -> int:
    """A number of units that input, hidden and output layers may all have, 3 for choice; 0 where there is none."""
    ranges = [assignment.inputs, assignment.outputs, *([assignment.widths] if assignment.layers[1] > 1 else [])]
    low, high = max(r[0] for r in ranges), min(r[1] for r in ranges)
    return _within(3, (low, high)) if low <= high else 0


def _draw(assignment: Assignment, shape: Shape, rng: np.random.Generator, label: str) -> Problem:
    """A problem in general position: both signs of pre-activations, none near a kink."""
    problem: Problem | None = None
    for _ in range(200):
        W = [rng.normal(0, 1.2 / np.sqrt(m), (m, k)) for m, k in zip(shape.units, shape.units[1:], strict=False)]
        b = [rng.normal(0, 0.6, k) * assignment.biases for k in shape.units[1:]]
        x = rng.normal(0, 1, (shape.N, shape.units[0]))
        problem = _problem(assignment, shape, W, b, x, _targets(assignment, shape, rng), label)
        if clear_of_kinks(problem, _KINK_DISTANCE):
            return problem
    assert problem is not None
    return problem


def _targets(assignment: Assignment, shape: Shape, rng: np.random.Generator) -> np.ndarray:
    N, K = shape.N, shape.units[-1]
    if assignment.loss == "cross-entropy":
        return np.eye(K)[rng.permutation(np.arange(N) + int(rng.integers(K))) % K]
    if assignment.loss == "binary-cross-entropy":
        return rng.integers(0, 2, (N, K)).astype(float)
    g = activation(assignment.output, constants(assignment)).f  # whatever it gives lies within its range
    return g(torch.from_numpy(rng.normal(0, 1, (N, K)))).numpy()


def constants(assignment: Assignment) -> Constants:
    """The assignment's constants as the manual network takes them."""
    a = assignment.activation
    return Constants(a.leaky_relu, a.elu, a.swish)


def _problem(
    assignment: Assignment, shape: Shape, W: list, b: list, x: np.ndarray, t: np.ndarray, label: str
) -> Problem:
    tensor: Callable[[np.ndarray], Tensor] = lambda v: torch.from_numpy(np.ascontiguousarray(v, dtype=np.float64))
    return Problem(
        tuple(map(tensor, W)), tuple(map(tensor, b)), tensor(x), tensor(t),
        shape.activation, assignment.output, assignment.loss, shape.lam, constants(assignment), label,
    )  # fmt: skip


def clear_of_kinks(p: Problem, distance: float) -> bool:
    """Whether every pre-activation that meets a kink keeps that distance from it."""
    net = work(p.W, p.b, p.x, p.t, p.f, p.pair, p.lam)
    hidden = curve(p.activation, p.constants).pattern
    output = p.loss == "squared-error" and curve(p.output, p.constants).pattern
    watched = [a for l, a in net.a.items() if (output if l == p.L else hidden)]
    return all(float(a.abs().min()) >= distance for a in watched)


def _large(assignment: Assignment, rng: np.random.Generator) -> Problem:
    depth = assignment.layers[0]
    shape = Shape(_within(2, assignment.batch), _units(assignment, depth, rng), assignment.activations[0], 0.0)
    problem = _draw(assignment, shape, rng, "large scores")
    return Problem(
        tuple(w * _LARGE_SCORES for w in problem.W), problem.b, problem.x, problem.t, problem.activation,
        problem.output, problem.loss, 0.0, problem.constants, problem.label,
    )  # fmt: skip


# The ladder ----------------------------------------------------------------------------------------------------------


def ladder(assignment: Assignment) -> list[Problem]:
    """Small problems in small whole numbers, the smallest first: the first to show an error is the counterexample."""
    shapes = sorted(_rung_shapes(assignment), key=_size)
    return [rung(assignment, shape, f"small {number + 1}") for number, shape in enumerate(shapes)]


def _rung_shapes(assignment: Assignment) -> Iterator[Shape]:
    seen: set[Shape] = set()
    for depth, width, (N, lam) in product(range(1, 4), (1, 2), ((1, 0.0), (2, 0.0), (1, 1.0), (2, 1.0))):
        if not assignment.layers[0] <= depth <= assignment.layers[1] or (depth == 3 and (lam or (width, N) == (2, 1))):
            continue
        units = (
            _within(width, assignment.inputs),
            *[_within(width, assignment.widths)] * (depth - 1),
            _within(width, assignment.outputs),
        )
        names = assignment.activations if depth > 1 else assignment.activations[:1]
        for name in names:
            shape = Shape(_within(N, assignment.batch), units, name, _lam(assignment, lam))
            if shape not in seen:
                seen.add(shape)
                yield shape


def _size(shape: Shape) -> tuple[int, float]:
    numbers = sum(m * k + k for m, k in zip(shape.units, shape.units[1:], strict=False))
    return numbers + shape.N * (shape.units[0] + shape.units[-1]), shape.lam


def rung(assignment: Assignment, shape: Shape, label: str, seed: int = 0) -> Problem:
    """The first draw of small whole numbers that keeps clear of kinks and lets every hidden layer pass something on."""
    rng = np.random.default_rng([7 + seed, *shape.units, shape.N, int(shape.lam)])
    problem: Problem | None = None
    for _ in range(200):
        W = [rng.choice(_SMALL_WHOLE, (m, k)) for m, k in zip(shape.units, shape.units[1:], strict=False)]
        b = [rng.choice((1, -1), k) * assignment.biases for k in shape.units[1:]]
        x = rng.choice(_SMALL_WHOLE, (shape.N, shape.units[0]))
        problem = _problem(assignment, shape, W, b, x, _whole_targets(assignment, shape, rng), label)
        if clear_of_kinks(problem, 0.5) and _alive(problem):
            return problem
    assert problem is not None
    return problem


def _whole_targets(assignment: Assignment, shape: Shape, rng: np.random.Generator) -> np.ndarray:
    if assignment.loss != "squared-error":
        return _targets(assignment, shape, rng)
    low = -1 if assignment.output in ("tanh", "identity") else 0
    return rng.integers(low, 2, (shape.N, shape.units[-1])).astype(float)


def _alive(p: Problem) -> bool:
    """Whether each hidden layer has a unit with a > 0, not all saturated."""
    net = work(p.W, p.b, p.x, p.t, p.f, p.pair, p.lam)
    return all(bool((net.a[l] > 0).any()) and float(net.a[l].abs().min()) < 4 for l in range(1, p.L))
