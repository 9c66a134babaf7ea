"""The network at 50 digits, forward only, written from deck 000 and sharing no code with what it judges."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
from mpmath import mpf

from manual import Constants
from manual.activations import SELU_ALPHA, SELU_LAMBDA
from verify.problems.problem import Problem

DIGITS = 50
Real = Any  # mpmath has no types


def mp_sigmoid(a: Real) -> Real:
    return 1 / (1 + mpmath.exp(-a))


def mp_activation(name: str, c: Constants) -> Callable[[Real], Real]:
    """f of one number; constants are the doubles that the code uses."""
    gamma, alpha, beta = mpf(c.leaky_relu), mpf(c.elu), mpf(c.swish)
    cubic = lambda a: mpmath.sqrt(2 / mpmath.pi) * (a + mpf("0.044715") * a**3)
    return {
        "relu": lambda a: max(a, mpf(0)),
        "leaky_relu": lambda a: a if a > 0 else gamma * a,
        "elu": lambda a: a if a > 0 else alpha * mpmath.expm1(a),
        "softplus": lambda a: mpmath.log1p(mpmath.exp(a)),
        "sigmoid": mp_sigmoid,
        "tanh": mpmath.tanh,
        "swish": lambda a: a * mp_sigmoid(beta * a),
        "gelu": lambda a: a * mpmath.erfc(-a / mpmath.sqrt(2)) / 2,
        "gelu_tanh": lambda a: a * (1 + mpmath.tanh(cubic(a))) / 2,
        "gelu_sigmoid": lambda a: a * mp_sigmoid(mpf("1.702") * a),
        "identity": lambda a: a,
        "relu6": lambda a: min(max(a, mpf(0)), mpf(6)),
        "hard_tanh": lambda a: min(max(a, mpf(-1)), mpf(1)),
        "hard_sigmoid": lambda a: min(max(a / 6 + mpf(0.5), mpf(0)), mpf(1)),
        "hard_swish": lambda a: a * min(max(a / 6 + mpf(0.5), mpf(0)), mpf(1)),
        "mish": lambda a: a * mpmath.tanh(mpmath.log1p(mpmath.exp(a))),
        "selu": lambda a: mpf(SELU_LAMBDA) * (a if a > 0 else mpf(SELU_ALPHA) * mpmath.expm1(a)),
        "celu": lambda a: a if a > 0 else mpf(c.celu) * mpmath.expm1(a / mpf(c.celu)),
        "prelu": lambda a: a if a > 0 else mpf(c.prelu) * a,
        "softsign": lambda a: a / (1 + abs(a)),
        "log_sigmoid": lambda a: -mpmath.log1p(mpmath.exp(-a)),
        "silu": lambda a: a * mp_sigmoid(a),
    }[name]


# f′ of the other piecewise ones, at the points where pieces meet as `manual` has it.
WITHIN: dict[str, Callable[[Real, Constants], Real]] = {
    "relu6": lambda a, c: mpf(0 < a < 6),
    "hard_tanh": lambda a, c: mpf(-1 < a < 1),
    "hard_sigmoid": lambda a, c: mpf(-3 < a < 3) / 6,
    "hard_swish": lambda a, c: a / 3 + mpf(0.5) if -3 < a < 3 else mpf(a >= 3),
    "selu": lambda a, c: mpf(SELU_LAMBDA) * (1 if a > 0 else mpf(SELU_ALPHA) * mpmath.exp(a)),
    "celu": lambda a, c: mpf(1) if a > 0 else mpmath.exp(a / mpf(c.celu)),
    "prelu": lambda a, c: mpf(1) if a > 0 else mpf(c.prelu),
    "softsign": lambda a, c: 1 / (1 + abs(a)) ** 2,
}


def mp_derivative(name: str, c: Constants) -> Callable[[Real], Real]:
    """f′ by differences at 50 digits; of the piecewise ones the branch itself, at 0 that of a ≤ 0."""
    f = mp_activation(name, c)
    below = {
        "relu": lambda a: mpf(0),
        "leaky_relu": lambda a: mpf(c.leaky_relu),
        "elu": lambda a: mpf(c.elu) * mpmath.exp(a),
    }
    if name in below:
        return lambda a: mpf(1) if a > 0 else below[name](a)
    if name in WITHIN:
        return lambda a: WITHIN[name](a, c)
    return lambda a: mpmath.diff(f, a, h=mpf(10) ** -17)


Parameters = tuple[list[list[list[Real]]], list[list[Real]]]


def parameters(problem: Problem) -> Parameters:
    """W and b as lists of exact numbers, to be changed at will."""
    exact = lambda v: [[mpf(e) for e in row] for row in v.tolist()]
    return [exact(w) for w in problem.W], [[mpf(e) for e in v.tolist()] for v in problem.b]


def scores(problem: Problem, p: Parameters, x: list[float]) -> list[Real]:
    """a(L) of one sample."""
    f = mp_activation(problem.activation, problem.constants)
    z = [mpf(e) for e in x]
    for l, (W, b) in enumerate(zip(*p, strict=True), 1):
        a = [sum((z_i * W[i][j] for i, z_i in enumerate(z)), mpf(0)) + b_j for j, b_j in enumerate(b)]
        z = a if l == problem.L else [f(v) for v in a]
    return z


def sample_error(problem: Problem, a: list[Real], t: list[float]) -> Real:
    """E_n."""
    if problem.loss in ("cross-entropy", "smoothed-cross-entropy"):
        total = mpmath.log(sum(mpmath.exp(v) for v in a))
        share = mpf(problem.constants.smoothing) if problem.loss != "cross-entropy" else mpf(0)
        goal = [(1 - share) * mpf(t_k) + share / len(t) for t_k in t]
        return sum((t_k * (total - a_k) for t_k, a_k in zip(goal, a, strict=True)), mpf(0))
    if problem.loss == "binary-cross-entropy":
        return -sum(
            mpf(t_k) * mpmath.log(mp_sigmoid(a_k)) + (1 - mpf(t_k)) * mpmath.log(mp_sigmoid(-a_k))
            for t_k, a_k in zip(t, a, strict=True)
        )
    if problem.loss == "hinge":
        own = next(a_k for a_k, t_k in zip(a, t, strict=True) if t_k)
        margins = [a_k - own + mpf(problem.constants.margin) for a_k, t_k in zip(a, t, strict=True) if not t_k]
        return sum((max(mpf(0), m) for m in margins), mpf(0))
    apart = [y_k - mpf(t_k) for y_k, t_k in zip(outputs(problem, a), t, strict=True)]
    return sum((_OF_RESIDUALS[problem.loss](r, problem) for r in apart), mpf(0))


_OF_RESIDUALS: dict[str, Callable[[Real, Problem], Real]] = {
    "squared-error": lambda r, p: r**2 / 2,
    "mean-squared-error": lambda r, p: r**2 / p.t.shape[1],
    "l1": lambda r, p: abs(r),
    "huber": lambda r, p: r**2 / 2 if abs(r) <= (k := mpf(p.constants.huber)) else k * (abs(r) - k / 2),
}


def outputs(problem: Problem, a: list[Real]) -> list[Real]:
    """y of one sample."""
    if problem.output == "softmax":
        e = [mpmath.exp(v) for v in a]
        return [v / sum(e, mpf(0)) for v in e]
    g = mp_activation(problem.output, problem.constants)
    return [g(v) for v in a]


def total_error(problem: Problem, p: Parameters) -> Real:
    """E = (1/N) Σ E_n + (λ/2) Σ ǁWǁ², biases left out."""
    each = [
        sample_error(problem, scores(problem, p, x), t)
        for x, t in zip(problem.x.tolist(), problem.t.tolist(), strict=True)
    ]
    squares = sum((w**2 for W in p[0] for row in W for w in row), mpf(0))
    return sum(each, mpf(0)) / problem.N + problem.form.of(mpf(problem.lam), problem.N) / 2 * squares


def gradients(problem: Problem) -> dict[str, list]:
    """dW1, db1, … by central differences at 50 digits: off by about 10⁻³⁰."""
    h = mpf(10) ** -15
    with mpmath.workdps(DIGITS):
        W, b = p = parameters(problem)
        slope = lambda place, key: _slope(problem, p, place, key, h)
        return {
            **{f"dW{l}": [[slope(row, j) for j in range(len(row))] for row in w] for l, w in enumerate(W, 1)},
            **{f"db{l}": [slope(v, j) for j in range(len(v))] for l, v in enumerate(b, 1)},
        }


def _slope(problem: Problem, p: Parameters, place: list[Real], key: int, h: Real) -> Real:
    stored = place[key]
    place[key] = stored + h
    above = total_error(problem, p)
    place[key] = stored - h
    below = total_error(problem, p)
    place[key] = stored
    return (above - below) / (2 * h)
