"""Judging what came back: every line over all problems, against the truth and on the student's own values upstream.

The verdict rests on the budgets alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from manual import SLIDES, Working
from verify.bounds.bounded import Bounded
from verify.bounds.budget import FLOAT32, FLOAT64
from verify.grading.answers import Answer
from verify.grading.fixtures import GRADED, Case, Fixture
from verify.grading.record import Worst
from verify.lessons.network.diagnosis import line_is_right
from verify.problems.lines import kind_and_layer, local_name, names


@dataclass(frozen=True)
class Judged:
    """One line over all problems: right, or in how many wrong; and on the student's own values upstream."""

    name: str
    asked: int
    wrong: int = 0
    carried: int = 0  # of the wrong ones, how many are right on the student's own upstream values
    undecided: int = 0  # of the wrong ones, how many have no upstream values to be judged on
    worst: Worst | None = None
    reason: str = ""
    function: str = "gradients"


class Judge:
    """The right answers of a fixture, laid out so that a right submission is judged in one comparison a line."""

    def __init__(self, fixture: Fixture) -> None:
        self.fixture = fixture
        self.deepest = fixture.assignment.layers[1]
        self._columns: dict[tuple[str, bool], _Column] = {}

    def lines(self, answers: Sequence[Answer], *, float32: bool) -> list[Judged]:
        """Every line that was handed over; the names are those of the deepest network."""
        biases = self.fixture.assignment.biases
        every = [n for n in names(self.deepest) if biases or not n.startswith("db")]
        judged = [j for n in every if (j := self._line(answers, n, float32)) is not None]
        return self._with_mean_inside(answers, judged)

    def detection_limit(self, answers: Sequence[Answer], *, float32: bool) -> float | None:
        """Median over the gradients' entries of the smallest relative error that would have been seen."""
        came = [n for n in names(self.deepest) if n[:2] in ("dW", "db") and n != "delta"]
        limits = [c.limits for n in came if (c := self._column(n, float32)).present(answers)]
        return float(np.median(np.concatenate(limits))) if limits else None

    def _column(self, name: str, float32: bool) -> _Column:
        key = (name, float32)
        if key not in self._columns:
            cases = [
                (i, case, here)
                for i, case in self.fixture.of(*GRADED)
                if (here := local_name(name, self.deepest, case.problem.L)) is not None
            ]
            self._columns[key] = _Column(cases, float32)
        return self._columns[key]

    def _line(self, answers: Sequence[Answer], name: str, float32: bool) -> Judged | None:
        column = self._column(name, float32)
        at_once = column.judged(answers)
        if at_once is not None:
            return Judged(name, len(column.cases), worst=at_once)
        handed = [(case, answers[i], here) for i, case, here in column.cases if _handed(answers[i], here)]
        return _one_by_one(name, handed, float32) if handed else None

    def _with_mean_inside(self, answers: Sequence[Answer], judged: list[Judged]) -> list[Judged]:
        """δ may hold the 1/N already: where all gradients are right and every δ is the slides' over N, δ is right."""
        deltas = {j.name for j in judged if j.name.startswith("delta") and j.wrong}
        if not deltas or any(j.wrong for j in judged if j.name.startswith("d") and j.name not in deltas):
            return judged
        for name in deltas:
            for i, case, here in self._column(name, False).cases:
                value = answers[i].lines.get(here)
                if value is not None and not line_is_right(case, here, value * case.problem.N):
                    return judged
        note = "δ holds the 1/N of the mean already, and the gradients use it so"
        return [Judged(j.name, j.asked, reason=note) if j.name in deltas else j for j in judged]


def _handed(answer: Answer, name: str) -> bool:
    return answer.returned and (name in answer.lines or name in answer.faults)


@dataclass(frozen=True)
class _Column:
    """One line of all cases, end to end."""

    cases: Sequence[tuple[int, Case, str]]
    float32: bool

    @cached_property
    def truth(self) -> NDArray:
        return _end_to_end([case.truth[here] for _, case, here in self.cases])

    @cached_property
    def allowed(self) -> NDArray:
        return _end_to_end([case.allowed(here, float32=self.float32) for _, case, here in self.cases])

    @cached_property
    def limits(self) -> NDArray:
        with np.errstate(divide="ignore"):
            return self.allowed / np.abs(self.truth)

    def present(self, answers: Sequence[Answer]) -> bool:
        """Whether every case has the line in its right shape."""
        return bool(self.cases) and all(
            here in answers[i].lines and answers[i].lines[here].shape == case.truth[here].shape
            for i, case, here in self.cases
        )

    def judged(self, answers: Sequence[Answer]) -> Worst | None:
        """The entry closest to its budget, where all are within; None where they are not, or not all there."""
        if not self.present(answers):
            return None
        yours = _end_to_end([answers[i].lines[here] for i, _, here in self.cases])
        with np.errstate(invalid="ignore"):
            error = np.abs(yours - self.truth)
        if not bool((error <= self.allowed).all()):
            return None
        at = int(np.argmax(np.divide(error, self.allowed, out=np.zeros_like(error), where=error > 0)))
        case, index = self._place(at)
        return Worst(
            index,
            float(yours[at]),
            float(self.truth[at]),
            float(error[at]),
            float(self.allowed[at]),
            case.problem.label,
        )

    def _place(self, at: int) -> tuple[Case, list[int]]:
        for _, case, here in self.cases:
            size = case.truth[here].numel()
            if at < size:
                shape = tuple(case.truth[here].shape)
                return case, [int(k) for k in np.unravel_index(at, shape)] if shape else []
            at -= size
        raise AssertionError("the index lies within the cases")


def _end_to_end(values: Sequence[Tensor]) -> NDArray:
    return np.concatenate([v.numpy().ravel() for v in values])


