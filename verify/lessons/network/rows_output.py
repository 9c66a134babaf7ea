"""Rows of the catalogue: the output and δ(L)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from manual import SLIDES, Working, activation
from verify.bounds.curves import bounded
from verify.lessons.network.mistake import ENTROPY, MEANS, SQUARES, THROUGH, Equation, error_by_output, mistake
from verify.problems.choices import ACTIVATIONS


def _softmax_over_batch(net: Working, l: int) -> Tensor:
    a = net.a[l]
    if isinstance(a, Tensor):
        return torch.softmax(a, dim=0)  # (N, K), the samples in place of the classes
    return net.pair.y(a.T).T


def _activated_twice(net: Working, l: int) -> Any:
    return net.pair.y(net.f.f(net.a[l]))


def _delta(formula: Callable[[Working, int, Any, Any], Any]) -> Equation:
    return lambda net, l: formula(net, l, net.y, net.pair.goal(net.t))


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


def _through(net: Working, e: Any) -> Any:
    """δ(L) of another ∂E_n/∂y: e through the output's derivative, σ′(a(L)) or the softmax's Jacobian."""
    if net.pair.g is not None:
        return e * net.pair.g.derivative(net.a[net.L])
    return net.y * (e - torch.sum(e * net.y, dim=1, keepdim=True))


def _without_target(net: Working, l: int) -> Any:
    assert net.pair.by_y is not None
    return _through(net, net.pair.by_y(net.y, net.t * 0.0))


def _error_alone(net: Working, l: int) -> Any:
    return error_by_output(net) * 1.0


def _residual(net: Working, l: int) -> Any:
    return _through(net, net.y - net.t)


def _size_for_sign(net: Working, l: int) -> Any:
    return _through(net, abs(net.y - net.t))


def _sign_beyond(net: Working, l: int) -> Any:
    """Huber's residual within ±κ, and its sign alone beyond."""
    assert net.pair.rho is not None
    apart, kappa = net.y - net.t, net.pair.rho.constants.huber
    plain = apart if isinstance(apart, Tensor) else apart.value
    return _through(net, torch.where(plain.abs() <= kappa, apart, torch.sign(apart)))


def _above(net: Working) -> Any:
    """1 where a margin is above 0, of the true class 0."""
    return error_by_output(net) * (1.0 - net.t)


def _own_class_once(net: Working, l: int) -> Any:
    return _above(net) - net.t * torch.sign(torch.sum(_above(net), dim=1, keepdim=True))


def _without_margin(net: Working, l: int) -> Any:
    assert net.pair.by_y is not None
    return net.pair.by_y(net.y + net.pair.constants.margin * net.t, net.t)


def _to_labels(net: Working, l: int) -> Any:
    return net.y - net.t


def _to_other_classes(net: Working, l: int) -> Any:
    """ε shared by the other classes alone: (1 − ε) t + ε (1 − t)/(K − 1)."""
    K, shared = net.t.shape[1], 1 - net.pair.goal(net.t * 0.0) * float(net.t.shape[1])  # 1 − ε
    return net.y - (shared * net.t + (1 - shared) * (1 - net.t) / float(max(1, K - 1)))


def _outputs_summed(net: Working, l: int) -> Any:
    return float(net.t.shape[1]) * SLIDES.delta_output(net, l)


def _slope_at_output(net: Working, l: int) -> Any:
    e = error_by_output(net)
    return e * net.pair.g.derivative(net.y) if net.pair.g is not None else e


def _slope_of_error(net: Working, l: int) -> Any:
    e = error_by_output(net)
    return net.pair.g.derivative(e) if net.pair.g is not None else e


def _slope_twice(net: Working, l: int) -> Any:
    return SLIDES.delta_output(net, l) * _output_slope(net, l)


def _right_handed_down(net: Working, l: int) -> Any:
    return SLIDES.delta_output(net, net.L) @ net.W[net.L].T


def _error_weights(net: Working, l: int) -> Any:
    """zᵀ ∂E/∂y in the output layer, the slides' terms below it."""
    return net.z[l - 1].T @ error_by_output(net) if l == net.L else SLIDES.weight_terms(net, l)


