"""A check's record as text: the verdict, inputs × probes, the worst entries, what would have been seen."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from verify.backward.record import CellRecord, CheckRecord, Finding

_MARKS = {"right": "✓", "doubtful": "?", "wrong": "✗", "undecided": "·"}
_NOTHING, _CORNER = "", "error / budget"
_WIDTH, _MOST = 80, 12


def render(record: CheckRecord) -> str:
    """The report as plain text, in 80 columns where no single word is longer."""
    parts = [
        _filled(record.sentence),
        _filled(facts(record)),
        "\n".join(_findings(record)),
        "\n".join(_table(record)),
        "\n".join(_power(record)),
        "\n\n".join(map(_filled, record.notes)),
        f"Again: {record.reproduce}" if record.verdict != "right" else "",
    ]
    return "\n\n".join(part for part in parts if part)


def _filled(text: str, first: str = "", rest: str = "") -> str:
    return textwrap.fill(
        text, _WIDTH, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False
    )


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
    """Inputs across and probes down, in as many blocks as the width asks for."""
    names, cells = inputs_of(record), by_place(record)
    rows = [p.name for p in record.probes if any((p.name, n) in cells for n in names)]
    if not rows:
        return
    shown = _shown(rows, cells, names)
    first = max(map(len, (_CORNER, *shown)))
    width = max(9, *map(len, names))
    many = max(1, (_WIDTH - first) // (width + 2))
    for start in range(0, len(names), many):
        block = names[start : start + many]
        if start:
            yield ""
        yield _CORNER.ljust(first) + "".join(f"  {name:>{width}}" for name in block)
        for row in shown:
            texts = "".join(f"  {cell_text(cells.get((row, name))):>{width}}" for name in block)
            if texts.strip():
                yield (row.ljust(first) + texts).rstrip()
    hidden = len(rows) - len(shown)
    if hidden:
        yield f"({hidden} more size{'s' if hidden > 1 else ''}, as under {rows[0]!r})"


def _shown(rows: list[str], cells: dict[tuple[str, str], CellRecord], names: list[str]) -> list[str]:
    """All probes but the sizes that show what the first probe shows."""
    marks = lambda row: [cells[row, n].state for n in names if (row, n) in cells]
    return [row for row in rows if not (row.startswith("size") and marks(row) == marks(rows[0]))]


def _findings(record: CheckRecord) -> Iterator[str]:
    """One sentence for each kind of finding and input, and the other probes that show it."""
    groups: dict[tuple[str, str, str], list[Finding]] = {}
    for finding in record.findings:
        groups.setdefault((finding.verdict, finding.kind, finding.input), []).append(finding)
    for (verdict, _, _), found in list(groups.items())[:_MOST]:
        also = [f.probe for f in found[1:] if f.probe]
        more = f" So it is under {_listed(also)}." if also else ""
        yield _filled(f"{found[0].says}{more}", f"  {verdict:<12} ", " " * 15)
    if len(groups) > _MOST:
        yield f"  and {len(groups) - _MOST} more"


def _listed(probes: list[str]) -> str:
    """The first few, and how many more."""
    if len(probes) <= 3:
        return ", ".join(map(repr, probes))
    return f"{len(probes)} other probes, {probes[0]!r} among them"


def _power(record: CheckRecord) -> Iterator[str]:
    if not record.power:
        return
    yield "Would have been seen on these data, in how many of the entries that are not 0:"
    for power in record.power:
        seen = ", ".join(f"{name} {percent(share)}" for name, share in power.seen.items())
        yield _filled(f"{power.input}: {seen or 'every entry is 0'}", "  ", "    ")
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
