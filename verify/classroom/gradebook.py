"""The folder that a class is graded into: a record and a page for every submission, written whole or not at all.

Records are the truth, and whatever else lies there is made from them. Nothing graded is lost: a record that gives way
to another one is kept in history/. What was written is remembered, so that a file which a submission got at is found
out and put right before the run ends.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import stat
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

import msgspec

from verify.errors import BadInput, Unwritten
from verify.grading.record import LESSON_SCHEMA, PARTS_SCHEMA, SCHEMA, FindingRecord
from verify.submissions.submission import shown

SUMMARY, TABLE, HISTORY = "class.json", "gradebook.csv", "history"
PAGE = "class.html"
SEED = ".seed"  # of the class's problems, where the assignment keeps it secret
_LOCK = ".lock"
_TEMPORARY = ".backproof-", ".tmp"
_MOST_RECORD_BYTES = 64 << 20
# Where a record's file would be the summary's own.
_TAKEN_STEMS = frozenset({"class"})
_TIMINGS = re.compile(rb'\n "timings": \{[^{}]*\}')


class Row(msgspec.Struct, frozen=True):
    """What the gradebook shows of one record, and what decides whether the record can be used again."""

    schema: str
    submission: str
    state: str
    score: float | None = None
    max_score: float = 0.0
    seed: int | None = None
    first_wrong_line: str | None = None
    diagnosis: list[FindingRecord] = []
    message: str = ""
    sandbox: str = ""
    digests: dict[str, str] = {}
    timings: dict[str, float] = {}
    points_rule: int = 1

    @property
    def mistakes(self) -> tuple[str, ...]:
        """The names of the diagnosis."""
        return tuple(finding.mistake for finding in self.diagnosis)


def row_of(record: bytes) -> Row | None:
    """The row of an encoded record; None where it is none."""
    try:
        row = msgspec.json.decode(record, type=Row)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return row if row.schema in (SCHEMA, LESSON_SCHEMA, PARTS_SCHEMA) else None


def stems(names: Iterable[str]) -> dict[str, str]:
    """Name of a submission -> what its files are called before .json and .md; no two fall together on any disk."""
    names = list(names)
    taken = {name.casefold() for name in names} | _TAKEN_STEMS
    found = {}
    for name in names:
        stem = name
        while stem.casefold() in (_TAKEN_STEMS if stem == name else taken):
            stem += "_"
        taken.add(stem.casefold())
        found[name] = stem
    return found


@dataclass(frozen=True)
class _Kept:
    """A file as it is to be: compressed, and the digest of its bytes."""

    packed: bytes
    digest: bytes

    @classmethod
    def of(cls, data: bytes) -> _Kept:
        return cls(zlib.compress(data, 1), hashlib.sha256(data).digest())

    @property
    def data(self) -> bytes:
        return zlib.decompress(self.packed)

    def is_at(self, path: Path) -> bool:
        data = _content(path)
        return data is not None and hashlib.sha256(data).digest() == self.digest


class Gradebook:
    """The folder while it is graded into: one run at a time, which `with` keeps it to.

    rows: stem -> the row of its record, found or written. Raises BadInput where the folder cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows: dict[str, Row] = {}
        self._files: dict[str, _Kept] = {}
        self._lock = -1

    def __enter__(self) -> Gradebook:
        try:
            # Other people's grades are nobody else's business.
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(self.folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            _lock(self._lock, self.folder)
            self._clean()
            self._find()
        except OSError as error:
            self._unlock()
            raise BadInput(shown(f"--out {self.folder}: cannot be used ({error.strerror or error})")) from None
        except BadInput:
            self._unlock()
            raise
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self._unlock()

    def _unlock(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _clean(self) -> None:
        """Removes what a run that was killed had half written."""
        begin, end = _TEMPORARY
        for folder in (self.folder, self.folder / HISTORY):
            for path in folder.glob(f"{begin}*{end}"):
                path.unlink(missing_ok=True)

    def _find(self) -> None:
        """Takes in the records that are there, before anything of a student's runs."""
        for path in sorted(self.folder.glob("*.json")):
            data = _content(path)
            row = row_of(data) if data is not None else None
            if data is None or row is None or path.name == SUMMARY:
                continue
            stem = path.name.removesuffix(".json")
            self.rows[stem] = row
            self._files[path.name] = _Kept.of(data)
            for name in _pages(stem):
                page = _content(self.folder / name)
                if page is not None:
                    self._files[name] = _Kept.of(page)

    def seed(self) -> int:
        """The class's own seed: drawn once, kept in the folder for nobody but its owner. Raises BadInput."""
        path = self.folder / SEED
        kept = _content(path)
        if kept is None:
            write_whole(path, b"%d\n" % secrets.randbits(62), mode=0o600)
            kept = _content(path)
        try:
            return int(kept or b"")
        except ValueError:
            raise BadInput(
                shown(f"{path}: holds no whole number; delete it, and the class gets new problems")
            ) from None

    def content(self, name: str) -> bytes | None:
        """The bytes of a file in the folder; None where there is none."""
        return _content(self.folder / name)

    def complete(self, stem: str) -> bool:
        """Whether both its files are there, as they were found."""
        names = f"{stem}.json", f"{stem}.md"
        return all(name in self._files and self._files[name].is_at(self.folder / name) for name in names)

    def write(self, stem: str, record: bytes, page: bytes, html: bytes = b"") -> Row:
        """The record and its pages, each in one step; the record last, so that where it is there all is.

        html: the page for a browser; empty where none is wanted.
        """
        row = row_of(record)
        if row is None:
            raise ValueError(f"no record of schema {SCHEMA}")
        self._keep_aside(stem, record)
        self.show(stem, page, html)
        self._put(f"{stem}.json", record)
        self.rows[stem] = row
        return row

    def show(self, stem: str, page: bytes, html: bytes = b"") -> None:
        """Other pages beside the record that is there; one that is empty is taken away."""
        for name, data in zip(_pages(stem), (page, html), strict=True):
            if data:
                self._put(name, data)
            else:
                self._drop(name)

    def has_html(self, stem: str) -> bool:
        """Whether the page for a browser is there, as it was found."""
        name = f"{stem}.html"
        return name in self._files and self._files[name].is_at(self.folder / name)

    def _drop(self, name: str) -> None:
        self._files.pop(name, None)
        (self.folder / name).unlink(missing_ok=True)

    def _put(self, name: str, data: bytes) -> None:
        self.put(name, data)
        self._files[name] = _Kept.of(data)

    def put(self, name: str, data: bytes) -> None:
        """A file of the folder, in one step. Raises Unwritten where the disk takes no more."""
        try:
            write_whole(self.folder / name, data)
        except Unwritten as error:
            count = len(self.rows)
            kept = "1 record in the folder is kept" if count == 1 else f"{count} records in the folder are kept"
            raise Unwritten(f"{error}; {kept}: make room and give the same command again") from None

    def _keep_aside(self, stem: str, record: bytes) -> None:
        """The record that gives way to this one, in history/, where it says something else."""
        path = self.folder / f"{stem}.json"
        kept = self._files.get(path.name)
        old = kept.data if kept is not None else _content(path)
        if old is not None and not same_but_for_timings(old, record):
            self._to_history(stem, old, path)

    def _to_history(self, stem: str, old: bytes, path: Path) -> None:
        """Under the time when it was graded and its digest: to be killed half-way and do it again changes nothing."""
        with contextlib.suppress(FileNotFoundError):
            graded = datetime.fromtimestamp(path.stat(follow_symlinks=False).st_mtime, UTC)
            name = f"{stem}.{graded:%Y%m%dT%H%M%SZ}-{hashlib.sha256(old).hexdigest()[:8]}.json"
            with contextlib.suppress(OSError):  # put() says what is wrong
                (self.folder / HISTORY).mkdir(mode=0o700, exist_ok=True)
            self.put(f"{HISTORY}/{name}", old)

    def retire(self, stem: str) -> None:
        """Puts a record that no longer counts into history/, and takes its page away."""
        path = self.folder / f"{stem}.json"
        kept = self._files.pop(path.name, None)
        data = kept.data if kept is not None else _content(path)
        if data is not None:
            self._to_history(stem, data, path)
        for name in (path.name, *_pages(stem)):
            self._drop(name)
        self.rows.pop(stem, None)

    def restore(self) -> list[str]:
        """Puts right every file that is no longer as it was written, or found; returns their names.

        Call it when nothing of a student's runs any more.
        """
        changed = [name for name, kept in self._files.items() if not kept.is_at(self.folder / name)]
        for name in changed:
            with contextlib.suppress(OSError):
                _clear_the_way(self.folder / name)
            self.put(name, self._files[name].data)
        return sorted([*changed, *self._put_away_strangers()])

    def _put_away_strangers(self) -> Iterator[str]:
        """Records that this run neither found nor wrote are no records: the next run must not take them for any."""
        for path in sorted(self.folder.glob("*.json")):
            if path.name not in self._files and path.name != SUMMARY:
                data = _content(path)
                if data is not None and row_of(data) is not None:
                    self._to_history(path.name.removesuffix(".json"), data, path)
                    path.unlink()
                    yield path.name


def _pages(stem: str) -> tuple[str, str]:
    """The files of a record's pages: Markdown, and for a browser."""
    return f"{stem}.md", f"{stem}.html"


def _lock(descriptor: int, folder: Path) -> None:
    # Here, for Windows has none, where all else can be imported.
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise BadInput(shown(f"--out {folder}: another run is grading into it; allowed is one at a time")) from None


def _content(path: Path) -> bytes | None:
    """The bytes of a regular file; None where there is none, or one that no record can be."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    about = os.fstat(descriptor)
    if not stat.S_ISREG(about.st_mode) or about.st_size > _MOST_RECORD_BYTES:
        os.close(descriptor)
        return None
    with os.fdopen(descriptor, "rb") as stream:
        return stream.read(_MOST_RECORD_BYTES)


def _clear_the_way(path: Path) -> None:
    """A folder where a file is to be cannot be replaced by it."""
    if path.is_dir() and not path.is_symlink():
        path.rename(path.with_name(f"{path.name}.moved-{os.getpid()}"))


def write_whole(path: Path, data: bytes, mode: int = 0o666) -> None:
    """The file in one step: until all of it is on the disk the old one stays. Raises Unwritten.

    A pipe or a device is written to: a file in its place would be one for the whole machine, as of /dev/null.
    """
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            path.write_bytes(data)
            return
        _write_whole(path, data, mode)
    except OSError as error:
        raise Unwritten(shown(f"{path}: cannot be written ({error.strerror or error})")) from None


def _write_whole(path: Path, data: bytes, mode: int) -> None:
    begin, end = _TEMPORARY
    descriptor, temporary = tempfile.mkstemp(end, begin, path.parent)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(descriptor)
        Path(temporary).chmod(mode & ~_umask())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def same_but_for_timings(one: bytes, other: bytes) -> bool:
    """Whether two encoded records say the same."""
    return _TIMINGS.sub(b"", one) == _TIMINGS.sub(b"", other)
