"""Which replaced equations reproduce what came back: decoded line by line, from those with the fewest equations behind.

A returned line depends on its own equation and on those it is computed from. The line with the fewest is settled first:
every choice of mistakes in its equations that gives its numbers is kept, then the next line is asked with what is kept.
So any set of up to three mistakes is found without trying all of them: in different equations, in different terms of
one sum, or in different factors of one product. Screening is by value on
one problem; what survives must reproduce every number of every problem within the budgets of the mistaken equations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, product
from typing import Any, TypeVar

import torch
from torch import Tensor

from verify.bounds.bounded import Bounded
from verify.bounds.kinks import Kinks, watched
from verify.grading.answers import Answer
from verify.grading.lesson import Contract, Lesson, Line, Mistake, parameters, taking
from verify.grading.machinery.posing import shows
from verify.grading.machinery.working import FLOAT32, FLOAT64, FORMS, RAISES, Case, as_line, worked

MOST_MISTAKES = 3
_MOST_KEPT = 80
_MOST_KINKS = 4  # whose sides are tried one by one
_SCREEN, _FLOOR = 1e-7, 1e-13  # relative to a line's largest entry; acceptance is by budget
_SCREEN32, _FLOOR32 = 1e-4, 1e-5
Observed = tuple[Case, Answer]
Forms = tuple[Mistake, ...]
Made = TypeVar("Made")


@dataclass(frozen=True)
class Choice:
    """Mistakes, one form each. Where two are in one line, they change terms of a sum, or factors of a product."""

    forms: Forms = ()
    product: bool = False

    def __len__(self) -> int:
        return len(self.forms)

    def replaced(self, lines: Mapping[str, Line]) -> dict[str, Line]:
        """The wrong equations."""
        found: dict[str, Line] = {}
        for form in self.forms:
            for name, line in form.replaced.items():
                found[name] = line if name not in found else both(lines[name], found[name], line, self.product)
        return found


@lru_cache(maxsize=4096)
def both(right: Line, one: Line, other: Line, product: bool) -> Line:
    """A line with two mistakes in it: what each changes, added or multiplied."""
    names = tuple(dict.fromkeys(p for line in (right, one, other) for p in parameters(line.value)))

    def value(values: Mapping[str, Any]) -> Any:
        of = lambda line: line.value(*[values[p] for p in parameters(line.value)])
        return of(one) * of(other) / of(right) if product else of(one) + (of(other) - of(right))

    return Line(one.equation, taking(names, value))


@dataclass(frozen=True)
class Hypothesis:
    """A set of mistakes, one form each, in different lines."""

    forms: Forms
    rank: tuple[int, ...]  # places in the catalogue
    unexplained: int = 0  # lines that were handed over and that it does not give

    @property
    def ids(self) -> tuple[str, ...]:
        """The mistakes, in the order of the catalogue."""
        return tuple(form.id for form in self.forms)

    @property
    def cost(self) -> tuple[int, int, tuple[int, ...]]:
        """Fewer mistakes first, then what explains more, then by rank."""
        return len(self.forms), self.unexplained, self.rank


class Decoder:
    """Sets of mistakes of a lesson that reproduce what one function returned."""

    def __init__(self, lesson: Lesson, contract: Contract, observed: Sequence[Observed], *, float32: bool) -> None:
        self.lesson, self.contract, self.float32 = lesson, contract, float32
        self.u = FLOAT32 if float32 else FLOAT64
        self.fixed = tuple(name for name in contract.arguments if name in lesson.lines)
        self.observed = sorted(observed, key=lambda ca: ca[0].numbers, reverse=True)
        self.rank = {id: at for at, id in enumerate(lesson.ids())}
        cases = [case for case, _ in observed]
        self.forms = [m for m in lesson.mistakes if any(shows(m, case, (contract.name,)) for case in cases)]
        self.behind = {n: set(lesson.sources(n, self.fixed)) for n in contract.returns}

    def accepted(self) -> tuple[Hypothesis, list[Hypothesis]] | None:
        """The cheapest set that reproduces everything, and others of as many mistakes that do; None for none."""
        found: list[Hypothesis] = []
        for choice in sorted(self._screened(), key=len):
            if found and len(choice) > len(found[0].forms):
                break
            if all(self._reproduces(choice, case, answer) for case, answer in self.observed):
                found.append(self._hypothesis(choice))
        if not found:
            return None
        best, *others = sorted(found, key=lambda h: h.cost)
        return best, [h for h in others if h.unexplained == best.unexplained and h.ids != best.ids]

    def _hypothesis(self, choice: Choice) -> Hypothesis:
        ordered = tuple(sorted(choice.forms, key=lambda m: self.rank[m.id]))
        unexplained = sum(not self._gives(choice, case, answer, self._handed(answer)) for case, answer in self.observed)
        return Hypothesis(ordered, tuple(self.rank[m.id] for m in ordered), unexplained)

    def _handed(self, answer: Answer) -> list[str]:
        return [n for n in answer.lines if n not in self.contract.returns and n not in self.fixed]

    # Screening -------------------------------------------------------------------------------------------------------

    def _screened(self) -> list[Choice]:
        """Choices that give every returned line of the most telling problem, and then of all by value."""
        if not self.observed:
            return []
        telling, answer = self._most_telling()
        kept: list[Choice] = [Choice()]
        settled: set[str] = set()
        for name in sorted(self.behind, key=lambda n: len(self.behind[n])):
            if name not in answer.lines:
                continue
            free = self.behind[name] - settled
            kept = [
                choice for start in kept for choice in self._extended(start, free, settled)
                if self._gives(choice, telling, answer, [name])
            ]  # fmt: skip
            kept = sorted(kept, key=lambda c: (len(c), c.product, [self.rank[m.id] for m in c.forms]))[:_MOST_KEPT]
            settled |= self.behind[name]
        return [choice for choice in kept if choice.forms and self._everywhere(choice)]

    def _most_telling(self) -> Observed:
        """The problem with the most numbers on which all plain numbers are there: λ = 0 hides a penalty."""
        full = [(c, a) for c, a in self.observed if all(v != 0 for v in c.inputs.values() if isinstance(v, float))]
        return (full or self.observed)[0]

    def _extended(self, start: Choice, free: set[str], settled: set[str]) -> Iterator[Choice]:
        """A choice with none to some more mistakes that touch the free lines, and none that is settled."""
        yield start
        ids = {form.id for form in start.forms}
        more = [
            m for m in self.forms if m.id not in ids and free & m.replaced.keys() and not settled & m.replaced.keys()
        ]
        for size in range(1, MOST_MISTAKES - len(start) + 1):
            for extra in combinations(more, size):
                forms = (*start.forms, *extra)
                if len({form.id for form in extra}) < size:
                    continue
                lines = [line for form in forms for line in form.replaced]
                yield Choice(forms, start.product)
                if len(set(lines)) < len(lines) and not start.product:
                    yield Choice(forms, product=True)

    def _everywhere(self, choice: Choice) -> bool:
        names = self.contract.returns
        return all(self._gives(choice, c, a, [n for n in names if n in a.lines]) for c, a in self.observed)

    def _gives(self, choice: Choice, case: Case, answer: Answer, names: Sequence[str]) -> bool:
        """Whether those equations give the lines, by value."""
        if not names:
            return True
        wanted = tuple({line for name in names for line in self.lesson.sources(name, self.fixed)})
        given = {**case.given, **{name: case.truth[name] for name in self.fixed}}
        lines = {**self.lesson.lines, **choice.replaced(self.lesson.lines)}
        try:
            return any(
                all(self._close(made[name], answer.lines[name]) for name in names)
                for made in _sides(lambda: worked(lines, given, wanted, as_line))
            )
        except RAISES:
            return False

    def _close(self, made: Tensor, yours: Tensor) -> bool:
        if made.shape != yours.shape:
            return False
        relative, floor = (_SCREEN32, _FLOOR32) if self.float32 else (_SCREEN, _FLOOR)
        if not yours.numel():
            return True
        return bool((made - yours).abs().max() <= relative * yours.abs().max() + floor)

    # Acceptance ------------------------------------------------------------------------------------------------------

    def _reproduces(self, choice: Choice, case: Case, answer: Answer) -> bool:
        """Whether every returned line lies within the mistaken equations' budget, and that tells it from right."""
        replaced = choice.replaced(self.lesson.lines)
        try:
            runs = _sides(lambda: case.bounded_mistaken(replaced, self.u, self.fixed))
            return any(self._within(made, case, answer) for made in runs)
        except RAISES:
            return False

    def _within(self, made: Mapping[str, Bounded], case: Case, answer: Answer) -> bool:
        for name in self.contract.returns:
            if name not in answer.lines:
                continue
            yours, line = answer.lines[name], made[name]
            allowed = 2 * FORMS * line.error
            if yours.shape != line.shape or not bool(((yours - line.value).abs() <= allowed).all()):
                return False
            if yours.shape == case.truth[name].shape and not _tells(yours, case.truth[name], allowed):
                return False
        return True


