"""A style without arrays: lists of Python's floats and the functions of math, as the first lesson has it."""

from __future__ import annotations

from dataclasses import asdict

from verify.benchmarks.programs.draw import Parts

_SUM = (
    "s = b[l][j]\n                for i in range(len(W[l])):\n                    s += z[-1][i] * W[l][i][j]",
    (
        "s = 0.0\n                for i in range(len(W[l])):\n                    s += W[l][i][j] * z[-1][i]\n"
        "                s += b[l][j]"
    ),
    "s = sum(u * row[j] for u, row in zip(z[-1], W[l])) + b[l][j]",
    "s = math.fsum([u * row[j] for u, row in zip(z[-1], W[l])] + [b[l][j]])",
)
_CURVES = {
    "relu": ("max(0.0, s)", "1.0 if s > 0 else 0.0"),
    "leaky_relu": ("s if s > 0 else {leaky} * s", "1.0 if s > 0 else {leaky}"),
    "elu": ("s if s > 0 else {elu} * (math.exp(s) - 1)", "1.0 if s > 0 else {elu} * math.exp(s)"),
    "softplus": ("math.log(1 + math.exp(-abs(s))) + max(s, 0.0)", "_logistic(s)"),
    "sigmoid": ("_logistic(s)", "_logistic(s) * (1 - _logistic(s))"),
    "tanh": ("math.tanh(s)", "1 - math.tanh(s) ** 2"),
    "swish": (
        "s * _logistic({swish} * s)",
        "_logistic({swish} * s) + {swish} * s * _logistic({swish} * s) * (1 - _logistic({swish} * s))",
    ),
    "gelu": (
        "s * 0.5 * math.erfc(-s / math.sqrt(2))",
        "0.5 * math.erfc(-s / math.sqrt(2)) + s * math.exp(-s * s / 2) / math.sqrt(2 * math.pi)",
    ),
    "gelu_tanh": (
        "0.5 * s * (1 + math.tanh(math.sqrt(2 / math.pi) * (s + 0.044715 * s ** 3)))",
        (
            "0.5 * (1 + math.tanh(math.sqrt(2 / math.pi) * (s + 0.044715 * s ** 3))) + 0.5 * s * "
            "(1 - math.tanh(math.sqrt(2 / math.pi) * (s + 0.044715 * s ** 3)) ** 2) * math.sqrt(2 / math.pi) * "
            "(1 + 0.134145 * s * s)"
        ),
    ),
    "gelu_sigmoid": (
        "s * _logistic(1.702 * s)",
        "_logistic(1.702 * s) + 1.702 * s * _logistic(1.702 * s) * (1 - _logistic(1.702 * s))",
    ),
    "identity": ("s", "1.0"),
    "relu6": ("min(max(0.0, s), 6.0)", "1.0 if 0 < s < 6 else 0.0"),
    "hard_tanh": ("min(max(-1.0, s), 1.0)", "1.0 if -1 < s < 1 else 0.0"),
    "hard_sigmoid": ("min(max(0.0, s / 6 + 0.5), 1.0)", "1 / 6 if -3 < s < 3 else 0.0"),
    "hard_swish": ("s * min(max(0.0, s / 6 + 0.5), 1.0)", "s / 3 + 0.5 if -3 < s < 3 else float(s >= 3)"),
    "mish": (
        "s * math.tanh(math.log1p(math.exp(s)))",
        "math.tanh(math.log1p(math.exp(s))) + s * _logistic(s) / math.cosh(math.log1p(math.exp(s))) ** 2",
    ),
    "selu": (
        "1.0507009873554805 * (s if s > 0 else 1.6732632423543772 * math.expm1(s))",
        "1.0507009873554805 * (1.0 if s > 0 else 1.6732632423543772 * math.exp(s))",
    ),
    "celu": ("s if s > 0 else {celu} * math.expm1(s / {celu})", "1.0 if s > 0 else math.exp(s / {celu})"),
    "prelu": ("s if s > 0 else {prelu} * s", "1.0 if s > 0 else {prelu}"),
    "softsign": ("s / (1 + abs(s))", "1 / (1 + abs(s)) ** 2"),
    "log_sigmoid": ("math.log(_logistic(s))", "_logistic(-s)"),
    "silu": ("s * _logistic(s)", "_logistic(s) + s * _logistic(s) * (1 - _logistic(s))"),
}
_LOGISTIC = """\
def _logistic(s):
    if s < 0:
        return math.exp(s) / (1 + math.exp(s))
    return 1 / (1 + math.exp(-s))
"""
_RETURNED = ("dW, db", "[np.array(g) for g in dW], [np.array(g) for g in db]")


