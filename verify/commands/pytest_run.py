"""Grading as pytest items, with no configuration but ours: `scripts/grade.py PATH... --pytest [what pytest is told]`.

pytest obeys configuration files in the folder that it is started in and above it, before any plug-in can refuse. So it
is started in a folder of its own, with an empty one.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from verify.errors import BadInput
from verify.submissions.submission import shown

_CONFIGURATION = "[pytest]\n"
# What pytest would take from whoever starts it.
_OBEYED = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS")
_NO_TESTS_USED_WRONGLY = 4


def run(paths: Sequence[Path], options: Sequence[str], words: Sequence[str]) -> int:
    """Grades under pytest; its exit code. options: of the plug-in. words: what pytest is told besides."""
    if find_spec("pytest") is None:
        raise BadInput("--pytest: pytest is not installed here; allowed is pip install 'backproof[test]' first")
    for path in paths:
        if not path.exists():
            raise BadInput(
                shown(f"{path}: is no file or folder; submissions are .py files, notebooks, folders, archives")
            )
    root = _root(paths)
    command = [sys.executable, "-P", "-m", "pytest", "-c", str(root / "pytest.ini"), "--rootdir", str(root)]
    graded = [f"--grade={path.resolve()}" for path in paths]
    ended = subprocess.run([*command, *graded, *options, *_absolute(words)], cwd=root, env=_environment(), check=False)
    return ended.returncode


def _root(paths: Sequence[Path]) -> Path:
    """A folder of pytest's own for these paths, so that what it remembers of the last run (--lf) is there again."""
    mark = hashlib.sha256("\0".join(sorted(str(path.resolve()) for path in paths)).encode(errors="replace"))
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    root = cache / "backproof" / "pytest" / mark.hexdigest()[:16]
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        (root / "pytest.ini").write_text(_CONFIGURATION)
    except OSError as error:
        raise BadInput(
            shown(f"--pytest: {root} cannot be written ({error.strerror}); allowed is XDG_CACHE_HOME=DIR")
        ) from None
    return root


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in _OBEYED}


def _absolute(words: Sequence[str]) -> list[str]:
    """The words with files that pytest writes placed where the command was given."""
    placed = []
    for word in words:
        option, equals, value = word.partition("=")
        is_file = equals and option in ("--junitxml", "--junit-xml", "--report-log", "--basetemp")
        placed.append(f"{option}={Path(value).absolute()}" if is_file else word)
    return placed
