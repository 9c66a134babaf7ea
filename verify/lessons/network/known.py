"""What is known of an error without a name: a factor, parts, transposition, where it shows. Each is checked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from verify.bounds.forms import parameter_of
from verify.grading.answers import Answer, shapes_of
from verify.grading.assignment import Assignment
from verify.grading.known_numbers import entries, factor, numerical, shape, turned
from verify.lessons.network.arranged import conditions
from verify.lessons.network.cases.fixtures import Case
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
    ways = (shape, _parameter, partial(factor, factors=_FACTORS), _parts, turned, numerical)
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


# The sentence, the factor as it is written, and the factor.
_FACTORS: tuple[tuple[Callable[..., Said], str, Callable[[Case], float]], ...] = (
    (partial(said, "factor"), "−1", lambda c: -1.0),
    (partial(said, "factor"), "2", lambda c: 2.0),
    (partial(said, "factor"), "½", lambda c: 0.5),
    (partial(said, "factor-N"), "N", lambda c: c.problem.N),
    (partial(said, "factor-1/N"), "1/N", lambda c: 1 / c.problem.N),
    (partial(said, "factor-K"), "K", lambda c: c.problem.t.shape[1]),
    (partial(said, "factor-1/K"), "1/K", lambda c: 1 / c.problem.t.shape[1]),
)


def _parameter(name: str, both: Sequence[Wrong]) -> Iterator[Said]:
    """The weights or biases handed over in place of their gradient."""
    kind, l = kind_and_layer(name)
    if kind in ("dW", "db") and all(torch.equal(y, parameter_of(c.problem, name)) for c, y, _ in both):
        yield said("parameter", line=name, parameter=f"{kind[1:]}({l})")


def _parts(name: str, both: Sequence[Wrong]) -> Iterator[Said]:
    """dW as α times the data's part plus β times λW."""
    kind, l = kind_and_layer(name)
    if kind != "dW" or l is None or any(y.shape != r.shape for _, y, r in both):
        return
    decays = [(c.problem.rate * c.problem.W[l - 1]).flatten() for c, _, _ in both]
    if not any(bool((decay != 0).any()) for decay in decays):
        return
    rows = [torch.stack([r.flatten() - decay, decay], 1) for (_, _, r), decay in zip(both, decays, strict=True)]
    system, target = torch.cat(rows), torch.cat([y.flatten() for _, y, _ in both])
    alpha, beta = torch.linalg.lstsq(system, target.unsqueeze(1)).solution.flatten().tolist()
    residual = (system @ torch.tensor([alpha, beta], dtype=target.dtype, device=target.device) - target).abs().max()
    data, decay = ("1" if abs(v - 1) < 1e-9 else f"{v:.4g}" for v in (alpha, beta))
    if float(residual) > 1e-11 * float(target.abs().max()) or (data, decay) == ("1", "1"):
        return
    key = "parts-decay" if data == "1" else "parts-data" if decay == "1" else "parts"
    factors = {"data": _bare_zero(data), "decay": _bare_zero(decay)}
    yield said(key, line=name, **{n: v for n, v in factors.items() if key in ("parts", f"parts-{n}")})


def _bare_zero(number: str) -> str:
    return "0" if abs(float(number)) < 1e-9 else number


def _places(name: str, both: Sequence[Wrong]) -> list[Said]:
    """Where the error shows: under which conditions, with which activations, in which rows or columns."""
    wrong = [not line_is_right(c, name, y) for c, y, _ in both]
    exact = [text for text, at in conditions([c.problem for c, _, _ in both]) if at == wrong]
    found = [said("shows-only", line=name, where=text) for text in exact[:1]] or list(_activations(name, both, wrong))
    return found + entries(name, [w for w, bad in zip(both, wrong, strict=True) if bad])


def _activations(name: str, both: Sequence[Wrong], wrong: Sequence[bool]) -> Iterator[Said]:
    """Under which activations it shows, where others are asked too and every problem of these is wrong."""
    deep = [(c.problem.activation, w) for (c, _, _), w in zip(both, wrong, strict=True) if c.problem.L > 1]
    guilty = {name for name, w in deep if w}
    if guilty and guilty < {name for name, _ in deep} and all(w == (name in guilty) for name, w in deep):
        yield said("shows-only", line=name, where=said("with-activation", names=sorted(guilty)))
