"""A submission that is graded again at every save: when a save is finished, and what is graded of it.

A save is finished once two looks at the file agree. What is graded is a copy of that moment, so that a save in the
middle of grading changes nothing. The folder is watched, so editors that write beside the file and rename are followed.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import Protocol

from verify.commands.one_submission import OneJob, grade_with
from verify.grading.record import GradeRecord
from verify.language import noted
from verify.lessons.registry import read_any
from verify.submissions.half_written import EMPTY, FILES, half_written

_LOOK_AGAIN = 0.1  # s between two looks that have to agree
_ASK_ANYWAY = 500  # ms after which the file is looked at where no event came, as on network drives
_DEBOUNCE, _STEP = 200, 20  # ms

GONE, WRITING = noted("it is not there"), noted("it is being written")

Mark = tuple[tuple[str, int, int, int], ...]


class Look(Protocol):
    """What shows how it goes."""

    def waiting(self, why: str) -> None: ...

    def grading(self) -> None: ...

    def graded(self, record: GradeRecord) -> None: ...


@dataclass(frozen=True)
class Moment:
    """A file, or a folder, as it stands: who would see a change of it, and why it is not judged yet ("": it is)."""

    mark: Mark
    why: str = ""


def watch(job: OneJob, look: Look, stop: Event | None = None) -> None:
    """Grade at once and after every save, until `stop` is set. Raises BadInput for an assignment that will not do."""
    asked = read_any(job.assignment, job.lesson)
    # One folder for all copies: an interrupt ends the loop, and never finds a folder half removed.
    with tempfile.TemporaryDirectory(prefix="backproof-watch-") as scratch:
        for moment in moments(job.path, stop or Event()):
            path, why = (job.path, moment.why) if moment.why else _copy(job.path, moment, Path(scratch))
            if why:
                look.waiting(why)
                continue
            look.grading()
            look.graded(grade_with(replace(job, path=path), asked))


def moments(path: Path, stop: Event) -> Iterator[Moment]:
    """The file now, then whenever it has changed and lies still, or has come into a state that is waited for."""
    told: Moment | None = None
    for _ in _events(path, stop):
        mark = _mark(path)
        if told is not None and (mark, "") == (told.mark, told.why):
            continue
        time.sleep(_LOOK_AGAIN)
        now = Moment(mark, GONE if not mark else "" if mark == _mark(path) else WRITING)
        if now != told:
            told = now
            yield now


def _events(path: Path, stop: Event) -> Iterator[object]:
    """Something may have happened: at once, whenever the system says so, and every half second."""
    from watchfiles import watch as changes

    yield None
    folder = path if path.is_dir() else path.parent
    options = {
        "watch_filter": None, "debounce": _DEBOUNCE, "step": _STEP, "stop_event": stop, "rust_timeout": _ASK_ANYWAY,
        "yield_on_timeout": True, "recursive": path.is_dir(), "ignore_permission_denied": True,
    }  # fmt: skip
    try:
        yield from changes(folder, **options)
    except OSError:  # the system watches no more files, or none here
        while not stop.wait(_ASK_ANYWAY / 1000):
            yield None


def _mark(path: Path) -> Mark:
    """What changes with every save; empty where there is nothing."""
    try:
        files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        stats = [(str(p), p.stat()) for p in files]
    except OSError:
        return ()
    return tuple((name, s.st_mtime_ns, s.st_size, s.st_ino) for name, s in stats)


def _copy(path: Path, moment: Moment, scratch: Path) -> tuple[Path, str]:
    """The file as it stands, copied there, and why it is not judged; a folder is taken where it lies."""
    if path.is_dir():
        return path, _half_of_folder(path)
    try:
        data = path.read_bytes()
    except OSError:
        return path, GONE
    copy = scratch / (path.name or "submission")
    copy.write_bytes(data)
    return copy, WRITING if _mark(path) != moment.mark else half_written(path.name, data)


def _half_of_folder(path: Path) -> str:
    for file in sorted(p for p in path.rglob("*") if p.suffix.lower() in FILES and p.is_file()):
        try:
            why = half_written(file.name, file.read_bytes())
        except OSError:
            why = GONE
        if why and why != EMPTY:  # a package's __init__.py is
            return f"{file.relative_to(path)}: {why}"
    return ""
