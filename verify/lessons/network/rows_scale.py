"""Rows of the catalogue: the mean over the batch, the penalty, the biases' gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from manual import SLIDES, Working
from verify.lessons.network.mistake import MEANS, SUMS, THROUGH, Equation, Form, error_by_output, mistake


def _without_mean_weights(net: Working, l: int) -> Any:
    eq = net.equations
    return eq.weight_terms(net, l) + eq.decay(net, l)


def _without_mean_biases(net: Working, l: int) -> Any:
    return net.equations.bias_terms(net, l)


def _mean_again_biases(net: Working, l: int) -> Any:
    return net.equations.mean(net, net.equations.bias_terms(net, l)) / net.N


def _mean_again_weights(net: Working, l: int) -> Any:
    eq = net.equations
    return eq.mean(net, eq.weight_terms(net, l)) / net.N + eq.decay(net, l)


def _decayed_biases(net: Working, l: int) -> Any:
    return net.equations.mean(net, net.equations.bias_terms(net, l)) + net.penalty.of(net.lam * net.b[l], net.N)


def _decayed_in(layer: Callable[[Working, int], bool]) -> Equation:
    return lambda net, l: (_decayed_biases if layer(net, l) else SLIDES.bias_gradient)(net, l)


def _one_sample(at: slice) -> Equation:
    return lambda net, l: net.z[l - 1][at].T @ net.delta[l][at]


def _zero_biases(net: Working, l: int) -> Any:
    return net.b[l] * 0.0


def _ones_like_weights(net: Working, l: int) -> Tensor:
    w = net.W[l]
    return torch.ones_like(w if isinstance(w, Tensor) else w.value)


def _only_layer(layer: Callable[[Working], int]) -> Equation:
    return lambda net, l: net.penalty.of((net.lam if l == layer(net) else 0.0) * net.W[l], net.N)


def _in_layer(times: float, layer: Callable[[Working, int], bool]) -> Equation:
    """The penalty's gradient with so many times its λ in one layer, and as it should be in the others."""
    return lambda net, l: net.penalty.of(((times if layer(net, l) else 1.0) * net.lam) * net.W[l], net.N)


# What the layer is called, its weights, of which layers it may be one, and which it is.
_LAYERS: tuple[tuple[str, str, str, Callable[[Working, int], bool]], ...] = (
    ("first", "W(1)", "all", lambda net, l: l == 1),
    ("last", "W(L)", "output", lambda net, l: l == net.L),
    ("second", "W(2)", "all", lambda net, l: l == 2),
    ("last but one", "W(L−1)", "below", lambda net, l: l == net.L - 1),
    ("middle", "W(l)", "below", lambda net, l: 1 < l < net.L),
)


def _one_layer() -> Iterator[Form]:
    for times, factor, what in ((0.0, "0", "missing"), (2.0, "{2λ}", "doubled")):
        for name, W, layers, layer in _LAYERS:
            told = {"form": f"It is {what} in the {name} layer.", "layers": layers, "wrong": f"… + {factor} {W}"}
            yield "decay", _in_layer(times, layer), told


def _biases_of_one_layer() -> Iterator[Form]:
    for name, W, layers, layer in _LAYERS[:3]:
        yield "bias_gradient", _decayed_in(layer), {
            "form": f"It is there in the {name} layer alone.", "layers": layers,
            "wrong": f"∂E/∂{W} = … + {{λ}} {W}".replace("W(", "b("),
        }  # fmt: skip


def _rate(times: float) -> Equation:
    """The penalty's gradient with so many times its λ."""
    return lambda net, l: net.penalty.of((times * net.lam) * net.W[l], net.N)


def _without_n(net: Working, l: int) -> Any:
    return net.lam * net.W[l]


def _over_n(net: Working, l: int) -> Any:
    return net.penalty.of((net.lam / net.N) * net.W[l], net.N)


def _over_all(net: Working, total: Any) -> Any:
    return total / net.N / net.t.shape[1]


def _over_outputs(net: Working, l: int) -> Any:
    return net.penalty.of(net.lam * net.W[l], net.N) / net.t.shape[1]


def _number(times: float) -> Equation:
    """So many times λ ΣW² in every entry."""
    return lambda net, l: net.penalty.of(times * net.lam * torch.sum(net.W[l] ** 2) * _ones_like_weights(net, l), net.N)


def _sign(net: Working, l: int) -> Any:
    """The gradient of λ Σ|W|, or of (λ/N) Σ|W|."""
    return net.penalty.of(net.lam * torch.sign(net.W[l]), net.N) * (1 / net.penalty.times)


def _half_sign(net: Working, l: int) -> Any:
    return _sign(net, l) * 0.5


