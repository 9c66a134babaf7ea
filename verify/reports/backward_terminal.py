"""A check's record as text: the verdict, inputs × probes, the worst entries, what would have been seen."""

from __future__ import annotations

from collections.abc import Iterator

from verify.backward.record import CellRecord, CheckRecord

_MARKS = {"right": "✓", "doubtful": "?", "wrong": "✗", "undecided": "·"}
_NOTHING = ""


def render(record: CheckRecord) -> str:
    """The report as plain text, at most 100 columns where the words allow it."""
    parts = [
        record.sentence,
        facts(record),
        "\n".join(_findings(record)),
        "\n".join(_table(record)),
        "\n".join(_power(record)),
        "\n".join(record.notes),
        f"Again: {record.reproduce}" if record.verdict != "right" else "",
    ]
    return "\n\n".join(part for part in parts if part)


def facts(record: CheckRecord) -> str:
    """What was checked, against what, with how many probes."""
    source = {
        "reference": "the reference, differentiated by autograd in float64",
        "declared": "the declared gradient in float64",
        "differences": "differences of its own forward pass in float64",
    }[record.against]
    left = f"; the reference refuses {record.left_out} of the sizes or inputs" if record.left_out else ""
    return (
        f"{record.dtype} on {record.device}, against {source}; {len(record.probes)} probes, seed {record.seed}{left}."
    )


def inputs_of(record: CheckRecord) -> list[str]:
    """The columns of the table: inputs and outputs as they came."""
    return list(dict.fromkeys(cell.input for cell in record.cells))


def cell_text(cell: CellRecord | None) -> str:
    """A mark, and how much of the budget the worst entry takes."""
    if cell is None:
        return _NOTHING
    ratio = "" if cell.ratio is None else f" {cell.ratio:.2g}"
    return f"{_MARKS[cell.state]}{ratio}"


def by_place(record: CheckRecord) -> dict[tuple[str, str], CellRecord]:
    """(probe, input) -> cell."""
    return {(cell.probe, cell.input): cell for cell in record.cells}


def _table(record: CheckRecord) -> Iterator[str]:
    names, cells = inputs_of(record), by_place(record)
    rows = [p.name for p in record.probes if any((p.name, n) in cells for n in names)]
    if not rows:
        return
    first = max(map(len, rows))
    width = max(8, *map(len, names))
    yield "error / budget".ljust(first) + "".join(f"  {name:>{width}}" for name in names)
    for row in _shown(rows, cells, names):
        yield row.ljust(first) + "".join(f"  {cell_text(cells.get((row, name))):>{width}}" for name in names)
    hidden = len(rows) - len(_shown(rows, cells, names))
    if hidden:
        yield f"({hidden} more sizes, all right)"


def _shown(rows: list[str], cells: dict[tuple[str, str], CellRecord], names: list[str]) -> list[str]:
    """All probes but sizes where everything is right."""
    right = lambda row: all(cells[row, n].state == "right" for n in names if (row, n) in cells)
    return [row for row in rows if not (row.startswith("size") and right(row))]


def _findings(record: CheckRecord) -> Iterator[str]:
    for finding in record.findings[:12]:
        yield f"  {finding.verdict:<12} {finding.says}"
    if len(record.findings) > 12:
        yield f"  and {len(record.findings) - 12} more"


def _power(record: CheckRecord) -> Iterator[str]:
    if not record.power:
        return
    yield "Would have been seen on these data, in how many of the entries that are not 0:"
    for power in record.power:
        seen = ", ".join(f"{name} {percent(share)}" for name, share in power.seen.items())
        yield f"  {power.input}: {seen}" if seen else f"  {power.input}: every entry is 0"
        for name, share in power.missing.items():
            if share < 1:
                yield f"    {name}: {percent(share)} of them"


def percent(share: float) -> str:
    """100 %, 98 %, 0.2 %."""
    return (
        f"{share:.0%}".replace("%", " %")
        if share in (0.0, 1.0) or 0.01 <= share <= 0.99
        else f"{share:.1%}".replace("%", " %")
    )
