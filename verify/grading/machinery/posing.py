"""The problems of a run: drawn from the assignment and its seed, of all sizes that it allows.

In this order: three for state (a problem, another of the same sizes, the first again); the ladder, small whole numbers
that a student can redo by hand; general problems, every size at its smallest and its largest, square ones among them;
and, where small whole numbers meet one, problems at a kink, where every subgradient is right.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, product
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from verify.errors import BadInput
from verify.grading.lesson import NUMBER, Lesson, Mistake
from verify.grading.lesson_assignment import LessonAssignment
from verify.grading.machinery.working import FLOAT64, RAISES, Case, as_bounded, worked

GRADED = ("state", "rung", "general")
JUDGED = (*GRADED, "kink")
_SMALL = (1.0, -1.0, 2.0, -2.0)
_GENERAL, _RUNGS, _KINKS = 18, 10, 4
_TRIES, _REDRAWS = 60, 4
_MOST_KINKS = 10  # of one problem: each is one more number to find


@dataclass
class Draw:
    """What a lesson draws an input from. `d.N` is a size; `d.inputs` has the inputs drawn before.

    In small problems, where `d.small`, numbers are whole, so that they can be worked by hand.
    """

    random: np.random.Generator
    sizes: Mapping[str, int]
    keys: Mapping[str, Any]
    small: bool = False
    turn: int = 0
    inputs: dict[str, Any] = field(default_factory=dict)

    def __getattr__(self, name: str) -> int:
        try:
            return self.__dict__["sizes"][name]
        except KeyError:
            raise AttributeError(f"a Draw has no {name!r}; its sizes are {', '.join(self.sizes) or 'none'}") from None

    def shape(self, shape: str) -> tuple[int, ...]:
        """'N D' -> (N, D)."""
        return tuple(int(part) if part.isdigit() else self.sizes[part] for part in shape.split())

    def normal(self, shape: str = "", scale: float = 1.0) -> NDArray:
        """Numbers of N(0, scale); in small problems 1, −1, 2 or −2."""
        if self.small:
            return np.asarray(self.random.choice(_SMALL, self.shape(shape)))
        return scale * np.asarray(self.random.standard_normal(self.shape(shape)))

    def uniform(self, low: float, high: float, shape: str = "") -> NDArray:
        """Numbers between two; in small problems whole ones, if there are any between."""
        whole = np.arange(math.ceil(low), math.floor(high) + 1, dtype=float)
        if self.small and len(whole):
            return np.asarray(self.random.choice(whole, self.shape(shape)))
        return np.asarray(self.random.uniform(low, high, self.shape(shape)))

    def whole(self, low: int, high: int, shape: str = "") -> NDArray:
        """Whole numbers from low to high, as floats: counts."""
        return np.asarray(self.random.integers(low, high, self.shape(shape), endpoint=True), dtype=float)

    def choice(self, values: Sequence[float], shape: str = "") -> NDArray:
        """Numbers out of some, as floats."""
        return np.asarray(self.random.choice(np.asarray(values, dtype=float), self.shape(shape)))

    def labels(self, classes: int | str, shape: str = "") -> NDArray:
        """Whole numbers from 0 to classes − 1, of an integer dtype; classes: how many, or a size's letter."""
        number = self.sizes[classes] if isinstance(classes, str) else classes
        return np.asarray(self.random.integers(0, number, self.shape(shape)))

    def number(self, *values: float) -> float:
        """One of these in turn, so that problems with each of them are asked."""
        return float(values[self.turn % len(values)])


def drawn(lesson: Lesson, assignment: LessonAssignment, d: Draw, role: str, label: str) -> Case:
    """A problem of the lesson. Raises BadInput where what it draws is not what its inputs say."""
    for name, shape in lesson.inputs.items():
        make: Callable[[Draw], Any] = lesson.draw.get(name, lambda d, shape=shape: d.normal(shape))
        try:
            value = make(d)
        except Exception as error:
            raise BadInput(f"lesson {lesson.name!r}: draw[{name!r}] raised {type(error).__name__}: {error}") from error
        d.inputs[name] = _input(lesson, name, shape, value, d)
    return Case(lesson, d.inputs, d.sizes, role, label)


def _input(lesson: Lesson, name: str, shape: str, value: Any, d: Draw) -> Any:
    if shape == NUMBER:
        if isinstance(value, bool) or not isinstance(value, int | float | np.floating | np.integer):
            raise BadInput(f"lesson {lesson.name!r}: draw[{name!r}] gave {value!r}; a number is a float")
        return float(value)
    array = np.asarray(value.numpy() if isinstance(value, Tensor) else value)
    if array.shape != d.shape(shape) or array.dtype.kind not in "fiu":
        raise BadInput(
            f"lesson {lesson.name!r}: draw[{name!r}] gave shape {array.shape} and dtype {array.dtype}; "
            f"{name} has shape {d.shape(shape)} for {shape!r}, of floats, or of whole numbers for labels"
        )
    return torch.from_numpy(np.array(array, dtype=np.float64 if array.dtype.kind == "f" else np.int64))


