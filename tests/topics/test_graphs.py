"""Computational graphs: the decks' figures, autograd, and exact derivatives by sympy."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
import sympy
import torch
from hypothesis import given
from hypothesis import strategies as st
from sympy.parsing.sympy_parser import parse_expr

import torch_ref.graphs
from manual import graphs
from manual.graphs import EXAMPLES, Example, Graph, Node, backward, forward, local_derivatives, paths

SCALARS = [e for e in EXAMPLES if all(v.dim() == 0 for v in e.inputs.values())]
BY_NAME = {e.name: e for e in EXAMPLES}
_DIGITS = 60

# What decks 000, 002 and 004 print, at the places that the examples name.
PRINTED = [
    ("chain", "x", 6.0, 0),
    ("logistic", "w", 0.25, 2),
    ("logistic", "h5", -0.25, 2),
    ("sum-times", "x", -4.0, 0),
    ("sum-times", "y", -4.0, 0),
    ("sum-times", "z", 3.0, 0),
    ("sum-times", "q", -4.0, 0),
    ("neuron", "w0", -0.197, 3),
    ("neuron", "w1", -0.393, 3),
    ("neuron", "w2", 0.197, 3),
    ("neuron", "x0", 0.393, 3),
    ("neuron", "x1", -0.590, 3),
]


def worked(example: Example) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    values = forward(example.graph, example.inputs)
    return values, backward(example.graph, values)


@pytest.mark.parametrize(("name", "node", "printed", "digits"), PRINTED)
def test_the_printed_figures_come_out(name: str, node: str, printed: float, digits: int) -> None:
    _, found = worked(BY_NAME[name])
    assert round(float(found[node]), digits) == printed


def test_the_value_of_deck_004s_product() -> None:
    values, _ = worked(BY_NAME["sum-times"])
    assert (float(values["q"]), float(values["f"])) == (3.0, -12.0)


def _formula(node: Node, known: dict[str, sympy.Expr]) -> sympy.Expr:
    """A node's formula, as the graph shows it to a reader, as sympy's expression of the nodes that it reads."""
    text = node.formula.replace("²", "**2").replace("−", "-")
    text = re.sub(r"(?<=\d)(?=[a-z])", "*", text)  # 2x
    text = re.sub(r"(?<=\w) (?=\w)", "*", text)  # q z
    return parse_expr(text, {**known, "σ": lambda v: 1 / (1 + sympy.exp(-v)), "exp": sympy.exp})


def _expressions(example: Example, free: str = "") -> dict[str, sympy.Expr]:
    """Every node as an expression of the inputs, and of the node `free`, which is held as one more input."""
    known: dict[str, sympy.Expr] = {name: sympy.Symbol(name) for name in (*example.inputs, *([free] if free else []))}
    for node in example.graph.nodes:
        known.setdefault(node.name, _formula(node, known))
    return known


@pytest.mark.parametrize("example", SCALARS, ids=lambda e: e.name)
def test_every_intermediate_and_gradient_is_within_one_ulp_of_the_exact_one(example: Example) -> None:
    values, found = worked(example)
    given = [(sympy.Symbol(name), sympy.Rational(float(v))) for name, v in example.inputs.items()]
    exact = {name: expression.subs(given) for name, expression in _expressions(example).items()}
    for name, value in values.items():
        _within_one_ulp(value, exact[name])
        slope = sympy.diff(_expressions(example, name)[example.graph.output], sympy.Symbol(name))
        _within_one_ulp(found[name], slope.subs(sympy.Symbol(name), exact[name]).subs(given))


def _within_one_ulp(value: torch.Tensor, exact: sympy.Expr) -> None:
    exact = exact.evalf(_DIGITS)
    ulp = sympy.Rational(float(torch.nextafter(value.abs(), torch.tensor(torch.inf, dtype=value.dtype)) - value.abs()))
    assert abs(sympy.Rational(float(value)) - exact) <= ulp, (float(value), exact)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e.name)
def test_autograd_agrees_on_every_input(example: Example) -> None:
    values, found = worked(example)
    value, by_autograd = torch_ref.graphs.value_and_gradients(example.name, example.inputs)
    torch.testing.assert_close(values[example.graph.output], value, rtol=1e-15, atol=0)
    for name, gradient in by_autograd.items():
        torch.testing.assert_close(found[name], gradient, rtol=4e-16, atol=0)


@pytest.mark.parametrize("example", SCALARS, ids=lambda e: e.name)
def test_the_gradient_is_the_sum_over_all_paths(example: Example) -> None:
    """Deck 003 "复合函数求导": the derivative along every path, added up, is what one walk backwards gives."""
    values, found = worked(example)
    edges = local_derivatives(example.graph, values)
    nodes = {node.name: node for node in example.graph.nodes}

    def along(path: tuple[str, ...]) -> float:
        product = 1.0
        for below, above in pairwise(path):
            product *= float(edges[above][nodes[above].operands.index(below)])
        return product

    for name in example.inputs:
        assert sum(along(p) for p in paths(example.graph, name)) == pytest.approx(float(found[name]), rel=1e-15)


@given(x=st.floats(-3, 3), y=st.floats(-3, 3), z=st.floats(-3, 3))
def test_any_inputs_agree_with_autograd(x: float, y: float, z: float) -> None:
    example = BY_NAME["sum-times"]
    inputs = {n: torch.tensor(v, dtype=torch.float64) for n, v in (("x", x), ("y", y), ("z", z))}
    found = backward(example.graph, forward(example.graph, inputs))
    _, by_autograd = torch_ref.graphs.value_and_gradients("sum-times", inputs)
    assert all(torch.equal(found[n], by_autograd[n]) for n in inputs)


def test_a_node_that_is_read_twice_by_one_node_gets_both_paths() -> None:
    graph = Graph((Node("p", graphs.TIMES, ("x", "x"), "x x"),))
    values = forward(graph, {"x": torch.tensor(3.0, dtype=torch.float64)})
    assert float(backward(graph, values)["x"]) == 6.0
    assert len(paths(graph, "x")) == 2


def test_a_dropped_path_is_seen() -> None:
    """The mistake that the decks warn of: only one of the two ways from x2 upwards."""
    example = BY_NAME["product"]
    values, found = worked(example)
    edges = local_derivatives(example.graph, values)
    through_a = edges["y"][0] * edges["a"][1]
    assert (float(through_a), float(found["x2"])) == (2.0, 5.0)


def test_a_node_that_nothing_reads_has_no_gradient() -> None:
    graph = Graph((Node("unused", graphs.SQUARE, ("x",), "x²"), Node("f", graphs.constant_times(2), ("x",), "2x")))
    found = backward(graph, forward(graph, {"x": torch.tensor(3.0, dtype=torch.float64)}))
    assert (float(found["unused"]), float(found["x"])) == (0.0, 2.0)
