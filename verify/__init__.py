"""Problems, witnesses, budgets, comparison, grading, check_backward; public names load when they are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from verify.backward.lesson import lesson_of
    from verify.bounds.kinks import positive
    from verify.commands.checking import check_backward, check_gradients
    from verify.grading.lesson import Key, Lesson, Line, Mistake

__all__ = ["Key", "Lesson", "Line", "Mistake", "check_backward", "check_gradients", "lesson_of", "positive"]

_HOMES = {
    "check_backward": "verify.commands.checking",
    "check_gradients": "verify.commands.checking",
    "Key": "verify.grading.lesson",
    "Lesson": "verify.grading.lesson",
    "Line": "verify.grading.lesson",
    "Mistake": "verify.grading.lesson",
    "lesson_of": "verify.backward.lesson",
    "positive": "verify.bounds.kinks",
}


def __getattr__(name: str) -> Any:
    """A public name, from the module that has it: importing `verify` itself loads nothing else."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
