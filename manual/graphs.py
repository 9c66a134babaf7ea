"""Computational graphs by hand: values forward in order, gradients backward as sums over paths.

Deck 003 "复合函数求导——技巧" has the rule: keep every intermediate value; the top has the derivative 1; below it, the
derivative of a node is the sum, over the edges that lead up from it, of local derivative times derivative above.
Deck 002 "计算图-前向传播与反向传播" and deck 004 "链式法则" use it so; the examples of all decks stand in `EXAMPLES`.

A value is a tensor of any shape; the operations are entry by entry, but for `sum`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

Values = Mapping[str, Tensor]


@dataclass(frozen=True)
class Operation:
    """value(*operands) -> the node's value; local(*operands) -> the derivative of the value by each operand."""

    value: Callable[..., Tensor]
    local: Callable[..., tuple[Tensor, ...]]


def constant_times(c: float) -> Operation:
    """f_a(x) = ax, df/dx = a: deck 004 "Sigmoid例子"."""
    return Operation(lambda x: c * x, lambda x: (torch.full_like(x, c),))


def constant_plus(c: float) -> Operation:
    """f_c(x) = c + x, df/dx = 1: deck 004 "Sigmoid例子"."""
    return Operation(lambda x: c + x, lambda x: (torch.ones_like(x),))


ADD = Operation(lambda x, y: x + y, lambda x, y: (torch.ones_like(x), torch.ones_like(y)))
TIMES = Operation(lambda x, y: x * y, lambda x, y: (y, x))
SQUARE = Operation(lambda x: x**2, lambda x: (2 * x,))
EXP = Operation(torch.exp, lambda x: (torch.exp(x),))  # deck 004 "Sigmoid例子"
RECIPROCAL = Operation(lambda x: 1 / x, lambda x: (-1 / x**2,))  # deck 004 "Sigmoid例子"
SUM = Operation(torch.sum, lambda x: (torch.ones_like(x),))  # deck 002 "计算图代码赏析"
SIGMOID = Operation(torch.sigmoid, lambda x: (torch.sigmoid(x) * torch.sigmoid(-x),))  # (1 − σ)σ, without cancelling


@dataclass(frozen=True)
class Node:
    """A node that is computed: its name, its operation, and the nodes that it reads, in their order."""

    name: str
    operation: Operation
    operands: tuple[str, ...]
    formula: str


@dataclass(frozen=True)
class Graph:
    """Nodes in an order in which each reads only what stands before it; the last one is the output."""

    nodes: tuple[Node, ...]

    @property
    def output(self) -> str:
        return self.nodes[-1].name

    def readers(self, name: str) -> list[tuple[Node, int]]:
        """The edges up from a value: who reads it, and as which operand; once for each time."""
        return [(node, at) for node in self.nodes for at, operand in enumerate(node.operands) if operand == name]


def forward(graph: Graph, inputs: Values) -> dict[str, Tensor]:
    """Every value, inputs first, then node by node: deck 003 "复合函数求导——技巧" (1)."""
    values = dict(inputs)
    for node in graph.nodes:
        values[node.name] = node.operation.value(*(values[name] for name in node.operands))
    return values


def local_derivatives(graph: Graph, values: Values) -> dict[str, tuple[Tensor, ...]]:
    """Node -> its derivative by each operand, at these values: what is written on the edges."""
    return {node.name: node.operation.local(*(values[name] for name in node.operands)) for node in graph.nodes}


def backward(graph: Graph, values: Values) -> dict[str, Tensor]:
    """The derivative of the output by every node and input: deck 003 "复合函数求导——技巧" (2) and (3).

    Of a node that nothing reads it is 0. Every operand of every node adds one path, so a node that is read twice by one
    node gets both.
    """
    edges = local_derivatives(graph, values)
    found = {name: torch.zeros_like(value) for name, value in values.items()}
    found[graph.output] = torch.ones_like(values[graph.output])
    for node in reversed(graph.nodes):
        for name, local in zip(node.operands, edges[node.name], strict=True):
            found[name] = found[name] + found[node.name] * local
    return found


def paths(graph: Graph, start: str) -> list[tuple[str, ...]]:
    """Every way from a node up to the output: deck 003 "复合函数求导" adds the derivatives along them."""
    if start == graph.output:
        return [(start,)]
    return [(start, *rest) for reader, _ in graph.readers(start) for rest in paths(graph, reader.name)]


# The decks' examples -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Example:
    """A function of a deck as a graph, with the inputs that the deck puts in; ours where `given` is false."""

    name: str
    function: str
    place: str
    graph: Graph
    inputs: Mapping[str, Tensor]
    given: bool


def _graph(*rows: tuple[str, Operation, Sequence[str], str]) -> Graph:
    return Graph(tuple(Node(name, operation, tuple(operands), formula) for name, operation, operands, formula in rows))


def _numbers(**values: float) -> dict[str, Tensor]:
    return {name: torch.tensor(value, dtype=torch.float64, device="cpu") for name, value in values.items()}


_TWICE_AND_THRICE = _graph(
    ("u", constant_times(2), ["x"], "2x"),
    ("f", constant_plus(2), ["u"], "u + 2"),
    ("v", constant_times(3), ["f"], "3f"),
    ("g", constant_plus(3), ["v"], "v + 3"),
)

