"""Pictures of the decks' topics, drawn from their records by matplotlib, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from verify.reports.figure import figure_for
from verify.reports.pictures import graphs, learning, panels

DRAW: dict[str, Callable[[Any, dict[str, Any]], None]] = {
    "regression": panels.regression,
    "perceptron": panels.perceptron,
    "graphs": graphs.graphs,
    "svm": panels.svm,
    "slices": panels.slices,
    "searches": panels.searches,
    "numerical": panels.numerical,
    "logistic": panels.logistic,
    "vanishing": learning.vanishing,
    "remedies": learning.remedies,
    "exercise": learning.exercise,
}


def draw(topic: str, record: dict[str, Any], path: Path) -> None:
    """Write a topic's picture in the format of the name's ending. BadInput where it cannot be written."""
    size = (11, 6.6 if topic == "graphs" else 4.2)
    with figure_for("--out", path, dpi=70, size=size, layout="constrained") as figure:
        DRAW[topic](figure, record)
