"""The optional functions, judged on the same problems: forward gives y, loss gives E, step gives new W and b."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from verify.bounds.budget import FLOAT32, FLOAT64
from verify.grading.answers import Answer, as_array, describe
from verify.grading.finding import Finding
from verify.grading.judged import Judged, worst_entry
from verify.grading.record import Worst
from verify.grading.sentence import Said, said
from verify.isolation import Outcome, Reply
from verify.lessons.network.cases.fixtures import Case, Fixture
from verify.lessons.network.decoding import Decoder
from verify.lessons.network.diagnosis import finding
from verify.lessons.network.order import all_close, repeated_step, steps_online
from verify.lessons.network.texts import said as lesson_said

ETA = 0.1
OPTIONAL = {"forward": ("y",), "loss": ("E",), "step": ("W", "b")}


@dataclass(frozen=True)
class Heard:
    """A call of an optional function: on which case, what came back, and what `gradients` gave there."""

    case: Case
    reply: Reply
    answer: Answer


@dataclass(frozen=True)
class _Value:
    """One array that an optional function gave, with what it should be."""

    expected: Tensor
    allowed: Tensor
    yours: Tensor | None
    on_own: Tensor | None = None  # what a step along the student's own gradients gives
    start: Tensor | None = None  # what a step that does nothing gives

    @property
    def fits(self) -> bool:
        return self.yours is not None and self.yours.shape == self.expected.shape

    def agrees_with(self, expected: Tensor | None, factor: float = 1.0) -> bool:
        """Whether what came back is that, within so many times what is allowed."""
        if self.yours is None or expected is None or not self.fits:
            return False
        return bool(((self.yours - expected).abs() <= factor * self.allowed).all())

    @property
    def carried(self) -> bool:
        """Whether it is right on the student's own gradients."""
        return self.agrees_with(self.on_own, 2)

    @property
    def blind(self) -> bool:
        """Whether a step that does nothing would be right there too: along gradients of 0."""
        if self.on_own is None or self.start is None:
            return False
        return bool(((self.start - self.on_own).abs() <= 2 * self.allowed).all())


def judge_functions(fixture: Fixture, heard: dict[str, list[Heard]], *, float32: bool) -> list[Judged]:
    """Every array of every optional function that the submission defines."""
    return [
        _judged(fixture, function, name, rows, float32)
        for function, rows in heard.items()
        for name in OPTIONAL[function]
        if name != "b" or fixture.assignment.biases
    ]


def _judged(fixture: Fixture, function: str, name: str, rows: Sequence[Heard], float32: bool) -> Judged:
    wrong = carried = blind = 0
    reason: Said | None = None
    worst = None
    for row in rows:
        bad = [v for v in _values(fixture, row, name, float32) if not v.agrees_with(v.expected)]
        if not bad:
            continue
        wrong += 1
        along_own = all(v.carried for v in bad)
        blind += along_own and any(v.blind for v in bad)
        carried += along_own and not any(v.blind for v in bad)
        reason = reason or (None if bad[0].fits else _form(fixture, function, bad[0], row.reply))
        worst = worst or _worst(bad[0], row.case.problem.label)
    return Judged(name, len(rows), wrong, carried, blind, worst, reason, function)


def _form(fixture: Fixture, function: str, value: _Value, reply: Reply) -> Said:
    columns = fixture.assignment.convention == "columns"
    turned = lambda v: (len(v), 1) if columns and v.dim() == 1 else tuple(v.T.shape if columns else v.shape)
    shape = str(turned(value.expected))
    if value.yours is not None:
        return said("function-shape", function=function, yours=str(turned(value.yours)), expected=shape)
    came = said("raised", message=reply.message) if reply.message else describe(reply.value)
    return said("function-value", function=function, value=came, expected=shape)


def _worst(value: _Value, label: str) -> Worst:
    return worst_entry(value.expected, value.allowed, value.yours, label)[1]


def _values(fixture: Fixture, row: Heard, name: str, float32: bool) -> list[_Value]:
    columns = fixture.assignment.convention == "columns"
    came = row.reply.value if row.reply.outcome is Outcome.RETURNED else None
    if name in ("y", "E"):
        array = _as_rows(came, columns)
        if name == "E" and array is not None and array.numel() == 1:
            array = array.reshape(())
        return [_Value(row.case.truth[name], row.case.allowed(name, float32=float32), array)]
    parts = came[0 if name == "W" else 1] if isinstance(came, list | tuple) and len(came) == 2 else None
    starts = row.case.problem.W if name == "W" else row.case.problem.b
    given: Sequence[Any] = (
        parts if isinstance(parts, list | tuple) and len(parts) == len(starts) else [None] * len(starts)
    )
    return [
        _stepped(row, f"d{name}{l}", start, _layer(part, name, columns), float32)
        for l, (start, part) in enumerate(zip(starts, given, strict=True), 1)
    ]


