"""A graded submission in the terminal: the verdict, what is wrong, the smallest case line by line, the points."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence

from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from verify import plain
from verify.grading.record import (
    Counterexample,
    FindingRecord,
    GradeRecord,
    LessonCase,
    LineRecord,
    PartsRecord,
    WorkingLine,
)
from verify.language import tr
from verify.reports import graded_words as words
from verify.reports import numbers
from verify.reports.spoken import spoken
from verify.reports.texts import say

_COLOURS = {"right": "green", "carried forward": "yellow", "blocked": "yellow", "undecided": "yellow", "absent": "dim"}
_OUTPUT_LINES = 12
_INDENT = 4


def show(record: GradeRecord, out: Console) -> None:
    """Print the whole report."""
    record = spoken(record)
    colour = {"correct": "bold green", "undecided": "bold yellow"}.get(record.state, "bold red")
    out.print(Text(words.headline(record), style=colour))
    if isinstance(record, PartsRecord):
        _show_parts(record, out)
        return
    for text in words.lead(record):
        out.print(Text(text))
    for part in (explanation(record), smallest_case(record, out.width), _lines(record), _rest(record)):
        for renderable in part:
            out.print(renderable)


def _show_parts(record: PartsRecord, out: Console) -> None:
    """What the parts came to, then the report of each."""
    for text in () if record.parts else words.lead(record):
        out.print(Text(text))
    for renderable in parts_table(record):
        out.print(renderable)
    for part in record.parts:
        out.print()
        show(part.graded, out)


def parts_table(record: PartsRecord) -> Iterator[RenderableType]:
    """A row for each part: its state, and what it earned of the whole."""
    if record.parts:
        table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
        for heading in (tr("part"), tr("points"), tr("state")):
            table.add_column(heading, no_wrap=True)
        for part in record.parts:
            table.add_row(*words.part_row(part))
        yield Padding(table, (0, 0, 0, 2), expand=False)


def failure(record: GradeRecord, width: int = 100) -> str:
    """The verdict, what is wrong, and the smallest case, as plain text: the message of a failing test."""
    record = spoken(record)
    if isinstance(record, PartsRecord) and record.parts:
        whole = as_text((Text(words.headline(record)), *parts_table(record)), width)
        return "\n\n".join([whole, *(failure(p.graded, width) for p in record.parts if p.state != "correct")])
    first = (Text(words.headline(record)), *map(Text, words.lead(record)))
    return as_text((*first, *explanation(record), *smallest_case(record, width)), width)


def line_failure(record: GradeRecord, line: LineRecord, width: int = 100) -> str:
    """Why one line fails, as plain text: its reason, and the mistakes that stand in it."""
    record = spoken(record)
    reason = next((one.reason for one in record.lines if (one.function, one.name) == (line.function, line.name)), "")
    first = Text(f"{words.line_name(line)}: {plain.visible(reason or line.reason)}")
    findings = [f for f in record.diagnosis if line.name in f.lines]
    return as_text((first, *(part for f in findings for part in _finding(f, words.source(record)))), width)


def case_text(record: GradeRecord, width: int = 100) -> str:
    """The smallest case with its working as plain text, "" where there is none."""
    case = spoken(record).counterexample
    return "" if case is None else as_text(_case(case, width), width)


def as_text(renderables: Iterable[RenderableType], width: int) -> str:
    """What is printed, as plain text."""
    out = Console(file=io.StringIO(), width=width, color_system=None, highlight=False)
    for renderable in renderables:
        out.print(renderable)
    return "\n".join(line.rstrip() for line in out.file.getvalue().strip("\n").split("\n"))  # type: ignore[union-attr]


def _heading(text: str) -> Text:
    return Text(f"\n{text}", style="bold")


def _indented(text: str | Text, by: int = 2) -> Padding:
    return Padding(Text(plain.visible(text)) if isinstance(text, str) else text, (0, 0, 0, by), expand=False)


# What is wrong -------------------------------------------------------------------------------------------------------


def explanation(record: GradeRecord) -> Iterator[RenderableType]:
    """The mistakes of the diagnosis, or what is known of the error."""
    unknown = words.unknown(record)
    if record.diagnosis or unknown or record.raised:
        yield _heading(tr("What is wrong"))
    for finding in record.diagnosis:
        yield from _finding(finding, words.source(record))
    yield from map(_indented, unknown)
    if record.raised:
        yield _indented(tr("On some problems the program failed, among them:"))
        yield from (_indented(text, 4) for text in record.raised)


def _finding(finding: FindingRecord, source: str) -> Iterator[RenderableType]:
    yield _indented(Text.assemble((finding.says, "bold"), (f"  ({finding.mistake})", "dim")))
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column()
    for name, text in (
        (tr("yours"), finding.wrong),
        (source, finding.right),
        (tr("where"), words.where(finding)),
        (tr("also"), words.also(finding)),
    ):
        if text:
            facts.add_row(name, Text(text))
    yield Padding(facts, (0, 0, 0, 4), expand=False)


# The smallest case ---------------------------------------------------------------------------------------------------


def smallest_case(record: GradeRecord, width: int) -> Iterator[RenderableType]:
    """The problem, its working, the student's values beside it; the first that differs is marked."""
    case = record.counterexample
    if case is None:
        if record.state == "wrong" and words.worst(record):
            yield _heading(tr("Where it shows"))
            yield _indented(words.worst(record))
        return
    yield _heading(tr("The smallest case that shows it: work it by hand"))
    yield from _case(case, width)


