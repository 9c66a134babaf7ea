"""A hypothesis: which mistakes stand in which slots, and which of them account for every activation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from manual import Equations
from verify.lessons.network.fitted import Throughout
from verify.lessons.network.mistakes import Variant, equations_with, rank

MayShow = Callable[[str, str], bool]  # whether a mistake in f′ can show under an activation


@dataclass(frozen=True)
class Hypothesis:
    """A set of mistakes: a variant per slot, for the slot `slope` one per activation, and what is done throughout."""

    slots: Mapping[str, Variant] = field(default_factory=dict)
    slopes: Mapping[str, Variant] = field(default_factory=dict)
    confined: frozenset[str] = frozenset()  # mistakes that show under some of their activations only
    throughout: Throughout | None = None

    @property
    def variants(self) -> tuple[Variant, ...]:
        """The variants of all slots."""
        return (*self.slots.values(), *self.slopes.values())

    @property
    def mistakes(self) -> tuple[str, ...]:
        """The ids, in the order of the catalogue."""
        found = {v.mistake for v in self.variants} | ({self.throughout.mistake} if self.throughout else set())
        return tuple(sorted(found, key=rank))

    @property
    def cost(self) -> tuple[int, int, tuple[int, ...]]:
        """Fewer mistakes first, then those that need no confinement, then by rank."""
        return len(self.mistakes), len(self.confined), tuple(rank(id) for id in self.mistakes)

    @property
    def equations(self) -> Equations:
        """The slides' equations with all of them in place."""
        made = equations_with(dict(self.slots), dict(self.slopes))
        return made if self.throughout is None else self.throughout.wrapped(made)


def covered(
    slots: Mapping[str, Variant], slopes: Mapping[str, list[Variant | None]], may_show: MayShow
) -> Iterator[Hypothesis]:
    """The smallest choices of mistakes in f′ that account for every activation."""
    wrong = [name for name, options in slopes.items() if None not in options]
    if not wrong:
        yield Hypothesis(slots)
        return
    ids = sorted({v.mistake for options in slopes.values() for v in options if v is not None}, key=rank)
    for size in range(1, len(wrong) + 1):
        made = [
            h for choice in combinations(ids, size) if (h := _cover(slots, slopes, wrong, choice, may_show)) is not None
        ]
        if made:
            yield from made
            return


def _cover(
    slots: Mapping[str, Variant],
    slopes: Mapping[str, list[Variant | None]],
    wrong: Sequence[str],
    choice: Sequence[str],
    may_show: MayShow,
) -> Hypothesis | None:
    picked: dict[str, Variant] = {}
    for name, options in slopes.items():
        variant = next((v for id in choice for v in options if v is not None and v.mistake == id), None)
        if variant is not None:
            picked[name] = variant
    if any(name not in picked for name in wrong) or {picked[n].mistake for n in wrong} != set(choice):
        return None
    confined = {
        id
        for id in choice
        for name in slopes
        if (name not in picked or picked[name].mistake != id) and may_show(id, name)
    }
    return Hypothesis(slots, picked, frozenset(confined))
