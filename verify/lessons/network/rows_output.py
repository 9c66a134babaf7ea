"""Rows of the catalogue: the output and δ(L)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from manual import SLIDES, Working, activation
from verify.bounds.curves import bounded
from verify.lessons.network.mistake import ENTROPY, SQUARED, Equation, mistake


def _softmax_over_batch(net: Working, l: int) -> Tensor:
    a = net.a[l]
    if isinstance(a, Tensor):
        return torch.softmax(a, dim=0)  # (N, K), the samples in place of the classes
    return net.pair.y(a.T).T


def _delta(formula: Callable[[Working, int, Any, Any], Any]) -> Equation:
    return lambda net, l: formula(net, l, net.y, net.t)


def _softmax_squared(net: Working, l: int, y: Any, t: Any) -> Any:
    """δ of ½ǁy − tǁ² behind a softmax: the whole Jacobian, y ⊙ (e − Σ e y)."""
    e = y - t
    return y * (e - torch.sum(e * y, dim=1, keepdim=True))


def _class_index(net: Working, l: int, y: Any, t: Any) -> Any:
    plain = t if isinstance(t, Tensor) else t.value
    return y - torch.argmax(plain, dim=1, keepdim=True).to(plain.dtype)


def logistic(a: Any) -> Any:
    """σ(a) of a tensor or of a bounded number."""
    f = activation("sigmoid")
    return (f if isinstance(a, Tensor) else bounded(f)).f(a)


def logistic_slope(a: Any) -> Any:
    """σ′(a) of a tensor or of a bounded number."""
    f = activation("sigmoid")
    return (f if isinstance(a, Tensor) else bounded(f)).derivative(a)


def _output_slope(net: Working, l: int) -> Any:
    """g′(a(L)) where the pair has one, else σ′(a(L))."""
    return net.pair.g.derivative(net.a[l]) if net.pair.g is not None else logistic_slope(net.a[l])


def _slope_at_output(net: Working, l: int, y: Any, t: Any) -> Any:
    return (y - t) * net.pair.g.derivative(y) if net.pair.g is not None else y - t


def _slope_of_error(net: Working, l: int, y: Any, t: Any) -> Any:
    return net.pair.g.derivative(y - t) if net.pair.g is not None else y - t


def _right_handed_down(net: Working, l: int) -> Any:
    return SLIDES.delta_output(net, net.L) @ net.W[net.L].T


def _error_weights(net: Working, l: int) -> Any:
    """zᵀ(y − t) in the output layer, the slides' terms below it."""
    return net.z[l - 1].T @ (net.y - net.t) if l == net.L else SLIDES.weight_terms(net, l)


def _error_biases(net: Working, l: int) -> Any:
    return torch.sum(net.y - net.t, dim=0) if l == net.L else SLIDES.bias_terms(net, l)


