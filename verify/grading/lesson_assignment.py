"""The assignment of a lesson other than the network: the keys that every lesson has, its sizes, and its own keys."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from verify.errors import BadInput
from verify.grading import beside, checks
from verify.grading.assignment import COURSE, KEYS, MAX_POINTS, Assignment
from verify.grading.common import Common
from verify.grading.lesson import COMMON, Lesson


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


AnyAssignment = Assignment | LessonAssignment


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
    values = checks.checked(table, _keys(lesson), "", where)
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


def _keys(lesson: Lesson) -> dict[str, checks.Check | checks.Table]:
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
