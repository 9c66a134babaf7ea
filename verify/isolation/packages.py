"""Which packages a student's code can import, and where they lie; all else that is installed stays out of reach."""

from __future__ import annotations

import csv
import functools
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from verify.errors import BadInput

# What a program for numpy or torch may use where it is installed: plots in a notebook are no reason to fail.
_OFFERED = {"numpy": ("numpy", "matplotlib"), "torch": ("torch", "numpy", "matplotlib")}

# Packages that differentiate. They are refused by name, whatever lies beside the submission.
_AUTOGRAD = (
    "aesara",
    "algopy",
    "autograd",
    "casadi",
    "chainer",
    "equinox",
    "flax",
    "functorch",
    "jax",
    "jaxlib",
    "keras",
    "micrograd",
    "mindspore",
    "mlx",
    "mxnet",
    "numdifftools",
    "paddle",
    "pytensor",
    "tensorflow",
    "theano",
    "tinygrad",
    "torch",
    "torchvision",
)


@dataclass(frozen=True)
class Packages:
    """The top-level names that can be imported, the files and folders that hold them, and the names refused."""

    names: tuple[str, ...]
    files: tuple[Path, ...]
    refused: tuple[str, ...]

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folders that the packages lie in."""
        return tuple(sorted({file.parent for file in self.files}))


def backend_of(offered: str) -> str:
    """The backend in an offer."""
    return offered.partition("+")[0]


def check_offered(more: Sequence[str]) -> None:
    """Raises BadInput for a package besides that differentiates, or is not installed here."""
    for name in more:
        if _normal(name) in _AUTOGRAD:
            raise BadInput(f"packages: {name} differentiates; allowed are packages that do not")
        try:
            metadata.distribution(name)
        except metadata.PackageNotFoundError:
            raise BadInput(f"packages: {name} is not installed here; pip install it where submissions run") from None


@functools.cache
def packages_for(offered: str) -> Packages:
    """The packages of an offer, with all that they need themselves.

    offered: numpy or torch, and behind + packages besides, as "numpy+pandas+scipy".
    """
    backend, *more = offered.split("+")
    refused = tuple(name for name in _AUTOGRAD if name != backend)
    files: dict[Path, None] = {}
    for distribution in _with_requirements((*_OFFERED[backend], *more)):
        files |= dict.fromkeys(_top_level(distribution))
    kept = tuple(sorted(file for file in files if file.name not in refused))
    names = {_import_name(file) for file in kept}
    return Packages(tuple(sorted(name for name in names if name.isidentifier())), kept, refused)


def _normal(name: str) -> str:
    """A name as package indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _with_requirements(roots: tuple[str, ...]) -> Iterator[metadata.Distribution]:
    pending, seen = list(roots), set()
    while pending:
        name = _normal(pending.pop())
        if name in seen:
            continue
        seen.add(name)
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        yield distribution
        # What only an extra asks for is no requirement; a marker for another system finds nothing installed.
        needed = [requirement for requirement in distribution.requires or () if "extra ==" not in requirement]
        pending += [re.split(r"[\s;\[<>=!~(@]", requirement, maxsplit=1)[0] for requirement in needed]


def _top_level(distribution: metadata.Distribution) -> Iterator[Path]:
    """The files and folders right under site-packages that a distribution installed."""
    for head in _heads(distribution):
        if head not in ("..", "__pycache__") and not head.endswith((".dist-info", ".egg-info", ".pth")):
            # As it lies, with no link resolved: imports look for it here.
            yield Path(str(distribution.locate_file(head)))


def _heads(distribution: metadata.Distribution) -> dict[str, None]:
    """The first part of the path of all that it installed, in its order: of some distributions thousands have few."""
    record = distribution.read_text("RECORD")
    if record is None:
        return dict.fromkeys(file.parts[0] for file in distribution.files or ())
    return dict.fromkeys(row[0].split("/", 1)[0] for row in csv.reader(record.splitlines()) if row and row[0])


def _import_name(file: Path) -> str:
    return file.name.split(".")[0]


@functools.cache
def standard_library() -> tuple[Path, ...]:
    """What lies under the standard library's folders but the packages that were installed into it."""
    entries = []
    for folder in library_folders():
        entries += [entry for entry in sorted(folder.iterdir()) if entry.name not in ("site-packages", "dist-packages")]
    return tuple(entries)


def library_folders() -> tuple[Path, ...]:
    """The folders of the standard library: of pure Python and of compiled modules."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    prefixes = dict.fromkeys((sys.base_prefix, sys.base_exec_prefix))
    return tuple(
        folder for prefix in prefixes for lib in ("lib", "lib64") if (folder := Path(prefix, lib, version)).is_dir()
    )
