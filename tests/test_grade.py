"""scripts/grade.py: exit codes, one line for what is refused, nothing lost where it is killed."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import verify.classroom.sitting
import verify.lessons.network.grade
import verify.lessons.network.ran
from tests.classes import CLASS, HERE, RIGHT, grade_class, records, write_class
from tests.interrupts import hearing_interrupts
from verify.classroom.gradebook import HISTORY, row_of
from verify.commands import grade as grade_command
from verify.grading.assignment import Assignment

ROOT = Path(__file__).resolve().parents[1]
FEW = {name: CLASS[name] for name in ("alice.py", "bob.py", "dora.py")}
SEEDS = random.Random(20251121)


@pytest.fixture
def light(monkeypatch: pytest.MonkeyPatch) -> None:
    """Graders in this process, so that a command costs no seconds of starting others."""
    monkeypatch.setattr(grade_command, "local", lambda jobs, kept: HERE)


def grade(*arguments: object) -> Result:
    return CliRunner().invoke(grade_command.app, [str(argument) for argument in arguments])


def refused(result: Result) -> str:
    """The one line of a refusal."""
    assert result.exit_code == 2, (result.output, result.exception)
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].isprintable()
    return lines[0]


# What it does --------------------------------------------------------------------------------------------------------


def test_a_class_from_the_command_line(tmp_path: Path, light: None) -> None:
    folder = write_class(tmp_path / "class", FEW)
    result = grade(folder, "--out", tmp_path / "out", "--sandbox", "process")
    assert result.exit_code == 0, result.output
    assert "correct" in result.stdout
    assert "mean-missing" in result.stdout
    assert f"The gradebook is {tmp_path / 'out' / 'gradebook.csv'}" in result.stdout.replace("\n", "")
    again = grade(folder, "--out", tmp_path / "out", "--sandbox", "process", "--json", "-")
    assert json.loads(again.stdout)["states"] == {"correct": 1, "ungradable": 1, "wrong": 1}


def test_the_summary_in_a_file_and_other_formats(tmp_path: Path, light: None) -> None:
    folder = write_class(tmp_path / "class", {"alice.py": RIGHT})
    formats = [word for name in ("gradescope", "canvas", "nbgrader") for word in ("--format", name)]
    result = grade(folder / "alice.py", "--out", tmp_path / "out", "--json", tmp_path / "s.json", *formats)
    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "s.json").read_text())["schema"] == "backproof.class/1"
    assert (tmp_path / "out" / "gradescope" / "alice.py" / "results.json").exists()
    assert (tmp_path / "out" / "canvas.csv").exists()


def test_a_grader_error_is_exit_3(tmp_path: Path, light: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify.lessons.network.ran, "run", lambda *_, **__: 1 / 0)
    result = grade(write_class(tmp_path / "class", {"alice.py": RIGHT}), "--out", tmp_path / "out")
    assert result.exit_code == 3
    assert "The grader failed at alice.py" in result.stdout


def test_regrading_shows_both_scores(tmp_path: Path, light: None) -> None:
    folder = write_class(tmp_path / "class", {"alice.py": RIGHT})
    grade(folder, "--out", tmp_path / "out")
    path = tmp_path / "out" / "alice.py.json"
    path.write_bytes(path.read_bytes().replace(b'"score": 10.0', b'"score": 3.5'))
    result = grade(folder, "--out", tmp_path / "out", "--regrade")
    assert re.search(r"alice\.py +correct +3\.5 +correct +10", result.stdout)
    assert len([*(tmp_path / "out" / HISTORY).iterdir()]) == 1


# What it refuses -----------------------------------------------------------------------------------------------------


def _command(tmp_path: Path, *words: str) -> list[str]:
    """A command in which class/, out/ and file are paths that are there, or may be."""
    write_class(tmp_path / "class", {"alice.py": RIGHT})
    (tmp_path / "file").write_text("x")
    (tmp_path / "empty").mkdir(exist_ok=True)
    return [re.sub(r"^@", f"{tmp_path}/", word) for word in words]


REFUSED = [
    ([], "Missing"),
    (["@class"], "--out"),
    (["--out", "@out"], "PATH"),
    (["@nothing", "--out", "@out"], "is no file or folder"),
    (["@empty", "--out", "@out"], "holds no submissions"),
    (["@class", "--out", "@file"], "is a file; allowed is a folder"),
    (["@class", "--out", "@file/out"], "file is not a folder that you may write to"),
    (["@class", "--out", "@class"], "lies within or around"),
    (["@class", "--out", "@class/out"], "lies within or around"),
    (["@class/alice.py", "--out", "@class"], "lies within or around"),
    (["@class", "--out", "/proc/self"], "may write to|cannot be used"),
    (["@class", "--out", "@" + "x" * 300], "cannot be used"),
    (["@" + "x" * 300, "--out", "@out"], "no file or folder|cannot be"),
    (["@class", "--out", "@out", "--jobs", "0"], "--jobs 0: allowed is a whole number from 1 to"),
    (["@class", "--out", "@out", "--jobs", "two"], "'two', where a whole number is allowed"),
    (["@class", "--out", "@out", "--seed", "-1"], "--seed -1: allowed is a whole number from 0"),
    (["@class", "--out", "@out", "--seed", "9" * 30], "allowed is a whole number from 0 to"),
    (
        ["@class", "--out", "@out", "--sandbox", "docker"],
        "--sandbox docker: is not known; allowed are auto, namespaces, bubblewrap",
    ),
    (["@class", "--out", "@out", "--device", "tpu"], "--device tpu: is not known; allowed are cpu, cuda"),
    (["@class", "--out", "@out", "--format", "excel"], "--format excel: is not known; allowed are gradescope, canvas"),
    (["@class", "--out", "@out", "--executor", "ray://x:1"], "allowed is dask://HOST:PORT"),
    (["@class", "--out", "@out", "--executor", "dask://x:99999"], "allowed is dask://HOST:PORT"),
    (["@class", "--out", "@out", "--json", "@empty"], "--json .*is a folder"),
    (["@class", "--out", "@out", "--json", "@no/s.json"], "there is no folder"),
    (["@class", "--out", "@out", "--assignment", "@no.toml"], "is no such file"),
    (["@class", "--out", "@out", "--assignment", "@file"], "is no TOML"),
    (["@class", "--out", "@out", "--regrad"], "No such option"),
]


@pytest.mark.parametrize(("words", "says"), REFUSED, ids=[" ".join(words)[:60] for words, _ in REFUSED])
def test_what_is_refused_is_one_line(tmp_path: Path, light: None, words: list[str], says: str) -> None:
    assert re.search(says, refused(grade(*_command(tmp_path, *words))))
    assert not (tmp_path / "out").exists()


def test_a_folder_that_may_not_be_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, light: None) -> None:
    # Whoever runs the tests may be root, for whom no folder is such a one.
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK and access(path, mode))
    assert "may write to" in refused(grade(*_command(tmp_path, "@class", "--out", "@out")))


@pytest.fixture(scope="module")
def examination():
    return verify.lessons.network.grade.examination(Assignment())


@pytest.fixture
def one_examination(monkeypatch: pytest.MonkeyPatch, examination, light: None) -> None:
    """Whatever the assignment says, the default one's problems: what is mutated is only read."""
    monkeypatch.setattr(verify.classroom.sitting, "_examination", lambda assignment, seed, sandbox: examination)


