"""Lessons by name: the network, those that come with backproof, those of installed packages, and those of a file.

A package offers a lesson by an entry point of the group `backproof.lessons`: its name is the lesson's, its object a
`Lesson`. What grades asks here for an assignment and for its examination, whatever the lesson.
"""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Callable, Mapping
from importlib import import_module, metadata
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from verify.errors import BadInput
from verify.grading.assignment import Assignment, assignment_from
from verify.grading.checks import shown
from verify.grading.lesson_assignment import PART, PartsAssignment, parts_assignment
from verify.grading.toml_file import MAX_FILE_BYTES, parse, read_text

if TYPE_CHECKING:
    from verify.grading.lesson import Lesson
    from verify.grading.lesson_assignment import AnyAssignment, LessonAssignment, LessonSource, OneLesson
    from verify.grading.record import GradeRecord
    from verify.isolation import Sandbox
    from verify.said import Said

NETWORK = "network"
GROUP = "backproof.lessons"
LESSON_FILE = re.compile(r"[A-Za-z_][\w-]{0,99}\.py")
# The lessons that come with backproof: name -> module, whose LESSON it is, or in whose LESSONS it stands.
BUILT_IN: dict[str, str] = {
    **{name: f"verify.lessons.{name}" for name in ("regression", "logistic", "perceptron", "svm")},
    "descent": "verify.lessons.descent",
    "momentum": "verify.lessons.momentum",
    "adam": "verify.lessons.adam",
    "clipping": "verify.lessons.clipping",
    **{f"graph-{name}": "verify.lessons.graphs" for name in (
        "chain", "square", "logistic", "product", "squares", "square-of-sum", "sum-times", "neuron", "several-paths",
        "arrays",
    )},
}  # fmt: skip


class Examination(Protocol):
    """An assignment made ready, whatever the lesson."""

    def grade(self, submission: Any, sandbox: Sandbox, *, device: str = "cpu") -> GradeRecord:
        """Run one submission in its sandbox and grade what comes back. Raises IsolationError where that fails.

        submission: what was read of it; of an assignment of several parts, for each of them.
        """
        ...

    def ungradable(self, name: str, reason: Said) -> GradeRecord:
        """The record of what cannot be read as Python."""
        ...


# Assignments ---------------------------------------------------------------------------------------------------------


def read_any(path: Path | None, lesson: Path | None = None) -> AnyAssignment:
    """The assignment in a TOML file, of the lesson that it names or that a file of its own holds; None: the default.

    Raises BadInput, one line with the file, the key, the value and what is allowed; also where the lesson's own
    equations do not agree with its witnesses.
    """
    where = _printable(path) if path is not None else f"the default assignment of {_printable(lesson)}"
    table = parse(read_text(path, where), where) if path is not None else {}
    return any_from(table, where, lesson, path.parent if path is not None else None)


def any_from(
    table: Mapping[str, Any], where: str, lesson: Path | None = None, folder: Path | None = None
) -> AnyAssignment:
    """The assignment that a table of TOML values says. where: its name in errors; folder: where its file lies."""
    if PART in table:
        if lesson is not None:
            raise BadInput(f'{where}: has parts; of one of them a lesson of your own is lesson = "FILE.py"')
        return parts_assignment(table, where, lambda part, place: _one(part, place, None, folder))
    return _one(table, where, lesson, folder)


def _one(table: Mapping[str, Any], where: str, lesson: Path | None, folder: Path | None) -> OneLesson:
    """The assignment of one lesson."""
    named = table.get("lesson", NETWORK)
    if lesson is None and named == NETWORK:
        return assignment_from(table, where, folder)
    return _of_lesson(table, where, lesson, folder)


