"""The V-curve: how far a difference quotient is off the gradient at each step size, in plain float64.

Large steps are off by what the quotient cuts off, small ones by what subtraction leaves of the digits. Between them
lies a best step, another one for each parameter: the witness by differences chooses each, and says how far off it is.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from manual.network import SLIDES, Working, forward
from manual.numerical import central, one_sided
from verify.problems.problem import Problem
from verify.witnesses.record import StepPart

STEPS = tuple(10.0**-k for k in range(1, 14))
PARAMETERS = 3  # of W(1), the largest by gradient: they have digits to lose
QUOTIENTS: dict[str, Callable[[Callable[[Tensor], Tensor], Tensor, float], Tensor]] = {
    "one-sided": one_sided,
    "central": central,
}


def step_sizes(problem: Problem, gradient: Tensor) -> tuple[StepPart, ...]:
    """Each quotient's median relative error at each step, over the largest entries of `gradient`, ∂E/∂W(1).

    Empty where the problem is not in float64, or where the gradient is 0.
    """
    if problem.dtype != torch.float64 or not bool(gradient.any()):
        return ()
    places = torch.topk(gradient.abs().flatten(), min(PARAMETERS, gradient.numel())).indices.tolist()
    made = {name: [[] for _ in STEPS] for name in QUOTIENTS}
    for at in places:
        right, loss = float(gradient.flatten()[at]), _loss_of(problem, at)
        for name, quotient in QUOTIENTS.items():
            for errors, h in zip(made[name], STEPS, strict=True):
                value = float(quotient(loss, torch.zeros((), dtype=torch.float64, device=problem.device), h))
                errors.append(abs(value - right) / abs(right))
    median = lambda errors: sorted(errors)[len(errors) // 2]
    return tuple(StepPart(name, STEPS, tuple(map(median, errors))) for name, errors in made.items())


def _loss_of(problem: Problem, at: int) -> Callable[[Tensor], Tensor]:
    """E of a step in one entry of W(1). What is worked once is kept: the quotients share E(0) and their points."""
    known: dict[float, Tensor] = {}

    def loss(step: Tensor) -> Tensor:
        key = float(step)
        if key not in known:
            W1 = problem.W[0].clone()
            W1.view(-1)[at] += step
            known[key] = _error(problem, (W1, *problem.W[1:]))
        return known[key]

    return loss


def _error(problem: Problem, W: tuple[Tensor, ...]) -> Tensor:
    p = problem
    return forward(Working(dict(enumerate(W, 1)), dict(enumerate(p.b, 1)), p.x, p.t, p.f, p.pair, p.lam, SLIDES)).E
