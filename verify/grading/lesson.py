"""A lesson: what a submission is asked for, the equations by hand, what checks them, the mistakes that people make.

It is a value. The machinery (`verify.grading.machinery`) makes problems, certificate, verdicts, names of mistakes, the
smallest case, points and reports of it; docs/LESSONS.md shows how one is written.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

from verify.errors import BadInput
from verify.grading import checks

NUMBER = "number"  # an input that is a plain number, as λ
_LESSON = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CONTRACT = re.compile(r"\s*([A-Za-z_]\w*)\s*\(([^()]*)\)\s*->\s*(.+?)\s*")
_TAKEN = ("network", "parts")
# Keys that every lesson's assignment has.
COMMON = (
    "lesson", "backend", "precision", "seed", "functions", "time_limit", "cpu_limit", "memory_mib", "program",
    "packages", "adapter", "files", "points", "name", "due", "late", "show",
)  # fmt: skip
DEFAULT_SIZES = (1, 6)
MOST_SIZE = 64
POINTS = 10.0


@dataclass(frozen=True)
class Line:
    """One line of the working: its equation as a report shows it, and as a function of what it is computed from.

    value: takes inputs, earlier lines and sizes, by the names of its arguments, as float64 tensors (labels as whole
    numbers, a `number` as a float), and gives the line's value. It is called on numbers that carry error bounds as
    well, so it uses torch's functions and operators alone. place: where the lecture states the equation.
    """

    equation: str
    value: Callable[..., Any] = field(repr=False)
    place: str = ""


@dataclass(frozen=True)
class Mistake:
    """A mistake that people make: an id, what a student reads, and the lines whose equation it replaces.

    Two with one id are two forms of one mistake.
    """

    id: str
    says: str
    replaced: Mapping[str, Line]


@dataclass(frozen=True)
class Key:
    """A key of the assignment that the lesson knows: its default, and what it may be.

    allowed: None for true and false; texts for one of these; two numbers for what lies between them.
    """

    default: Any
    allowed: Sequence[Any] | None = None

    @property
    def check(self) -> checks.Check:
        """The check of a value in the file."""
        if self.allowed is None:
            return checks.truth
        if all(isinstance(v, str) for v in self.allowed):
            return checks.one_of(tuple(self.allowed))
        least, most = self.allowed
        whole = all(map(checks.is_whole, (least, most, self.default)))
        return checks.whole(least, most) if whole else checks.number(least, most)


@dataclass(frozen=True)
class Contract:
    """A function of the submission: its name, its arguments, the lines that it returns."""

    name: str
    arguments: tuple[str, ...]
    returns: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> Contract:
        """'gradients(w, b, X, t) -> dw, db'. Raises ValueError."""
        match = _CONTRACT.fullmatch(text)
        if match is None:
            raise ValueError("is no contract; one is written as 'gradients(w, b, X, t, lam) -> dw, db'")
        split = lambda part: tuple(name for name in re.split(r"\s*,\s*", part.strip()) if name)
        return cls(match[1], split(match[2]), split(match[3]))

    @property
    def call(self) -> str:
        """'gradients(w, b, X, t)'."""
        return f"{self.name}({', '.join(self.arguments)})"

    def __str__(self) -> str:
        return f"{self.call} -> {', '.join(self.returns)}"


@dataclass(frozen=True, eq=False, kw_only=True)
class Lesson:
    """A lesson. Raises BadInput, one line with what is wrong and what is allowed, where its parts do not fit.

    name: as the assignment names it. title: in words. place: the lecture's, where all lines have one.
    functions: what a submission must define, each as 'gradients(w, b, X, t, lam) -> dw, db'; a dict of further lines by
    name may be returned behind them. optional: functions that are asked only where the assignment gives them points.
    inputs: name -> its shape, letters and numbers apart by spaces: "N D", "" for a single number with a gradient,
    "number" for a constant. sizes: letter -> from, to; the assignment may narrow them. draw: input -> how it is drawn
    (`verify.grading.machinery.posing.Draw`); without one it is normal, in small problems a small whole number.
    lines: the equations by hand, in the order of the working. objective: the line that `gradients` derives: line ->
    the input by which it does. reference(inputs by name) -> the objective by torch alone, or a dict of lines by name.
    mistakes: the catalogue, the likelier first. keys: of the assignment. ladder: sizes of the small problems, the
    smallest first. notes: what the smallest case says beside its numbers. points: function -> points.
    """

    name: str
    title: str
    functions: Sequence[str]
    inputs: Mapping[str, str]
    lines: Mapping[str, Line]
    reference: Callable[..., Any]
    gradients: Mapping[str, str] = field(default_factory=dict)
    objective: str = "E"
    mistakes: Sequence[Mistake] = ()
    sizes: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    draw: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)
    keys: Mapping[str, Key] = field(default_factory=dict)
    optional: Sequence[str] = ()
    ladder: Sequence[Mapping[str, int]] = ()
    notes: Sequence[str] = ()
    points: Mapping[str, float] = field(default_factory=dict)
    place: str = ""

    def __post_init__(self) -> None:
        for problem in _problems(self):
            raise BadInput(f"lesson {self.name!r}: {problem}")

    # Parts -----------------------------------------------------------------------------------------------------------

    @cached_property
    def contracts(self) -> tuple[Contract, ...]:
        """All functions, the required ones first."""
        return tuple(Contract.of(text) for text in (*self.functions, *self.optional))

    def contract(self, function: str) -> Contract:
        """The function of that name."""
        return next(c for c in self.contracts if c.name == function)

    @property
    def letters(self) -> tuple[str, ...]:
        """The letters of all shapes."""
        return tuple(dict.fromkeys(part for shape in self.inputs.values() for part in letters_of(shape)))

    def size(self, letter: str) -> tuple[int, int]:
        """From and to of a letter."""
        return self.sizes.get(letter, DEFAULT_SIZES)

    @property
    def default_points(self) -> dict[str, float]:
        """Function -> points, where the assignment says nothing."""
        required = self.contracts[: len(self.functions)]
        equal = {c.name: POINTS / len(required) for c in required}
        return {c.name: float(self.points.get(c.name, equal.get(c.name, 0.0))) for c in self.contracts}

    def ids(self) -> tuple[str, ...]:
        """The mistakes' ids, each once."""
        return tuple(dict.fromkeys(m.id for m in self.mistakes))

    def forms(self, id: str) -> list[Mistake]:
        """The forms of a mistake."""
        return [m for m in self.mistakes if m.id == id]

    def place_of(self, line: str) -> str:
        """Where a line is stated."""
        return self.lines[line].place or self.place

    def sources(self, line: str, fixed: Iterable[str] = ()) -> tuple[str, ...]:
        """The lines that a line is computed from, itself and those before them included, in order; not the fixed."""
        found, open_ = set(), [line]
        while open_:
            name = open_.pop()
            if name in self.lines and name not in found and name not in fixed:
                found.add(name)
                open_ += parameters(self.lines[name].value)
        return tuple(name for name in self.lines if name in found)


