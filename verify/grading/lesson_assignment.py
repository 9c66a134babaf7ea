"""The assignment of a lesson other than the network: the keys that every lesson has, its sizes, and its own keys."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from verify.errors import BadInput
from verify.grading import beside, checks
from verify.grading.assignment import COURSE, KEYS, MAX_POINTS, Assignment
from verify.grading.common import Common
from verify.grading.lesson import COMMON, Lesson

# An assignment of several lessons: its own name for what it asks, and the key of its tables.
PARTS, PART = "parts", "part"


class LessonSource(msgspec.Struct, frozen=True):
    """A lesson's file: the name that the user gave it, and its text, so that any process can read it again."""

    path: str
    text: str


class LessonPoints(msgspec.Struct, frozen=True):
    """Points by function; `lines` weighs lines, `mistakes` has the prices of named mistakes."""

    functions: dict[str, float]
    lines: dict[str, float] = {}
    mistakes: dict[str, float] = {}

    @property
    def total(self) -> float:
        """What a submission without a fault gets."""
        return round(sum(self.functions.values()), 6)


class LessonAssignment(Common, frozen=True):
    """What is asked for in a lesson and how it is marked. sizes: letter -> from, to; keys: the lesson's own."""

    lesson: str
    points: LessonPoints
    sizes: dict[str, tuple[int, int]]
    keys: dict[str, Any]
    source: LessonSource | None = None

    @property
    def entry(self) -> str:
        """The function by which the program is known where several lie side by side."""
        return next(iter(self.points.functions))

    @property
    def asked(self) -> tuple[str, ...]:
        """The functions that are called: those that have points, and those that the assignment names."""
        return tuple(f for f, points in self.points.functions.items() if points > 0 or f in self.functions)

    def digest(self) -> str:
        """Hex SHA-256 of every value, the lesson's text among them; not of where its file lies."""
        values = msgspec.to_builtins(self)
        for key in COURSE:
            del values[key]
        values["source"] = self.source.text if self.source is not None else ""
        return hashlib.sha256(msgspec.json.encode(values, order="sorted")).hexdigest()


OneLesson = Assignment | LessonAssignment


class Part(msgspec.Struct, frozen=True):
    """One part of an assignment of several: its name, its weight, and what it asks for, of one lesson."""

    name: str
    weight: float
    asked: Any  # OneLesson; `verify.lessons.registry.decoded` reads one back

    @property
    def wanted(self) -> str:
        """Which file is its program: the one that it names, else one that is called as the part, if there is one."""
        return self.asked.program or self.name


class PartsPoints(msgspec.Struct, frozen=True):
    """The points of all parts together."""

    total: float


class PartsAssignment(Common, frozen=True):
    """Several lessons in one assignment, which share its points by their weights."""

    lesson: str = PARTS
    parts: tuple[Part, ...] = ()
    points: PartsPoints = PartsPoints(10.0)

    def worth(self, part: Part) -> float:
        """What one point of a part's own lesson is worth in the whole."""
        return self.points.total * part.weight / sum(p.weight for p in self.parts) / part.asked.points.total

    def digest(self) -> str:
        """Hex SHA-256 of what every part asks for, and of the points."""
        parts = [[part.name, part.weight, part.asked.digest()] for part in self.parts]
        return hashlib.sha256(msgspec.json.encode([self.points.total, self.seed, parts])).hexdigest()


AnyAssignment = OneLesson | PartsAssignment

_PART_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")
MOST_PARTS = 20
OF_ALL: dict[str, checks.Check | checks.Table] = {
    **COURSE,
    "seed": KEYS["seed"],
    "points": checks.number(0, MAX_POINTS, open_below=True),
}


def parts_assignment(
    table: Mapping[str, Any], where: str, read: Callable[[Mapping[str, Any], str], OneLesson]
) -> PartsAssignment:
    """The assignment of several parts that a table says. read: a part's own table, and where it stands -> what it asks.

    Raises BadInput, one line with the file, the key, the value and what is allowed.
    """
    tables = table[PART]
    whole = isinstance(tables, list) and all(isinstance(each, Mapping) for each in tables)
    if not whole or not 1 <= len(tables) <= MOST_PARTS:
        raise BadInput(f"{where}: part is to be 1 to {MOST_PARTS} tables [[part]], each of one lesson")
    known = {PART: lambda value: value, **OF_ALL}
    common = checks.checked({k: v for k, v in table.items() if k != PART}, known, "", where)
    points = PartsPoints(common.pop("points", 10.0))
    parts = tuple(_part(each, at, where, read) for at, each in enumerate(tables, 1))
    for name in (part.name for part in parts):
        if sum(part.name.casefold() == name.casefold() for part in parts) > 1:
            raise BadInput(f'{where}: two parts are called {name}; allowed is a name = "…" for each, once')
    offered = tuple(dict.fromkeys(package for part in parts for package in part.asked.packages))
    return PartsAssignment(parts=parts, points=points, packages=offered, **common)


