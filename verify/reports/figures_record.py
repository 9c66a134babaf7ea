"""The record of `figures.py --json`, schema backproof.figures/1: the numbers behind each topic's picture.

Topics that were not asked for are left out.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

SCHEMA = "backproof.figures/1"
Vector = list[float | None]
Matrix = list[Vector]


class Regression(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Polynomial fits: w* by degree, ridge, MAP, the fits as curves over `grid`, a descent."""

    x: Vector
    t: Vector
    w: dict[str, Vector]
    ridge: Vector
    strength: float = msgspec.field(name="lambda")
    map: Vector
    map_equals_ridge: bool
    grid: Vector
    fits: dict[str, Vector]
    descent: Vector


class PerceptronExample(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The perceptron on some points: how often it moved, and by how much at most it may (null where no line parts)."""

    name: str
    separable: bool
    updates: int
    bound: float | None
    rounds: int
    w: Vector
    b: float
    points: Matrix
    labels: Vector


class Perceptron(msgspec.Struct, forbid_unknown_fields=True):
    examples: list[PerceptronExample]


class Node(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A node of a computational graph: its value, the derivative of the output by it, and the local ones."""

    formula: str
    operands: list[str]
    value: Any
    gradient: Any
    local: list[Any]


class GraphExample(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A graph of the decks; values are numbers, or matrices where the deck has arrays."""

    name: str
    function: str
    place: str
    given: bool
    inputs: dict[str, Any]
    value: Any
    gradients: dict[str, Any]
    intermediates: dict[str, Node]
    order: list[str]


class Graphs(msgspec.Struct, forbid_unknown_fields=True):
    examples: list[GraphExample]


class Svm(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The multi-class loss along one line through the weights: of each sample, together, and its gradient."""

    x: Matrix
    y: list[int]
    w: Matrix
    a: Vector
    losses: Matrix
    loss: Vector
    gradient: Vector


class Slices(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A loss along one direction, and over two."""

    a: Vector
    curve: Vector
    convex: bool
    b: Vector
    surface: Matrix


class Searches(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Three ways down, and steps of three lengths."""

    ways: dict[str, Vector]
    steps: dict[str, Vector]
    eta: dict[str, float]


class Numerical(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The error of each numerical derivative by its step, and its budget."""

    steps: Vector
    errors: dict[str, Vector]
    budgets: dict[str, Vector]


class Dead(msgspec.Struct, forbid_unknown_fields=True):
    """How many units are dead, by their bias."""

    units: int
    bias: Vector
    count: list[int]


class Logistic(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Logistic regression on two clouds, and the count of dead units."""

    x: Matrix
    t: Vector
    w: Vector
    b: float
    loss: Vector
    right: float
    dead: Dead


class Vanishing(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """How fast each layer learns at first, by the number of hidden layers, and over the epochs."""

    speeds: dict[str, Vector]
    ratio: dict[str, float]
    history: Matrix
    products: dict[str, float]
    slopes: dict[str, Vector]


class Remedy(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One remedy by itself: loss by epoch, and at first the layers' speeds and the units' slopes."""

    loss: Vector
    speeds: Vector
    ratio: float
    saturated: float
    median_slope: float


class Remedies(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    hidden: int
    width: int
    epochs: int
    eta: float
    remedies: dict[str, Remedy]


class Run(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A training of the exercise: accuracy on the training and the test part, by epoch."""

    layers: list[int]
    activation: str
    optimiser: str
    lr: float
    train: Vector
    test: Vector


class Exercise(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    epochs: int
    printed: dict[str, float]
    runs: list[Run]


class Topics(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The topics that were asked for."""

    regression: Regression | UnsetType = UNSET
    perceptron: Perceptron | UnsetType = UNSET
    graphs: Graphs | UnsetType = UNSET
    svm: Svm | UnsetType = UNSET
    slices: Slices | UnsetType = UNSET
    searches: Searches | UnsetType = UNSET
    numerical: Numerical | UnsetType = UNSET
    logistic: Logistic | UnsetType = UNSET
    vanishing: Vanishing | UnsetType = UNSET
    remedies: Remedies | UnsetType = UNSET
    exercise: Exercise | UnsetType = UNSET


class FiguresRecord(msgspec.Struct, kw_only=True):
    """All numbers of a run."""

    schema: str = SCHEMA
    topics: Topics
