"""Where the answer key of an assignment is kept; it imports no NumPy, so that who hands out the work can ask.

A key's name is a digest of the grader's source, Python, NumPy and torch, the processor, what the environment says of
arithmetic, the assignment and the seed, so after a change of any of them no old key is asked. A key says what is right,
and is secret where the seed is: its folder belongs to the grader alone (mode 0700), and keys are kept only where the
sandbox shuts submissions out of it. `BACKPROOF_CACHE` is the folder; empty, nothing is kept. Without it: backproof/ in
`XDG_CACHE_HOME`, or in ~/.cache.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import os
import platform
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from verify.grading.assignment import Assignment
from verify.grading.version import version

if TYPE_CHECKING:
    from verify.isolation import Sandbox

VARIABLE = "BACKPROOF_CACHE"
SUFFIX = ".key"
_FOLDER = "keys"
_TELLING = ("model name", "flags", "Features", "CPU ")  # of /proc/cpuinfo: kind and abilities of the processor
_OF_ARITHMETIC = ("ATEN_", "BLIS_", "DNNL_", "KMP_", "MKL_", "NPY_", "OMP_", "ONEDNN_", "OPENBLAS_", "TORCH_")


def has_key(a: Assignment) -> bool:
    """Whether a right submission of an assignment hands over nothing but gradients and lines, and runs once."""
    return not a.asked and a.forward_only == "allow" and a.points.gradients > 0


def is_kept(assignment: Assignment, seed: int) -> bool:
    """Whether there is a key already."""
    folder = _folder() if has_key(assignment) else None
    return folder is not None and _path(folder, assignment, seed).is_file()


def place(assignment: Assignment, seed: int, sandbox: Sandbox) -> Path | None:
    """Where an examination's key is kept; None where it is not, as with a sandbox that does not hide it."""
    folder = _folder()
    return _path(folder, assignment, seed) if folder is not None and sandbox.hides(folder) else None


def _path(folder: Path, assignment: Assignment, seed: int) -> Path:
    words = (version(), _machine(), msgspec.json.encode(assignment).decode(), str(seed))
    return folder / (hashlib.sha256("\n".join(words).encode(errors="backslashreplace")).hexdigest() + SUFFIX)


def _folder() -> Path | None:
    """The folder of this user's keys, which nobody else can read or write; None where there is none."""
    asked = os.environ.get(VARIABLE)
    if asked == "" or not hasattr(os, "geteuid"):
        return None
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    try:
        folder = Path(asked or Path(home, "backproof")).expanduser().resolve() / _FOLDER
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            return None
        if found.st_mode & 0o077:
            folder.chmod(0o700)
        return folder
    except (OSError, RuntimeError, ValueError):
        return None


@functools.cache
def _machine() -> str:
    """What the last bits of its numbers may depend on besides versions."""
    told = [f"{name}={os.environ[name]}" for name in sorted(os.environ) if name.startswith(_OF_ARITHMETIC)]
    try:
        with Path("/proc/cpuinfo").open() as stream:
            told += [line for line in itertools.takewhile(str.strip, stream) if line.startswith(_TELLING)]
    except OSError:
        told.append(platform.processor())  # which starts a program on some systems
    return "\n".join((platform.machine(), *told))
