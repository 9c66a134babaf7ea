"""The certificate of a lesson: its equations by hand agree with torch and with differences, or it is refused.

Every line that a submission returns is set against a witness: a gradient against autograd on the lesson's reference and
against differences of the objective, any other line against the reference's own. Every mistake must be one that some
problem of the lesson's default assignment shows. What fails is one line with the lesson, the line and the numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import torch
from msgspec.structs import replace
from torch import Tensor

from verify.errors import BadInput
from verify.grading.judged import worst_entry
from verify.grading.lesson import Lesson, parameters
from verify.grading.lesson_assignment import lesson_assignment
from verify.grading.machinery.posing import GRADED, Posed, hidden_in, posed
from verify.grading.machinery.working import FLOAT64, FORMS, RAISES, Case, as_line, worked
from verify.witnesses.general import differences_of

_COMPARED, _DIFFERENCED = 8, 3  # problems: with autograd, and with differences, which cost more
_SEED = 0


@lru_cache(maxsize=16)
def certify(lesson: Lesson) -> None:
    """Raises BadInput, one line, where the lesson is not to be believed."""
    made = posed(lesson, lesson_assignment(lesson, {}, f"lesson {lesson.name!r}"), _SEED)
    smooth = [case for _, case in made.of("rung", "general") if not case.kinks.count]
    if not smooth:
        raise BadInput(f"lesson {lesson.name!r}: every problem that it draws lies at a kink; draw other numbers")
    of_sizes = sorted(smooth, key=lambda case: case.numbers)
    some = of_sizes[:: max(1, len(of_sizes) // _COMPARED)]
    for problem in (*_of_witnesses(lesson, some), *_of_mistakes(made)):
        raise BadInput(f"lesson {lesson.name!r}: {problem}")


def _of_witnesses(lesson: Lesson, cases: Sequence[Case]) -> Iterator[str]:
    unseen = {n for contract in lesson.contracts for n in contract.returns}
    for at, case in enumerate(cases):
        witnessed = _by_autograd(lesson, case)
        unseen -= set(witnessed)
        yield from _against(case, "torch", witnessed, None)
        if at < _DIFFERENCED:
            yield from _against_differences(lesson, case)
    for name in sorted(unseen):
        yield (
            f"line {name} is returned by a submission, and nothing checks it; "
            f"name it in gradients, or let reference return a dict that has {name!r}"
        )


def _by_autograd(lesson: Lesson, case: Case) -> dict[str, Tensor]:
    """Lines as the reference has them, and the objective's gradients."""
    given = {n: v.clone() if isinstance(v, Tensor) else v for n, v in case.given.items()}
    leaves = {by: given[by].requires_grad_() for by in dict.fromkeys(lesson.gradients.values())}
    found = _referred(lesson, given)
    if not leaves:
        return {n: as_line(v) for n, v in found.items()}
    objective = found.get(lesson.objective)
    if not isinstance(objective, Tensor) or objective.numel() != 1 or not objective.requires_grad:
        raise BadInput(
            f"lesson {lesson.name!r}: its reference gives {_shown(objective)} as {lesson.objective}; "
            "allowed is one number that torch can derive by " + ", ".join(leaves)
        )
    derived = torch.autograd.grad(objective.reshape(()), list(leaves.values()), allow_unused=True)
    by = {n: torch.zeros_like(leaves[n]) if g is None else g for n, g in zip(leaves, derived, strict=True)}
    return {n: as_line(v) for n, v in found.items()} | {n: as_line(by[x]) for n, x in lesson.gradients.items()}


def _referred(lesson: Lesson, given: Mapping[str, Any]) -> dict[str, Any]:
    """Line -> the reference's value."""
    try:
        found = lesson.reference(**{name: given[name] for name in parameters(lesson.reference)})
    except Exception as error:
        raise BadInput(f"lesson {lesson.name!r}: its reference raised {type(error).__name__}: {error}") from error
    if not isinstance(found, Mapping):
        return {lesson.objective: found}
    for name in found:
        if name not in lesson.lines and name != lesson.objective:
            known = ", ".join(lesson.lines)
            raise BadInput(f"lesson {lesson.name!r}: its reference returns {name}, which is no line; known are {known}")
    return dict(found)


def _against(case: Case, witness: str, lines: Mapping[str, Tensor], bars: Mapping[str, Tensor] | None) -> Iterator[str]:
    """Each of a witness's lines that the equations by hand do not give."""
    for name, value in lines.items():
        if name not in case.truth:
            continue
        truth = case.truth[name]
        if value.shape != truth.shape:
            yield (
                f"line {name} has shape {tuple(truth.shape)} by its equation, and {tuple(value.shape)} by {witness} "
                f"(problem {case.label}: {case.described})"
            )
            return
        allowed = case.allowed(name) + (bars[name] if bars is not None else 0.0)
        if not bool(((value - truth).abs() <= allowed).all()):
            worst = worst_entry(truth, allowed, value, case.label)[1]
            at = f", entry {tuple(worst.index)}," if worst.index else ""
            yield (
                f"line {name}{at} is {worst.expected:.10g} by its equation, and {_number(worst.yours)} by {witness}; "
                f"rounding explains {worst.budget:.1e} (problem {case.label}: {case.described})"
            )
            return


def _number(value: float | None) -> str:
    return "no finite number" if value is None else f"{value:.10g}"


def _against_differences(lesson: Lesson, case: Case) -> Iterator[str]:
    """The gradients against differences of the objective: of the line by hand, where it is one."""
    by = list(dict.fromkeys(lesson.gradients.values()))
    if not by:
        return

    def objective(*moved: Tensor) -> Tensor:
        given = {**case.given, **dict(zip(by, moved, strict=True))}
        if lesson.objective in lesson.lines:
            return worked(lesson.lines, given, lesson.sources(lesson.objective))[lesson.objective].reshape(())
        return torch.as_tensor(_referred(lesson, given)[lesson.objective], device="cpu").reshape(())

    found = dict(zip(by, differences_of(objective, *(case.inputs[n] for n in by)), strict=True))
    lines = {n: found[x] for n, x in lesson.gradients.items()}
    bars = {n: torch.where(e.undecided, torch.inf, e.bar) for n, e in lines.items()}
    yield from _against(case, "differences", {n: e.value for n, e in lines.items()}, bars)


def _of_mistakes(made: Posed) -> Iterator[str]:
    """Every mistake shows on a problem, and can be worked out with bounds where it can be at all."""
    lesson, cases = made.lesson, [case for _, case in made.of(*GRADED)]
    for mistake in lesson.mistakes:
        reasons = []
        for case in cases:
            try:
                case.bounded_mistaken(mistake.replaced, FLOAT64)
                break
            except RAISES as error:
                reasons.append(f"{type(error).__name__}: {error}")
        else:
            yield f"mistake {mistake.id} cannot be worked out on any problem ({reasons[0]})"
    for id in _hidden_from_all(made):
        yield f"mistake {id}: no problem shows it; every line that is returned stays within {FORMS} times rounding"


def _hidden_from_all(made: Posed) -> tuple[str, ...]:
    """The mistakes that no function shows, those that the assignment does not ask for among them."""
    optional = tuple(c.name for c in made.lesson.contracts if c.name not in made.assignment.asked)
    if not made.hidden or not optional:
        return made.hidden
    return hidden_in(made.lesson, replace(made.assignment, functions=optional), made.cases)


def _shown(value: Any) -> str:
    return f"a tensor of shape {tuple(value.shape)}" if isinstance(value, Tensor) else repr(value)[:60]
