"""What is known of an error without a name: a factor, parts, transposition, where it shows. Each is checked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from verify.bounds.budget import FLOAT32, FLOAT64
from verify.grading.answers import Answer, shapes_of
from verify.grading.assignment import Assignment
from verify.grading.fixtures import Case
from verify.lessons.network.arranged import conditions
from verify.lessons.network.order import same
from verify.lessons.network.right import is_finite, line_is_right
from verify.lessons.network.texts import said
from verify.problems.lines import gradient_names, kind_and_layer
from verify.said import Said

Observed = tuple[Case, Answer]
Wrong = tuple[Case, Tensor, Tensor]  # the case, yours, expected


def known(assignment: Assignment, asked: Sequence[Observed]) -> list[Said]:
    """Sentences about the first wrong line: factor, parts, transposition, where it shows."""
    first, again = asked[0][1], asked[2][1]
    kept = [] if not first.returned or same(first, again) else [said("answers-differ")]
    asked = [(c, a) for c, a in asked if a.returned and is_finite(a)]
    name = first_wrong_gradient(assignment, asked)
    both = [(c, a.lines[name], c.truth[name]) for c, a in asked if name in a.lines and name in c.truth] if name else []
    if name is None or not both:
        return kept
    deepest = max(c.problem.L for c, _, _ in both)
    both = [w for w in both if deepest == w[0].problem.L]
    ways = (_shape, _factor, _parts, _turned, _numerical)
    found = next((s for way in ways for s in way(name, both)), None)
    if found is not None and "yours" in found.values:
        found = replace(found, values={**found.values, **_shapes(name, asked, deepest)})
    return [*kept, *([found] if found is not None else []), *_places(name, both)]


def _shapes(name: str, asked: Sequence[Observed], deepest: int) -> dict[str, str]:
    """The first two shapes that differ, as the assignment's convention has them."""
    yours, expected = next(
        shapes_of(a, name, a.lines[name], c.truth[name])
        for c, a in asked
        if deepest == c.problem.L and name in a.lines and a.lines[name].shape != c.truth[name].shape
    )
    return {"yours": yours, "expected": expected}


def first_wrong_gradient(assignment: Assignment, asked: Sequence[Observed]) -> str | None:
    """The first of dW and db, in the order of the working, that is wrong in the deepest network that shows it."""
    for depth in range(assignment.layers[1], 0, -1):
        for name in gradient_names(depth):
            if not assignment.biases and name.startswith("db"):
                continue
            for c, a in asked:
                if depth == c.problem.L and not (name in a.lines and line_is_right(c, name, a.lines[name])):
                    return name
    return None


def _shape(name: str, both: Sequence[Wrong]) -> Iterator[Said]:
    """Every value in another shape, and none of them the expected one turned over or reshaped."""
    other = [(y, r) for _, y, r in both if y.shape != r.shape]
    if len(other) == len(both) and not any(_turned(name, both)):
        yield said("shape", line=name, yours=str(tuple(other[0][0].shape)), expected=str(tuple(other[0][1].shape)))


def _fits(both: Sequence[Wrong], predict: Callable[[Case, Tensor], Tensor], name: str) -> bool:
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


# The key of the sentence, the factor as it is written, and the factor.
_FACTORS: tuple[tuple[str, str, Callable[[Case], float]], ...] = (
    ("factor", "−1", lambda c: -1.0),
    ("factor", "2", lambda c: 2.0),
    ("factor", "½", lambda c: 0.5),
    ("factor-N", "N", lambda c: c.problem.N),
    ("factor-1/N", "1/N", lambda c: 1 / c.problem.N),
    ("factor-K", "K", lambda c: c.problem.t.shape[1]),
    ("factor-1/K", "1/K", lambda c: 1 / c.problem.t.shape[1]),
)


