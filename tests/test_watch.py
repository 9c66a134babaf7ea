"""`compare.py SUBMISSION --watch`: which saves are judged, what is waited for, and who may see the page."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from threading import Event, Thread

import pytest

from tests.classes import SHORT
from tests.interrupts import hearing_interrupts
from verify.commands import compare, watch_report
from verify.commands.one_submission import OneJob
from verify.commands.watch_page import Board, served
from verify.commands.watching import Moment, moments
from verify.submissions.half_written import half_written

ROOT = Path(__file__).parent.parent
SOON = 20.0  # s within which news come, on a busy machine too

SMALL = 'layers = [1, 2]\nactivations = ["tanh"]\nseed = 4\n'
WRONG = SHORT.replace(" / len(x)", "")


# What is half written ------------------------------------------------------------------------------------------------

HALVES = {
    "nothing": "\n \n",
    "an open bracket": "x = f(1,\n",
    "an open string": 'x = """text\n',
    "a function without a body": "def f(x):\n",
    "an assignment without a value": "a = 1\nb =\n\n",
    "a last line that ends in an operator": "a = 1\nreturn_ = a *",
}
WHOLE = {
    "a program": "def f(x):\n    return x\n",
    "a program without a last newline": "def f(x):\n    return x",
    "an error far from the end": "def f(x:\n    return x\n\n\ny = 1\nz = 2\n",
    "an escape that Python warns of": "x = '\\d'\n",
}


@pytest.mark.parametrize("text", HALVES.values(), ids=HALVES)
def test_a_program_that_ends_early_is_half_written(text: str) -> None:
    assert half_written("hw.py", text.encode())


@pytest.mark.parametrize("text", WHOLE.values(), ids=WHOLE)
def test_what_is_whole_or_wrong_elsewhere_is_judged(text: str) -> None:
    assert half_written("hw.py", text.encode()) == ""


def test_every_beginning_of_a_program_that_cuts_a_token_or_a_bracket_is_half_written() -> None:
    whole = [n for n in range(len(SHORT)) if not half_written("hw.py", SHORT[:n].encode())]
    # What is taken for whole compiles: only the size, which still grows, tells that more is to come.
    for n in whole:
        compile(SHORT[:n], "hw.py", "exec")
    assert len(whole) < len(SHORT) / 2


def test_a_notebook_is_half_written_while_its_json_is() -> None:
    text = json.dumps({"cells": [{"source": ["a = 1"]}], "nbformat": 4})
    assert half_written("hw.ipynb", text.encode()) == ""
    assert all(half_written("hw.ipynb", text[:n].encode()) for n in range(len(text)))
    assert half_written("hw.ipynb", text.replace(":", "=", 1).encode()) == "", "wrong in the middle: for the reader"


def test_bytes_that_are_no_text_are_the_readers_to_report() -> None:
    assert half_written("hw.py", b"x = 1 \xff\xfe\n") == half_written("hw.zip", b"PK") == ""


# Which saves are seen ------------------------------------------------------------------------------------------------


