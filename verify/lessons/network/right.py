"""Whether what came back is the right number, within budget."""

from __future__ import annotations

import torch
from torch import Tensor

from verify.grading.answers import Answer
from verify.lessons.network.cases.fixtures import Case
from verify.problems.lines import gradient_names


def line_is_right(case: Case, name: str, value: Tensor, *, float32: bool = False) -> bool:
    """Whether a line's value is the right one within budget; of what shape and how finite is asked first."""
    truth = case.truth[name]
    return value.shape == truth.shape and bool(((value - truth).abs() <= case.allowed(name, float32=float32)).all())


def wanted(case: Case, biases: bool) -> list[str]:
    """The gradients that the assignment asks for."""
    return [name for name in gradient_names(case.problem.L) if biases or name.startswith("dW")]


def gradients_are_right(
    case: Case, answer: Answer, biases: bool, *, float32: bool = False, slack: bool = False
) -> bool:
    """Whether all gradients of a case are right; with slack, to the ten digits that a difference of sums keeps."""
    return all(
        name in answer.lines
        and (
            torch.allclose(answer.lines[name], case.truth[name], rtol=1e-10, atol=1e-10)
            if slack and answer.lines[name].shape == case.truth[name].shape
            else line_is_right(case, name, answer.lines[name], float32=float32)
        )
        for name in wanted(case, biases)
    )


def what_came_is_right(case: Case, answer: Answer, biases: bool) -> bool:
    """Whether all gradients of a case that came are right; what is missing in them has no numbers to be explained."""
    return all(line_is_right(case, n, answer.lines[n]) for n in wanted(case, biases) if n in answer.lines)


def is_finite(answer: Answer) -> bool:
    """Whether every line that came is finite."""
    return all(bool(torch.isfinite(v).all()) for v in answer.lines.values())
