"""The catalogue: mistakes that people really make, each one equation of the manual network replaced by a wrong one.

A `Mistake` is what a report names: its id, the wrong and the right formula, a text for the student. It has one or more
`Variant`s, forms that look different in code and are one mistake to its author. Mistakes whose equations stand in
different slots can be combined by replacing one field of `Equations` for each. The order of the list is the order of
preference where two give the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from manual import SLIDES, Equations, Working, activation
from verify.bounds.curves import bounded

Equation = Callable[[Working, int], Tensor]

# The slots in which mistakes stand, each a field of `Equations`; in the order in which a working meets them.
SLOTS = (
    "output",
    "delta_output",
    "mean",
    "bias_terms",
    "bias_gradient",
    "weight_terms",
    "weight_gradient",
    "decay",
    "carried",
    "slope",
    "delta_hidden",
)


@dataclass(frozen=True)
class Variant:
    """One form of a mistake: the slot, the equation that stands there, the activations and outputs that it concerns."""

    mistake: str
    slot: str
    equation: Callable[..., Any]
    activations: tuple[str, ...] | None = None  # None: any
    outputs: tuple[str, ...] | None = None
    losses: tuple[str, ...] | None = None
    fitted: bool = False  # the equation takes (net, l, number), and the number is the program's own
    form: str = ""  # what the form is called in a report, where a mistake has several

    def with_number(self, number: float) -> Variant:
        """The variant with its number fixed."""
        equation = self.equation
        return replace(self, equation=lambda net, l: equation(net, l, number), fitted=False)

    def concerns(self, activation_name: str, output: str, loss: str) -> bool:
        """Whether the variant can differ from the slides under that activation, output and loss."""
        return (
            (self.activations is None or activation_name in self.activations)
            and (self.outputs is None or output in self.outputs)
            and (self.losses is None or loss in self.losses)
        )


@dataclass(frozen=True)
class Mistake:
    """A row of the catalogue."""

    id: str
    wrong: str
    right: str
    says: str
    kinds: tuple[str, ...]  # kinds of the lines whose equation is wrong: delta, dW, db, y, E, W
    hidden_only: bool = False  # of `delta`: the hidden layers' alone
    also: tuple[str, ...] = ()  # rows that cannot be told from it on any problem
    variants: tuple[Variant, ...] = field(default=(), repr=False)


# Equations -----------------------------------------------------------------------------------------------------------


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


def _logistic(a: Any) -> Any:
    """σ(a) of a tensor or of a bounded number."""
    f = activation("sigmoid")
    return (f if isinstance(a, Tensor) else bounded(f)).f(a)


def _logistic_slope(a: Any) -> Any:
    f = activation("sigmoid")
    return (f if isinstance(a, Tensor) else bounded(f)).derivative(a)


def _output_slope(net: Working, l: int) -> Any:
    """g′(a(L)) where the pair has one, else σ′(a(L))."""
    return net.pair.g.derivative(net.a[l]) if net.pair.g is not None else _logistic_slope(net.a[l])


def _weight_terms(formula: Callable[[Working, int], Any]) -> Equation:
    return formula


def _own_output(net: Working, l: int) -> Any:
    own = net.y if l == net.L else net.z[l]
    return own.T @ net.delta[l]


def _of_preactivation(net: Working, l: int) -> Any:
    below = net.z[0] if l == 1 else net.a[l - 1]
    return below.T @ net.delta[l]


def _without_mean_weights(net: Working, l: int) -> Any:
    eq = net.equations
    return eq.weight_terms(net, l) + eq.decay(net, l)


def _without_mean_biases(net: Working, l: int) -> Any:
    return net.equations.bias_terms(net, l)


def _mean_again_biases(net: Working, l: int) -> Any:
    return net.equations.mean(net, net.equations.bias_terms(net, l)) / net.N


def _decayed_biases(net: Working, l: int) -> Any:
    return net.equations.mean(net, net.equations.bias_terms(net, l)) + net.lam * net.b[l]


def _zero_biases(net: Working, l: int) -> Any:
    return net.b[l] * 0.0


def _ones_like_weights(net: Working, l: int) -> Tensor:
    w = net.W[l]
    return torch.ones_like(w if isinstance(w, Tensor) else w.value)


def _only_layer(layer: Callable[[Working], int]) -> Equation:
    return lambda net, l: (net.lam if l == layer(net) else 0.0) * net.W[l]


def _not_transposed(net: Working, l: int) -> Any:
    return net.delta[l + 1] @ net.W[l + 1]


def _own_layer_weights(net: Working, l: int) -> Any:
    return net.delta[l + 1] @ net.W[l].T


def _next_layer_weights(net: Working, l: int) -> Any:
    return net.delta[l + 1] @ net.W[min(l + 2, net.L)].T


def _updated_weights(net: Working, l: int, eta: float) -> Any:
    return net.delta[l + 1] @ (net.W[l + 1] - eta * net.dW[l + 1]).T


def _slope_left_behind(net: Working, l: int) -> Any:
    """The δ that is handed down has never met f′."""
    e = net.delta[net.L]
    for above in range(net.L, l, -1):
        e = e @ net.W[above].T
    return e


def _relu_of_gradient(net: Working, l: int) -> Any:
    return torch.relu(net.equations.carried(net, l))


def _mean_per_layer(net: Working, l: int) -> Any:
    eq = net.equations
    return eq.carried(net, l) * eq.slope(net, l) / net.N


def _plain(a: Any) -> Tensor:
    return a if isinstance(a, Tensor) else a.value


def _ones(net: Working, l: int) -> Tensor:
    return torch.ones_like(_plain(net.a[l]))


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


def _output_formula_of_preactivation(net: Working, l: int) -> Any:
    """The formula that takes the output, z(1 − z) and the like, given a."""
    a = net.a[l]
    name, gamma = net.f.name, net.f.constants.elu
    if name == "sigmoid":
        return a * (1 - a)
    if name == "tanh":
        return 1 - a * a
    if name == "softplus":
        return 1 - torch.exp(-a)
    return torch.where(_plain(a) > 0, torch.ones_like(_plain(a)), a + gamma)


def _other_layer_slope(offset: int) -> Equation:
    return lambda net, l: net.f.derivative(net.a[min(max(l + offset, 1), net.L)])


def _swish_without_product(net: Working, l: int) -> Any:
    return _logistic(_constant("swish")(net) * net.a[l])


def _swish_without_beta(net: Working, l: int) -> Any:
    beta = _constant("swish")(net)
    return _logistic(beta * net.a[l]) + net.a[l] * _logistic_slope(beta * net.a[l])


# The list ------------------------------------------------------------------------------------------------------------

_ENTROPY = ("cross-entropy", "binary-cross-entropy")
_PIECEWISE = ("relu",)
_GELU = ("gelu", "gelu_tanh", "gelu_sigmoid")


def _mistake(
    id: str,
    wrong: str,
    right: str,
    says: str,
    kinds: str,
    *variants: tuple[str, Callable[..., Any]] | tuple[str, Callable[..., Any], dict[str, Any]],
    hidden_only: bool = False,
    also: tuple[str, ...] = (),
) -> Mistake:
    made = tuple(Variant(id, v[0], v[1], **(v[2] if len(v) > 2 else {})) for v in variants)
    return Mistake(id, wrong, right, says, tuple(kinds.split()), hidden_only, also, made)


_SCALE = [
    _mistake(
        "mean-missing", "Σₙ", "(1/N) Σₙ",
        "The mean over the batch is missing: the sum over the samples is never divided by N. "
        'Deck 000, "难点在于偏导怎么计算?", has 1/N in front of the sum.',
        "dW db", ("mean", lambda net, total: total * 1.0),
    ),
    _mistake(
        "mean-twice", "(1/N²) Σₙ", "(1/N) Σₙ",
        "The gradient is divided by N twice. Divide once: in δ(L), or in dW and db, not in both.",
        "dW db", ("mean", lambda net, total: total / net.N / net.N),
    ),
    _mistake(
        "mean-over-outputs", "(1/NK) Σₙ", "(1/N) Σₙ",
        "The mean is over samples and outputs (1/NK). E is a mean over the N samples and a sum over the K outputs.",
        "dW db", ("mean", lambda net, total: total / net.N / net.t.shape[1]),
    ),
    _mistake(
        "mean-missing-weights", "∂E/∂W(l) = z(l−1)ᵀ δ(l) + λ W(l)", "∂E/∂W(l) = (1/N) z(l−1)ᵀ δ(l) + λ W(l)",
        "The weights' gradient is a sum over the batch, not a mean: 1/N is missing in dW (db has it).",
        "dW", ("weight_gradient", _without_mean_weights),
    ),
    _mistake(
        "mean-missing-biases", "∂E/∂b(l) = Σₙ δₙ(l)", "∂E/∂b(l) = (1/N) Σₙ δₙ(l)",
        "The biases' gradient is a sum over the batch, not a mean: 1/N is missing in db (dW has it).",
        "db", ("bias_gradient", _without_mean_biases),
    ),
    _mistake(
        "mean-per-layer", "δ(l) = (1/N) δ(l+1) W(l+1)ᵀ ⊙ f′(a(l))", "δ(l) = δ(l+1) W(l+1)ᵀ ⊙ f′(a(l))",
        "δ is divided by N again at every layer on the way back. 1/N belongs to the loss and enters once.",
        "delta", ("delta_hidden", _mean_per_layer), hidden_only=True,
    ),
]  # fmt: skip

_DECAY = [
    _mistake(
        "l2-missing", "∂E/∂W(l) = (1/N) z(l−1)ᵀ δ(l)", "… + λ W(l)",
        "The penalty's gradient λW is missing in dW. E has (λ/2) Σ ǁWǁ², whose derivative is λW.",
        "dW", ("decay", lambda net, l: 0.0 * net.W[l]),
    ),
    _mistake(
        "l2-doubled", "… + 2λ W(l)", "… + λ W(l)",
        "The penalty's gradient is 2λW where it should be λW: the ½ of (λ/2) ǁWǁ² cancels the 2 of the square.",
        "dW", ("decay", lambda net, l: (2 * net.lam) * net.W[l]),
    ),
    _mistake(
        "l2-halved", "… + (λ/2) W(l)", "… + λ W(l)",
        "The penalty's gradient is (λ/2)W where it should be λW: the square brings a 2 that cancels the ½.",
        "dW", ("decay", lambda net, l: (net.lam / 2) * net.W[l]),
    ),
    _mistake(
        "l2-over-n", "… + (λ/N) W(l)", "… + λ W(l)",
        "The penalty's gradient is divided by N. The mean is over the samples' errors; the penalty stands outside it.",
        "dW", ("decay", lambda net, l: (net.lam / net.N) * net.W[l]),
    ),
    _mistake(
        "l2-sign", "… − λ W(l)", "… + λ W(l)",
        "The penalty's gradient has the wrong sign: −λW lets the weights grow.",
        "dW", ("decay", lambda net, l: (-net.lam) * net.W[l]),
    ),
    _mistake(
        "l2-on-biases", "∂E/∂b(l) = … + λ b(l)", "∂E/∂b(l) = (1/N) Σₙ δₙ(l)",
        "λb is added to the biases' gradient. The penalty is on the weights alone.",
        "db", ("bias_gradient", _decayed_biases),
    ),
    _mistake(
        "l2-some-layers", "λ W in one layer only", "… + λ W(l) in every layer",
        "The penalty's gradient is there in one layer only. Every W(l) is in Σ ǁW(l)ǁ², so every dW(l) has its λW(l).",
        "dW", ("decay", _only_layer(lambda net: net.L), {"form": "the last layer only"}),
        ("decay", _only_layer(lambda net: 1), {"form": "the first layer only"}),
    ),
    _mistake(
        "l2-scalar", "… + λ Σ W(l)²", "… + λ W(l)",
        "One number, λ ΣW², is added to every entry of dW. The derivative of the penalty by w_ij is λ w_ij.",
        "dW", ("decay", lambda net, l: net.lam * torch.sum(net.W[l] ** 2) * _ones_like_weights(net, l)),
        ("decay", lambda net, l: net.lam / 2 * torch.sum(net.W[l] ** 2) * _ones_like_weights(net, l),
         {"form": "halved"}),
    ),
    _mistake(
        "l2-squared", "… + λ W(l) ⊙ W(l)", "… + λ W(l)",
        "λ W² is added to dW, entry by entry. The derivative of w² is 2w, not w².",
        "dW", ("decay", lambda net, l: net.lam * (net.W[l] * net.W[l])),
    ),
    _mistake(
        "l1-for-l2", "… + λ sign W(l)", "… + λ W(l)",
        "λ·sign(W) is the gradient of an L1 penalty. This one is L2: λW.",
        "dW", ("decay", lambda net, l: net.lam * torch.sign(net.W[l])),
    ),
]  # fmt: skip

_OUTPUT = [
    _mistake(
        "output-sign", "δ(L) = t − y", "δ(L) = y − t",
        "δ(L) has the wrong sign: t − y for y − t. All gradients that follow point uphill.",
        "delta", ("delta_output", lambda net, l: -SLIDES.delta_output(net, l)),
    ),
    _mistake(
        "factor-two", "δ(L) = 2(y − t), or half", "δ(L) = y − t",
        "δ(L) has a factor too many: 2 (or ½) times y − t.",
        "delta", ("delta_output", lambda net, l: 2.0 * SLIDES.delta_output(net, l), {"form": "twice"}),
        ("delta_output", lambda net, l: 0.5 * SLIDES.delta_output(net, l), {"form": "half"}),
    ),
    _mistake(
        "target-missing", "δ(L) = y", "δ(L) = y − t",
        "The target is missing: δ(L) = y where it should be y − t.",
        "delta", ("delta_output", _delta(lambda net, l, y, t: y * 1.0), {"losses": _ENTROPY}),
        ("delta_output", _delta(lambda net, l, y, t: y * _output_slope(net, l)), {"losses": ("squared-error",)}),
    ),
    _mistake(
        "output-derivative-extra", "δ(L) = (y − t) ⊙ σ′(a(L))", "δ(L) = y − t",
        "δ(L) is multiplied by a derivative once more. With cross-entropy the output's has cancelled: δ(L) = y − t.",
        "delta",
        ("delta_output", _delta(lambda net, l, y, t: (y - t) * _logistic_slope(net.a[l])), {"losses": _ENTROPY}),
        ("delta_output", _delta(lambda net, l, y, t: (y - t) * net.f.derivative(net.a[l])),
         {"losses": _ENTROPY, "form": "the hidden layers' f′"}),
    ),
    _mistake(
        "softmax-derivative-again", "δ(L) = (y − t) ⊙ y ⊙ (1 − y)", "δ(L) = y − t",
        "y − t is already the derivative through the softmax. Do not multiply by y(1 − y) again.",
        "delta", ("delta_output", _delta(lambda net, l, y, t: (y - t) * (y * (1 - y))), {"losses": _ENTROPY}),
    ),
    _mistake(
        "softmax-jacobian-diagonal", "δ(L) = −t ⊙ (1 − y)", "δ(L) = y − t",
        "Only the diagonal of the softmax's Jacobian is used. Every y_k depends on every a_j: deck 000 derives both "
        'cases, k = j and k ≠ j ("求导 $\\delta^{(3)}$ -1", "-2").',
        "delta", ("delta_output", _delta(lambda net, l, y, t: -(t * (1 - y))), {"losses": _ENTROPY}),
    ),
    _mistake(
        "output-derivative-missing", "δ(L) = y − t", "δ(L) = (y − t) ⊙ σ′(a(L))",
        "The derivative of the output is missing. With squared error, δ(L) = (y − t) ⊙ σ′(a(L)).",
        "delta", ("delta_output", _delta(lambda net, l, y, t: y - t), {"losses": ("squared-error",)}),
    ),
    _mistake(
        "softmax-over-batch", "softmax over the samples", "softmax over the outputs of each sample",
        "The softmax is normalised over the samples (axis 0). Each row's outputs must sum to 1: axis 1.",
        "y", ("output", _softmax_over_batch, {"outputs": ("softmax",)}),
    ),
    _mistake(
        "squared-error-for-cross-entropy", "δ(L) of ½ǁy − tǁ²", "δ(L) = y − t",
        "δ(L) belongs to the squared error. The loss here is the cross-entropy, for which δ(L) = y − t.",
        "delta", ("delta_output", _delta(_softmax_squared), {"losses": ("cross-entropy",)}),
        ("delta_output", _delta(lambda net, l, y, t: (y - t) * _logistic_slope(net.a[l])),
         {"losses": ("binary-cross-entropy",)}),
    ),
    _mistake(
        "labels-not-one-hot", "δ(L) = y − class", "δ(L) = y − t",
        "The class number itself is subtracted from every output. t is one-hot: 1 in the class's place, 0 elsewhere.",
        "delta", ("delta_output", _delta(_class_index), {"losses": ("cross-entropy",)}),
    ),
]  # fmt: skip

_SLOPE = [
    _mistake(
        "derivative-at-activation", "f′(z(l))", "f′(a(l))",
        "f′ is taken at the activation z(l) where it belongs at the pre-activation a(l). Deck 000 writes f′(z) itself: "
        "ReLU forgives it, other activations do not.",
        "delta", ("slope", lambda net, l: net.f.derivative(net.z[l])), hidden_only=True, also=("cache-overwritten",),
    ),
    _mistake(
        "relu-derivative-one", "1", "1 where a(l) > 0, else 0",
        "The ReLU's derivative is 1 everywhere: asked of the output, z ≥ 0 always holds. Ask a > 0 (or z > 0).",
        "delta", ("slope", _ones, {"activations": _PIECEWISE}), hidden_only=True, also=("cache-overwritten",),
    ),
    _mistake(
        "derivative-missing", "δ(l) = δ(l+1) W(l+1)ᵀ", "δ(l) = δ(l+1) W(l+1)ᵀ ⊙ f′(a(l))",
        "δ(l) lacks the factor f′(a(l)).",
        "delta", ("slope", _ones), hidden_only=True,
    ),
    _mistake(
        "sigmoid-derivative-everywhere", "z(l)(1 − z(l))", "f′(a(l))",
        "z(1 − z), the derivative of the logistic function, is used whatever the activation is.",
        "delta", ("slope", lambda net, l: net.z[l] * (1 - net.z[l])), hidden_only=True,
    ),
    _mistake(
        "derivative-formula-of-preactivation", "a(1 − a), 1 − a²", "z(1 − z), 1 − z²",
        "The short formula of the derivative takes the output z, and is given the pre-activation a.",
        "delta", ("slope", _output_formula_of_preactivation, {"activations": ("sigmoid", "tanh", "elu", "softplus")}),
        hidden_only=True,
    ),
    _mistake(
        "activation-for-derivative", "f(a(l))", "f′(a(l))",
        "The activation itself stands where its derivative belongs.",
        "delta", ("slope", lambda net, l: net.z[l] * 1.0), hidden_only=True,
    ),
    _mistake(
        "derivative-of-wrong-layer", "f′(a(l+1))", "f′(a(l))",
        "f′ is taken in another layer: δ(l) needs f′(a(l)).",
        "delta", ("slope", _other_layer_slope(1), {"form": "the layer above"}),
        ("slope", _other_layer_slope(-1), {"form": "the layer below"}), hidden_only=True,
    ),
    _mistake(
        "derivative-twice", "f′(a(l))²", "f′(a(l))",
        "f′(a(l)) is multiplied in twice.",
        "delta", ("slope", lambda net, l: SLIDES.slope(net, l) * SLIDES.slope(net, l)), hidden_only=True,
    ),
    _mistake(
        "relu-derivative-flipped", "1 where a(l) ≤ 0", "1 where a(l) > 0",
        "The ReLU's mask is the wrong way round: gradients pass where a > 0.",
        "delta", ("slope", _mask(lambda a: a <= 0), {"activations": _PIECEWISE}), hidden_only=True,
    ),
    _mistake(
        "tanh-derivative-of-output", "1 − tanh(z(l))²", "1 − z(l)²",
        "tanh is applied once more: z is already tanh(a), so tanh′ is 1 − z².",
        "delta", ("slope", lambda net, l: 1 - torch.tanh(net.z[l]) ** 2, {"activations": ("tanh",)}), hidden_only=True,
    ),
    _mistake(
        "leaky-slope-dropped", "0 where a(l) ≤ 0", "γ where a(l) ≤ 0",
        "The leaky ReLU's derivative is γ, not 0, where a ≤ 0.",
        "delta", ("slope", _at_or_below(_zeros), {"activations": ("leaky_relu",)}), hidden_only=True,
    ),
    _mistake(
        "elu-negative-side", "γ exp(z) or f(a) where a(l) ≤ 0", "γ exp(a) where a(l) ≤ 0",
        "The ELU's derivative at a ≤ 0 is γeᵃ, which is f(a) + γ; neither γe^z nor f(a) alone.",
        "delta",
        ("slope", _at_or_below(lambda net, l: _constant("elu")(net) * torch.exp(net.z[l])), {"activations": ("elu",)}),
        ("slope", _at_or_below(lambda net, l: net.z[l]), {"activations": ("elu",), "form": "f(a)"}), hidden_only=True,
    ),
    _mistake(
        "gelu-form-mixed", "the derivative of another form", "f′(a(l)) of the form that the forward pass uses",
        "Forward pass and derivative use different forms of the GELU (exact, tanh, logistic).",
        "delta", *(("slope", _slope_of(name), {"activations": tuple(n for n in _GELU if n != name), "form": name})
                   for name in _GELU), hidden_only=True,
    ),
    _mistake(
        "swish-derivative-incomplete", "σ(βa) alone, or β left out", "σ(βa) + βa σ(βa)(1 − σ(βa))",
        "Swish is a product: its derivative has two terms, and β comes out of the second.",
        "delta", ("slope", _swish_without_product, {"activations": ("swish",)}),
        ("slope", _swish_without_beta, {"activations": ("swish",), "form": "β left out"}), hidden_only=True,
    ),
    _mistake(
        "derivative-not-passed-on", "δ(l+1) handed down without f′(a(l+1))", "δ(l) = δ(l+1) W(l+1)ᵀ ⊙ f′(a(l))",
        "f′ is used for dW of its own layer, but the δ that is handed down is the one without it.",
        "delta", ("carried", _slope_left_behind), hidden_only=True,
    ),
    _mistake(
        "relu-of-gradient", "max(0, δ(l+1) W(l+1)ᵀ)", "δ(l+1) W(l+1)ᵀ ⊙ f′(a(l))",
        "The ReLU is applied to the gradient itself. The mask comes from a(l), and negative gradients pass too.",
        "delta", ("delta_hidden", _relu_of_gradient), hidden_only=True,
    ),
]  # fmt: skip

_INDICES = [
    _mistake(
        "weights-not-transposed", "δ(l+1) W(l+1)", "δ(l+1) W(l+1)ᵀ",
        "W(l+1) is not transposed on the way back. With square W no shape warns.",
        "delta", ("carried", _not_transposed), hidden_only=True,
    ),
    _mistake(
        "weights-of-wrong-layer", "δ(l+1) W(l)ᵀ", "δ(l+1) W(l+1)ᵀ",
        "The weights of a neighbouring layer are used on the way back: δ(l) needs W(l+1).",
        "delta", ("carried", _own_layer_weights, {"form": "the layer below"}),
        ("carried", _next_layer_weights, {"form": "the layer above"}), hidden_only=True,
    ),
    _mistake(
        "updated-weights-in-backward", "δ(l+1) (W(l+1) − η ∂E/∂W(l+1))ᵀ", "δ(l+1) W(l+1)ᵀ",
        "W is stepped before δ of the layer below is computed from it. All δ come first, from the forward pass's W.",
        "delta", ("carried", _updated_weights, {"fitted": True}), hidden_only=True,
    ),
    _mistake(
        "weight-gradient-transposed", "δ(l)ᵀ z(l−1)", "z(l−1)ᵀ δ(l)",
        "dW is transposed: δᵀz for zᵀδ. With square W no shape warns.",
        "dW", ("weight_terms", lambda net, l: net.delta[l].T @ net.z[l - 1]),
    ),
    _mistake(
        "own-output-in-weight-gradient", "z(l)ᵀ δ(l)", "z(l−1)ᵀ δ(l)",
        "dW(l) is built from the layer's own output z(l). It needs what entered the layer: z(l−1).",
        "dW", ("weight_terms", _own_output),
    ),
    _mistake(
        "preactivation-in-weight-gradient", "a(l−1)ᵀ δ(l)", "z(l−1)ᵀ δ(l)",
        "dW(l) is built from the pre-activation a(l−1). What entered the layer is z(l−1) = f(a(l−1)).",
        "dW", ("weight_terms", _of_preactivation),
    ),
    _mistake(
        "input-in-every-layer", "xᵀ δ(l)", "z(l−1)ᵀ δ(l)",
        "dW(l) is built from the network's input x in every layer. Above the first it needs z(l−1).",
        "dW", ("weight_terms", lambda net, l: net.x.T @ net.delta[l]),
    ),
]  # fmt: skip

_BIASES = [
    _mistake(
        "bias-mean-again", "(1/N²) Σₙ δₙ(l)", "(1/N) Σₙ δₙ(l)",
        "db is a mean of a δ that holds 1/N already: it is divided by N twice.",
        "db", ("bias_gradient", _mean_again_biases),
    ),
    _mistake(
        "bias-not-summed", "δ(l)/N, one row a sample", "(1/N) Σₙ δₙ(l)",
        "db is not summed over the samples: b is one vector for all rows of the batch.",
        "db", ("bias_terms", lambda net, l: net.delta[l] * 1.0, {"form": "all rows"}),
        ("bias_terms", lambda net, l: net.delta[l][0] * 1.0, {"form": "the first sample only"}),
    ),
    _mistake(
        "bias-summed-to-scalar", "(1/N) ΣₙΣⱼ δₙⱼ(l)", "(1/N) Σₙ δₙ(l)",
        "db is summed over samples and units to one number. Each unit has a bias of its own: sum over axis 0 alone.",
        "db", ("bias_terms", lambda net, l: torch.sum(net.delta[l]), {"form": "a scalar"}),
        ("bias_terms", lambda net, l: torch.sum(net.delta[l]) + net.b[l] * 0.0, {"form": "one number in every entry"}),
    ),
    _mistake(
        "bias-wrong-axis", "Σⱼ δₙⱼ(l)", "Σₙ δₙⱼ(l)",
        "db is summed over the units instead of the samples: axis 1 for axis 0.",
        "db", ("bias_terms", lambda net, l: torch.sum(net.delta[l], dim=1)),
    ),
    _mistake(
        "bias-gradient-zero", "0", "(1/N) Σₙ δₙ(l)",
        "db is zero: the biases' gradient is not computed.",
        "db", ("bias_gradient", _zero_biases),
    ),
]  # fmt: skip

# Order and state: found by other means than a replaced equation, see `verify.state`.
_STATE = [
    _mistake("step-sign", "W + η ∂E/∂W", "W − η ∂E/∂W",
             "The step goes uphill: W + η dW for W − η dW.", "W"),
    _mistake("step-repeated", "the step taken N times", "W − η ∂E/∂W",
             "The step is taken once a sample with the whole batch's gradient: N times too far.", "W"),
    _mistake("inputs-mutated", "writes into x, t, W or b", "reads them",
             "The program writes into its arguments: the caller's data have changed after the call. Copy first.", ""),
    _mistake("cache-stale", "values of an earlier forward pass", "values of this forward pass",
             "Values of an earlier call are used again: the second call's result depends on the first's data.", ""),
    _mistake("gradients-accumulated", "+= without a zero first", "= at the start of each call",
             "Gradients pile up from call to call: they are added with += and never set back to zero.", ""),
    _mistake("precision-float32", "float32", "float64",
             "The computation runs in float32 although float64 came in.", ""),
    _mistake("integer-arrays", "integer buffers", "floating buffers",
             "Integer arrays or an integer division cut off everything behind the decimal point.", "dW db"),
    _mistake("softmax-overflow", "exp(a)", "exp(a − max a)",
             "Large scores overflow: take the row's maximum off before exp. (Advice; no points.)", ""),
]  # fmt: skip

CATALOGUE: dict[str, Mistake] = {m.id: m for m in (*_SCALE, *_DECAY, *_OUTPUT, *_SLOPE, *_INDICES, *_BIASES, *_STATE)}

_RANK = {id: rank for rank, id in enumerate(CATALOGUE)}


def rank(id: str) -> int:
    """The place of a mistake in the catalogue: the lower is named first where two give the same numbers."""
    return _RANK[id]


def variants(slot: str, activations: tuple[str, ...], output: str, loss: str) -> list[Variant]:
    """The variants in one slot that can show under one of the activations with that output and loss."""
    return [
        v
        for m in CATALOGUE.values()
        for v in m.variants
        if v.slot == slot and any(v.concerns(name, output, loss) for name in activations)
    ]


def replaced(equations: Equations, chosen: Mapping[str, Variant]) -> Equations:
    """The equations with those variants in their slots: dataclasses.replace, without the cost that decoding feels."""
    if not chosen:
        return equations
    made = copy(equations)
    made.__dict__.update((slot, v.equation) for slot, v in chosen.items())
    return made


def equations_with(chosen: Mapping[str, Variant], slopes: Mapping[str, Variant] | None = None) -> Equations:
    """The slides' equations with those variants in their slots; slopes: activation -> variant of the slot `slope`."""
    return replaced(SLIDES, {**chosen, "slope": _by_activation(slopes)} if slopes else chosen)


def _by_activation(slopes: Mapping[str, Variant]) -> Variant:
    def slope(net: Working, l: int) -> Any:
        variant = slopes.get(net.f.name)
        return SLIDES.slope(net, l) if variant is None else variant.equation(net, l)

    return Variant("", "slope", slope)
