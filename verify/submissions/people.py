"""Who handed something in, as the course system says it in the names of its downloads."""

from __future__ import annotations

import re
from dataclasses import dataclass

# Canvas: <name>[_LATE]_<user>_<submission>_<file>; Moodle: <name>_<number>_assignsubmission_<file|onlinetext>_[<file>].
# The first number is the system's own. What follows it a student has written, and it may look like anything.
_DOWNLOADED = re.compile(
    r"(?P<name>(?:(?!_[0-9]+_).)+?)(?P<late>_LATE)?_(?P<id>[0-9]+)_"
    r"(?:assignsubmission_(?P<kind>file|onlinetext)(?:_(?P<moodle>.*))?|[0-9]+_(?P<canvas>.+))",
    re.DOTALL,
)
_VERSION = re.compile(r"(?P<stem>.+?)-(?P<version>[0-9]{1,4})(?P<suffix>\.[^.]+|\.tar\.[^.]+)")
_SUFFIX = re.compile(r"(?i)\.(py|ipynb|md|qmd|rmd|zip|tar|tgz|tar\.\w+)$")


@dataclass(frozen=True)
class Person:
    """A student, or a group of them. id: the course system's number, or "".

    late: handed in late, as the system says. submitted: when, as ISO 8601 with an offset, or "".
    """

    name: str
    id: str
    late: bool = False
    email: str = ""
    submitted: str = ""


NOBODY = Person("", "")


@dataclass(frozen=True)
class Piece:
    """One file or folder of a download: whose it is, its own name, and its version."""

    person: Person
    file: str
    version: int = 0
    is_text: bool = False


def piece(name: str) -> Piece | None:
    """What the name of a file or folder in a download says; None where no course system wrote it."""
    found = _DOWNLOADED.fullmatch(name)
    if found is None:
        return None
    who = Person(found["name"], found["id"], found["late"] is not None)
    if found["canvas"] is None:
        return Piece(who, found["moodle"] or "", is_text=found["kind"] == "onlinetext")
    versioned = _VERSION.fullmatch(found["canvas"])
    if versioned is None:
        return Piece(who, found["canvas"])
    return Piece(who, versioned["stem"] + versioned["suffix"], int(versioned["version"]))


def person(name: str) -> Person:
    """The student in a name of a download; else the name itself, without what a file's name ends with."""
    found = piece(name)
    return found.person if found is not None else Person(_SUFFIX.sub("", name), "")
