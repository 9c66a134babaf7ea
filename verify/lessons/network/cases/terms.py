"""A line's equation with its numbers put in, so that it can be redone by hand.

The parts stand in the order in which the line's equation (`verify.problems.lines`) has them: text, numbers, and
matrices as lists of rows. Reports write them out; nothing is computed from them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from manual import SLIDES, Working
from manual.outputs import GOALS
from manual.penalties import PENALTIES
from verify.grading.answers import columns_name
from verify.grading.record import WorkingLine
from verify.grading.values import as_lists
from verify.problems.lines import equation, kind_and_layer, place
from verify.problems.written import LOSSES

Part = str | float | list

MOST_ENTRIES = 64  # of one matrix: beyond that nobody redoes it by hand


def terms(net: Working, name: str, *, columns: bool = False) -> list[Part]:
    """The right-hand side of a line with numbers for letters; empty where a matrix is too large to be of use."""
    kind, layer = kind_and_layer(name)
    parts = _PARTS[kind](net, net.L if layer is None else layer, columns)
    if any(isinstance(p, Tensor) and p.numel() > MOST_ENTRIES for p in parts):
        return []
    return [as_lists(p, columns=columns) if isinstance(p, Tensor) else p for p in parts if p != ""]


# f and f′ of the activations at v, a pre-activation; {γ} and {β} are the assignment's constants.
_FORMULAS = {
    "relu": ("max(0, v)", "1 where v > 0, else 0"),
    "leaky_relu": ("v where v > 0, else {γ} v", "1 where v > 0, else {γ}"),
    "elu": ("v where v > 0, else {γ} (eᵛ − 1)", "1 where v > 0, else {γ} eᵛ"),
    "softplus": ("ln(1 + eᵛ)", "1 / (1 + e⁻ᵛ)"),
    "sigmoid": ("1 / (1 + e⁻ᵛ)", "f(v) (1 − f(v))"),
    "tanh": ("tanh v", "1 − tanh² v"),
    "swish": ("v s, where s = 1 / (1 + exp(−{β} v))", "s + {β} v s (1 − s)"),
    "gelu": ("v Φ(v), Φ the normal distribution", "Φ(v) + v φ(v), φ its density"),
    "gelu_tanh": (
        "½ v (1 + tanh u), where u = √(2/π) (v + 0.044715 v³)",
        "½ (1 + tanh u) + ½ v (1 − tanh² u) √(2/π) (1 + 0.134145 v²)",
    ),
    "gelu_sigmoid": ("v s, where s = 1 / (1 + exp(−1.702 v))", "s + 1.702 v s (1 − s)"),
    "identity": ("v", "1"),
    "relu6": ("min(max(0, v), 6)", "1 where 0 < v < 6, else 0"),
    "hard_tanh": ("v between −1 and 1, else −1 or 1", "1 where −1 < v < 1, else 0"),
    "hard_sigmoid": ("v/6 + ½, held between 0 and 1", "1/6 where −3 < v < 3, else 0"),
    "hard_swish": ("v h, where h = v/6 + ½, held between 0 and 1", "v/3 + ½ where −3 < v < 3, 0 below, 1 above"),
    "mish": ("v tanh s, where s = ln(1 + eᵛ)", "tanh s + v (1 − tanh² s) / (1 + e⁻ᵛ)"),
    "selu": ("Λ v where v > 0, else Λ A (eᵛ − 1), Λ = 1.0507…, A = 1.6732…", "Λ where v > 0, else Λ A eᵛ"),
    "celu": ("v where v > 0, else {α} (exp(v / {α}) − 1)", "1 where v > 0, else exp(v / {α})"),
    "prelu": ("v where v > 0, else {γ} v", "1 where v > 0, else {γ}"),
    "softsign": ("v / (1 + |v|)", "1 / (1 + |v|)²"),
    "log_sigmoid": ("−ln(1 + e⁻ᵛ)", "1 / (1 + eᵛ)"),
    "silu": ("v s, where s = 1 / (1 + e⁻ᵛ)", "s + v s (1 − s)"),
}


def working_line(net: Working, name: str, *, columns: bool = False) -> WorkingLine:
    """A line with its equation, its place, its numbers put in, and its value."""
    kind, l = kind_and_layer(name)
    value = getattr(net, kind) if l is None else getattr(net, kind)[l]
    formula = equation(name, net.L, net.pair.output, net.pair.loss, columns=columns, penalty=_penalty(net))
    return WorkingLine(
        name=columns_name(name, net.L) if columns else name,
        symbol=formula.split(" = ")[0],
        equation=formula,
        place=str(place(name, columns=columns)),
        expected=as_lists(value, columns=columns),
        terms=terms(net, name, columns=columns),
    )


def formulas(net: Working) -> list[str]:
    """The functions of a network, one a line: the activation and its derivative where it has one, output, loss."""
    said = [f"{net.f.name}: {_of_activation(net.f.name, net)}"] if net.L > 1 else []
    g = net.pair.output
    return [
        *said,
        "softmax(v)ₖ = exp(vₖ) / Σⱼ exp(vⱼ)" if g == "softmax" else f"output {g}: {_of_activation(g, net)}",
        f"{net.pair.loss}: {_of_loss(net)}, y the network's output",
    ]


def _of_loss(net: Working) -> str:
    return loss_formula(net.pair.loss, net.pair.constants)


def _of_activation(name: str, net: Working) -> str:
    return "f(v) = {};  f′(v) = {}".format(*_formulas_of(name, net.f.constants))


def forward_formula(name: str, constants: Any) -> str:
    """An activation by its formula, without its derivative: "tanh: f(v) = tanh v".

    constants: those of the activations, as an assignment has them.
    """
    return f"{name}: f(v) = {_formulas_of(name, constants)[0]}"


def _formulas_of(name: str, constants: Any) -> tuple[str, ...]:
    """f and f′ with the constants put in."""
    gamma = {"elu": constants.elu, "prelu": constants.prelu}.get(name, constants.leaky_relu)
    numbers = {"{γ}": gamma, "{β}": constants.swish, "{α}": constants.celu}
    texts = _FORMULAS[name]
    for letter, number in numbers.items():
        texts = tuple(text.replace(letter, f"{number:g}") for text in texts)
    return texts


def loss_formula(name: str, constants: Any) -> str:
    """A loss by its formula, with its constant's number. constants: of `Constants`, or an assignment's."""
    formula = LOSSES[name].error
    if name in GOALS:
        return formula.replace("ε", f"{constants.smoothing:g}")
    if name == "hinge":
        return formula.replace("Δ", f"{constants.margin:g}")
    return formula.replace("κ", f"{constants.huber:g}") if name == "huber" else formula


Parts = list[str | float | Tensor]


def _product(left: Tensor, right: Tensor, columns: bool) -> Parts:
    """left · right in rows; in columns the factors change places, as (AB)ᵀ = BᵀAᵀ."""
    return [right, " ", left] if columns else [left, " ", right]


def _affine(net: Working, l: int, columns: bool) -> Parts:
    return [*_product(net.z[l - 1], net.W[l], columns), " + ", net.b[l]]


def _activated(net: Working, l: int, columns: bool) -> Parts:
    return [f"{net.f.name}(", net.a[l], ")"]


def _output(net: Working, l: int, columns: bool) -> Parts:
    return [f"{net.pair.output}(", net.a[l], ")"]


def _penalty(net: Working) -> str:
    return next(name for name, form in PENALTIES.items() if form == net.penalty)


def _total_error(net: Working, l: int, columns: bool) -> Parts:
    squares = sum(float(torch.sum(W**2)) for W in net.W.values())
    added = [f" + {_times(net, 0.5)}", net.lam, " · ", squares] if net.lam else []
    factor, before, after = _WRITTEN[net.pair.loss][0](net) if net.pair.loss in _WRITTEN else ("", "ln ", "")
    sign = "" if net.pair.by_y else "−"
    if net.pair.loss in GOALS:
        return [f"{_mean(net)}(", *_weighted_logarithms(net), ")", *added]
    inner: Parts = []
    for size in _sizes(net):
        inner += [sign + before if not inner else f" {sign or '+'} {before}", size, after]
    return [f"{_mean(net)}{factor}(", *inner, ")", *added]


# Of the losses that come through the output: what stands before the sum in E and before and after each of its numbers;
# what stands before and after y − t in δ(L).
_Around = Callable[[Working], tuple[str, ...]]
_WRITTEN: dict[str, tuple[_Around, _Around]] = {
    "squared-error": (lambda net: ("½ ", "", "²"), lambda net: ("(", ") ⊙ ")),
    "mean-squared-error": (
        lambda net: (f"(1/{net.t.shape[1]}) ", "", "²"), lambda net: (f"(2/{net.t.shape[1]}) (", ") ⊙ ")
    ),
    "l1": (lambda net: ("", "", ""), lambda net: ("sign(", ") ⊙ ")),
    "hinge": (lambda net: ("", "", ""), lambda net: ()),
    "huber": (lambda net: ("", "", ""), lambda net: ("clip(", f", −{_kappa(net)}, {_kappa(net)}) ⊙ ")),
}  # fmt: skip


def _weighted_logarithms(net: Working) -> Parts:
    """−t′ ln y of every class."""
    parts: Parts = []
    for goal, y in zip(net.pair.goal(net.t).flatten().tolist(), net.y.flatten().tolist(), strict=True):
        parts += [" − " if parts else "−", goal, " ln ", y]
    return parts


def _kappa(net: Working) -> str:
    assert net.pair.rho is not None
    return f"{net.pair.rho.constants.huber:g}"


def _times(net: Working, half: float) -> str:
    """What the penalty multiplies λ by, in E (half ½) and in dW (1): "½ · ", "", "(1/4) · "."""
    times = half * net.penalty.times
    below = net.N if net.penalty.inside else 1
    if below == 1:
        return {0.5: "½ · ", 1.0: "", 2.0: "2 · "}[times]
    return f"(1/{round(below / times)}) · "


def _sizes(net: Working) -> list[float]:
    """What the loss adds up: |y − t| to be squared; ρ(y − t); the y or 1 − y to take ln of, of a target of 0 or 1."""
    if net.pair.rho is not None:
        sizes = net.pair.rho.f(net.pair.apart(net.y, net.t))
        return sizes[net.t == 0].tolist() if net.pair.loss == "hinge" else sizes.flatten().tolist()
    if net.pair.by_y is not None:
        return (net.y - net.t).abs().flatten().tolist()
    if net.pair.loss == "cross-entropy":
        return net.y[net.t == 1].tolist()
    return torch.where(net.t == 1, net.y, 1 - net.y).flatten().tolist()


def _delta(net: Working, l: int, columns: bool) -> Parts:
    if l < net.L:
        back = _product(net.delta[l + 1], net.W[l + 1].T, columns)
        return ["(", *back, ") ⊙ ", SLIDES.slope(net, l)]
    if net.pair.by_y is None:
        return [net.y, " − ", net.pair.goal(net.t)]
    if net.pair.g is None:
        e = net.pair.by_y(net.y, net.t)
        return [net.y, " ⊙ (", e, " − ", torch.sum(e * net.y, dim=1, keepdim=True), ")"]
    if net.pair.loss == "hinge":
        above = net.pair.by_y(net.y, net.t) * (1 - net.t)
        return [above, " − ", net.t, " ⊙ ", torch.sum(above, dim=1, keepdim=True)]
    before, after = _WRITTEN[net.pair.loss][1](net)
    return [before, net.y, " − ", net.t, after, net.pair.g.derivative(net.a[l])]


def _weight_gradient(net: Working, l: int, columns: bool) -> Parts:
    parts = [_mean(net), *_product(net.z[l - 1].T, net.delta[l], columns)]
    return [*parts, *([f" + {_times(net, 1.0)}", net.lam, " · ", net.W[l]] if net.lam else [])]


def _bias_gradient(net: Working, l: int, columns: bool) -> Parts:
    return [f"{_mean(net)}Σₙ ", net.delta[l]]


def _mean(net: Working) -> str:
    return f"(1/{net.N}) " if net.N > 1 else ""


_PARTS = {
    "a": _affine,
    "z": _activated,
    "y": _output,
    "E": _total_error,
    "delta": _delta,
    "dW": _weight_gradient,
    "db": _bias_gradient,
}
