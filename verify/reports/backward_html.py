"""A check's record as one HTML page; each entry is a pixel, coloured by log₁₀ of its error over its budget."""

from __future__ import annotations

from verify.backward.record import CheckRecord
from verify.reports import backward_terminal, pages

_STEPS = ((-3.0, "#1a7f37"), (-2.0, "#2da44e"), (-1.0, "#6fdd8b"), (0.0, "#c8e6c9"), (1.0, "#ff8182"), (3.0, "#cf222e"))
_NONE, _BEYOND = "#d8dee4", "#82071e"


def colour(level: float | None) -> str:
    """Green below the budget, red beyond it; grey where there is no error or no budget."""
    if level is None:
        return _NONE
    return next((shade for limit, shade in _STEPS if level <= limit), _BEYOND)


def render(record: CheckRecord) -> str:
    """The report as a page of its own."""
    cells = backward_terminal.by_place(record)
    return pages.HTML.get_template("backward.html.j2").render(
        record=record,
        facts=backward_terminal.facts(record),
        names=backward_terminal.inputs_of(record),
        cells=cells,
        text=backward_terminal.cell_text,
        percent=backward_terminal.percent,
        colour=colour,
        scale=[*((f"≤ 10^{level:g}" if level else "≤ 1", shade) for level, shade in _STEPS), ("beyond", _BEYOND)],
    )