def _sides(work: Callable[[], Made]) -> Iterator[Made]:
    """What wrong equations give: where they come to a kink, as a problem that lies at none may, on either side."""
    met = Kinks()
    with watched(met):
        first = work()
    yield first
    every = product((0.0, 1.0), repeat=met.count) if met.count <= _MOST_KINKS else ((1.0,) * met.count,)
    for chosen in every:
        if any(chosen):
            with watched(Kinks(torch.tensor(chosen, dtype=torch.float64, device="cpu"))):
                made = work()
            yield made


def _tells(yours: Tensor, truth: Tensor, allowed: Tensor) -> bool:
    """Whether the budget is smaller than what the line is off, where it is off by more than rounding."""
    off = (yours - truth).abs()
    return not bool(((off > 0) & (off < allowed) & (allowed > 1e-6 * truth.abs().max())).any())


def finite(answer: Answer) -> bool:
    """Whether every line that came is finite."""
    return all(bool(torch.isfinite(v).all()) for v in answer.lines.values())


def usable(asked: Sequence[Observed], names: Sequence[str]) -> list[Observed]:
    """The problems on which something finite came back of what is returned."""
    some: Any = lambda a: any(n in a.lines for n in names)
    return [(case, a) for case, a in asked if a.returned and some(a) and finite(a)]
