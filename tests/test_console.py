"""The console command `backproof`: what pip installs is what scripts/ runs, under one word for each."""

from __future__ import annotations

import re
import sys
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from scripts import benchmark
from verify.commands import console
from verify.commands.console import COMMANDS

VERSION = r"backproof \d+\.\d+\.\d+\n"


def said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of `backproof WORDS`."""
    monkeypatch.setattr(sys, "argv", ["/usr/bin/backproof", *words])
    try:
        code = console.main()
    except SystemExit as end:
        code = int(end.code or 0)
    out, err = capsys.readouterr()
    return code, out, err


def test_pip_installs_the_command_and_the_plug_in() -> None:
    (command,) = entry_points(group="console_scripts", name="backproof")
    assert command.load() is console.main
    (plug_in,) = entry_points(group="pytest11", name="backproof")
    assert plug_in.value == "verify.pytest_plugin"


@pytest.mark.parametrize("word", COMMANDS)
def test_scripts_run_what_the_words_run(word: str) -> None:
    assert import_module(f"scripts.{word}").app is import_module(COMMANDS[word][0]).app


@pytest.mark.parametrize("words", [(), *((word,) for word in COMMANDS)], ids=" ".join)
def test_each_tells_its_version(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    code, out, err = said(monkeypatch, capsys, *words, "--version")
    assert (code, err) == (0, "")
    assert re.fullmatch(VERSION, out)


def test_the_benchmarks_tell_it_too(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        benchmark.app(["--version"])
    assert not end.value.code
    assert re.fullmatch(VERSION, capsys.readouterr().out)


@pytest.mark.parametrize("word", COMMANDS)
def test_each_has_help_and_names_itself_in_a_refusal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], word: str
) -> None:
    code, out, _ = said(monkeypatch, capsys, word, "--help")
    assert code == 0
    assert f"backproof {word}" in out
    assert "--version" in out
    code, out, err = said(monkeypatch, capsys, word, "--no-such-option")
    assert (code, out) == (2, "")
    assert err.startswith(f"backproof {word}: ")
    assert err.count("\n") == 1


def test_the_words_are_listed_and_another_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = said(monkeypatch, capsys)
    assert code == 0
    assert all(f"  {word}" in out for word in COMMANDS)
    code, out, err = said(monkeypatch, capsys, "grading")
    assert (code, out) == (2, "")
    assert err == f"backproof: grading: allowed are {', '.join(COMMANDS)}, --help and --version\n"


def test_pytest_that_is_not_there_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("verify.commands.pytest_run.find_spec", lambda name: None)
    code, out, err = said(monkeypatch, capsys, "grade", str(tmp_path), "--pytest")
    assert (code, out) == (2, "")
    assert "pip install 'backproof[test]'" in err