OUTPUT = [
    mistake(
        "output-sign", "δ(L) = −({delta})", "δ(L) = {delta}",
        "δ(L) has the wrong sign: t − y for y − t. All gradients that follow point uphill.",
        ("delta_output", lambda net, l: -SLIDES.delta_output(net, l)),
    ),
    mistake(
        "factor-two", "δ(L) = 2 ({delta})", "δ(L) = {delta}",
        "δ(L) has a factor too many: every entry is twice the right one.",
        ("delta_output", lambda net, l: 2.0 * SLIDES.delta_output(net, l)),
        ("delta_output", lambda net, l: 0.5 * SLIDES.delta_output(net, l),
         {"form": "half", "wrong": "δ(L) = ½ ({delta})",
          "says": "δ(L) has a factor too many: every entry is half of the right one."}),
    ),
    mistake(
        "target-missing", "δ(L) = y", "δ(L) = {delta}",
        "The target is missing: y stands where y − t belongs.",
        ("delta_output", _delta(lambda net, l, y, t: y * 1.0), {"losses": ENTROPY}),
        ("delta_output", _delta(lambda net, l, y, t: y * _output_slope(net, l)),
         {"losses": SQUARED, "wrong": "δ(L) = y ⊙ σ′(a(L))"}),
    ),
    mistake(
        "output-derivative-extra", "δ(L) = (y − t) ⊙ σ′(a(L))", "δ(L) = {delta}",
        "δ(L) is multiplied by a derivative once more. With cross-entropy the output's has cancelled: δ(L) = y − t.",
        ("delta_output", _delta(lambda net, l, y, t: (y - t) * logistic_slope(net.a[l])), {"losses": ENTROPY}),
        ("delta_output", _delta(lambda net, l, y, t: (y - t) * net.f.derivative(net.a[l])),
         {"losses": ENTROPY, "form": "It is the hidden layers' f′.", "wrong": "δ(L) = (y − t) ⊙ f′(a(L))"}),
    ),
    mistake(
        "softmax-derivative-again", "δ(L) = (y − t) ⊙ y ⊙ (1 − y)", "δ(L) = {delta}",
        "y − t is already the derivative through the softmax. Leave out the factor y(1 − y).",
        ("delta_output", _delta(lambda net, l, y, t: (y - t) * (y * (1 - y))), {"losses": ENTROPY}),
    ),
    mistake(
        "softmax-jacobian-diagonal", "δ(L) = −t ⊙ (1 − y)", "δ(L) = {delta}",
        "Only the diagonal of the softmax's Jacobian is used. Every y_k depends on every a_j: deck 000 derives both "
        'cases, k = j and k ≠ j ("求导 $\\delta^{(3)}$ -1", "-2").',
        ("delta_output", _delta(lambda net, l, y, t: -(t * (1 - y))), {"losses": ENTROPY}),
    ),
    mistake(
        "output-derivative-missing", "δ(L) = y − t", "δ(L) = {delta}",
        "The derivative of the output, σ′(a(L)), is missing in δ(L): the loss is the squared error.",
        ("delta_output", _delta(lambda net, l, y, t: y - t), {"losses": SQUARED}),
        ("delta_output", _delta(lambda net, l, y, t: y - t),
         {"losses": SQUARED, "handed": _right_handed_down, "kinds": ("dW", "db"), "layers": "output",
          "form": "dW(L) and db(L)", "wrong": "∂E/∂W(L) and ∂E/∂b(L) of y − t", "right": "of δ(L) = {delta}",
          "says": "The output's derivative, σ′(a(L)), is missing in dW(L) and db(L); what is handed down has it."}),
        ("weight_terms", _error_weights,
         {"losses": SQUARED, "layers": "output", "form": "dW(L)", "wrong": "∂E/∂W(L) of y − t",
          "right": "of δ(L) = {delta}",
          "says": "The output's derivative, σ′(a(L)), is missing in dW(L); db(L) and what is handed down have it."}),
        ("bias_terms", _error_biases,
         {"losses": SQUARED, "layers": "output", "form": "db(L)", "wrong": "∂E/∂b(L) of y − t",
          "right": "of δ(L) = {delta}",
          "says": "The output's derivative, σ′(a(L)), is missing in db(L); dW(L) and what is handed down have it."}),
    ),
    mistake(
        "softmax-over-batch", "softmax over the samples", "softmax over the outputs of each sample",
        "The softmax is normalised over the samples (axis 0). The outputs of each sample must sum to 1: axis 1.",
        ("output", _softmax_over_batch, {"outputs": ("softmax",)}),
    ),
    mistake(
        "squared-error-for-cross-entropy", "δ(L) of ½ǁy − tǁ²", "δ(L) = {delta}",
        "δ(L) belongs to the squared error. The loss here is the cross-entropy, for which δ(L) = y − t.",
        ("delta_output", _delta(_softmax_squared), {"losses": ("cross-entropy",)}),
        ("delta_output", _delta(lambda net, l, y, t: (y - t) * logistic_slope(net.a[l])),
         {"losses": ("binary-cross-entropy",)}),
    ),
    mistake(
        "labels-not-one-hot", "δ(L) = y − class", "δ(L) = {delta}",
        "The class number itself is subtracted from every output. t is one-hot: 1 in the class's place, 0 elsewhere.",
        ("delta_output", _delta(_class_index), {"losses": ("cross-entropy",)}),
    ),
]  # fmt: skip

# Forms at the output of rows that are told in the hidden layers.
AT_OUTPUT: dict[str, tuple] = {
    "derivative-at-activation": (
        "delta_output", _delta(_slope_at_output),
        {"losses": SQUARED, "form": "output", "wrong": "δ(L) = (y − t) ⊙ σ′(y)", "right": "δ(L) = {delta}",
         "says": "σ′ is taken at the output y where it belongs at the pre-activation a(L)."},
    ),
    "derivative-of-the-error": (
        "delta_output", _delta(_slope_of_error),
        {"losses": SQUARED, "form": "output", "wrong": "δ(L) = σ′(y − t)", "right": "δ(L) = {delta}",
         "says": "σ′ is taken of the error y − t. It is a factor: (y − t) ⊙ σ′(a(L))."},
    ),
}  # fmt: skip
