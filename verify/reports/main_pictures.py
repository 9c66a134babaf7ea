"""The main job's pictures: a histogram per line, the sweep as a grid, detection limits beside others', the V-curve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from markupsafe import Markup, escape
from msgspec import UNSET

from verify.reports import inline, words
from verify.reports.texts import say
from verify.witnesses.record import CellPart, CompareRecord

# The smallest relative error in one entry that others flag, medians: docs/BENCHMARK.md "Smallest relative error
# flagged in one entry", network [16, 9, 10], by `scripts/benchmark.py --table smallest`.
OTHERS = {
    "torch gradcheck": 0.0021,
    "torch gradcheck, fast": 0.060,
    "jax check_grads": 0.0031,
    "autograd check_grads": 4.0e-05,
    "a loop, central differences": 1.1e-07,
    "CS231n, forward differences": 7.8e-04,
}
_BAR, _HIGH = 7, 22
_WIDE = 340  # pixels: a telephone shows pictures as large as they are


class Cell(NamedTuple):
    """The problems of one activation and one λ: in words, and for each shape how its problem came out, "" for none."""

    says: str
    marks: list[tuple[str, str]]


class Grid(NamedTuple):
    """The sweep: the values of λ, the shapes, and per activation a cell for each λ."""

    lambdas: list[str]
    shapes: list[str]
    rows: list[tuple[str, list[Cell]]]


def histogram(counts: Sequence[int]) -> Markup:
    """A small picture of how a line's entries use their budget, each bar a decade; none where it is not known."""
    if not counts or not sum(counts):
        return Markup("")
    most = max(counts)
    bars = "".join(
        f'<rect class="{"bad" if i == len(counts) - 1 else "good" if i else "soft"}" x="{i * (_BAR + 1)}" '
        f'y="{_HIGH - h:.1f}" width="{_BAR}" height="{h:.1f}"/>'
        for i, n in enumerate(counts)
        if (h := max(1.5, _HIGH * n / most) if n else 0)
    )
    within = sum(counts[:-1])
    says = say("histogram-says", exact=counts[0], within=within - counts[0], beyond=counts[-1])
    width = len(counts) * (_BAR + 1)
    return Markup(
        f'<svg class="histogram" role="img" aria-label="{escape(says)}" viewBox="0 0 {width} {_HIGH + 1}" '
        f'width="{width}" height="{_HIGH + 1}"><path class="axis" d="M0 {_HIGH + 0.5}H{width}"/>{bars}</svg>'
    )


def grid(record: CompareRecord) -> Grid | None:
    """The sweep by activation, λ and shape; None where there was none."""
    cells = record.sweep.cells
    if not cells:
        return None
    lambdas, shapes = sorted({c.lam for c in cells}), list(dict.fromkeys(c.shape for c in cells))
    of: dict[tuple[str, float], list[CellPart]] = {}
    for c in cells:
        of.setdefault((c.activation, c.lam), []).append(c)
    rows = [
        (name, [_cell(name, lam, of.get((name, lam), []), shapes) for lam in lambdas])
        for name in dict.fromkeys(c.activation for c in cells)
    ]
    return Grid([f"{lam:g}" for lam in lambdas], shapes, rows)


def _cell(activation: str, lam: float, found: Sequence[CellPart], shapes: Sequence[str]) -> Cell:
    marks = [(_worst([c.verdict for c in found if c.shape == shape]), shape) for shape in shapes]
    counts = {v: sum(c.verdict == v for c in found) for v in ("agree", "inconclusive", "disagree")}
    said = ", ".join(f"{n} {v}" for v, n in counts.items() if n) or say("no-problem")
    return Cell(f"{activation}, λ = {lam:g}: {said}", marks)


def _worst(verdicts: Sequence[str]) -> str:
    return next((v for v in ("disagree", "inconclusive", "agree") if v in verdicts), "")


def limits(record: CompareRecord) -> Markup | None:
    """The smallest error that this run would have seen, beside what other checkers see; None where it saw none."""
    ours = {pair.split("/")[1]: v for pair, v in record.detection_limit.items() if v}
    if not ours:
        return None
    bars = sorted([*((name, v, True) for name, v in ours.items()), *((n, v, False) for n, v in OTHERS.items())],
                  key=lambda bar: -bar[1])  # fmt: skip

    def draw(figure: Any) -> None:
        axis = figure.subplots()
        axis.barh([n for n, _, _ in bars], [v for _, v, _ in bars], height=0.6, left=1e-16,
                  color=[inline.GOOD if own else inline.SOFT for _, _, own in bars])  # fmt: skip
        axis.set(xscale="log", xlim=(1e-16, 1), xlabel=say("limits-axis"))
        axis.set_xticks([1e-16, 1e-12, 1e-8, 1e-4, 1])
        axis.minorticks_off()
        axis.tick_params(axis="y", length=0)

    listed = "; ".join(f"{name} {words.size(v)}" for name, v, _ in bars)
    return inline.picture(draw, say("limits-says", listed=listed), width=_WIDE, height=24 * len(bars) + 50)


def curve(record: CompareRecord) -> Markup | None:
    """Error over step size, and what the witness by differences reaches; None where it was not measured."""
    if not record.steps:
        return None
    ours = next((v for pair, v in record.detection_limit.items() if pair.endswith("/finite-differences")), None)
    checked = any(w.name == "finite-differences" and w.parameters_checked is not UNSET for w in record.witnesses)
    colours = (inline.OPEN, inline.BAD)

    def draw(figure: Any) -> None:
        axis = figure.subplots()
        for part, colour, style in zip(record.steps, colours, ("o--", "s-"), strict=False):
            axis.plot(part.steps, [max(e, 1e-17) for e in part.errors], style, color=colour, markersize=3.5, lw=1.4,
                      label=part.method)  # fmt: skip
        if ours and checked:
            axis.axhline(ours, color=inline.GOOD, lw=1.6, label=say("curve-ours"))
        axis.set(xscale="log", yscale="log", xlabel=say("curve-step"), ylabel=say("curve-error"))
        axis.legend(fontsize=8.5)

    best = "; ".join(
        say("curve-best", method=p.method, error=words.size(min(p.errors)), step=words.size(p.steps[_least(p.errors)]))
        for p in record.steps
    )
    return inline.picture(draw, say("curve-says", best=best), width=_WIDE, height=260)


def _least(values: Sequence[float]) -> int:
    return min(range(len(values)), key=values.__getitem__)
