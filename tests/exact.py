"""The network at 50 digits, forward only, written from deck 000 and sharing no code with what it judges."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
from mpmath import mpf

from manual import Constants
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
    }[name]


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
    if problem.loss == "cross-entropy":
        total = mpmath.log(sum(mpmath.exp(v) for v in a))
        return sum((mpf(t_k) * (total - a_k) for t_k, a_k in zip(t, a, strict=True)), mpf(0))
    if problem.loss == "binary-cross-entropy":
        return -sum(
            mpf(t_k) * mpmath.log(mp_sigmoid(a_k)) + (1 - mpf(t_k)) * mpmath.log(mp_sigmoid(-a_k))
            for t_k, a_k in zip(t, a, strict=True)
        )
    g = mp_activation(problem.output, problem.constants)
    return sum(((g(a_k) - mpf(t_k)) ** 2 for t_k, a_k in zip(t, a, strict=True)), mpf(0)) / 2


def total_error(problem: Problem, p: Parameters) -> Real:
    """E = (1/N) Σ E_n + (λ/2) Σ ǁWǁ², biases left out."""
    each = [
        sample_error(problem, scores(problem, p, x), t)
        for x, t in zip(problem.x.tolist(), problem.t.tolist(), strict=True)
    ]
    squares = sum((w**2 for W in p[0] for row in W for w in row), mpf(0))
    return sum(each, mpf(0)) / problem.N + mpf(problem.lam) / 2 * squares


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
