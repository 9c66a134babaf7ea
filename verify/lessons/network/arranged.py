"""Where a program answers and where it fails; answers in another arrangement: lists reversed, arrays turned over."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from manual import work
from verify.grading.answers import Answer
from verify.grading.assignment import Assignment
from verify.grading.finding import Finding
from verify.lessons.network.cases.fixtures import Case
from verify.lessons.network.findings import finding
from verify.lessons.network.right import is_finite
from verify.lessons.network.texts import said
from verify.problems.lines import gradient_names
from verify.problems.problem import Problem
from verify.said import Said

Observed = tuple[Case, Answer]

CONDITIONS: tuple[tuple[Said, Callable[[Problem], bool]], ...] = (
    (said("with-more-samples"), lambda p: p.N > 1),
    (said("with-one-sample"), lambda p: p.N == 1),
    (said("with-penalty"), lambda p: p.lam > 0),
    (said("without-penalty"), lambda p: p.lam == 0),
    (said("with-different-widths"), lambda p: len(set(p.layers)) > 1),
)


def conditions(problems: Sequence[Problem]) -> Iterator[tuple[Said, list[bool]]]:
    """Conditions in words, each with where it holds; those that hold on some of the problems and not on others."""
    depths = sorted({p.L for p in problems})
    made: list[tuple[Said, Callable[[Problem], bool]]] = [
        *CONDITIONS,
        *((said("with-depth", depth=d), lambda p, d=d: d == p.L) for d in depths),
        *((said("with-other-depth", depth=d), lambda p, d=d: d != p.L) for d in depths),
        *((said("with-depth-from", depth=d), lambda p, d=d: d <= p.L) for d in depths[1:-1]),
        *((said("with-samples", N=N), lambda p, N=N: p.N == N) for N in sorted({p.N for p in problems} - {1})),
        *(
            (said("with-activation", names=[name]), lambda p, name=name: p.L > 1 and p.activation == name)
            for name in sorted({p.activation for p in problems})
        ),
    ]
    for text, holds in made:
        at = [holds(p) for p in problems]
        if any(at) and not all(at):
            yield text, at


def fails(asked: Sequence[Observed]) -> Iterator[Said]:
    """Where a program raises or gives inf or NaN, and that it does."""
    for key, bad in (("fails-only", _failed), ("not-finite", _not_finite)):
        rows = [(c, a) for c, a in asked if key == "fails-only" or a.returned]
        failing = [bad(a) for _, a in rows]
        if not any(failing):
            continue
        where = next((text for text, at in conditions([c.problem for c, _ in rows]) if at == failing), None)
        if key == "fails-only" and where is not None:
            yield said(key, where=where)
        elif where is not None:
            yield said("not-finite-where", failed=sum(failing), asked=len(rows), where=where)
        else:
            yield said(key.replace("fails-only", "fails-on-some"), failed=sum(failing), asked=len(rows))


def _failed(answer: Answer) -> bool:
    return not answer.returned


def _not_finite(answer: Answer) -> bool:
    return answer.returned and not is_finite(answer)


# Another arrangement -------------------------------------------------------------------------------------------------


def arranged(a: Assignment, asked: Sequence[Observed]) -> list[Finding]:
    """What is wrong with a program as a whole, by where it answers."""
    found = []
    if layers_hard_coded(asked):
        found.append(finding("layers-hard-coded", a.layers[1]))
    if other_way_round(a, asked):
        found.append(finding("arrays-the-other-way-round", a.layers[1]))
    return found


def layers_hard_coded(asked: Sequence[Observed]) -> bool:
    """Whether networks of one depth above 1 are answered, and no others, a deeper among them.

    Where lists of a wrong length came back, they are as long as that depth for every network.
    """
    answered = {c.problem.L for c, a in asked if a.returned}
    others = {c.problem.L for c, a in asked} - answered
    if len(answered) != 1 or not others or max(others) < (depth := max(answered)) or depth < 2:
        return False
    counts = {
        a.failed.values["entries"]
        for c, a in asked
        if c.problem.L in others and a.failed is not None and a.failed.key == "kind-has"
    }
    return counts <= {depth}


def other_way_round(a: Assignment, asked: Sequence[Observed]) -> bool:
    """Whether it answers only where N and all numbers of units are equal, and there as if arrays were turned over."""
    returned = [(c, answer) for c, answer in asked if answer.returned]
    if len(returned) == len(asked) or not returned or not all(_square(c.problem) for c, _ in returned):
        return False
    larger = [(c, answer) for c, answer in returned if c.problem.N > 1]
    return bool(larger) and all(_turned_over(a, c, answer) for c, answer in larger)


def _square(p: Problem) -> bool:
    return len({p.N, *p.layers}) == 1


def _turned_over(a: Assignment, case: Case, answer: Answer) -> bool:
    """Whether the gradients are those of the problem whose arrays are all transposed."""
    return any(_turned_gradients(case, answer, lift) for lift in (lambda v: v, lambda v: v.unsqueeze(1)))


def _turned_gradients(case: Case, answer: Answer, lift: Callable[[Tensor], Tensor]) -> bool:
    """lift: how a bias of one axis meets the arrays, unit by unit or, by broadcasting, sample by sample."""
    p = case.problem
    net = work([w.T for w in p.W], [lift(v) for v in p.b], p.x.T, p.t.T, p.f, p.pair, p.lam, penalty=p.form)
    return all(
        name in answer.lines and answer.lines[name].shape == value.shape
        and torch.allclose(answer.lines[name], value, rtol=1e-7, atol=1e-10)
        for name, value in ((f"dW{l}", v.T) for l, v in net.dW.items())
    )  # fmt: skip


def views(asked: Sequence[Observed]) -> Iterator[tuple[str, list[Observed]]]:
    """The answers as they would be in another arrangement of the lists and arrays, with the mistake's id."""
    if any(c.problem.L > 1 for c, _ in asked):
        yield "reversed-lists", [(c, _reversed(answer, c.problem.L)) for c, answer in asked]
    for id, arrange in (("gradients-exchanged", _exchanged), ("weight-gradients-transposed", _transposed)):
        view = [(c, arrange(answer)) for c, answer in asked]
        if all(_fits(c, answer) for c, answer in view):
            yield id, view


def _exchanged(answer: Answer) -> Answer:
    """dW and db in each other's place."""
    other = {"dW": "db", "db": "dW"}
    return replace(answer, lines={other.get(n[:2], n[:2]) + n[2:]: value for n, value in answer.lines.items()})


def _transposed(answer: Answer) -> Answer:
    turned = {n: v.T if n.startswith("dW") and v.dim() == 2 else v for n, v in answer.lines.items()}
    return replace(answer, lines=turned)


def _fits(case: Case, answer: Answer) -> bool:
    """Whether every gradient that came has the shape of what it is the gradient of."""
    return all(
        n not in answer.lines or answer.lines[n].shape == case.truth[n].shape for n in gradient_names(case.problem.L)
    )


def without_forward_biases(asked: Sequence[Observed], missing: Callable[[int, int], bool]) -> list[Observed]:
    """The problems as a program sees them that leaves biases out: b = 0 where missing(l, L) holds."""
    without = lambda p: replace(p, b=tuple(v * 0 if missing(l, p.L) else v for l, v in enumerate(p.b, 1)))
    return [(Case(without(c.problem), c.role), answer) for c, answer in asked]


def _reversed(answer: Answer, L: int) -> Answer:
    turned = {
        f"{name[:2]}{L + 1 - int(name[2:])}" if name.startswith(("dW", "db")) else name: value
        for name, value in answer.lines.items()
    }
    return replace(answer, lines=turned)
