"""A graded submission as an HTML page and as Markdown. Nothing that a student wrote reaches them as markup.

Both escape by default, expression by expression: what a template does not call safe is shown, never obeyed.
"""

from __future__ import annotations

import re
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from verify import plain
from verify.grading.record import GradeRecord, PartsRecord
from verify.language import language, tr
from verify.reports import graded_terminal, person
from verify.reports import graded_words as words
from verify.reports.notebook import framed
from verify.reports.spoken import spoken

_OUTPUT_LINES = 40
_MARKDOWN_WIDTH = 100


def as_html(record: GradeRecord) -> str:
    """The report as one HTML file: nothing to load, nothing that runs."""
    record = spoken(record)
    if isinstance(record, PartsRecord) and record.parts:
        parts = [(part, _inside(as_html(part.graded))) for part in record.parts]
        return HTML.get_template("parts.html.j2").render(person.context(record) | {"parts": parts})
    return HTML.get_template("person.html.j2").render(person.context(record))


def in_notebook(record: GradeRecord) -> str:
    """The page as a notebook shows it below a cell."""
    return framed(as_html(record))


def as_markdown(record: GradeRecord) -> str:
    """The report as GitHub's Markdown."""
    record = spoken(record)
    if isinstance(record, PartsRecord) and record.parts:
        pages = [Markup(_below(as_markdown(part.graded))) for part in record.parts]
        return MARKDOWN.get_template("parts.md.j2").render(record=record, words=words, pages=pages)
    printed, left_out = plain.lines(record.output, _OUTPUT_LINES)
    return MARKDOWN.get_template("graded.md.j2").render(
        record=record, case=record.counterexample, words=words, printed=printed, left_out=left_out,
        case_text=graded_terminal.case_text(record, _MARKDOWN_WIDTH),
    )  # fmt: skip


def _inside(page: str) -> Markup:
    """What a page has between its <main> and </main>, which no text of a student can hold."""
    return Markup(page.partition("<main>")[2].rpartition("</main>")[0])


# Markdown ------------------------------------------------------------------------------------------------------------

# Letters, digits, the slides' symbols, and punctuation that means nothing to Markdown, to GitHub or to a spreadsheet.
_HARMLESS = re.compile(
    r"""[^\W_]|[^\x00-\x7f]|[ ,.;?()/"'%=]|(?<=[\w)]):(?= |$)|(?<=\w)-(?=\w)|(?<= )([<>+*-]|\+=)(?= )"""
)
_LINK = re.compile(r"(?i)\bwww\.")


def _below(page: str) -> str:
    """A page whose headings stand one level lower; what stands in a code block is no heading."""
    lines, fence = [], ""
    for line in page.split("\n"):
        ticks = re.match("```+", line)
        if ticks and (not fence or line == fence):
            fence = "" if fence else ticks[0]
        lines.append(f"#{line}" if line.startswith("#") and not fence else line)
    return "\n".join(lines)


def prose(value: Any) -> Any:
    """Text for a line or a cell of Markdown: as it is where it is harmless, else as code."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    text = plain.visible(value)
    return text if not _HARMLESS.sub("", text) and not _LINK.search(text) else code(text)


def code(text: str) -> Markup:
    """Text as a code span, in a line or in a cell of a table: Markdown reads nothing inside it."""
    text = plain.visible(text).replace("|", "\\|")
    ticks = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    return Markup(f"{ticks} {text} {ticks}" if "`" in text else f"{ticks}{text or ' '}{ticks}")


def fenced(text: str) -> Markup:
    """Lines as a code block, with a fence that none of them can close."""
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return Markup(f"{fence}text\n{text}\n{fence}")


def _environment(finalize: Any, *, autoescape: bool) -> Environment:
    found = Environment(
        loader=PackageLoader("verify.reports"), undefined=StrictUndefined, autoescape=autoescape, finalize=finalize,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    found.globals |= {"tr": tr, "language": language}
    found.filters |= {"code": code, "fenced": fenced}
    return found


HTML = _environment(person.shown, autoescape=True)
MARKDOWN = _environment(prose, autoescape=False)
