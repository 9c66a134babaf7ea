"""What may stand in the slots of a decoder, and whether it gives the numbers that came back: by value, by budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from torch import Tensor

from manual import Equations, Working, forward
from verify.bounds.bounded import Bounded
from verify.bounds.budget import FLOAT32, FLOAT64
from verify.bounds.forms import parameter_of, step_rounding
from verify.grading.answers import Answer
from verify.lessons.network.cases.fixtures import Case
from verify.lessons.network.fitted import Throughout
from verify.lessons.network.mistake import without_error
from verify.lessons.network.mistakes import Variant, equations_with, variants
from verify.problems.lines import gradient_names

_SCREEN = 1e-7  # relative to a line's largest entry; acceptance is by budget
_SCREEN_FLOAT32 = 1e-4
_FLOOR = 1e-13
_FLOOR_FLOAT32 = 1e-5
_NEAR = 1e-4  # what is that close in a line's largest entry is asked by its budget
RAISES = (RuntimeError, IndexError, TypeError)
# What one sample cannot show: with N = 1 these are the right equations.
_OF_SEVERAL = (
    "mean-missing", "mean-twice", "mean-per-layer", "bias-mean-again", "weight-mean-again", "weights-not-summed",
    "l2-times-n",
)  # fmt: skip

Observed = tuple[Case, Answer]
Slots = dict[str, Variant]


@dataclass(frozen=True)
class Candidates:
    """The problems that came back, what the assignment allows, and what may stand in each slot."""

    observed: Sequence[Observed]
    activations: tuple[str, ...]
    output: str
    loss: str
    biases: bool = True
    float32: bool = False
    slack: bool = False  # the numbers are differences of sums, which lose digits: ten are asked for
    throughout: Throughout | None = None
    eta: float | None = None  # the numbers are (W − W after a step of η) / η
    _forwards: dict[tuple[int, int], Working] = field(default_factory=dict, repr=False)
    _tolerances: dict[int, float] = field(default_factory=dict, repr=False)
    _options: dict[str, list[Variant | None]] = field(default_factory=dict, repr=False)

    @property
    def penalty(self) -> str:
        """The penalty's name, of the problems that came back."""
        return self.observed[0][0].problem.penalty if self.observed else "lam/2"

    # Candidates ------------------------------------------------------------------------------------------------------

    def options(self, slot: str) -> list[Variant | None]:
        """What may stand in a slot: the right equation, or one of the catalogue's."""
        if slot not in self._options:
            every = variants(slot, self.activations, self.output, self.loss, self.penalty)
            self._options[slot] = [None, *(v for v in every if self._can_show(v.mistake))]
        return self._options[slot]

    def _can_show(self, id: str) -> bool:
        """Whether a mistake in the mean, the sum or the penalty can show on what came back."""
        if id.startswith(_OF_SEVERAL) and all(case.problem.N == 1 for case, _ in self.observed):
            return False
        return not id.startswith(("l2-", "l1-")) or any(case.problem.lam != 0 for case, _ in self.observed)

    def may_show(self, id: str, name: str) -> bool:
        """Whether that mistake in f′ can show under that activation."""
        forms = (v for v in self.options("slope") if v is not None and v.mistake == id)
        return any(v.concerns(name, self.output, self.loss, self.penalty) for v in forms)

    def equations(self, slots: Slots, slopes: Mapping[str, Variant] | None = None) -> Equations:
        """The slides' equations with those variants, and with what the program does throughout."""
        made = equations_with(slots, slopes)
        return made if self.throughout is None else self.throughout.wrapped(made)

    def net(self, case: Case, equations: Equations) -> Working:
        """A working with its forward lines but E filled; the same forward pass is computed once."""
        key = (id(case), id(equations.output))
        if key not in self._forwards:
            p = case.problem
            f = p.f if self.throughout is None else self.throughout.f(p.f)
            W, b = dict(enumerate(p.W, 1)), dict(enumerate(p.b, 1))
            net = Working(W, b, p.x, p.t, f, p.pair, p.lam, without_error(equations), p.form)
            self._forwards[key] = forward(net)
        return again(self._forwards[key], equations)

    def close(self, predicted: Tensor, actual: Tensor) -> bool:
        """Whether a prediction is worth a closer look."""
        if predicted.shape != actual.shape:
            return False
        return actual.numel() == 0 or float((predicted - actual).abs().max()) <= self._tolerance(actual)

    def all_close(self, predicted: Tensor, actual: Tensor) -> list[bool]:
        """The same of several predictions, stacked."""
        if actual.numel() == 0:
            return [True] * len(predicted)
        return ((predicted - actual).abs().flatten(1).amax(dim=1) <= self._tolerance(actual)).tolist()

    def _tolerance(self, actual: Tensor) -> float:
        if id(actual) not in self._tolerances:
            scale = float(actual.abs().max()) if actual.numel() else 0.0
            relative, floor = (_SCREEN_FLOAT32, _FLOOR_FLOAT32) if self.float32 else (_SCREEN, _FLOOR)
            self._tolerances[id(actual)] = relative * scale + floor + self._lost_in_steps
        return self._tolerances[id(actual)]

    @cached_property
    def _lost_in_steps(self) -> float:
        """What (W − W_new) / η keeps of no gradient: of the largest parameter, a unit in its last place, over η."""
        if self.eta is None:
            return 0.0
        largest = max(float(v.abs().max()) for case, _ in self.observed for v in (*case.problem.W, *case.problem.b))
        return 2 * (FLOAT32 if self.float32 else FLOAT64) * largest / self.eta

    def layer_matches(self, equations: Equations, case: Case, answer: Answer, *, hidden: bool) -> bool:
        """Whether the equations reproduce the output layer's gradients, or those of the hidden layers.

        Where a difference such as 1 − y has lost digits, values alone cannot tell: what comes near is asked by budget.
        """
        near: list[str] = []
        try:
            net = self.net(case, equations)
            for l in range(net.L, 0 if hidden else net.L - 1, -1):
                net.delta[l] = equations.delta_output(net, l) if l == net.L else equations.delta_hidden(net, l)
                for kind, held, equation in (
                    ("db", net.db, equations.bias_gradient), ("dW", net.dW, equations.weight_gradient)
                ):  # fmt: skip
                    held[l] = equation(net, l)
                    actual = answer.lines.get(f"{kind}{l}")
                    graded = (l < net.L or not hidden) and (kind == "dW" or self.biases)
                    if graded and actual is not None and not self.close(held[l], actual):
                        if not _comes_near(held[l], actual):
                            return False
                        near.append(f"{kind}{l}")
        except RAISES:
            return is_misshapen(case, answer)
        return not near or self.within(equations, case, answer, near)

    def nearly_right(self) -> bool:
        """Whether the right equations give everything up to the screening: no replaced one could be told from them."""
        right = self.equations({})
        return all(
            self.layer_matches(right, c, answer, hidden=hidden)
            for c, answer in self.observed
            for hidden in ((False, True) if c.problem.L > 1 else (False,))
        )

    def reproduces(self, equations: Equations) -> bool:
        """Whether the equations give the submission's numbers on every problem, within their own budgets."""
        worked_out = False
        for case, answer in self.observed:
            lines = self._bounded(equations, case)
            if lines is not None and not self._inside(lines, case, answer, gradient_names(case.problem.L)):
                return False
            if lines is None and not is_misshapen(case, answer):
                return False
            worked_out |= lines is not None
        return worked_out

    def within(self, equations: Equations, case: Case, answer: Answer, names: Sequence[str]) -> bool:
        """Whether the equations give those lines within their own budgets."""
        lines = self._bounded(equations, case)
        return lines is not None and self._inside(lines, case, answer, names)

    def _bounded(self, equations: Equations, case: Case) -> Mapping[str, Bounded] | None:
        """The lines by those equations; None where they cannot be worked out."""
        u = FLOAT32 if self.float32 else FLOAT64
        try:
            if self.throughout is None:
                return case.bounded_lines(equations, u)
            return self.throughout.bounded_lines(case, equations, u)
        except RAISES:
            return None

    def _inside(self, lines: Mapping[str, Bounded], case: Case, answer: Answer, names: Sequence[str]) -> bool:
        for name in names:
            actual = answer.lines.get(name)
            if actual is None or (name.startswith("db") and not self.biases):
                continue
            if not _inside(lines[name], actual, self._lost(case, name, lines[name])):
                return False
        return True

    def _lost(self, case: Case, name: str, line: Bounded) -> Tensor | float:
        """What the numbers have lost since they were the line's: in a difference of sums, or of weights."""
        if self.eta is not None:
            w = parameter_of(case.problem, name)
            u = FLOAT32 if self.float32 else FLOAT64
            return step_rounding(w, line.value, self.eta, u) if line.shape == w.shape else 0.0
        return 1e-10 * (1 + line.value.abs()) if self.slack else 0.0


