"""Problems, witnesses, budgets, comparison, grading, check_backward; public names load when they are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from verify import strategies
    from verify.backward.lesson import lesson_of
    from verify.bounds.kinks import positive
    from verify.commands.checking import check_backward, check_gradients, check_submission, grade
    from verify.grading.lesson import Key, Lesson, Line, Mistake
    from verify.problems.problem import Problem

__all__ = [
    "Key", "Lesson", "Line", "Mistake", "Problem", "check_backward", "check_gradients", "check_submission", "grade",
    "lesson_of", "positive", "strategies",
]  # fmt: skip

_CHECKING = "verify.commands.checking"
_LESSON = "verify.grading.lesson"
_HOMES = {
    "Key": _LESSON,
    "Lesson": _LESSON,
    "Line": _LESSON,
    "Mistake": _LESSON,
    "Problem": "verify.problems.problem",
    "check_backward": _CHECKING,
    "check_gradients": _CHECKING,
    "check_submission": _CHECKING,
    "grade": _CHECKING,
    "lesson_of": "verify.backward.lesson",
    "positive": "verify.bounds.kinks",
}


def __getattr__(name: str) -> Any:
    """A public name, from the module that has it: importing `verify` itself loads nothing else."""
    from importlib import import_module

    if name == "strategies":
        return import_module("verify.strategies")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
