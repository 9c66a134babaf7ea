"""Which replaced equations reproduce a submission's numbers: decoded from the output layer backwards.

The output layer's gradients depend on the output, δ(L), the mean and the last layer's equations alone, so those slots
are settled first, on that layer of every problem. What is handed down (weights, f′, the rest of δ) is decoded next,
layer by layer with the settled slots fixed, for each activation by itself. Any set of mistakes in different slots is
found without trying all combinations. Decoding screens by value; what survives is accepted only if it reproduces every
number of every problem within the budgets of the mistaken equations themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from itertools import combinations, product

import torch
from torch import Tensor

from manual import Equations, Working, forward
from verify.bounds.bounded import Bounded
from verify.bounds.budget import FLOAT32, FLOAT64
from verify.grading.answers import Answer
from verify.grading.fixtures import Case
from verify.lessons.network.mistakes import Equation, Variant, equations_with, rank, replaced, variants
from verify.problems.lines import gradient_names

_SCREEN = 1e-7  # relative to a line's largest entry; acceptance is by budget
_SCREEN_FLOAT32 = 1e-4
_FLOOR = 1e-13
_FLOOR_FLOAT32 = 1e-5
_MOST_TOPS = 6
_RAISES = (RuntimeError, IndexError, TypeError)

Observed = tuple[Case, Answer]


@dataclass(frozen=True)
class Hypothesis:
    """A set of mistakes: a variant a slot, and for the slot `slope` one an activation."""

    slots: Mapping[str, Variant] = field(default_factory=dict)
    slopes: Mapping[str, Variant] = field(default_factory=dict)
    confined: frozenset[str] = frozenset()  # mistakes that show under some of their activations only
    numbers: Mapping[str, float] = field(default_factory=dict)  # mistake -> its fitted number

    @property
    def mistakes(self) -> tuple[str, ...]:
        found = {v.mistake for v in (*self.slots.values(), *self.slopes.values())}
        return tuple(sorted(found, key=rank))

    @property
    def cost(self) -> tuple[int, int, tuple[int, ...]]:
        """Fewer mistakes first, then those that need no confinement, then by rank."""
        return len(self.mistakes), len(self.confined), tuple(rank(id) for id in self.mistakes)

    @property
    def equations(self) -> Equations:
        return equations_with(dict(self.slots), dict(self.slopes))


@dataclass(frozen=True)
class Decoder:
    """The problems that came back, and what the assignment allows."""

    observed: Sequence[Observed]
    activations: tuple[str, ...]
    output: str
    loss: str
    biases: bool = True
    float32: bool = False
    slack: bool = False  # the numbers are differences of sums, which lose digits: ten are asked for
    _forwards: dict[tuple[int, int], Working] = field(default_factory=dict, repr=False)
    _tolerances: dict[int, float] = field(default_factory=dict, repr=False)
    _options: dict[str, list[Variant | None]] = field(default_factory=dict, repr=False)

    # Candidates ------------------------------------------------------------------------------------------------------

    def options(self, slot: str) -> list[Variant | None]:
        """What may stand in a slot: the right equation, or one of the catalogue's."""
        if slot not in self._options:
            self._options[slot] = [None, *variants(slot, self.activations, self.output, self.loss)]
        return self._options[slot]

    def may_show(self, id: str, name: str) -> bool:
        """Whether that mistake in f′ can show under that activation."""
        forms = (v for v in self.options("slope") if v is not None and v.mistake == id)
        return any(v.concerns(name, self.output, self.loss) for v in forms)

    def net(self, case: Case, equations: Equations) -> Working:
        """A working with its forward lines filled; the same forward pass is computed once."""
        key = (id(case), id(equations.output))
        if key not in self._forwards:
            p = case.problem
            net = Working(dict(enumerate(p.W, 1)), dict(enumerate(p.b, 1)), p.x, p.t, p.f, p.pair, p.lam, equations)
            self._forwards[key] = forward(net)
        return _again(self._forwards[key], equations)

    def close(self, predicted: Tensor, actual: Tensor) -> bool:
        """Whether a prediction is worth a closer look."""
        if predicted.shape != actual.shape:
            return False
        if id(actual) not in self._tolerances:
            scale = float(actual.abs().max()) if actual.numel() else 0.0
            relative, floor = (_SCREEN_FLOAT32, _FLOOR_FLOAT32) if self.float32 else (_SCREEN, _FLOOR)
            self._tolerances[id(actual)] = relative * scale + floor
        return actual.numel() == 0 or float((predicted - actual).abs().max()) <= self._tolerances[id(actual)]

    # Output layer ----------------------------------------------------------------------------------------------------

    def tops(self) -> list[dict[str, Variant]]:
        """The slots of the output layer that reproduce its gradients on every problem, the simplest first."""
        order = sorted(self.observed, key=_telling, reverse=True)
        if not order:
            return []
        found = list(self._first_tops(*order[0]))
        for case, answer in order[1:]:
            found = [slots for slots in found if self._layer_matches(equations_with(slots), case, answer, hidden=False)]
        return sorted(found, key=lambda slots: Hypothesis(slots).cost)[:_MOST_TOPS]

    def _first_tops(self, case: Case, answer: Answer) -> Iterator[dict[str, Variant]]:
        names = ("output", "delta_output", "mean")
        for core in product(*(self.options(name) for name in names)):
            slots = _chosen(names, core)
            try:
                net = self.net(case, equations_with(slots))
                net.delta[net.L] = net.equations.delta_output(net, net.L)
            except _RAISES:
                continue
            biases = list(self._bias_slots(net, answer))
            if biases:
                for weights, bias in product(list(self._weight_slots(net, answer)), biases):
                    yield slots | weights | bias

    def _bias_slots(self, net: Working, answer: Answer) -> Iterator[dict[str, Variant]]:
        actual = answer.lines.get(f"db{net.L}")
        if actual is None or not self.biases:
            yield {}
            return
        for slots in self._either("bias_terms", "bias_gradient"):
            equations = replaced(net.equations, slots)
            if self._predicts(equations.bias_gradient, _again(net, equations, net.delta), actual):
                yield slots

    def _weight_slots(self, net: Working, answer: Answer) -> Iterator[dict[str, Variant]]:
        actual = answer.lines.get(f"dW{net.L}")
        if actual is None:
            yield {}
            return
        for one, decay in product(self._either("weight_terms", "weight_gradient"), self.options("decay")):
            slots = one | _chosen(("decay",), (decay,))
            equations = replaced(net.equations, slots)
            if self._predicts(equations.weight_gradient, _again(net, equations, net.delta), actual):
                yield slots

    def _either(self, *names: str) -> list[dict[str, Variant]]:
        """The right equations, or a mistake in one of those slots: they are parts of one equation on the slides."""
        return [{}, *({name: v} for name in names for v in self.options(name) if v is not None)]

    def _predicts(self, equation: Equation, net: Working, actual: Tensor) -> bool:
        try:
            return self.close(equation(net, net.L), actual)
        except _RAISES:
            return False

    # Hidden layers ---------------------------------------------------------------------------------------------------

    def search(self) -> Iterator[Hypothesis]:
        """Sets of mistakes that survive the screening; those of few output and shared mistakes first."""
        tops = self.tops()
        deep = self._deep()
        if not deep:
            yield from (Hypothesis(top) for top in tops)
            return
        plain = [c for c in self.options("carried") if c is None or not c.fitted]
        yield from self._below(tops, deep, dict.fromkeys(range(len(tops)), plain))
        yield from self._below(tops, deep, {i: list(self._fitted(top, deep)) for i, top in enumerate(tops)})

    def _deep(self) -> dict[str, list[Observed]]:
        """The problems with hidden layers, by activation."""
        deep = {
            name: sorted(
                [(c, a) for c, a in self.observed if c.problem.activation == name and c.problem.L > 1],
                key=_shallow_telling,
            )
            for name in self.activations
        }
        return {name: cases for name, cases in deep.items() if cases}

    def _below(
        self,
        tops: list[dict[str, Variant]],
        deep: Mapping[str, list[Observed]],
        carried: Mapping[int, list[Variant | None]],
    ) -> Iterator[Hypothesis]:
        shared = [
            top | _chosen(("carried", "delta_hidden"), choice)
            for i, top in enumerate(tops)
            for choice in product(carried[i], self.options("delta_hidden"))
        ]
        for slots in sorted(shared, key=len):
            slopes: dict[str, list[Variant | None]] = {}
            for name, cases in deep.items():
                slopes[name] = self._slopes(slots, name, cases)
                if not slopes[name]:
                    break
            else:
                yield from _covered(slots, slopes, self)

    def _slopes(self, slots: dict[str, Variant], name: str, cases: list[Observed]) -> list[Variant | None]:
        """What may stand for f′ of that activation."""
        replaced = slots.get("delta_hidden")
        if replaced is not None and replaced.mistake == "relu-of-gradient":
            options: list[Variant | None] = [None]  # it has no f′
        else:
            options = [v for v in self.options("slope") if v is None or v.concerns(name, self.output, self.loss)]
        for case, answer in cases:
            options = [
                v
                for v in options
                if self._layer_matches(equations_with(slots, {name: v} if v else None), case, answer, hidden=True)
            ]
        return options

    def _layer_matches(self, equations: Equations, case: Case, answer: Answer, *, hidden: bool) -> bool:
        """Whether the equations reproduce the output layer's gradients, or those of the hidden layers."""
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
                        return False
        except _RAISES:
            return False
        return True

    def _fitted(self, top: dict[str, Variant], deep: Mapping[str, list[Observed]]) -> Iterator[Variant]:
        """Weights stepped too early, with the η that fits one problem: δ(L−1) is linear in it."""
        forms = [v for v in self.options("carried") if v is not None and v.fitted]
        for form, (name, cases) in product(forms, deep.items()):
            case, answer = cases[0]
            for slope in self.options("slope"):
                if slope is None or slope.concerns(name, self.output, self.loss):
                    number = self._fit(form, top, {name: slope} if slope else {}, case, answer)
                    if number is not None:
                        yield replace(form.with_number(number), form=f"η = {number:.6g}")

    def _fit(
        self, form: Variant, top: dict[str, Variant], slopes: dict[str, Variant], case: Case, answer: Answer
    ) -> float | None:
        l = case.problem.L - 1
        actual = [answer.lines.get(name) for name in (f"db{l}", f"dW{l}")]
        at = [self._lines_below(top | {"carried": form.with_number(eta)}, slopes, case) for eta in (0.0, 1.0)]
        if at[0] is None or at[1] is None:
            return None
        lines = zip(actual, at[0], at[1], strict=True)
        moved = [(a, p, q - p) for a, p, q in lines if a is not None and a.shape == p.shape]
        size = sum(float(torch.sum(d * d)) for _, _, d in moved)
        if not moved or size == 0:
            return None
        eta = sum(float(torch.sum((a - p) * d)) for a, p, d in moved) / size
        fits = all(self.close(p + eta * d, a) for a, p, d in moved)
        return _rounded(eta) if fits and abs(eta) > 1e-9 else None

    def _lines_below(
        self, slots: dict[str, Variant], slopes: dict[str, Variant], case: Case
    ) -> tuple[Tensor, Tensor] | None:
        """db and dW of the last hidden layer."""
        equations = equations_with(slots, slopes)
        try:
            net = self.net(case, equations)
            net.delta[net.L] = equations.delta_output(net, net.L)
            net.dW[net.L] = equations.weight_gradient(net, net.L)
            l = net.L - 1
            net.delta[l] = equations.delta_hidden(net, l)
            return equations.bias_gradient(net, l), equations.weight_gradient(net, l)
        except _RAISES:
            return None

    # Acceptance ------------------------------------------------------------------------------------------------------

    def accepted(self) -> tuple[Hypothesis, list[Hypothesis]] | None:
        """The simplest set of mistakes that reproduces every number within budget, and others of its size."""
        best: Hypothesis | None = None
        others: list[Hypothesis] = []
        for hypothesis in self.search():
            if best is not None and len(hypothesis.slots) > len(best.mistakes):
                break  # what is still to come has more mistakes
            if not hypothesis.mistakes or (best is not None and hypothesis.cost > best.cost):
                others.append(hypothesis)
            elif self.reproduces(hypothesis.equations):
                others.extend([best] if best is not None else [])
                best = hypothesis
        if best is None:
            return None
        return best, [h for h in others if len(h.mistakes) == len(best.mistakes)]

    def reproduces(self, equations: Equations) -> bool:
        """Whether the equations give the submission's numbers on every problem, within their own budgets."""
        u = FLOAT32 if self.float32 else FLOAT64
        return all(self._within(equations, case, answer, u) for case, answer in self.observed)

    def _within(self, equations: Equations, case: Case, answer: Answer, u: float) -> bool:
        try:
            lines = case.bounded_lines(equations, u)
        except _RAISES:
            return False
        for name in gradient_names(case.problem.L):
            actual = answer.lines.get(name)
            if actual is None or (name.startswith("db") and not self.biases):
                continue
            if not _inside(lines[name], actual, 1e-10 if self.slack else 0.0):
                return False
        return True