def _of_lesson(table: Mapping[str, Any], where: str, file: Path | None, folder: Path | None) -> LessonAssignment:
    from verify.grading.lesson_assignment import lesson_assignment
    from verify.grading.machinery.certificate import certify

    named = table.get("lesson")
    beside = named if file is None and isinstance(named, str) and LESSON_FILE.fullmatch(named) else ""
    source = source_of(_beside(beside, where, folder), where) if beside else source_of(file) if file else None
    if source is None:
        found = lesson_named(named, where)
    else:
        found = _from_text(source.path, source.text)
        if named is not None and named != found.name and not beside:
            raise BadInput(
                f"{where}: lesson = {shown(named)} is not the lesson of {source.path}, which is {found.name}"
            )
    certify(found)
    return lesson_assignment(found, {**table, "lesson": found.name}, where, source, folder)


def _beside(name: str, where: str, folder: Path | None) -> Path:
    """The lesson's file beside the assignment's."""
    if folder is None:
        raise BadInput(f"{where}: lesson = {shown(name)} lies beside an assignment's file, and this is none")
    return folder / name


def _printable(path: Path | None) -> str:
    return str(path) if str(path).isprintable() else ascii(str(path))[1:-1]


def source_of(file: Path, where: str = "") -> LessonSource:
    """A lesson's file; where: the assignment that names it. Raises BadInput where it cannot be read."""
    from verify.grading.lesson_assignment import LessonSource

    name = f"{where}: lesson = {shown(file.name)}" if where else f"--lesson {_printable(file)}"
    try:
        if not file.is_file():
            kind = "a folder" if file.is_dir() else "no file"
            raise BadInput(f"{name}: is {kind}; allowed is a Python file that has LESSON = Lesson(…)")
        if file.stat().st_size > MAX_FILE_BYTES:
            raise BadInput(f"{name}: is larger than {MAX_FILE_BYTES} bytes; a lesson is a short Python file")
        return LessonSource(str(file.resolve()), file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise BadInput(f"{name}: cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise BadInput(f"{name}: is no text in UTF-8 ({error}); allowed is a Python file") from None


# Lessons -------------------------------------------------------------------------------------------------------------


def lesson_of(assignment: LessonAssignment) -> Lesson:
    """The lesson of an assignment, read again from the text of its file or found by its name. Raises BadInput."""
    if assignment.source is not None:
        return _from_text(assignment.source.path, assignment.source.text)
    return lesson_named(assignment.lesson, "the assignment")


@functools.lru_cache(maxsize=16)
def _from_text(path: str, text: str) -> Lesson:
    """The lesson that a file's text defines as LESSON. Raises BadInput."""
    module = ModuleType(f"backproof_lesson_{Path(path).stem}")
    module.__file__ = path
    folder = str(Path(path).parent)
    sys.path.insert(0, folder)
    try:
        exec(compile(text, path, "exec"), module.__dict__)  # an instructor's own file, on the instructor's own machine
    except BadInput as error:
        raise BadInput(f"--lesson {path}: {error}") from None
    except (Exception, SystemExit) as error:
        raise BadInput(f"--lesson {path}: cannot be read as a lesson ({_line(error, path)})") from None
    finally:
        sys.path.remove(folder)
    return _checked(getattr(module, "LESSON", None), f"--lesson {path}")


def _line(error: BaseException, path: str) -> str:
    """What was raised, and in which line of the file."""
    lines = [error.lineno] if isinstance(error, SyntaxError) else []
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == path:
            lines.append(trace.tb_lineno)
        trace = trace.tb_next
    at = f"line {lines[-1]}: " if lines and lines[-1] else ""
    return f"{at}{type(error).__name__}: {error}"


def _checked(found: Any, where: str) -> Lesson:
    from verify.grading.lesson import Lesson

    if not isinstance(found, Lesson):
        what = "has no LESSON" if found is None else f"has a LESSON that is {type(found).__name__}"
        raise BadInput(f"{where}: {what}; a lesson's file has LESSON = Lesson(…), as docs/LESSONS.md shows")
    return found


def lesson_named(name: Any, where: str) -> Lesson:
    """A lesson by its name. Raises BadInput with the names that are known."""
    if isinstance(name, str) and name in BUILT_IN:
        module = import_module(BUILT_IN[name])
        return _checked(module.LESSONS[name] if hasattr(module, "LESSONS") else module.LESSON, BUILT_IN[name])
    offered = {point.name: point for point in metadata.entry_points(group=GROUP)}
    if name not in offered:
        known = ", ".join((NETWORK, *BUILT_IN, *sorted(offered)))
        raise BadInput(
            f"{where}: lesson = {shown(name)} is not allowed; lesson takes one of {known}, or the name of a lesson "
            "that --lesson FILE gives"
        )
    point = offered[name]
    try:
        found = point.load()
    except Exception as error:
        raise BadInput(f"lesson {name}: {point.value} cannot be loaded ({type(error).__name__}: {error})") from None
    return _checked(found, f"lesson {name}: {point.value}")


# Examinations --------------------------------------------------------------------------------------------------------


def encoded(assignment: AnyAssignment) -> bytes:
    """An assignment as bytes, by which two can be told apart."""
    return msgspec.json.encode(assignment)


def decoded(data: bytes) -> AnyAssignment:
    """The assignment that was encoded."""
    return _converted(msgspec.json.decode(data))


def _converted(found: dict[str, Any]) -> AnyAssignment:
    """The assignment of values that JSON has."""
    from verify.grading.lesson_assignment import PARTS, LessonAssignment, PartsAssignment

    if found["lesson"] != PARTS:
        return msgspec.convert(found, Assignment if found["lesson"] == NETWORK else LessonAssignment)
    made = msgspec.convert(found, PartsAssignment)
    parts = (msgspec.structs.replace(part, asked=_converted(part.asked)) for part in made.parts)
    return msgspec.structs.replace(made, parts=tuple(parts))


def examination(assignment: AnyAssignment, seed: int | None = None) -> Examination:
    """The problems of an assignment, drawn from its seed or from another."""
    if isinstance(assignment, Assignment):
        from verify.lessons.network.grade import examination as of_network

        return of_network(assignment, seed)
    if isinstance(assignment, PartsAssignment):
        from verify.lessons.parts import PartsExamination

        return PartsExamination(assignment, tuple(examination(part.asked, seed) for part in assignment.parts), seed)
    from verify.grading.machinery.examining import examination as of_lesson

    return of_lesson(lesson_of(assignment), assignment, seed)


def prepared(
    assignment: AnyAssignment, seed: int, sandbox: Sandbox, begin: Callable[[], None] = lambda: None
) -> Examination:
    """The same for submissions that run in that sandbox: by its answer key, which may be kept from an earlier time.

    begin: called before anything is worked out, which may be never.
    """
    if isinstance(assignment, Assignment):
        from verify.lessons.network.key_place import has_key

        if has_key(assignment):
            from verify.lessons.network.keeping import keyed

            return keyed(assignment, seed, sandbox, begin)
    begin()
    return examination(assignment, seed)


def keeps(assignment: AnyAssignment, seed: int, sandbox: Sandbox) -> bool:
    """Whether the answer key of an examination is kept once it is made, where submissions run in that sandbox."""
    if not isinstance(assignment, Assignment):
        return False
    from verify.lessons.network.key_place import has_key, place

    return has_key(assignment) and place(assignment, seed, sandbox) is not None


def is_kept(assignment: AnyAssignment, seed: int) -> bool:
    """Whether the answer key of an examination is kept from an earlier time."""
    if not isinstance(assignment, Assignment):
        return False
    from verify.lessons.network import key_place

    return key_place.is_kept(assignment, seed)


def checks_of(assignment: AnyAssignment) -> list[tuple[str, str]]:
    """Function and line of everything that a submission is asked for: what pytest has an item for."""
    if isinstance(assignment, Assignment):
        from verify.lessons.network.items import items

        return items(assignment)
    if isinstance(assignment, PartsAssignment):
        from verify.grading.parts import function_of

        return [(function_of(p.name, f), line) for p in assignment.parts for f, line in checks_of(p.asked)]
    lesson = lesson_of(assignment)
    return [
        (c.name, n)
        for c in lesson.contracts
        if c.name in assignment.asked
        for n in lesson.lines
        if n in c.returns or n not in c.arguments
    ]
