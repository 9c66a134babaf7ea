"""The decks' computational graphs, worked forward and backward."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from manual.graphs import EXAMPLES, Example, backward, forward, local_derivatives


def topic() -> dict[str, Any]:
    """Every example with its inputs, its intermediate values, the local derivatives on its edges, and its gradients."""
    return {"examples": [_worked(example) for example in EXAMPLES]}


def _worked(example: Example) -> dict[str, Any]:
    values = forward(example.graph, example.inputs)
    gradients, edges = backward(example.graph, values), local_derivatives(example.graph, values)
    computed = [node.name for node in example.graph.nodes]
    return {
        "name": example.name,
        "function": example.function,
        "place": example.place,
        "given": example.given,
        "inputs": _numbers(example.inputs, list(example.inputs)),
        "value": values[example.graph.output].tolist(),
        "gradients": _numbers(gradients, list(example.inputs)),
        "intermediates": {
            node.name: {
                "formula": node.formula,
                "operands": list(node.operands),
                "value": values[node.name].tolist(),
                "gradient": gradients[node.name].tolist(),
                "local": [v.tolist() for v in edges[node.name]],
            }
            for node in example.graph.nodes
        },
        "order": [*example.inputs, *computed],
    }


def _numbers(held: Any, names: list[str]) -> dict[str, Any]:
    value = lambda v: v.tolist() if isinstance(v, Tensor) else v
    return {name: value(held[name]) for name in names}
