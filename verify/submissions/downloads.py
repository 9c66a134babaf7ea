"""Downloads that say whose is what in a file or in their folders: Gradescope, nbgrader, GitHub Classroom.

Moodle and Canvas say it in each name (people.py). All that is read here is what a system wrote, never a student.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from verify.errors import BadInput
from verify.submissions.people import Person
from verify.submissions.submission import shown

GRADESCOPE = "submission_metadata.yml"
# What lies beside submitted/ in a course of nbgrader: all the instructor's own.
_NBGRADER = ("source", "release", "autograded", "feedback", "downloaded", "gradebook.db", "nbgrader_config.py")
_SUBMITTED, _TIMESTAMP = "submitted", "timestamp.txt"
_INBOUND = re.compile(r"(?P<student>[^+]+)\+(?P<assignment>[^+]+)\+(?P<time>\d{4}-\d\d-\d\d [^+]+)(\+.*)?")
_CLASSROOM = "-submissions"
_TIME = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)[ T](?P<time>\d\d:\d\d:\d\d)(\.\d+)? ?(?P<zone>Z|UTC|GMT|(?P<offset>[+-]\d\d:?\d\d))?"
)
_MOST_BYTES = 64 << 20


@dataclass(frozen=True)
class Tree:
    """A folder or an archive as it is looked through. Paths are joined by / and begin at its top.

    label: what to call it. names: what lies at its top. below: the names within a folder, none where it is a file.
    content: a file's bytes, at most so many; None where there is none. repository: whether a folder is one of git's.
    """

    label: str
    names: Sequence[str]
    below: Callable[[str], Sequence[str]]
    content: Callable[[str, int], bytes | None]
    repository: Callable[[str], bool] = lambda name: False


@dataclass(frozen=True)
class Pile:
    """What one person, or several together, handed in at one time. name: of its record. inside: where it lies."""

    name: str
    people: tuple[Person, ...]
    inside: str


@dataclass(frozen=True)
class Download:
    """The newest of each person's, and what was passed over, each with the reason."""

    piles: list[Pile]
    passed_over: list[str]


def download(tree: Tree, assignment: str = "") -> Download | None:
    """What a system's download holds; None where it is none of theirs.

    assignment: its name, where a tree holds several. Raises BadInput where that is needed and not known.
    """
    for found in (_gradescope(tree), _nbgrader(tree, assignment), _inbound(tree, assignment), _classroom(tree)):
        if found is not None:
            return found
    return None


def moment(text: str) -> str:
    """A system's date and time as ISO 8601 with its offset, UTC where it names none; "" where it is no such thing."""
    found = _TIME.fullmatch(text.strip())
    if found is None:
        return ""
    try:
        read = datetime.fromisoformat(f"{found['day']}T{found['time']}{found['offset'] or '+00:00'}")
        return read.astimezone(UTC).isoformat()
    except (ValueError, OverflowError):
        return ""


def _newest(piles: Iterable[Pile], said: list[str], tree: Tree) -> list[Pile]:
    """Each person in the newest of the piles that are theirs; what is nobody's newest is told."""
    seen: set[tuple[str, str]] = set()
    kept = []
    for pile in sorted(piles, key=lambda pile: (pile.people[0].submitted, pile.inside), reverse=True):
        people = tuple(person for person in pile.people if (person.name, person.id) not in seen)
        if people:
            kept.append(replace(pile, people=people))
        else:
            said.append(shown(f"{tree.label}/{pile.inside}: a newer one of the same person is graded"))
        seen |= {(person.name, person.id) for person in people}
    return sorted(kept, key=lambda pile: pile.inside)


def _others(tree: Tree, names: Iterable[str], why: str) -> list[str]:
    return [shown(f"{tree.label}/{name}: {why}") for name in sorted(names)]


# Gradescope ----------------------------------------------------------------------------------------------------------


def _gradescope(tree: Tree) -> Download | None:
    if GRADESCOPE not in tree.names:
        return None
    table = _metadata(tree)
    known = {name: people for name, about in table.items() if (people := _submitters(about))}
    said = _others(tree, set(tree.names) - known.keys() - {GRADESCOPE}, f"is nobody's: {GRADESCOPE} does not name it")
    said += _others(tree, known.keys() - set(tree.names), f"is named in {GRADESCOPE}, and is not there")
    piles = [Pile(_called(people[0]), people, name) for name, people in known.items() if name in tree.names]
    return Download(_newest(piles, said, tree), said)


def _metadata(tree: Tree) -> dict[str, Any]:
    """The table of a download. All its values are texts as they stand there: a number may begin with zeros."""
    import yaml  # of all downloads only these have any

    where = f"{tree.label}/{GRADESCOPE}"
    texts = getattr(yaml, "CBaseLoader", yaml.BaseLoader)  # no types: the number 0071 is a text
    try:
        text = (tree.content(GRADESCOPE, _MOST_BYTES) or b"").decode("utf-8-sig")
        # Gradescope writes no references, and they could make a small file grow for ever.
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, texts)):
            raise yaml.YAMLError("it refers to another part of itself")
        read = yaml.load(text, texts)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        reason = str(error).splitlines()[0]
        raise BadInput(
            shown(f"{where}: cannot be read ({reason}); allowed is the file as Gradescope wrote it")
        ) from None
    if not isinstance(read, dict):
        raise BadInput(shown(f"{where}: names no submissions; allowed is the file as Gradescope wrote it"))
    return {str(name): about for name, about in read.items()}


