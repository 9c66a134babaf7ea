"""Which replaced equations reproduce a submission's numbers: decoded from the output layer backwards.

The output layer's gradients depend on the output, δ(L), the mean and the last layer's equations alone, so those slots
are settled first, on that layer of every problem. What is handed down (weights, f′, the rest of δ) is decoded next:
screened on the last hidden layer of one problem per activation, then followed through all layers of all problems. Any
set of mistakes in different slots is found without trying all combinations. Decoding screens by value; what survives is
accepted only if it reproduces every number of every problem within the budgets of the mistaken equations themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product

import torch
from torch import Tensor

from manual import SLIDES, Equations, Working, backward
from verify.grading.answers import Answer
from verify.lessons.network.candidates import RAISES, Candidates, Observed, Slots, again
from verify.lessons.network.cases.fixtures import Case
from verify.lessons.network.hypothesis import Hypothesis, covered
from verify.lessons.network.mistakes import Equation, Variant, replaced
from verify.lessons.network.typed import rounded

_MOST_TOPS = 6

Decays = list[tuple[Variant | None, Tensor | None]]  # forms of the penalty's gradient, with their values in a layer

BELOW = ("carried", "delta_hidden", "bias_terms", "decay")


@dataclass(frozen=True)
class Screened:
    """What may stand below the output layer, as one problem has it: the shared slots, and f′ of its activation."""

    shared: tuple[Variant | None, ...]  # in the order of BELOW
    slope: Variant | None


@dataclass(frozen=True)
class Decoder(Candidates):
    """Sets of mistakes that reproduce what came back."""

    # Output layer ----------------------------------------------------------------------------------------------------

    def tops(self) -> list[Slots]:
        """The slots of the output layer that reproduce its gradients on every problem, the simplest first."""
        order = sorted(self.observed, key=_telling, reverse=True)
        if not order:
            return []
        found = list(self._first_tops(*order[0]))
        for case, answer in order[1:]:
            found = [slots for slots in found if self.layer_matches(self.equations(slots), case, answer, hidden=False)]
        return sorted(found, key=lambda slots: Hypothesis(slots).cost)[:_MOST_TOPS]

    def _first_tops(self, case: Case, answer: Answer) -> Iterator[Slots]:
        names = ("output", "delta_output", "mean")
        of_weights = self._made_of_weight_gradient(case, answer)
        for core in product(*(self.options(name) for name in names)):
            slots = _chosen(names, core)
            try:
                net = self.net(case, self.equations(slots))
                net.delta[net.L] = net.equations.delta_output(net, net.L)
            except RAISES:
                continue
            biases = [*of_weights, *self._bias_slots(net, answer)]
            if biases:
                for weights, bias in product(list(self._weight_slots(net, answer)), biases):
                    yield slots | weights | bias

    def _made_of_weight_gradient(self, case: Case, answer: Answer) -> list[Slots]:
        """The biases' slots where db(L) is a sum of the program's own dW(L), whatever that is."""
        L = case.problem.L
        db, dW = answer.lines.get(f"db{L}"), answer.lines.get(f"dW{L}")
        if db is None or dW is None or not self.biases or dW.shape != case.problem.W[-1].shape:
            return []
        terms = dW - case.problem.rate * case.problem.W[-1]
        sums = (dW.sum(0), dW.sum(0) / len(dW), terms.sum(0), terms.sum(0) * case.problem.N)
        forms = [v for v in self.options("bias_gradient") if v is not None and v.mistake == "bias-from-weight-gradient"]
        return [{"bias_gradient": v} for v, total in zip(forms, sums, strict=True) if self.close(total, db)]

    def _bias_slots(self, net: Working, answer: Answer) -> Iterator[Slots]:
        actual = answer.lines.get(f"db{net.L}")
        if actual is None or not self.biases:
            yield {}
            return
        for slots in self._either("bias_terms", "bias_gradient"):
            if any(v.mistake == "bias-from-weight-gradient" or v.layers == "below" for v in slots.values()):
                continue
            equations = replaced(net.equations, slots)
            if self._predicts(equations.bias_gradient, again(net, equations, net.delta), net.L, actual):
                yield slots

    def _weight_slots(self, net: Working, answer: Answer) -> Iterator[Slots]:
        actual = answer.lines.get(f"dW{net.L}")
        if actual is None:
            yield {}
            return
        decays = self._decays(net, self._decays_at_output(), net.L)
        for one in self._either("weight_terms", "weight_gradient"):
            equations = replaced(net.equations, one)
            try:
                matching = self._with_decay(again(net, equations, net.delta), net.L, decays, actual)
            except RAISES:
                continue
            yield from (one | _chosen(("decay",), (v,)) for v in matching)

    def _decays(self, net: Working, forms: Sequence[Variant | None], l: int) -> Decays:
        """What may stand for the penalty's gradient, with its value in that layer; None where it raises."""
        found: Decays = []
        for v in forms:
            try:
                found.append((v, (net.equations.decay if v is None else v.equation)(net, l)))
            except RAISES:
                found.append((v, None))
        return found

    def _with_decay(self, net: Working, l: int, decays: Decays, actual: Tensor) -> list[Variant | None]:
        """Which of them gives dW(l): the samples' terms are the same for all, and are computed once."""
        given = [(v, decay) for v, decay in decays if decay is not None]
        bare = replaced(net.equations, {"decay": _NO_DECAY})
        terms = bare.weight_gradient(again(net, bare, net.delta), l)
        if not given or any(value.shape != actual.shape for value in (terms, *(decay for _, decay in given))):
            return [v for v, decay in given if self.close(terms + decay, actual)]
        near = self.all_close(terms + torch.stack([decay for _, decay in given]), actual)
        return [v for (v, _), close in zip(given, near, strict=True) if close]

    def _decays_at_output(self) -> list[Variant | None]:
        return [v for v in self.options("decay") if v not in self._decays_below]

    @cached_property
    def _decays_below(self) -> list[Variant]:
        """The penalty's forms that are right in the output layer of every problem."""
        right = lambda v: all(
            torch.equal(v.equation(c.working, c.problem.L), SLIDES.decay(c.working, c.problem.L))
            for c, _ in self.observed
        )
        return [v for v in self.options("decay") if v is not None and v.mistake in _BY_LAYER and right(v)]

    def _either(self, *names: str) -> list[Slots]:
        """The right equations, or a mistake in one of those slots: they are parts of one equation on the slides."""
        return [{}, *({name: v} for name in names for v in self.options(name) if v is not None)]

    def _predicts(self, equation: Equation, net: Working, l: int, actual: Tensor) -> bool:
        try:
            return self.close(equation(net, l), actual)
        except RAISES:
            return False

    # Hidden layers ---------------------------------------------------------------------------------------------------

    def search(self) -> Iterator[Hypothesis]:
        """Sets of mistakes that survive the screening; those of few output and shared mistakes first."""
        tops = self.tops()
        deep = self._deep()
        if not deep:
            yield from (Hypothesis(top) for top in tops)
            return
        tops = self._told_apart(tops)
        for fitted in (False, True):
            found = [slots for top in tops for slots in self._shared(top, deep, fitted)]
            for slots, slopes in sorted(found, key=lambda pair: len(pair[0])):
                yield from self._followed(slots, slopes, deep)

    def _told_apart(self, tops: Sequence[Slots]) -> list[Slots]:
        """Without those that fewer mistakes equal in every layer: mistakes that undo one another, or show nowhere."""
        kept: list[Slots] = []
        for top in tops:
            size = len(Hypothesis(top).mistakes)
            fewer = (other for other in kept if len(Hypothesis(other).mistakes) < size)
            if not any(self._are_equal(self.equations(top), self.equations(other)) for other in fewer):
                kept.append(top)
        return kept

    def _are_equal(self, first: Equations, second: Equations) -> bool:
        for case, _ in self.observed:
            try:
                rows = zip(*(_gradients_of(self.net(case, equations)) for equations in (first, second)), strict=True)
                if not all(a.shape == b.shape and torch.allclose(a, b, rtol=1e-12, atol=0.0) for a, b in rows):
                    return False
            except RAISES:
                return False
        return True

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

    def _shared(
        self, top: Slots, deep: Mapping[str, list[Observed]], fitted: bool
    ) -> Iterator[tuple[Slots, dict[str, list[Variant | None]]]]:
        """What may stand below that top under every activation, with what may stand for f′ under each."""
        screened: dict[str, dict[tuple[Variant | None, ...], list[Variant | None]]] = {}
        numbers: list[Variant] = []
        for name, cases in deep.items():
            numbers = numbers or (self._fitted(top, *cases[0]) if fitted else [])
            screened[name] = {}
            for found in self._screen(top, *cases[0], numbers if fitted else None):
                screened[name].setdefault(found.shared, []).append(found.slope)
            if not screened[name]:
                return
        first, *others = screened.values()
        for shared in first:
            if all(shared in other for other in others):
                yield top | _chosen(BELOW, shared), {name: found[shared] for name, found in screened.items()}

    def _screen(self, top: Slots, case: Case, answer: Answer, numbers: list[Variant] | None) -> Iterator[Screened]:
        """What reproduces the last hidden layer of one problem."""
        net = self._with_output_layer(top, case)
        if net is None:
            return
        carried = numbers if numbers is not None else [c for c in self.options("carried") if c is None or not c.fitted]
        slopes = [s for s in self.options("slope") if s is None or self._concerns(s, case)]
        below = {None, *(() if "decay" in top or "weight_gradient" in top else self._decays_below)}
        decays = self._decays(net, [v for v in self.options("decay") if v in below], net.L - 1)
        for way, hidden in product(carried, self.options("delta_hidden")):
            slots = top | _chosen(BELOW[:2], (way, hidden))
            for slope in slopes if hidden is None or hidden.mistake in _WITH_SLOPE else [None]:
                equations = self.equations(slots, {case.problem.activation: slope} if slope else None)
                for bias, decay in self._below_gradients(equations, top, again(net, equations), decays, answer):
                    yield Screened((way, hidden, bias, decay), slope)

    def _concerns(self, variant: Variant, case: Case) -> bool:
        return variant.concerns(case.problem.activation, self.output, self.loss, self.penalty)

    def _with_output_layer(self, top: Slots, case: Case) -> Working | None:
        equations = self.equations(top)
        try:
            net = self.net(case, equations)
            net.delta[net.L] = equations.delta_output(net, net.L)
            net.dW[net.L] = equations.weight_gradient(net, net.L)
        except RAISES:
            return None
        return net

    def _below_gradients(
        self, equations: Equations, top: Slots, net: Working, decays: Decays, answer: Answer
    ) -> Iterator[tuple[Variant | None, Variant | None]]:
        """What may stand for db and for the penalty below the output layer; decays: the penalty's gradients there."""
        l = net.L - 1
        dW = answer.lines.get(f"dW{l}")
        try:
            net.delta[l] = equations.delta_hidden(net, l)
            matching = [None] if dW is None else self._with_decay(net, l, decays, dW)
            biases = list(self._below_biases(equations, top, net, answer.lines.get(f"db{l}"))) if matching else []
        except RAISES:
            return
        yield from product(biases, matching)

    def _below_biases(
        self, equations: Equations, top: Slots, net: Working, db: Tensor | None
    ) -> Iterator[Variant | None]:
        l = net.L - 1
        if db is None or not self.biases or self.close(equations.bias_gradient(net, l), db):
            yield None
            return
        if "bias_terms" in top or "bias_gradient" in top:
            return
        for form in self.options("bias_terms"):
            if form is not None and form.layers == "below":
                made = replaced(equations, {"bias_terms": form})
                if self.close(made.bias_gradient(again(net, made, net.delta), l), db):
                    yield form

    def _followed(
        self, slots: Slots, slopes: dict[str, list[Variant | None]], deep: Mapping[str, list[Observed]]
    ) -> Iterator[Hypothesis]:
        """The hypotheses with those shared slots that hold in all layers of all problems."""
        kept: dict[str, list[Variant | None]] = {}
        for name, cases in deep.items():
            kept[name] = [
                v
                for v in slopes[name]
                if all(
                    self.layer_matches(self.equations(slots, {name: v} if v else None), case, answer, hidden=True)
                    for case, answer in cases
                )
            ]
            if not kept[name]:
                return
        yield from covered(slots, kept, self.may_show)

    def _fitted(self, top: Slots, case: Case, answer: Answer) -> list[Variant]:
        """Weights stepped too early, with the η that fits one problem: δ(L−1) is linear in it."""
        found: dict[tuple[str, float], Variant] = {}
        forms = [v for v in self.options("carried") if v is not None and v.fitted]
        slopes = [s for s in self.options("slope") if s is None or self._concerns(s, case)]
        for form, slope in product(forms, slopes):
            eta = self._fit(form, top, {case.problem.activation: slope} if slope else {}, case, answer)
            if eta is not None:
                found.setdefault((form.form, eta), form.with_number(eta))
        return list(found.values())

    def _fit(self, form: Variant, top: Slots, slopes: Slots, case: Case, answer: Answer) -> float | None:
        l = case.problem.L - 1
        names = (f"db{l}", f"dW{l}") if self.biases else (f"dW{l}",)
        at = [self._lines_below(top | {"carried": form.with_number(eta)}, slopes, case) for eta in (0.0, 1.0)]
        if at[0] is None or at[1] is None:
            return None
        moved = [
            (a, at[0][n], at[1][n] - at[0][n])
            for n in names
            if (a := answer.lines.get(n)) is not None and a.shape == at[0][n].shape
        ]
        size = sum(float(torch.sum(d * d)) for _, _, d in moved)
        if not moved or size == 0:
            return None
        eta = sum(float(torch.sum((a - p) * d)) for a, p, d in moved) / size
        fits = all(self.close(p + eta * d, a) for a, p, d in moved)
        return rounded(eta, within=1e-8) if fits and abs(eta) > 1e-9 else None

    def _lines_below(self, slots: Slots, slopes: Slots, case: Case) -> dict[str, Tensor] | None:
        """db and dW of the last hidden layer."""
        net = self._with_output_layer(slots, case)
        if net is None:
            return None
        equations = self.equations(slots, slopes)
        net.equations, l = equations, net.L - 1
        try:
            net.delta[l] = equations.delta_hidden(net, l)
            return {f"db{l}": equations.bias_gradient(net, l), f"dW{l}": equations.weight_gradient(net, l)}
        except RAISES:
            return None

    # Acceptance ------------------------------------------------------------------------------------------------------

    def accepted(self) -> tuple[Hypothesis, list[Hypothesis]] | None:
        """The simplest set of mistakes that reproduces every number within budget, and others of its size.

        None where there is none, and where the right equations reproduce every number as well: that explains nothing.
        """
        best: Hypothesis | None = None
        others: list[Hypothesis] = []
        for found in self.search():
            hypothesis = replace(found, throughout=self.throughout)
            if best is not None and len(hypothesis.slots) > len(best.mistakes):
                break  # what is still to come has more mistakes
            if not hypothesis.mistakes and self.reproduces(hypothesis.equations):
                return None
            if not hypothesis.mistakes or (best is not None and hypothesis.cost > best.cost):
                others.append(hypothesis)
            elif self.reproduces(hypothesis.equations):
                others.extend([best] if best is not None else [])
                best = hypothesis
        if best is None:
            return None
        return best, [h for h in others if h.mistakes and len(h.mistakes) == len(best.mistakes)]


# Every form of dW adds the penalty's gradient to what it makes of the samples.
_NO_DECAY = Variant("", "decay", lambda net, l: 0.0 * net.W[l])
_BY_LAYER = ("l2-some-layers", "l2-one-layer")

# Mistakes in the whole of δ that keep f′ as a factor: with the others, no f′ is asked for.
_WITH_SLOPE = ("mean-per-layer", "delta-of-another-layer")


def _gradients_of(net: Working) -> list[Tensor]:
    """dW and db of every layer of a working whose forward lines are filled."""
    backward(net)
    return [*net.dW.values(), *net.db.values()]


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
