"""What `from verify import …` offers: a submission checked in one's own tests, strategies, one readable error."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings

import verify
from tests.classes import NO_SLOPE, RIGHT, write_class
from verify import check_submission, grade, strategies
from verify.errors import BadInput
from verify.grading.assignment import Assignment

SMALL = {"layers": [1, 2], "seed": 3}


def test_a_right_submission_gives_its_record(tmp_path: Path) -> None:
    record = check_submission(write_class(tmp_path, {"alice.py": RIGHT}) / "alice.py", SMALL, sandbox="process")
    assert (record.state, record.seed) == ("correct", 3)


def test_a_wrong_one_is_one_readable_error(tmp_path: Path) -> None:
    write_class(tmp_path, {"bob.py": NO_SLOPE})
    (tmp_path / "hw.toml").write_text('layers = [1, 2]\nshow = {before = "nothing"}')
    with pytest.raises(AssertionError) as caught:
        check_submission(tmp_path / "bob.py", tmp_path / "hw.toml", sandbox="process")
    said = str(caught.value)
    assert said.startswith("bob.py: wrong, ")
    assert "derivative-missing" in said
    assert "▶ ∂E/∂W(1)" in said, "whoever writes tests sees everything"
    assert "Traceback" not in said
    assert max(map(len, said.splitlines())) <= 110


def test_as_a_test_of_an_instructor(tmp_path: Path) -> None:
    write_class(tmp_path, {"hw/bob.py": NO_SLOPE})
    (tmp_path / "test_hw.py").write_text(
        "from verify import check_submission\n\ndef test_bob():\n"
        "    check_submission('hw/bob.py', {'layers': [1, 2]}, sandbox='process')\n"
    )
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-c",
        "/dev/null",
        "--rootdir",
        ".",
        "test_hw.py",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "E       AssertionError: bob.py: wrong, " in done.stdout
    assert "checking.py" not in done.stdout


def test_a_record_whatever_the_state(tmp_path: Path) -> None:
    path = write_class(tmp_path, {"a.py": "def ("}) / "a.py"
    assert grade(path, Assignment(), sandbox="process").state == "ungradable"


@pytest.mark.parametrize(
    ("path", "assignment", "says"),
    [
        ("none.py", None, "none.py: is no file or folder"),
        ("a.py", "none.toml", "none.toml: is no such file"),
        ("a.py", {"layer": [1, 2]}, 'assignment: unknown key "layer"'),
    ],
)
def test_what_cannot_be_used_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, assignment: object, says: str
) -> None:
    monkeypatch.chdir(write_class(tmp_path, {"a.py": RIGHT}))
    with pytest.raises(BadInput) as caught:
        check_submission(path, assignment)  # type: ignore[arg-type]
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@given(strategies.problems(depth=(1, 2)))
@settings(max_examples=5)
def test_strategies_draw_problems(problem: verify.Problem) -> None:
    assert isinstance(problem, verify.Problem)
    assert problem.L in (1, 2)


def test_every_public_name_is_there_and_no_other() -> None:
    assert all(getattr(verify, name) is not None for name in verify.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        verify.nothing  # noqa: B018


def test_importing_it_loads_nothing_else() -> None:
    code = "import sys, verify; sys.exit(len({'torch', 'numpy', 'hypothesis'} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