def _submitters(about: Any) -> tuple[Person, ...]:
    """The people of a submission, in an order that does not depend on the file's."""
    if not isinstance(about, dict):
        return ()
    listed = about.get(":submitters")
    time = moment(_text(about, ":created_at"))
    people = [
        Person(_text(each, ":name"), _text(each, ":sid"), email=_text(each, ":email"), submitted=time)
        for each in (listed if isinstance(listed, list) else ())
        if isinstance(each, dict)
    ]
    return tuple(sorted((p for p in people if p.name or p.id or p.email), key=lambda p: (p.id, p.name, p.email)))


def _text(table: dict[str, Any], key: str) -> str:
    value = table.get(key)
    return value.strip() if isinstance(value, str) and value not in ("null", "~") else ""


def _called(person: Person) -> str:
    return "_".join(part for part in (person.name or person.email, person.id) if part)


# nbgrader ------------------------------------------------------------------------------------------------------------


def _nbgrader(tree: Tree, assignment: str) -> Download | None:
    """A course's submitted/ENTRY/ASSIGNMENT/, or submitted/ itself."""
    if _SUBMITTED in tree.names and any(name in tree.names for name in _NBGRADER):
        said = _others(tree, set(tree.names) - {_SUBMITTED}, "is the instructor's own; submitted/ is graded")
        return _of_students(tree, f"{_SUBMITTED}/", tree.below(_SUBMITTED), assignment, said)
    # Most of them: what lies in one student's folder says nothing of the class.
    stamped = sum(_is_stamped(tree, name) for name in tree.names)
    if tree.label.rsplit("/", 1)[-1] == _SUBMITTED or 2 * stamped > len(tree.names):
        return _of_students(tree, "", tree.names, assignment, [])
    return None


def _is_stamped(tree: Tree, student: str) -> bool:
    return any(_TIMESTAMP in tree.below(f"{student}/{inner}") for inner in tree.below(student))


def _of_students(tree: Tree, root: str, students: Sequence[str], assignment: str, said: list[str]) -> Download:
    handed = {
        student: [a for a in tree.below(root + student) if tree.below(f"{root}{student}/{a}")] for student in students
    }
    chosen = _chosen(tree, {a for found in handed.values() for a in found}, assignment)
    said += _others(
        tree, (root + s for s, found in handed.items() if not found), "is nobody's: nbgrader has STUDENT/ASSIGNMENT/"
    )
    piles = []
    for student, found in handed.items():
        if chosen in found:
            inside = f"{root}{student}/{chosen}"
            stamp = (tree.content(f"{inside}/{_TIMESTAMP}", 200) or b"").decode(errors="replace")
            piles.append(Pile(student, (Person(student, student, submitted=moment(stamp)),), inside))
    others = {a for found in handed.values() for a in found} - {chosen}
    said += _others(tree, others, f"is another assignment; {chosen} is graded") if others else []
    return Download(piles, said)


def _chosen(tree: Tree, assignments: set[str], wanted: str) -> str:
    if wanted in assignments:
        return wanted
    if len(assignments) == 1:
        return assignments.pop()
    names = ", ".join(sorted(assignments)) or "none"
    raise BadInput(
        shown(f'{tree.label}: holds the assignments {names}; say which in the assignment\'s file, as name = "ps1"')
    )


def _inbound(tree: Tree, assignment: str) -> Download | None:
    """The exchange of nbgrader: STUDENT+ASSIGNMENT+TIME, one for each time that somebody handed in."""
    found = {name: match for name in tree.names if (match := _INBOUND.fullmatch(name)) and moment(match["time"])}
    if 2 * len(found) <= len(tree.names):
        return None
    chosen = _chosen(tree, {match["assignment"] for match in found.values()}, assignment)
    said = _others(tree, set(tree.names) - found.keys(), "is nobody's: nbgrader has STUDENT+ASSIGNMENT+TIME")
    piles = [
        pile for name, match in found.items() if match["assignment"] == chosen for pile in _of_inbound(name, match)
    ]
    return Download(_newest(piles, said, tree), said)


def _of_inbound(name: str, match: re.Match[str]) -> Iterator[Pile]:
    student = match["student"]
    yield Pile(student, (Person(student, student, submitted=moment(match["time"])),), name)


# GitHub Classroom ----------------------------------------------------------------------------------------------------


def _classroom(tree: Tree) -> Download | None:
    """A folder of clones SLUG-USER, as `gh classroom clone student-repos` names them in SLUG-submissions."""
    folders = [name for name in tree.names if tree.below(name)]
    slug = _slug(tree, folders)
    if not slug:
        return None
    theirs = [name for name in folders if name.startswith(slug) and len(name) > len(slug)]
    said = _others(tree, set(tree.names) - set(theirs), f"is nobody's: GitHub Classroom has {slug}USER")
    return Download([Pile(name, (Person(name.removeprefix(slug), ""),), name) for name in sorted(theirs)], said)


def _slug(tree: Tree, folders: Sequence[str]) -> str:
    """What stands before the names of users, with its -; "" where this is no such folder."""
    own = tree.label.rsplit("/", 1)[-1]
    if own.endswith(_CLASSROOM):
        slug = f"{own.removesuffix(_CLASSROOM)}-"
        if any(name.startswith(slug) for name in folders):
            return slug
    clones = [name for name in folders if tree.repository(name)]
    return _common_slug(clones) if len(clones) > 1 and 2 * len(clones) > len(folders) else ""


def _common_slug(names: Sequence[str]) -> str:
    """The longest beginning, up to a -, that most of the names share and that leaves each of them a rest."""
    beginnings: dict[str, int] = {}
    for name in names:
        for match in re.finditer("-", name[:-1]):
            beginning = name[: match.end()]
            beginnings[beginning] = beginnings.get(beginning, 0) + 1
    shared = [b for b, count in beginnings.items() if 10 * count >= 9 * len(names) or count == len(names)]
    return max(shared, key=len, default="")
