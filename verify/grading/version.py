"""What a record depends on besides submission, assignment and seed: the grader's own source, and what computes."""

from __future__ import annotations

import functools
import hashlib
import platform
from importlib import metadata
from pathlib import Path

# Packages that a result depends on, besides this one.
_COMPUTING = ("numpy", "torch")
_SOURCES = ("manual", "verify")
_NOT_GRADING = frozenset({"__pycache__", "benchmarks"})


@functools.cache
def version(device: str = "cpu") -> str:
    """A digest of what a record depends on besides submission, assignment and seed: our source, and what computes."""
    state = hashlib.sha256(f"{device} {platform.python_version()} ".encode())
    for name in _COMPUTING:
        state.update(f"{name} {metadata.version(name)} ".encode())
    root = Path(__file__).parents[2]
    for path in sorted(path for package in _SOURCES for path in (root / package).rglob("*")):
        inside = path.relative_to(root)
        if path.suffix in (".py", ".j2", ".po") and _NOT_GRADING.isdisjoint(inside.parts):
            state.update(f"{inside.as_posix()} {hashlib.sha256(path.read_bytes()).hexdigest()} ".encode())
    return state.hexdigest()
