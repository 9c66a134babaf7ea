"""The three tables as one picture: time against parameters, smallest error flagged, false alarms."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from verify.benchmarks.networks import RANDOM, REAL
from verify.benchmarks.tables import Table
from verify.errors import BadInput
from verify.reports.figure import figure_for

_OURS, _THEIRS = "#1b6ca8", "#b0b7bf"
_NONE = 1e6  # where "none" is drawn on the axis of errors


def draw(tables: Iterable[Table], path: Path) -> None:
    """Write the picture (PNG, SVG or PDF by the name's ending). BadInput where no table has one, or no such format."""
    panels = [(table, _PANELS[table.name]) for table in tables if table.name in _PANELS]
    if not panels:
        raise BadInput(f"--picture {path}: allowed with the tables {', '.join(_PANELS)}, one of them at least")
    with figure_for("--picture", path, dpi=130, size=(6.4 * len(panels), 5.4)) as figure:
        axes = figure.subplots(1, len(panels), squeeze=False)
        for axis, (table, panel) in zip(axes[0], panels, strict=True):
            panel(axis, table.record)
            axis.set_title(table.title, loc="left", fontsize=12, pad=12)
            axis.spines[["top", "right"]].set_visible(False)
        figure.get_layout_engine().set(w_pad=3)


def _ours(name: str) -> bool:
    return name.startswith("backproof")


def _time(axis: Any, record: dict) -> None:
    cases = [case for case in record["cases"] if case["inputs"] == REAL]
    ends = []
    for name in cases[0]["peers"]:
        points = [(case["parameters"], case["peers"][name]) for case in cases if isinstance(case["peers"][name], dict)]
        if not points:
            continue
        x, y = [P for P, _ in points], [t["seconds"] for _, t in points]
        line = axis.plot(x, y, lw=2.4 if _ours(name) else 1.3, zorder=3 if _ours(name) else 2)[0]
        filled = [not t["extrapolated"] for _, t in points]
        axis.scatter(x, y, s=26, color=[line.get_color() if f else "white" for f in filled],
                     edgecolors=line.get_color(), zorder=4)  # fmt: skip
        ends.append((y[-1], x[-1], name, line.get_color()))
    axis.set(xscale="log", yscale="log", xlabel="parameters", ylabel="seconds (hollow: extrapolated)")
    axis.grid(alpha=0.25)
    _label(axis, ends)


def _label(axis: Any, ends: list[tuple[float, float, str, Any]]) -> None:
    """The name of each line at its end, no two on top of each other."""
    low, high = axis.get_ylim()
    axis.set_xlim(axis.get_xlim()[0], axis.get_xlim()[1] * 90)
    gap, last = (high / low) ** 0.047, 0.0
    right = max(x for _, x, _, _ in ends)
    for y, _, name, color in sorted(e for e in ends if e[1] == right):
        at = max(y, last * gap)
        axis.annotate(name, (right * 1.25, at), color=color, fontsize=8.5, va="center",
                      weight="bold" if _ours(name) else "normal")  # fmt: skip
        last = at
    for y, x, name, color in (e for e in ends if e[1] < right):
        axis.annotate(name, (x * 1.25, y), color=color, fontsize=8.5, va="center", weight="bold")


def _smallest(axis: Any, record: dict) -> None:
    network, found = list(record.items())[-1]
    names = [name for name, value in found.items() if not isinstance(value, str) or value == "false alarm"]
    values = [_NONE if isinstance(found[name], str) else min(found[name], _NONE) for name in names]
    _bars(axis, names, values, [_error_text(found[name]) for name in names], 1e-16)
    axis.set(xscale="log", xlim=(1e-16, 1e10), xlabel=f"relative error, {network}")


def _error_text(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return "none" if value == float("inf") else f"{value:.1e}"


def _alarms(axis: Any, record: dict) -> None:
    counts = record["alarms"]
    names = [name for name in counts[REAL] if not isinstance(counts[REAL][name], str)]
    share = [100 * (counts[REAL][name] + counts[RANDOM][name]) / (2 * record["seeds"]) for name in names]
    texts = [f"{counts[REAL][name]} real, {counts[RANDOM][name]} random" for name in names]
    _bars(axis, names, share, texts, 0)
    axis.set(xlim=(0, 150), xlabel=f"% of right gradients flagged, {record['seeds']} networks each")
    axis.set_xticks([0, 25, 50, 75, 100])


def _bars(axis: Any, names: list[str], values: list[float], texts: list[str], left: float) -> None:
    colors = [_OURS if _ours(name) else _THEIRS for name in names]
    places = range(len(names), 0, -1)
    axis.barh(places, [v - left for v in values], left=left, color=colors, height=0.66)
    axis.set_yticks(list(places), names, fontsize=9)
    for at, value, text in zip(places, values, texts, strict=True):
        axis.annotate(text, (value, at), xytext=(4, 0), textcoords="offset points", va="center", fontsize=8.5)


_PANELS = {"time": _time, "smallest": _smallest, "alarms": _alarms}
