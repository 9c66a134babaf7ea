"""Computational graphs as lessons: every example of the decks, right and with each mistake, in two styles of code."""

from __future__ import annotations

import pytest

from manual.graphs import EXAMPLES
from tests.lessons.grading import exam_of, names
from tests.lessons.grading import graded as graded_in
from verify.grading.record import GradeRecord
from verify.lessons.registry import BUILT_IN

# Example -> its inputs, the nodes from the first on, the derivatives from the top down.
NODES: dict[str, tuple[str, str, str]] = {
    "chain": (
        "x", "u = 2 * x; f = u + 2; v = 3 * f; g = v + 3",
        "d_g = 1.0; d_v = d_g; d_f = 3 * d_v; d_u = d_f; d_x = 2 * d_u",
    ),
    "square": (
        "x, y", "s = x ** 2; p = s * y; q = y + 2; f = p + q",
        "d_f = 1.0; d_p = d_f; d_q = d_f; d_s = d_p * y; d_y = d_p * s + d_q; d_x = d_s * 2 * x",
    ),
    "logistic": (
        "x, w, b", "h1 = x * w; h2 = h1 + b; h3 = -h2; h4 = np.exp(h3); h5 = h4 + 1; h6 = 1 / h5",
        ("d_h6 = 1.0; d_h5 = -d_h6 / h5 ** 2; d_h4 = d_h5; d_h3 = d_h4 * h4; d_h2 = -d_h3; d_h1 = d_h2; d_b = d_h2; "
        "d_x = d_h1 * w; d_w = d_h1 * x"),
    ),
    "product": (
        "x1, x2", "a = x1 + x2; b = x2 + 1; y = a * b",
        "d_y = 1.0; d_a = d_y * b; d_b = d_y * a; d_x1 = d_a; d_x2 = d_a + d_b",
    ),
    "squares": (
        "x1, x2", "a = x1 ** 2; b = x1 + x2; c = b ** 2; y = a + c",
        "d_y = 1.0; d_a = d_y; d_c = d_y; d_b = d_c * 2 * b; d_x1 = d_a * 2 * x1 + d_b; d_x2 = d_b",
    ),
    "square-of-sum": (
        "x1, x2", "a = x1 + x2; b = a ** 2; c = x2 ** 2; d = b * c; y = d + x2",
        ("d_y = 1.0; d_d = d_y; d_b = d_d * c; d_c = d_d * b; d_a = d_b * 2 * a; d_x1 = d_a; "
        "d_x2 = d_y + d_c * 2 * x2 + d_a"),
    ),
    "sum-times": (
        "x, y, z", "q = x + y; f = q * z", "d_f = 1.0; d_q = d_f * z; d_z = d_f * q; d_x = d_q; d_y = d_q",
    ),
    "neuron": (
        "w0, w1, w2, x0, x1", "p0 = w0 * x0; p1 = w1 * x1; s = p0 + p1; dot = s + w2; f = 1 / (1 + np.exp(-dot))",
        ("d_f = 1.0; d_dot = d_f * f * (1 - f); d_s = d_dot; d_w2 = d_dot; d_p0 = d_s; d_p1 = d_s; d_w0 = d_p0 * x0; "
        "d_x0 = d_p0 * w0; d_w1 = d_p1 * x1; d_x1 = d_p1 * w1"),
    ),
    "several-paths": (
        "x, y", "u = x * y; v = x + y; z = u * v",
        "d_z = 1.0; d_u = d_z * v; d_v = d_z * u; d_x = d_u * y + d_v; d_y = d_u * x + d_v",
    ),
    "arrays": (
        "x, y, z", "a = x * y; b = a + z; c = np.sum(b)",
        "d_c = 1.0; d_b = d_c * np.ones_like(b); d_a = d_b; d_z = d_b; d_x = d_a * y; d_y = d_a * x",
    ),
}  # fmt: skip
# What people write in one line, without a graph.
CLOSED: dict[str, str] = {
    "chain": "6.0", "square": "2 * x * y, x ** 2 + 1",
    "logistic": "sigma(w * x + b) * sigma(-w * x - b) * w, sigma(w * x + b) * sigma(-w * x - b) * x, "
    "sigma(w * x + b) * sigma(-w * x - b)",
    "product": "x2 + 1, x1 + 2 * x2 + 1", "squares": "4 * x1 + 2 * x2, 2 * (x1 + x2)",
    "square-of-sum": "2 * (x1 + x2) * x2 ** 2, 2 * (x1 + x2) * x2 ** 2 + 2 * x2 * (x1 + x2) ** 2 + 1",
    "sum-times": "z, z, x + y",
    "neuron": "*(sigma(w0 * x0 + w1 * x1 + w2) * sigma(-(w0 * x0 + w1 * x1 + w2)) * v for v in (x0, x1, 1, w0, w1)),",
    "several-paths": "2 * x * y + y ** 2, x ** 2 + 2 * x * y", "arrays": "y, x, np.ones_like(z)",
}  # fmt: skip
# Mistake -> where it is made: example, what is replaced, by what.
SLIPS: dict[str, list[tuple[str, str, str]]] = {
    "graph-path-missing": [
        ("square", "d_p * s + d_q", "d_q"), ("square", "d_p * s + d_q", "d_p * s"), ("product", "d_a + d_b", "d_a"),
        ("squares", "d_a * 2 * x1 + d_b", "d_a * 2 * x1"),
        ("several-paths", "* y + d_v; d_y = d_u * x + d_v", "* y; d_y = d_u * x"),
    ],
    "graph-product-exchanged": [
        ("sum-times", "d_q = d_f * z; d_z = d_f * q", "d_q = d_f * q; d_z = d_f * z"),
        ("arrays", "d_x = d_a * y; d_y = d_a * x", "d_x = d_a * x; d_y = d_a * y"),
        ("product", "d_a = d_y * b; d_b = d_y * a", "d_a = d_y * a; d_b = d_y * b"),
    ],
    "graph-square": [("square", "d_s * 2 * x", "d_s * x"), ("squares", "2 * ", "")],
    "graph-reciprocal": [("logistic", "-d_h6 / h5 ** 2", "d_h6 / h5 ** 2")],
    "graph-exp": [("logistic", "d_h4 * h4", "d_h4 * h3")],
    "graph-sigmoid": [("neuron", "d_f * f * (1 - f)", "d_f * dot * (1 - dot)")],
    "graph-top-not-one": [
        ("chain", "d_g = 1.0", "d_g = g"), ("neuron", "d_f = 1.0", "d_f = f"), ("arrays", "d_c = 1.0", "d_c = c"),
    ],
}  # fmt: skip
TOP = {example.name: example.graph.output for example in EXAMPLES}


