"""Sentences that a record can keep without their language: a key and its values, and the English text made of them.

A template has {name} where a value stands. {name:word} counts: '1 problem', '2 problems'; {name:.3g} is a number with
three digits; a list reads 'a, b and c'. A value may be a sentence itself, with a key of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, Union

__all__ = ["Said", "Value", "count", "filled", "joined", "joining", "listed", "saying"]

Value = Union[str, int, float, Sequence[str], "Said"]

_PLACE = re.compile(r"\{(\w+)(?::([^{}]+))?\}")


@dataclass(frozen=True)
class Said:
    """A sentence: its key and values, from which any language can make it, and the English template."""

    key: str
    values: Mapping[str, Value] = field(default_factory=dict)
    template: str = ""

    @property
    def text(self) -> str:
        """The English sentence."""
        return filled(self.template, self.values)

    def turned(self, turn: Callable[[str], str]) -> Said:
        """With other words in its template, and in those of the sentences within it; values stay as they are."""
        values = {k: v.turned(turn) if isinstance(v, Said) else v for k, v in self.values.items()}
        return replace(self, template=turn(self.template), values=values)


def filled(template: str, values: Mapping[str, Value], listing: Callable[[Sequence[str]], str] | None = None) -> str:
    """A template with its values put in; a place without a value stays as it is. listing: how names are listed."""

    def put(place: re.Match[str]) -> str:
        form = place[2] or ""
        return _written(values[place[1]], form, listing or listed) if place[1] in values else place[0]

    return _PLACE.sub(put, template)


def _written(value: Value, form: str, listing: Callable[[Sequence[str]], str]) -> str:
    if isinstance(value, Said):
        return value.text
    if isinstance(value, str):
        return value
    if isinstance(value, Sequence):
        return listing(value)
    if form and form[0].isalpha() and isinstance(value, int):
        return count(value, form)
    return format(value, form or ("" if isinstance(value, int) else ".6g"))


class Saying(Protocol):
    """What makes a sentence of its key and its values."""

    def __call__(self, key: str, **values: Value) -> Said: ...


def saying(texts: Mapping[str, str]) -> Saying:
    """The sentences of these templates, by their keys."""
    return lambda key, **values: Said(key, values, texts[key])


def joined(sentences: Sequence[Said]) -> Said:
    """Sentences one after the other, as one."""
    values = {str(i): one for i, one in enumerate(sentences)}
    return Said("sentences", values, joining(len(values)))


def joining(n: int) -> str:
    """The template of so many sentences one after the other."""
    return " ".join(f"{{{i}}}" for i in range(n))


def count(n: int, word: str) -> str:
    """'1 problem', '2 problems', '3 entries', '4 arrays'."""
    if n == 1:
        return f"{n} {word}"
    return f"{n} {word[:-1]}ies" if word.endswith("y") and word[-2] not in "aeiou" else f"{n} {word}s"


def listed(names: Sequence[str]) -> str:
    """'a', 'a and b', 'a, b and c'."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""
