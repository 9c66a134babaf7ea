"""The problems of a grading run, checked before use: together they expose every mistake that the assignment can show.

In this order: three calls for state (a problem, another of the same shapes, the first again); the ladder, small
problems in small whole numbers that a student can redo by hand; general problems of all shapes that the assignment
allows, N = 1 and N > 1, λ = 0 and λ > 0, square and not, both signs of pre-activations, kinks left out; for each
activation one that reaches far and one with large gradients; exact zeros at kinks, where any subgradient is right;
last, one problem with large scores, asked for advice alone. Everything follows from the assignment and its seed.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np
from torch import Tensor

from manual import SLIDES, Equations, Working, backward
from verify.bounds.bounded import Bounded
from verify.bounds.budget import FLOAT32, FLOAT64, bounded_working, lines_of
from verify.grading.assignment import Assignment
from verify.grading.machinery.posing import GRADED
from verify.lessons.network.cases import drawing
from verify.lessons.network.cases.drawing import Shape, penalty, square_of, units_of, within
from verify.lessons.network.cases.kinked import at_kinks
from verify.lessons.network.cases.ladder import ladder
from verify.lessons.network.cases.near import near
from verify.lessons.network.mistakes import CATALOGUE, Variant, equations_with
from verify.problems.lines import gradient_names
from verify.problems.problem import Problem

# The problems that have one right answer; those at kinks have many, and count as well.
_GENERAL = 18
_REDRAWS = 4
_FEW = 10_000  # entries
_MOST_NUMBERS = 2_000_000  # parameters of all general problems together: of wide networks there are fewer


@dataclass(frozen=True, eq=False)
class Case:
    """A problem of the run with its right answers, each with its budget in float64 and in float32."""

    problem: Problem
    role: str  # state | rung | general | kink | large; wide (`judging/wide.py`), in none of the fixture

    @cached_property
    def working(self) -> Working:
        p = self.problem
        return p.work()

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
        net = bounded_working(self.problem, u)
        errors = {name: line.error for name, line in lines_of(net).items()}
        net.dW, net.db = {}, {}  # no line is computed from them, and they hold the most
        self._bounded[u] = net
        return errors

    def allowed(self, name: str, *, float32: bool = False) -> Tensor:
        """How far a program's value may be from ours: its rounding and our own."""
        if (name, float32) in self._allowed:
            return self._allowed[name, float32]
        allowed = self.budget[name] + (self.budget32 if float32 else self.budget)[name]
        if allowed.numel() <= _FEW:  # of large lines another copy costs more than the sum
            self._allowed[name, float32] = allowed
        return allowed

    @cached_property
    def _allowed(self) -> dict[tuple[str, bool], Tensor]:
        return {}

    def bounded_net(self, u: float) -> Working:
        """The bounded working, as a copy whose lines may be replaced."""
        if u not in self._bounded:
            self._errors(u)
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
        return {}


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
    seed = assignment.practice_seed if seed is None else seed
    best: Fixture | None = None
    for attempt in range(_REDRAWS):
        cases = tuple(_cases(assignment, np.random.default_rng([seed, attempt]), seed))
        drawn = Fixture(assignment, cases, hidden_in(assignment, cases), seed)
        if best is None or len(drawn.hidden) < len(best.hidden):
            best = drawn
        if not best.hidden or (attempt and drawn.hidden == best.hidden):
            break  # shown, or hidden by the assignment and not by the draw
    assert best is not None
    return best


# Certificate ---------------------------------------------------------------------------------------------------------


