"""The language of what people read: English as it stands in the code, or another one from its catalogue.

A catalogue is `languages/LANGUAGE.po`, read as it is: nothing has to be compiled. Texts of reports have their English
as id. Sentences of records, which are without a language, have their key as context: "said:…", or "lesson:…" where an
assignment's words turn them; those of pages have theirs, "page:…". Words in formulas have the context "formula".
What a catalogue lacks is said in English. The language is one for the process: `speak` chooses it.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from verify.errors import BadInput
from verify.said import Value, filled, listed

__all__ = [
    "CATALOGUES", "LANGUAGES", "by_key", "in_chinese", "language", "listing", "noted", "of_environment", "phrase",
    "phrases", "speak", "speaking", "tr",
]  # fmt: skip

LANGUAGES = ("en", "zh")
CATALOGUES = Path(__file__).with_name("languages")
FORMULA = "formula"
_KEYED = ("said:", "lesson:", "page:")

_spoken = "en"


def language() -> str:
    """The language that is spoken now."""
    return _spoken


def speak(name: str) -> None:
    """Speak a language from now on. Raises BadInput for one that there is none of."""
    global _spoken
    if name not in LANGUAGES:
        raise BadInput(f"--lang {name}: allowed are {', '.join(LANGUAGES)}")
    _spoken = name


@contextmanager
def speaking(name: str) -> Iterator[None]:
    """Speak a language while the block runs."""
    before = language()
    speak(name)
    try:
        yield
    finally:
        speak(before)


def of_environment(environment: Mapping[str, str] | None = None) -> str:
    """The language that the locale asks for: the first of LC_ALL, LC_MESSAGES and LANG that is set, or English."""
    known = os.environ if environment is None else environment
    locale = next((known[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if known.get(name)), "")
    return next((name for name in LANGUAGES if locale.lower().replace("-", "_").split("_")[0] == name), "en")


# Texts ---------------------------------------------------------------------------------------------------------------


def tr(text: str, /, **values: Value) -> str:
    """A text of reports with its values put in, in the language that is spoken.

    The text has places as `verify.said` has them: {name}, {n:problem} for '2 problems', {size:.3g}.
    """
    return filled(_texts(_spoken).get(("", text), text), values, listing())


def noted(text: str, /) -> str:
    """The text as it is: one that is turned by `tr` where it is used, so that a catalogue has it."""
    return text


def phrase(context: str, text: str) -> str:
    """A text with a context in the language that is spoken, or as it is."""
    return _texts(_spoken).get((context, text), text)


def phrases(context: str) -> Mapping[str, str]:
    """All texts of a context, from their English."""
    return {text: other for (where, text), other in _texts(_spoken).items() if where == context}


def by_key(kind: str, key: str) -> str | None:
    """The template of a record's sentence in the language that is spoken; None where its English has to do."""
    return _keyed(_spoken).get(f"{kind}:{key}")


def listing() -> Callable[[Sequence[str]], str]:
    """How names are listed: 'a, b and c', 'a、b 和 c'."""
    return in_chinese if _spoken == "zh" else listed


def in_chinese(names: Sequence[str]) -> str:
    """'a', 'a 和 b', 'a、b 和 c'."""
    return names[0] if len(names) == 1 else f"{'、'.join(names[:-1])} 和 {names[-1]}" if names else ""


@functools.cache
def _texts(name: str) -> Mapping[tuple[str, str], str]:
    """(context, English) -> text."""
    if name == "en":
        return {}
    from babel.messages.pofile import read_po

    with (CATALOGUES / f"{name}.po").open("rb") as file:
        found = read_po(file)
    return {
        (m.context or "", m.id): m.string
        for m in found
        if isinstance(m.id, str) and m.id and isinstance(m.string, str) and m.string and not m.fuzzy
    }


@functools.cache
def _keyed(name: str) -> Mapping[str, str]:
    return {context: text for (context, _), text in _texts(name).items() if context.startswith(_KEYED)}
