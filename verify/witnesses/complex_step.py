"""The complex step: a fourth witness, exact to rounding, where the activation can be written out for complex numbers.

f(a + is) = f(a) + i s f′(a) − s² f″(a)/2 − …, so Im E(a + is)/s is the derivative but for s²/6 of the third one: with
s = 2⁻²⁰⁰ nothing (Squire and Trapp, SIAM Rev. 40, 1998; Martins, Sturdza and Alonso, ACM TOMS 29, 2003). No two near
numbers are subtracted, so nothing cancels. Pre-activations are moved as `verify.witnesses.columns` says, one
evaluation each.

Real and imaginary part are written out from q = e^−|x| ≤ 1, y = Im, so nothing overflows at any finite real part, and
the imaginary part has the full relative accuracy of y. The piecewise activations have no complex form; the exact GELU
needs erfc of a complex number, which torch does not have.

Error bars: the imaginary part of E is a sum over the paths from the moved unit to the scores, each term of it a product
of weights and slopes that is rounded at most K times, so it is off by at most γ_K times the sum of the terms' absolute
values (Higham, *Accuracy and Stability*, ch. 3); K counts the additions of each layer and the operations of each
function. In deep networks that sum grows by the root of the width more than the derivative does in each layer; there
the same roundings are followed in the Euclidean norm, and the smaller bound counts. (All this is at the stored a(l);
`verify.bounds.known` judges others against it.)
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from manual.activations import Constants
from verify.bounds import roundings
from verify.bounds.bounded import gamma_n
from verify.bounds.curves import curve
from verify.errors import BadInput
from verify.problems.problem import Problem
from verify.witnesses.columns import Base, Function, above, base_of, blocks, errors, pairs, penalty
from verify.witnesses.differences import MEMORY, Estimate, of_goal, parameters
from verify.witnesses.growth import Disc, discs, growth, of_sizes, spectral, steepest

STEP = 2.0**-200
_U = torch.finfo(torch.float64).eps / 2
# The imaginary part underflows at 2⁻¹⁰⁷⁴, in each of its operations and whatever they grow to: far less than this.
_LOST = 2.0**-800
# Beyond it the tanh GELU's sigmoid is 0 or 1 to the last bit, while the cube in its argument would overflow.
_SATURATED = 100.0


# Functions of x + iy, |y| ≤ 1 -------------------------------------------------------------------------------------


def identity(z: Tensor) -> Tensor:
    """z."""
    return z


def sigmoid(z: Tensor) -> Tensor:
    """σ(x + iy) = (1 + q e^iy)/|1 + q e^iy|² for x ≥ 0, and (q e^iy + q²)/|1 + q e^iy|² for x < 0, q = e^−|x|."""
    x, y = z.real, z.imag
    q = torch.exp(-x.abs())
    c = q * torch.cos(y)
    size = 1 + 2 * c + q * q
    return torch.complex((torch.where(x >= 0, torch.ones_like(q), q * q) + c) / size, q * torch.sin(y) / size)


def tanh(z: Tensor) -> Tensor:
    """±(1 − q²) + 2iq sin 2y, over 1 + 2q cos 2y + q², q = e^−2|x|; 1 − q² is −expm1(−4|x|)."""
    x, y = z.real, z.imag
    q = torch.exp(-2 * x.abs())
    size = 1 + 2 * q * torch.cos(2 * y) + q * q
    return torch.complex(-torch.sign(x) * torch.expm1(-4 * x.abs()) / size, 2 * q * torch.sin(2 * y) / size)


def softplus(z: Tensor) -> Tensor:
    """ln(1 + e^z) = max(0, x) + ½ ln(1 + 2q cos y + q²) + i arg(1 + e^z), q = e^−|x|, arg free of differences."""
    x, y = z.real, z.imag
    q = torch.exp(-x.abs())
    real = torch.clamp(x, min=0) + torch.log1p(2 * q * torch.cos(y) + q * q) / 2
    argument = torch.where(
        x >= 0,
        torch.atan2(torch.sin(y), q + torch.cos(y)),
        torch.atan2(q * torch.sin(y), 1 + q * torch.cos(y)),
    )
    return torch.complex(real, argument)


def swish(z: Tensor, beta: float) -> Tensor:
    """z σ(βz)."""
    return _times(z, sigmoid(_scaled(z, beta)))


def mish(z: Tensor) -> Tensor:
    """z tanh(ln(1 + e^z))."""
    return _times(z, tanh(softplus(z)))


def gelu_tanh(z: Tensor) -> Tensor:
    """z σ(2u), u = √(2/π)(z + 0.044715 z³), for 0.5 (1 + tanh u) = σ(2u), which does not cancel."""
    x, y = torch.clamp(z.real, -_SATURATED, _SATURATED), z.imag
    real = x + 0.044715 * (x**3 - 3 * x * y * y)
    imaginary = y + 0.044715 * (3 * x * x * y - y**3)
    scale = 2 * math.sqrt(2 / math.pi)
    return _times(z, sigmoid(torch.complex(scale * real, scale * imaginary)))


def _scaled(z: Tensor, factor: float) -> Tensor:
    return torch.complex(factor * z.real, factor * z.imag)


def _times(z: Tensor, w: Tensor) -> Tensor:
    """zw, part by part: the imaginary part is rounded relative to its own two terms, whatever torch's product does."""
    return torch.complex(z.real * w.real - z.imag * w.imag, z.real * w.imag + z.imag * w.real)


