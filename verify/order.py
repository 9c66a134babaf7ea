"""Mistakes of order and state, which no replaced equation shows: weights stepped after each sample, values kept between calls.

State is read off the first three calls of a run, a problem A, another of the same shapes B, and A again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor

from manual import SLIDES, Working, work
from verify.answers import Answer
from verify.decoding import Observed
from verify.fixtures import Case
from verify.lines import gradient_names

_FIT_STARTS = (1e-3, 1e-2, 0.1, 0.5, 1.0)
_FIT_STEPS = 12
_AGREES = 1e-6


def gradients_of(case: Case) -> dict[str, Tensor]:
    """The right dW and db of a case."""
    return {name: case.truth[name] for name in gradient_names(case.problem.L)}


def agree(ours: dict[str, Tensor], answer: Answer) -> bool:
    """Whether predicted gradients are those that came back, to six digits."""
    for name, value in ours.items():
        actual = answer.lines.get(name)
        if actual is None or actual.shape != value.shape:
            return False
        if not bool(((actual - value).abs() <= _AGREES * value.abs().max() + 1e-12).all()):
            return False
    return True


def same(first: Answer, again: Answer) -> bool:
    """Whether two answers to one problem are equal: deterministic programs repeat themselves to the last bit."""
    if first.returned != again.returned or first.lines.keys() != again.lines.keys():
        return False
    return all(
        first.lines[k].shape == again.lines[k].shape and torch.equal(first.lines[k].nan_to_num(7.0), again.lines[k].nan_to_num(7.0))
        for k in first.lines
    )  # fmt: skip


# State ---------------------------------------------------------------------------------------------------------------


def state_mistake(cases: Sequence[Case], answers: Sequence[Answer]) -> str | None:
    """The mistake of state behind A, B and A again, if there is a known one: an id of the catalogue, or None."""
    a, b, again = (gradients_of(case) for case in cases)
    if not agree(a, answers[0]):
        return None
    piled = {name: a[name] + b[name] for name in a}
    if agree(piled, answers[1]) and agree({name: piled[name] + a[name] for name in a}, answers[2]):
        return "gradients-accumulated"
    if any(agree(stale, answers[1]) for stale in _stale(cases[1], cases[0])):
        return "cache-stale"
    return None


def _stale(case: Case, earlier: Case) -> Iterator[dict[str, Tensor]]:
    """The gradients of a case with some lines of an earlier forward pass in them."""
    kept = (("a", "z", "y"), ("z", "y"), ("a", "z"), ("z",), ("a",), ("y",), ("x",), ("a", "z", "y", "x"))
    for lines in kept:
        net = Working(
            case.working.W, case.working.b, case.working.x, case.working.t, case.working.f, case.working.pair,
            case.working.lam, SLIDES,
        )  # fmt: skip
        old, new = earlier.working, case.working
        net.a = dict(old.a if "a" in lines else new.a)
        net.z = dict(old.z if "z" in lines else new.z)
        net.z[0] = (old if "x" in lines else new).x
        net.y = (old if "y" in lines else new).y
        yield _backward_lines(net)


def _backward_lines(net: Working) -> dict[str, Tensor]:
    from manual import backward

    backward(net)
    return {f"dW{l}": v for l, v in net.dW.items()} | {f"db{l}": v for l, v in net.db.items()}


# Order: the weights stepped after each sample -------------------------------------------------------------------------


@dataclass(frozen=True)
class Online:
    """How a program that steps inside its loop over the samples goes about it."""

    early: bool  # W(l+1) is stepped before δ(l) is computed from it
    penalty: bool  # λW is in the step
    biases: bool  # the biases are stepped too
    mean: bool  # each sample's gradient is divided by N in the step
    last: bool  # λ times the stepped W, not the W that came in, is in dW

    def gradients(self, case: Case, eta: float) -> dict[str, Tensor]:
        """dW and db of the whole batch, with the weights moving from sample to sample."""
        p = case.problem
        W, b = [w.clone() for w in p.W], [v.clone() for v in p.b]
        dW, db = [torch.zeros_like(w) for w in W], [torch.zeros_like(v) for v in b]
        for n in range(p.N):
            self._sample(case, n, eta, W, b, dW, db)
        result = {}
        for l, (kept, moved) in enumerate(zip(p.W, W, strict=True), 1):
            result[f"dW{l}"] = dW[l - 1] / p.N + p.lam * (moved if self.last else kept)
            result[f"db{l}"] = db[l - 1] / p.N
        return result

    def _sample(
        self, case: Case, n: int, eta: float, W: list[Tensor], b: list[Tensor], dW: list[Tensor], db: list[Tensor]
    ) -> None:
        p = case.problem
        net = work(W, b, p.x[n : n + 1], p.t[n : n + 1], p.f, p.pair, 0.0)
        delta = net.delta[p.L]
        for l in range(p.L, 0, -1):
            if l < p.L:
                above = W[l] if self.early else net.W[l + 1]
                delta = delta @ above.T * p.f.derivative(net.a[l])
            gradient = net.z[l - 1].T @ delta
            dW[l - 1] += gradient
            db[l - 1] += delta[0]
            share = eta / p.N if self.mean else eta
            W[l - 1] = W[l - 1] - share * (gradient + (p.lam * W[l - 1] if self.penalty else 0.0))
            if self.biases:
                b[l - 1] = b[l - 1] - share * delta[0]


def stepped_each_sample(observed: Sequence[Observed]) -> float | None:
    """The η of a program that steps its weights inside the loop over the samples; None where it does not."""
    usable = [(c, a) for c, a in observed if c.problem.N > 1 and c.problem.L > 1]
    if not usable or not all(_first_sample_is_right(c, a) for c, a in observed if c.problem.N == 1):
        return None
    case, answer = min(usable, key=lambda pair: (pair[0].problem.N, pair[0].problem.parameters))
    for flags in product((True, False), repeat=5):
        online = Online(*flags)
        eta = _fit(lambda eta, online=online: online.gradients(case, eta), answer)
        if eta is not None and all(agree(online.gradients(c, eta), a) for c, a in observed):
            return eta
    return None


def _first_sample_is_right(case: Case, answer: Answer) -> bool:
    """The first sample still meets the weights that came in: alone, it has the right δ(L), and db(L) is that."""
    name = f"db{case.problem.L}"
    return agree({name: case.truth[name]}, answer)


def _fit(predict: Callable[[float], dict[str, Tensor]], answer: Answer) -> float | None:
    """The number at which the prediction meets the answer, by Gauss and Newton from a few starts."""
    names = [name for name in predict(0.0) if name in answer.lines]
    if any(answer.lines[n].shape != v.shape for n, v in predict(0.0).items() if n in names) or not names:
        return None
    flat: Callable[[dict[str, Tensor]], Tensor] = lambda lines: torch.cat([lines[n].flatten() for n in names])  # noqa: E731
    target = flat(dict(answer.lines))
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
        if 1e-9 < abs(eta) < 1e6 and agree(predict(eta), answer):
            return eta
    return None