def is_misshapen(case: Case, answer: Answer) -> bool:
    """Whether shapes did not go together in the program, and NumPy stretched an axis of 1 where torch raises.

    What a mistaken equation would give there is not defined, so the numbers speak neither for it nor against it.
    """
    names = gradient_names(case.problem.L)
    return any(n in answer.lines and answer.lines[n].shape != case.truth[n].shape for n in names)


def _comes_near(predicted: Tensor, actual: Tensor) -> bool:
    if predicted.shape != actual.shape or not actual.numel():
        return False
    return float((predicted - actual).abs().max()) <= _NEAR * float(actual.abs().max())


def _inside(line: Bounded, actual: Tensor, lost: Tensor | float) -> bool:
    """Whether a value is the line's within twice its budget, and what it has lost."""
    allowed = 2 * line.error + lost
    return line.shape == actual.shape and bool(((line.value - actual).abs() <= allowed).all())


def again(net: Working, equations: Equations, delta: dict[int, Tensor] | None = None) -> Working:
    """The same forward lines under other equations, with the δ that are given, or a copy of those that are there."""
    made = object.__new__(Working)  # copy.copy, without the cost that decoding feels
    made.__dict__.update(net.__dict__)
    made.equations, made.delta = equations, dict(net.delta) if delta is None else delta
    made.dW, made.db = dict(net.dW), dict(net.db)
    return made
