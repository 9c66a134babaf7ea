"""What may stand in the slots of a decoder, and whether it gives the numbers that came back, looked at by value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from manual import Equations, Working, forward
from verify.grading.answers import Answer
from verify.lessons.network.cases.fixtures import Case
from verify.lessons.network.fitted import Throughout
from verify.lessons.network.mistakes import Variant, equations_with, variants

_SCREEN = 1e-7  # relative to a line's largest entry; acceptance is by budget
_SCREEN_FLOAT32 = 1e-4
_FLOOR = 1e-13
_FLOOR_FLOAT32 = 1e-5
RAISES = (RuntimeError, IndexError, TypeError)
_OF_THE_MEAN = ("mean-missing", "mean-twice", "mean-per-layer", "bias-mean-again")

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
        """Whether a mistake in the mean or the penalty can show on what came back."""
        if id.startswith(("l2-", "l1-")):
            return any(case.problem.lam != 0 for case, _ in self.observed)
        return not id.startswith(_OF_THE_MEAN) or any(case.problem.N > 1 for case, _ in self.observed)

    def may_show(self, id: str, name: str) -> bool:
        """Whether that mistake in f′ can show under that activation."""
        forms = (v for v in self.options("slope") if v is not None and v.mistake == id)
        return any(v.concerns(name, self.output, self.loss, self.penalty) for v in forms)

    def equations(self, slots: Slots, slopes: Mapping[str, Variant] | None = None) -> Equations:
        """The slides' equations with those variants, and with what the program does throughout."""
        made = equations_with(slots, slopes)
        return made if self.throughout is None else self.throughout.wrapped(made)

    def net(self, case: Case, equations: Equations) -> Working:
        """A working with its forward lines filled; the same forward pass is computed once."""
        key = (id(case), id(equations.output))
        if key not in self._forwards:
            p = case.problem
            f = p.f if self.throughout is None else self.throughout.f(p.f)
            W, b = dict(enumerate(p.W, 1)), dict(enumerate(p.b, 1))
            net = Working(W, b, p.x, p.t, f, p.pair, p.lam, equations, p.form)
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
            self._tolerances[id(actual)] = relative * scale + floor
        return self._tolerances[id(actual)]

    def layer_matches(self, equations: Equations, case: Case, answer: Answer, *, hidden: bool) -> bool:
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
        except RAISES:
            return False
        return True

    def nearly_right(self) -> bool:
        """Whether the right equations give everything up to the screening: no replaced one could be told from them."""
        right = self.equations({})
        return all(self.layer_matches(right, c, a, hidden=False) for c, a in self.observed) and all(
            self.layer_matches(right, c, a, hidden=True) for c, a in self.observed if c.problem.L > 1
        )


def again(net: Working, equations: Equations, delta: dict[int, Tensor] | None = None) -> Working:
    """The same forward lines under other equations, with the δ that are given, or a copy of those that are there."""
    made = object.__new__(Working)  # copy.copy, without the cost that decoding feels
    made.__dict__.update(net.__dict__)
    made.equations, made.delta = equations, dict(net.delta) if delta is None else delta
    made.dW, made.db = dict(net.dW), dict(net.db)
    return made