def _layer(part: Any, name: str, columns: bool) -> Tensor | None:
    value = _as_rows(part, columns)
    return value[0] if columns and name == "b" and value is not None and value.dim() == 2 and len(value) == 1 else value


def _stepped(row: Heard, line: str, start: Tensor, yours: Tensor | None, float32: bool) -> _Value:
    gradient, own = row.case.truth[line], row.answer.lines.get(line)
    u = FLOAT32 if float32 else FLOAT64
    allowed = ETA * row.case.allowed(line, float32=float32) + 6 * u * (start.abs() + ETA * gradient.abs())
    on_own = start - ETA * own if own is not None and own.shape == start.shape else None
    return _Value(start - ETA * gradient, allowed, yours, on_own, start)


def _as_rows(value: Any, columns: bool) -> Tensor | None:
    array = as_array(value)
    if array is None or array.dtype.kind not in "fiub":
        return None
    return torch.from_numpy(np.array(array.T if columns and array.ndim == 2 else array, dtype=np.float64))


# What is wrong with a step -------------------------------------------------------------------------------------------


def step_findings(fixture: Fixture, rows: Sequence[Heard]) -> list[Finding]:
    """The mistakes behind a wrong step: its form, its number, or the weights that its gradients are computed from."""
    depth = fixture.assignment.layers[1]
    for id, made in _FORMS.items():
        if all(_is_step(fixture, row, made) for row in rows):
            return [finding(id, depth)]
    used = [(row, Answer(lines)) for row in rows if (lines := _implied(fixture, row)) is not None]
    if not used:
        return []
    a = fixture.assignment
    factors: dict[str, Callable[[Case], float]] = {
        "step-sign": lambda c: -1.0, "step-repeated": lambda c: float(c.problem.N)
    }  # fmt: skip
    for id, factor in factors.items():
        if all(_is_multiple(row, answer, factor(row.case), a.biases) for row, answer in used):
            return [finding(id, depth)]
    came = [_values_of(fixture, row) for row, _ in used]
    if all(all_close(values, repeated_step(row.case, ETA)) for (row, _), values in zip(used, came, strict=True)):
        return [finding("step-repeated", depth)]
    if steps_online([row.case for row, _ in used], came, ETA):
        return [finding("updated-weights-in-backward", depth, form=[lesson_said("stepped-in-the-step")])]
    observed = [(row.case, answer) for row, answer in used]
    found = Decoder(observed, a.activations, a.output, a.loss, a.biases, float32=True).accepted()
    return [finding(id, depth) for id in found[0].mistakes] if found else []


# A step by its parameter, its own gradient, and that of the parameter beside it.
_FORMS: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "step-without-weights": lambda start, own, other: -ETA * own,
    "step-gradients-exchanged": lambda start, own, other: start - ETA * other,
}


def _is_step(fixture: Fixture, row: Heard, made: Callable[[Tensor, Tensor, Tensor], Tensor]) -> bool:
    """Whether every parameter came back as that form makes it of the gradients that the program itself returns."""
    p, own = row.case.problem, row.answer.lines
    for name, starts in (("W", p.W), ("b", p.b))[: 1 + fixture.assignment.biases]:
        other = "b" if name == "W" else "W"
        for l, (start, value) in enumerate(zip(starts, _values(fixture, row, name, False), strict=True), 1):
            if value.yours is None or f"d{name}{l}" not in own:
                return False
            try:
                wanted = made(start, own[f"d{name}{l}"], own.get(f"d{other}{l}", start * torch.nan))
            except RuntimeError:
                return False
            if value.yours.shape != wanted.shape or not torch.allclose(value.yours, wanted, rtol=1e-9, atol=1e-12):
                return False
    return True


def _values_of(fixture: Fixture, row: Heard) -> list[Tensor]:
    """The new W and b of a step that gave them all."""
    return [v.yours for name in ("W", "b") for v in _values(fixture, row, name, False) if v.yours is not None]


def _is_multiple(row: Heard, used: Answer, factor: float, biases: bool) -> bool:
    """Whether the step used that many times the gradients that the program itself returns."""
    own = row.answer.lines
    return all(
        n in own and own[n].shape == v.shape and bool(((v - factor * own[n]).abs() <= 1e-6 * (1 + own[n].abs())).all())
        for n, v in used.lines.items()
        if biases or n.startswith("dW")
    )


def _implied(fixture: Fixture, row: Heard) -> dict[str, Tensor] | None:
    """The gradients that a step must have used: (W − W′)/η."""
    lines: dict[str, Tensor] = {}
    for name, starts in (("W", row.case.problem.W), ("b", row.case.problem.b)):
        for l, (start, value) in enumerate(zip(starts, _values(fixture, row, name, False), strict=True), 1):
            if value.yours is None or not value.fits:
                return None
            lines[f"d{name}{l}"] = (start - value.yours) / ETA
    return lines
