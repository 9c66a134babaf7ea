"""Limits that people take for the argument of an activation, tried where none can be read off what came back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from manual import Activation, activation
from verify.grading.answers import Answer
from verify.lessons.network.cases.fixtures import Case
from verify.lessons.network.fitted import Saturated, Throughout
from verify.lessons.network.read import SLOPES, cut_at
from verify.lessons.network.right import what_came_is_right
from verify.lessons.network.texts import said
from verify.lessons.network.typed import short

_LIMITS = (5.0, 6.0, 8.0, 10.0, 12.0, 15.0, 18.0, 20.0, 25.0, 30.0, 35.0)


def usual_cuts(observed: Sequence[tuple[Case, Answer]]) -> Iterator[Throughout]:
    """The argument of the one activation that is wrong held within ±limit, for each limit that its numbers exceed."""
    deep = [(case, answer) for case, answer in observed if case.problem.L > 1]
    guilty = {case.problem.activation for case, answer in deep if not what_came_is_right(case, answer, True)}
    if len(guilty) != 1 or any(not what_came_is_right(c, a, True) for c, a in observed if c.problem.L == 1):
        return
    name = guilty.pop()
    cases = [case for case, _ in deep if case.problem.activation == name]
    met = torch.cat([case.truth[f"a{l}"].abs().flatten() for case in cases for l in range(1, case.problem.L)])
    for limit in (v for v in _LIMITS if float(met.min()) <= v < float(met.max())):
        for slope in SLOPES:
            yield from cut_at({name: (-limit, limit)}, slope, cases[0].problem.constants)
        for slope in ("zero", "free") if name in _BOUNDED else ():
            yield saturated(activation(name, cases[0].problem.constants), limit, slope, met)


_BOUNDED = ("sigmoid", "tanh")


def saturated(f: Activation, limit: float, slope: str, met: Tensor) -> Throughout:
    """f as 0, 1 or −1 itself beyond a limit, which lies between two of the |a| that were met."""
    least, most = float(met[met <= limit].max()), float(met[met > limit].min())
    return Throughout(
        "activation-clipped", None, said("saturated", least=short(least), most=short(most)), functions={
            f.name: Saturated(f, limit, slope).function()
        }, only=(f.name,), wrong="f(±∞)", right="f(a)",
    )  # fmt: skip