def problem(case: words.Problem, width: int) -> Iterator[RenderableType]:
    """What a working starts from: sizes, functions, and the given numbers."""
    yield _indented(words.case_title(case))
    yield from (_indented(Text(text, style="dim")) for text in case.formulas)
    yield Text()
    yield _values(words.givens(case), width)


def _case(case: Counterexample | LessonCase, width: int) -> Iterator[RenderableType]:
    if words.before(case):
        yield _indented(say("call-before"))
        yield _values(words.before(case), width)
        yield Text()
        yield _indented(say("call-after"))
    yield from problem(case, width)
    if case.message:
        yield Text()
        yield _indented(Text(tr("Here the program failed: {what}", what=plain.visible(case.message)), style="red"))
    yield Text()
    yield from _working(case, width)
    yield _indented(Text(words.legend(case), style="dim"))


def _values(values: Sequence[tuple[str, object]], width: int) -> RenderableType:
    """x = …, W(1) = … side by side, as many to a row as there is room for."""
    blocks = [numbers.beside([[f"{name} = "], numbers.block(value)]) for name, value in values]
    return _plain("\n".join(numbers.flow(blocks, width - _INDENT, gap=3)))


def _plain(text: str, style: str = "") -> Padding:
    return Padding(Text(text, style=style, no_wrap=True, overflow="ellipsis"), (0, 0, 0, 2), expand=False)


def _working(case: Counterexample | LessonCase, width: int) -> Iterator[RenderableType]:
    first = words.first_differing(case)
    for line in case.working:
        yield from working_line(line, words.mark(line, first), width, first=line.name == first)


def working_line(line: WorkingLine, mark: str, width: int, *, first: bool) -> Iterator[RenderableType]:
    """A line: its equation, the same with numbers, its value, and the student's where that differs."""
    style = "bold" if first else ""
    yield _plain(f"{mark} {line.equation}".lstrip(), style)
    digits = words.digits(line)
    at = " " * (len(f"{mark} {line.symbol} ".lstrip()))
    room = width - len(at) - _INDENT - 2
    if line.terms:
        yield _plain(_after(at, numbers.equation(line.terms, room)))
    shown = numbers.block(line.expected, digits) if line.differs else numbers.fitting(line.expected, room)
    yield _plain(_after(at, shown))
    if line.differs:
        remark = words.shape_remark(line)
        yours = numbers.beside(
            [[f"{tr('yours')} "], numbers.block(line.yours, digits), [f"   {remark}" if remark else ""]]
        )
        yield _plain("\n".join(" " * max(2, len(at) + 1 - cell_len(tr("yours"))) + text for text in yours), "red")
    if first:
        yield _indented(Text(line.place, style="dim"), 4)


def _after(at: str, block: numbers.Block) -> str:
    """The block behind an = at its middle line."""
    middle = (len(block) - 1) // 2
    return "\n".join(f"{at}{'=' if i == middle else ' '} {text}" for i, text in enumerate(block))


# Points, output, how it was judged -----------------------------------------------------------------------------------


def _lines(record: GradeRecord) -> Iterator[RenderableType]:
    if not record.lines:
        return
    yield _heading(tr("Line by line"))
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for heading in (tr("line"), tr("points"), tr("state")):
        table.add_column(heading, no_wrap=True)
    table.add_column(tr("why"))
    for row in words.rows(record):
        table.add_row(
            row.name, row.points, Text(words.state_word(row.state), style=_COLOURS.get(row.state, "red")), Text(row.why)
        )
    yield Padding(table, (0, 0, 0, 2), expand=False)
    if words.lines_note(record):
        yield _indented(Text(words.lines_note(record), style="dim"))


def _rest(record: GradeRecord) -> Iterator[RenderableType]:
    if record.advice:
        yield _heading(tr("Advice, without points"))
        yield from (_indented(text) for text in record.advice)
    printed, left_out = plain.lines(record.output, _OUTPUT_LINES)
    if printed:
        yield _heading(tr("What the program printed"))
        yield from (_indented(Text(f"│ {text}", style="dim")) for text in printed)
        if left_out:
            yield _indented(tr("… and {n:more line}", n=left_out))
    yield _heading(tr("How it was judged"))
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column()
    for name, value in words.facts(record):
        facts.add_row(name, Text(value))
    yield Padding(facts, (0, 0, 0, 2), expand=False)
