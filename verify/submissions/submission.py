"""What a student handed in, from a .py file, a notebook, a folder or an archive, to the source that is run.

Nothing of it runs here. What cannot be read as Python raises Ungradable with the reason and the place.
"""

from __future__ import annotations

import codecs
import contextlib
import hashlib
import io
import re
import threading
import tokenize
import unicodedata
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from verify.errors import BadInput
from verify.submissions.notebooks import Cell, NoNotebook, read_cells
from verify.submissions.unpacking import (
    MAX_UNPACKED_BYTES,
    Member,
    Unreadable,
    archive_members,
    file_reader,
    folder_members,
    is_archive,
    is_stray,
)

MAX_SOURCE_BYTES = 1 << 20
MAX_NOTEBOOK_BYTES = 16 << 20
MAX_NESTED_ARCHIVE_BYTES = 64 << 20
# What is carried along beside the program: its own modules and small data.
MAX_FILE_BYTES = 1 << 20
MAX_FILES_BYTES = 8 << 20
MAX_FILES = 500
# Leaves room for ".json" and a temporary suffix in the 255 bytes of a file name.
MAX_NAME_BYTES = 200

# Never the program itself, where another candidate is there.
_HELPERS = frozenset({"__init__.py", "conftest.py", "setup.py", "sitecustomize.py", "usercustomize.py"})
# Python would take these too, but they decode in quadratic time or are no way to write a program.
_REFUSED_CODECS = frozenset({"idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape"})
_METADATA = frozenset({"submission_metadata.yml", "submission_metadata.json"})


class Ungradable(Exception):
    """A submission that cannot be read as Python: the reason and the place, in one line."""


@dataclass(frozen=True)
class Submission:
    """One student's program, ready to be run.

    name: the entry's own name (alice.py, stray.zip, the folder shadow), never the file inside.
    source: the program's text; of a notebook its cells joined, with what is for the notebook alone left out.
    entry: the path of the program inside the submission. files: the small files beside it, by path.
    digest: hex SHA-256 of entry, source and files.
    """

    name: str
    source: str
    entry: str
    files: Mapping[str, bytes] = field(default_factory=dict)
    cells: tuple[Cell, ...] = ()
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        parts = [self.entry.encode(errors="surrogateescape"), self.source.encode(errors="surrogatepass")]
        for path in sorted(self.files):
            parts += [path.encode(errors="surrogateescape"), self.files[path]]
        state = hashlib.sha256()
        for part in parts:
            state.update(len(part).to_bytes(8, "big") + part)
        object.__setattr__(self, "digest", state.hexdigest())

    def place(self, line: int | None) -> str:
        """Where a line of `source` stands for the student: "line 12", or "cell 3, line 2" of a notebook."""
        if line is None:
            return "no line"
        before = [cell for cell in self.cells if cell.first_line <= line]
        if not before:
            return f"line {line}"
        return f"cell {before[-1].number}, line {line - before[-1].first_line + 1}"


@dataclass(frozen=True)
class Entry:
    """A submission that was found and not yet read: its record's name, and where it lies.

    inside: its path within the archive `path`, or "" where `path` itself is the submission.
    """

    name: str
    path: Path
    inside: str = ""

    def read(self) -> Submission:
        """The submission under this entry's name. Raises Ungradable."""
        with _reported(self.name):
            if self.inside:
                return replace(_read_inside(self.path, self.inside), name=self.name)
            if self.path.is_symlink():
                raise Unreadable("is a link; links are not followed")
        return replace(read_submission(self.path), name=self.name)


def read_submission(path: Path) -> Submission:
    """The submission in a .py file, notebook, folder or archive. Raises Ungradable with the reason and the place."""
    path = Path(path)
    name = path.name or path.resolve().name
    with _reported(name):
        if path.is_dir():
            return _from_members(name, folder_members(path), depth=1)
        if not path.is_file():
            raise Unreadable("is no file or folder")
        return _from_file(name, path.resolve(), depth=0)


@contextlib.contextmanager
def _reported(name: str) -> Iterator[None]:
    """Says what went wrong as Ungradable, in one line that begins with the submission's name."""
    try:
        yield
    except (Unreadable, NoNotebook) as reason:
        raise Ungradable(shown(f"{name}: {reason}")) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise Ungradable(shown(f"{name}: cannot be read ({reason})")) from None


def shown(text: str, most: int = 400) -> str:
    """A text from outside in one line of printable characters, cut to `most` of them."""
    line = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text[: most + 1])
    return line if len(line) <= most else line[: most - 3] + "..."


# Programs ------------------------------------------------------------------------------------------------------------


def _from_file(name: str, content: Path | bytes, depth: int) -> Submission:
    """A file on disk or in memory. depth: how many archives it may still have inside it, besides itself."""
    suffix = PurePosixPath(name).suffix.casefold()
    if suffix in (".py", ".ipynb"):
        return _program(name, name, _content(content, _most_bytes(name)), {})
    if is_archive(name):
        with archive_members(name, content) as members:
            return _from_members(name, members, depth)
    raise Unreadable("is no .py file, notebook (.ipynb), folder, .zip or .tar")


