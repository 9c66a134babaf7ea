"""What costs a right submission nothing and is told: lines that it hands over beside its gradients and that are off."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor

from verify.grading.answers import Answer, columns_name
from verify.grading.judged import Judged
from verify.grading.machinery.posing import GRADED
from verify.grading.sentence import Said, said
from verify.lessons.network.cases.fixtures import Case, Fixture
from verify.problems.lines import kind_and_layer, local_name
from verify.problems.written import PENALTIES

_DIGITS = 1e-9


def told(fixture: Fixture, answers: Sequence[Answer], judged: Iterable[Judged]) -> list[Said]:
    """A sentence for each kind of line that was handed over, has no points and is wrong."""
    wrong: dict[str, list[str]] = {}
    for j in judged:
        if j.function == "gradients" and j.wrong and j.name[:2] not in ("dW", "db"):
            wrong.setdefault(kind_and_layer(j.name)[0], []).append(j.name)
    if "a" in wrong and "z" in wrong and _all(fixture, answers, [*wrong["a"], *wrong["z"]], _exchanged):
        del wrong["a"], wrong["z"]
        return [said(f"exchanged-{fixture.assignment.convention}"), *_plain(fixture, answers, wrong)]
    return _plain(fixture, answers, wrong)


def _plain(fixture: Fixture, answers: Sequence[Answer], wrong: dict[str, list[str]]) -> list[Said]:
    found = []
    for kind, lines in wrong.items():
        form = PENALTIES[fixture.assignment.penalty]
        if kind == "E" and _all(fixture, answers, lines, _without_penalty):
            found.append(said("penalty-missing", penalty=form.added, rate=form.rate))
        else:
            a = fixture.assignment
            named = [columns_name(n, a.layers[1]) if a.convention == "columns" else n for n in lines]
            found.append(said("handed-over-wrong", lines=", ".join(named)))
    return found


_Expected = Callable[[Case, str], Tensor | None]


def _all(fixture: Fixture, answers: Sequence[Answer], names: Sequence[str], expected: _Expected) -> bool:
    """Whether all values of these lines are that, to nine digits."""
    for i, case in fixture.of(*GRADED):
        for name in names:
            here = local_name(name, fixture.assignment.layers[1], case.problem.L)
            value = answers[i].lines.get(here) if here else None
            if here is None or value is None:
                continue
            want = expected(case, here)
            if want is None or value.numel() != want.numel():
                return False
            if not torch.allclose(value.reshape(want.shape), want, rtol=_DIGITS, atol=_DIGITS):
                return False
    return True


def _exchanged(case: Case, name: str) -> Tensor | None:
    other = {"a": "z", "z": "a"}[name[0]] + name[1:]
    return case.truth["y"] if other == f"z{case.problem.L}" else case.truth.get(other)


def _without_penalty(case: Case, name: str) -> Tensor:
    p = case.problem
    return case.truth["E"] - p.rate / 2 * sum(float((w**2).sum()) for w in p.W)