JUNK = ("\0", "'", '"', "[", "{", "=", "-1", "1e999", "é", "\x1b[31m", "\n", "\ud800")


def _mutated(text: str, random_: random.Random) -> str:
    """A text with one to three pieces of it dropped, doubled, swapped or replaced."""
    for _ in range(random_.randint(1, 3)):
        at, to = sorted(random_.randrange(len(text) + 1) for _ in range(2))
        to = min(to, at + random_.choice((1, 1, 2, 5, 20)))
        junk = random_.choice(
            ("", text[at:to] * 2, "\0", "'", '"', "[", "{", "=", "-1", "1e999", "é", "\x1b[31m", "\n", "\ud800")
        )
        text = text[:at] + junk + text[to:]
    return text


def clean(result: Result) -> None:
    """An exit code of the table; refusals are one line; nothing is a traceback."""
    assert result.exit_code in (0, 2), (result.output, result.exception)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    if result.exit_code == 2:
        refused(result)


def test_mutated_command_lines(tmp_path: Path, one_examination: None) -> None:
    words = [
        "@class",
        "--out",
        "@out",
        "--jobs",
        "1",
        "--seed",
        "3",
        "--sandbox",
        "process",
        "--device",
        "cpu",
        "--json",
        "-",
    ]
    command = _command(tmp_path, *words)
    (tmp_path / "class" / "alice.py").write_text("def (")
    for number in range(40):
        random_ = random.Random(number)
        changed = command.copy()
        for _ in range(random_.randint(1, 3)):
            at = random_.randrange(len(changed))
            changed[at : at + random_.randint(0, 1)] = random_.choice(
                ([], [_tail(changed[at], random_)], [random_.choice(command)], ["--"], ["-x"], [""])
            )
        clean(grade(*changed))


def _tail(word: str, random_: random.Random) -> str:
    """A word with its last part mutated: the rest of a path stays, so that nothing is written elsewhere."""
    head, slash, tail = word.rpartition("/")
    return head + slash + _mutated(tail, random_).replace("/", "").replace("\0", "").replace("\ud800", "")


TOML = ROOT / "docs" / "assignment.toml"


def test_mutated_assignments(tmp_path: Path, one_examination: None) -> None:
    text = TOML.read_text(encoding="utf-8")
    for number in range(30):
        data = _mutated(text, random.Random(number)).encode(errors="surrogatepass")
        (tmp_path / "assignment.toml").write_bytes(data)
        command = _command(tmp_path, "@class", "--out", "@out", "--assignment", "@assignment.toml")
        (tmp_path / "class" / "alice.py").write_text("def (")
        clean(grade(*command))


