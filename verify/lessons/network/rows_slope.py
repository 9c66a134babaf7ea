"""Rows of the catalogue: the derivative of the hidden layers' activation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from manual import ACTIVATIONS, SLIDES, Constants, Working, activation
from manual.activations import SELU_LAMBDA
from verify.bounds.curves import bounded
from verify.lessons.network.mistake import Equation, Form, mistake
from verify.lessons.network.rows_output import AT_OUTPUT, logistic, logistic_slope

_PIECEWISE = ("relu",)
_NOT_LOGISTIC = tuple(name for name in ACTIVATIONS if name != "sigmoid")
SHORT_FORMULAS = ("relu", "leaky_relu", "sigmoid", "tanh", "elu", "softplus")  # whose f′ the output alone gives
_GELU = ("gelu", "gelu_tanh", "gelu_sigmoid")


def _plain(a: Any) -> Tensor:
    return a if isinstance(a, Tensor) else a.value


def _ones(net: Working, l: int) -> Tensor:
    return torch.ones_like(_plain(net.a[l]))


def _missing_in(layer: Callable[[Working], int]) -> Equation:
    return lambda net, l: _ones(net, l) if l == layer(net) else SLIDES.slope(net, l)


def _mask(condition: Callable[[Tensor], Tensor]) -> Equation:
    return lambda net, l: condition(_plain(net.a[l])).to(_plain(net.a[l]).dtype)


def _at_or_below(value: Callable[[Working, int], Any]) -> Equation:
    """1 where a > 0, and another value elsewhere."""

    def equation(net: Working, l: int) -> Any:
        return torch.where(_plain(net.a[l]) > 0, torch.ones_like(_plain(net.a[l])), value(net, l))

    return equation


def _constant(name: str) -> Callable[[Working], float]:
    return lambda net: getattr(net.f.constants, name)


def _zeros(net: Working, l: int) -> Tensor:
    return torch.zeros_like(_plain(net.a[l]))


def _slope_of(name: str) -> Equation:
    """f′ of another activation, at the pre-activation."""

    def equation(net: Working, l: int) -> Any:
        f = activation(name, net.f.constants)
        return (f if isinstance(net.a[l], Tensor) else bounded(f)).derivative(net.a[l])

    return equation


def of_output(name: str, constants: Constants, z: Any) -> Any:
    """f′ by the formula that takes the output: z(1 − z) and the like."""
    positive, ones = _plain(z) > 0, torch.ones_like(_plain(z))
    if name == "sigmoid":
        return z * (1 - z)
    if name == "tanh":
        return 1 - z * z
    if name == "softplus":
        return 1 - torch.exp(-z)
    if name == "elu":
        return torch.where(positive, ones, z + constants.elu)
    return torch.where(positive, ones, ones * (constants.leaky_relu if name == "leaky_relu" else 0.0))


def _output_formula_of_preactivation(net: Working, l: int) -> Any:
    """The formula that takes the output, given a."""
    return of_output(net.f.name, net.f.constants, net.a[l])


def _other_layer_slope(offset: int) -> Equation:
    return lambda net, l: net.f.derivative(net.a[min(max(l + offset, 1), net.L)])


def _swish_without_product(net: Working, l: int) -> Any:
    return logistic(_constant("swish")(net) * net.a[l])


def _swish_without_beta(net: Working, l: int) -> Any:
    beta = _constant("swish")(net)
    return logistic(beta * net.a[l]) + net.a[l] * logistic_slope(beta * net.a[l])


def _gelu_form(name: str) -> Form:
    others = tuple(other for other in _GELU if other != name)
    return "slope", _slope_of(name), {"activations": others, "form": f"The derivative is that of {name}."}


SLOPE = [
    mistake(
        "derivative-at-activation", "f′(z(l))", "f′(a(l))",
        "f′ is taken at the activation z(l) where it belongs at the pre-activation a(l). Deck 000 writes f′(z) itself, "
        "which is right for ReLU alone.",
        ("slope", lambda net, l: net.f.derivative(net.z[l])), AT_OUTPUT["derivative-at-activation"],
        also=("cache-overwritten",),
    ),
    mistake(
        "relu-derivative-one", "1", "1 where a(l) > 0, else 0",
        "The ReLU's derivative is 1 everywhere: asked of the output, z ≥ 0 always holds. Ask a > 0 (or z > 0).",
        ("slope", _ones, {"activations": _PIECEWISE}), also=("cache-overwritten",),
    ),
    mistake(
        "derivative-missing", "δ(l) = δ(l+1) W(l+1)ᵀ", "δ(l) = δ(l+1) W(l+1)ᵀ ⊙ f′(a(l))",
        "δ(l) lacks the factor f′(a(l)).",
        ("slope", _ones),
        ("slope", _missing_in(lambda net: 1), {"form": "It is missing in the first layer alone."}),
        ("slope", _missing_in(lambda net: net.L - 1), {"form": "It is missing in the last hidden layer alone."}),
    ),
    mistake(
        "sigmoid-derivative-everywhere", "z(l)(1 − z(l))", "f′(a(l))",
        "z(1 − z), the derivative of the logistic function, is used whatever the activation is.",
        ("slope", lambda net, l: net.z[l] * (1 - net.z[l]), {"activations": _NOT_LOGISTIC}),
    ),
    mistake(
        "derivative-formula-of-preactivation", "a(1 − a), 1 − a²", "z(1 − z), 1 − z²",
        "The short formula of the derivative takes the output z, and is given the pre-activation a.",
        ("slope", _output_formula_of_preactivation, {"activations": ("sigmoid", "tanh", "elu", "softplus")}),
    ),
    mistake(
        "activation-for-derivative", "f(a(l))", "f′(a(l))",
        "The activation itself stands where its derivative belongs.",
        ("slope", lambda net, l: net.z[l] * 1.0),
    ),
    mistake(
        "derivative-of-wrong-layer", "f′(a(l+1))", "f′(a(l))",
        "f′ is taken in another layer: δ(l) needs f′(a(l)).",
        ("slope", _other_layer_slope(1), {"form": "It is that of the layer above."}),
        ("slope", _other_layer_slope(-1), {"form": "It is that of the layer below."}),
    ),
    mistake(
        "derivative-twice", "f′(a(l))²", "f′(a(l))",
        "f′(a(l)) is multiplied in twice.",
        ("slope", lambda net, l: SLIDES.slope(net, l) * SLIDES.slope(net, l)),
    ),
    mistake(
        "derivative-sign", "−f′(a(l))", "f′(a(l))",
        "A sign in the derivative is wrong.",
        ("slope", lambda net, l: -SLIDES.slope(net, l),
         {"form": "−", "wrong": "δ(l) = −δ(l+1) W(l+1)ᵀ ⊙ f′(a(l))", "right": "δ(l) = δ(l+1) W(l+1)ᵀ ⊙ f′(a(l))",
          "says": "A sign is wrong on the way down: δ(l) is −δ(l+1) W(l+1)ᵀ ⊙ f′(a(l))."}),
        ("slope", lambda net, l: 1 + net.z[l] * net.z[l],
         {"activations": ("tanh",), "form": "tanh′ is 1 − z², not 1 + z².", "wrong": "1 + z(l)²",
          "right": "1 − z(l)²"}),
        ("slope", lambda net, l: net.z[l] * (1 + net.z[l]),
         {"activations": ("sigmoid",), "form": "σ′ is z(1 − z), not z(1 + z).", "wrong": "z(l)(1 + z(l))",
          "right": "z(l)(1 − z(l))"}),
    ),
    mistake(
        "relu-derivative-flipped", "1 where a(l) ≤ 0", "1 where a(l) > 0",
        "The ReLU's mask is the wrong way round: gradients pass where a > 0.",
        ("slope", _mask(lambda a: a <= 0), {"activations": _PIECEWISE}),
    ),
    mistake(
        "tanh-derivative-of-output", "1 − tanh(z(l))²", "1 − z(l)²",
        "tanh is applied once more: z is already tanh(a), so tanh′ is 1 − z².",
        ("slope", lambda net, l: 1 - torch.tanh(net.z[l]) ** 2, {"activations": ("tanh",)}),
    ),
    mistake(
        "leaky-slope-dropped", "0 where a(l) ≤ 0", "γ where a(l) ≤ 0",
        "The leaky ReLU's derivative is 0 where a ≤ 0; it should be γ there.",
        ("slope", _at_or_below(_zeros), {"activations": ("leaky_relu", "prelu")}),
    ),
    mistake(
        "leaky-slope-added", "0.01 where a(l) ≤ 0", "0 where a(l) ≤ 0",
        "The derivative is the leaky ReLU's, 0.01 where a ≤ 0. The function is the ReLU, which is flat there.",
        ("slope", _at_or_below(lambda net, l: 0.01 * _ones(net, l)), {"activations": ("relu",)}),
        ("slope", _at_or_below(lambda net, l: 0.1 * _ones(net, l)),
         {"activations": ("relu",), "form": "0.1", "wrong": "0.1 where a(l) ≤ 0",
          "says": "The derivative is the leaky ReLU's, 0.1 where a ≤ 0. The function is the ReLU: it is flat there."}),
    ),
    mistake(
        "elu-negative-side", "γ exp(z) or f(a) where a(l) ≤ 0", "γ exp(a) where a(l) ≤ 0",
        "The ELU's derivative at a ≤ 0 should be γeᵃ, which is f(a) + γ; here it is taken of z.",
        ("slope", _at_or_below(lambda net, l: _constant("elu")(net) * torch.exp(net.z[l])), {"activations": ("elu",)}),
        ("slope", _at_or_below(lambda net, l: net.z[l]), {"activations": ("elu",), "form": "f(a)",
         "says": "The ELU's derivative at a ≤ 0 should be γeᵃ, which is f(a) + γ; here it is f(a) alone."}),
    ),
    mistake(
        "gelu-form-mixed", "the derivative of another form", "f′(a(l)) of the form that the forward pass uses",
        "Forward pass and derivative use different forms of the GELU (exact, tanh, logistic).",
        *(_gelu_form(name) for name in _GELU),
    ),
    mistake(
        "swish-derivative-incomplete", "σ(βa) alone, or β left out", "σ(βa) + βa σ(βa)(1 − σ(βa))",
        "Swish is a product: its derivative has two terms, and β comes out of the second.",
        ("slope", _swish_without_product, {"activations": ("swish",)}),
        ("slope", _swish_without_beta, {"activations": ("swish",), "form": "β is left out."}),
        ("slope", lambda net, l: logistic(net.a[l]), {"activations": ("silu",)}),
    ),
    mistake(
        "slope-beyond-the-bounds", "the slope of the middle part everywhere", "0 where f is constant",
        "Where the activation is held at a bound it is constant, and its derivative is 0 (hard_swish: 1 above): here "
        "the slope of the middle part is used there too.",
        ("slope", _mask(lambda a: a > 0), {"activations": ("relu6",)}),
        ("slope", lambda net, l: _ones(net, l) / 6, {"activations": ("hard_sigmoid",)}),
        ("slope", lambda net, l: net.a[l] / 3 + 0.5, {"activations": ("hard_swish",)}),
    ),
    mistake(
        "slope-constant-dropped", "f′ without its constant", "f′(a(l)) with the constant of f",
        "A constant of the activation is missing in its derivative.",
        ("slope", lambda net, l: 6 * SLIDES.slope(net, l), {"activations": ("hard_sigmoid",), "form": "It is 1/6."}),
        ("slope", lambda net, l: SLIDES.slope(net, l) / SELU_LAMBDA,
         {"activations": ("selu",), "form": "It is the factor 1.0507 in front."}),
        ("slope", _at_or_below(lambda net, l: torch.exp(net.a[l])),
         {"activations": ("celu",), "form": "It is e^(a/α), not eᵃ."}),
    ),
]  # fmt: skip
