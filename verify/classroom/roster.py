"""A class list: names, numbers and groups from a CSV file, and which of them handed in what.

A row is found by what the course system says of a person, never by what a student wrote into a file. Columns are told
by their headings, so that exports of Canvas, Moodle, Gradescope, nbgrader and GitHub Classroom are taken as they are.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from verify.errors import BadInput
from verify.submissions.decoding import decode
from verify.submissions.people import Person
from verify.submissions.reading import Entry
from verify.submissions.submission import shown
from verify.submissions.unpacking import Unreadable

MAX_BYTES = 16 << 20
# Heading -> what it says of a person; the first of a kind that a file has counts, in this order.
_HEADINGS = {
    "name": ("name", "full name", "student", "student name", "display name", "姓名", "名字"),
    "first": ("first name", "firstname", "first", "given name", "first_name", "名"),
    "last": ("last name", "lastname", "last", "surname", "family name", "last_name", "姓"),
    "number": (
        "number", "student number", "id number", "student id", "student_id", "sis user id", "sid",
        "matriculation number", "学号", "id",
    ),
    "login": (
        "login", "username", "user name", "user", "sis login id", "login id", "github_username", "github username",
        "github", "roster_identifier", "identifier",
    ),
    "email": ("email", "email address", "e-mail", "e-mail address", "mail", "邮箱"),
    "group": ("group", "groups", "section", "sections", "class", "tutorial", "班级", "组"),
    "system": ("id", "identifier"),
}  # fmt: skip
_PARTICIPANT = re.compile(r"(?i)(participant|teilnehmer/in|参与者)\s*(?P<id>\d+)")
_ALLOWED = "allowed is a CSV file with a heading, with a column name (or first name and last name) or number"


@dataclass(frozen=True)
class Member:
    """One person of the class. system: the course system's own number, as Canvas's ID or Moodle's participant."""

    name: str
    number: str = ""
    group: str = ""
    email: str = ""
    login: str = ""
    system: str = ""

    @property
    def called(self) -> str:
        """The name, else the number."""
        return self.name or self.number or self.login or self.email

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What tells one member from all others."""
        return self.number, self.login, self.email, self.name


@dataclass
class Called:
    """A class once its list was gone through.

    entries: those that are graded. members: name of an entry -> who handed it in, in the order of `Entry.people`; None
    for whom the list does not have. missing: who handed in nothing. said: one line for each doubt.
    """

    entries: list[Entry]
    members: dict[str, tuple[Member | None, ...]]
    missing: list[Member]
    said: list[str] = field(default_factory=list)


# Reading -------------------------------------------------------------------------------------------------------------


@dataclass
class Roster:
    """The class list. said: one line for each row that stands twice."""

    source: str
    members: list[Member]
    said: list[str] = field(default_factory=list)

    @cached_property
    def index(self) -> _Index:
        """The members by all that may tell them."""
        return _Index(self.members)

    def find(self, person: Person) -> Member | None:
        """The member that a person is; None for nobody's and for whom it cannot tell."""
        return self.index.find(person)

    def call(self, entries: Sequence[Entry]) -> Called:
        """Who handed in what. Of several that one member handed in the newest counts."""
        return _call(self, entries)


def read_roster(path: Path) -> Roster:
    """The class list in a CSV file, with commas, semicolons or tabs. Raises BadInput, one line."""
    source = shown(str(path))
    rows = [*_rows(_text(path, source), source)]
    members, said = _without_doubles([member for row in rows if (member := _member(row)) is not None], source)
    if not members:
        raise BadInput(f"{source}: names nobody; {_ALLOWED}")
    return Roster(source, members, said)


def _text(path: Path, source: str) -> str:
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise BadInput(f"{source}: cannot be read ({error.strerror}); {_ALLOWED}") from None
    if len(data) > MAX_BYTES:
        raise BadInput(f"{source}: is larger than {MAX_BYTES >> 20} MiB; {_ALLOWED}")
    try:
        return decode(data)[0]
    except Unreadable as reason:
        raise BadInput(shown(f"{source}: {reason}; {_ALLOWED}")) from None


