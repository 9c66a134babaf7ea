"""The lines of the smallest case as a page shows them: in numbers, each number with the equation that it comes from."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from markupsafe import Markup, escape

from verify.grading.explain_record import AnyExplainRecord, LessonExplainRecord
from verify.grading.record import Counterexample, LessonCase, WorkingLine
from verify.plain import visible
from verify.reports import graded_words as words
from verify.reports import numbers
from verify.reports.entries import Write, entries
from verify.reports.texts import say

_SLOPE = re.compile(r"([fσ]′)\(([a-z]+\(\d+\))\)")
_MOST_WITH_EQUATIONS = 40  # entries of a matrix of which each has its equation at hand
Case = Counterexample | LessonCase | AnyExplainRecord
_OfLesson = LessonCase | LessonExplainRecord


class Step(NamedTuple):
    """A line as it is shown. mark: first, differs, agrees or "". terms: with the numbers put in, empty without."""

    name: str
    equation: str
    mark: str
    terms: Markup
    expected: Markup
    yours: Markup
    remark: str
    place: str
    sign: str = "="


class _Known(NamedTuple):
    """What a number may be: a line or what is given, its value, and the equation of each entry."""

    symbol: str
    value: Any
    equation: Write | None


def givens(case: Case) -> list[tuple[str, Markup]]:
    """The names and values that the case starts from."""
    return [(name, matrix(value)) for name, value in words.givens(case)]


def before(case: Counterexample | LessonCase) -> list[tuple[str, Markup]]:
    """The same of the call that came first, where the mistake takes two."""
    return [(name, Markup(escape(value)) if isinstance(value, str) else matrix(value))
            for name, value in words.before(case)]  # fmt: skip


def steps(case: Case, sizes: Mapping[str, int] | None = None) -> list[Step]:
    """The lines of a case in order. sizes: of a lesson, by their letters."""
    first = "" if isinstance(case, AnyExplainRecord) else words.first_differing(case)
    columns = not isinstance(case, _OfLesson) and isinstance(case.b[0][0], list)
    known = [_Known(name, value, None) for name, value in words.givens(case)]
    slope = next((f.split(";  ")[1] for f in case.formulas if ";  f′" in f), "")
    found = []
    for line in case.working:
        terms = line.terms or (_put_in(line, case, sizes or {}) if isinstance(case, _OfLesson) else [])
        equation = entries(terms, line.expected, columns=columns) if terms else None
        if isinstance(case, _OfLesson) and equation is None:
            written = _from(line, case)
        else:
            written = _Terms(line, known, slope).written(terms)
        found.append(_step(line, first, written, equation))
        known.append(_Known(line.symbol, line.expected, equation))
    return found


def _step(line: WorkingLine, first: str, terms: Markup, equation: Write | None) -> Step:
    mark = "first" if line.name == first else "differs" if line.differs else "agrees" if line.yours is not None else ""
    digits = words.digits(line)
    yours = matrix(line.yours, digits, other=line.expected) if line.differs else Markup()
    value = matrix(line.expected, digits, told=_told(line.symbol, line.expected, equation, line.equation), stops=True)
    sign = "" if terms.startswith('<span class="soft">') else "="
    return Step(line.name, line.equation, mark, terms, value, yours, words.shape_remark(line), line.place, sign)


# Numbers with their equations ----------------------------------------------------------------------------------------


class _Told(NamedTuple):
    """What is told of an entry, by its index."""

    symbol: str
    entry: Write

    def at(self, index: tuple[int, ...]) -> Markup:
        return Markup(f'<span class="e">{escape(f"{_called(self.symbol, index)} {self.entry(index)}")}</span>')


@lru_cache(maxsize=4096)
def _called(symbol: str, index: tuple[int, ...]) -> str:
    if len(index) == 1:
        return say("entry-of-vector", symbol=symbol, number=index[0] + 1)
    if len(index) == 2:
        return say("entry", symbol=symbol, row=index[0] + 1, column=index[1] + 1)
    return symbol


def _told(symbol: str, value: Any, equation: Write | None, line: str = "") -> _Told | None:
    """The equation of each entry; of a line whose entries have none, its own."""
    if sum(1 for _ in numbers.entries(value)) > _MOST_WITH_EQUATIONS or not _is_array(value):
        return None
    if equation is None:
        text = f"({line})" if line else f"({say('given')})"
        return _Told(symbol, lambda at: text)
    return _Told(symbol, lambda at: f"= {equation(at)} = {numbers.number(_at(value, at))}")


def _is_array(value: Any) -> bool:
    """Whether a value is what `numbers.rows` writes entry by entry in one table."""
    return len(numbers.shape(value)) < 3 and not isinstance(value, str)


def _at(value: Any, index: tuple[int, ...]) -> Any:
    for i in index:
        value = value[i]
    return value


def matrix(
    value: Any, digits: int = numbers.DIGITS, other: Any = None, told: _Told | None = None, *, stops: bool = False
) -> Markup:
    """A number, or a matrix in brackets.

    other: entries that read differently from this value's are marked. told: what is told of each entry. stops: whether
    the Tab key stops at each.
    """
    table = numbers.rows(value, digits)
    alike = other is not None and numbers.shape(other) == numbers.shape(value)
    against = numbers.rows(other, digits) if alike else table
    depth = len(numbers.shape(value))
    told = None if told is None or depth > 2 else told
    cells = [
        _cell(text, text != right, told, (i, j)[2 - depth :] if depth < 3 else (), stops)
        for i, (row, right_row) in enumerate(zip(table, against, strict=True))
        for j, (text, right) in enumerate(zip(row, right_row, strict=False))
    ]
    if not isinstance(value, list):
        return cells[0]
    return Markup(f'<span class="m" style="--columns:{max(map(len, table))}">{"".join(cells)}</span>')


def _cell(text: str, off: bool, told: _Told | None, index: tuple[int, ...], stops: bool) -> Markup:
    if off:
        return Markup(f"<b>{escape(text)}</b>")
    if told is None or text.startswith("an array"):
        return Markup(f"<span>{escape(text)}</span>")
    return Markup(f'<span class="n" tabindex="{0 if stops else -1}">{escape(text)}{told.at(index)}</span>')


# Terms ---------------------------------------------------------------------------------------------------------------


@dataclass
class _Terms:
    """The right-hand side of a line: each matrix is found again among what its equation names, in that order."""

    line: WorkingLine
    known: Sequence[_Known]
    slope: str

    def written(self, terms: Sequence[Any]) -> Markup:
        right = self.line.equation.split(" = ", 1)[-1]
        named = sorted((right.find(k.symbol), i, k) for i, k in enumerate(self.known) if k.symbol in right)
        open_ = [k for _, _, k in named]
        return Markup("".join(self._part(part, open_) for part in terms))

    def _part(self, part: Any, open_: list[_Known]) -> Markup:
        if isinstance(part, str):
            return Markup(f"<span>{escape(visible(part))}</span>")
        if not isinstance(part, list):
            return matrix(part)
        for known in open_:
            for value, turned in ((known.value, False), (_turned(known.value), True)):
                if value == part:
                    open_.remove(known)
                    return matrix(part, told=_of_known(known, turned))
        return matrix(part, told=self._slope(part))

    def _slope(self, part: list) -> _Told | None:
        """What is told of f′(a): at which a."""
        match = _SLOPE.search(self.line.equation)
        argument = next((k for k in self.known if match and k.symbol == match[2]), None)
        if match is None or argument is None or numbers.shape(argument.value) != numbers.shape(part):
            return None
        told = lambda at: (
            "= "
            + say(
                "slope",
                symbol=argument.symbol,
                value=numbers.number(_at(argument.value, at)),
                formula=self.slope or "σ′",
            )
        )
        return _Told(match[0], told) if self.slope else None


def _of_known(known: _Known, turned: bool) -> _Told | None:
    told = _told(known.symbol, known.value, known.equation)
    if told is None or not turned:
        return told
    return _Turned(told.symbol, told.entry)


class _Turned(_Told):
    """The same of a transpose."""

    def at(self, index: tuple[int, ...]) -> Markup:
        return super().at(index[::-1])


def _turned(value: Any) -> Any:
    if isinstance(value, list) and value and isinstance(value[0], list):
        return [list(row) for row in zip(*value, strict=True)]
    return None


# Lessons: letters are put in here ------------------------------------------------------------------------------------

_LETTERS = {
    "lam": "λ", "eta": "η", "alpha": "α", "beta": "β", "beta1": "β₁", "beta2": "β₂", "gamma": "γ", "epsilon": "ε",
    "margin": "Δ", "mu": "μ", "rho": "ρ", "sigma": "σ", "delta": "δ", "theta": "θ",
}  # fmt: skip


def _put_in(line: WorkingLine, case: _OfLesson, sizes: Mapping[str, int]) -> list[Any]:
    """A lesson's equation with numbers for its letters; empty where it holds something else."""
    values = _values(line, case, sizes)
    sign = next((s for s in (" = ", " ← ") if s in line.equation), None)
    if sign is None:
        return []
    names = "|".join(re.escape(n) for n in sorted(values, key=len, reverse=True))
    pattern = re.compile(rf"(?<![\w′∂])({names})(?!(?![ᵀ²^])[\w′\u0300-\u036f{{])")
    parts: list[Any] = []
    for i, text in enumerate(pattern.split(line.equation.split(sign, 1)[1].replace("ᵏ", "^k")) if names else []):
        parts.append(values[text] if i % 2 else text)
    return [part for part in parts if part != ""]


