"""docs/examples/workflow.yml: its steps, run one after the other as GitHub's runner would, with what it sets."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.classes import NO_SLOPE, RIGHT

ROOT = Path(__file__).parent.parent
WORKFLOW = yaml.safe_load((ROOT / "docs" / "examples" / "workflow.yml").read_text(encoding="utf-8"))
STEPS = {step["name"]: step["run"] for step in WORKFLOW["jobs"]["grade"]["steps"] if "run" in step}
# What `python -m venv` and pip would leave, made from what is installed here.
BIN = Path(sys.executable).parent
SHIMS = {
    "pip": 'echo "$@" >> pip.log',
    "python": f'exec {sys.executable} "$@"',
    "backproof": f'exec {BIN}/backproof "$@"',
}
PYTHON = "#!/bin/sh\nmkdir -p .venv/bin\ncp shims/* .venv/bin/\n"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The runner's working folder once both repositories are checked out, and Install has run."""
    place = tmp_path_factory.mktemp("runner")
    (place / "bin").mkdir()
    (place / "shims").mkdir()
    scripts = {"bin/python": PYTHON} | {f"shims/{name}": f"#!/bin/sh\n{text}\n" for name, text in SHIMS.items()}
    for name, text in scripts.items():
        (place / name).write_text(text)
        (place / name).chmod(0o755)
    (place / "backproof").mkdir()
    (place / "backproof" / "hw3.toml").write_text('layers = [1, 2]\nseed = 0\nname = "Homework 3"\n')
    step(place, "Install")
    return place


def step(place: Path, name: str) -> subprocess.CompletedProcess[str]:
    (place / "step.md").unlink(missing_ok=True)
    environment = {
        **os.environ, "PATH": f"{place / 'bin'}:{os.environ['PATH']}", "GITHUB_ACTOR": "ada-l",
        "GITHUB_STEP_SUMMARY": str(place / "step.md"),
    }  # fmt: skip
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", STEPS[name]]
    return subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False)


def push(place: Path, files: dict[str, str]) -> subprocess.CompletedProcess[str]:
    for name in ("submission", "class", "grades"):
        shutil.rmtree(place / name, ignore_errors=True)
    for name, text in files.items():
        path = place / "submission" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return step(place, "Grade")


def test_install_takes_the_versions_of_this_project(place: Path) -> None:
    assert "-c backproof/constraints.txt ./backproof" in (place / "pip.log").read_text()


def test_a_push_is_graded_shown_and_passes_where_it_is_right(place: Path) -> None:
    repository = {".github/workflows/x.yml": "", "README.md": "# hw3", "hw3.py": RIGHT, "plot.py": "import pandas\n"}
    done = push(place, repository)
    assert (done.returncode, done.stderr) == (0, "")
    assert "| ada-l | correct | 10 of 10 |" in (place / "step.md").read_text(encoding="utf-8")
    assert step(place, "Verdict").returncode == 0
    assert (place / "grades" / "junit.xml").exists()


def test_a_push_that_is_wrong_fails_with_an_annotation(place: Path) -> None:
    done = push(place, {"hw3.py": NO_SLOPE})
    assert done.returncode == 0
    assert done.stderr.startswith("::error title=ada-l%3A wrong::")
    assert step(place, "Verdict").returncode == 1