# The problems of a run -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Posed:
    """The problems of a run, and the mistakes that none of them shows."""

    lesson: Lesson
    assignment: LessonAssignment
    cases: tuple[Case, ...]
    seed: int
    hidden: tuple[str, ...] = ()

    def of(self, *roles: str) -> list[tuple[int, Case]]:
        """The cases of those roles with their numbers."""
        return [(i, case) for i, case in enumerate(self.cases) if case.role in roles]


def posed(lesson: Lesson, assignment: LessonAssignment, seed: int) -> Posed:
    """The problems of a run; drawn again where the first draw hides a mistake that another one shows."""
    best: Posed | None = None
    for attempt in range(_REDRAWS):
        cases = tuple(_cases(lesson, assignment, np.random.default_rng([seed, attempt])))
        made = Posed(lesson, assignment, cases, seed, hidden_in(lesson, assignment, cases))
        if best is None or len(made.hidden) < len(best.hidden):
            best = made
        if not best.hidden or (attempt and made.hidden == best.hidden):
            break
    assert best is not None
    return best


def hidden_in(lesson: Lesson, assignment: LessonAssignment, cases: Sequence[Case]) -> tuple[str, ...]:
    """The mistakes that change nothing beyond the budgets on any of the graded cases."""
    graded = [case for case in cases if case.role in GRADED]
    return tuple(
        id for id in lesson.ids()
        if not any(shows(form, case, assignment.asked) for form in lesson.forms(id) for case in graded)
    )  # fmt: skip


def shows(form: Mistake, case: Case, asked: Sequence[str]) -> bool:
    """Whether a program with that one mistake would be called wrong on this case, in one of the functions asked."""
    for contract in case.lesson.contracts:
        if contract.name not in asked:
            continue
        fixed = tuple(name for name in contract.arguments if name in case.lesson.lines)
        lines = case.mistaken(form.replaced, fixed)
        if lines is None or not all(
            case.has_shape_of(n, lines[n])
            and bool(((lines[n] - case.truth[n]).abs() <= 2 * case.allowed(n)).all())
            for n in contract.returns if n in lines
        ):  # fmt: skip
            return True
    return False


def _cases(lesson: Lesson, a: LessonAssignment, random: np.random.Generator) -> Iterator[Case]:
    sizes = _middle(a)
    first, second = (_good(lesson, a, random, sizes, "state", "state", turn=1) for _ in range(2))
    yield from (first, second, Case(lesson, first.inputs, first.sizes, "state", "state"))
    bends = first.kinks.asked
    for at, (sizes, turn) in enumerate(_rungs(lesson, a), 1):
        case = _good(lesson, a, random, sizes, "rung", f"small {at}", turn=turn, small=True)
        if not case.kinks.count:
            yield case
    for at in range(_GENERAL):
        yield _good(lesson, a, random, _sizes(a, at, random), "general", f"general {at + 1}", turn=at)
    yield from _at_kinks(lesson, a, random) if bends else ()


def example(lesson: Lesson, a: LessonAssignment, seed: int) -> Case:
    """A problem of small whole numbers to work by hand: of sizes that the lesson has for it, or as near to 2 as may be.

    Raises BadInput where every problem that is drawn lies at a kink.
    """
    allowed = lambda sizes: all(a.sizes[k][0] <= v <= a.sizes[k][1] for k, v in sizes.items())
    of_ladder = [{**_lowest(a), **sizes} for sizes in lesson.ladder if allowed(sizes)][-1:]
    sizes = of_ladder[0] if of_ladder else {n: min(max(2, low), high) for n, (low, high) in a.sizes.items()}
    case = _good(lesson, a, np.random.default_rng([seed, 0]), sizes, "rung", "explained", turn=1, small=True)
    if case.kinks.count:
        raise BadInput(f"lesson {lesson.name!r}: every small problem that is drawn from seed {seed} lies at a kink")
    return case


def practice(lesson: Lesson, a: LessonAssignment, seed: int, count: int, most: int) -> list[Case]:
    """Problems that anybody may see: general ones of the assignment's sizes, with at most so many numbers each."""
    random = np.random.default_rng([seed, 0])
    drawn_ = (
        _good(lesson, a, random, _sizes(a, at, random), "general", "practice", turn=at) for at in range(2 * count)
    )
    fitting = (case for case in drawn_ if case.numbers <= most)
    return [*islice(fitting, count)] or [_good(lesson, a, random, _lowest(a), "general", "practice", turn=1)]


