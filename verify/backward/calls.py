"""Probes of the call itself: frozen inputs, a second backward pass, a second call, float64, whether the kernel ran."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from verify.backward import words
from verify.backward.checker import Checker, Looked, Refused, gradient_of
from verify.backward.judging import DOUBT, FAIL, RIGHT, judge
from verify.backward.parts import widened
from verify.backward.precision import Precision
from verify.backward.probes import UPSTREAM
from verify.backward.subject import Answer, Case, backward, call, leaves_of, outputs_of

if TYPE_CHECKING:
    from verify.backward.check import Seen

_RANDOM = UPSTREAM[0]
_MOST_SUBSETS = 8


def _subsets(wanted: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Each input alone, and each one frozen."""
    if len(wanted) < 2:
        return []
    alone = [(k,) for k in wanted]
    frozen = [tuple(j for j in wanted if j != k) for k in wanted] if len(wanted) > 2 else []
    return (alone + frozen)[: 2 * _MOST_SUBSETS]


def _frozen(checker: Checker, case: Case, seen: Seen) -> None:
    """needs_input_grad: inputs frozen in turn."""
    from verify.backward.check import keep

    for needs in _subsets(case.wanted):
        frozen = [seen.name(k) for k in case.wanted if k not in needs]
        name = f"frozen {', '.join(frozen)}"
        try:
            looked = checker.look(_RANDOM, case, needs=needs)
        except Refused:
            continue
        except Exception as error:
            seen.find(words.raised(name, error, FAIL))
            continue
        seen.probes[name] = "these inputs ask for no gradient"
        checker.settle(_RANDOM, looked, needs)
        keep(seen, name, replace(looked, judged={k: j for k, j in looked.judged.items() if k >= 0}))


def _second(checker: Checker, case: Case, seen: Seen) -> None:
    """The second backward pass on one graph, with another upstream gradient between."""
    from verify.backward.check import keep

    name = "second backward"
    seen.probes[name] = "the backward pass runs twice on one graph"
    leaves = leaves_of(case)
    kept = [v.detach().clone() if isinstance(v, Tensor) else v for v in leaves]
    outputs = outputs_of(checker.function(*leaves))
    upstream = checker.upstream(_RANDOM, 0)
    try:
        backward(case, leaves, kept, outputs, checker.upstream(_RANDOM, 2), keep=True)
        answer = backward(case, leaves, kept, outputs, upstream, keep=True)
    except Exception as error:
        seen.find(words.raised(name, error, FAIL))
        return
    looked = checker.judged(case, checker.run(case), answer)
    checker.settle(_RANDOM, looked)
    keep(seen, name, replace(looked, judged={k: j for k, j in looked.judged.items() if k >= 0}))


def _twice(checker: Checker, case: Case, seen: Seen) -> None:
    """Two calls with the same arguments: equal, or within what another order of the sums explains."""
    name = "called twice"
    seen.probes[name] = "two calls with the same arguments"
    one = call(checker.function, case, checker.upstream(_RANDOM, 0))
    two = call(checker.function, case, checker.upstream(_RANDOM, 0))
    budgets = checker.run(case).gradients(one.upstream, list(one.gradients))
    for k, budget in budgets.items():
        first, second = (gradient_of(a, k, budget).detach().to(torch.float64) for a in (one, two))
        if torch.equal(first, second):
            continue
        both = replace(budget, value=first, proof=2 * budget.proof, sigma=2**0.5 * budget.sigma)
        j = judge(second, both)
        if j.state == RIGHT:
            seen.note(
                f"The gradient of {seen.name(k)} differs from call to call, within what another order of its sums "
                f"explains (by {float((first - second).abs().max()):.3g})."
            )
        else:
            seen.find(words.unsteady(seen.name(k), name, j))


def _double(checker: Checker, case: Case, seen: Seen) -> None:
    """The same numbers in float64: mistakes that a short dtype's rounding hides."""
    from verify.backward.check import keep

    if checker.precision.storage == torch.float64:
        return
    wide = case.replaced(lambda k, v: widened(v))
    other = replace(checker, precision=Precision.of(torch.float64))
    try:
        looked = other.look(_RANDOM, wide)
    except Exception as error:
        text = str(error).strip()
        seen.note(f"It was not run in float64: {text.splitlines()[0][:120] if text else type(error).__name__}.")
        return
    other.settle(_RANDOM, looked)
    if any(j.state in (FAIL, DOUBT) for j in looked.judged.values()) and _short_inside(checker, looked):
        seen.note("With float64 inputs it works in a shorter dtype inside.")
        return
    seen.probes["float64"] = "the same numbers in float64"
    keep(seen, "float64", looked)


def _short_inside(checker: Checker, looked: Looked) -> bool:
    """Whether the budget of float32 explains what float64's does not."""
    short = Checker(checker.function, checker.expected, Precision.of(torch.float32), checker.seed, set())
    found = short.judged(looked.case, short.run(looked.case), looked.answer)
    return all(j.state not in (FAIL, DOUBT) for j in found.judged.values())


CALLS: dict[str, Callable[[Checker, Case, Seen], None]] = {
    "frozen": _frozen,
    "second backward": _second,
    "called twice": _twice,
    "float64": _double,
}


def kernel_ran(function: Callable[..., Any], answer: Answer, seen: Seen) -> None:
    """An autograd.Function whose node is not in the graph never ran its backward pass."""
    owner = getattr(function, "__self__", None)
    if not (inspect.isclass(owner) and issubclass(owner, torch.autograd.Function)):
        return
    if owner._backward_cls.__name__ not in answer.nodes:
        seen.find(words.never_ran(owner.__name__, answer.nodes))


__all__ = ["CALLS", "DOUBT", "kernel_ran"]
