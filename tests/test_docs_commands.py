"""Every command in README and docs/, as printed: run, or where it takes minutes read as the command line reads it.

Not here: installation, make and clusters; and those that tests of their pages run and compare with what is pasted.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import typer

from tests.classes import HERE
from verify.commands import grade as grade_command
from verify.commands.console import COMMANDS

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
# Indented, or in a block that is marked as a shell's.
_COMMAND = re.compile(
    r"^(?:    )?((?:\.venv/bin/python scripts/(\w+)\.py|(?<=    )backproof (\w+)) ?([^#\n]*))", re.MULTILINE
)
_PYTEST = re.compile(r"^(?:    )?(\.venv/bin/python -m pytest ([^#\n]*))", re.MULTILINE)
FOUND = {match[1].strip(): (match[2] or match[3], match[4].split()) for page in PAGES
         for match in _COMMAND.finditer(page.read_text(encoding="utf-8"))}  # fmt: skip
# test_instructor_docs.py and test_student_docs.py run these, and compare.
_PASTED = ("docs/examples/class/bob.py --assignment hw3.toml", "--assignment hw3.toml --out grades", "--layers 1,1,2")
# Minutes, or seconds that the tests of these commands spend already, or until Ctrl-C: their words are read, and nothing
# is run.
_LONG = ("benchmark", "train", "check")
_LONG_WORDS = (
    "--exact",
    "--json result.json",
    "--pytest",
    "--out docs/gallery",
    "--json figures.json",
    "--layers 784,30,10",
    "--watch",
)


def is_long(command: str) -> bool:
    return FOUND[command][0] in _LONG or any(words in command for words in _LONG_WORDS)


RUN = [c for c in FOUND if not is_long(c) and not any(words in c for words in _PASTED)]
READ = [c for c in FOUND if is_long(c)]


def app_of(word: str) -> typer.Typer:
    return import_module(COMMANDS[word][0] if word in COMMANDS else f"scripts.{word}").app


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout in which files may be made, with what the pages have made before."""
    # Copied where a command may write into it.
    shutil.copytree(ROOT / "docs" / "examples", tmp_path / "docs" / "examples")
    shutil.copy(ROOT / "docs" / "assignment.toml", tmp_path / "docs")
    (tmp_path / "data").symlink_to(ROOT / "data")
    shutil.copy(ROOT / "docs" / "assignment.toml", tmp_path / "hw3.toml")
    shutil.copy(ROOT / "docs" / "examples" / "alice.py", tmp_path / "alice.py")
    shutil.copytree(ROOT / "docs" / "examples" / "class", tmp_path / "submissions")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(grade_command, "local", lambda jobs, kept: HERE)
    return tmp_path


@pytest.mark.parametrize("command", RUN)
def test_it_runs_as_printed(place: Path, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    word, words = FOUND[command]
    with pytest.raises(SystemExit) as end:
        app_of(word)(words)
    said = capsys.readouterr()
    assert end.value.code in (0, 1), said.err
    assert said.err == ""
    assert said.out


@pytest.mark.parametrize("command", READ)
def test_its_words_are_known(place: Path, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    word, words = FOUND[command]
    monkeypatch.setattr(sys, "argv", [word])
    context = typer.main.get_command(app_of(word)).make_context(word, [*words])
    assert context.params


TESTED = {m[1].strip(): m[2].split() for page in PAGES for m in _PYTEST.finditer(page.read_text(encoding="utf-8"))}


@pytest.mark.parametrize("command", TESTED)
def test_what_pytest_is_told_is_there(place: Path, command: str) -> None:
    """With --grade it runs; of the project's own tests, which run anyway, the files are there."""
    words = TESTED[command]
    if not any(word.startswith("--grade") for word in words):
        assert all((ROOT / word).exists() for word in words if not word.startswith("-"))
        return
    done = subprocess.run([sys.executable, "-m", "pytest", *words], capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    assert "alice" in done.stdout or "bob" in done.stdout


_BLOCK = re.compile(r"^```(?:sh|bash)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LINE = re.compile(r"^    ((?:\.venv/|python |backproof |make |cp |cat )[^\n]*)", re.MULTILINE)
# Installation and make; and what the instructor's page does with the files of its own steps.
_NOT_HERE = ("make ", ".venv/bin/pre-commit install", "cp docs/assignment.toml hw3.toml", "cat grades/gradebook.csv")


def test_no_command_of_the_pages_is_left_out() -> None:
    known = {*FOUND, *TESTED}
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        lines = [line for block in _BLOCK.findall(text) for line in block.splitlines() if line.strip()]
        for line in [*lines, *_LINE.findall(text)]:
            command = line.split("#")[0].strip()
            assert command in known or command.startswith(_NOT_HERE), f"{page.name}: {line}"


def test_the_pages_have_commands_of_every_kind() -> None:
    assert {word for word, _ in FOUND.values()} >= {
        "compare",
        "grade",
        "handout",
        "autograder",
        "figures",
        "train",
        "check",
    }
    assert len(RUN) >= 8