def _size(net: Working, l: int) -> Any:
    return net.penalty.of(net.lam * abs(net.W[l]), net.N)


def _mean_per_layer(net: Working, l: int) -> Any:
    eq = net.equations
    return eq.carried(net, l) * eq.slope(net, l) / net.N


def _before_derivative(net: Working, l: int) -> Any:
    """The bias takes ∂E/∂z(l), what comes down before f′(a(l)) is multiplied in."""
    return torch.sum(net.equations.carried(net, l) if l < net.L else net.delta[l], dim=0)


def _before_every_derivative(net: Working, l: int) -> Any:
    return torch.sum(net.equations.carried(net, l) if l < net.L else error_by_output(net), dim=0)


def _from_weight_gradient(net: Working, l: int) -> Any:
    return torch.sum(net.equations.weight_gradient(net, l), dim=0)


def _mean_of_weight_gradient(net: Working, l: int) -> Any:
    return torch.sum(net.equations.weight_gradient(net, l), dim=0) / net.W[l].shape[0]


def _from_weight_terms(net: Working, l: int) -> Any:
    eq = net.equations
    return torch.sum(eq.mean(net, eq.weight_terms(net, l)), dim=0)


def _from_weight_sum(net: Working, l: int) -> Any:
    return torch.sum(net.equations.weight_terms(net, l), dim=0)


_INSIDE = ("lam/(2N)",)
_OUTSIDE = ("lam/2", "lam")

SCALE = [
    mistake(
        "mean-missing", "Σₙ", "(1/N) Σₙ",
        "The mean over the batch is missing: the sum over the samples is never divided by N. "
        'Deck 000, "难点在于偏导怎么计算?", has 1/N in front of the sum.',
        ("mean", lambda net, total: total * 1.0),
        ("mean", lambda net, total: total * 1.0,
         {"penalties": _INSIDE, "decay": _without_n, "form": "The penalty's 1/N is missing too."}),
    ),
    mistake(
        "mean-twice", "(1/N²) Σₙ", "(1/N) Σₙ",
        "The gradient is divided by N twice. Divide once: in δ(L), or in dW and db, but in one of them only.",
        ("mean", lambda net, total: total / net.N / net.N),
        ("mean", lambda net, total: total / net.N / net.N,
         {"penalties": _INSIDE, "decay": _over_n, "form": "The penalty's gradient too."}),
    ),
    mistake(
        "mean-over-outputs", "(1/NK) Σₙ", "(1/N) Σₙ",
        "The mean is over samples and outputs (1/NK). E is a mean over the N samples and a sum over the K outputs.",
        ("mean", _over_all, {"losses": SUMS}),
        ("mean", _over_all,
         {"losses": SUMS, "penalties": _INSIDE, "decay": _over_outputs,
          "form": "The penalty's gradient is divided by K too."}),
        ("mean", _over_all,
         {"losses": MEANS,
          "says": "The gradient is divided by K twice: δ(L) holds the 1/K of the mean over the outputs already."}),
    ),
    mistake(
        "mean-missing-weights", "∂E/∂W(l) = z(l−1)ᵀ δ(l) + {λ} W(l)", "∂E/∂W(l) = (1/N) z(l−1)ᵀ δ(l) + {λ} W(l)",
        "The weights' gradient is a sum over the batch and should be a mean: 1/N is missing in dW (db has it).",
        ("weight_gradient", _without_mean_weights),
    ),
    mistake(
        "mean-missing-biases", "∂E/∂b(l) = Σₙ δₙ(l)", "∂E/∂b(l) = (1/N) Σₙ δₙ(l)",
        "The biases' gradient is a sum over the batch and should be a mean: 1/N is missing in db (dW has it).",
        ("bias_gradient", _without_mean_biases),
    ),
    mistake(
        "weight-mean-again", "∂E/∂W(l) = (1/N²) z(l−1)ᵀ δ(l) + {λ} W(l)", "∂E/∂W(l) = (1/N) z(l−1)ᵀ δ(l) + {λ} W(l)",
        "dW divides by N a δ that holds 1/N already: it is divided by N twice.",
        ("weight_gradient", _mean_again_weights),
    ),
    mistake(
        "mean-of-another-size", "(1/D) Σₙ", "(1/N) Σₙ",
        "The sum over the samples is divided by D, the number of inputs, where N belongs, as when the wrong axis of x "
        "is counted.",
        ("mean", lambda net, total: total / float(net.W[1].shape[0])),
        ("mean", lambda net, total: total / float(net.t.shape[1]),
         {"form": "K", "wrong": "(1/K) Σₙ",
          "says": "The sum over the samples is divided by K, the number of outputs, where N belongs, as when the wrong "
          "axis of t is counted."}),
    ),
    mistake(
        "mean-per-layer", "δ(l) = (1/N) δ(l+1) W(l+1)ᵀ ⊙ f′(a(l))", "δ(l) = δ(l+1) W(l+1)ᵀ ⊙ f′(a(l))",
        "δ is divided by N again at every layer on the way back. 1/N belongs to the loss and enters once.",
        ("delta_hidden", _mean_per_layer),
    ),
]  # fmt: skip

