"""Judging every line that came back over all problems, by the budgets alone; errors carried forward."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from verify.bounds.bounded import Bounded
from verify.grading.answers import Answer
from verify.grading.judged import Judged, worst_entry
from verify.grading.lesson import Contract, Line, parameters
from verify.grading.machinery.posing import GRADED, Posed, shows
from verify.grading.machinery.texts import said
from verify.grading.machinery.working import FLOAT32, FLOAT64, FORMS, RAISES, Case, as_bounded, bound, worked
from verify.grading.record import Worst
from verify.grading.sentence import said as told
from verify.said import Said

Observed = tuple[Case, Answer]


def judged(posed: Posed, contract: Contract, answers: Sequence[Answer], *, float32: bool) -> list[Judged]:
    """Every line of a function that was returned or handed over, in the order of the working."""
    came = {name for a in answers for name in (*a.lines, *a.faults)} | set(contract.returns)
    found = [j for name in posed.lesson.lines if name in came and (j := _line(posed, contract, answers, name, float32))]
    return _at_kinks(posed, contract, answers, found, float32)


def _line(posed: Posed, contract: Contract, answers: Sequence[Answer], name: str, float32: bool) -> Judged | None:
    graded = [(case, answers[i]) for i, case in posed.of(*GRADED)]
    handed = [(c, a) for c, a in graded if a.returned and (name in a.lines or name in a.faults)]
    if not handed:
        return None
    wrong = carried = undecided = 0
    worst: tuple[float, Worst] | None = None
    reason: Said | None = None
    for case, answer in handed:
        if name in answer.faults:
            wrong, undecided, reason = wrong + 1, undecided + 1, reason or answer.faults[name]
            continue
        value = answer.lines[name]
        found = worst_entry(case.truth[name], case.allowed(name, float32=float32), value, case.label)
        worst = found if worst is None or found[0] > worst[0] else worst
        if not case.is_right(name, value, float32=float32):
            wrong += 1
            reason = reason or _form(case, name, value)
            own = carried_forward(case, contract, answer, name, float32=float32)
            carried, undecided = carried + (own is True), undecided + (own is None)
    return Judged(
        name, len(handed), wrong, carried, undecided, worst[1] if worst else None, reason, contract.name,
        any(case.decides(name, float32=float32) for case, _ in handed),
        len(handed) == sum(a.returned for _, a in graded),
    )  # fmt: skip


def _form(case: Case, name: str, value: Tensor) -> Said | None:
    """What is wrong with a value before its size is asked: shape, finiteness."""
    truth = case.truth[name]
    if value.shape != truth.shape:
        yours, expected = str(tuple(value.shape)), str(tuple(truth.shape))
        return said("lesson-shape", line=name, yours=yours, expected=expected, problem=case.described)
    if not bool(torch.isfinite(value).all()):
        bad = int((~torch.isfinite(value)).sum())
        return told("entries-not-finite", line=name, bad=bad, entries=value.numel())
    return None


# Carried forward -----------------------------------------------------------------------------------------------------


def carried_forward(case: Case, contract: Contract, answer: Answer, name: str, *, float32: bool = False) -> bool | None:
    """Whether a wrong line is right on the student's own upstream values; None where those were not handed over."""
    line = case.lesson.lines[name]
    upstream = upstream_of(case, contract, name)
    own = [n for n in upstream if case.has_shape_of(n, answer.lines.get(n))]
    if not any(not case.is_right(n, answer.lines[n], float32=float32) for n in own):
        return False if len(own) == len(upstream) else None
    made = on_own(case, line, {n: answer.lines[n] for n in own}, FLOAT32 if float32 else FLOAT64)
    value = answer.lines[name]
    if made is None or made.shape != value.shape:
        return False
    return bool(((made.value - value).abs() <= 2 * FORMS * made.error).all())


def upstream_of(case: Case, contract: Contract, name: str) -> list[str]:
    """The lines that a line's own equation takes and that the function works out itself."""
    lines = case.lesson.lines
    return [p for p in parameters(lines[name].value) if p in lines and p not in contract.arguments]


def on_own(case: Case, line: Line, own: Mapping[str, Tensor], u: float) -> Bounded | None:
    """An equation on the student's own values of the lines that it takes, and right ones for the others."""
    given: dict[str, Any] = {**case.bounded_given(u), **case.right(u), **{n: bound(v, u) for n, v in own.items()}}
    try:
        return worked({"": line}, given, take=as_bounded(u))[""]
    except RAISES:
        return None