@contextmanager
def _seen(path: Path) -> Iterator["Queue[Moment]"]:
    found: Queue[Moment] = Queue()
    stop = Event()

    def look() -> None:
        for moment in moments(path, stop):
            found.put(moment)

    thread = Thread(target=look, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        stop.set()
        thread.join(SOON)
        assert not thread.is_alive()


def _judged(found: "Queue[Moment]") -> Moment:
    """The next moment that is judged."""
    while True:
        moment = found.get(timeout=SOON)
        if not moment.why:
            return moment


def _in_place(path: Path) -> None:
    path.write_text("b = 2\n")


def _by_rename(path: Path) -> None:
    beside = path.with_name(".hw.py.swp")
    beside.write_text("c = 3\n")
    beside.replace(path)


def _moved_away_first(path: Path) -> None:
    path.rename(path.with_name("hw.py~"))
    path.write_text("d = 4\n")


@pytest.mark.parametrize("save", [_in_place, _by_rename, _moved_away_first])
def test_a_save_is_seen_however_the_editor_saves(tmp_path: Path, save) -> None:
    path = tmp_path / "hw.py"
    path.write_text("a = 1\n")
    with _seen(path) as found:
        first = _judged(found)
        save(path)
        assert _judged(found).mark != first.mark


def test_a_file_that_is_gone_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "hw.py"
    path.write_text("a = 1\n")
    with _seen(path) as found:
        _judged(found)
        path.unlink()
        assert found.get(timeout=SOON).why == "it is not there"
        path.write_text("a = 1\n")
        assert _judged(found).mark


def test_what_lies_beside_it_is_no_save(tmp_path: Path) -> None:
    path = tmp_path / "hw.py"
    path.write_text("a = 1\n")
    with _seen(path) as found:
        _judged(found)
        (tmp_path / "notes.txt").write_text("x")
        time.sleep(0.8)
        assert found.empty()


def test_a_file_that_grows_is_not_judged_until_it_lies_still(tmp_path: Path) -> None:
    path = tmp_path / "hw.py"
    path.write_text("a = 1\n")
    with _seen(path) as found:
        _judged(found)
        with path.open("a") as file:
            for i in range(30):
                file.write(f"b{i} = {i}\n")
                file.flush()
                time.sleep(0.03)
        size = path.stat().st_size
        assert _judged(found).mark[0][2] == size, "judged while it grew"


# The page ------------------------------------------------------------------------------------------------------------


def _ask(address: str, path: str = "", **headers: str) -> tuple[http.client.HTTPResponse, str]:
    host, token = re.fullmatch(r"http://([^/]+)/(.+)/", address).groups()  # type: ignore[union-attr]
    connection = http.client.HTTPConnection(host, timeout=SOON)
    connection.request("GET", f"/{token}/{path}" if not path.startswith("/") else path, headers=headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer, text


def test_the_page_shows_its_report_to_who_has_the_address_alone() -> None:
    board = Board()
    board.show("10:00", "<html><body><p>first</p></body></html>")
    with served(board) as address:
        answer, text = _ask(address)
        assert address.startswith("http://127.0.0.1:")
        assert answer.status == 200
        assert "first" in text
        assert "10:00" in text
        assert _ask(address, "/")[0].status == _ask(address, "/guess/")[0].status == 404
        assert _ask(address, "../etc/passwd")[0].status == 404
        port = address.split(":")[2].split("/")[0]
        assert _ask(address, Host=f"localhost:{port}")[0].status == 200
        for host in ("evil.example", f"evil.example:{port}", "127.0.0.1", f"127.0.0.1.evil.example:{port}", ""):
            refused, said = _ask(address, Host=host)
            assert (refused.status, "first" in said) == (403, False), host


def test_only_the_scripts_that_stand_in_the_page_may_run() -> None:
    board = Board()
    board.show("<b>", "<html><body></body></html>")
    with served(board) as address:
        answer, text = _ask(address)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert {"base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"} <= set(policy.split("; "))
    assert "unsafe-inline'" not in policy.split("script-src")[1].split(";")[0]
    assert "&lt;b&gt;" in text
    assert "<b>" not in text
    assert answer.headers["Cache-Control"] == "no-store"


def test_news_come_when_the_report_changes_and_not_before() -> None:
    board = Board()
    board.show("old", "<body></body>")
    with served(board) as address:
        Thread(target=lambda: (time.sleep(0.3), board.show("new", "<body>2</body>")), daemon=True).start()
        started = time.monotonic()
        _, text = _ask(address, "news?version=1&told=old")
        assert json.loads(text) == {"version": 2, "note": "new"}
        assert time.monotonic() - started > 0.2
        assert json.loads(_ask(address, "news?version=x")[1])["version"] == 2


def test_a_watched_submission_is_graded_again_on_its_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, assignment, stop = tmp_path / "hw.py", tmp_path / "a.toml", Event()
    path.write_text(WRONG)
    assignment.write_text(SMALL)
    found: list[str] = []

    def drive() -> None:
        said = ""
        while "127.0.0.1" not in said:
            said += capsys.readouterr().out
            time.sleep(0.05)
        address = re.search(r"http://\S+", said)[0]  # type: ignore[index]
        _until(address, found, "mean-missing")
        path.write_text("import numpy as np\n\ndef gradients(W,")
        _until(address, found, "half written")
        path.write_text(SHORT)
        _until(address, found, "before: wrong")
        stop.set()

    driver = Thread(target=drive, daemon=True)
    driver.start()
    assert watch_report.run(OneJob(path, assignment, sandbox="process"), page=True, stop=stop) == 0
    driver.join(SOON)
    assert len(found) == 3
    assert "mean-missing" in found[1], "the half-written file keeps the report that was there"
    assert "Correct" in found[2]


def _until(address: str, found: list[str], word: str) -> None:
    end = time.monotonic() + SOON
    while time.monotonic() < end:
        text = _ask(address)[1]
        if word in text:
            found.append(text)
            return
        time.sleep(0.1)


# The command ---------------------------------------------------------------------------------------------------------


def test_ctrl_c_ends_the_watch_and_leaves_nothing_behind(tmp_path: Path) -> None:
    path, assignment, scratch = tmp_path / "hw.py", tmp_path / "a.toml", tmp_path / "tmp"
    scratch.mkdir()
    path.write_text(WRONG)
    assignment.write_text(SMALL)
    command = [sys.executable, str(ROOT / "scripts/compare.py"), str(path), "--assignment", str(assignment), "--watch"]
    env = {**os.environ, "TMPDIR": str(scratch), "PYTHONUNBUFFERED": "1"}
    command += ["--sandbox", "process"]
    with hearing_interrupts():
        run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)
    with run:
        said = ""
        assert run.stdout
        assert run.stderr
        for line in run.stdout:
            said += line
            if line.startswith("Watching"):
                break
        run.send_signal(signal.SIGINT)
        _rest, err = run.communicate(timeout=SOON)
    assert run.returncode == 0
    assert err.strip() == "No longer watched."
    assert "mean-missing" in said
    assert "the first wrong line is" in said
    assert [p.name for p in scratch.iterdir() if p.name.startswith("backproof-watch")] == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--watch"], "--watch: there is nothing to watch"),
        (["hw.py", "--watch", "--json", "x.json"], "--json does not go with --watch"),
        (["hw.py", "--watch", "--html=x.html"], "names no file"),
        (["hw.py", "--page"], "--page goes with --watch alone"),
        (["gone.py", "--watch"], "gone.py: is no file or folder"),
    ],
)
def test_what_cannot_be_watched_is_refused_in_a_line(
    options: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("hw.py").write_text(SHORT)
    with pytest.raises(SystemExit) as ended:
        compare.app(options)
    err = capsys.readouterr().err
    assert ended.value.code == 2
    assert said in err
    assert err.count("\n") == 1