DECAY = [
    mistake(
        "l2-missing", "∂E/∂W(l) = (1/N) z(l−1)ᵀ δ(l)", "… + {λ} W(l)",
        "The penalty's gradient {λ}W is missing in dW. E has {before} Σ ǁWǁ², whose derivative is {λ}W.",
        ("decay", lambda net, l: 0.0 * net.W[l]),
    ),
    mistake(
        "l2-doubled", "… + {2λ} W(l)", "… + {λ} W(l)",
        "The penalty's gradient is {2λ}W where it should be {λ}W: {cancels}.",
        ("decay", _rate(2)),
    ),
    mistake(
        "l2-halved", "… + {½λ} W(l)", "… + {λ} W(l)",
        "The penalty's gradient is {½λ}W where it should be {λ}W: {brings}.",
        ("decay", _rate(0.5)),
    ),
    mistake(
        "l2-over-n", "… + {λ/N} W(l)", "… + {λ} W(l)",
        "The penalty's gradient is divided by N. The mean is over the samples' errors; the penalty stands outside it.",
        ("decay", _over_n, {"penalties": _OUTSIDE}),
        ("decay", _over_n,
         {"penalties": _INSIDE, "form": "twice",
          "says": "The penalty's gradient is divided by N twice. {before} ǁWǁ² holds one 1/N."}),
        ("decay", lambda net, l: (net.lam / net.N) * net.W[l],
         {"penalties": ("lam",), "form": "of another", "wrong": "… + (λ/N) W(l)",
          "says": "The penalty's gradient is (λ/N)W, that of (λ/(2N)) Σ ǁWǁ². E has λ Σ ǁWǁ² here, outside the mean."}),
    ),
    mistake(
        "l2-not-over-n", "… + λ W(l)", "… + {λ} W(l)",
        "The penalty's gradient is λW, without the 1/N of {before} ǁWǁ²: here the penalty stands inside the mean.",
        ("decay", _without_n, {"penalties": _INSIDE}),
    ),
    mistake(
        "l2-times-n", "… + N {λ} W(l)", "… + {λ} W(l)",
        "The penalty's gradient is added once for each sample. The penalty stands outside the mean and enters once.",
        ("decay", lambda net, l: net.penalty.of((float(net.N) * net.lam) * net.W[l], net.N), {"penalties": _OUTSIDE}),
    ),
    mistake(
        "l2-sign", "… − {λ} W(l)", "… + {λ} W(l)",
        "The penalty's gradient has the wrong sign: −{λ}W lets the weights grow.",
        ("decay", _rate(-1)),
    ),
    mistake(
        "l2-on-biases", "∂E/∂b(l) = … + {λ} b(l)", "∂E/∂b(l) = (1/N) Σₙ δₙ(l)",
        "{λ}b is added to the biases' gradient. The penalty is on the weights alone.",
        ("bias_gradient", _decayed_biases),
        *_biases_of_one_layer(),
    ),
    mistake(
        "l2-some-layers", "{λ} W in one layer only", "… + {λ} W(l) in every layer",
        "The penalty's gradient is there in one layer only. Every W(l) is in Σ ǁW(l)ǁ², so every dW(l) has its "
        "{λ}W(l).",
        ("decay", _only_layer(lambda net: net.L), {"form": "It is in the last layer."}),
        ("decay", _only_layer(lambda net: 1), {"form": "It is in the first layer."}),
        ("decay", _only_layer(lambda net: 2), {"form": "It is in the second layer."}),
    ),
    mistake(
        "l2-one-layer", "… + c {λ} W(l), c ≠ 1", "… + {λ} W(l) in every layer",
        "The penalty's gradient is right in all layers but one.",
        *_one_layer(),
    ),
    mistake(
        "l2-scalar", "… + {λ} Σ W(l)²", "… + {λ} W(l)",
        "One number, {λ} ΣW², is added to every entry of dW. The derivative of the penalty by w_ij is {λ} w_ij.",
        ("decay", _number(1)),
        ("decay", _number(0.5), {"form": "Half of it, {½λ} ΣW²."}),
    ),
    mistake(
        "l2-squared", "… + {λ} W(l) ⊙ W(l)", "… + {λ} W(l)",
        "{λ} W² is added to dW, entry by entry. The derivative of w² is 2w.",
        ("decay", lambda net, l: net.penalty.of(net.lam * (net.W[l] * net.W[l]), net.N)),
    ),
    mistake(
        "l1-for-l2", "… + {λ₁} sign W(l)", "… + {λ} W(l)",
        "{λ₁}·sign(W) is the gradient of an L1 penalty. This one is L2: {λ}W.",
        ("decay", _sign),
        ("decay", _half_sign, {"form": "Half of it is taken."}),
        ("decay", _size, {"form": "size", "wrong": "… + {λ} |W(l)|",
         "says": "{λ}|W| is added to dW. The derivative of w² is 2w: a negative weight has a negative gradient."}),
    ),
]  # fmt: skip