def _rows(text: str, source: str) -> Iterator[dict[str, str]]:
    """Each row with text in it, by the kinds of its columns."""
    told, text = _told_delimiter(text.lstrip("\r\n"))
    heading = text.split("\n", 1)[0].rstrip("\r")
    delimiter = told or max(",;\t", key=heading.count)
    table = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
    try:
        kinds = _kinds(next(table, []))
        if not {"name", "number"} & kinds.keys() and not {"first", "last"} <= kinds.keys():
            raise BadInput(shown(f"{source}: has the heading {heading or 'of no words'}; {_ALLOWED}"))
        for row in table:
            cells = {kind: row[at].strip() for kind, at in kinds.items() if at < len(row)}
            if any(cells.values()):
                yield cells
    except csv.Error as error:
        raise BadInput(shown(f"{source}: line {table.line_num} is no CSV ({error}); {_ALLOWED}")) from None


def _told_delimiter(text: str) -> tuple[str, str]:
    """The delimiter that Excel's first line sep=; tells, "" where there is no such line; and the text below it."""
    found = re.match(r"sep=([,;\t])\r?\n", text, re.IGNORECASE)
    return ("", text) if found is None else (found[1], text[found.end() :])


def _kinds(heading: Sequence[str]) -> dict[str, int]:
    """Kind of column -> where it stands. One column may be of two kinds, as Canvas's ID where there is no other."""
    places: dict[str, int] = {}
    for at, cell in enumerate(heading):
        places.setdefault(" ".join(cell.strip().strip('"').casefold().split()), at)
    found = {kind: next((places[w] for w in words if w in places), -1) for kind, words in _HEADINGS.items()}
    return {kind: at for kind, at in found.items() if at >= 0}


def _member(cells: dict[str, str]) -> Member | None:
    """A row's person; None for the row of Canvas that has the points and for its test student."""
    name = cells.get("name") or " ".join(filter(None, (cells.get("first"), cells.get("last"))))
    if name.strip().casefold() in ("points possible", "student, test"):
        return None
    participant = _PARTICIPANT.fullmatch(cells.get("system", ""))
    login = "" if _PARTICIPANT.fullmatch(cells.get("login", "")) else cells.get("login", "")
    return Member(
        _neutral(name), cells.get("number", ""), cells.get("group", ""), cells.get("email", ""), login,
        participant["id"] if participant else cells.get("system", ""),
    )  # fmt: skip


def _neutral(name: str) -> str:
    """A name as it was before a table made it no formula, and in the order of speech: Canvas has "Doe, John"."""
    last, comma, first = name.removeprefix("'").partition(",")
    return f"{first.strip()} {last.strip()}" if comma and first.strip() else last.strip()


def _without_doubles(members: Sequence[Member], source: str) -> tuple[list[Member], list[str]]:
    """Each member once, with all groups; what stands twice is told. Raises BadInput for one number of two people."""
    kept: dict[str, Member] = {}
    said = []
    for at, member in enumerate(members):
        key = member.number or member.login or member.email or f"\0{at}"
        other = kept.setdefault(key, member)
        if other is member:
            continue
        if _plain(other.name) != _plain(member.name):
            raise BadInput(
                shown(
                    f"{source}: {other.called} and {member.called} have one number, {key}; allowed is one person each"
                )
            )
        groups = dict.fromkeys(g for g in (*other.group.split("; "), member.group) if g)
        kept[key] = replace(other, group="; ".join(groups))
        said.append(shown(f"{source}: {member.called} ({key}) stands there twice; one row is kept"))
    return [*kept.values()], said


# Who is who ----------------------------------------------------------------------------------------------------------


def _plain(name: str) -> str:
    """A name as it is compared: without case, marks between words, and ways to compose letters."""
    text = unicodedata.normalize("NFKC", name).casefold()
    return "".join(letter for letter in text if letter.isalnum())


def _forms(name: str) -> set[str]:
    """How systems write a name together: its words in any rotation, as Canvas's doejohn for John Doe."""
    words = re.split(r"[\s,]+", name.strip())
    return {_plain(" ".join(words[at:] + words[:at])) for at in range(len(words))} - {""}