def by_unit(p: Parts) -> str:
    """Loops over samples, units and weights, with a softmax or another output by math alone."""
    columns = p.task.assignment.convention == "columns"
    source = f"""\
import math

import numpy as np


{_LOGISTIC}

def bend(s, kind):
{_branches(p, 0)}


def slope_of(s, kind):
{_branches(p, 1)}


{_output(p)}

def gradients(W, b, x, t, activation, lam):
    N, L = len(x), len(W)
    dW = [[[lam * float(w) for w in row] for row in layer] for layer in W]
    db = [[0.0] * len(layer) for layer in b]
    for n in range(N):
        z, a = [[float(v) for v in x[n]]], []
        for l in range(L):
            scores = []
            for j in range(len(b[l])):
                {p.rng.choice(_SUM)}
                scores.append(float(s))
            a.append(scores)
            z.append(outputs_of(scores) if l == L - 1 else [bend(s, activation) for s in scores])
        delta = error_of(a[-1], z[-1], t[n])
        for l in range(L - 1, -1, -1):
            for j, d in enumerate(delta):
                db[l][j] += d / N
                for i, u in enumerate(z[l]):
                    dW[l][i][j] += u * d / N
            if l > 0:
                delta = [
                    sum(d * W[l][i][j] for j, d in enumerate(delta)) * slope_of(a[l - 1][i], activation)
                    for i in range(len(W[l]))
                ]
    return {p.rng.choice(_RETURNED)}
"""
    return source if not columns else _turned(source)


def _branches(p: Parts, which: int) -> str:
    rows = ((name, _curve(p, name)[which]) for name in p.task.activations)
    return "\n".join(f'    if kind == "{name}":\n        return {text}' for name, text in rows)


def _curve(p: Parts, name: str) -> tuple[str, str]:
    """f and f′ of s, with the assignment's constants."""
    value, slope = (text.format(**asdict(p.task.constants)) for text in _CURVES[name])
    return value, slope


def _output(p: Parts) -> str:
    if p.task.output == "softmax":
        return """\
def outputs_of(scores):
    top = max(scores)
    powers = [math.exp(s - top) for s in scores]
    return [e / sum(powers) for e in powers]


def error_of(scores, y, t):
    return [p - q for p, q in zip(y, t)]
"""
    value, slope = _curve(p, p.task.output)
    factor = "" if p.task.loss == "binary-cross-entropy" else f" * ({slope})"
    return f"""\
def outputs_of(scores):
    return [{value} for s in scores]


def error_of(scores, y, t):
    return [(p - q){factor} for s, p, q in zip(scores, y, t)]
"""


def _turned(source: str) -> str:
    return (
        source.replace("def gradients(", "def in_rows(").replace(
            "return dW, db", "return [np.array(g) for g in dW], [np.array(g) for g in db]"
        )
        + """

def gradients(W, b, x, t, activation, lam):
    dW, db = in_rows([w.T for w in W], [c.ravel() for c in b], x.T, t.T, activation, lam)
    return [g.T for g in dW], [g.reshape(-1, 1) for g in db]
"""
    )
