"""From a .py file, a notebook, a folder or an archive to the program in it.

Nothing of it runs here. What cannot be read as Python raises Ungradable with the reason and the place. For files of
other people call `verify.submissions.confined`, which does this where it can do no harm.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from verify.submissions import unpacking
from verify.submissions.choosing import basename, entry, member_bytes
from verify.submissions.people import NOBODY, Person, piece
from verify.submissions.programs import is_program, is_text, most_bytes, program
from verify.submissions.submission import Submission, Ungradable, shown
from verify.submissions.unpacking import (
    Member,
    Unreadable,
    archive_members,
    file_reader,
    folder_members,
    is_archive,
)

MAX_NESTED_ARCHIVE_BYTES = 64 << 20
# What is carried along beside the program: its own modules and small data.
MAX_FILE_BYTES = 1 << 20
MAX_FILES_BYTES = 8 << 20
MAX_FILES = 500


@dataclass(frozen=True)
class Entry:
    """A submission that was found and not yet read: its record's name, and where it lies.

    inside: the paths within `path`, a folder or an archive, that together are the submission; none where `path` itself
    is it. person: whose it is, as far as names tell; others: who handed it in together with that one.
    """

    name: str
    path: Path
    inside: tuple[str, ...] = ()
    person: Person = NOBODY
    others: tuple[Person, ...] = ()

    @property
    def people(self) -> tuple[Person, ...]:
        """Everybody whose it is."""
        return self.person, *self.others

    @property
    def when(self) -> tuple[str, float, str]:
        """What orders submissions by their time: as the system says it, else by the file's own."""
        try:
            changed = self.path.stat().st_mtime
        except OSError:
            changed = 0.0
        return max((who.submitted for who in self.people), default=""), changed, self.origin

    @property
    def origin(self) -> str:
        """Where it came from: the path, with the paths in it."""
        return f"{self.path}: {', '.join(self.inside)}" if self.inside else str(self.path)


def read_entry(found: Entry, wanted: str = "") -> Submission:
    """The submission under an entry's name. Raises Ungradable."""
    with _reported(found.name):
        if found.inside:
            return replace(_read_inside(found.path, found.inside, wanted), name=found.name)
        if found.path.is_symlink():
            raise Unreadable("is a link; links are not followed")
    return replace(read_submission(found.path, wanted), name=found.name)


def read_submission(path: Path, wanted: str = "") -> Submission:
    """The submission in a .py file, notebook, folder or archive. Raises Ungradable with the reason and the place.

    wanted: the name of the program, where the assignment gives it one.
    """
    path = Path(path)
    name = path.name or path.resolve().name
    with _reported(name):
        if path.is_dir():
            return _from_members(name, folder_members(path), 1, wanted)
        if not path.is_file():
            raise Unreadable("is no file or folder")
        return _from_file(name, path.resolve(), 0, wanted)


@contextlib.contextmanager
def _reported(name: str) -> Iterator[None]:
    """Says what went wrong as Ungradable, in one line that begins with the submission's name."""
    try:
        yield
    except Unreadable as reason:
        raise Ungradable(shown(f"{name}: {reason}")) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise Ungradable(shown(f"{name}: cannot be read ({reason})")) from None


def _from_file(name: str, content: Path | bytes, depth: int, wanted: str) -> Submission:
    """A file on disk or in memory. depth: how many archives it may still have inside it, besides itself."""
    if is_program(name) or is_text(name):
        return program(name, name, _content(content, most_bytes(name)), {})
    if is_archive(name):
        with archive_members(name, content) as members:
            return _from_members(name, members, depth, wanted)
    raise Unreadable("is no .py file, notebook (.ipynb), Markdown (.md, .qmd, .Rmd), folder, .zip or .tar")


def _content(content: Path | bytes, most: int) -> bytes:
    data = content if isinstance(content, bytes) else file_reader(content)(most)
    if len(data) > most:
        raise Unreadable(f"is larger than {most >> 20} MiB")
    return data


def _from_members(name: str, members: Sequence[Member], depth: int, wanted: str) -> Submission:
    if sum(member.size for member in members) > unpacking.MAX_UNPACKED_BYTES and depth == 0:
        raise Unreadable(f"unpacks to more than {unpacking.MAX_UNPACKED_BYTES >> 20} MiB")
    archives = [member for member in members if is_archive(member.path)]
    if not any(is_program(member.path) for member in members) and len(archives) == 1 and depth > 0:
        data = member_bytes(archives[0], MAX_NESTED_ARCHIVE_BYTES)
        return replace(_from_file(archives[0].path, data, depth - 1, wanted), name=name)
    taken, said = entry(members, wanted)
    _check_no_folder(taken.path, members)
    data = member_bytes(taken, most_bytes(taken.path))
    read = program(name, taken.path, data, _files_beside(taken, members))
    return replace(read, notes=(*read.notes, *said))


def _check_no_folder(path: str, members: Sequence[Member]) -> None:
    """An archive may say that one name is a file and a folder, which no disk does."""
    folders = {str(parent) for parent in PurePosixPath(path).parents}
    for member in members:
        if member.path in folders or member.path.startswith(f"{path}/"):
            raise Unreadable(f"{min(member.path, path, key=len)} is a file and a folder at once")


def _files_beside(taken: Member, members: Sequence[Member]) -> Mapping[str, bytes]:
    """The small files that the program may import or read, in the order of their paths while they fit the bounds."""
    files: dict[str, bytes] = {}
    left = MAX_FILES_BYTES
    for member in members:
        if member is taken or is_archive(member.path) or member.size > min(MAX_FILE_BYTES, left):
            continue
        data = member.read(MAX_FILE_BYTES)
        if len(data) <= min(MAX_FILE_BYTES, left) and len(files) < MAX_FILES:
            files[member.path] = data
            left -= len(data)
    return files


def _read_inside(path: Path, inside: Sequence[str], wanted: str) -> Submission:
    with _opened(path) as members:
        if len(inside) > 1:
            return _from_members(path.name, _of_one_person(members, inside), 1, wanted)
        for member in members:
            if member.path == inside[0]:
                most = MAX_NESTED_ARCHIVE_BYTES if is_archive(inside[0]) else most_bytes(inside[0])
                return _from_file(basename(inside[0]), member_bytes(member, most), 0, wanted)
        return _from_members(basename(inside[0]), _below(members, inside[0]), 1, wanted)


def _opened(path: Path) -> contextlib.AbstractContextManager[list[Member]]:
    return contextlib.nullcontext(folder_members(path)) if path.is_dir() else archive_members(path.name, path)


def _below(members: Sequence[Member], folder: str) -> list[Member]:
    prefix = f"{folder}/"
    return [replace(member, path=member.path[len(prefix) :]) for member in members if member.path.startswith(prefix)]


def _of_one_person(members: Sequence[Member], inside: Sequence[str]) -> list[Member]:
    """What a person handed in piece by piece, under the names that the files had before the course system."""
    found = []
    for path in inside:
        own = piece(basename(path))
        found += _below(members, path)
        name = own.file if own is not None and own.file else basename(path)
        found += [replace(member, path=name) for member in members if member.path == path]
    return found
