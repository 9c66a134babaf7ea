"""`backproof grade --pytest`: nothing that lies with the submissions, and nothing of the caller's, is obeyed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from verify.commands import pytest_run
from verify.errors import BadInput

COMMAND = Path(sys.executable).with_name("backproof")  # as pip installed it
EVIL = "import pathlib\npathlib.Path({marker!r}).write_text('was here')\n"


def started(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [str(COMMAND), "grade", ".", "--sandbox", "process", "--pytest", *words]
    environment = os.environ | {"XDG_CACHE_HOME": str(folder.parent / "cache"), "PYTEST_ADDOPTS": "--collect-only"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_no_configuration_is_obeyed_and_ids_and_lf_select(tmp_path: Path) -> None:
    folder, marker = tmp_path / "handed", tmp_path / "marker"
    folder.mkdir()
    for name in ("conftest.py", "evil.py", "sitecustomize.py"):
        (folder / name).write_text(EVIL.format(marker=str(marker)))
    (folder / "pytest.ini").write_text("[pytest]\naddopts = -p evil\n")
    (folder / "carol.py").write_text("def gradients(:\n")
    (folder / "-rf.py").write_text("def f(:\n")
    ran = started(folder, "-q", "-p", "no:hypothesispytest", "-p", "no:jaxtyping", "carol.py::state", "./-rf.py::state")
    assert not marker.exists(), ran.stdout + ran.stderr
    assert "2 failed" in ran.stdout, ran.stdout + ran.stderr
    assert "FAILED ./-rf.py::state" in ran.stdout
    again = started(folder, "-q", "--lf", "--collect-only")
    assert "carol.py::state" in again.stdout, again.stdout + again.stderr
    assert "2/" in again.stdout


def test_what_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"nowhere: is no file or folder"):
        pytest_run.run([tmp_path / "nowhere"], [], [])
