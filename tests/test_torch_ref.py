"""The reference from torch.nn: weights carried over exactly, torch's modules where it has them, autograd alone."""

from __future__ import annotations

from dataclasses import asdict

import pytest
import torch
from hypothesis import given
from torch import nn

import torch_ref
from manual import ACTIVATIONS, PAIRS, Constants, activation
from torch_ref.network import linear
from verify.problems.lines import names
from verify.problems.problem import Problem
from verify.strategies import problems

DEFAULTS = asdict(Constants())
U = 2.0**-53


def reference(p: Problem) -> dict[str, torch.Tensor]:
    return torch_ref.lines(
        p.W, p.b, p.x, p.t, activation=p.activation, output=p.output, loss=p.loss, lam=p.lam,
        constants=asdict(p.constants),
    )  # fmt: skip


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_weights_are_carried_over_exactly(dtype: torch.dtype) -> None:
    W, b = torch.randn(5, 3, dtype=dtype), torch.randn(3, dtype=dtype)
    layer = linear(W, b)
    assert torch.equal(layer.weight.T, W)
    assert torch.equal(layer.bias, b)
    assert (layer.weight.dtype, layer.in_features, layer.out_features) == (dtype, 5, 3)
    layer.weight.data.zero_()
    assert float(W.abs().sum()) > 0  # a copy, not a view


def test_a_square_layer_is_transposed_too() -> None:
    W = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert linear(W, torch.zeros(2))(torch.tensor([[1.0, 0.0]])).tolist() == [[1.0, 2.0]]


@given(problems())
def test_every_line_is_there_and_the_arguments_are_unchanged(p: Problem) -> None:
    held = [*p.W, *p.b, p.x, p.t]
    before = [v.clone() for v in held]
    found = reference(p)
    assert set(found) == set(names(p.L))
    assert not any(line.requires_grad for line in found.values())
    for l, (W, b) in enumerate(zip(p.W, p.b, strict=True), 1):
        assert (found[f"dW{l}"].shape, found[f"db{l}"].shape) == (W.shape, b.shape)
        assert found[f"delta{l}"].shape == (p.N, len(b))
    assert all(torch.equal(v, w) and v.grad is None for v, w in zip(held, before, strict=True))


@pytest.mark.parametrize(
    ("name", "module"),
    [("relu", nn.ReLU), ("leaky_relu", nn.LeakyReLU), ("elu", nn.ELU), ("softplus", nn.Softplus),
     ("sigmoid", nn.Sigmoid), ("tanh", nn.Tanh), ("swish", nn.SiLU), ("gelu", nn.GELU), ("gelu_tanh", nn.GELU)],
)  # fmt: skip
def test_torch_has_it(name: str, module: type[nn.Module]) -> None:
    assert type(torch_ref.activation_module(name, DEFAULTS)) is module


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("constants", [Constants(), Constants(0.5, 2.0, -1.5)], ids=["defaults", "others"])
def test_the_same_function_as_the_one_by_hand(name: str, constants: Constants) -> None:
    a = torch.linspace(-45, 45, 9001, dtype=torch.float64).requires_grad_()
    ours, theirs = activation(name, constants), torch_ref.activation_module(name, asdict(constants))
    value = theirs(a)
    slope = torch.autograd.grad(value.sum(), a)[0]
    size = (1 + a.detach().abs()) * 16 * U
    assert bool(((value.detach() - ours.f(a.detach())).abs() <= size).all())
    assert bool(((slope - ours.derivative(a.detach())).abs() <= size).all())


def test_torch_turns_softplus_linear_too_early_for_float64() -> None:
    """torch's own threshold of 20 is off by 2·10⁻⁹, more than rounding explains; the one chosen here is not."""
    a = torch.linspace(20.001, 45, 1000, dtype=torch.float64)
    right = activation("softplus").f(a)
    assert float((nn.Softplus()(a) - right).abs().max()) > 1e-9
    ours = torch_ref.activation_module("softplus", DEFAULTS)(a)
    assert bool(((ours - right).abs() <= 2 * U * a).all())


@pytest.mark.parametrize(("output", "loss"), PAIRS)
def test_losses_are_one_number_a_sample(output: str, loss: str) -> None:
    scores, t = torch.randn(4, 3, dtype=torch.float64), torch.eye(3, dtype=torch.float64)[[0, 1, 2, 0]]
    assert torch_ref.loss_of(output, loss, DEFAULTS)(scores, t).shape == (4,)


def test_what_is_unknown_is_refused() -> None:
    with pytest.raises(ValueError, match="activation 'sine' is not known; known are relu"):
        torch_ref.activation_module("sine", DEFAULTS)
    with pytest.raises(ValueError, match="output 'softmax' with loss 'binary-cross-entropy' is no pair"):
        torch_ref.loss_of("softmax", "binary-cross-entropy", DEFAULTS)
    with pytest.raises(ValueError, match="output 'tanh' with loss 'cross-entropy' is no pair"):
        torch_ref.loss_of("tanh", "cross-entropy", DEFAULTS)
