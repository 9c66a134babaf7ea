"""docs/INSTRUCTOR.md: its five commands print what it pastes, its keys are those of the assignment."""

from __future__ import annotations

import fnmatch
import re
import shutil
from pathlib import Path

import pytest

from tests.classes import HERE
from tests.hostile_kinds import KINDS
from verify.commands import compare
from verify.commands import grade as grade_command
from verify.grading.assignment import Assignment, assignment_from, read_assignment

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "INSTRUCTOR.md").read_text(encoding="utf-8")
STEPS = PAGE[: PAGE.index("## What may be graded")]
# Command and output, up to what differs from machine to machine: detection limit and sandbox.
PASTED = re.findall(r"\n    (\S[^\n]*)\n\n```text\n(.*?)\n```", STEPS, re.S)
MACHINE = "How it was judged"


def printed(capsys: pytest.CaptureFixture[str]) -> str:
    return "\n".join(line.rstrip() for line in capsys.readouterr().out.rstrip().split("\n"))


def run(app, words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as end:
        app(words)
    assert end.value.code == 0
    return printed(capsys)


def test_the_five_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(grade_command, "local", lambda jobs, kept: HERE)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    shutil.copy("docs/assignment.toml", "hw3.toml")
    (own, own_says), (grade, grade_says), (look, table), (again, again_says) = PASTED
    assert run(compare.app, own.split()[2:], capsys).split(MACHINE)[0] == own_says.split(MACHINE)[0]
    assert run(grade_command.app, grade.split()[2:], capsys) == grade_says
    assert Path(look.split()[1]).read_text(encoding="utf-8").rstrip() == table
    text = Path("hw3.toml").read_text(encoding="utf-8").replace("# delta = 2.0", "delta = 4.0")
    Path("hw3.toml").write_text(text, encoding="utf-8")
    assert run(grade_command.app, again.split()[2:], capsys) == again_says


def test_the_assignment_that_it_begins_with_is_the_default_one() -> None:
    assert read_assignment(ROOT / "docs" / "assignment.toml") == Assignment()


def test_every_key_is_there_with_its_default() -> None:
    rows = re.findall(
        r"^\| ((?:`[a-z_.0-9A-Z]+`(?:, )?)+) \| `?([^|]*?)`? \|", PAGE[PAGE.index("| key | default") :], re.M
    )
    said = {key: default for keys, default in rows for key in re.findall(r"`([^`]+)`", keys)}
    a = Assignment()
    nested = {
        f"{table}.{key}"
        for table in ("activation", "losses", "late", "show")
        for key in type(getattr(a, table)).__struct_fields__
    }
    named = {"lines": "NAME", "mistakes": "ID"}
    nested |= {f"points.{key}" + (f".{named[key]}" if key in named else "") for key in type(a.points).__struct_fields__}
    plain = set(type(a).__struct_fields__) - {"activation", "losses", "points", "late", "show"}
    assert said.keys() == plain | nested
    for key in plain:
        assert assignment_from({key: _toml(said[key])}, "page") == a, key


def _toml(text: str) -> object:
    import tomllib

    return tomllib.loads(f"value = {text}")["value"]


# What a sandbox stops -------------------------------------------------------------------------------------------------

SECURITY = PAGE[PAGE.index("## Security") :]
ROWS = [
    [cell.strip() for cell in line.strip("| ").split(" | ")]
    for line in SECURITY.splitlines()
    if line.startswith("| ") and not line.startswith(("| --- ", "| a submission that", "| what is tried"))
]


def named(row: list[str]) -> list[str]:
    """What the last column of a line names."""
    return re.findall(r"`([^`]+)`", row[-1])


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:40])
def test_every_line_names_what_tries_it_and_that_is_there(row: list[str]) -> None:
    programs = {name.partition(" ")[0].removesuffix(".py") for name in KINDS} | {"tries"}
    if row[-1] == "–":
        assert "**not stopped**" in row[1], "what is stopped has a test"
        return
    assert named(row)
    for name in named(row):
        path, _, function = name.partition("::")
        if function:
            assert re.search(rf"^def {function}\(", (ROOT / path).read_text(encoding="utf-8"), re.M), name
        else:
            assert fnmatch.filter(programs, name), f"{name} is run by no test of every sandbox"


def test_every_hostile_program_stands_in_a_line() -> None:
    patterns = [name for row in ROWS for name in named(row)]
    programs = [path.stem for path in (ROOT / "tests" / "hostile").glob("*.py")]
    assert [p for p in programs if not any(fnmatch.fnmatch(p, pattern) for pattern in patterns)] == []
