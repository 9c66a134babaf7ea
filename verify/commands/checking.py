"""check_backward, check_gradients, check_submission and grade: what `verify` offers to programs and tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from verify.errors import BadInput
from verify.reports.backward import Report

if TYPE_CHECKING:
    from verify.grading.lesson_assignment import AnyAssignment
    from verify.grading.record import GradeRecord

    # What an assignment may be given as.
    Given = str | Path | Mapping[str, Any] | AnyAssignment | None

_WIDTH = 100


def check_backward(
    function: Callable[..., Any],
    inputs: Sequence[Any],
    reference: Callable[..., Any] | None = None,
    *,
    declared: Callable[..., Any] | None = None,
    accumulate: torch.dtype | str | None = None,
    shapes: bool = True,
    double: bool = False,
    seed: int = 0,
    device: str | torch.device | None = None,
    probes: Sequence[str] | None = None,
    progress: Callable[[str], None] = lambda text: None,
) -> Report:
    """Check a backward pass, entry by entry, in the dtype that it runs in, under every probe.

    function: a callable of tensors (an autograd.Function's apply, a module, a kernel's wrapper) that returns a
    tensor or a tuple of them; of a module the gradients of its parameters are checked as well. inputs: its
    arguments, tensors and constants; the gradient of each floating tensor is checked, or of those that require grad
    where any does. reference: the same in plain torch operations (of a module: another with the same parameters, or
    a function that takes them by name); without it, differences of the function's own forward pass in float64.
    declared: declared(upstream, *inputs) -> gradients, for a backward pass that is meant to be no derivative.
    accumulate: the dtype that sums are kept in, or "tf32". shapes: whether other sizes are tried. double: whether
    the second derivative (create_graph) has to be right as well; else the report says what it found of it. probes:
    only those whose name begins with one of these. Raises BadInput for arguments that cannot be checked; a wrong
    gradient raises nothing here (see Report.raise_if_wrong).
    """
    from verify.backward.check import Asked, examine

    chosen = None if probes is None else tuple([probes] if isinstance(probes, str) else probes)
    asked = Asked(function, inputs, reference, declared, accumulate, shapes, seed, device, chosen, progress, double)
    return Report(examine(asked))


def check_gradients(
    function: Callable[..., Tensor], gradients: Callable[..., Any] | Sequence[Tensor], inputs: Sequence[Tensor]
) -> None:
    """Check gradients of a plain scalar function of tensors against differences of it.

    gradients: the gradients at these inputs, or a function of the inputs that returns them. Raises an AssertionError
    with the report where one is wrong or cannot be told, and BadInput for arguments that cannot be checked.
    """
    from verify.backward.plain import as_function

    # Gradients that were worked out already hold at these inputs alone.
    probes = None if callable(gradients) else ("upstream", "frozen", "second", "called")
    check_backward(as_function(function, gradients), inputs, shapes=False, probes=probes).raise_if_wrong()


def grade(
    path: str | Path,
    assignment: Given = None,
    *,
    lesson: str | Path | None = None,
    sandbox: str = "auto",
    seed: int | None = None,
) -> GradeRecord:
    """Grade one submission in a sandbox of its own, and return its record, whole.

    path: a .py file, notebook, folder or archive. assignment: its TOML, a table with the same keys, or None for the
    default of its lesson. lesson: the file of a lesson of one's own; without it the lesson that the assignment names,
    else deck 000's network. seed: of the problems; None: the assignment's. Raises BadInput, one line, for what cannot
    be used.
    """
    from verify.commands.one_submission import OneJob, grade_with

    job = OneJob(Path(path), None, sandbox, seed, show="case")
    job.check()
    return grade_with(job, _asked(assignment, lesson))


def _asked(assignment: Given, lesson: str | Path | None) -> AnyAssignment:
    """The assignment, whatever it is given as."""
    from verify.lessons.registry import any_from, read_any

    file = None if lesson is None else Path(lesson)
    if isinstance(assignment, Mapping):
        return any_from(assignment, "assignment", file)
    if assignment is None or isinstance(assignment, str | Path):
        return read_any(None if assignment is None else Path(assignment), file)
    if lesson is not None:
        raise BadInput(f"lesson = {str(lesson)!r}: allowed is a lesson beside a file or a table, not beside Assignment")
    return assignment


def check_submission(
    path: str | Path,
    assignment: Given = None,
    *,
    lesson: str | Path | None = None,
    sandbox: str = "auto",
    seed: int | None = None,
) -> GradeRecord:
    """Grade one submission as `grade` does; its record where it is correct, else an AssertionError with the report."""
    __tracebackhide__ = True
    from verify.reports.graded_terminal import failure

    record = grade(path, assignment, lesson=lesson, sandbox=sandbox, seed=seed)
    if record.state != "correct":
        raise AssertionError(failure(record, _WIDTH))
    return record
