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
_KINDS = (".py", ".j2", ".po")
_NOT_GRADING = frozenset({"__pycache__", "benchmarks"})


def version(device: str = "cpu") -> str:
    """A digest of what a record depends on besides submission, assignment and seed: our source, and what computes."""
    packages = "".join(f"{name} {metadata.version(name)} " for name in _COMPUTING)
    return hashlib.sha256(f"{device} {platform.python_version()} {packages}{_source()}".encode()).hexdigest()


@functools.cache
def _source() -> str:
    """Every source file that grades, with its digest."""
    root = Path(__file__).parents[2]
    every = sorted(path.relative_to(root).as_posix() for package in _SOURCES for path in (root / package).rglob("*.*"))
    grading = [name for name in every if name.endswith(_KINDS) and _NOT_GRADING.isdisjoint(name.split("/"))]
    return "".join(f"{name} {hashlib.sha256((root / name).read_bytes()).hexdigest()} " for name in grading)
