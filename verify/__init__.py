"""Problems, witnesses, budgets, comparison, grading, check_backward; public names load when they are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from verify.commands.checking import check_backward, check_gradients

__all__ = ["check_backward", "check_gradients"]

_HOMES = {"check_backward": "verify.commands.checking", "check_gradients": "verify.commands.checking"}


def __getattr__(name: str) -> Any:
    """A public name, from the module that has it: importing `verify` itself loads nothing else."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
