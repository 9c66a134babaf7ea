"""Pictures of the decks' topics, drawn from their records by matplotlib, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from verify.errors import BadInput
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
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure = pyplot.figure(figsize=(11, 6.6 if topic == "graphs" else 4.2), layout="constrained")
    try:
        DRAW[topic](figure, record)
        # Without a date in it, the same record gives the same bytes.
        figure.savefig(path, dpi=70, metadata={"Software": None} if path.suffix == ".png" else None)
    except (OSError, ValueError) as error:
        raise BadInput(f"--out {path}: cannot be written ({' '.join(str(error).split())})") from error
    finally:
        pyplot.close(figure)
