"""How students write the activations that are in no deck: forms of f and of f′, all of them right."""

from __future__ import annotations

from collections.abc import Mapping

_SOFTPLUS = "np.log1p(np.exp(v))"
_SIGMA = "(1 / (1 + np.exp(-v)))"
_LAMBDA, _ALPHA = "1.0507009873554805", "1.6732632423543772"


def functions(celu: str, prelu: str) -> Mapping[str, tuple[str, ...]]:
    """Activation -> forms of f(v); the two constants as a program has them."""
    return {
        "relu6": ("np.minimum(np.maximum(v, 0), 6)", "np.clip(v, 0, 6)", "np.where(v > 6, 6.0, v * (v > 0))"),
        "hard_tanh": ("np.clip(v, -1, 1)", "np.maximum(-1.0, np.minimum(1.0, v))", "(abs(v + 1) - abs(v - 1)) / 2"),
        "hard_sigmoid": (
            "np.clip(v / 6 + 0.5, 0, 1)",
            "np.clip((v + 3) / 6, 0, 1)",
            "np.minimum(np.maximum(v + 3, 0), 6) / 6",
        ),
        "hard_swish": ("v * np.clip(v / 6 + 0.5, 0, 1)", "v * np.minimum(np.maximum(v + 3, 0), 6) / 6"),
        "mish": (
            "v * np.tanh(np.log1p(np.exp(v)))",
            "v * np.tanh(np.logaddexp(0, v))",
            "v * ((1 + np.exp(v)) ** 2 - 1) / ((1 + np.exp(v)) ** 2 + 1)",
        ),
        "selu": (
            f"{_LAMBDA} * np.where(v > 0, v, {_ALPHA} * (np.exp(np.minimum(v, 0)) - 1))",
            f"np.where(v > 0, {_LAMBDA} * v, {_LAMBDA} * {_ALPHA} * np.expm1(np.minimum(v, 0)))",
        ),
        "celu": (
            f"np.where(v > 0, v, {celu} * np.expm1(np.minimum(v, 0) / {celu}))",
            f"np.where(v > 0, v, {celu} * (np.exp(np.minimum(v, 0) / {celu}) - 1))",
        ),
        "prelu": (
            f"np.where(v > 0, v, {prelu} * v)",
            f"np.maximum(0, v) + {prelu} * np.minimum(0, v)",
        ),
        "softsign": ("v / (1 + np.abs(v))", "v * (1 / (1 + abs(v)))", "np.sign(v) * abs(v) / (abs(v) + 1)"),
        "log_sigmoid": (
            "np.log(1 / (1 + np.exp(-v)))",
            "-np.log1p(np.exp(-v))",
            "-np.logaddexp(0, -v)",
            "v - np.logaddexp(0, v)",
        ),
        "silu": ("v / (1 + np.exp(-v))", "v * (1 / (1 + np.exp(-v)))", "v * 0.5 * (1 + np.tanh(v / 2))"),
    }


def slopes(celu: str, prelu: str) -> Mapping[str, tuple[str, ...]]:
    """Activation -> forms of f′, in v, or in z = f(v) where books have it so."""
    return {
        "relu6": ("((v > 0) & (v < 6)) * 1.0", "np.where((v <= 0) | (v >= 6), 0.0, 1.0)", "(z > 0) * 1.0 * (z < 6)"),
        "hard_tanh": ("(abs(v) < 1) * 1.0", "np.where((v > -1) & (v < 1), 1.0, 0.0)"),
        "hard_sigmoid": ("(abs(v) < 3) / 6", "np.where((v > -3) & (v < 3), 1 / 6, 0.0)"),
        "hard_swish": (
            "np.where(v <= -3, 0.0, np.where(v < 3, v / 3 + 0.5, 1.0))",
            "(2 * v + 3) / 6 * (abs(v) < 3) + (v >= 3)",
            "np.clip(v / 6 + 0.5, 0, 1) + v * (abs(v) < 3) / 6",
        ),
        "mish": (
            f"np.tanh({_SOFTPLUS}) + v * (1 - np.tanh({_SOFTPLUS}) ** 2) / (1 + np.exp(-v))",
            f"np.tanh({_SOFTPLUS}) + v / np.cosh({_SOFTPLUS}) ** 2 / (1 + np.exp(-v))",
        ),
        "selu": (
            f"{_LAMBDA} * np.where(v > 0, 1.0, {_ALPHA} * np.exp(np.minimum(v, 0)))",
            f"np.where(v > 0, {_LAMBDA}, z + {_LAMBDA} * {_ALPHA})",
        ),
        "celu": (
            f"np.where(v > 0, 1.0, np.exp(np.minimum(v, 0) / {celu}))",
            f"np.where(v > 0, 1.0, z / {celu} + 1)",
        ),
        "prelu": (f"np.where(v > 0, 1.0, {prelu})", f"(v > 0) + {prelu} * (v <= 0)"),
        "softsign": ("1 / (1 + np.abs(v)) ** 2", "(1 - abs(z)) ** 2", "1 / np.square(1 + abs(v))"),
        "log_sigmoid": (
            "1 / (1 + np.exp(v))",
            "np.exp(-v) / (1 + np.exp(-v))",
            "1 - np.exp(z)",
            "1 - 1 / (1 + np.exp(-v))",
        ),
        "silu": (
            f"{_SIGMA} + v * {_SIGMA} * (1 - {_SIGMA})",
            f"z + {_SIGMA} * (1 - z)",
            f"{_SIGMA} * (1 + v * (1 - {_SIGMA}))",
        ),
    }