def _error_biases(net: Working, l: int) -> Any:
    return torch.sum(error_by_output(net), dim=0) if l == net.L else SLIDES.bias_terms(net, l)


SOFTMAX = ("softmax",)
HINGE = ("hinge",)
BINARY = ("binary-cross-entropy",)
SMOOTHED = ("smoothed-cross-entropy",)
_JACOBIAN = (
    "The softmax's Jacobian is missing in δ(L): ∂E/∂y = {by_y} has to go through it. With cross-entropy alone the two "
    "cancel to y − t."
)
_JACOBIAN_OF_T = (
    "The softmax's Jacobian is missing in δ(L): ∂E/∂y = −t/y has to go through it. With cross-entropy the two cancel "
    "to y − t."
)

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
        "outputs-mean-missing", "δ(L) = K ({delta})", "δ(L) = {delta}",
        "δ(L) is K times the right one, K being the number of outputs: E is a mean over the outputs too.",
        ("delta_output", _outputs_summed, {"losses": MEANS}),
        ("delta_output", _residual,
         {"losses": MEANS, "form": "half", "wrong": "δ(L) of ½ǁy − tǁ²",
          "says": "δ(L) is that of ½ǁy − tǁ². E has (1/K) ǁy − tǁ² here, so ∂E/∂y is {by_y}."}),
    ),
    mistake(
        "hinge-count-missing", "0 for the true class", "δ(L) = {delta}",
        "The row of the true class is missing: minus the number of margins above 0 stands there, for y_c is in each.",
        ("delta_output", lambda net, l: _above(net) * 1.0, {"losses": HINGE}),
        ("delta_output", _own_class_once,
         {"losses": HINGE, "form": "once", "wrong": "−1 for the true class",
          "says": "The true class gets −1 however many margins are above 0. y_c is in each: it gets minus their "
          "number."}),
    ),
    mistake(
        "hinge-true-class-counted", "1 more for the true class", "δ(L) = {delta}",
        "The margin of the true class is counted with the others: y_c − y_c + Δ is no margin, and E has Δ a sample too "
        "much.",
        ("delta_output", lambda net, l: error_by_output(net) + net.t, {"losses": HINGE}),
    ),
    mistake(
        "hinge-margin-missing", "1(yₖ > y_c)", "1(yₖ − y_c + Δ > 0)",
        "The Δ is missing in what is compared with 0: a class counts as soon as yₖ − y_c + Δ is above 0.",
        ("delta_output", _without_margin, {"losses": HINGE}),
    ),
    mistake(
        "smoothing-missing", "δ(L) = y − t", "δ(L) = {delta}",
        "The labels are not smoothed: y − t stands where y − t′ belongs, t′ = (1 − ε) t + ε/K.",
        ("delta_output", _to_labels, {"losses": SMOOTHED}),
        ("delta_output", _to_other_classes,
         {"losses": SMOOTHED, "form": "others", "wrong": "δ(L) = y − ((1 − ε) t + ε/(K − 1) (1 − t))",
          "says": "The ε is shared by the other K − 1 classes alone. Here every class gets ε/K, the true one too."}),
    ),
    mistake(
        "residual-for-sign", "δ(L) = (y − t) ⊙ σ′(a(L))", "δ(L) = {delta}",
        "δ(L) has y − t, as under the squared error, where the derivative of |y − t| is its sign.",
        ("delta_output", _residual, {"losses": ("l1",)}),
        ("delta_output", _size_for_sign,
         {"losses": ("l1",), "form": "size", "wrong": "δ(L) = |y − t| ⊙ σ′(a(L))",
          "says": "δ(L) has |y − t| itself where its derivative belongs, the sign of y − t."}),
    ),
    mistake(
        "huber-not-clipped", "δ(L) = (y − t) ⊙ σ′(a(L))", "δ(L) = {delta}",
        "δ(L) has y − t throughout. Beyond ±κ the Huber loss is a line, and ∂E/∂y stays at ±κ.",
        ("delta_output", _residual, {"losses": ("huber",)}),
        ("delta_output", _sign_beyond,
         {"losses": ("huber",), "form": "sign", "wrong": "δ(L) = sign(y − t) ⊙ σ′(a(L)) beyond ±κ",
          "says": "Beyond ±κ δ(L) has the sign of y − t, without the factor κ: the line's slope is κ."}),
    ),
    mistake(
        "target-missing", "δ(L) = y", "δ(L) = {delta}",
        "The target is missing: y stands where y − t belongs.",
        ("delta_output", _delta(lambda net, l, y, t: y * 1.0), {"losses": ENTROPY}),
        ("delta_output", _without_target, {"losses": SQUARES, "wrong": "δ(L) of t = 0"}),
    ),
    mistake(
        "output-derivative-extra", "δ(L) = (y − t) ⊙ σ′(a(L))", "δ(L) = {delta}",
        "δ(L) is multiplied by a derivative once more. With cross-entropy the output's has cancelled: δ(L) = y − t.",
        ("delta_output", _delta(lambda net, l, y, t: (y - t) * logistic_slope(net.a[l])), {"losses": ENTROPY}),
        ("delta_output", _delta(lambda net, l, y, t: (y - t) * net.f.derivative(net.a[l])),
         {"losses": ENTROPY, "form": "It is the hidden layers' f′.", "wrong": "δ(L) = (y − t) ⊙ f′(a(L))"}),
        ("delta_output", _slope_twice,
         {"losses": THROUGH, "outputs": ACTIVATIONS, "form": "twice", "wrong": "δ(L) = ({by_y}) ⊙ σ′(a(L))²",
          "says": "The output's derivative, σ′(a(L)), is multiplied in twice in δ(L)."}),
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
        ("delta_output", _delta(lambda net, l, y, t: -(t * (1 - y))), {"losses": ENTROPY, "outputs": SOFTMAX}),
        ("delta_output", _delta(lambda net, l, y, t: error_by_output(net) * (y * (1 - y))),
         {"losses": THROUGH, "outputs": SOFTMAX, "wrong": "δ(L) = ({by_y}) ⊙ y ⊙ (1 − y)"}),
    ),
    mistake(
        "binary-cross-entropy-terms", "δ(L) = −t ⊙ (1 − y)", "δ(L) = {delta}",
        "The binary cross-entropy has two terms, −t ln y and −(1 − t) ln(1 − y). The first alone is differentiated.",
        ("delta_output", _delta(lambda net, l, y, t: -(t * (1 - y))), {"losses": BINARY}),
        ("delta_output", _delta(lambda net, l, y, t: (1 - t) * y),
         {"losses": BINARY, "form": "second", "wrong": "δ(L) = (1 − t) ⊙ y",
          "says": "The binary cross-entropy has two terms, −t ln y and −(1 − t) ln(1 − y). The second alone is "
          "differentiated."}),
        ("delta_output", _delta(lambda net, l, y, t: -(t * (1 - y)) - (1 - t) * y),
         {"losses": BINARY, "form": "sign", "wrong": "δ(L) = (−t/y − (1 − t)/(1 − y)) ⊙ y ⊙ (1 − y)",
          "says": "A sign is wrong between the two terms: ∂E/∂y is −t/y + (1 − t)/(1 − y), for 1 − y falls as y "
          "grows."}),
    ),
    mistake(
        "output-derivative-missing", "δ(L) = {by_y}", "δ(L) = {delta}",
        "The derivative of the output, σ′(a(L)), is missing in δ(L): under this loss nothing cancels it.",
        ("delta_output", _error_alone, {"losses": THROUGH, "outputs": ACTIVATIONS}),
        ("delta_output", _error_alone, {"losses": THROUGH, "outputs": SOFTMAX, "form": "softmax", "says": _JACOBIAN}),
        ("delta_output", _delta(lambda net, l, y, t: y - t),
         {"losses": MEANS, "outputs": SOFTMAX, "form": "cross-entropy", "wrong": "δ(L) = y − t", "says": _JACOBIAN}),
        ("delta_output", _error_alone,
         {"losses": THROUGH, "outputs": ACTIVATIONS, "handed": _right_handed_down, "kinds": ("dW", "db"),
          "layers": "output", "form": "dW(L) and db(L)", "wrong": "∂E/∂W(L) and ∂E/∂b(L) of {by_y}",
          "right": "of δ(L) = {delta}",
          "says": "The output's derivative, σ′(a(L)), is missing in dW(L) and db(L); what is handed down has it."}),
        ("weight_terms", _error_weights,
         {"losses": THROUGH, "outputs": ACTIVATIONS, "layers": "output", "form": "dW(L)", "wrong": "∂E/∂W(L) of {by_y}",
          "right": "of δ(L) = {delta}",
          "says": "The output's derivative, σ′(a(L)), is missing in dW(L); db(L) and what is handed down have it."}),
        ("bias_terms", _error_biases,
         {"losses": THROUGH, "outputs": ACTIVATIONS, "layers": "output", "form": "db(L)", "wrong": "∂E/∂b(L) of {by_y}",
          "right": "of δ(L) = {delta}",
          "says": "The output's derivative, σ′(a(L)), is missing in db(L); dW(L) and what is handed down have it."}),
        ("delta_output", _delta(lambda net, l, y, t: (1 - t) / (1 - y) - t / y),
         {"losses": BINARY, "form": "−t/y + (1 − t)/(1 − y)", "wrong": "δ(L) = −t/y + (1 − t)/(1 − y)",
          "says": "The output's derivative, y(1 − y), is missing in δ(L): −t/y + (1 − t)/(1 − y) is ∂E/∂y. Their "
          "product is y − t."}),
        ("delta_output", _delta(lambda net, l, y, t: -(t / y)),
         {"losses": ENTROPY, "outputs": SOFTMAX, "form": "−t/y", "wrong": "δ(L) = −t/y", "says": _JACOBIAN_OF_T}),
    ),
    mistake(
        "softmax-over-batch", "softmax over the samples", "softmax over the outputs of each sample",
        "The softmax is normalised over the samples (axis 0). The outputs of each sample must sum to 1: axis 1.",
        ("output", _softmax_over_batch, {"outputs": SOFTMAX}),
    ),
    mistake(
        "output-not-softmax", "y = σ(a(L))", "y = softmax(a(L))",
        "The logistic function stands in the softmax's place. The outputs of each sample must sum to 1.",
        ("output", lambda net, l: logistic(net.a[l]), {"outputs": SOFTMAX}),
        ("output", lambda net, l: net.a[l] * 1.0,
         {"outputs": SOFTMAX, "form": "a(L)", "wrong": "y = a(L)",
          "says": "The softmax is missing: y is a(L) itself. The outputs of each sample must sum to 1."}),
    ),
    mistake(
        "activation-on-output", "y of f(a(L))", "y of a(L)",
        "The hidden layers' f is applied to a(L) as well. The output layer has a function of its own, and it takes "
        "a(L).",
        ("output", _activated_twice, {"losses": ENTROPY}),
        ("output", _activated_twice, {"losses": THROUGH, "outputs": ("identity",)}),
    ),
    mistake(
        "squared-error-for-cross-entropy", "δ(L) of ½ǁy − tǁ²", "δ(L) = {delta}",
        "δ(L) belongs to the squared error. The loss here is the cross-entropy, for which δ(L) = y − t.",
        ("delta_output", _delta(_softmax_squared), {"losses": ("cross-entropy",)}),
        ("delta_output", _delta(lambda net, l, y, t: (y - t) * logistic_slope(net.a[l])),
         {"losses": BINARY}),
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
        "delta_output", _slope_at_output,
        {"losses": THROUGH, "outputs": ACTIVATIONS, "form": "output", "wrong": "δ(L) = ({by_y}) ⊙ σ′(y)",
         "right": "δ(L) = {delta}",
         "says": "σ′ is taken at the output y where it belongs at the pre-activation a(L)."},
    ),
    "derivative-of-the-error": (
        "delta_output", _slope_of_error,
        {"losses": THROUGH, "outputs": ACTIVATIONS, "form": "output", "wrong": "δ(L) = σ′({by_y})",
         "right": "δ(L) = {delta}",
         "says": "σ′ is taken of the error {by_y}. It is a factor of its own: δ(L) = {delta}."},
    ),
}  # fmt: skip