def _at_kinks(lesson: Lesson, a: LessonAssignment, random: np.random.Generator) -> Iterator[Case]:
    """Small whole numbers that meet a kink, of several sizes; none where none is met."""
    found = 0
    for sizes, turn in reversed(list(_rungs(lesson, a))):
        for _ in range(_TRIES):
            case = drawn(lesson, a, Draw(random, sizes, a.keys, True, turn), "kink", f"kink {found + 1}")
            if _quality(case, a) == 1 and case.kinks.count <= _MOST_KINKS:
                found += 1
                yield case
                break
        if found == _KINKS:
            return


def _middle(a: LessonAssignment) -> dict[str, int]:
    """Sizes for the calls that ask for state: 3, or as near to it as is allowed."""
    return {letter: min(max(3, low), high) for letter, (low, high) in a.sizes.items()}


def _rungs(lesson: Lesson, a: LessonAssignment) -> Iterator[tuple[dict[str, int], int]]:
    """Sizes of the small problems, the smallest first, and the turn of their plain numbers."""
    near = [range(low, min(low + 1, high) + 1) for low, high in a.sizes.values()]
    found = [dict(zip(a.sizes, chosen, strict=True)) for chosen in product(*near)]
    given = [{**_lowest(a), **sizes} for sizes in lesson.ladder]
    allowed = [s for s in given if all(a.sizes[k][0] <= v <= a.sizes[k][1] for k, v in s.items())]
    order = allowed or sorted(found, key=lambda sizes: (math.prod(sizes.values()), sum(sizes.values())))
    plain = any(shape == NUMBER for shape in lesson.inputs.values())
    for sizes in order[:_RUNGS]:
        for turn in (0, 1) if plain else (0,):
            yield sizes, turn


def _lowest(a: LessonAssignment) -> dict[str, int]:
    return {letter: low for letter, (low, _) in a.sizes.items()}


def _sizes(a: LessonAssignment, at: int, random: np.random.Generator) -> dict[str, int]:
    """Every size smallest and largest, all of one size, each by itself at its smallest, and any."""
    free = {letter: int(random.integers(low, high, endpoint=True)) for letter, (low, high) in a.sizes.items()}
    if at == 0 or not free:
        return {letter: high for letter, (_, high) in a.sizes.items()}
    letters = list(free)
    if at % 3 == 0:
        low, high = max(s[0] for s in a.sizes.values()), min(s[1] for s in a.sizes.values())
        same = int(random.integers(low, high, endpoint=True)) if low <= high else 0
        return dict.fromkeys(letters, same) if same else free
    if at % 3 == 1:
        alone = letters[at // 3 % len(letters)]
        return {**{n: max(v, min(2, a.sizes[n][1])) for n, v in free.items()}, alone: a.sizes[alone][0]}
    return {n: max(v, min(2, a.sizes[n][1])) for n, v in free.items()}


def _good(
    lesson: Lesson,
    a: LessonAssignment,
    random: np.random.Generator,
    sizes: Mapping[str, int],
    role: str,
    label: str,
    *,
    turn: int,
    small: bool = False,
) -> Case:
    """A draw that decides every line, at no kink, with no line that is 0, if there is one; else one that is finite."""
    found: Case | None = None
    for _ in range(_TRIES):
        case = drawn(lesson, a, Draw(random, sizes, a.keys, small, turn), role, label)
        quality = _quality(case, a)
        if quality == 3:
            return case
        found = case if quality == 2 or found is None else found
    assert found is not None
    return found


def _quality(case: Case, a: LessonAssignment) -> int:
    """0: of no use; 1: at a kink; 2: a line is 0, or undecided; 3: good."""
    try:
        truth = case.truth
    except RAISES as error:
        raise BadInput(_cannot(case, error)) from error
    if case.kinks.unsure or not all(bool(torch.isfinite(v).all()) for v in truth.values()):
        return 0
    if case.kinks.count:
        return 1
    returned = {n for c in case.lesson.contracts if c.name in a.asked for n in c.returns}
    return 3 if all(case.decides(n) for n in returned) else 2


def _cannot(case: Case, error: Exception) -> str:
    """Which line of the lesson cannot be worked out, and why."""
    done = case.bounded_given(FLOAT64)
    for name, line in case.lesson.lines.items():
        try:
            done |= worked({name: line}, done, take=as_bounded(FLOAT64))
        except RAISES as reason:
            said = f"{type(reason).__name__}: {reason}"
            return f"lesson {case.lesson.name!r}: line {name} cannot be worked out on a drawn problem ({said})"
    return f"lesson {case.lesson.name!r}: its lines cannot be worked out ({error})"
