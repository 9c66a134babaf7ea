"""The network by hand: the lines it fills and their shapes, the step, what it refuses."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
import torch
from beartype import beartype
from hypothesis import given
from jaxtyping import Float64, jaxtyped
from torch import Tensor

from manual import SLIDES, Equations, Working, activation, pair, step, work
from verify.bounds.budget import lines_of
from verify.problems.lines import names
from verify.problems.problem import Problem
from verify.problems.samples import Shape, sample, seeded
from verify.strategies import problems


def worked(p: Problem, equations: Equations = SLIDES) -> Working:
    return work(p.W, p.b, p.x, p.t, p.f, p.pair, p.lam, equations)


def gradients(net: Working) -> tuple[list[Tensor], list[Tensor]]:
    """dW and db from the first layer to the last; a working holds them as computed, from the last to the first."""
    layers = range(1, net.L + 1)
    return [net.dW[l] for l in layers], [net.db[l] for l in layers]


def problem(**given) -> Problem:
    return sample(seeded(0), Shape("", (3, 4, 5, 2), 6), **{"activation": "tanh", "lam": 0.1} | given)


@jaxtyped(typechecker=beartype)
def layer_shapes(
    z_below: Float64[Tensor, "N inputs"],
    W: Float64[Tensor, "inputs units"],
    b: Float64[Tensor, " units"],
    a: Float64[Tensor, "N units"],
    delta: Float64[Tensor, "N units"],
    dW: Float64[Tensor, "inputs units"],
    db: Float64[Tensor, " units"],
) -> None:
    """The shapes at the ends of the lines of manual/network.py, bound to one another."""


@given(problems())
def test_shapes_are_those_at_the_end_of_the_lines(p: Problem) -> None:
    net = worked(p)
    for l in range(1, net.L + 1):
        layer_shapes(net.z[l - 1], net.W[l], net.b[l], net.a[l], net.delta[l], net.dW[l], net.db[l])
    assert net.y.shape == p.t.shape
    assert net.E.shape == ()


def test_lines_come_in_the_slides_order() -> None:
    asked: list[str] = []

    def told(name: str):
        equation = getattr(SLIDES, name)
        return lambda net, l: (asked.append(name), equation(net, l))[1]

    watched = replace(SLIDES, **{field.name: told(field.name) for field in fields(SLIDES) if field.name != "mean"})
    worked(problem(), watched)
    whole = [name for name in asked if name not in ("weight_terms", "bias_terms", "decay", "carried", "slope")]
    gradients = ["weight_gradient", "bias_gradient"]
    assert whole == [
        *["affine", "activated"] * 2, "affine", "output", "total_error",
        "delta_output", *gradients, *["delta_hidden", *gradients] * 2,
    ]  # fmt: skip
    assert len(names(3)) == len(whole)


def test_a_replaced_equation_is_used_and_the_slides_stay() -> None:
    doubled = replace(SLIDES, delta_output=lambda net, l: 2 * SLIDES.delta_output(net, l))
    once, twice = worked(problem(lam=0.0)), worked(problem(lam=0.0), doubled)
    for l in (1, 2, 3):
        torch.testing.assert_close(twice.dW[l], 2 * once.dW[l])
    assert Equations() == SLIDES


@given(problems())
def test_arguments_are_unchanged(p: Problem) -> None:
    held = [*p.W, *p.b, p.x, p.t]
    before = [v.clone() for v in held]
    net = worked(p)
    step(p.W, p.b, *gradients(net), 0.1)
    assert all(torch.equal(v, w) for v, w in zip(held, before, strict=True))


@pytest.mark.parametrize("which", ["W(1)", "W(2)", "b(1)", "b(3)", "x", "t"])
def test_a_tensor_that_requires_gradients_is_refused_by_name(which: str) -> None:
    p = problem()
    tensor = {"W(1)": p.W[0], "W(2)": p.W[1], "b(1)": p.b[0], "b(3)": p.b[2], "x": p.x, "t": p.t}[which]
    tensor.requires_grad_()
    with pytest.raises(ValueError, match=rf"^{which[0]}.* requires gradients, and the manual network works without"):
        worked(p)


def test_no_graph_is_built() -> None:
    assert not any(line.requires_grad for line in lines_of(worked(problem())).values())


def test_the_step_goes_down_the_gradient_and_leaves_biases_undecayed() -> None:
    p = problem()
    net = worked(p)
    W, b = step(p.W, p.b, *gradients(net), 0.1)
    after = work(W, b, p.x, p.t, p.f, p.pair, p.lam)
    assert float(after.E) < float(net.E)
    torch.testing.assert_close(W[0], p.W[0] - 0.1 * net.dW[1], rtol=0, atol=0)
    torch.testing.assert_close(b[2], p.b[2] - 0.1 * net.db[3], rtol=0, atol=0)


def test_a_step_with_a_layer_missing_is_refused() -> None:
    p = problem()
    net = worked(p)
    with pytest.raises(ValueError, match="zip"):
        step(p.W, p.b, gradients(net)[0][:2], gradients(net)[1], 0.1)


def test_one_layer_has_no_hidden_lines() -> None:
    one = torch.ones(1, 1, dtype=torch.float64)
    net = work([one], [one[0]], one, one, activation("relu"), pair("identity", "squared-error"), 0.0)
    assert set(lines_of(net)) == set(names(1)) == {"a1", "y", "E", "delta1", "dW1", "db1"}
    assert [float(lines_of(net)[name].sum()) for name in names(1)] == [2.0, 2.0, 0.5, 1.0, 1.0, 1.0]
