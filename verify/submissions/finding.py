"""The submissions of a class: files, folders and archives of them, each under a name of its own.

A file is one submission. Each entry of a folder is one, and each entry of an archive that holds more than one, where it
is given alone. In the download of a course system all that one person handed in is one submission (downloads.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from verify.errors import BadInput
from verify.submissions.choosing import MOST_CANDIDATES, basename, member_bytes
from verify.submissions.downloads import GRADESCOPE, Download, Pile, Tree, download
from verify.submissions.people import Piece, person, piece
from verify.submissions.programs import binding, is_program, most_bytes, program
from verify.submissions.reading import Entry
from verify.submissions.submission import folded, safe_name, shown, split_suffix
from verify.submissions.unpacking import (
    Member,
    Unreadable,
    archive_members,
    file_reader,
    folder_members,
    is_archive,
    is_stray,
)

# The assignment of a class, in its folder.
CONFIGURATION = "backproof.toml"
_METADATA = frozenset({"submission_metadata.yml", "submission_metadata.json", CONFIGURATION})
# Tables, settings and logs beside submissions: nobody hands these in for a program.
_BESIDE = (".csv", ".tsv", ".xlsx", ".ods", ".toml", ".yml", ".yaml", ".ini", ".cfg", ".db", ".sqlite", ".log")
_ENTRIES = ("submission.py", "submission.ipynb")


@dataclass
class Handed:
    """What was found: the submissions, and the files that are none, each with the reason."""

    entries: list[Entry] = field(default_factory=list)
    passed_over: list[str] = field(default_factory=list)


def find(paths: Iterable[Path], assignment: str = "") -> Handed:
    """Every submission under the paths, each with a record name of its own, whatever the order of the paths.

    assignment: its name, where a course's tree holds several. Raises BadInput where a path does not exist or holds
    nothing, or where two people have one number.
    """
    given = list(map(Path, paths))
    handed = Handed()
    found: dict[tuple[Path, tuple[str, ...]], Entry] = {}
    for path in given:
        for entry in _entries(path, handed, assignment, alone=len(given) == 1):
            found.setdefault((entry.path.absolute(), entry.inside), entry)
    handed.entries = _with_distinct_names(_one_per_person(found.values(), handed))
    return handed


def _entries(path: Path, handed: Handed, assignment: str, *, alone: bool) -> list[Entry]:
    if path.is_dir():
        return _of_folder(path, handed, assignment)
    if not path.is_file():
        raise BadInput(shown(f"{path}: is no file or folder; submissions are .py files, notebooks, folders, archives"))
    inside = _of_archive(path, handed, assignment) if is_archive(path.name) and alone else []
    # The user named this path: if it is a link, it is meant to be followed.
    return inside or [_entry(path.name, path.resolve() if path.is_symlink() else path, ())]


def _entry(name: str, path: Path, inside: tuple[str, ...]) -> Entry:
    return Entry(name, path, inside, person(name))


# Folders and archives ------------------------------------------------------------------------------------------------


def _of_folder(path: Path, handed: Handed, assignment: str) -> list[Entry]:
    path = _unpacked(path)
    names = _listed(path)
    if not names:
        raise BadInput(shown(f"{path}: holds no submissions; a folder has one file, folder or archive per submission"))
    found = download(_tree_of_folder(path), assignment)
    if found is not None:
        return [
            Entry(pile.name, path / pile.inside, (), pile.people[0], pile.people[1:])
            for pile in _piles(found, path, handed)
        ]
    if any(name.casefold() in _ENTRIES for name in names) and _is_one(_members(path)):
        return [_entry(path.name or path.resolve().name, path, ())]
    beside = [name for name in names if name.casefold().endswith(_BESIDE) and piece(name) is None]
    handed.passed_over += [shown(f"{path / name}: is no form that a submission has") for name in beside]
    return [
        _entry(heads[0], path / heads[0], ()) if len(heads) == 1 else _entry(_common(heads), path, heads)
        for heads in _by_person([name for name in names if name not in beside], handed, path)
    ]


def is_submission(path: Path) -> bool:
    """Whether a folder is one submission, by the name of the program at its top."""
    return any((path / name).is_file() for name in _ENTRIES)


def _listed(path: Path) -> list[str]:
    try:
        return sorted(inner.name for inner in path.iterdir() if not _is_no_submission(inner.name))
    except OSError as error:
        raise BadInput(shown(f"{path}: cannot be listed ({error.strerror})")) from None


def _unpacked(path: Path) -> Path:
    """The folder itself, or the one folder in it where that is a course system's download."""
    names = _listed(path)
    inner = path / names[0] if len(names) == 1 else path
    if inner is path or piece(names[0]) or not inner.is_dir() or inner.is_symlink():
        return path
    tree = _tree_of_folder(inner)
    return inner if GRADESCOPE in tree.names or _is_download(tree.names) else path