@lru_cache(maxsize=4096)
def parameters(function: Callable[..., Any]) -> tuple[str, ...]:
    """The names of a function's arguments."""
    return tuple(inspect.signature(function).parameters)


def taking(names: tuple[str, ...], function: Callable[[Mapping[str, Any]], Any]) -> Callable[..., Any]:
    """A function of arguments with those names, which gets them by name."""

    def made(*values: Any, **named: Any) -> Any:
        return function({**dict(zip(names, values, strict=False)), **named})

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    made.__signature__ = inspect.Signature([inspect.Parameter(n, kind) for n in names])
    return made


def letters_of(shape: str) -> list[str]:
    """The letters of a shape: 'N D 3' -> N, D."""
    return [] if shape == NUMBER else [part for part in shape.split() if not part.isdigit()]


# What the parts must be together -------------------------------------------------------------------------------------


def _problems(lesson: Lesson) -> Iterable[str]:
    """What is wrong with a lesson, in words."""
    for part in (_of_names, _of_functions, _of_lines, _of_mistakes, _of_gradients, _of_draw, _of_keys):
        yield from part(lesson)


def _of_names(lesson: Lesson) -> Iterable[str]:
    if not isinstance(lesson.name, str) or not _LESSON.fullmatch(lesson.name) or lesson.name in _TAKEN:
        yield "its name is not allowed; a name has small letters, digits and hyphens, and is not 'network' or 'parts'"
    for what, named in (("input", lesson.inputs), ("line", lesson.lines), ("size", lesson.letters)):
        for name in named:
            if not isinstance(name, str) or not _NAME.fullmatch(name):
                yield f"{what} {name!r} is no name; a name has letters, digits and _, as in Python"
    every = [*lesson.inputs, *lesson.lines, *lesson.letters]
    for name in sorted({n for n in every if every.count(n) > 1}):
        yield f"{name} is the name of two of its inputs, lines and sizes; allowed is each name once"
    for letter in lesson.sizes:
        if letter not in lesson.letters:
            yield f"sizes has {letter}, which is in no input's shape; known are {_listed(lesson.letters)}"
    for letter in lesson.letters:
        size = lesson.size(letter)
        pair = isinstance(size, tuple | list) and len(size) == 2 and all(map(checks.is_whole, size))
        if not pair or not 1 <= size[0] <= size[1] <= MOST_SIZE:
            yield f"sizes[{letter!r}] is {size!r}; allowed are two whole numbers (from, to) from 1 to {MOST_SIZE}"