def _content(content: Path | bytes, most: int) -> bytes:
    data = content if isinstance(content, bytes) else file_reader(content)(most)
    if len(data) > most:
        raise Unreadable(f"is larger than {most >> 20} MiB")
    return data


def _most_bytes(name: str) -> int:
    return MAX_NOTEBOOK_BYTES if name.casefold().endswith(".ipynb") else MAX_SOURCE_BYTES


def _program(name: str, entry: str, data: bytes, files: Mapping[str, bytes]) -> Submission:
    where = "" if entry == name else f"{entry}: "
    cells: tuple[Cell, ...] = ()
    try:
        if entry.casefold().endswith(".ipynb"):
            source, cells = read_cells(data)
        else:
            source = decode_source(data)
        submission = Submission(name, source, entry, files, cells)
        _check_source(submission)
    except (Unreadable, NoNotebook) as reason:
        raise Unreadable(f"{where}{reason}") from None
    return submission


def decode_source(data: bytes) -> str:
    """A program's text as Python decodes it, with every line ended by \\n. Raises Unreadable with the line."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise Unreadable("is UTF-16; Python reads UTF-8, or the encoding that the first lines declare")
    if b"\0" in data:
        line = data.count(b"\n", 0, data.index(b"\0")) + 1
        raise Unreadable(f"line {line} has a null byte: this is no Python text")
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        if codecs.lookup(encoding).name.replace("-", "_") in _REFUSED_CODECS:
            raise Unreadable(f"line 1 or 2 declares the encoding {encoding}, which is none for programs")
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Unreadable(f"line {line} is not {error.encoding} (byte 0x{data[error.start]:02x})") from None
    except (SyntaxError, LookupError) as error:
        if not _declares_encoding(data):
            raise Unreadable("line 1 or 2 is not UTF-8, and no other encoding is declared there") from None
        raise Unreadable(f"the encoding cannot be told: {error}") from None
    except UnicodeError as error:
        raise Unreadable(f"cannot be decoded: {error}") from None
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def _declares_encoding(data: bytes) -> bool:
    return b"coding" in b"".join(data.split(b"\n", 2)[:2])


_compiling = threading.Lock()


def _check_source(submission: Submission) -> None:
    """Raises Unreadable where the source is empty or does not compile, with the line. Nothing is run."""
    if not submission.source.strip():
        raise Unreadable("is empty")
    try:
        # The lock: which warnings are ignored is one list for the whole process.
        with _compiling, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(submission.source, submission.entry, "exec", dont_inherit=True)
    except SyntaxError as error:
        place = f"{submission.place(error.lineno)}: " if error.lineno else ""
        raise Unreadable(f"{place}{type(error).__name__}: {error.msg}") from None
    except (RecursionError, MemoryError):
        raise Unreadable("is nested more deeply than Python compiles") from None
    except ValueError as error:
        raise Unreadable(f"does not compile: {error}") from None


# Folders and archives ------------------------------------------------------------------------------------------------


def _from_members(name: str, members: Sequence[Member], depth: int) -> Submission:
    if sum(member.size for member in members) > MAX_UNPACKED_BYTES and depth == 0:
        raise Unreadable(f"unpacks to more than {MAX_UNPACKED_BYTES >> 20} MiB")
    programs = [member for member in members if _is_program(member.path)]
    archives = [member for member in members if is_archive(member.path)]
    if not programs and len(archives) == 1 and depth > 0:
        data = _member_bytes(archives[0], MAX_NESTED_ARCHIVE_BYTES)
        return replace(_from_file(archives[0].path, data, depth - 1), name=name)
    entry = _entry(programs, archives)
    data = _member_bytes(entry, _most_bytes(entry.path))
    return _program(name, entry.path, data, _files_beside(entry, members))


def _is_program(path: str) -> bool:
    return path.casefold().endswith((".py", ".ipynb"))


def _member_bytes(member: Member, most: int) -> bytes:
    data = member.read(most)
    if len(data) > most:
        raise Unreadable(f"{member.path} is larger than {most >> 20} MiB")
    return data


def _entry(programs: Sequence[Member], archives: Sequence[Member]) -> Member:
    """The program to enter: the topmost submission.py (or notebook of that name), or the only program there is."""
    for wanted in ("submission.py", "submission.ipynb"):
        named = [member for member in programs if _basename(member.path).casefold() == wanted]
        top = min((member.path.count("/") for member in named), default=0)
        named = [member for member in named if member.path.count("/") == top]
        if len(named) == 1:
            return named[0]
    candidates = [member for member in programs if _basename(member.path).casefold() not in _HELPERS] or list(programs)
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        names = ", ".join(member.path for member in candidates[:4]) + (", ..." if len(candidates) > 4 else "")
        raise Unreadable(f"has {len(candidates)} programs and no single submission.py: {names}")
    inner = f"; {archives[0].path} inside is an archive, and those are not opened" if archives else ""
    raise Unreadable(f"has no .py file or notebook in it{inner}")


def _basename(path: str) -> str:
    return path.rsplit("/", 1)[-1]


def _files_beside(entry: Member, members: Sequence[Member]) -> dict[str, bytes]:
    """The small files that the program may import or read, in the order of their paths while they fit the bounds."""
    files: dict[str, bytes] = {}
    left = MAX_FILES_BYTES
    for member in members:
        if member is entry or is_archive(member.path) or member.size > min(MAX_FILE_BYTES, left):
            continue
        data = member.read(MAX_FILE_BYTES)
        if len(data) <= min(MAX_FILE_BYTES, left) and len(files) < MAX_FILES:
            files[member.path] = data
            left -= len(data)
    return files


# A class -------------------------------------------------------------------------------------------------------------


def find_submissions(paths: Iterable[Path]) -> list[Entry]:
    """Every submission under the paths, each with a record name of its own: files, folders and archives of submissions.

    A file is one submission. Each entry of a folder is one. An archive is one where it has one program or a
    submission.py at its top, and else each of its entries is. Bulk downloads' names are kept as they are.
    Raises BadInput where a path does not exist or holds nothing.
    """
    found: dict[tuple[Path, str], Entry] = {}
    for path in map(Path, paths):
        for entry in _entries(path):
            found.setdefault((entry.path.absolute(), entry.inside), entry)
    return _with_distinct_names(found.values())


def _entries(path: Path) -> list[Entry]:
    if path.is_dir():
        try:
            names = sorted(inner.name for inner in path.iterdir() if not _is_no_submission(inner.name))
        except OSError as error:
            raise BadInput(shown(f"{path}: cannot be listed ({error.strerror})")) from None
        if not names:
            raise BadInput(
                shown(f"{path}: holds no submissions; a folder has one file, folder or archive a submission")
            )
        return [Entry(name, path / name) for name in names]
    if not path.is_file():
        raise BadInput(shown(f"{path}: is no file or folder; submissions are .py files, notebooks, folders, archives"))
    inside = _entries_inside(path) if is_archive(path.name) else []
    # The user named this path: if it is a link, it is meant to be followed.
    return inside or [Entry(path.name, path.resolve() if path.is_symlink() else path)]


def _is_no_submission(name: str) -> bool:
    return is_stray(name) or name in _METADATA


def _entries_inside(path: Path) -> list[Entry]:
    """An archive's submissions, or none where the archive is one itself or cannot be read (as its record will say)."""
    try:
        with archive_members(path.name, path) as members:
            paths = [member.path for member in members if not _is_no_submission(_basename(member.path))]
    except Unreadable:
        return []
    root = _common_root(paths)
    heads = sorted({inner[len(root) :].split("/")[0] for inner in paths})
    programs = [inner for inner in paths if _is_program(inner) or is_archive(inner)]
    if len(programs) <= 1 or "submission.py" in heads:
        return []
    return [Entry(head, path, root + head) for head in heads]


