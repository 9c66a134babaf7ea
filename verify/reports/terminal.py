"""The main job's record in the terminal: the problem, one row a line, the sweep, and a sentence."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from verify.reports import words
from verify.witnesses.record import CompareRecord, LinePart

_COLOURS = {"agree": "green", "inconclusive": "yellow"}
_CONCLUSIONS = {"agree": "bold", "inconclusive": "bold yellow", "disagree": "bold red"}
_WIDTH = 130  # where the output goes to a file


def console(stream_width: int | None = None) -> Console:
    """A console on standard output; a file gets rows wide enough not to be folded."""
    found = Console(highlight=False)
    return found if found.is_terminal else Console(highlight=False, width=stream_width or _WIDTH)


def show(record: CompareRecord, out: Console) -> None:
    """Print the whole record."""
    out.print(_facts(words.problem_rows(record)))
    out.print()
    out.print(_facts([(name, f"{how}: {seconds}") for name, how, seconds in words.witness_rows(record)]))
    out.print()
    out.print(_lines(record))
    out.print()
    if record.exact is not None:
        out.print("How far each is off the exact line, in units in the last place: median, largest")
        out.print(_offsets(record))
        out.print()
        out.print(words.exact_sentence(record))
        out.print()
    out.print(words.sweep_sentence(record.sweep))
    for failure in record.sweep.failures:
        out.print(f"  {failure.problem}: {failure.line}, {' and '.join(failure.pair)}: {failure.verdict}", style="red")
    out.print()
    out.print(words.conclusion(record), style=_CONCLUSIONS[words.outcome(record)])


def _facts(rows: list[tuple[str, str]]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    for name, value in rows:
        table.add_row(name, Text(value))
    return table


def _lines(record: CompareRecord) -> Table:
    pairs = words.pairs(record)
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("line", no_wrap=True)
    for _, other in pairs:
        table.add_column(Text(f"{other}\nerror"), justify="right", no_wrap=True)
        table.add_column(Text("\nbudget"), justify="right", no_wrap=True)
    table.add_column("\nverdict", no_wrap=True)
    table.add_column("\nplace in the slides")
    for name, said in words.rows(record):
        cells = [cell for pair in pairs for cell in _cells(said.get(pair))]
        word = words.verdict(said)
        place = next(iter(said.values())).place
        table.add_row(
            name, *cells, Text(word, style=_COLOURS.get(word, "bold red")), Text(f"deck {place.deck} {place.heading}")
        )
    return table


def _offsets(record: CompareRecord) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("\nline", no_wrap=True)
    for name in words.exact_witnesses(record):
        table.add_column(Text(f"{name}\nmedian"), justify="right", no_wrap=True)
        table.add_column(Text("\nlargest"), justify="right", no_wrap=True)
    table.add_column("\noff", no_wrap=True)
    for name, said, off in words.exact_rows(record):
        parts = [said.get(w) for w in words.exact_witnesses(record)]
        cells = [
            c for p in parts for c in (("", "") if p is None else (words.size(p.median_ulp), words.size(p.worst_ulp)))
        ]
        table.add_row(name, *cells, Text(off, style="green" if off == "nobody" else "bold red"))
    return table


def _cells(line: LinePart | None) -> tuple[str, str]:
    return ("", "") if line is None else (words.size(line.worst_error), words.size(line.budget))
