"""Programs with slots: a style is a template, every equation in it a slot, every slot has right and wrong texts."""

import random
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

_MARK = re.compile(r"<<(\w+)(?::(\d+))?>>")
_ALONE = re.compile(r"^([ \t]*)<<(\w+)(?::(\d+))?>>$")


@dataclass(frozen=True)
class Edit:
    """One way to make a mistake in one style: the slots that are written differently.

    given: the variants of the style that the edit presumes, for instance {"mean": "late"}.
    plain: slots that take their first right text, because another would make a second mistake of it.
    """

    texts: Mapping[str, str]
    note: str = ""
    given: Mapping[str, str] = field(default_factory=dict)
    plain: tuple[str, ...] = ()


def edit(note: str = "", given: Mapping[str, str] | None = None, /, plain: tuple[str, ...] = (), **texts: str) -> Edit:
    return Edit(texts, note, given or {}, plain)


@dataclass(frozen=True)
class Style:
    """slots: the right texts of each slot, any of which fits with any other. variants: texts that belong together
    (where 1/N stands, whether f′ takes a or z): variants[dimension][option] = texts of slots.
    clashes: pairs ("dimension=option", "dimension=option") that do not go together."""

    name: str
    template: str
    slots: Mapping[str, tuple[str, ...]]
    variants: Mapping[str, Mapping[str, Mapping[str, str]]]
    mistakes: Mapping[str, tuple[Edit, ...]]
    clashes: tuple[tuple[str, str], ...] = ()


class SlotsUnused(Exception):
    """An edited slot does not occur in the program that comes out: the mistake would not be made."""


def seed_of(*words: object) -> int:
    return zlib.crc32("/".join(map(str, words)).encode())


def fill(template: str, texts: Mapping[str, str]) -> tuple[str, set[str]]:
    """Put the texts into the slots, and the slots inside those texts; says which slots were used.

    A slot alone on its line takes a text of several lines, and vanishes with its line if the text is empty.
    <<slot:3>> is the slot for layer 3: in its text @i is 3, @h the layer below, @j the layer above.
    """
    used: set[str] = set()
    return "\n".join(_lines(template, texts, used, None)), used


def _lines(text: str, texts: Mapping[str, str], used: set[str], layer: str | None) -> Iterator[str]:
    for line in text.split("\n"):
        alone = _ALONE.match(line)
        if alone is None:
            yield _inline(line, texts, used, layer)
            continue
        indent, slot, number = alone.groups()
        used.add(slot)
        body = _numbered(texts[slot], number or layer)
        if body:
            yield from (indent + inner if inner else "" for inner in _lines(body, texts, used, number or layer))


def _inline(line: str, texts: Mapping[str, str], used: set[str], layer: str | None) -> str:
    def put(mark: re.Match[str]) -> str:
        slot, number = mark.groups()
        used.add(slot)
        return _inline(_numbered(texts[slot], number or layer), texts, used, number or layer)

    return _MARK.sub(put, line)


def _numbered(text: str, layer: str | None) -> str:
    if layer is None:
        return text
    i = int(layer)
    return text.replace("@i", str(i)).replace("@h", str(i - 1)).replace("@j", str(i + 1))


def _tidy(source: str) -> str:
    return re.sub(r"\n{4,}", "\n\n\n", source).strip("\n") + "\n"


def _options(style: Style, given: Mapping[str, str], rng: random.Random) -> dict[str, str]:
    """One option for each dimension of variants, without a clash; "early" stands for "early-…" too."""
    while True:
        options = {}
        for dimension, choices in style.variants.items():
            wanted = given.get(dimension)
            fitting = [c for c in choices if wanted is None or c == wanted or c.startswith(wanted + "-")]
            options[dimension] = rng.choice(fitting)
        chosen = {f"{dimension}={option.split('-')[0]}" for dimension, option in options.items()}
        if not any(a in chosen and b in chosen for a, b in style.clashes):
            return options


def write(style: Style, edits: tuple[Edit, ...] = (), seed: int = 0) -> str:
    """The source of one program: right texts drawn by the seed, and the edits in their slots."""
    rng = random.Random(seed)
    given = {dimension: option for e in edits for dimension, option in e.given.items()}
    wrong = {slot: text for e in edits for slot, text in e.texts.items()}
    for _ in range(30):
        texts = {slot: rng.choice(choices) for slot, choices in style.slots.items()}
        texts |= {slot: style.slots[slot][0] for e in edits for slot in e.plain if slot in style.slots}
        for dimension, option in _options(style, given, rng).items():
            texts |= style.variants[dimension][option]
        source, used = fill(style.template, texts | wrong)
        if wrong.keys() <= used:
            return _tidy(source)
    raise SlotsUnused(f"{style.name}: {sorted(wrong.keys() - used)}")


def fit_together(edits: tuple[Edit, ...]) -> bool:
    """Whether the edits write into different slots and presume the same variants."""
    slots = [slot for e in edits for slot in e.texts]
    given: dict[str, str] = {}
    for e in edits:
        for dimension, option in e.given.items():
            if given.setdefault(dimension, option) != option:
                return False
    return len(slots) == len(set(slots))
