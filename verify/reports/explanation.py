"""A worked problem in the terminal, as HTML and as Markdown: every line with its slide, equation and numbers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.text import Text

from verify.grading.explain_record import AnyExplainRecord, ExplainRecord
from verify.grading.record import WorkingLine
from verify.language import phrase, tr
from verify.reports import graded_words as words
from verify.reports import worked
from verify.reports.graded_pages import HTML, MARKDOWN
from verify.reports.graded_terminal import as_text, problem, working_line
from verify.reports.spoken import spoken_working
from verify.reports.texts import say

_MARKDOWN_WIDTH = 100


def _title(record: AnyExplainRecord) -> str:
    if isinstance(record, ExplainRecord):
        return tr("A network worked by hand")
    return tr("{what} worked by hand", what=phrase("title", record.title.split(":")[0]))


def show(record: AnyExplainRecord, out: Console) -> None:
    """Print the whole working."""
    record = spoken_working(record)
    out.print(Text(_title(record), style="bold"))
    for renderable in _everything(record, out.width):
        out.print(renderable)


def as_html(record: AnyExplainRecord) -> str:
    """The working as one HTML file."""
    record = spoken_working(record)
    sizes = None if isinstance(record, ExplainRecord) else record.sizes
    made = {step.name: step for step in worked.steps(record, sizes)}
    return HTML.get_template("explain.html.j2").render(
        case=record, words=words, title=_title(record), say=say, givens=worked.givens(record),
        parts=[(place, [made[line.name] for line in lines]) for place, lines in by_place(record)],
    )  # fmt: skip


def as_markdown(record: AnyExplainRecord) -> str:
    """The working as GitHub's Markdown."""
    record = spoken_working(record)
    text = as_text(_everything(record, _MARKDOWN_WIDTH), _MARKDOWN_WIDTH)
    return MARKDOWN.get_template("explain.md.j2").render(title=_title(record), text=text)


def by_place(record: AnyExplainRecord) -> list[tuple[str, list[WorkingLine]]]:
    """The lines in the order in which they are computed, with the slide that states those that follow one another."""
    return [(place, list(lines)) for place, lines in groupby(record.working, key=lambda line: line.place)]


def _everything(record: AnyExplainRecord, width: int) -> Iterator[RenderableType]:
    yield from problem(record, width)
    for place, lines in by_place(record):
        yield Padding(Text(place, style="dim"), (1, 0, 0, 2), expand=False)
        for line in lines:
            yield from (Padding(r, (0, 0, 0, 2), expand=False) for r in working_line(line, "", width - 2, first=False))