def test_mutated_submissions(tmp_path: Path, one_examination: None) -> None:
    notebook = json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [_cell(RIGHT)]})
    folder = tmp_path / "class"
    folder.mkdir()
    for number in range(30):
        random_ = random.Random(number)
        text, suffix = (notebook, "ipynb") if number % 3 == 2 else (RIGHT, "py")
        (folder / f"{number}.{suffix}").write_bytes(_mutated(text, random_).encode(errors="surrogatepass"))
    result = grade(folder, "--out", tmp_path / "out", "--json", "-", "--sandbox", "process")
    clean(result)
    record = json.loads(result.stdout)
    assert record["submissions"] == 30
    assert "grader-error" not in record["states"]
    assert len(record["states"]) > 1


def _cell(source: str) -> dict:
    return {"cell_type": "code", "id": "a", "metadata": {}, "execution_count": None, "outputs": [], "source": source}


# Killed --------------------------------------------------------------------------------------------------------------


def _until(run: subprocess.Popen[bytes], out: Path, files: int) -> None:
    """Waits until the folder has that many files, or the run is over."""
    while run.poll() is None and (not out.exists() or len([*out.iterdir()]) < files):
        time.sleep(0.001)


def _killed(command: list[str], out: Path, files: int) -> int:
    """Kills the command once there are so many files; returns its exit code."""
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as run:
        _until(run, out, files)
        run.send_signal(signal.SIGKILL)
    return run.returncode


def test_killed_and_gone_on_with_it_gives_the_records_of_an_undisturbed_run(tmp_path: Path) -> None:
    folder = write_class(tmp_path / "class", FEW | {"zoe.py": RIGHT})
    command = [
        sys.executable,
        "scripts/grade.py",
        folder,
        "--out",
        tmp_path / "out",
        "--sandbox",
        "process",
        "--seed",
        "0",
    ]
    assert _killed([*map(str, command)], tmp_path / "out", files=4) == -signal.SIGKILL
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    grade_class(folder, tmp_path / "undisturbed")
    assert records(tmp_path / "out") == records(tmp_path / "undisturbed")


@pytest.mark.parametrize("files", [1, 4], ids=["loading", "grading"])
def test_an_interrupt_is_no_traceback(tmp_path: Path, files: int) -> None:
    folder = write_class(tmp_path / "class", {"alice.py": "def (", "bob.py": "while True: pass\n"})
    (tmp_path / "hw.toml").write_text("time_limit = 1.0")
    options = ["--out", tmp_path / "out", "--jobs", "1", "--assignment", tmp_path / "hw.toml"]
    command = [sys.executable, "scripts/grade.py", folder, *options]
    with hearing_interrupts():
        run = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, start_new_session=True)
    with run:
        _until(run, tmp_path / "out", files)
        os.killpg(run.pid, signal.SIGINT)
        assert run.stderr is not None
        said = run.stderr.read().decode().splitlines()
    assert run.returncode == 130
    assert len(said) <= 1
    if files == 4:
        assert " of 2 are graded, and their records are kept in " in said[0]
        assert said[0].endswith("the same command goes on with the others")


# The same without sandbox and torch, and so often: what is killed is the writing.
UNJUDGED = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from verify.classroom import classroom
from verify.classroom import sitting
from verify.grading.assignment import Assignment
from verify.classroom.gradebook import Gradebook
from verify.grading.sentence import said
from verify.grading.record import encode, without_run
from verify.grading.shown import level
from verify.submissions.confined import find_submissions

def grade(work):
    record = without_run(work.entry.name, "wrong", said("unreadable", what=work.read.digest * 100), Assignment(), 0)
    record.digests = dict(record.digests, submission=work.read.digest, grader=work.sitting.version)
    # What is not there is made again from the record, to the same bytes.
    shown = level(Assignment())
    return sitting.Graded(encode(record), sitting.page(record, shown), html=sitting.html_page(record, shown))

classroom.grade, classroom.ground = grade, lambda _: sitting.Ground("", sitting.version())
one = lambda: ThreadPoolExecutor(1)
with Gradebook(Path(sys.argv[2])) as book:
    room = classroom.Classroom(book, sitting.Sitting(Assignment(), 0), classroom.Graders(one, 2, readers=one))
    room.grade(find_submissions([Path(sys.argv[1])]))
"""


def test_killed_at_any_moment_of_writing(tmp_path: Path) -> None:
    folder = write_class(tmp_path / "class", {f"s{number}.py": f"{RIGHT}# {number}" for number in range(40)})
    out = tmp_path / "out"
    command = [sys.executable, "-c", UNJUDGED, str(folder)]
    for number in range(8):
        assert _killed([*command, str(out)], out, files=number * 8 + SEEDS.randint(2, 8)) == -signal.SIGKILL
        assert all(row_of(path.read_bytes()) for path in out.glob("*.json") if path.name != "class.json")
    for folder_ in (out, tmp_path / "undisturbed"):
        subprocess.run([*command, str(folder_)], cwd=ROOT, check=True)
    assert records(out) == records(tmp_path / "undisturbed")
    assert not [*out.glob(".backproof-*")]
    assert not (out / HISTORY).exists()