def _again(net: Working, equations: Equations, delta: dict[int, Tensor] | None = None) -> Working:
    """The same forward lines under other equations, with nothing of the backward pass but the given δ."""
    made = copy(net)
    made.equations, made.delta, made.dW, made.db = equations, {} if delta is None else delta, {}, {}
    return made


def _inside(line: Bounded, actual: Tensor, lost: float) -> bool:
    """Whether a value is the line's within twice its budget, and what sums have lost."""
    allowed = 2 * line.error + lost * (1 + line.value.abs())
    return line.shape == actual.shape and bool(((line.value - actual).abs() <= allowed).all())


def _chosen(names: Sequence[str], choice: Sequence[Variant | None]) -> dict[str, Variant]:
    return {name: v for name, v in zip(names, choice, strict=True) if v is not None}


def _telling(observed: Observed) -> tuple:
    """Problems that tell more come first: several samples and outputs, λ > 0, a hidden layer."""
    p = observed[0].problem
    return p.N > 2, p.lam > 0, len({*p.layers}) == len(p.layers), p.L > 1, p.t.shape[1] > 2, p.N


def _shallow_telling(observed: Observed) -> tuple:
    """Two layers before three, and among those the telling first."""
    p = observed[0].problem
    return p.L, p.N <= 2, p.lam == 0, -p.N


