"""The autograder for Gradescope, run in a root that is laid out as Gradescope's."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from tests.classes import NO_SLOPE, RIGHT
from tests.test_exports import RESULTS
from verify.classroom.gradebook import Gradebook
from verify.commands import autograder, gradescope
from verify.grading.assignment import read_assignment

TOML = 'name = "Homework 3"\ndue = 2026-11-20T23:59:00+01:00\nlate = {per_day = 0.1}\nlayers = [1, 2]\n'


def command(words: list[str]) -> int:
    with pytest.raises(SystemExit) as end:
        autograder.app(words)
    return int(end.value.code or 0)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """/autograder with what was built in source/, as the image has it once setup.sh has run."""
    root = tmp_path_factory.mktemp("autograder")
    (root / "hw.toml").write_text(TOML)
    assert command(["--assignment", str(root / "hw.toml"), "--out", str(root / "source")]) == 0
    (root / "venv" / "bin").mkdir(parents=True)
    (root / "venv" / "bin" / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (root / "venv" / "bin" / "python").chmod(0o755)
    return root


def hand_in(root: Path, files: dict[str, str], created_at: str = "2026-11-22T10:00:00.123456+01:00") -> None:
    """As Gradescope lays it out."""
    for name in ("submission", "results"):
        shutil.rmtree(root / name, ignore_errors=True)
        (root / name).mkdir()
    for name, text in files.items():
        (root / "submission" / name).write_text(text, encoding="utf-8")
    about = {"id": 1, "created_at": created_at, "users": [{"id": 1, "name": "Ada", "email": "ada@u.example"}]}
    (root / "submission_metadata.json").write_text(json.dumps(about))


def results_of(root: Path) -> dict:
    results = json.loads((root / "results" / "results.json").read_bytes())
    jsonschema.validate(results, RESULTS)
    return results


def test_a_submission_is_graded_where_gradescope_has_it(root: Path) -> None:
    hand_in(root, {"homework.py": NO_SLOPE, "notes.txt": "x"})
    shutil.copy(root / "source" / "run_autograder", root / "run_autograder")
    environment = {**os.environ, "AUTOGRADER_ROOT": str(root)}
    done = subprocess.run(
        [root / "run_autograder"], cwd=root, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    results = results_of(root)
    assert 0 < results["score"] < 8, "10 points less the mistake, and 20 % for two days"
    assert "Handed in 2 days late: 20 % of the score is taken off." in results["output"]
    assert "derivative-missing" in results["output"]
    assert {test["name"] for test in results["tests"]} >= {"dW1", "dW2"}
    assert results["extra_data"]["state"] == "wrong"


def test_it_uses_what_was_uploaded_and_nothing_of_this_checkout(root: Path) -> None:
    place = "import verify, pathlib; print(pathlib.Path(verify.__file__).resolve())"
    environment = {**os.environ, "PYTHONPATH": str(root / "source" / "packages")}
    found = subprocess.run(
        [sys.executable, "-P", "-c", place], cwd="/", env=environment, capture_output=True, text=True
    )
    assert found.stdout.startswith(str(root.resolve()))
    names = {path.name for path in (root / "source").iterdir()}
    assert names == {"setup.sh", "run_autograder", "requirements.txt", "packages", "assignment.toml", "seed"}


def test_setup_installs_exact_versions_without_a_gpu(root: Path, tmp_path: Path) -> None:
    for name in ("apt-get", "python3"):
        (tmp_path / name).write_text(f'#!/bin/sh\necho {name} "$@" >> {tmp_path}/log\n')
        (tmp_path / name).chmod(0o755)
    scratch = tmp_path / "root"
    (scratch / "venv" / "bin").mkdir(parents=True)
    shutil.copy(tmp_path / "python3", scratch / "venv" / "bin" / "pip")
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "AUTOGRADER_ROOT": str(scratch)}
    done = subprocess.run(
        ["bash", root / "source" / "setup.sh"], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    log = (tmp_path / "log").read_text()
    assert "apt-get install -y python3 python3-venv" in log
    assert "--index-url https://download.pytorch.org/whl/cpu torch==" in log
    pinned = (root / "source" / "requirements.txt").read_text().split()
    assert any(line.startswith("numpy==") for line in pinned)
    assert not any("+cu" in line or line.startswith("torch") for line in pinned)


def test_the_seed_is_the_gradebooks_or_drawn_or_the_assignments(tmp_path: Path) -> None:
    with Gradebook(tmp_path / "grades") as gradebook:
        kept = gradebook.seed()
    (tmp_path / "hw.toml").write_text("seed = 7")

    def seed(*words: str) -> int:
        out = tmp_path / "made"
        assert command([*words, "--out", str(out)]) == 0
        found = int((out / "seed").read_text())
        shutil.rmtree(out)
        return found

    assert seed("--gradebook", str(tmp_path / "grades")) == kept
    assert seed() != seed()
    assert seed("--assignment", str(tmp_path / "hw.toml")) == 7


def test_what_lies_beside_the_assignment_comes_along(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv").write_text("1")
    (tmp_path / "adapter.py").write_text(
        'needs = "net"\ndef gradients(student, *given):\n    return student.net(*given)\n'
    )
    (tmp_path / "hw.toml").write_text('files = ["data"]\nadapter = "adapter.py"')
    out = tmp_path / "out"
    assert command(["--assignment", str(tmp_path / "hw.toml"), "--out", str(out)]) == 0
    assert read_assignment(out / "assignment.toml") == read_assignment(tmp_path / "hw.toml")


def test_what_is_not_whole_is_our_failure_and_no_score(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr(sys, "argv", ["gradescope", str(tmp_path)])
    for made in ("", "x = (", None):
        (tmp_path / "source").mkdir(exist_ok=True)
        if made is not None:
            (tmp_path / "source" / "assignment.toml").write_text(made)
        assert gradescope.main() == 0
        results = json.loads((tmp_path / "results" / "results.json").read_bytes())
        jsonschema.validate(results, RESULTS)
        assert "score" not in results
        assert "not the submission" in results["output"]
        assert capsys.readouterr().out


def test_an_empty_submission_and_one_that_is_no_python_have_results(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["gradescope", str(root)])

    def submit(files: dict[str, str], created_at: str = "") -> dict:
        hand_in(root, files, created_at)
        assert gradescope.main() == 0
        return results_of(root)

    assert submit({})["score"] == 0
    assert "SyntaxError" in submit({"a.py": "def ("})["output"]
    assert submit({"a.py": RIGHT}, created_at="nonsense")["score"] == 10
