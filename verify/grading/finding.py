"""A mistake that a diagnosis finds, whatever the lesson."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from verify.said import Said


@dataclass(frozen=True)
class Finding:
    """A mistake, the lines whose own equation is wrong, what is said of it, and its equations."""

    mistake: str
    lines: tuple[str, ...]
    sentences: tuple[Said, ...]
    wrong: str = ""
    right: str = ""
    only: tuple[str, ...] = ()  # the activations to which it is confined
    number: float | None = None
    also: tuple[str, ...] = ()  # mistakes that give the same numbers

    @property
    def says(self) -> str:
        """The sentences, one after the other."""
        return " ".join(s.text for s in self.sentences)


def instead(id: str, ids: Iterable[str], others: Iterable[Sequence[str]]) -> set[str]:
    """What gives the same numbers in the place of a mistake; others: sets of mistakes that do as well as `ids`."""
    rest = set(ids) - {id}
    return {o for other in others for o in set(other) - rest if rest <= set(other)} - {id}