def nodes(name: str, *changed: tuple[str, str], handed: bool = False) -> str:
    inputs, forward, backward = NODES[name]
    for old, new in changed:
        assert old in backward
        backward = backward.replace(old, new)
    gradients = ", ".join(f"d_{n}" for n in inputs.split(", "))
    more = ", {n: v for n, v in locals().items() if n not in given}" if handed else ""
    given = "    given = dict.fromkeys([*locals(), 'given'])\n" if handed else ""
    return (
        f"import numpy as np\n\ndef forward({inputs}):\n    {forward}\n    return {TOP[name]}\n\n"
        f"def backward({inputs}):\n{given}    {forward}\n    {backward}\n    return {gradients}{more}\n"
    )


def closed(name: str) -> str:
    inputs, forward, _ = NODES[name]
    return (
        "import numpy as np\n\nsigma = lambda v: 1 / (1 + np.exp(-v))\n\n"
        f"def forward({inputs}):\n    {forward}\n    return {TOP[name]}\n\n"
        f"def backward({inputs}):\n    return {CLOSED[name]}\n"
    )


def graded(name: str, source: str) -> GradeRecord:
    return graded_in(exam_of(f"graph-{name}"), source)


def test_all_examples_are_lessons() -> None:
    assert {name for name in BUILT_IN if name.startswith("graph-")} == {f"graph-{e.name}" for e in EXAMPLES}
    assert set(NODES) == set(CLOSED) == set(TOP)


@pytest.mark.parametrize("name", NODES)
def test_right_programs_are_right(name: str) -> None:
    for source in (nodes(name), nodes(name, handed=True), closed(name)):
        record = graded(name, source)
        assert (record.state, record.score, record.hidden_mistakes, record.advice) == ("correct", 10.0, [], [])


@pytest.mark.parametrize(
    ("mistake", "name", "old", "new"), [(mistake, *slip) for mistake, slips in SLIPS.items() for slip in slips]
)
def test_each_mistake_is_named(mistake: str, name: str, old: str, new: str) -> None:
    for handed in (False, True):
        record = graded(name, nodes(name, (old, new), handed=handed))
        assert (record.state, names(record)) == ("wrong", [mistake])
        assert record.counterexample is not None
        assert record.score is not None
        assert 5.0 <= record.score < 10.0  # forward is right


def test_two_mistakes_are_both_named() -> None:
    record = graded("square", nodes("square", ("d_p * s + d_q", "d_q"), ("d_s * 2 * x", "d_s * x")))
    assert names(record) == ["graph-path-missing", "graph-square"]


def test_the_first_wrong_line_is_found_among_those_handed_over() -> None:
    record = graded("neuron", nodes("neuron", ("d_f * f * (1 - f)", "d_f * f * (1 + f)"), handed=True))
    assert (record.state, record.diagnosis, record.first_wrong_line) == ("wrong", [], "backward: d_dot")
