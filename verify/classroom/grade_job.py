"""What a class is to be graded by, checked before anything heavy is imported and before anything is written."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from verify.errors import BadInput
from verify.problems.job import DEVICES, MOST_SEED
from verify.submissions.confined import find_class
from verify.submissions.finding import CONFIGURATION, Handed, is_submission
from verify.submissions.submission import shown

SANDBOXES = ("auto", "namespaces", "bubblewrap", "process")
MOST_JOBS = 512
_CLUSTER = re.compile(r"dask://(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s:/\[\]]+):(?P<port>[0-9]{1,5})")


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def assignment_beside(paths: Sequence[Path]) -> Path | None:
    """The backproof.toml in the class's folder: in a PATH that is a folder of submissions, beside any other PATH.

    Never one that lies in a submission. Raises BadInput where the paths have more than one.
    """
    folders = dict.fromkeys(folder for path in paths if (folder := _class_folder(path)) is not None)
    found = [folder / CONFIGURATION for folder in folders if (folder / CONFIGURATION).is_file()]
    if len(found) > 1:
        raise BadInput(shown(f"{found[0]} and {found[1]}: allowed is one; say which by --assignment FILE"))
    return found[0] if found else None


def _class_folder(path: Path) -> Path | None:
    """None for a path that the system cannot even look for, as one that is too long: whoever reads it says so."""
    try:
        return path if path.is_dir() and not is_submission(path) else path.parent
    except OSError:
        return None


@dataclass(frozen=True)
class GradeJob:
    """A class, as the command line asks for it. seed None: the assignment's own."""

    paths: tuple[Path, ...]
    out: Path
    jobs: int
    sandbox: str = "auto"
    executor: str | None = None
    seed: int | None = None
    device: str = "cpu"

    def check(self) -> None:
        """BadInput, with the value and what is allowed, for whatever no run could serve."""
        if not 1 <= self.jobs <= MOST_JOBS:
            raise BadInput(f"--jobs {self.jobs}: allowed is a whole number from 1 to {MOST_JOBS}")
        if self.seed is not None and not 0 <= self.seed <= MOST_SEED:
            raise BadInput(f"--seed {self.seed}: allowed is a whole number from 0 to {MOST_SEED}")
        check_known("--sandbox", self.sandbox, SANDBOXES)
        check_known("--device", self.device, DEVICES)
        if self.executor is not None:
            scheduler(self.executor)
        try:
            self._check_folder()
        except OSError as error:
            raise BadInput(shown(f"--out {self.out}: cannot be used ({error.strerror})")) from None

    def _check_folder(self) -> None:
        out = self.out.resolve()
        for path in self.paths:
            other = path.resolve()
            if out.is_relative_to(other) or other.is_relative_to(out):
                raise BadInput(
                    shown(f"--out {self.out}: lies within or around {path}; allowed is a folder apart from submissions")
                )
        if self.out.exists() and not self.out.is_dir():
            raise BadInput(shown(f"--out {self.out}: is a file; allowed is a folder, or a name for a new one"))
        nearest = next(folder for folder in (out, *out.parents) if folder.exists())
        if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
            raise BadInput(
                shown(f"--out {self.out}: {nearest} is not a folder that you may write to; allowed is one that is")
            )

    def handed(self, assignment: str = "") -> Handed:
        """The submissions, and what is none. assignment: its name. Raises BadInput where a path holds none."""
        try:
            return find_class(self.paths, assignment)
        except OSError as error:
            raise BadInput(shown(f"{error.filename}: cannot be read ({error.strerror})")) from None


def scheduler(executor: str) -> str:
    """dask://HOST:PORT -> the address of Dask's scheduler. Raises BadInput for anything else."""
    match = _CLUSTER.fullmatch(executor)
    if match is None or not 0 < int(match["port"]) < 1 << 16:
        raise BadInput(shown(f"--executor {executor}: allowed is dask://HOST:PORT, the address of a Dask scheduler"))
    return f"tcp://{match['host']}:{match['port']}"


def check_known(option: str, value: str, known: tuple[str, ...]) -> None:
    """BadInput for a word that is none of those known."""
    if value not in known:
        raise BadInput(shown(f"{option} {value}: is not known; allowed are {', '.join(known)}"))