BIASES = [
    mistake(
        "bias-mean-again", "(1/N²) Σₙ δₙ(l)", "(1/N) Σₙ δₙ(l)",
        "db is a mean of a δ that holds 1/N already: it is divided by N twice.",
        ("bias_gradient", _mean_again_biases),
    ),
    mistake(
        "bias-not-summed", "δ(l)/N, one row per sample", "(1/N) Σₙ δₙ(l)",
        "db is not summed over the samples: b is one vector for all rows of the batch.",
        ("bias_terms", lambda net, l: net.delta[l] * 1.0, {"form": "All rows are handed over."}),
        ("bias_terms", lambda net, l: net.delta[l][0] * 1.0,
         {"form": "The first sample's alone is handed over.", "wrong": "(1/N) δ₁(l)"}),
        ("bias_terms", lambda net, l: net.delta[l][-1] * 1.0,
         {"form": "The last sample's alone is handed over.", "wrong": "(1/N) δ_N(l)"}),
    ),
    mistake(
        "weights-not-summed", "(1/N) z(l−1)ᵀ δ(l), n = N", "(1/N) z(l−1)ᵀ δ(l), n = 1 … N",
        "dW holds one sample alone: in the loop over the samples the gradients have to be added up.",
        ("weight_terms", _one_sample(slice(-1, None)), {"form": "It is the last one."}),
        ("weight_terms", _one_sample(slice(0, 1)),
         {"form": "It is the first one.", "wrong": "(1/N) z(l−1)ᵀ δ(l), n = 1"}),
    ),
    mistake(
        "bias-summed-to-scalar", "(1/N) ΣₙΣⱼ δₙⱼ(l)", "(1/N) Σₙ δₙ(l)",
        "db is summed over samples and units to one number. Each unit has a bias of its own: sum over axis 0 alone.",
        ("bias_terms", lambda net, l: torch.sum(net.delta[l]), {"form": "It is a scalar."}),
        ("bias_terms", lambda net, l: torch.sum(net.delta[l]) + net.b[l] * 0.0,
         {"form": "The one number is in every entry."}),
    ),
    mistake(
        "bias-wrong-axis", "Σⱼ δₙⱼ(l)", "Σₙ δₙⱼ(l)",
        "db is summed over the units instead of the samples: axis 1 for axis 0.",
        ("bias_terms", lambda net, l: torch.sum(net.delta[l], dim=1)),
    ),
    mistake(
        "bias-gradient-zero", "0", "(1/N) Σₙ δₙ(l)",
        "db is zero: the biases' gradient is not computed.",
        ("bias_gradient", _zero_biases),
    ),
    mistake(
        "bias-before-derivative", "(1/N) Σₙ (δ(l+1) W(l+1)ᵀ)ₙ", "(1/N) Σₙ δₙ(l)",
        "db is summed from the error before f′(a(l)) is multiplied in. ∂E/∂b(l) is the mean of δ(l), as dW(l) has it.",
        ("bias_terms", _before_derivative, {"layers": "below"}),
        ("bias_terms", _before_every_derivative, {"losses": THROUGH, "form": "Also in the output layer: {by_y}."}),
    ),
    mistake(
        "bias-from-weight-gradient", "Σᵢ (∂E/∂W(l))ᵢⱼ", "(1/N) Σₙ δₙⱼ(l)",
        "db is made of dW, summed over the layer's inputs. It is the mean of δ(l) over the samples.",
        ("bias_gradient", _from_weight_gradient),
        ("bias_gradient", _mean_of_weight_gradient, {"form": "The mean over the inputs is taken."}),
        ("bias_gradient", _from_weight_terms, {"form": "The part without {λ}W is taken."}),
        ("bias_gradient", _from_weight_sum, {"form": "The sum over the samples is taken, without the mean."}),
    ),
]  # fmt: skip