def _tree_of_folder(path: Path) -> Tree:
    def below(name: str) -> list[str]:
        folder = path / name
        try:
            found = [] if folder.is_symlink() else [inner.name for inner in folder.iterdir()]
        except OSError:
            return []
        return sorted(inner for inner in found if not is_stray(inner))

    def content(name: str, most: int) -> bytes | None:
        try:
            return file_reader(path / name)(most)
        except OSError:
            return None

    label = str(path) if path.name else str(path.resolve())
    return Tree(label, below(""), below, content, lambda name: (path / name / ".git").exists())


def _piles(found: Download, path: Path, handed: Handed) -> list[Pile]:
    """What people handed in, of a download that says itself whose is what."""
    if not found.piles:
        raise BadInput(shown(f"{path}: is a course system's download, and nobody handed anything in"))
    handed.passed_over += found.passed_over
    return found.piles


def _members(path: Path) -> list[Member]:
    try:
        return folder_members(path)
    except Unreadable:
        return []


def _is_no_submission(name: str) -> bool:
    return is_stray(name) or name in _METADATA


def _of_archive(path: Path, handed: Handed, assignment: str) -> list[Entry]:
    """An archive's submissions, or none where the archive is one itself or cannot be read (as its record will say)."""
    try:
        with archive_members(path.name, path) as members:
            everything = [member.path for member in members]
            root = _common_root(everything)
            found = download(_tree_of_archive(path, root, members), assignment)
            if found is not None:
                return [
                    Entry(pile.name, path, (root + pile.inside,), pile.people[0], pile.people[1:])
                    for pile in _piles(found, path, handed)
                ]
            kept = [member for member in members if not _is_no_submission(basename(member.path))]
            root = _common_root([member.path for member in kept])
            heads = sorted({member.path[len(root) :].split("/")[0] for member in kept})
            if not _is_download(heads) and _is_one(kept, root):
                return []
    except Unreadable:
        return []
    groups = _by_person(heads, handed, path)
    return [_entry(_common(group), path, tuple(root + head for head in group)) for group in groups]


def _tree_of_archive(path: Path, root: str, members: Sequence[Member]) -> Tree:
    inside: dict[str, set[str]] = {}
    for member in members:
        parts = member.path[len(root) :].split("/")
        for depth in range(len(parts)):
            inside.setdefault("/".join(parts[:depth]), set()).add(parts[depth])
    by_path = {member.path: member for member in members}

    def content(name: str, most: int) -> bytes | None:
        member = by_path.get(root + name)
        return None if member is None else member.read(most)

    label = f"{path}/{root.rstrip('/')}" if root else str(path)
    return Tree(label, sorted(inside.get("", ())), lambda name: sorted(inside.get(name, ())), content)


def _common_root(paths: Sequence[str]) -> str:
    """The one folder, with its /, above all files of an archive; "" where there is none, or it is a person's."""
    heads = {path.split("/")[0] for path in paths}
    if len(heads) != 1 or not all("/" in path for path in paths):
        return ""
    head = heads.pop()
    return "" if piece(head) else f"{head}/"


def _is_one(members: Sequence[Member], root: str = "") -> bool:
    """Whether files are one submission and no class: at most one of them, or of the folders, can be graded."""
    heads = {member.path[len(root) :].split("/")[0] for member in members}
    programs = [member for member in members if is_program(member.path)]
    archives = [member for member in members if is_archive(member.path)]
    if len(programs) + len(archives) <= 1:
        return True
    if not any(head.casefold() in _ENTRIES for head in heads) or archives or len(programs) > MOST_CANDIDATES:
        return False
    able = {member.path[len(root) :].split("/")[0] for member in programs if _may_be_graded(member)}
    return len(able) <= 1


def _may_be_graded(member: Member) -> bool:
    try:
        read = program(member.path, member.path, member_bytes(member, most_bytes(member.path)), {})
    except (Unreadable, OSError):
        return False
    return binding(read) == "defined"


