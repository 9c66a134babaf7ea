"""What is known of a line that no mistake explains, from its numbers alone: a factor, a transpose, one row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from verify.bounds.budget import FLOAT32, FLOAT64
from verify.said import Said, saying

TEXTS = {
    "answers-differ": "The same problem asked twice gives two answers.",
    "factor": "Every entry of your {line} is {factor} times the expected one.",
    "zero": "Every entry of your {line} is 0.",
    "transposed": "Your {line} is the expected one, transposed.",
    "shape-alone": "The values of your {line} are right, its shape is not: {yours} for {expected}.",
    "other-order": "Your {line} holds the expected numbers in another order.",
    "shape": "Your {line} has the shape {yours} where {expected} is expected.",
    "about-float32": "Your {line} is off by up to {share:.1e} of its largest entry: too much for rounding in float64, "
                     "about that of float32.",
    "numerical": "Your {line} is off by up to {share:.1e} of its largest entry, on nearly every problem: too much for "
                 "rounding, little for a wrong equation. Numerical differences, an ε that is added and numbers of few "
                 "digits give that.",
    "decimals": "Your {line} is the expected one, rounded to {digits} decimals. Hand over every digit.",
    "shows-only": "Your {line} is wrong only {where}.",
    "one-row": "Only one row of your {line} is wrong.",
    "one-row-number": "Only one row of your {line} is wrong, number {number}.",
    "one-column": "Only one column of your {line} is wrong.",
    "one-column-number": "Only one column of your {line} is wrong, number {number}.",
    "one-unit": "Only one unit of your {line} is wrong.",
    "one-unit-number": "Only one unit of your {line} is wrong, number {number}.",
    "fails-only": "The program fails {where}, and answers everywhere else.",
    "fails-on-some": "The program fails on {failed} of {asked:problem}.",
    "not-finite": "On {failed} of {asked:problem} the gradients hold inf or NaN.",
    "not-finite-where": "On {failed} of {asked:problem} the gradients hold inf or NaN: {where}.",
}  # fmt: skip

_MOST_DECIMALS = 10

Wrong = tuple[Any, Tensor, Tensor]  # the case, which says what is allowed of a line, yours, expected
Factor = tuple[Callable[..., Said], str, Callable[[Any], float]]  # the sentence, the factor as written, the factor


said = saying(TEXTS)


def shape(name: str, both: Sequence[Wrong]) -> Iterator[Said]:
    """Every value in another shape, and none of them the expected one turned over or reshaped."""
    other = [(y, r) for _, y, r in both if y.shape != r.shape]
    if len(other) == len(both) and not any(turned(name, both)):
        yield said("shape", line=name, yours=str(tuple(other[0][0].shape)), expected=str(tuple(other[0][1].shape)))


def _fits(both: Sequence[Wrong], predict: Callable[[Any, Tensor], Tensor], name: str) -> bool:
    """Whether the prediction explains every entry within budget; a factor moves the budget with it."""
    for c, yours, right in both:
        made = predict(c, right)
        if made.shape != yours.shape:
            return False
        scale = torch.where(right == 0, 1.0, (made / right).abs()) if made.shape == right.shape else 1.0
        allowed = c.allowed(name).reshape(made.shape) if c.allowed(name).numel() == made.numel() else 0.0
        if not bool(((yours - made).abs() <= 1e-12 * made.abs().max() + 4 * scale * allowed).all()):
            return False
    return True


def factor(name: str, both: Sequence[Wrong], factors: Sequence[Factor]) -> Iterator[Said]:
    """Zeros, or a factor that is common to every entry: one of those, or a number."""
    if all(bool((y == 0).all()) for _, y, _ in both):
        yield said("zero", line=name)
        return
    for sentence, text, made in factors:
        if any(made(c) != 1 for c, _, _ in both) and _fits(both, lambda c, right, made=made: made(c) * right, name):
            yield sentence(line=name, factor=text)
            return
    if any(y.shape != r.shape for _, y, r in both):
        return
    size = sum(float((r * r).sum()) for _, _, r in both)
    constant = sum(float((y * r).sum()) for _, y, r in both) / size if size else 0.0
    shown = f"{constant:.6g}"
    if shown in ("1", "0", "-0") or abs(constant) < 1e-9:
        return
    typed = float(shown)
    for value in (typed, constant):
        if _fits(both, lambda c, right, value=value: value * right, name):
            yield said("factor", line=name, factor=shown)
            return


def turned(name: str, both: Sequence[Wrong]) -> Iterator[Said]:
    if (
        both[0][2].dim() == 2
        and any(r.shape[0] > 1 < r.shape[1] for _, _, r in both)
        and _fits(both, lambda c, right: right.T, name)
    ):
        yield said("transposed", line=name)
        return
    ordered: Callable[[Tensor], Tensor] = lambda v: torch.sort(v.flatten()).values
    moved = [(y, r) for _, y, r in both if y.shape != r.shape]
    same_size = all(y.numel() == r.numel() for _, y, r in both)
    if moved and same_size and _fits([(c, y.reshape(r.shape), r) for c, y, r in both], lambda c, right: right, name):
        yours, expected = (str(tuple(v.shape)) for v in moved[0])
        yield said("shape-alone", line=name, yours=yours, expected=expected)
    elif all(y.numel() == r.numel() > 1 for _, y, r in both) and all(
        torch.allclose(ordered(y), ordered(r), rtol=1e-10, atol=1e-13)
        and not torch.allclose(y.flatten(), r.flatten(), rtol=1e-7, atol=1e-10)
        for _, y, r in both
    ):
        yield said("other-order", line=name)


def numerical(name: str, both: Sequence[Wrong]) -> Iterator[Said]:
    """Numbers rounded to some decimals; small errors everywhere, far above rounding, as a difference quotient's."""
    if (digits := _decimals(both)) is not None:
        yield said("decimals", line=name, digits=digits)
        return
    errors = [
        ((y - r).abs() / r.abs().max()).max() for _, y, r in both if y.shape == r.shape and float(r.abs().max()) > 0
    ]
    if len(errors) != len(both) or not errors:
        return
    worst = float(torch.stack(errors).max())
    if not FLOAT64 * 1e3 < worst < 1e-3:
        return
    if worst < FLOAT32 / 100:
        return
    often = sum(float(e) > FLOAT64 * 1e3 for e in errors) / len(errors)
    key, least = ("about-float32", 0.5) if worst < 100 * FLOAT32 else ("numerical", 0.9)
    if often > least:
        yield said(key, line=name, share=float(f"{worst:.1e}"))


