"""How a Python is started that student code will run in: its command line, environment, and the modules it is sent."""

from __future__ import annotations

import functools
import marshal
import os
import sys
from pathlib import Path
from typing import Any

_INSIDE = Path(__file__).parent / "inside"
# In this order: each may use those before it, and those before "rooms" need no package.
_MODULES = (
    "imports", "syscalls", "landlock", "confine", "rooms",
    "codec", "totals", "groups", "cleaning", "looking",
    "noautograd", "engine", "program", "standins", "adapting", "worker", "zygote",
)  # fmt: skip
# One thread, and the same hashes every time. The grader's own environment stays outside, but for what BLAS needs here.
_ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "MALLOC_ARENA_MAX": "1",
    "MKL_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
}
_KEPT_VARIABLES = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


def python() -> list[str]:
    # Not -I, which would ignore the hash seed: the environment is ours, and the other two things it means are here.
    executable = os.path.realpath(sys.executable)
    return [executable, "-P", "-s", "-S", "-B", "-X", "utf8", "-c", (_INSIDE / "boot.py").read_text()]


def environment() -> dict[str, str]:
    return _ENVIRONMENT | {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}


@functools.cache
def _modules() -> tuple[tuple[str, Any], ...]:
    """The modules of inside/, compiled once for all workers."""
    return tuple((name, compile((_INSIDE / f"{name}.py").read_text(), f"<{name}>", "exec")) for name in _MODULES)


def bundle(start: tuple[str, str], **config: Any) -> bytes:
    return marshal.dumps({"modules": _modules(), "start": start, **config})