def _common_root(paths: Sequence[str]) -> str:
    """The one folder, with its /, that holds all the files of an archive; "" where there is none."""
    heads = {path.split("/")[0] for path in paths}
    return f"{heads.pop()}/" if len(heads) == 1 and all("/" in path for path in paths) else ""


def _read_inside(path: Path, inside: str) -> Submission:
    with archive_members(path.name, path) as members:
        for member in members:
            if member.path == inside:
                most = MAX_NESTED_ARCHIVE_BYTES if is_archive(inside) else _most_bytes(inside)
                return _from_file(_basename(inside), _member_bytes(member, most), depth=0)
        prefix = f"{inside}/"
        below = [
            replace(member, path=member.path[len(prefix) :]) for member in members if member.path.startswith(prefix)
        ]
        return _from_members(_basename(inside), below, depth=1)


def _with_distinct_names(entries: Iterable[Entry]) -> list[Entry]:
    """The entries with names that differ even where a file system ignores case and how letters are composed."""
    taken: set[str] = set()
    named = []
    for entry in entries:
        name = safe_name(entry.name)
        stem, suffix = _split_suffix(name)
        number = 1
        while _folded(name) in taken:
            number += 1
            name = f"{stem} ({number}){suffix}"
        taken.add(_folded(name))
        named.append(replace(entry, name=name))
    return named


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def safe_name(name: str) -> str:
    """A name that can be a file's on any disk: no separators or control characters, bounded; any script is kept."""
    decoded = name.encode(errors="surrogateescape").decode(errors="replace")
    clean = "".join(letter if letter.isprintable() and letter not in '/\\:*?"<>|' else "_" for letter in decoded)
    clean = clean.strip(" ") or "_"
    if clean in (".", ".."):
        clean = "_" * len(clean)
    if len(clean.encode()) <= MAX_NAME_BYTES:
        return clean
    stem, suffix = _split_suffix(clean)
    mark = "~" + hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()[:8]
    room = MAX_NAME_BYTES - len((mark + suffix).encode())
    return stem.encode()[:room].decode(errors="ignore") + mark + suffix


def _split_suffix(name: str) -> tuple[str, str]:
    """A name before and from its ending, where that is one of a submission: alice and .tar.gz."""
    match = re.search(r"(\.tar)?\.[A-Za-z0-9]{1,8}$", name)
    return (name[: match.start()], match.group()) if match and match.start() else (name, "")
