"""Errors carried forward: a wrong line that is right on the student's own values, where those could have shown it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from manual import SLIDES, Working
from verify.bounds.bounded import Bounded
from verify.bounds.budget import FLOAT32, FLOAT64
from verify.grading.answers import Answer
from verify.grading.machinery.posing import GRADED
from verify.grading.sentence import Said, said
from verify.lessons.network.cases.fixtures import Case, Fixture
from verify.lessons.network.diagnosis import line_is_right
from verify.lessons.network.mistakes import Variant, equations_with, variants
from verify.problems.lines import kind_and_layer, local_name, symbol

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
    field, layer, upstream = _sources(case, name)
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


# Whether the student's values could have shown the line wrong --------------------------------------------------------

# The slots whose mistakes change a line on given upstream values.
_SLOTS: dict[str, tuple[str, ...]] = {
    "y": ("output",),
    "delta output": ("delta_output",),
    "delta": ("carried", "slope", "delta_hidden"),
    "dW": ("weight_terms", "weight_gradient", "mean", "decay"),
    "db": ("bias_terms", "bias_gradient", "mean"),
}
# Where a line is missing, or shapes do not fit, there is nothing to compare.
_RAISES = (RuntimeError, IndexError, TypeError)


def blindness(fixture: Fixture, answers: Sequence[Answer], name: str) -> Said | None:
    """Why the values upstream could not have shown this line wrong; None where they could.

    They must be finite, not 0, not one number in every entry and not the target, and every mistake of the line that the
    right values show must change it on them too, on one problem at least.
    """
    a = fixture.assignment
    of_line = [
        (case, answers[i], here)
        for i, case in fixture.of(*GRADED)
        if (here := local_name(name, a.layers[1], case.problem.L)) is not None and here in answers[i].lines
    ]
    voids = [(row, _void(*row)) for row in of_line]
    telling = [row for row, void in voids if void is None]
    if not telling:
        return voids[0][1] if voids else None
    for variant in _mistakes_of(fixture, name):
        shows = any(_changes(variant, case, None, here) for case, _, here in of_line)
        if shows and not any(_changes(variant, case, answer, here) for case, answer, here in telling):
            return said("blind-mistake", mistake=variant.mistake)
    return None


def _mistakes_of(fixture: Fixture, name: str) -> list[Variant]:
    a = fixture.assignment
    kind, l = kind_and_layer(name)
    slots = _SLOTS.get("delta output" if kind == "delta" and l == a.layers[1] else kind, ())
    return [v for slot in slots for v in variants(slot, a.activations, a.output, a.loss, a.penalty) if not v.fitted]


def _void(case: Case, answer: Answer, name: str) -> Said | None:
    """What is wrong with the student's values that the line is computed from; None for nothing."""
    for source in _sources(case, name)[2]:
        value = answer.lines.get(source)
        if value is None:
            continue
        what = (
            "source-not-finite" if not bool(torch.isfinite(value).all())
            else "source-zero" if not bool(value.any())
            else "source-target" if value.shape == case.problem.t.shape and torch.equal(value, case.problem.t)
            else "source-constant" if value.numel() > 2 and bool((value == value.flatten()[0]).all())
            else ""
        )  # fmt: skip
        if what:
            return said(what, line=symbol(source))
    return None


def _changes(variant: Variant, case: Case, answer: Answer | None, name: str) -> bool:
    """Whether the mistake, put in, changes the line beyond its budget, on the student's values or on the right ones."""
    p = case.problem
    if not variant.concerns(p.activation, p.output, p.loss, p.penalty):
        return False
    field, layer, sources = _sources(case, name)
    net = case.bounded_net(FLOAT64)
    for source in sources if answer is not None else ():
        value = answer.lines.get(source) if answer is not None else None
        if value is not None and source in case.truth and value.shape == case.truth[source].shape:
            _place(net, source, Bounded.exact(value, FLOAT64))
    right: Any = getattr(SLIDES, field)(net, layer)
    net.equations = equations_with({variant.slot: variant})
    try:
        wrong: Any = getattr(net.equations, field)(net, layer)
    except _RAISES:
        return True
    except KeyError:
        return False  # it is computed from lines that a net of given values has not
    if right.shape != wrong.shape:
        return True
    return bool(((right.value - wrong.value).abs() > 2 * (right.error + wrong.error)).any())


def _sources(case: Case, name: str) -> tuple[str, int, list[str]]:
    """The equation of a line, its layer, and the lines that it is computed from."""
    kind, l = kind_and_layer(name)
    layer = case.problem.L if l is None else l
    field, codes = _UPSTREAM["delta output" if kind == "delta" and layer == case.problem.L else kind]
    return field, layer, [_source(code, layer) for code in codes]


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
