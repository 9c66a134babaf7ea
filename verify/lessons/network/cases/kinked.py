"""Problems with scores that are exactly at a kink: every subgradient is right there, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from manual import Working
from verify.grading.assignment import Assignment
from verify.lessons.network.cases.drawing import TRIES, Shape, curve_on, general, loss_curve, worked
from verify.problems.problem import Problem


def at_kinks(assignment: Assignment, shape: Shape, rng: np.random.Generator, label: str) -> Problem | None:
    """One unit in each layer with a kink at 0 has no weights and no bias: its pre-activation is 0, whatever the order.

    Where the loss has a kink at y = t, such a unit of the output has y for its target. None where no function of the
    assignment has a kink.
    """
    p = general(assignment, shape, rng, label)
    kinked = [l for l in range(1, p.L + 1) if jump(p, l) > 0 or (l == p.L and meets_target(p))]
    if not kinked:
        return None
    for _ in range(TRIES):
        W, b, t = [w.clone() for w in p.W], [v.clone() for v in p.b], p.t.clone()
        for l in kinked:
            unit = int(rng.integers(W[l - 1].shape[1]))
            W[l - 1][:, unit], b[l - 1][unit] = 0.0, 0.0
            if l == p.L and meets_target(p):
                t[:, unit] = p.pair.y(torch.zeros_like(t))[:, unit]
        made = replace(p, W=tuple(W), b=tuple(b), t=t)
        net = worked(made)
        if all(_at_or_off_knots(made, l, a) for l, a in net.a.items()) and _at_or_off_targets(made, net):
            return made
        p = general(assignment, shape, rng, label)
    return None


def _at_or_off_knots(p: Problem, l: int, a: Tensor) -> bool:
    """Whether each entry is exactly 0, or some way from 0 and from wherever pieces meet."""
    c = curve_on(p, l)
    away = a.abs() if c is None else torch.minimum(a.abs(), c.from_knots(a))
    return bool(((a == 0) | (away >= 1e-6)).all())


def meets_target(p: Problem) -> bool:
    """Whether problems at kinks have a y that is exactly t: under a loss that bends there, and an output that does not.

    Where both do, what either may choose multiplies; the output's own kink is asked for alone.
    """
    return p.loss == "l1" and jump(p, p.L) == 0


def _at_or_off_targets(p: Problem, net: Working) -> bool:
    loss = loss_curve(p)
    if loss is None:
        return True
    away = loss.from_knots(p.pair.apart(net.y, net.t))
    return bool(((away == 0) | (away >= 1e-6)).all())


def jump(p: Problem, l: int) -> float:
    """How far the derivative of the function on a(l) jumps at 0."""
    found = curve_on(p, l)
    return found.jump_at_0 if found is not None else 0.0