def _without_pairs(names: Sequence[str], handed: Handed, where: Path) -> list[str]:
    """A script beside the notebook of the same name is the same program, as jupytext and exports write it."""
    notebooks = {split_suffix(name)[0] for name in names if name.casefold().endswith(".ipynb")}
    kept = []
    for name in names:
        stem, suffix = split_suffix(name)
        if suffix.casefold() in (".py", ".md") and stem in notebooks:
            handed.passed_over.append(shown(f"{where / name}: is graded as {stem}.ipynb, the notebook of that name"))
        else:
            kept.append(name)
    return kept


# People --------------------------------------------------------------------------------------------------------------


def _is_download(names: Sequence[str]) -> bool:
    """Whether a course system has written most of the names."""
    return 2 * sum(piece(name) is not None for name in names) > len(names)


def _by_person(names: Sequence[str], handed: Handed, where: Path) -> list[tuple[str, ...]]:
    """The files and folders of each person, as far as a course system names people; what else there is, one by one.

    In a download what is nobody's is passed over, and told.
    """
    people: dict[tuple[str, str], list[tuple[Piece, str]]] = {}
    others = []
    for name in names:
        found = piece(name)
        if found is None:
            others.append(name)
        else:
            people.setdefault((found.person.name, found.person.id), []).append((found, name))
    if _is_download(names):
        said = "is nobody's: a course system puts a name and a number before what people hand in"
        handed.passed_over += [shown(f"{where / name}: {said}") for name in others]
        others = []
    alone = _without_pairs(others, handed, where)
    return [*((name,) for name in alone), *(_newest(pieces, handed, where) for _, pieces in sorted(people.items()))]


def _newest(pieces: Sequence[tuple[Piece, str]], handed: Handed, where: Path) -> tuple[str, ...]:
    """What one person handed in, the newest version of each file; a text typed online only where nothing else is."""
    files = [entry for entry in pieces if not entry[0].is_text] or list(pieces)
    latest: dict[str, tuple[Piece, str]] = {}
    for found, name in sorted(files, key=lambda entry: entry[0].version):
        latest[found.file] = found, name
    kept = sorted(name for _, name in latest.values())
    for _, name in pieces:
        if name not in kept:
            handed.passed_over.append(shown(f"{where / name}: a newer one, or a file, of the same person is graded"))
    return tuple(kept)


def _common(heads: Sequence[str]) -> str:
    """One name for what a person handed in: of several files that of the first."""
    programs = [head for head in heads if is_program(head)]
    return (programs or list(heads))[0]


def _one_per_person(entries: Iterable[Entry], handed: Handed) -> list[Entry]:
    """Of what one person handed in, as two downloads have it, the newest.

    Two people never have one number: who writes another's into a name is not to get that one's row.
    """
    owners: dict[str, Entry] = {}
    kept: list[Entry] = []
    for entry in sorted(entries, key=lambda entry: entry.when):
        numbers = {who.id for who in entry.people if who.id}
        for other in {id(owners[number]): owners[number] for number in numbers & owners.keys()}.values():
            if _names(other) != _names(entry):
                raise BadInput(shown(_one_number(other, entry, min(numbers & owners.keys()))))
            kept.remove(other)
            handed.passed_over.append(shown(f"{other.origin}: a newer one of the same person is graded"))
        owners |= dict.fromkeys(numbers, entry)
        kept.append(entry)
    return kept


def _one_number(one: Entry, other: Entry, number: str) -> str:
    origins = " and ".join(sorted((one.origin, other.origin)))
    return f"{origins} have one number, {number}; allowed is one submission per number"


def _names(entry: Entry) -> list[tuple[str, str]]:
    return [(who.id, who.name) for who in entry.people]


# Names ---------------------------------------------------------------------------------------------------------------


def _with_distinct_names(entries: Iterable[Entry]) -> list[Entry]:
    """The entries with names that differ even where a file system ignores case and how letters are composed."""
    taken: set[str] = set()
    named = []
    for entry in sorted(entries, key=lambda entry: (str(entry.path.absolute()), entry.inside)):
        name = safe_name(entry.name)
        stem, suffix = split_suffix(name)
        number = 1
        while folded(name) in taken:
            number += 1
            name = f"{stem} ({number}){suffix}"
        taken.add(folded(name))
        named.append(replace(entry, name=name))
    return named
