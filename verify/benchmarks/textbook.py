"""The textbook's ways to write f, f′, the outputs and the losses: right programs all, each with roundings of its own.

Forms that overflow at large scores are among them; where one is not finite there is nothing to compare.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor

from manual import Constants, activation
from manual.activations import SELU_ALPHA, SELU_LAMBDA

Form = Callable[[Tensor, Constants], Tensor]
Forms = Mapping[str, Form]
_ROOT = math.sqrt(2 / math.pi)

# σ(v), of a number v
SIGMOIDS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "1/(1 + e⁻ᵃ)": lambda v: 1 / (1 + torch.exp(-v)),
    "eᵃ/(1 + eᵃ)": lambda v: torch.exp(v) / (1 + torch.exp(v)),
    "½(1 + tanh(a/2))": lambda v: 0.5 * (1 + torch.tanh(v / 2)),
    "1 − 1/(1 + eᵃ)": lambda v: 1 - 1 / (1 + torch.exp(v)),
    "exp(−softplus(−a))": lambda v: torch.exp(-torch.logaddexp(-v, torch.zeros_like(v))),
    "library": torch.sigmoid,
}
KEEP_A_SMALL_Y = ("1/(1 + e⁻ᵃ)", "eᵃ/(1 + eᵃ)", "exp(−softplus(−a))", "library")
TANHS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "library": torch.tanh,
    "(eᵃ − e⁻ᵃ)/(eᵃ + e⁻ᵃ)": lambda v: (torch.exp(v) - torch.exp(-v)) / (torch.exp(v) + torch.exp(-v)),
    "(e²ᵃ − 1)/(e²ᵃ + 1)": lambda v: (torch.exp(2 * v) - 1) / (torch.exp(2 * v) + 1),
    "1 − 2/(e²ᵃ + 1)": lambda v: 1 - 2 / (torch.exp(2 * v) + 1),
    "2σ(2a) − 1": lambda v: 2 * torch.sigmoid(2 * v) - 1,
    "sinh/cosh": lambda v: torch.sinh(v) / torch.cosh(v),
    "expm1": lambda v: torch.expm1(2 * v) / (torch.expm1(2 * v) + 2),
}
NORMALS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "½(1 + erf)": lambda v: 0.5 * (1 + torch.erf(v / math.sqrt(2))),
    "½ erfc": lambda v: 0.5 * torch.erfc(-v / math.sqrt(2)),
    "library": torch.special.ndtr,
}


def _density(v: Tensor) -> Tensor:
    return torch.exp(-v * v / 2) / math.sqrt(2 * math.pi)


def _swish(forms: Mapping[str, Callable[[Tensor], Tensor]], beta: Callable[[Constants], float]) -> tuple[Forms, Forms]:
    f: dict[str, Form] = {f"a · {n}": lambda a, c, s=s: a * s(beta(c) * a) for n, s in forms.items()}
    f["a/(1 + exp(−βa))"] = lambda a, c: a / (1 + torch.exp(-beta(c) * a))
    slope: dict[str, Form] = {}
    for n, s in forms.items():
        slope[f"σ + βaσ(1 − σ), {n}"] = lambda a, c, s=s: (
            s(beta(c) * a) + beta(c) * a * s(beta(c) * a) * (1 - s(beta(c) * a))
        )
        slope[f"βf + σ(1 − βf), {n}"] = lambda a, c, s=s: (
            beta(c) * (a * s(beta(c) * a)) + s(beta(c) * a) * (1 - beta(c) * (a * s(beta(c) * a)))
        )
    slope["σ(1 + βa(1 − σ))"] = lambda a, c: (
        torch.sigmoid(beta(c) * a) * (1 + beta(c) * a * (1 - torch.sigmoid(beta(c) * a)))
    )
    return f, slope


def _u(a: Tensor) -> Tensor:
    return _ROOT * (a + 0.044715 * a**3)


def _u_slope(a: Tensor) -> Tensor:
    return _ROOT * (1 + 3 * 0.044715 * a**2)


def _s(a: Tensor) -> Tensor:
    return torch.log(1 + torch.exp(a))


def _below(a: Tensor, form: Callable[[Tensor], Tensor]) -> Tensor:
    return torch.where(a > 0, a, form(torch.clamp(a, max=0)))


def _one_or(a: Tensor, gamma: float) -> Tensor:
    return torch.where(a > 0, torch.ones_like(a), torch.full_like(a, gamma))


def _elu(a: Tensor, c: Constants) -> Tensor:
    return torch.where(a > 0, a, c.elu * (torch.exp(torch.clamp(a, max=0)) - 1))


def _quotient_rule(a: Tensor, c: Constants) -> Tensor:
    e = torch.exp(a)
    return ((1 + e) * e - e * e) / ((1 + e) * (1 + e))


_SIGMOID_SLOPES: Forms = {
    **{f"s(1 − s), {n}": lambda a, c, s=s: s(a) * (1 - s(a)) for n, s in SIGMOIDS.items()},
    "s − s²": lambda a, c: torch.sigmoid(a) - torch.sigmoid(a) ** 2,
    "σ(a)σ(−a)": lambda a, c: torch.sigmoid(a) * torch.sigmoid(-a),
    "e⁻ᵃ/(1 + e⁻ᵃ)²": lambda a, c: torch.exp(-a) / (1 + torch.exp(-a)) ** 2,
    "quotient rule": _quotient_rule,
    "(1 − tanh²(a/2))/4": lambda a, c: (1 - torch.tanh(a / 2) ** 2) / 4,
    "1/(2 + 2 cosh a)": lambda a, c: 1 / (2 + 2 * torch.cosh(a)),
}
_SILU = _swish(SIGMOIDS, lambda c: 1.0)
_SWISH, _SIGMOID_GELU = _swish(SIGMOIDS, lambda c: c.swish), _swish(SIGMOIDS, lambda c: 1.702)

# name -> forms of f, forms of f′
ACTIVATION_FORMS: Mapping[str, tuple[Forms, Forms]] = {
    "relu": (
        {
            "where": lambda a, c: torch.where(a > 0, a, torch.zeros_like(a)),
            "a · [a > 0]": lambda a, c: a * (a > 0),
            "(a + |a|)/2": lambda a, c: (a + a.abs()) / 2,
        },
        {"where": lambda a, c: _one_or(a, 0.0)},
    ),
    "leaky_relu": (
        {
            "max(a, 0) + γ min(a, 0)": lambda a, c: torch.clamp(a, min=0) + c.leaky_relu * torch.clamp(a, max=0),
            "a · [1 or γ]": lambda a, c: a * _one_or(a, c.leaky_relu),
        },
        {"where": lambda a, c: _one_or(a, c.leaky_relu)},
    ),
    "elu": (
        {
            "γ(eᵃ − 1)": _elu,
            "two parts": lambda a, c: torch.clamp(a, min=0) + c.elu * (torch.exp(torch.clamp(a, max=0)) - 1),
        },
        {"f + γ": lambda a, c: torch.where(a > 0, torch.ones_like(a), _elu(a, c) + c.elu)},
    ),
    "softplus": (
        {
            "ln(1 + eᵃ)": lambda a, c: torch.log(1 + torch.exp(a)),
            "log1p(eᵃ)": lambda a, c: torch.log1p(torch.exp(a)),
            "a + ln(1 + e⁻ᵃ)": lambda a, c: a + torch.log(1 + torch.exp(-a)),
            "logaddexp": lambda a, c: torch.logaddexp(a, torch.zeros_like(a)),
            "−ln σ(−a)": lambda a, c: -torch.log(torch.sigmoid(-a)),
        },
        {
            **{n: lambda a, c, s=s: s(a) for n, s in SIGMOIDS.items()},
            "1 − e⁻ᶻ": lambda a, c: 1 - torch.exp(-torch.nn.functional.softplus(a)),
        },
    ),
    "sigmoid": ({n: lambda a, c, s=s: s(a) for n, s in SIGMOIDS.items()}, _SIGMOID_SLOPES),
    "tanh": (
        {n: lambda a, c, t=t: t(a) for n, t in TANHS.items()},
        {
            **{f"1 − z², {n}": lambda a, c, t=t: 1 - t(a) ** 2 for n, t in TANHS.items()},
            "(1 − z)(1 + z)": lambda a, c: (1 - torch.tanh(a)) * (1 + torch.tanh(a)),
            "1/cosh²": lambda a, c: 1 / torch.cosh(a) ** 2,
            "4/(eᵃ + e⁻ᵃ)²": lambda a, c: 4 / (torch.exp(a) + torch.exp(-a)) ** 2,
            "4σ(2a)σ(−2a)": lambda a, c: 4 * torch.sigmoid(2 * a) * torch.sigmoid(-2 * a),
        },
    ),
    "swish": _SWISH,
    "gelu": (
        {f"a · {n}": lambda a, c, p=p: a * p(a) for n, p in NORMALS.items()},
        {f"Φ + aφ, Φ = {n}": lambda a, c, p=p: p(a) + a * _density(a) for n, p in NORMALS.items()},
    ),
    "gelu_tanh": (
        {f"½a(1 + tanh u), {n}": lambda a, c, t=t: 0.5 * a * (1 + t(_u(a))) for n, t in TANHS.items()},
        {
            **{
                f"1 − tanh² u, {n}": lambda a, c, t=t: (
                    0.5 * (1 + t(_u(a))) + 0.5 * a * (1 - t(_u(a)) ** 2) * _u_slope(a)
                )
                for n, t in TANHS.items()
            },
            "1/cosh² u": lambda a, c: 0.5 * (1 + torch.tanh(_u(a))) + 0.5 * a / torch.cosh(_u(a)) ** 2 * _u_slope(a),
        },
    ),
    "gelu_sigmoid": _SIGMOID_GELU,
    "relu6": (
        {"min(max)": lambda a, c: torch.minimum(torch.clamp(a, min=0), a.new_tensor(6.0))},
        {"masks": lambda a, c: ((a > 0) & (a < 6)).to(a.dtype)},
    ),
    "hard_tanh": (
        {"(|a + 1| − |a − 1|)/2": lambda a, c: ((a + 1).abs() - (a - 1).abs()) / 2},
        {"mask": lambda a, c: (a.abs() < 1).to(a.dtype)},
    ),
    "hard_sigmoid": (
        {
            "(a + 3)/6": lambda a, c: torch.clamp((a + 3) / 6, 0, 1),
            "relu6(a + 3)/6": lambda a, c: torch.clamp(a + 3, 0, 6) / 6,
        },
        {"[|a| < 3]/6": lambda a, c: (a.abs() < 3) / a.new_tensor(6.0)},
    ),
    "hard_swish": (
        {"a relu6(a + 3)/6": lambda a, c: a * torch.clamp(a + 3, 0, 6) / 6},
        {
            "(2a + 3)/6": lambda a, c: (2 * a + 3) / 6 * (a.abs() < 3) + (a >= 3),
            "product rule": lambda a, c: torch.clamp(a / 6 + 0.5, 0, 1) + a * (a.abs() < 3) / 6,
        },
    ),
    "mish": (
        {
            **{
                f"a tanh(ln(1 + eᵃ)), {n}": lambda a, c, t=t: a * t(torch.log(1 + torch.exp(a)))
                for n, t in TANHS.items()
            },
            "((1 + eᵃ)² − 1)/((1 + eᵃ)² + 1)": lambda a, c: (
                a * ((1 + torch.exp(a)) ** 2 - 1) / ((1 + torch.exp(a)) ** 2 + 1)
            ),
        },
        {
            **{
                f"tanh s + a(1 − tanh² s)σ, {n}": lambda a, c, t=t: (
                    t(_s(a)) + a * (1 - t(_s(a)) ** 2) * torch.sigmoid(a)
                )
                for n, t in TANHS.items()
            },
            "1/cosh² s": lambda a, c: torch.tanh(_s(a)) + a * torch.sigmoid(a) / torch.cosh(_s(a)) ** 2,
        },
    ),
    "selu": (
        {"Λ(a or A(eᵃ − 1))": lambda a, c: SELU_LAMBDA * _below(a, lambda v: SELU_ALPHA * (torch.exp(v) - 1))},
        {
            "f + ΛA": lambda a, c: torch.where(
                a > 0, torch.full_like(a, SELU_LAMBDA), activation("selu").f(a) + SELU_LAMBDA * SELU_ALPHA
            )
        },
    ),
    "celu": (
        {"α(e^(a/α) − 1)": lambda a, c: _below(a, lambda v: c.celu * (torch.exp(v / c.celu) - 1))},
        {"f/α + 1": lambda a, c: torch.where(a > 0, torch.ones_like(a), activation("celu", c).f(a) / c.celu + 1)},
    ),
    "prelu": (
        {"max(a, 0) + γ min(a, 0)": lambda a, c: torch.clamp(a, min=0) + c.prelu * torch.clamp(a, max=0)},
        {"where": lambda a, c: _one_or(a, c.prelu)},
    ),
    "softsign": (
        {"a · 1/(1 + |a|)": lambda a, c: a * (1 / (1 + a.abs()))},
        {"(1 − |z|)²": lambda a, c: (1 - (a / (1 + a.abs())).abs()) ** 2},
    ),
    "log_sigmoid": (
        {
            **{f"ln σ(a), {n}": lambda a, c, s=s: torch.log(s(a)) for n, s in SIGMOIDS.items() if n in KEEP_A_SMALL_Y},
            "−ln(1 + e⁻ᵃ)": lambda a, c: -torch.log(1 + torch.exp(-a)),
            "a − softplus(a)": lambda a, c: a - torch.logaddexp(a, torch.zeros_like(a)),
        },
        {
            **{f"1 − σ(a), {n}": lambda a, c, s=s: 1 - s(a) for n, s in SIGMOIDS.items()},
            "1 − eᶻ": lambda a, c: 1 - torch.exp(torch.nn.functional.logsigmoid(a)),
        },
    ),
    "silu": _SILU,
    "identity": ({"1 · a": lambda a, c: 1.0 * a}, {"ones": lambda a, c: torch.ones_like(a)}),
}


def _rows(form: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    return lambda a: torch.stack([form(row) for row in a])


# y of scores a (N, K)
SOFTMAXES: Mapping[str, Callable[[Tensor], Tensor]] = {
    "e/Σe": lambda a: torch.exp(a) / torch.exp(a).sum(dim=1, keepdim=True),
    "less the row's maximum": lambda a: _shifted(a, torch.amax(a, dim=1, keepdim=True)),
    "less the batch's maximum": lambda a: _shifted(a, a.max()),
    "less the row's mean": lambda a: _shifted(a, a.mean(dim=1, keepdim=True)),
    "exp(log_softmax)": lambda a: torch.exp(torch.log_softmax(a, dim=1)),
    "exp(a − ln Σe)": lambda a: torch.exp(a - torch.log(torch.exp(a).sum(dim=1, keepdim=True))),
    "1/Σ exp(a_j − a_k)": lambda a: 1 / torch.exp(a.unsqueeze(1) - a.unsqueeze(2)).sum(dim=2),
    "powers of e": lambda a: _powers(a),
    "sample by sample": _rows(lambda row: torch.exp(row - row.max()) / torch.exp(row - row.max()).sum()),
    "library": lambda a: torch.softmax(a, dim=1),
}


def _shifted(a: Tensor, shift: Tensor) -> Tensor:
    e = torch.exp(a - shift)
    return e / e.sum(dim=1, keepdim=True)


def _powers(a: Tensor) -> Tensor:
    e = math.e ** (a - torch.amax(a, dim=1, keepdim=True))
    return e / e.sum(dim=1, keepdim=True)


Loss = Callable[[Tensor, Tensor], Tensor]  # of a, t (N, K): E_n (N,)
LOSSES: Mapping[str, Mapping[str, Loss]] = {
    "cross-entropy": {
        **{
            f"−Σ t ln y, {n}": lambda a, t, y=y: -_zero_free(t, torch.log(y(a))).sum(dim=1)
            for n, y in SOFTMAXES.items()
        },
        "−Σ t log_softmax": lambda a, t: -(t * torch.log_softmax(a, dim=1)).sum(dim=1),
        "ln Σe − Σ t a": lambda a, t: torch.logsumexp(a, dim=1) - (t * a).sum(dim=1),
    },
    "binary-cross-entropy": {
        **{
            f"−t ln y − (1 − t) ln(1 − y), {n}": lambda a, t, s=s: (
                -(_zero_free(t, torch.log(s(a))) + _zero_free(1 - t, torch.log(1 - s(a)))).sum(dim=1)
            )
            for n, s in SIGMOIDS.items()
            if n in KEEP_A_SMALL_Y
        },
        "max(a, 0) − at + log1p(e^−|a|)": lambda a, t: (
            torch.clamp(a, min=0) - a * t + torch.log1p(torch.exp(-a.abs()))
        ).sum(dim=1),
        "softplus(a) − at": lambda a, t: (torch.logaddexp(a, torch.zeros_like(a)) - a * t).sum(dim=1),
    },
}


def _zero_free(t: Tensor, logarithm: Tensor) -> Tensor:
    """t ln y, where t = 0 leaves nothing of an ln 0."""
    return torch.where(t == 0, torch.zeros_like(t), t * logarithm)


def forms_of(name: str) -> Iterator[tuple[str, str, Form]]:
    """('f' or 'slope', what it is called, the form) of an activation."""
    f, slope = ACTIVATION_FORMS[name]
    yield from (("f", n, form) for n, form in f.items())
    yield from (("slope", n, form) for n, form in slope.items())