_SQUARE_TIMES_Y = _graph(
    ("s", SQUARE, ["x"], "x²"),
    ("p", TIMES, ["s", "y"], "s y"),
    ("q", constant_plus(2), ["y"], "y + 2"),
    ("f", ADD, ["p", "q"], "p + q"),
)

_LOGISTIC = _graph(
    ("h1", TIMES, ["x", "w"], "x w"),
    ("h2", ADD, ["h1", "b"], "h1 + b"),
    ("h3", constant_times(-1), ["h2"], "−h2"),
    ("h4", EXP, ["h3"], "exp(h3)"),
    ("h5", constant_plus(1), ["h4"], "h4 + 1"),
    ("h6", RECIPROCAL, ["h5"], "1/h5"),
)

_TWO_PATHS = _graph(
    ("a", ADD, ["x1", "x2"], "x1 + x2"),
    ("b", constant_plus(1), ["x2"], "x2 + 1"),
    ("y", TIMES, ["a", "b"], "a b"),
)

_TWO_SQUARES = _graph(
    ("a", SQUARE, ["x1"], "x1²"),
    ("b", ADD, ["x1", "x2"], "x1 + x2"),
    ("c", SQUARE, ["b"], "b²"),
    ("y", ADD, ["a", "c"], "a + c"),
)

_SQUARES_MULTIPLIED = _graph(
    ("a", ADD, ["x1", "x2"], "x1 + x2"),
    ("b", SQUARE, ["a"], "a²"),
    ("c", SQUARE, ["x2"], "x2²"),
    ("d", TIMES, ["b", "c"], "b c"),
    ("y", ADD, ["d", "x2"], "d + x2"),
)

_SUM_TIMES_Z = _graph(("q", ADD, ["x", "y"], "x + y"), ("f", TIMES, ["q", "z"], "q z"))

_NEURON = _graph(
    ("p0", TIMES, ["w0", "x0"], "w0 x0"),
    ("p1", TIMES, ["w1", "x1"], "w1 x1"),
    ("s", ADD, ["p0", "p1"], "p0 + p1"),
    ("dot", ADD, ["s", "w2"], "s + w2"),
    ("f", SIGMOID, ["dot"], "σ(dot)"),
)

_SEVERAL_PATHS = _graph(
    ("u", TIMES, ["x", "y"], "x y"),
    ("v", ADD, ["x", "y"], "x + y"),
    ("z", TIMES, ["u", "v"], "u v"),
)

_ARRAYS = _graph(
    ("a", TIMES, ["x", "y"], "x ⊙ y"), ("b", ADD, ["a", "z"], "a + z"), ("c", SUM, ["b"], "Σ b"),
)  # fmt: skip


def _arrays() -> dict[str, Tensor]:
    """Three tensors of 3 × 4, drawn by torch from a fixed seed: the deck draws them by NumPy's."""
    rng = torch.Generator().manual_seed(0)
    return {name: torch.randn(3, 4, generator=rng, dtype=torch.float64, device="cpu") for name in ("x", "y", "z")}


EXAMPLES: tuple[Example, ...] = (
    Example("chain", "3(2x + 2) + 3", 'deck 000 "背景知识"', _TWICE_AND_THRICE, _numbers(x=5), given=False),
    Example(
        "square", "x²y + (y + 2)", 'deck 002 "实例1: $f(x,y) = x^2y + (y+2)$"', _SQUARE_TIMES_Y,
        _numbers(x=3, y=4), given=False,
    ),
    Example(
        "logistic", "1/(exp(−(wx + b)) + 1)", 'deck 002 "计算图-前向传播与反向传播"', _LOGISTIC,
        _numbers(x=1, w=0, b=0), given=True,
    ),
    Example(
        "product", "(x1 + x2)(x2 + 1)", 'deck 003 "复合函数求导"', _TWO_PATHS, _numbers(x1=2, x2=1), given=False
    ),
    Example(
        "squares", "x1² + (x1 + x2)²", 'deck 003 "复合函数求导——技巧"', _TWO_SQUARES,
        _numbers(x1=3, x2=-1), given=False,
    ),
    Example(
        "square-of-sum", "(x1 + x2)² x2² + x2", 'deck 003 "复合函数求导——技巧"', _SQUARES_MULTIPLIED,
        _numbers(x1=1, x2=2), given=False,
    ),
    Example("sum-times", "(x + y) z", 'deck 004 "链式法则"', _SUM_TIMES_Z, _numbers(x=-2, y=5, z=-4), given=True),
    Example(
        "neuron", "σ(w0 x0 + w1 x1 + w2)", 'deck 004 "Sigmoid例子"', _NEURON,
        _numbers(w0=2, w1=-3, w2=-3, x0=-1, x1=-2), given=True,
    ),
    Example(
        "several-paths", "u(x, y) v(x, y)", 'deck 002 "回忆: 链式法则"', _SEVERAL_PATHS,
        _numbers(x=2, y=3), given=False,
    ),
    Example("arrays", "Σ (x ⊙ y + z)", 'deck 002 "计算图代码赏析"', _ARRAYS, _arrays(), given=False),
)  # fmt: skip