def _factor(name: str, both: Sequence[Wrong]) -> Iterator[Said]:
    if all(bool((y == 0).all()) for _, y, _ in both):
        yield said("zero", line=name)
        return
    for key, text, factor in _FACTORS:
        if any(factor(c) != 1 for c, _, _ in both) and _fits(
            both, lambda c, right, factor=factor: factor(c) * right, name
        ):
            yield said(key, line=name, factor=text)
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


def _parts(name: str, both: Sequence[Wrong]) -> Iterator[Said]:
    """dW as α times the data's part plus β times λW."""
    kind, l = kind_and_layer(name)
    if kind != "dW" or l is None or any(y.shape != r.shape for _, y, r in both):
        return
    decays = [(c.problem.lam * c.problem.W[l - 1]).flatten() for c, _, _ in both]
    if not any(bool((decay != 0).any()) for decay in decays):
        return
    rows = [torch.stack([r.flatten() - decay, decay], 1) for (_, _, r), decay in zip(both, decays, strict=True)]
    system, target = torch.cat(rows), torch.cat([y.flatten() for _, y, _ in both])
    alpha, beta = torch.linalg.lstsq(system, target.unsqueeze(1)).solution.flatten().tolist()
    residual = (system @ torch.tensor([alpha, beta], dtype=target.dtype, device=target.device) - target).abs().max()
    data, decay = (f"{v:.4g}" for v in (alpha, beta))
    if float(residual) > 1e-11 * float(target.abs().max()) or (data, decay) == ("1", "1"):
        return
    key = "parts-decay" if data == "1" else "parts-data" if decay == "1" else "parts"
    yield said(key, line=name, data=_bare_zero(data), decay=_bare_zero(decay))


def _bare_zero(number: str) -> str:
    return "0" if abs(float(number)) < 1e-9 else number


def _turned(name: str, both: Sequence[Wrong]) -> Iterator[Said]:
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


def _numerical(name: str, both: Sequence[Wrong]) -> Iterator[Said]:
    """Small errors everywhere, far above rounding, are those of a difference quotient."""
    errors = [
        ((y - r).abs() / r.abs().max()).max() for _, y, r in both if y.shape == r.shape and float(r.abs().max()) > 0
    ]
    if len(errors) != len(both) or not errors:
        return
    worst = float(torch.stack(errors).max())
    if not FLOAT64 * 1e3 < worst < 1e-3:
        return
    share = float(f"{worst:.1e}")
    if worst < FLOAT32 / 100:
        return
    if worst < 100 * FLOAT32:
        yield said("about-float32", line=name, share=share)
    elif sum(float(e) > FLOAT64 * 1e3 for e in errors) > 0.9 * len(errors):
        yield said("numerical", line=name, share=share)


def _places(name: str, both: Sequence[Wrong]) -> list[Said]:
    """Where the error shows: under which conditions, with which activations, in which rows or columns."""
    wrong = [not line_is_right(c, name, y) for c, y, _ in both]
    exact = [text for text, at in conditions([c.problem for c, _, _ in both]) if at == wrong]
    found = [said("shows-only", where=text) for text in exact[:1]] or list(_activations(both, wrong))
    return found + _entries(name, [w for w, bad in zip(both, wrong, strict=True) if bad])


def _activations(both: Sequence[Wrong], wrong: Sequence[bool]) -> Iterator[Said]:
    """Under which activations it shows, where others are asked too and every problem of these is wrong."""
    deep = [(c.problem.activation, w) for (c, _, _), w in zip(both, wrong, strict=True) if c.problem.L > 1]
    guilty = {name for name, w in deep if w}
    if guilty and guilty < {name for name, _ in deep} and all(w == (name in guilty) for name, w in deep):
        yield said("shows-only", where=said("with-activation", names=sorted(guilty)))


def _entries(name: str, wrong: Sequence[Wrong]) -> list[Said]:
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
            return [said(f"{key}-number", number=same_one.pop() + 1) if len(same_one) == 1 else said(key)]
    return []


def _along(bad: Tensor, axis: int) -> list[int]:
    return torch.nonzero(bad if bad.dim() == 1 else bad.any(1 - axis)).flatten().tolist()