class _Index:
    """The members by all that may tell them."""

    def __init__(self, members: Iterable[Member]) -> None:
        self._names: dict[str, list[Member]] = {}
        self._numbers: dict[str, list[Member]] = {}
        for member in members:
            for form in _forms(member.name):
                self._names.setdefault(form, []).append(member)
            for number in {member.number, member.login, member.email, member.system} - {""}:
                self._numbers.setdefault(number.casefold(), []).append(member)

    def find(self, person: Person) -> Member | None:
        """The one member that a person is. A number beside another name is nobody's proof, an e-mail address is."""
        named = self._names.get(_plain(person.name), [])
        proven = [*self._numbered(person.email), *(m for m in self._numbered(person.id, person.name) if m in named)]
        if proven:
            return proven[0]
        if named:
            return named[0] if len(named) == 1 else None
        return next((m for m in self._numbered(person.id, person.name) if _is_called_so(m, person)), None)

    def _numbered(self, *numbers: str) -> list[Member]:
        return [member for number in numbers if number for member in self._numbers.get(number.casefold(), [])]

    def doubt(self, person: Person) -> str:
        """Why a person is none of the members."""
        named = self._names.get(_plain(person.name), [])
        if len(named) > 1:
            return f"{len(named)} people there have that name, and no number tells which"
        others = self._numbers.get(person.id.casefold(), []) if person.id else []
        if others:
            return f"its number {person.id} is that of {others[0].called} there"
        return "two people of that name handed something in" if named else "nobody there has that name or number"


def _is_called_so(member: Member, person: Person) -> bool:
    """Whether a number may tell a member: the list has no name for it, or the name that came is a number or login."""
    ids = {text.casefold() for text in (member.number, member.login, member.email)} - {""}
    return not member.name or not person.name or person.name.casefold() in ids


def _call(roster: Roster, entries: Sequence[Entry]) -> Called:
    index = roster.index
    found = _without_disputed({e.name: tuple(map(index.find, e.people)) for e in entries}, entries)
    in_time = sorted(entries, key=lambda entry: entry.when)
    newest = {member.key: entry.name for entry in in_time for member in found[entry.name] if member is not None}
    theirs = {name: tuple(m for m in members if m is None or newest[m.key] == name) for name, members in found.items()}
    said = [*roster.said]
    for entry in entries:
        strangers = [p for p, member in zip(entry.people, found[entry.name], strict=True) if member is None]
        said += [_unknown(entry, person, index.doubt(person), roster.source) for person in strangers]
        if not theirs[entry.name]:
            names = ", ".join(member.called for member in found[entry.name] if member is not None)
            said.append(shown(f"{entry.origin}: a newer one of {names} is graded"))
    kept = [entry for entry in entries if theirs[entry.name]]
    missing = [member for member in roster.members if member.key not in newest]
    return Called(kept, {entry.name: theirs[entry.name] for entry in kept}, missing, said)


def _unknown(entry: Entry, person: Person, doubt: str, source: str) -> str:
    who = f"{person.name} ({person.id})" if person.id and person.id != person.name else person.name
    return shown(f"{entry.origin}: {who} is not in {source}: {doubt}")


def _without_disputed(
    found: dict[str, tuple[Member | None, ...]], entries: Sequence[Entry]
) -> dict[str, tuple[Member | None, ...]]:
    """People of different numbers are never one member, though they have one name: then nobody is, or who has its."""
    claims: dict[tuple[str, str, str, str], set[str]] = {}
    pairs = [(e, p, m) for e in entries for p, m in zip(e.people, found[e.name], strict=True) if m is not None]
    for _, person, member in pairs:
        claims.setdefault(member.key, set()).add(person.id)
    disputed = {key for key, ids in claims.items() if len(ids - {""}) > 1}

    def settled(person: Person, member: Member | None) -> Member | None:
        own = member is None or member.key not in disputed or person.id in (member.system, member.number)
        return member if own else None

    return {e.name: tuple(map(settled, e.people, found[e.name])) for e in entries}
