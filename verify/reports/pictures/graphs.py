"""Computational graphs: values on the way up, gradients on the way down."""

from __future__ import annotations

from typing import Any

from verify.reports.pictures.panels import BLUE, GREY, ORANGE


def graphs(figure: Any, record: dict[str, Any]) -> None:
    """One panel per example: value above each node (blue), gradient below it (orange)."""
    examples = record["examples"]
    axes = figure.subplots(2, (len(examples) + 1) // 2)
    for axis, example in zip(axes.flat, examples, strict=False):
        _graph(axis, example)
    for axis in axes.flat:
        axis.axis("off")


def _graph(axis: Any, example: dict[str, Any]) -> None:
    places = _places(example)
    for name, node in example["intermediates"].items():
        for operand in node["operands"]:
            (x0, y0), (x1, y1) = places[operand], places[name]
            axis.annotate(
                "", (x1, y1), (x0, y0), arrowprops={"arrowstyle": "->", "color": GREY, "shrinkA": 9, "shrinkB": 9}
            )
    for name, (x, y) in places.items():
        value, gradient = _of(example, name)
        axis.text(
            x, y, name, ha="center", va="center", fontsize=8, bbox={"boxstyle": "circle", "fc": "white", "ec": GREY}
        )
        axis.text(x, y + 0.33, value, ha="center", va="bottom", fontsize=7, color=BLUE)
        axis.text(x, y - 0.33, gradient, ha="center", va="top", fontsize=7, color=ORANGE)
    axis.set_title(example["function"], fontsize=9)
    axis.set(
        xlim=(-0.6, max(x for x, _ in places.values()) + 0.6),
        ylim=(min(y for _, y in places.values()) - 1, max(y for _, y in places.values()) + 1),
    )


def _places(example: dict[str, Any]) -> dict[str, tuple[float, float]]:
    """A column per distance from the inputs; the nodes of a column spread evenly."""
    depth: dict[str, int] = dict.fromkeys(example["inputs"], 0)
    for name, node in example["intermediates"].items():
        depth[name] = 1 + max(depth[operand] for operand in node["operands"])
    columns: dict[int, list[str]] = {}
    for name, column in depth.items():
        columns.setdefault(column, []).append(name)
    return {
        name: (float(column), 1.6 * ((len(names) - 1) / 2 - i))
        for column, names in columns.items()
        for i, name in enumerate(names)
    }


def _of(example: dict[str, Any], name: str) -> tuple[str, str]:
    if name in example["inputs"]:
        return _short(example["inputs"][name]), _short(example["gradients"][name])
    node = example["intermediates"][name]
    return _short(node["value"]), _short(node["gradient"])


def _short(value: Any) -> str:
    return f"{len(value)} × {len(value[0])}" if isinstance(value, list) else f"{value:.3g}"