def hidden_in(assignment: Assignment, cases: tuple[Case, ...]) -> tuple[str, ...]:
    """The mistakes of the catalogue that change nothing beyond the budgets on any of the cases."""
    graded = [case for case in cases if case.role in GRADED]
    concerned = {
        m.id: [
            v
            for v in m.variants
            if any(
                v.concerns(f, assignment.output, assignment.loss, assignment.penalty) for f in assignment.activations
            )
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
    if not variant.concerns(p.activation, p.output, p.loss, p.penalty):
        return False
    lines = mistaken(variant, case)
    if lines is None:
        return True
    return any(
        lines[name].shape != case.truth[name].shape
        or not bool(((lines[name] - case.truth[name]).abs() <= 4 * case.budget[name]).all())
        for name in gradient_names(p.L)
        if assignment.biases or name.startswith("dW")
    )


def mistaken(variant: Variant, case: Case) -> dict[str, Tensor] | None:
    """The lines of a program with that one mistake; None where it raises."""
    fixed = variant.with_number(0.5) if variant.fitted else variant
    equations = equations_with({fixed.slot: fixed})
    try:
        if fixed.slot == "output":
            return lines_of(case.problem.work(equations))
        net = copy(case.working)  # the forward pass is the slides'
        net.equations, net.delta, net.dW, net.db = equations, {}, {}, {}
        return lines_of(backward(net))
    except (RuntimeError, IndexError):
        return None


# Drawing -------------------------------------------------------------------------------------------------------------


def _cases(assignment: Assignment, rng: np.random.Generator, seed: int) -> Iterator[Case]:
    depth = min(max(2, assignment.layers[0]), assignment.layers[1])
    square = square_of(assignment)  # for choice, so that mistakes which raise elsewhere show what they do to state
    units = (square,) * (depth + 1) if square else units_of(assignment, depth, rng)
    shape = Shape(within(4, assignment.batch), units, assignment.activations[0], penalty(assignment, 0.5))
    first, second = (drawing.general(assignment, shape, rng, "state") for _ in range(2))
    yield from (Case(first, "state"), Case(second, "state"), Case(first, "state"))
    yield from (Case(problem, "rung") for problem in ladder(assignment, seed))
    for number in range(_general(assignment)):
        shape = _shape(assignment, number, rng)
        yield Case(drawing.general(assignment, shape, rng, f"general {number + 1}"), "general")
    yield from _special(assignment, rng)
    yield Case(drawing.large(assignment, rng), "large")


def _general(assignment: Assignment) -> int:
    """How many general problems: enough for every combination, and fewer where they are large."""
    wanted = max(_GENERAL, 5 * len(assignment.activations))
    widths = (assignment.inputs[0], *[assignment.widths[0]] * (assignment.layers[1] - 1), assignment.outputs[0])
    parameters = sum(m * k for m, k in pairwise(widths))
    return max(min(wanted, _MOST_NUMBERS // parameters), 3 * len(assignment.activations), 8)


def _special(assignment: Assignment, rng: np.random.Generator) -> Iterator[Case]:
    """For each activation the problems that reach far, are steep, lie close to where it bends, and at its kink."""

    def turn(name: str, depth: int, N: int, lam: float) -> Shape:
        units = units_of(assignment, within(depth, assignment.layers), rng)
        return Shape(within(N, assignment.batch), units, name, penalty(assignment, lam))

    for at, name in enumerate(assignment.activations):
        shape = _wide_enough(turn(name, 2, 3 if at % 2 else 1, 0.0), assignment)
        yield Case(drawing.far(assignment, shape, rng, f"far {at + 1}"), "general")
        # Three layers: a large δ is handed down once more, and shows what is done to it on the way.
        shape = turn(name, 3, 1 if at % 2 else 2, 0.5)
        yield Case(drawing.steep(assignment, shape, rng, f"steep {at + 1}"), "general")
        close = near(assignment, _wide_enough(turn(name, 3, 1, 0.0), assignment, 8), rng, f"near {at + 1}")
        if close is not None:
            yield Case(close, "general")
        kink = at_kinks(assignment, turn(name, 2, 2, 0.5), rng, f"kink {at + 1}")
        if kink is not None:
            yield Case(kink, "kink")


def _wide_enough(shape: Shape, assignment: Assignment, wanted: int = 6) -> Shape:
    """The shape with hidden units enough for each to be driven in its own way, where the assignment allows them."""
    hidden = [max(m, within(wanted, assignment.widths)) for m in shape.units[1:-1]]
    return replace(shape, units=(shape.units[0], *hidden, shape.units[-1]))


def _shape(assignment: Assignment, number: int, rng: np.random.Generator) -> Shape:
    """Shapes in turn, so that every activation meets every depth, both kinds of λ, N = 1 and N > 1, square and not."""
    name = assignment.activations[number % len(assignment.activations)]
    turn = number // len(assignment.activations)
    low, high = assignment.layers
    depth = high - turn % (high - low + 1)
    lam = penalty(assignment, 0.0 if turn % 4 == 3 else float(rng.choice([0.1, 0.5, 1.5])))
    N = within(1 if turn % 4 == 2 else int(rng.integers(2, 9)), assignment.batch)
    square = square_of(assignment)
    units = (square,) * (depth + 1) if square and turn % 2 == 1 else units_of(assignment, depth, rng)
    return Shape(N, units, name, lam)