def _decimals(both: Sequence[Wrong]) -> int | None:
    """To how many decimals every number is rounded, where it is the expected one but for that."""
    if any(y.shape != r.shape for _, y, r in both) or not any(bool(y.any()) for _, y, _ in both):
        return None
    for digits in range(1, _MOST_DECIMALS + 1):
        unit = 10.0**-digits
        if all(
            torch.allclose(y, torch.round(y / unit) * unit, rtol=4 * FLOAT64, atol=0.0)
            and bool(((y - r).abs() <= unit / 2 * (1 + 1e-6)).all())
            for _, y, r in both
        ):
            return digits
    return None


def entries(name: str, wrong: Sequence[Wrong]) -> list[Said]:
    """One row, column or unit only, in every problem that shows it; said where there are others."""
    if not wrong or any(y.shape != r.shape for _, y, r in wrong):
        return []
    bad = [~((y - r).abs() <= c.allowed(name)) for c, y, r in wrong]
    for axis, key in ((0, "one-row" if wrong[0][2].dim() == 2 else "one-unit"), (1, "one-column")):
        if axis >= wrong[0][2].dim() or not all(b.shape[axis] > 1 for b in bad):
            continue
        hit = [_along(b, axis) for b in bad]
        if all(len(h) == 1 for h in hit):
            same_one = {h[0] for h in hit}
            if len(same_one) == 1:
                return [said(f"{key}-number", line=name, number=same_one.pop() + 1)]
            return [said(key, line=name)]
    return []


def _along(bad: Tensor, axis: int) -> list[int]:
    return torch.nonzero(bad if bad.dim() == 1 else bad.any(1 - axis)).flatten().tolist()
