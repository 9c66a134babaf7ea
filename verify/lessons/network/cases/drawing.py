"""Problems drawn from an assignment: in general position, and those that reach what a program must handle.

Beside the general ones there are three kinds: pre-activations of ±40 and ±22 and scores that reach ±29 (a clipped
activation or probability shows), δ and dW beyond 100 (a clipped gradient shows), and pre-activations that are exactly 0
at a kink (`kinked.py`). No problem has scores beyond ±30, which a softmax without its shift survives at any width, and
none a line that is zero by cancellation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from manual import Constants, Working, activation
from verify.bounds.curves import Curve, curve
from verify.grading.assignment import Assignment
from verify.problems.choices import ONE_OF_MANY
from verify.problems.problem import Problem

MOST_SCORE = 30.0  # of |a(L)|
_MOST_HIDDEN = 300.0  # of |a(l)|: half of what exp can take in float64
_FAR = 40.0  # a(l) of a unit that is driven far: σ of it is 1 to 17 digits
_LESS_FAR = 22.0  # and of others: softplus of it is a to 10 digits, and no more
_BETWEEN = 31.0  # and of one: σ of it is 1 to 13 digits, and no more
_SCORE = 29.0  # a(L) of the same problems: y down to e⁻²⁹ and, of scores of both signs, to e⁻⁵⁸
_STEEP = 100.0
_STEEP_WEIGHTS = 500.0
_KINK_DISTANCE = 1e-3
_CANCELLED = 1e-6  # a line whose largest entry is below that share of its terms is zero by cancellation
_LARGE_SCORES = 1e4
TRIES = 60


@dataclass(frozen=True)
class Shape:
    """What a problem is drawn from."""

    N: int
    units: tuple[int, ...]  # D, M(1), …, K
    activation: str
    lam: float

    @property
    def depth(self) -> int:
        """Layers of weights."""
        return len(self.units) - 1


def within(value: int, limits: tuple[int, int]) -> int:
    """The number of that range which is closest to the value."""
    return min(max(value, limits[0]), limits[1])


def penalty(assignment: Assignment, value: float) -> float:
    """That λ, or 0 where the assignment has none."""
    return value if assignment.l2 else 0.0


def outputs_of(assignment: Assignment) -> tuple[int, int]:
    """K from and to; a softmax of one output is always 1 and has no gradient, so two where the assignment has them."""
    low, high = assignment.outputs
    return (min(max(low, 2), high) if assignment.output == "softmax" else low), high


def units_of(assignment: Assignment, depth: int, rng: np.random.Generator) -> tuple[int, ...]:
    """Numbers of units that differ from layer to layer where the assignment has room for it."""
    limits = [assignment.inputs, *[assignment.widths] * (depth - 1), outputs_of(assignment)]
    drawn: list[int] = []
    for low, high in limits:
        choice = rng.permutation(np.arange(max(low, min(2, high)), min(high, low + 7) + 1))
        drawn.append(next((int(v) for v in choice if int(v) not in drawn[-1:]), int(choice[0])))
    return tuple(drawn)


def square_of(assignment: Assignment) -> int:
    """A number of units that input, hidden and output layers may all have, 3 for choice; 0 where there is none."""
    hidden = [assignment.widths] if assignment.layers[1] > 1 else []
    ranges = [assignment.inputs, outputs_of(assignment), *hidden]
    low, high = max(r[0] for r in ranges), min(r[1] for r in ranges)
    return within(3, (low, high)) if low <= high else 0


def constants(assignment: Assignment) -> Constants:
    """The assignment's constants as the manual network takes them."""
    a = assignment.activation
    return Constants(
        a.leaky_relu,
        a.elu,
        a.swish,
        a.celu,
        a.prelu,
        assignment.losses.huber,
        assignment.losses.smoothing,
        assignment.losses.margin,
    )


# Parts of a problem --------------------------------------------------------------------------------------------------

# Beyond these, weights of N(0, 1.2/in) make budgets grow with every layer.
_DENSE_UNITS = 16
_DENSE_LAYERS = 6


