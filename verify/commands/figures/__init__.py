"""What the decks print and draw, computed topic by topic: each topic is a function that gives its numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from verify.commands.figures import exercise, graphs, regression, separation, unstable, valleys
from verify.reports.figures_record import SCHEMA

TOPICS: dict[str, Callable[[], dict[str, Any]]] = {
    "regression": regression.topic,
    "perceptron": separation.perceptron_topic,
    "graphs": graphs.topic,
    "svm": separation.svm_topic,
    "slices": valleys.slices_topic,
    "searches": valleys.searches_topic,
    "numerical": valleys.numerical_topic,
    "logistic": separation.logistic_topic,
    "vanishing": unstable.vanishing_topic,
    "remedies": unstable.remedies_topic,
    "exercise": exercise.topic,
}
__all__ = ["SCHEMA", "TOPICS"]