def logsumexp(z: Tensor) -> Tensor:
    """ln Σ_k e^z_k over dimension 1, kept: the largest real part taken off, (N, K) -> (N, 1)."""
    x, y = z.real, z.imag
    top = torch.amax(x, dim=1, keepdim=True)
    e = torch.exp(x - top)
    real = torch.sum(e * torch.cos(y), dim=1, keepdim=True)
    imaginary = torch.sum(e * torch.sin(y), dim=1, keepdim=True)
    return torch.complex(top + torch.log(torch.hypot(real, imaginary)), torch.atan2(imaginary, real))


def softmax(z: Tensor) -> Tensor:
    """e^z_k / Σ_j e^z_j over dimension 1: the largest real part taken off, the quotient written out, (N, K)."""
    x, y = z.real, z.imag
    e = torch.exp(x - torch.amax(x, dim=1, keepdim=True))
    real, imaginary = e * torch.cos(y), e * torch.sin(y)
    c, s = torch.sum(real, dim=1, keepdim=True), torch.sum(imaginary, dim=1, keepdim=True)
    size = c * c + s * s
    return torch.complex((real * c + imaginary * s) / size, (imaginary * c - real * s) / size)


_FUNCTIONS: dict[str, Callable[[Constants], Function]] = {
    "softplus": lambda c: softplus,
    "sigmoid": lambda c: sigmoid,
    "tanh": lambda c: tanh,
    "swish": lambda c: lambda z: swish(z, c.swish),
    "gelu_tanh": lambda c: gelu_tanh,
    "gelu_sigmoid": lambda c: lambda z: swish(z, 1.702),
    "identity": lambda c: identity,
    "silu": lambda c: lambda z: swish(z, 1.0),
    "log_sigmoid": lambda c: lambda z: -softplus(-z),
    "mish": lambda c: mish,
}
ALLOWED: tuple[str, ...] = tuple(_FUNCTIONS)


# Losses of complex scores (N, K), y (N, K), t (N, K) -> (N,) --------------------------------------------------------


def cross_entropy(a: Tensor, y: Tensor, t: Tensor) -> Tensor:
    """Σ_k t_k (ln Σ_j e^a_j − a_k)."""
    return torch.sum(t * (logsumexp(a) - a), dim=1)


def binary_cross_entropy(a: Tensor, y: Tensor, t: Tensor) -> Tensor:
    """Σ_k t_k softplus(−a_k) + (1 − t_k) softplus(a_k)."""
    return torch.sum(t * softplus(-a) + (1 - t) * softplus(a), dim=1)


def squared_error(a: Tensor, y: Tensor, t: Tensor) -> Tensor:
    """½ Σ_k (y_k − t_k)², the complex square, no absolute value."""
    return torch.sum(_times(y - t, y - t), dim=1) / 2


def mean_squared_error(a: Tensor, y: Tensor, t: Tensor) -> Tensor:
    """(1/K) Σ_k (y_k − t_k)²."""
    return torch.sum(_times(y - t, y - t), dim=1) / t.shape[1]


_LOSSES = {
    "cross-entropy": cross_entropy,
    "binary-cross-entropy": binary_cross_entropy,
    "squared-error": squared_error,
    "mean-squared-error": mean_squared_error,
    "smoothed-cross-entropy": cross_entropy,  # of the smoothed labels
}


def _loss_of(p: Problem) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """E_n of complex scores, y, and the t that the problem has."""
    found = _LOSSES[p.loss]
    return lambda a, y, t: found(a, y, p.pair.goal(t))


def _output_of(p: Problem) -> Function:
    """y of the scores; the cross-entropies take the scores alone."""
    if p.pair.by_y is None:
        return identity
    return softmax if p.output == "softmax" else _FUNCTIONS[p.output](p.constants)


# The witness -----------------------------------------------------------------------------------------------------


def unavailable(problem: Problem) -> str | None:
    """Why the complex step cannot judge this problem, in one line; None where it can."""
    if problem.loss not in _LOSSES:
        return f"loss {problem.loss!r} has no complex step; allowed are {', '.join(_LOSSES)}"
    used = {"activation": problem.activation} if problem.L > 1 else {}
    if problem.pair.g is not None:
        used["output"] = problem.output
    for role, name in used.items():
        if name not in ALLOWED:
            return f"{role} {name!r} has no complex step; allowed are {', '.join(ALLOWED)}"
    return None