def _rounded(number: float) -> float:
    """The number as it was probably typed: a fit is off in its last digits only."""
    short = float(f"{number:.4g}")
    return short if abs(short - number) <= 1e-8 * abs(number) else number


def _covered(
    slots: dict[str, Variant], slopes: Mapping[str, list[Variant | None]], decoder: Decoder
) -> Iterator[Hypothesis]:
    """The smallest choices of mistakes in f′ that account for every activation."""
    wrong = [name for name, options in slopes.items() if None not in options]
    if not wrong:
        yield Hypothesis(slots)
        return
    ids = sorted({v.mistake for options in slopes.values() for v in options if v is not None}, key=rank)
    for size in range(1, len(wrong) + 1):
        made = [
            h for choice in combinations(ids, size) if (h := _cover(slots, slopes, wrong, choice, decoder)) is not None
        ]
        if made:
            yield from made
            return


def _cover(
    slots: dict[str, Variant],
    slopes: Mapping[str, list[Variant | None]],
    wrong: Sequence[str],
    choice: Sequence[str],
    decoder: Decoder,
) -> Hypothesis | None:
    picked: dict[str, Variant] = {}
    for name, options in slopes.items():
        variant = next((v for id in choice for v in options if v is not None and v.mistake == id), None)
        if variant is not None:
            picked[name] = variant
    if any(name not in picked for name in wrong) or {picked[n].mistake for n in wrong} != set(choice):
        return None
    confined = {
        id
        for id in choice
        for name in slopes
        if (name not in picked or picked[name].mistake != id) and decoder.may_show(id, name)
    }
    return Hypothesis(slots, picked, frozenset(confined))