def weights(units: Sequence[int], rng: np.random.Generator) -> list[NDArray]:
    """W(l) (in, out), scaled with the fan-in, so that pre-activations keep their size."""
    few = max(units) <= _DENSE_UNITS and len(units) - 1 <= _DENSE_LAYERS
    return [_dense(m, k, rng) if few else _signed_permutation(m, k, rng) for m, k in pairwise(units)]


def _dense(m: int, k: int, rng: np.random.Generator) -> NDArray:
    return rng.normal(0, 1.2 / np.sqrt(m), (m, k))


def _signed_permutation(m: int, k: int, rng: np.random.Generator) -> NDArray:
    """One strong connection for each unit of the larger side, the rest faint: Σ|w| is about the norm of W.

    What rounding may do to a line grows with Σ|w| from layer to layer, and the line with the norm; where both are the
    same, budgets stay at some 10⁻¹² of a line in 20 layers of 64 units.
    """
    many, few = max(m, k), min(m, k)
    W = rng.normal(0, 0.1 / many, (m, k))
    to = rng.permutation(many) % few
    strong = rng.choice((-1.0, 1.0), many) * rng.uniform(0.8, 1.4, many) / np.sqrt(max(1.0, m / k))
    if m >= k:
        W[np.arange(many), to] += strong
    else:
        W[to, np.arange(many)] += strong
    return W


def targets(assignment: Assignment, shape: Shape, rng: np.random.Generator) -> NDArray:
    """t (N, K): one-hot, 0 or 1, or what the output can reach."""
    N, K = shape.N, shape.units[-1]
    if assignment.loss in ONE_OF_MANY or assignment.output == "softmax":
        return np.eye(K)[rng.permutation(np.arange(N) + int(rng.integers(K))) % K]
    if assignment.loss == "binary-cross-entropy":
        return rng.integers(0, 2, (N, K)).astype(float)
    g = activation(assignment.output, constants(assignment)).f  # whatever it gives lies within its range
    return g(torch.from_numpy(rng.normal(0, 1, (N, K)))).numpy()


def problem_of(
    assignment: Assignment,
    shape: Shape,
    parts: tuple[Sequence[NDArray], Sequence[NDArray], NDArray, NDArray],
    label: str,
) -> Problem:
    """The problem of W, b, x, t. Its activation and λ are the shape's, output and loss the assignment's."""
    tensor: Callable[[NDArray], Tensor] = lambda v: torch.from_numpy(np.ascontiguousarray(v, dtype=np.float64))
    W, b, x, t = parts
    return Problem(
        tuple(map(tensor, W)), tuple(map(tensor, b)), tensor(x), tensor(t),
        shape.activation, assignment.output, assignment.loss, shape.lam, constants(assignment), label,
        assignment.penalty,
    )  # fmt: skip


def worked(p: Problem) -> Working:
    """The right working of a problem."""
    return p.work()


def curve_on(p: Problem, l: int) -> Curve | None:
    """The curve of the function on a(l); None for scores whose output and loss together are smooth."""
    if l == p.L and p.pair.g is None:
        return None
    return curve(p.activation if l < p.L else p.output, p.constants)


def loss_curve(p: Problem) -> Curve | None:
    """The curve of ρ, in y − t or margins, of a loss whose derivative jumps somewhere; None for the others."""
    found = curve(p.pair.rho.name, p.constants) if p.pair.rho is not None else None
    return found if found is not None and any(knot.jump for knot in found.knots) else None


# What a problem must be ----------------------------------------------------------------------------------------------


def clear_of_kinks(p: Problem, distance: float, net: Working | None = None) -> bool:
    """Whether every pre-activation that meets a kink keeps that distance from it."""
    net = worked(p) if net is None else net
    curves = {l: curve_on(p, l) for l in net.a}
    loss = loss_curve(p)
    clear = loss is None or float(loss.from_knots(p.pair.apart(net.y, net.t)).min()) >= distance
    return clear and all(float(c.from_knots(net.a[l]).min()) >= distance for l, c in curves.items() if c is not None)


def bounded_scores(net: Working) -> bool:
    """Whether no pre-activation is beyond what every textbook form survives."""
    most = {l: float(a.abs().max()) for l, a in net.a.items()}
    return all(m <= (MOST_SCORE if l == net.L else _MOST_HIDDEN) for l, m in most.items())