def blindness(posed: Posed, contract: Contract, answers: Sequence[Answer], name: str) -> Said | None:
    """Why the values upstream could not have shown this line wrong, in a sentence; None where they could.

    They must be finite, not 0, not one number in every entry and no input, and every mistake of the line that the right
    values show must change it on them too, on one problem at least.
    """
    rows = [(case, answers[i]) for i, case in posed.of(*GRADED) if name in answers[i].lines]
    voids = [(row, _void(*row, contract, name)) for row in rows]
    telling = [row for row, void in voids if void is None]
    if not telling:
        return voids[0][1] if voids else None
    for mistake in posed.lesson.mistakes:
        if set(mistake.replaced) != {name} or not any(shows(mistake, c, (contract.name,)) for c, _ in rows):
            continue
        if not any(_changes(case, contract, answer, mistake.replaced[name], name) for case, answer in telling):
            return told("blind-mistake", mistake=mistake.id)
    return None


def _void(case: Case, answer: Answer, contract: Contract, name: str) -> Said | None:
    """What is wrong with the student's values that the line is computed from; None for nothing."""
    for source in upstream_of(case, contract, name):
        value = answer.lines.get(source)
        if value is None or not value.numel():
            continue
        inputs = [v for v in case.inputs.values() if isinstance(v, Tensor) and v.shape == value.shape]
        what = (
            "source-not-finite" if not bool(torch.isfinite(value).all())
            else "source-zero" if not bool(value.any())
            else "source-input" if value.numel() > 1 and any(torch.equal(v.double(), value) for v in inputs)
            else "source-constant" if value.numel() > 2 and bool((value == value.flatten()[0]).all())
            else ""
        )  # fmt: skip
        if what:
            return (said if what == "source-input" else told)(what, line=source)
    return None


def _changes(case: Case, contract: Contract, answer: Answer, wrong: Line, name: str) -> bool:
    """Whether the mistake, put in, changes the line beyond its budget on the student's own values."""
    own = {n: v for n in upstream_of(case, contract, name) if case.has_shape_of(n, v := answer.lines.get(n))}
    right, made = (on_own(case, line, own, FLOAT64) for line in (case.lesson.lines[name], wrong))  # type: ignore[arg-type]
    if right is None or made is None or right.shape != made.shape:
        return True
    return bool(((right.value - made.value).abs() > 2 * (right.error + made.error)).any())


# At kinks ------------------------------------------------------------------------------------------------------------


def _at_kinks(
    posed: Posed, contract: Contract, answers: Sequence[Answer], found: list[Judged], float32: bool
) -> list[Judged]:
    """Lines that are right elsewhere, asked where any subgradient is right, and nothing else."""
    for i, case in posed.of("kink"):
        names = [j.name for j in found if not j.wrong and j.name in answers[i].lines]
        off = _off_at_kink(case, answers[i], names, float32)
        found = [_wrong_at_kink(j, case, answers[i]) if j.name in off else j for j in found]
    return found


def _wrong_at_kink(j: Judged, case: Case, answer: Answer) -> Judged:
    reason = said("lesson-kink")
    worst = worst_entry(case.truth[j.name], case.allowed(j.name), answer.lines[j.name], case.label)[1]
    return replace(j, asked=j.asked + 1, wrong=1, worst=worst, reason=reason)


def _off_at_kink(case: Case, answer: Answer, names: Sequence[str], float32: bool) -> set[str]:
    """The lines that no choice of the derivatives at the kinks gives, together with the lines before them."""
    off: set[str] = set()
    held: list[str] = []
    for name in names:
        if not case.has_shape_of(name, answer.lines.get(name)) or not _fit(case, answer, [*held, name], float32):
            off.add(name)
        else:
            held.append(name)
    return off


def _fit(case: Case, answer: Answer, names: Sequence[str], float32: bool) -> bool:
    """Whether choices between 0 and 1, one for each kink, give those lines: they are linear in the choices."""
    base, *sides = (_end_to_end(lines, names) for lines in case.sides)
    slopes = np.stack([side - base for side in sides], axis=1)
    yours = _end_to_end({n: answer.lines[n] for n in names}, names)
    if not np.isfinite(yours).all():
        return False
    choice = np.clip(np.linalg.lstsq(slopes, yours - base, rcond=None)[0], 0.0, 1.0)
    near = np.round(2 * choice) / 2
    choice = np.where(np.abs(choice - near) < 1e-9, near, choice)
    lines = case.with_choice(torch.from_numpy(choice))
    slack = 1e-9 * np.abs(slopes).sum(1) * (~np.isin(choice, (0.0, 0.5, 1.0))).any()
    allowed = _end_to_end({n: case.allowed(n, float32=float32) for n in names}, names)
    return bool((np.abs(yours - _end_to_end(lines, names)) <= allowed + slack).all())


def _end_to_end(lines: Mapping[str, Tensor], names: Sequence[str]) -> Any:
    return np.concatenate([lines[n].numpy().ravel() for n in names])
