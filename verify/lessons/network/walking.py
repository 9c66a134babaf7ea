"""The weights stepped inside the loop over the samples: each sample meets those that the one before has left."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

import torch
from torch import Tensor

from manual import SLIDES, Equations, Working, forward
from verify.grading.answers import Answer
from verify.lessons.network.cases.fixtures import Case
from verify.lessons.network.hypothesis import Hypothesis
from verify.lessons.network.mistakes import variants

_FIT_STARTS = (1e-2, 0.3)
_FIT_STEPS = 10
_AGREES = 1e-6

Observed = tuple[Case, Answer]


def agree(ours: dict[str, Tensor], answer: Answer) -> bool:
    """Whether predicted gradients are those that came back, to six digits; no prediction agrees with nothing."""
    if not ours:
        return False
    biases = any(name.startswith("db") for name in answer.lines)
    for name, value in ours.items():
        if name.startswith("db") and not biases:
            continue  # an assignment without biases
        actual = answer.lines.get(name)
        if actual is None or actual.shape != value.shape:
            return False
        if not bool(((actual - value).abs() <= _AGREES * value.abs().max() + 1e-12).all()):
            return False
    return True


@dataclass(frozen=True)
class Online:
    """How a program that steps inside its loop over the samples goes about it."""

    early: bool  # W(l+1) is stepped before δ(l) is computed from it
    penalty: bool  # λW is in the step
    biases: bool  # the biases are stepped too
    mean: bool  # each sample's gradient is divided by N in the step
    decay: str  # whose λW is in dW: that of the W that came "in", of the "last" one, or the mean over "each" sample's
    equations: Equations = SLIDES

    def gradients(self, case: Case, eta: float) -> dict[str, Tensor]:
        """dW and db of the whole batch, with the weights moving from sample to sample."""
        p = case.problem
        W, _, dW, db = self.walk(case, eta)
        whole = _working(W if self.decay == "last" else p.W, p.b, case, slice(None), p.lam, self.equations)
        eq = self.equations
        decays = {l: 0.0 if self.decay == "each" else eq.decay(whole, l) for l in range(1, p.L + 1)}
        weights = {f"dW{l}": eq.mean(whole, dW[l - 1]) + decays[l] for l in decays}
        return weights | {f"db{l}": eq.mean(whole, db[l - 1]) for l in range(1, p.L + 1)}

    def walk(self, case: Case, eta: float) -> tuple[list[Tensor], list[Tensor], list[Tensor], list[Tensor]]:
        """The weights and biases after the last sample, and the sums of the samples' gradients."""
        p = case.problem
        W, b = [w.clone() for w in p.W], [v.clone() for v in p.b]
        dW, db = [torch.zeros_like(w) for w in W], [torch.zeros_like(v) for v in b]
        for n in range(p.N):
            self._sample(case, n, eta, W, b, dW, db)
        return W, b, dW, db

    def _sample(
        self, case: Case, n: int, eta: float, W: list[Tensor], b: list[Tensor], dW: list[Tensor], db: list[Tensor]
    ) -> None:
        p, eq = case.problem, self.equations
        net = forward(_working(W, b, case, slice(n, n + 1), p.lam, eq))
        for l in range(p.L, 0, -1):
            if l < p.L and self.early:
                net.W[l + 1] = W[l]
            net.delta[l] = eq.delta_output(net, l) if l == p.L else eq.delta_hidden(net, l)
            gradient, shift = eq.weight_terms(net, l), eq.bias_terms(net, l)
            dW[l - 1] += gradient + (eq.decay(net, l) if self.decay == "each" else 0.0)
            db[l - 1] += shift
            share = eta / p.N if self.mean else eta
            W[l - 1] = W[l - 1] - share * (gradient + (eq.decay(net, l) if self.penalty else 0.0))
            if self.biases:
                b[l - 1] = b[l - 1] - share * shift


def _working(
    W: Sequence[Tensor], b: Sequence[Tensor], case: Case, rows: slice, lam: float, equations: Equations
) -> Working:
    p = case.problem
    return Working(
        dict(enumerate(W, 1)), dict(enumerate(b, 1)), p.x[rows], p.t[rows], p.f, p.pair, lam, equations, p.form
    )  # fmt: skip