def cancels(net: Working, share: float = _CANCELLED) -> bool:
    """Whether a line of the backward pass is zero, or all but zero, by cancellation or for want of anything to pass."""
    for l in range(net.L, 0, -1):
        delta, z = net.delta[l], net.z[l - 1]
        terms = torch.ones(1, device="cpu") if l == net.L else net.delta[l + 1].abs() @ net.W[l + 1].abs().T
        data = z.T @ delta
        if any(
            float(line.abs().max()) <= share * float(size.max())
            for line, size in (
                (delta, terms),
                (data, z.abs().T @ delta.abs()),
                (delta.sum(0), delta.abs().sum(0)),
                (net.dW[l], data.abs() / net.N + (net.penalty.of(net.lam * net.W[l], net.N)).abs()),
            )
        ):
            return True
    return False


def _sound(p: Problem, distance: float = _KINK_DISTANCE) -> bool:
    net = worked(p)
    entries = sum(a.numel() for a in net.a.values())
    clear = clear_of_kinks(p, min(distance, 0.05 / entries), net)
    return clear and bounded_scores(net) and not cancels(net)


# Kinds of problems ---------------------------------------------------------------------------------------------------


def general(assignment: Assignment, shape: Shape, rng: np.random.Generator, label: str) -> Problem:
    """A problem in general position: both signs of pre-activations, none near a kink."""
    for _ in range(TRIES):
        problem = loose(assignment, shape, rng, label)
        if _sound(problem):
            break
    return problem


def loose(assignment: Assignment, shape: Shape, rng: np.random.Generator, label: str) -> Problem:
    """A problem of normal numbers, wherever its pre-activations lie."""
    W = weights(shape.units, rng)
    b = [rng.normal(0, 0.6, k) * assignment.biases for k in shape.units[1:]]
    x = rng.normal(0, 1, (shape.N, shape.units[0]))
    return problem_of(assignment, shape, (W, b, x, targets(assignment, shape, rng)), label)