def complex_step(problem: Problem, memory: int = MEMORY) -> dict[str, Estimate]:
    """Estimates of delta(l) (N, M), dW(l) (in, M) and db(l) (M,) for every layer, in float64 on the problem's device.

    Raises BadInput for an activation or output that has no complex form (`unavailable` says which).
    """
    reason = unavailable(problem)
    if reason is not None:
        raise BadInput(reason)
    base = base_of(problem)
    found: dict[str, Estimate] = {}
    decay = penalty(base.problem.W, problem.rate)
    terms = _paths(base)
    for l in range(problem.L, 0, -1):
        value = _layer(base, l, memory)
        up = growth(base, l)
        rounded = torch.minimum(gamma_n(_roundings(base, l), _U) * terms[l], _in_norm(base, l, terms[base.problem.L]))
        bar = (
            rounded
            + of_goal(base, l, up)
            + torch.amin(torch.stack([_truncated(d) for d in discs(base, l, up)]), dim=0)
            + _LOST
        )
        delta = Estimate(value, bar, torch.zeros_like(value, dtype=torch.bool))
        found[f"delta{l}"] = delta
        found[f"dW{l}"], found[f"db{l}"] = parameters(base, l, delta, decay[l - 1])
    return found


def _layer(base: Base, l: int, memory: int) -> Tensor:
    """∂E_n/∂a(l) for every sample and unit, (N, M)."""
    p = base.problem
    f = _FUNCTIONS[p.activation](p.constants) if p.L > 1 else identity
    y = _output_of(p)
    n, j = pairs(base, l)
    a = base.a[l][n, j]
    value = torch.empty_like(a)
    for block in blocks(base, l, len(n), 2, memory):  # a complex number is two
        moved = torch.complex(a[block], torch.full_like(a[block], STEP)).unsqueeze(0)
        scores = above(base, l, n[block], j[block], moved, lambda z, l: f(z))[-1]
        value[block] = errors(base, n[block], scores, y, _loss_of(p))[0].imag / STEP
    return value.reshape(base.a[l].shape)


# The bar -----------------------------------------------------------------------------------------------------------


def _roundings(base: Base, l: int) -> int:
    """K: the most roundings that one term can take on its way from a(l) to E_n, the division by N left out."""
    return (
        sum(len(w) + roundings.COMPLEX_STEP for w in base.problem.W[l:])
        + 2 * base.a[base.problem.L].shape[1]  # of the softmax's sum, and of the loss's
        + roundings.COMPLEX_STEP
    )


def _paths(base: Base) -> dict[int, Tensor]:
    """The sum over all paths from a_nj(l) to E_n of the absolute values of their terms, (N, M) for every layer."""
    p = base.problem
    terms = {p.L: _loss_terms(base)}
    for l in range(p.L - 1, 0, -1):
        slope = curve(p.activation, p.constants).derivative_terms(base.a[l])
        terms[l] = slope * (terms[l + 1] @ p.W[l].abs().T)
    return terms


def _in_norm(base: Base, l: int, loss_terms: Tensor) -> Tensor:
    """The rounding of the derivative by a_nj(l), (N, M), by running analysis of what moves, in the Euclidean norm.

    In each layer: how much moves at most for each unit that a_nj(l) does, and how far that is off.
    """
    p = base.problem
    size = torch.linalg.vector_norm(loss_terms, dim=1, keepdim=True)  # (N, 1)
    moves = torch.ones_like(base.a[l])
    off = torch.zeros_like(moves)
    c = curve(p.activation, p.constants)
    function = gamma_n(roundings.COMPLEX_STEP, _U)
    for above_l in range(l, p.L):
        w = p.W[above_l]
        terms = c.derivative_terms(base.a[above_l])
        own = terms if above_l == l else torch.amax(terms, dim=1, keepdim=True)
        moves, off = c.first * moves, c.first * off + function * own * moves
        norm, sizes = (v(w) for v in (spectral, of_sizes)) if above_l > l else (torch.linalg.vector_norm(w, dim=1),) * 2
        moves, off = norm * moves, norm * off + gamma_n(len(w) + 1, _U) * sizes * (moves + off)
    last = gamma_n(2 * (roundings.COMPLEX_STEP + loss_terms.shape[1]), _U)
    # 1.01: what is rounded is rounded again, and this bound is rounded itself.
    return 1.01 * size * (off + last * (moves + off)) if l < p.L else torch.full_like(moves, torch.inf)


def _truncated(disc: Disc) -> Tensor:
    """s²E‴/6 in a disc, by Cauchy: |E‴| ≤ 2 steep/radius², twice that for what lies above the real line."""
    return 2 * disc.steep * (STEP / disc.radius) ** 2


def _loss_terms(base: Base) -> Tensor:
    """The sizes of the terms of ∂E_n/∂a(L), (N, K)."""
    p = base.problem
    a, t = base.a[p.L], p.goal.abs()
    if p.pair.by_y is not None:
        if p.pair.g is None:
            y = torch.softmax(a, dim=1)
            e = steepest(p, y + t, 0.0)
            return y * (e + torch.sum(e * y, dim=1, keepdim=True))
        c = curve(p.output, p.constants)
        return steepest(p, c.terms(a) + t, 0.0) * c.derivative_terms(a)
    if p.loss == "binary-cross-entropy":
        return t + (1 - p.t).abs()
    # e^(a − max) is rounded relative to |a − max|, of which it is never more than 1/e.
    return t + torch.sum(t, dim=1, keepdim=True) * 2