def _one_by_one(name: str, handed: Sequence[tuple[Case, Answer, str]], float32: bool) -> Judged:
    wrong = carried = undecided = 0
    worst: tuple[float, Worst] | None = None
    reason = ""
    for case, answer, here in handed:
        if here in answer.faults:
            wrong, undecided, reason = wrong + 1, undecided + 1, reason or answer.faults[here]
            continue
        value = answer.lines[here]
        if not line_is_right(case, here, value, float32=float32):
            wrong += 1
            reason = reason or _form(case, here, value)
            on_own = carried_forward(case, answer, here, float32=float32)
            carried, undecided = carried + (on_own is True), undecided + (on_own is None)
            found = _worst(case, here, value, float32)
            worst = found if worst is None or found[0] > worst[0] else worst
    return Judged(name, len(handed), wrong, carried, undecided, worst[1] if worst else None, reason)


def _form(case: Case, name: str, value: Tensor) -> str:
    """What is wrong with a value before its size is asked: shape, finiteness."""
    truth = case.truth[name]
    if value.shape != truth.shape:
        came, wanted = tuple(value.shape), tuple(truth.shape)
        return f"{name} has shape {came} where {wanted} is expected, in a network of {case.problem.L} layers"
    if not bool(torch.isfinite(value).all()):
        return f"{name} is not finite: {int((~torch.isfinite(value)).sum())} of {value.numel()} entries"
    return ""


def _worst(case: Case, name: str, value: Tensor, float32: bool) -> tuple[float, Worst]:
    return worst_entry(case.truth[name], case.allowed(name, float32=float32), value, case.problem.label)


def worst_entry(expected: Tensor, allowed: Tensor, yours: Tensor | None, label: str) -> tuple[float, Worst]:
    """How many times over its budget the worst entry is, and that entry; of another shape, the first one."""
    if yours is None or yours.shape != expected.shape:
        at = (0,) * expected.dim()
        return float("inf"), Worst(list(at), None, float(expected[at]), None, float(allowed[at]), label)
    error = (yours - expected).abs()
    ratio = torch.nan_to_num(torch.where(error > 0, error / allowed, error * 0), nan=torch.inf)
    flat = int(torch.argmax(ratio))
    at = tuple(int(i) for i in np.unravel_index(flat, tuple(expected.shape))) if expected.dim() else ()
    found = Worst(list(at), _finite(yours[at]), float(expected[at]), _finite(error[at]), float(allowed[at]), label)
    return float(ratio[at]), found


def _finite(value: Tensor) -> float | None:
    return float(value) if bool(torch.isfinite(value)) else None


# Errors carried forward ----------------------------------------------------------------------------------------------

# What each kind of line is computed from, and by which equation of the slides; - is the layer below, + the one above.
_UPSTREAM: dict[str, tuple[str, tuple[str, ...]]] = {
    "a": ("affine", ("z-",)),
    "z": ("activated", ("a",)),
    "y": ("output", ("a",)),
    "E": ("total_error", ("a", "y")),
    "delta output": ("delta_output", ("a", "y")),
    "delta": ("delta_hidden", ("delta+", "a")),
    "dW": ("weight_gradient", ("z-", "delta")),
    "db": ("bias_gradient", ("delta",)),
}


def carried_forward(case: Case, answer: Answer, name: str, *, float32: bool) -> bool | None:
    """Whether a wrong line is right on the student's own upstream values; None where those were not handed over."""
    kind, l = kind_and_layer(name)
    layer = case.problem.L if l is None else l
    field, codes = _UPSTREAM["delta output" if kind == "delta" and layer == case.problem.L else kind]
    upstream = [_source(code, layer) for code in codes]
    net = case.bounded_net(FLOAT32 if float32 else FLOAT64)
    own = 0
    for source in upstream:
        value = answer.lines.get(source)
        if value is not None and source in case.truth and value.shape == case.truth[source].shape:
            own += not line_is_right(case, source, value, float32=float32)
            _place(net, source, Bounded.exact(value, FLOAT32 if float32 else FLOAT64))
    if not own:
        return False if all(source in answer.lines or source == "z0" for source in upstream) else None
    line: Any = getattr(SLIDES, field)(net, layer)
    value = answer.lines[name]
    return line.shape == value.shape and bool(((line.value - value).abs() <= 2 * line.error).all())


def _source(code: str, layer: int) -> str:
    kind, shift = code.rstrip("+-"), {"+": 1, "-": -1}.get(code[-1], 0)
    return kind if kind in ("y", "E") else f"{kind}{layer + shift}"


def _place(net: Working, name: str, value: Any) -> None:
    kind, l = kind_and_layer(name)
    if l is None:
        setattr(net, kind, value)
    else:
        getattr(net, kind)[l] = value


def delta_is_wrong(fixture: Fixture, name: str, answers: Sequence[Answer]) -> bool:
    """Of one sample, db(l) is δ(l): where dW(l) is right on that δ, and both are wrong, the error is in δ(l)."""
    seen = False
    for i, case in fixture.of("rung", "general"):
        here = local_name(name, fixture.assignment.layers[1], case.problem.L)
        db = answers[i].lines.get(f"db{here[2:]}") if here else None
        if here is None or db is None or case.problem.N != 1 or here not in answers[i].lines:
            continue
        delta = f"delta{here[2:]}"
        guess = Answer({here: answers[i].lines[here], delta: db.unsqueeze(0)})
        if guess.lines[delta].shape != case.truth[delta].shape:
            return False
        if not line_is_right(case, delta, guess.lines[delta]):
            seen = True
            if carried_forward(case, guess, here, float32=False) is not True:
                return False
    return seen
