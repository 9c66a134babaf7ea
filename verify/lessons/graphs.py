"""Computational graphs as lessons: the values forward, and backward the sum over paths, of each example of the decks.

`graph-neuron` is deck 004's, and so on: `manual.graphs.EXAMPLES` has them. A student hands in `forward` and `backward`
of the graph, and with a dict behind its results any node's value (`q`) and derivative (`d_q`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import torch

from manual.graphs import EXAMPLES, EXP, RECIPROCAL, SIGMOID, SQUARE, TIMES, Example, Node, Operation
from torch_ref.graphs import FUNCTIONS
from verify.grading.lesson import Lesson, Line, Mistake, taking

Local = Callable[[Operation, tuple[Any, ...]], tuple[Any, ...]]
_right: Local = lambda operation, operands: operation.local(*operands)

# What people take for the derivatives of an operation: id, what they are told, and the wrong derivatives.
_SLIPS: tuple[tuple[str, Operation, str, Callable[..., tuple[Any, ...]]], ...] = (
    ("graph-product-exchanged", TIMES,
     "The derivative of a product by one factor is the other factor: here it is the factor itself.",
     lambda x, y: (x, y)),
    ("graph-square", SQUARE, "The derivative of x² is 2x: here it is x.", lambda x: (x * 1.0,)),
    ("graph-reciprocal", RECIPROCAL, "The derivative of 1/x is −1/x²: here its sign is missing.",
     lambda x: (1 / x**2,)),
    ("graph-exp", EXP, "The derivative of eˣ is eˣ: here x stands for it.", lambda x: (x * 1.0,)),
    ("graph-sigmoid", SIGMOID, "The derivative of σ(x) is σ(x)(1 − σ(x)): here it is x(1 − x).",
     lambda x: (x * (1 - x),)),
)  # fmt: skip


def _derivative(name: str, edges: list[tuple[Node, int]], local: Local) -> Line:
    """∂f/∂name: the sum over the edges up of the derivative above times the local one."""

    def value(given: Mapping[str, Any]) -> Any:
        of = lambda node: tuple(given[operand] for operand in node.operands)
        return sum(given[f"d_{node.name}"] * local(node.operation, of(node))[at] for node, at in edges)

    taken = dict.fromkeys(n for node, _ in edges for n in (f"d_{node.name}", *node.operands))
    terms = " + ".join(f"∂f/∂{node.name} · ∂{node.name}/∂{name}" for node, _ in edges)
    return Line(f"∂f/∂{name} = {terms}", taking(tuple(taken), value))


def _derivatives(example: Example, local: Local = _right) -> dict[str, Line]:
    """Lines d_…, from the output down."""
    graph, top = example.graph, example.graph.output
    names = [*reversed([node.name for node in graph.nodes]), *example.inputs]
    first = Line(f"∂f/∂{top} = 1", taking((top,), lambda given: given[top] * 0 + 1.0))
    return {f"d_{n}": first if n == top else _derivative(n, graph.readers(n), local) for n in names}


def _mistakes(example: Example) -> Iterator[Mistake]:
    graph, top, right = example.graph, example.graph.output, _derivatives(example)
    for says, which in (("first", slice(0, 1)), ("last", slice(-1, None))):
        several = {n: e for n in right if len(e := graph.readers(n[2:])) > 1}
        if several:
            yield Mistake(
                "graph-path-missing",
                f"A node that is read more than once has a path for each: only the {says} one is counted.",
                {n: _derivative(n[2:], edges[which], _right) for n, edges in several.items()},
            )
    for id, operation, says, slip in _SLIPS:
        if any(node.operation is operation for node in graph.nodes):
            slipped: Local = lambda f, xs, wrong=slip, of=operation: wrong(*xs) if f is of else _right(f, xs)
            yield Mistake(id, says, _derivatives(example, slipped))
    yield Mistake(
        "graph-top-not-one",
        "Backward starts with the value of the output: it starts with ∂f/∂f = 1.",
        {f"d_{top}": Line(f"∂f/∂{top} = {top}", taking((top,), lambda given: given[top] * 1.0))},
    )


def lesson(example: Example) -> Lesson:
    """The lesson of a deck's graph: single numbers, or arrays of N × D where the deck has arrays."""
    inputs, top = tuple(example.inputs), example.graph.output
    listed, nodes = ", ".join(inputs), example.graph.nodes
    values = {n.name: Line(f"{n.name} = {n.formula}", taking(n.operands, partial(_value, n))) for n in nodes}
    return Lesson(
        name=f"graph-{example.name}",
        title=f"The graph of {example.function}",
        place=example.place,
        functions=(f"forward({listed}) -> {top}", f"backward({listed}) -> {', '.join(f'd_{n}' for n in inputs)}"),
        inputs=dict.fromkeys(inputs, "N D" if example.name == "arrays" else ""),
        lines=values | _derivatives(example),
        objective=top,
        gradients={f"d_{n}": n for n in inputs},
        reference=FUNCTIONS[example.name],
        mistakes=tuple(_mistakes(example)),
    )


def _value(node: Node, given: Mapping[str, Any]) -> torch.Tensor:
    return node.operation.value(*(given[operand] for operand in node.operands))


LESSONS = {f"graph-{example.name}": lesson(example) for example in EXAMPLES}