@dataclass(frozen=True)
class Walked:
    """How a program steps inside its loop over the samples: early (see `Online`), η, and what else is wrong with it."""

    early: bool
    eta: float
    rest: Hypothesis


def stepped_each_sample(observed: Sequence[Observed], one: Hypothesis | None) -> Walked | None:
    """η of a program that steps its weights inside the loop over the samples, with what else is wrong with it.

    one: what explains the problems of one sample; None: nothing is wrong there. None where it does not step so.
    Such a program is right about one sample's output layer, which meets the weights that came in, and wrong about
    several samples' everywhere.
    """
    several = [(c, a) for c, a in observed if c.problem.N > 1 and c.problem.L > 1]
    if not several:
        return None
    case, answer = min(several, key=_easily_fitted)
    for rest in _kept(one, observed[0][0]):
        try:
            found = _eta(case, answer, observed, rest.equations)
        except (RuntimeError, IndexError, TypeError):
            continue
        if found is not None:
            return Walked(*found, rest)
    return None


# Of these a unit may leave its side of the kink on the way to η, where a fit cannot follow.
_KINKED = ("relu", "leaky_relu")


def _easily_fitted(pair: Observed) -> tuple[bool, bool, int, int]:
    p = pair[0].problem
    return p.lam > 0, p.activation in _KINKED, p.N, p.parameters


def _kept(one: Hypothesis | None, case: Case) -> Iterator[Hypothesis]:
    """What else is wrong: as the problems of one sample show it, and each mistake in the mean, which they do not."""
    slots = (
        {} if one is None else {slot: v for slot, v in one.slots.items() if v.mistake != "updated-weights-in-backward"}
    )
    slopes = {} if one is None else one.slopes
    base = Hypothesis(slots, slopes, frozenset() if one is None else one.confined)
    yield base
    p = case.problem
    for v in variants("mean", (p.activation,), p.output, p.loss, p.penalty):
        yield replace(base, slots={**slots, "mean": v})


def _eta(case: Case, answer: Answer, observed: Sequence[Observed], equations: Equations) -> tuple[bool, float] | None:
    # Where λ = 0 the penalty's forms are one, and of one batch N is a part of η.
    ways = list(product((True, False), (True, False), ("in", "last", "each")))
    free = case.problem.lam == 0
    for early, biases in product((True, False), repeat=2):
        for penalty, mean, decay in [(False, False, "in")] if free else ways:
            online = Online(early, penalty, biases, mean, decay, equations)
            eta = _fit(lambda eta, online=online: online.gradients(case, eta), answer)
            if eta is None:
                continue
            share = _shared(online, eta, ways if free else [(penalty, mean, decay)], case, observed)
            if share is not None:
                return early, share
    return None


def _shared(
    online: Online, eta: float, ways: Sequence[tuple[bool, bool, str]], case: Case, observed: Sequence[Observed]
) -> float | None:
    """η, of one of those ways to treat the penalty and the mean, where that gives every problem's numbers."""
    for penalty, mean, decay in ways:
        whole = replace(online, penalty=penalty, mean=mean, decay=decay)
        share = eta * case.problem.N if mean and not online.mean else eta
        if all(agree(whole.gradients(c, share), a) for c, a in observed):
            return share
    return None


def _fit(predict: Callable[[float], dict[str, Tensor]], answer: Answer) -> float | None:
    """The number at which the prediction meets the answer, by Gauss and Newton from a few starts."""
    names = [name for name in predict(0.0) if name in answer.lines]
    if any(answer.lines[n].shape != v.shape for n, v in predict(0.0).items() if n in names) or not names:
        return None
    flat: Callable[[Mapping[str, Tensor]], Tensor] = lambda lines: torch.cat([lines[n].flatten() for n in names])
    target = flat(answer.lines)
    for start in _FIT_STARTS:
        eta = start
        for _ in range(_FIT_STEPS):
            here, h = flat(predict(eta)), 1e-7 * max(abs(eta), 1e-3)
            slope = (flat(predict(eta + h)) - here) / h
            size = float(slope @ slope)
            if not 0 < size < float("inf"):
                break
            move = float((target - here) @ slope) / size
            eta += move
            if not abs(eta) < 1e6:
                break
            if abs(move) <= 1e-12 * abs(eta):
                break
        if 1e-9 < abs(eta) < 1e6 and agree(predict(eta), answer) and not agree(predict(0.0), answer):
            return eta
    return None
