"""Textbook forms of the activations and their derivatives, as expressions in v (the pre-activation) and z = f(v).

Every form is what books, courses and forums have, in float64 and for |v| up to some 300. Forms that subtract from 1
lose digits where the result is small, and are right all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from verify.benchmarks.programs import more_curves

SIGMOID = (
    "1 / (1 + np.exp(-v))",
    "1.0 / (1.0 + np.exp(-1.0 * v))",
    "np.exp(v) / (1 + np.exp(v))",
    "0.5 * (1 + np.tanh(v / 2))",
    "(np.tanh(0.5 * v) + 1) / 2",
    "1 - 1 / (1 + np.exp(v))",
    "np.where(v >= 0, 1 / (1 + np.exp(-np.abs(v))), np.exp(-np.abs(v)) / (1 + np.exp(-np.abs(v))))",
    "np.exp(-np.logaddexp(0, -v))",
    "np.exp(-np.log1p(np.exp(-v)))",
    "np.reciprocal(1 + np.exp(-v))",
    "(1 + np.exp(-v)) ** -1",
    "1 / (1 + np.e ** -v)",
    "1 / (1 + np.power(np.e, -v))",
    "1 / (1 + math.e ** (-v))",
    "np.vectorize(lambda s: 1.0 / (1.0 + math.exp(-s)), otypes=[float])(v)",
)
SIGMOID_SLOPE = (
    "z * (1 - z)",
    "z - z ** 2",
    "np.multiply(z, 1 - z)",
    "np.exp(-v) / (1 + np.exp(-v)) ** 2",
    "1 / (1 + np.exp(v)) / (1 + np.exp(-v))",
    "1 / (2 + np.exp(v) + np.exp(-v))",
    "0.25 / np.cosh(v / 2) ** 2",
    "(1 / (1 + np.exp(-v))) * (1 - 1 / (1 + np.exp(-v)))",
    "0.25 * (1 - np.tanh(v / 2) ** 2)",
)
TANH = (
    "np.tanh(v)",
    "(np.exp(v) - np.exp(-v)) / (np.exp(v) + np.exp(-v))",
    "2 / (1 + np.exp(-2 * v)) - 1",
    "1 - 2 / (np.exp(2 * v) + 1)",
    "np.sinh(v) / np.cosh(v)",
    "np.sign(v) * (1 - np.exp(-2 * np.abs(v))) / (1 + np.exp(-2 * np.abs(v)))",
    "np.vectorize(math.tanh, otypes=[float])(v)",
)
TANH_SLOPE = (
    "1 - z ** 2",
    "1 - z * z",
    "(1 - z) * (1 + z)",
    "1.0 - np.square(np.tanh(v))",
    "1 / np.cosh(v) ** 2",
    "4 / (np.exp(v) + np.exp(-v)) ** 2",
    "np.ones_like(z) - np.power(z, 2)",
)
RELU = (
    "np.maximum(v, 0)",
    "np.maximum(0.0, v)",
    "v * (v > 0)",
    "np.where(v > 0, v, 0.0)",
    "(v + np.abs(v)) / 2",
    "np.clip(v, 0, None)",
    "v.clip(min=0)",
    "np.fmax(v, 0.0)",
    "np.vectorize(lambda s: s if s > 0 else 0.0, otypes=[float])(v)",
)
RELU_SLOPE = (
    "(v > 0).astype(float)",
    "(v >= 0) * 1.0",
    "np.where(v > 0, 1.0, 0.0)",
    "np.where(z > 0, 1.0, 0.0)",
    "1.0 * (z > 0)",
    "np.sign(z)",
    "np.heaviside(v, 0.5)",
    "np.heaviside(v, 0.0)",
    "0.5 * (1 + np.sign(v))",
    "np.array(z, dtype=bool).astype(float)",
    "np.minimum(1.0, np.ceil(z))",
)
_NORMAL = "np.exp(-(v ** 2) / 2) / np.sqrt(2 * np.pi)"
_CDF = (
    "0.5 * (1 + np.vectorize(math.erf, otypes=[float])(v / math.sqrt(2)))",
    "0.5 * np.vectorize(math.erfc, otypes=[float])(-v / 2 ** 0.5)",
)
_INNER = "np.sqrt(2 / np.pi) * (v + 0.044715 * v ** 3)"
_INNER_SLOPE = "np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * v ** 2)"


@dataclass(frozen=True)
class Constants:
    """The assignment's constants, as they stand in a program."""

    leaky: float = 0.01
    elu: float = 1.0
    swish: float = 1.0
    celu: float = 1.0
    prelu: float = 0.25


def functions(constants: Constants) -> Mapping[str, tuple[str, ...]]:
    """Activation -> forms of f(v)."""
    g, alpha, beta = (f"{c!r}" for c in (constants.leaky, constants.elu, constants.swish))
    return {
        "relu": RELU,
        "leaky_relu": (
            f"np.where(v > 0, v, {g} * v)",
            f"np.maximum(v, {g} * v)",
            f"np.maximum(0, v) + {g} * np.minimum(0, v)",
            f"v * ((v > 0) + {g} * (v <= 0))",
        ),
        "elu": (
            f"np.where(v > 0, v, {alpha} * (np.exp(np.minimum(v, 0)) - 1))",
            f"np.where(v > 0, v, {alpha} * np.expm1(np.minimum(v, 0)))",
            f"np.maximum(v, 0) + {alpha} * (np.exp(np.minimum(v, 0)) - 1)",
        ),
        "softplus": (
            "np.log1p(np.exp(v))",
            "np.log(1 + np.exp(v))",
            "np.logaddexp(0, v)",
            "np.maximum(v, 0) + np.log1p(np.exp(-np.abs(v)))",
            "-np.log(1 / (1 + np.exp(v)))",
        ),
        "sigmoid": SIGMOID,
        "tanh": TANH,
        "swish": (
            f"v / (1 + np.exp(-{beta} * v))",
            f"v * (1 / (1 + np.exp(-({beta} * v))))",
            f"v * 0.5 * (1 + np.tanh({beta} * v / 2))",
        ),
        "gelu": tuple(f"v * ({cdf})" for cdf in _CDF),
        "gelu_tanh": (
            f"0.5 * v * (1 + np.tanh({_INNER}))",
            f"v / (1 + np.exp(-2 * {_INNER}))",
        ),
        "gelu_sigmoid": ("v / (1 + np.exp(-1.702 * v))", "v * (0.5 * (1 + np.tanh(0.851 * v)))"),
        "identity": ("v", "v * 1.0", "+v"),
        **more_curves.functions(f"{constants.celu!r}", f"{constants.prelu!r}"),
    }