def _values(line: WorkingLine, case: _OfLesson, sizes: Mapping[str, int]) -> dict[str, Any]:
    """Every letter that may stand in the line's equation -> its value."""
    sources = line.sources if isinstance(line.sources, list) else []
    found: dict[str, Any] = {**sizes}
    for given in case.inputs:
        if given.name in sources:
            found |= {given.name: given.value, _LETTERS.get(given.name, given.name): given.value}
    for w in case.working:
        if w.name in sources:
            found |= {w.name: w.expected, w.symbol: w.expected, w.equation.split(" ← ")[0]: w.expected}
    return found


def _from(line: WorkingLine, case: _OfLesson) -> Markup:
    """What a line is computed from, where its equation is more than letters: the names and their values."""
    sources = line.sources if isinstance(line.sources, list) else []
    values = {i.name: (i.name, i.value) for i in case.inputs} | {w.name: (w.symbol, w.expected) for w in case.working}
    parts = [Markup("<span>{} = </span>{}").format(*_named(*values[s])) for s in sources if s in values]
    if not parts:
        return Markup()
    return Markup('<span class="soft">{} </span>').format(say("from")) + Markup("<span>, </span>").join(parts)


def _named(name: str, value: Any) -> tuple[str, Markup]:
    return name, matrix(value)


def sizes_of(inputs: Mapping[str, str], case: _OfLesson) -> dict[str, int]:
    """Letter -> size, from the shapes of a lesson's inputs and the values that a case has of them."""
    return {
        letter: size
        for given in case.inputs
        for letter, size in zip(inputs.get(given.name, "").split(), numbers.shape(given.value), strict=False)
    }