def _of_functions(lesson: Lesson) -> Iterable[str]:
    if not lesson.functions or isinstance(lesson.functions, str):
        yield "functions is empty; it is a tuple of contracts, as ('gradients(w, b, X, t, lam) -> dw, db',)"
        return
    contracts = []
    for text in (*lesson.functions, *lesson.optional):
        try:
            contracts.append(Contract.of(text))
        except ValueError as error:
            yield f"function {text!r} {error}"
    for contract in contracts:
        yield from _of_contract(lesson, contract)
    names = [contract.name for contract in contracts]
    for name in sorted({n for n in names if names.count(n) > 1}):
        yield f"function {name} stands there twice; allowed is each name once"
    for name in lesson.points:
        if name not in names:
            yield f"points has {name}, which is no function; known are {_listed(names)}"


def _of_contract(lesson: Lesson, contract: Contract) -> Iterable[str]:
    known = [*lesson.inputs, *lesson.lines]
    for name in contract.arguments:
        if name not in known:
            yield f"function {contract.name} takes {name}, which is no input and no line; known: {_listed(known)}"
    for name in contract.returns:
        if name not in lesson.lines:
            yield f"function {contract.name} returns {name}, which is no line; known are {_listed(lesson.lines)}"


def _of_lines(lesson: Lesson) -> Iterable[str]:
    before = [*lesson.inputs, *lesson.letters]
    for name, line in lesson.lines.items():
        yield from _of_line(f"line {name}", line, before)
        before.append(name)


def _of_line(what: str, line: Any, known: Sequence[str]) -> Iterable[str]:
    if not isinstance(line, Line) or not callable(line.value):
        yield f"{what} is {line!r}; allowed is Line(equation, function)"
        return
    try:
        taken = parameters(line.value)
    except (TypeError, ValueError):
        yield f"{what}: its function's arguments cannot be read; write it as a lambda or with def"
        return
    for name in taken:
        if name not in known:
            yield f"{what} takes {name}, which is no input, no earlier line and no size; known are {_listed(known)}"


def _of_mistakes(lesson: Lesson) -> Iterable[str]:
    for mistake in lesson.mistakes:
        if not isinstance(mistake, Mistake) or not _LESSON.fullmatch(str(mistake.id)):
            yield f"mistake {mistake!r}; allowed is Mistake(id, says, {{line: Line(…)}}), the id as mean-missing"
            continue
        if not mistake.replaced:
            yield f"mistake {mistake.id} replaces no line"
        for name, line in mistake.replaced.items():
            if name not in lesson.lines:
                yield f"mistake {mistake.id} replaces {name}, which is no line; known are {_listed(lesson.lines)}"
            else:
                before = list(lesson.lines)[: list(lesson.lines).index(name)]
                known = [*lesson.inputs, *lesson.letters, *before]
                yield from _of_line(f"mistake {mistake.id}: line {name}", line, known)


def _of_gradients(lesson: Lesson) -> Iterable[str]:
    for name, by in lesson.gradients.items():
        if name not in lesson.lines:
            yield f"gradients has {name}, which is no line; known are {_listed(lesson.lines)}"
        if by not in lesson.inputs or lesson.inputs[by] == NUMBER:
            arrays = [n for n, shape in lesson.inputs.items() if shape != NUMBER]
            yield f"gradients[{name!r}] is by {by}, which is no input with a shape; known are {_listed(arrays)}"
    try:
        taken = parameters(lesson.reference)
    except (TypeError, ValueError):
        yield "reference is no function of the inputs"
        return
    for name in taken:
        if name not in lesson.inputs and name not in lesson.letters:
            yield f"reference takes {name}, which is no input and no size; known are {_listed(lesson.inputs)}"


def _of_draw(lesson: Lesson) -> Iterable[str]:
    for name in lesson.draw:
        if name not in lesson.inputs:
            yield f"draw has {name}, which is no input; known are {_listed(lesson.inputs)}"
    for name, shape in lesson.inputs.items():
        if shape == NUMBER and name not in lesson.draw:
            yield f"input {name} is a number and has no draw; as draw={{{name!r}: lambda d: d.number(0.0, 0.5)}}"
        if any(not _NAME.fullmatch(part) and not part.isdigit() for part in shape.split()):
            yield f"input {name} has the shape {shape!r}; a shape is letters and numbers apart by spaces, as 'N D'"
    for sizes in lesson.ladder:
        for letter in sizes:
            if letter not in lesson.letters:
                yield f"ladder has {letter}, which is in no input's shape; known are {_listed(lesson.letters)}"


def _of_keys(lesson: Lesson) -> Iterable[str]:
    for name, key in lesson.keys.items():
        try:
            if name in lesson.letters or name in COMMON or not isinstance(key, Key):
                raise checks.Refused("Key(default, allowed) of a name that is no size and no key of every lesson")
            key.check(list(key.default) if isinstance(key.default, tuple) else key.default)
        except (checks.Refused, TypeError, ValueError) as refused:
            yield f"key {name} is {key!r}; allowed is {refused}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"