def far(assignment: Assignment, shape: Shape, rng: np.random.Generator, label: str) -> Problem:
    """Hidden units driven to ±40 and ±22 beside others, scores to ±29: as far of that as leaves a gradient."""
    for share in (1.0, 0.7, 0.4, 0.2):
        for _ in range(TRIES // 6):
            problem = _stretched(assignment, loose(assignment, shape, rng, label), share, rng)
            if _sound(problem):
                return problem
    return general(assignment, shape, rng, label)


def _stretched(assignment: Assignment, p: Problem, share: float, rng: np.random.Generator) -> Problem:
    W, b, z = list(p.W), list(p.b), p.x
    for l in range(p.L):
        a = z @ W[l] + b[l]
        if l == p.L - 1:
            factor = torch.full(a.shape[1:], share * _SCORE / float(a.abs().max()), dtype=a.dtype, device=a.device)
        else:
            factor = _drive(a, share)
        W[l], b[l] = W[l] * factor, b[l] * factor
        z = p.f.f(a * factor)
    stretched = replace(p, W=tuple(W), b=tuple(b))
    return replace(stretched, t=_unlikely(assignment, stretched, rng))


def _drive(a: Tensor, share: float) -> Tensor:
    """Factors (units,) that drive units 0, 2, 6, … far, one up, the next down, and less far units 3, 4 and 5.

    The rest keep their numbers, so that something is handed down.
    """
    sizes = {j: _FAR if at % 2 == 0 else -_FAR for at, j in enumerate(range(0, a.shape[1], 2))}
    others = ((3, _LESS_FAR), (5, -_LESS_FAR), (4, _BETWEEN))
    sizes |= {j: size for j, size in others if j < a.shape[1]}
    factor = torch.ones(a.shape[1], dtype=a.dtype, device=a.device)
    for j, size in sizes.items():
        factor[j] = share * size / a[:, j][torch.argmax(a[:, j].abs())]
    return factor


def _unlikely(assignment: Assignment, p: Problem, rng: np.random.Generator) -> Tensor:
    """Targets that the output is far from, so that a probability that is clipped shows in the loss and in δ(L)."""
    a = worked(p).a[p.L]
    if assignment.loss == "binary-cross-entropy":
        return (a < 0).to(a.dtype)
    if assignment.loss not in ONE_OF_MANY and assignment.output != "softmax":
        return p.t
    chosen = torch.argmin(a, dim=1)
    others = torch.from_numpy(rng.integers(0, a.shape[1], len(a)))
    take = (torch.arange(len(a), device=a.device) > 0) & (others != torch.argmax(a, dim=1))
    return torch.nn.functional.one_hot(torch.where(take, others, chosen), a.shape[1]).to(a.dtype)


def steep(assignment: Assignment, shape: Shape, rng: np.random.Generator, label: str) -> Problem:
    """|δ(l)| and |dW(l)| beyond 100 below outgoing weights of hundreds, with scores that stay small."""
    best: tuple[float, Problem] | None = None
    for size in (1.0, 0.1, 0.01):
        for _ in range(TRIES // 12):
            drawn = loose(assignment, shape, rng, label)
            problem = _steep_inputs(drawn) if drawn.L == 1 else _steep_weights(drawn, size, rng)
            if not _sound(problem, 1e-6):
                continue
            reached = _steepness(problem)
            if reached >= 1:
                return problem
            if best is None or reached > best[0]:
                best = reached, problem
    return best[1] if best is not None else general(assignment, shape, rng, label)


def _steepness(p: Problem) -> float:
    net = worked(p)
    below = max(1, p.L - 1)
    delta = float(net.delta[below].abs().max()) / _STEEP if p.L > 1 else 1.0
    return min(delta, float((net.z[below - 1].T @ net.delta[below]).abs().max()) / p.N / _STEEP)


def _steep_inputs(p: Problem) -> Problem:
    """Of one layer: inputs of hundreds, weights that are as small."""
    return replace(p, x=p.x * _STEEP_WEIGHTS, W=(p.W[0] / _STEEP_WEIGHTS,))


def _steep_weights(p: Problem, size: float, rng: np.random.Generator) -> Problem:
    """W(L) as large as z(L−1) lets it be: along each direction of z, what keeps the scores below some 10.

    Behind squared error below 1: there an output that saturates has no slope, and so no δ.
    """
    W, b = list(p.W), list(p.b)
    most_score = 10.0 if p.pair.by_y is None else 1.0
    W[-2], b[-2] = W[-2] * size, b[-2] * size
    z = worked(replace(p, W=tuple(W), b=tuple(b))).z[p.L - 1]
    _, reach, directions = torch.linalg.svd(z, full_matrices=True)  # (M, M): a direction per row
    most = torch.full((len(directions),), _STEEP_WEIGHTS, dtype=z.dtype, device=z.device)
    most[: len(reach)] = torch.minimum(most[: len(reach)], most_score / torch.clamp(reach, min=1e-9))
    along = torch.from_numpy(rng.uniform(0.6, 1.2, (len(directions), W[-1].shape[1])))
    along = along * torch.from_numpy(rng.choice((-1.0, 1.0), tuple(along.shape)))
    W[-1] = directions.T @ (most.unsqueeze(1) * along)
    return replace(p, W=tuple(W), b=tuple(b))


def large(assignment: Assignment, rng: np.random.Generator) -> Problem:
    """Scores of thousands, some of them above 0, where exp overflows; asked for advice alone.

    Those of the first output are small in every sample: where exp alone overflows, its gradients are finite.
    """
    depth = assignment.layers[0]
    shape = Shape(within(2, assignment.batch), units_of(assignment, depth, rng), assignment.activations[0], 0.0)
    drawn = general(assignment, shape, rng, "large scores")
    W = [w * _LARGE_SCORES for w in drawn.W]
    if assignment.output == "softmax":
        W[-1][:, 0] /= _LARGE_SCORES**depth
    highest = float(worked(replace(drawn, W=tuple(W))).a[drawn.L].max())
    return replace(drawn, W=(*W[:-1], W[-1] if highest > _LARGE_SCORES / 10 else -W[-1]))
