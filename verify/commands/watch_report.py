"""`compare.py SUBMISSION --watch`: the report of every save, in the terminal or as a page that loads itself again."""

from __future__ import annotations

import signal
import time
from threading import Event

import typer
from rich.console import Console
from rich.text import Text

from verify.commands.one_submission import OneJob
from verify.commands.watch_page import Board, served
from verify.commands.watching import watch
from verify.grading.record import GradeRecord
from verify.language import tr
from verify.reports import graded_pages, graded_terminal, terminal
from verify.reports import graded_words as words
from verify.submissions.submission import shown


def run(job: OneJob, *, page: bool, stop: Event | None = None) -> int:
    """Watch until Ctrl-C, or until the process is asked to end. Raises BadInput for what no run could serve."""
    job.check()
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if page:
            _as_page(job, stop)
        else:
            watch(job, InTerminal(terminal.console(), job), stop)
    except KeyboardInterrupt:
        typer.echo(f"\n{tr('No longer watched.')}", err=True)
    finally:
        signal.signal(signal.SIGTERM, before)
    return 0


def _as_page(job: OneJob, stop: Event | None) -> None:
    board = Board()
    with served(board) as address:
        typer.echo(tr("The report is at {address}", address=address))
        note = tr("It is for this machine alone, and loads itself again at every save. Ctrl-C ends it.")
        typer.echo(note, err=True)
        watch(job, AsPage(board), stop)


def moved(before: GradeRecord | None, now: GradeRecord) -> str:
    """What a save has changed: the state, or where the first wrong line went."""
    if before is None:
        return ""
    if (before.state, before.score) != (now.state, now.score):
        return tr("before: {verdict}", verdict=words.verdict(before))
    if before.first_wrong_line != now.first_wrong_line:
        return tr("before, the first wrong line was {line}", line=str(before.first_wrong_line))
    return tr("as before")


def _line(record: GradeRecord, before: GradeRecord | None) -> str:
    """'10:03:12  wrong, 8.33 of 10 points; first wrong line delta2 (before: …)'."""
    line = record.first_wrong_line
    first = tr("; the first wrong line is {line}", line=line) if line else ""
    change = moved(before, record)
    return f"{_clock()}  {words.verdict(record)}{first}{tr(' ({change})', change=change) if change else ''}"


def _clock() -> str:
    return time.strftime("%H:%M:%S")


class InTerminal:
    """The whole report at every save, on a screen that is cleared where there is one; the last line says how it goes.

    Where the output is no terminal, reports follow one another.
    """

    def __init__(self, out: Console, job: OneJob) -> None:
        self._out, self._job = out, job
        self._last: GradeRecord | None = None

    def waiting(self, why: str) -> None:
        waits = tr("waiting for the rest of {name}: {why}", name=self._job.path.name, why=tr(why))
        self._say(f"{_clock()}  {waits}", "yellow")

    def grading(self) -> None:
        self._say(f"{_clock()}  {tr('grading …')}", "dim")

    def graded(self, record: GradeRecord) -> None:
        self._out.clear()
        graded_terminal.show(record, self._out)
        self._out.print()
        self._say(_line(record, self._last), "bold")
        self._say(tr("Watching {path}; Ctrl-C ends it.", path=str(self._job.path)), "dim")
        self._last = record

    def _say(self, text: str, style: str) -> None:
        self._out.print(Text(shown(text), style=style))


class AsPage:
    """The report as a page, with a note at its foot that says how it goes."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._last: GradeRecord | None = None
        self._line = ""

    def waiting(self, why: str) -> None:
        self._board.show(shown(f"{_clock()}  {tr('half written, so not judged: {why}', why=tr(why))}"))

    def grading(self) -> None:
        self._board.show(f"{_clock()}  {tr('grading …')}")

    def graded(self, record: GradeRecord) -> None:
        self._board.show(_line(record, self._last), graded_pages.as_html(record))
        self._last = record
