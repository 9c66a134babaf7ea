"""A graded submission as an HTML page and as Markdown. Nothing that a student wrote reaches them as markup.

Both escape by default, expression by expression: what a template does not call safe is shown, never obeyed.
"""

from __future__ import annotations

import html
import re
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from verify import plain
from verify.grading.record import GradeRecord, WorkingLine
from verify.reports import graded_terminal, numbers
from verify.reports import graded_words as words

_OUTPUT_LINES = {"html": 400, "markdown": 40}
_MARKDOWN_WIDTH = 100


def as_html(record: GradeRecord) -> str:
    """The report as one HTML file: nothing to load, nothing that runs."""
    return HTML.get_template("graded.html.j2").render(_context(record, "html"))


def as_markdown(record: GradeRecord) -> str:
    """The report as GitHub's Markdown."""
    return MARKDOWN.get_template("graded.md.j2").render(_context(record, "markdown"))


def _context(record: GradeRecord, kind: str) -> dict[str, Any]:
    printed, left_out = plain.lines(record.output, _OUTPUT_LINES[kind])
    return {
        "record": record,
        "case": record.counterexample,
        "words": words,
        "printed": printed,
        "left_out": left_out,
        "case_text": graded_terminal.case_text(record, _MARKDOWN_WIDTH) if kind == "markdown" else "",
    }


# HTML ----------------------------------------------------------------------------------------------------------------


def matrix(value: Any, digits: int = numbers.DIGITS, other: Any = None) -> Markup:
    """A number, or a matrix in brackets; entries that read differently from another value's are marked."""
    table = numbers.rows(value, digits)
    against = (
        numbers.rows(other, digits) if other is not None and numbers.shape(other) == numbers.shape(value) else table
    )
    cells = [
        f"<b>{html.escape(text)}</b>" if text != right else f"<span>{html.escape(text)}</span>"
        for row, right_row in zip(table, against, strict=True)
        for text, right in zip(row, right_row, strict=False)
    ]
    if not isinstance(value, list):
        return Markup(cells[0])
    return Markup(f'<span class="m" style="--columns:{max(map(len, table))}">{"".join(cells)}</span>')


def term(value: Any) -> Markup:
    """A part of an equation with its numbers."""
    return Markup(f"<span>{html.escape(plain.visible(value))}</span>") if isinstance(value, str) else matrix(value)


def yours(line: WorkingLine) -> Markup:
    """The student's value of a line, its differing entries marked."""
    return matrix(line.yours, words.digits(line), line.expected)


def _shown(value: Any) -> Any:
    return value if isinstance(value, Markup) or not isinstance(value, str) else plain.visible(value)


# Markdown ------------------------------------------------------------------------------------------------------------

# Letters, digits, the slides' symbols, and punctuation that means nothing to Markdown, to GitHub or to a spreadsheet.
_HARMLESS = re.compile(
    r"""[^\W_]|[^\x00-\x7f]|[ ,.;?()/"'%=]|(?<=[\w)]):(?= |$)|(?<=\w)-(?=\w)|(?<= )([<>+*-]|\+=)(?= )"""
)
_LINK = re.compile(r"(?i)\bwww\.")


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
    found.filters |= {"matrix": matrix, "term": term, "yours": yours, "code": code, "fenced": fenced}
    return found


HTML = _environment(_shown, autoescape=True)
MARKDOWN = _environment(prose, autoescape=False)