def _part(table: Mapping[str, Any], at: int, where: str, read: Callable[[Mapping[str, Any], str], OneLesson]) -> Part:
    rest = dict(table)
    about = {key: rest.pop(key) for key in ABOUT_PART if key in rest}
    for key in rest:
        if key in OF_ALL and key != "points":
            raise BadInput(f"{where}: part {at}: {key} stands once for all parts, above the first [[part]]")
    given = checks.checked(about, ABOUT_PART, f"part {at}: ", where)
    asked = read(rest, f"{where}: part {given.get('name', at)}")
    return Part(given.get("name", asked.lesson), given.get("weight", 1.0), asked)


def _part_name(value: Any) -> str:
    if not isinstance(value, str) or not _PART_NAME.fullmatch(value):
        raise checks.Refused("a name of letters, digits, - and _, as files may have it: svm")
    return value


vars(_part_name)["schema"] = {"type": "string", "pattern": f"^{_PART_NAME.pattern}$"}
# What a part says of itself, beside the keys of its lesson.
ABOUT_PART: dict[str, checks.Check] = {
    "weight": checks.number(0, MAX_POINTS, open_below=True),
    "name": _part_name,
}


def lesson_assignment(
    lesson: Lesson,
    table: Mapping[str, Any],
    where: str,
    source: LessonSource | None = None,
    folder: Path | None = None,
) -> LessonAssignment:
    """The assignment that a table of TOML values says. `where` names its file in errors, `folder` has it.

    Raises BadInput, one line with the file, the key, the value and what is allowed.
    """
    values = checks.checked(table, keys_of(lesson), "", where)
    own = {name: values.pop(name, _plain(key.default)) for name, key in lesson.keys.items()}
    sizes = {letter: values.pop(letter, tuple(lesson.size(letter))) for letter in lesson.letters}
    values["points"] = values.get("points", _points(lesson)())
    made = LessonAssignment(**{**values, "lesson": lesson.name}, sizes=sizes, keys=own, source=source)
    if not made.points.total > 0:
        known = ", ".join(made.points.functions)
        raise BadInput(f"{where}: points: no function has any; at least one of {known} takes more than 0")
    return beside.filled(made, folder, where, [c.call for c in lesson.contracts if made.points.functions[c.name]], ())


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def keys_of(lesson: Lesson) -> dict[str, checks.Check | checks.Table]:
    """The keys of a lesson's assignment, each with what it takes."""
    of_points = checks.number(0, MAX_POINTS)
    lines, functions = tuple(lesson.lines), tuple(c.name for c in lesson.contracts)
    points = {
        **dict.fromkeys(functions, of_points),
        "lines": checks.Table(dict.fromkeys(lines, of_points), dict),
        "mistakes": checks.Table(dict.fromkeys((*lesson.ids(), *ALWAYS), of_points), dict),
    }
    common = {
        **{key: KEYS[key] for key in COMMON},
        "lesson": checks.one_of((lesson.name,)),
        "functions": checks.some_of(functions, least=0),
        "points": checks.Table(points, _points(lesson)),
    }
    return {
        "lesson": common["lesson"],
        **{letter: checks.span(most_of(lesson, letter)) for letter in lesson.letters},
        **{name: key.check for name, key in lesson.keys.items()},
        **common,
    }


# Mistakes of any lesson, which are no replaced equations.
ALWAYS = ("inputs-mutated", "gradients-accumulated", "precision-float32")


def most_of(lesson: Lesson, letter: str) -> int:
    """The largest size that an assignment may ask for: problems are judged entry by entry, and worked by hand."""
    return max(64, lesson.size(letter)[1])


def _points(lesson: Lesson) -> Any:
    """[points]: of the functions what is said, else the lesson's own."""

    def build(lines: Any = None, mistakes: Any = None, **functions: float) -> LessonPoints:
        return LessonPoints({**lesson.default_points, **functions}, lines or {}, mistakes or {})

    return build
