"""Collects what has to be translated, and keeps the catalogues of `verify/languages/` in step with it.

Words in formulas are no text of these: a catalogue has fragments of them (context "formula"), which stand for
themselves in any formula.

    python -m verify.commands.texts          what a catalogue lacks, and what it has for nothing
    python -m verify.commands.texts --write  new texts added to the catalogues, without a translation yet
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from verify.commands.command_line import has_only
from verify.language import CATALOGUES, FORMULA, LANGUAGES

_PACKAGE = Path(__file__).parents[1]
_TEMPLATES = [("**.j2", "jinja2.ext:babel_extract")]


class Text(NamedTuple):
    """One text to translate: where it belongs, and its English."""

    context: str
    english: str


def collected() -> list[Text]:
    """Everything that a catalogue has to have, each once."""
    return list(dict.fromkeys([*_of_reports(), *_of_records(), *_of_lessons()]))


def _of_reports() -> Iterator[Text]:
    for path in sorted(_PACKAGE.rglob("*.py")):
        yield from (Text("", text) for text in _said_in(path.read_text(encoding="utf-8")))
    for _, _, message, _, _ in extract_from_dir(_PACKAGE, method_map=_TEMPLATES, keywords={"tr": None}):
        if isinstance(message, str) and message:
            yield Text("", message)


def _said_in(source: str) -> Iterator[str]:
    """What stands in tr(…) and noted(…), within f-strings too, where Babel's own reading does not look."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("tr", "noted"):
            first = node.args[0] if node.args else None
            if isinstance(first, ast.Constant) and isinstance(first.value, str) and first.value:
                yield first.value


def _of_records() -> Iterator[Text]:
    from verify.lessons.network.english import COMMON, LESSON
    from verify.reports.texts import TEXTS as PAGES

    yield from (Text(f"lesson:{key}", text) for key, text in LESSON.items())
    yield from (Text(f"said:{key}", text) for key, text in COMMON.items())
    yield from (Text(f"page:{key}", text) for key, text in PAGES.items())


def _of_lessons() -> Iterator[Text]:
    from verify.grading.machinery.explaining import ALWAYS
    from verify.lessons.registry import BUILT_IN, lesson_named

    for name in BUILT_IN:
        lesson = lesson_named(name, name)
        yield Text("title", lesson.title)
        yield from (Text("mistake", form.says) for form in lesson.mistakes)
    yield from (Text("mistake", text) for text in ALWAYS.values())


def read(name: str) -> Catalog:
    """A language's catalogue."""
    with (CATALOGUES / f"{name}.po").open("rb") as file:
        return read_po(file, locale=name)


def main() -> int:
    write = has_only("--write")
    wanted = collected()
    for name in LANGUAGES[1:]:
        catalogue = read(name)
        have = {Text(m.context or "", str(m.id)): m.string for m in catalogue if m.id}
        lacks = [text for text in wanted if not have.get(text)]
        spare = [text for text in have if text not in wanted and text.context != FORMULA]
        for what, texts in (("lacks", lacks), ("has for nothing", spare)):
            print(f"{name} {what}: {len(texts)}", *(f"  {t.context}  {t.english!r}" for t in texts), sep="\n")
        if write:
            for text in lacks:
                catalogue.add(text.english, context=text.context or None)
            for text in spare:
                catalogue.delete(text.english, context=text.context or None)
            with (CATALOGUES / f"{name}.po").open("wb") as file:
                write_po(file, catalogue, width=120, no_location=True, sort_output=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