def slopes(constants: Constants) -> Mapping[str, tuple[str, ...]]:
    """Activation -> forms of f′, in v, or in z = f(v) where books have it so."""
    g, alpha, beta = (f"{c!r}" for c in (constants.leaky, constants.elu, constants.swish))
    s, c = f"(1 / (1 + np.exp(-{beta} * v)))", "(1 / (1 + np.exp(-1.702 * v)))"
    return {
        "relu": RELU_SLOPE,
        "leaky_relu": (
            f"np.where(v > 0, 1.0, {g})",
            f"(v > 0) + {g} * (v <= 0)",
            f"np.where(v >= 0, 1.0, {g})",
            f"np.where(z > 0, 1.0, {g})",
        ),
        "elu": (
            f"np.where(v > 0, 1.0, {alpha} * np.exp(np.minimum(v, 0)))",
            f"np.where(v > 0, 1.0, z + {alpha})",
            f"np.where(z > 0, 1.0, z + {alpha})",
        ),
        "softplus": (*SIGMOID[:8], "1 - np.exp(-z)", "-np.expm1(-z)"),
        "sigmoid": SIGMOID_SLOPE,
        "tanh": TANH_SLOPE,
        "swish": (
            f"{s} + {beta} * v * {s} * (1 - {s})",
            f"{beta} * z + {s} * (1 - {beta} * z)",
            f"{s} * (1 + {beta} * v * (1 - {s}))",
        ),
        "gelu": tuple(f"{cdf} + v * {_NORMAL}" for cdf in _CDF),
        "gelu_tanh": (
            f"0.5 * (1 + np.tanh({_INNER})) + 0.5 * v * (1 - np.tanh({_INNER}) ** 2) * {_INNER_SLOPE}",
            f"0.5 * (1 + np.tanh({_INNER})) + 0.5 * v * {_INNER_SLOPE} / np.cosh({_INNER}) ** 2",
        ),
        "gelu_sigmoid": (f"{c} + 1.702 * v * {c} * (1 - {c})", f"{c} * (1 + 1.702 * v * (1 - {c}))"),
        "identity": ("np.ones_like(v)", "1.0", "v * 0 + 1"),
        **more_curves.slopes(f"{constants.celu!r}", f"{constants.prelu!r}"),
    }


# Softmax of the rows of v; the last two for scores that one shift of the whole batch leaves in range.
SOFTMAX = (
    "np.exp(v - v.max(axis=1, keepdims=True)) / np.exp(v - v.max(axis=1, keepdims=True)).sum(axis=1, keepdims=True)",
    "np.exp(v) / np.exp(v).sum(axis=1, keepdims=True)",
    "np.exp(v) / np.sum(np.exp(v), axis=1)[:, None]",
    "(np.exp(v).T / np.exp(v).sum(axis=1)).T",
    "np.exp(v - np.log(np.sum(np.exp(v), axis=1, keepdims=True)))",
    "np.exp(v - np.logaddexp.reduce(v, axis=1, keepdims=True))",
    "np.array([np.exp(row) / sum(np.exp(row)) for row in v])",
    "np.array([np.exp(row - max(row)) / np.sum(np.exp(row - max(row))) for row in v])",
    "1 / np.exp(v[:, None, :] - v[:, :, None]).sum(axis=2)",
    "np.e ** v / np.sum(np.e ** v, axis=1, keepdims=True)",
    "np.exp(v - v.max()) / np.exp(v - v.max()).sum(axis=1, keepdims=True)",
    "np.exp(v - v.mean()) / np.exp(v - v.mean()).sum(axis=1, keepdims=True)",
)

# δ(L) of the pairs, in a (N, K), y and t.
CROSS_ENTROPY = (
    "y - t",
    "y + (-t)",
    "-(t - y)",
    "-t + y * t.sum(axis=1, keepdims=True)",
    "np.einsum('nk,nkj->nj', -t / y, np.eye(y.shape[1]) * y[:, :, None] - y[:, :, None] * y[:, None, :])",
    "np.array([(np.diag(p) - np.outer(p, p)) @ (-q / p) for p, q in zip(y, t)])",
    "y * (-t / y - np.sum(-t / y * y, axis=1, keepdims=True))",
    "np.where(t == 1, y - 1, y)",
)
LOGISTIC = (
    "y - t",
    "-(t - y)",
    "(y - t) / (y * (1 - y)) * (y * (1 - y))",
    "(-t / y + (1 - t) / (1 - y)) * y * (1 - y)",
    "y * (1 - t) - t * (1 - y)",
    "(1 - t) * y - t * (1 - y)",
    "(y - t) / (y * (1 - y)) * np.exp(-v) / (1 + np.exp(-v)) ** 2",
    "-(t / y) * y * (1 - y) + (1 - t) / (1 - y) * y * (1 - y)",
)
