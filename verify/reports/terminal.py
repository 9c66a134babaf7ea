"""The main job's record in the terminal: the problem, one row a line, the sweep, and a sentence."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from verify.reports import words
from verify.witnesses.record import CompareRecord, LinePart

_COLOURS = {"agree": "green", "inconclusive": "yellow"}
_CONCLUSIONS = {"agree": "bold", "inconclusive": "bold yellow", "disagree": "bold red"}
_ANY = 10_000  # columns: more than any table takes
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
    _show_fitting(_lines, record, out)
    out.print()
    if record.exact is not None:
        out.print("How far each is off the exact line, in units in the last place: median, largest")
        _show_fitting(_offsets, record, out)
        out.print()
        out.print(words.exact_sentence(record))
        out.print()
    out.print(words.sweep_sentence(record.sweep))
    for failure in record.sweep.failures:
        out.print(f"  {failure.problem}: {failure.line}, {' and '.join(failure.pair)}: {failure.verdict}", style="red")
    out.print()
    out.print(words.conclusion(record), style=_CONCLUSIONS[words.outcome(record)])


def _show_fitting(make: Callable[..., Table], record: CompareRecord, out: Console) -> None:
    """A table as wide as it likes where there is room; else with folded headings, and the places below it."""
    wide = make(record)
    if out.measure(wide, options=out.options.update(width=_ANY)).maximum <= out.width:
        out.print(wide)
        return
    out.print(make(record, narrow=True))
    if make is _lines:
        out.print()
        out.print(_facts([("place in the slides", ""), *_places(record)]))


def _places(record: CompareRecord) -> list[tuple[str, str]]:
    """The lines that the slides state in one place, and that place."""
    found: dict[str, list[str]] = {}
    for name, said in words.rows(record):
        found.setdefault(_place(said), []).append(name)
    return [(", ".join(names), place) for place, names in found.items()]


def _place(said: dict[tuple[str, str], LinePart]) -> str:
    place = next(iter(said.values())).place
    return f"deck {place.deck} {place.heading}"


def _headings(names: Sequence[str], *, narrow: bool) -> tuple[str, list[str]]:
    """What stands above all other headings, and the names of witnesses: in little room one word of each per line."""
    split = [name.split("-") if narrow else [name] for name in names]
    height = max(map(len, split), default=1)
    return "\n" * height, ["\n" * (height - len(words)) + "\n".join(words) + "\n" for words in split]


def _facts(rows: list[tuple[str, str]]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", max_width=24)
    table.add_column()
    for name, value in rows:
        table.add_row(name, Text(value))
    return table


def _lines(record: CompareRecord, *, narrow: bool = False) -> Table:
    pairs = words.pairs(record)
    table = _table(narrow)
    above, headings = _headings([other for _, other in pairs], narrow=narrow)
    table.add_column("line" if not narrow else f"{above}line", no_wrap=True)
    for heading in headings:
        table.add_column(Text(f"{heading}error"), justify="right", no_wrap=True)
        table.add_column(Text(f"{above}budget"), justify="right", no_wrap=True)
    table.add_column(f"{above}verdict", no_wrap=not narrow)
    if not narrow:
        table.add_column(f"{above}place in the slides", no_wrap=True)
    for name, said in words.rows(record):
        cells = [cell for pair in pairs for cell in _cells(said.get(pair))]
        word = words.verdict(said)
        place = [] if narrow else [Text(_place(said))]
        table.add_row(name, *cells, Text(word, style=_COLOURS.get(word, "bold red")), *place)
    return table


def _table(narrow: bool) -> Table:
    return Table(box=None, pad_edge=False, header_style="dim", padding=(0, 1, 0, 0) if narrow else (0, 1))


def _offsets(record: CompareRecord, *, narrow: bool = False) -> Table:
    table = _table(narrow)
    above, headings = _headings(words.exact_witnesses(record), narrow=narrow)
    table.add_column(f"{above}line", no_wrap=True)
    for heading in headings:
        table.add_column(Text(f"{heading}median"), justify="right", no_wrap=True)
        table.add_column(Text(f"{above}largest"), justify="right", no_wrap=True)
    table.add_column(f"{above}off", no_wrap=not narrow)
    for name, said, off in words.exact_rows(record):
        parts = [said.get(w) for w in words.exact_witnesses(record)]
        cells = [
            c for p in parts for c in (("", "") if p is None else (words.size(p.median_ulp), words.size(p.worst_ulp)))
        ]
        table.add_row(name, *cells, Text(off, style="green" if off == "nobody" else "bold red"))
    return table


def _cells(line: LinePart | None) -> tuple[str, str]:
    return ("", "") if line is None else (words.size(line.worst_error), words.size(line.budget))
