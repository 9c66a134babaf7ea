"""Rows of the catalogue: what is handed down from layer to layer, and which matrices meet."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from manual import SLIDES, Working
from verify.lessons.network.mistake import ENTROPY, THROUGH, error_by_output, mistake
from verify.lessons.network.rows_output import AT_OUTPUT


def _plain(value: Any) -> Tensor:
    return value if isinstance(value, Tensor) else value.value


# What is handed down -------------------------------------------------------------------------------------------------


def bare_error(net: Working) -> Any:
    """The output's error before σ′(a(L)): δ(L) without that factor, ∂E_n/∂y where the factor is 0 or no factor.

    Where the two cancel it is δ(L) itself.
    """
    if net.pair.g is None:
        return net.delta[net.L] if net.pair.by_y is None else error_by_output(net)
    slope = net.pair.g.derivative(net.a[net.L])
    kept = _plain(slope) != 0
    return torch.where(kept, net.delta[net.L] / torch.where(kept, slope, _ones(slope)), error_by_output(net))


def _ones(like: Any) -> Any:
    return torch.ones_like(_plain(like)) if isinstance(like, Tensor) else like * 0.0 + 1.0


def _back(net: Working, error: Any, l: int) -> Any:
    """An error of the output, through the weights alone down to layer l."""
    for above in range(net.L, l, -1):
        error = error @ net.W[above].T
    return error


def _slope_left_behind(net: Working, l: int) -> Any:
    """The δ that is handed down has never met f′."""
    return _back(net, net.delta[net.L], l)


def _every_slope_left_behind(net: Working, l: int) -> Any:
    return _back(net, bare_error(net), l)


def _output_slope_left_behind(net: Working, l: int) -> Any:
    return bare_error(net) @ net.W[net.L].T if l == net.L - 1 else SLIDES.carried(net, l)


def _error_of_output(net: Working, l: int) -> Any:
    """∂E_n/∂y in place of δ(L)."""
    if l != net.L - 1:
        return SLIDES.carried(net, l)
    by_y = -(net.pair.goal(net.t) / net.y) if net.pair.output == "softmax" else (net.y - net.t) / (net.y * (1 - net.y))
    return by_y @ net.W[net.L].T


def _gradient_for_weights(net: Working, l: int) -> Any:
    return net.delta[l + 1] @ net.dW[l + 1].T


def _not_transposed(net: Working, l: int) -> Any:
    return net.delta[l + 1] @ net.W[l + 1]


def _own_layer_weights(net: Working, l: int) -> Any:
    return net.delta[l + 1] @ net.W[l].T


def _next_layer_weights(net: Working, l: int) -> Any:
    return net.delta[l + 1] @ net.W[min(l + 2, net.L)].T


def _updated_weights(net: Working, l: int, eta: float) -> Any:
    return net.delta[l + 1] @ (net.W[l + 1] - eta * net.dW[l + 1]).T


def _updated_by_each_sample(net: Working, l: int, eta: float) -> Any:
    """Each sample meets W − η zₙᵀδₙ of its own, from the W that came in: δₙWᵀ − η ǁδₙǁ² zₙ."""
    delta, z = net.delta[l + 1], net.z[l]
    return delta @ net.W[l + 1].T - eta * torch.sum(delta * delta, dim=1, keepdim=True) * z


def _updated_by_each_sample_with_penalty(net: Working, l: int, eta: float) -> Any:
    return _updated_by_each_sample(net, l, eta) - (eta * net.penalty.of(net.lam, net.N)) * (
        net.delta[l + 1] @ net.W[l + 1].T
    )


# δ of the hidden layers ----------------------------------------------------------------------------------------------


def _relu_of_gradient(net: Working, l: int) -> Any:
    return torch.relu(net.equations.carried(net, l))


def _slope_of_error(net: Working, l: int) -> Any:
    return net.f.derivative(net.equations.carried(net, l))


def _output_delta(net: Working, l: int) -> Any:
    """Of layers with different numbers of units it raises, or gives wrong shapes where one of them has one unit."""
    return net.delta[net.L] * net.equations.slope(net, l)


def _output_delta_alone(net: Working, l: int) -> Any:
    return net.delta[net.L] * 1.0


def _output_error(net: Working, l: int) -> Any:
    return bare_error(net) * net.equations.slope(net, l)


def _output_error_alone(net: Working, l: int) -> Any:
    return bare_error(net) * 1.0


def _delta_above(net: Working, l: int) -> Any:
    return net.delta[l + 1] * net.equations.slope(net, l)


# Matrices that meet --------------------------------------------------------------------------------------------------


def _own_output(net: Working, l: int) -> Any:
    own = net.y if l == net.L else net.z[l]
    return own.T @ net.delta[l]


def _of_preactivation(net: Working, l: int) -> Any:
    below = net.z[0] if l == 1 else net.a[l - 1]
    return below.T @ net.delta[l]


HANDED_DOWN = [
    mistake(
        "derivative-not-passed-on", "δ(l+1) handed down without f′(a(l+1))", "δ(l) = δ(l+1) W(l+1)ᵀ ⊙ f′(a(l))",
        "f′ is used for dW of its own layer, but the δ that is handed down is the one without it.",
        ("carried", _slope_left_behind),
        ("carried", _every_slope_left_behind,
         {"losses": THROUGH, "form": "The output's derivative is left behind too: {by_y} is handed down."}),
        ("carried", _output_slope_left_behind,
         {"losses": THROUGH, "form": "output", "wrong": "{by_y} handed down from the output",
          "right": "δ(L) = {delta} handed down from the output",
          "says": "The output's derivative is used for dW(L), but what is handed down is {by_y} without it."}),
    ),
    mistake(
        "error-of-the-output-handed-down", "(∂E/∂y) W(L)ᵀ", "δ(L) W(L)ᵀ",
        "What is handed down from the output is ∂E/∂y (−t/y and the like): the step from y back to a(L) is skipped.",
        ("carried", _error_of_output, {"losses": ENTROPY}),
    ),
    mistake(
        "relu-of-gradient", "max(0, δ(l+1) W(l+1)ᵀ)", "δ(l+1) W(l+1)ᵀ ⊙ f′(a(l))",
        "The ReLU is applied to the gradient itself. The mask comes from a(l), and negative gradients pass too.",
        ("delta_hidden", _relu_of_gradient),
    ),
    mistake(
        "derivative-of-the-error", "f′(δ(l+1) W(l+1)ᵀ)", "δ(l+1) W(l+1)ᵀ ⊙ f′(a(l))",
        "f′ is taken of the error that comes down. It is a factor of its own: f′(a(l)) times that error.",
        ("delta_hidden", _slope_of_error), AT_OUTPUT["derivative-of-the-error"],
    ),
    mistake(
        "delta-of-another-layer", "δ(L) ⊙ f′(a(l))", "δ(l+1) W(l+1)ᵀ ⊙ f′(a(l))",
        "δ of the output is used in the hidden layers. It has to come down through the weights first.",
        ("delta_hidden", _output_delta),
        ("delta_hidden", _output_delta_alone, {"form": "f′ is missing too.", "wrong": "δ(L)"}),
        ("delta_hidden", _output_error,
         {"losses": THROUGH, "form": "It is the error {by_y}, without the output's derivative.",
          "wrong": "({by_y}) ⊙ f′(a(l))"}),
        ("delta_hidden", _output_error_alone,
         {"losses": THROUGH, "form": "It is the error {by_y}, without the output's derivative, and f′ is missing too.",
          "wrong": "{by_y}"}),
        ("delta_hidden", _delta_above, {"form": "It is that of the layer above.", "wrong": "δ(l+1) ⊙ f′(a(l))"}),
    ),
]  # fmt: skip

INDICES = [
    mistake(
        "weights-not-transposed", "δ(l+1) W(l+1)", "δ(l+1) W(l+1)ᵀ",
        "W(l+1) is not transposed on the way back. Where W is square the shapes fit all the same.",
        ("carried", _not_transposed),
    ),
    mistake(
        "weights-of-wrong-layer", "δ(l+1) W(l)ᵀ", "δ(l+1) W(l+1)ᵀ",
        "The weights of a neighbouring layer are used on the way back: δ(l) needs W(l+1).",
        ("carried", _own_layer_weights, {"form": "They are those of the layer below."}),
        ("carried", _next_layer_weights,
         {"form": "They are those of the layer above.", "wrong": "δ(l+1) W(l+2)ᵀ"}),
    ),
    mistake(
        "weight-gradient-for-weights", "δ(l+1) (∂E/∂W(l+1))ᵀ", "δ(l+1) W(l+1)ᵀ",
        "dW(l+1) stands where W(l+1) belongs on the way back.",
        ("carried", _gradient_for_weights),
    ),
    mistake(
        "updated-weights-in-backward", "δ(l+1) (W(l+1) − η ∂E/∂W(l+1))ᵀ", "δ(l+1) W(l+1)ᵀ",
        "W is stepped before δ of the layer below is computed from it. All δ come first, from the forward pass's W.",
        ("carried", _updated_weights, {"fitted": True}),
        ("carried", _updated_by_each_sample, {"fitted": True, "form": "Each sample steps the W that came in."}),
        ("carried", _updated_by_each_sample_with_penalty,
         {"fitted": True, "form": "Each sample steps the W that came in, with λW in the step."}),
    ),
    mistake(
        "weight-gradient-transposed", "δ(l)ᵀ z(l−1)", "z(l−1)ᵀ δ(l)",
        "dW is transposed: δ(l)ᵀ z(l−1) for z(l−1)ᵀ δ(l). Where W is square the shapes fit all the same.",
        ("weight_terms", lambda net, l: net.delta[l].T @ net.z[l - 1]),
    ),
    mistake(
        "own-output-in-weight-gradient", "z(l)ᵀ δ(l)", "z(l−1)ᵀ δ(l)",
        "dW(l) is built from the layer's own output z(l). It needs what entered the layer: z(l−1).",
        ("weight_terms", _own_output),
    ),
    mistake(
        "preactivation-in-weight-gradient", "a(l−1)ᵀ δ(l)", "z(l−1)ᵀ δ(l)",
        "dW(l) is built from the pre-activation a(l−1). What entered the layer is z(l−1) = f(a(l−1)).",
        ("weight_terms", _of_preactivation),
    ),
    mistake(
        "input-in-every-layer", "xᵀ δ(l)", "z(l−1)ᵀ δ(l)",
        "dW(l) is built from the network's input x in every layer. Above the first it needs z(l−1).",
        ("weight_terms", lambda net, l: net.x.T @ net.delta[l]),
    ),
]  # fmt: skip
