"""The gradient checkers that people use today, and backproof, behind one face.

A peer works the check of a problem (`work`: all its parameters, or a share of them where it goes entry by entry), and
judges a gradient (`judge`: does it flag this one?). Each runs with its own defaults, order 1, reverse mode. Libraries
are imported when they are used; one that is not there has its reason in `missing`.
"""

# The peers are packages of the extra `bench`, which checks and tests do without.
# pyright: reportMissingImports=false

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from verify.benchmarks.losses import array_loss, torch_loss
from verify.benchmarks.networks import parameters_of
from verify.bounds.comparison import Verdict
from verify.problems.problem import Problem
from verify.witnesses.against import (
    Witness,
    autograd_witness,
    complex_step_witness,
    differences_witness,
    manual_witness,
    set_against,
    shared_rounding,
)
from verify.witnesses.complex_step import complex_step
from verify.witnesses.differences import differences
from verify.witnesses.general import differences_of

Gradient = list[Tensor]  # dW1, db1, dW2, db2, …
Judge = Callable[[Gradient], bool]


@dataclass(frozen=True)
class Peer:
    """A checker. `work(problem, entries)` checks that many parameters at least; whole peers know no share."""

    name: str
    covers: str  # what it looks at: every entry, or a direction
    work: Callable[[Problem, int], object]
    judge: Callable[[Problem], Judge] | None = None
    whole: bool = False
    package: str | None = None
    most: int = 10**9  # parameters beyond which it is not timed

    @property
    def missing(self) -> str | None:
        """Why it cannot run here, or None."""
        if self.package is None or importlib.util.find_spec(self.package) is not None:
            return None
        return "not installed"


# backproof -----------------------------------------------------------------------------------------------------------


def _flagged(problem: Problem, gradient: Gradient, reference: Witness, *, shared: bool) -> bool:
    """Whether the gradient, with manual's budgets, disagrees with the reference on any line."""
    planted = _with_gradient(manual_witness(problem), gradient)
    rounding = shared_rounding(problem, planted, reference) if shared else None
    return any(c.verdict is Verdict.DISAGREE for c in set_against(planted, reference, rounding))


def _with_gradient(witness: Witness, gradient: Gradient) -> Witness:
    arrays = [v.numpy() for v in gradient]
    lines = {
        f"{kind}{l // 2 + 1}": arrays[l + k] for l in range(0, len(arrays), 2) for k, kind in enumerate(("dW", "db"))
    }
    return replace(witness, lines={**witness.lines, **lines})


def _ours(witness: Callable[[Problem], Witness], *, shared: bool = False) -> Callable[[Problem], Judge]:
    def judge(problem: Problem) -> Judge:
        reference = witness(problem)
        return lambda gradient: _flagged(problem, gradient, reference, shared=shared)

    return judge


# torch ---------------------------------------------------------------------------------------------------------------


def _gradcheck_share(problem: Problem, entries: int) -> object:
    """Slow gradcheck by the last tensors, as many as make up the entries; the others are constants."""
    loss, parameters = torch_loss(problem), parameters_of(problem)
    first, held = len(parameters), 0
    while first > 0 and held < entries:
        first -= 1
        held += parameters[first].numel()
    leaves = [v.requires_grad_() for v in parameters[first:]]
    return torch.autograd.gradcheck(lambda *tail: loss(*parameters[:first], *tail), leaves)


def gradcheck_entries(problem: Problem, entries: int) -> int:
    """How many parameters slow gradcheck really checks when asked for that many."""
    held = 0
    for v in reversed(parameters_of(problem)):
        if held >= entries:
            break
        held += v.numel()
    return held


def _gradcheck_fast(problem: Problem, entries: int) -> object:
    leaves = [v.requires_grad_() for v in parameters_of(problem)]
    return torch.autograd.gradcheck(torch_loss(problem), leaves, fast_mode=True)


def _gradcheck_judge(*, fast: bool) -> Callable[[Problem], Judge]:
    def judge(problem: Problem) -> Judge:
        loss = torch_loss(problem)

        def flags(gradient: Gradient) -> bool:
            leaves = [v.requires_grad_() for v in parameters_of(problem)]
            f = _torch_with(loss, gradient)
            return not torch.autograd.gradcheck(f, leaves, fast_mode=fast, raise_exception=False)

        return flags

    return judge


def _torch_with(loss: Callable[..., Tensor], gradient: Gradient) -> Callable[..., Any]:
    """The loss, with that gradient for a backward pass."""

    class Planted(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *parameters: Tensor) -> Tensor:
            return loss(*parameters)

        @staticmethod
        def backward(ctx: Any, *grad: Tensor) -> Any:
            return tuple(grad[0] * g for g in gradient)

    return Planted.apply


# jax and HIPS autograd -----------------------------------------------------------------------------------------------


def _jax(problem: Problem) -> tuple[Any, list[Any]]:
    import jax

    jax.config.update("jax_enable_x64", True)
    return array_loss(problem, jax.numpy), [jax.numpy.asarray(v.numpy()) for v in parameters_of(problem)]


def _jax_work(problem: Problem, entries: int) -> object:
    from jax.test_util import check_grads

    loss, parameters = _jax(problem)
    return check_grads(loss, parameters, order=1, modes=["rev"])


def _jax_judge(problem: Problem) -> Judge:
    import jax
    from jax.test_util import check_grads

    loss, parameters = _jax(problem)

    def flags(gradient: Gradient) -> bool:
        planted = jax.custom_vjp(loss)
        arrays = [jax.numpy.asarray(v.numpy()) for v in gradient]
        planted.defvjp(lambda *p: (loss(*p), None), lambda _, g: tuple(g * v for v in arrays))
        return _raises(lambda: check_grads(planted, parameters, order=1, modes=["rev"]))

    return flags


def _raises(check: Callable[[], object]) -> bool:
    try:
        check()
    except AssertionError:
        return True
    return False


def _hips_check(loss: Any, parameters: list[NDArray]) -> None:
    """check_grads takes one argument at a time, in a random direction: the seed is set, so that runs are alike."""
    from autograd import test_util

    check_grads: Any = test_util.check_grads  # its decorator hides its arguments from type checkers
    np.random.seed(0)  # autograd draws its direction from NumPy's global generator
    for k in range(len(parameters)):
        check_grads(loss, argnum=k, modes=["rev"], order=1)(*parameters)


def _hips(problem: Problem) -> tuple[Any, list[NDArray]]:
    import autograd.numpy

    return array_loss(problem, autograd.numpy), [v.numpy() for v in parameters_of(problem)]


def _hips_work(problem: Problem, entries: int) -> object:
    return _hips_check(*_hips(problem))


def _hips_judge(problem: Problem) -> Judge:
    from autograd.extend import defvjp, primitive

    loss, parameters = _hips(problem)

    def flags(gradient: Gradient) -> bool:
        planted = primitive(loss)
        arrays = [v.numpy() for v in gradient]
        defvjp(planted, *(lambda ans, *p, v=v: lambda g: g * v for v in arrays))
        return _raises(lambda: _hips_check(planted, parameters))

    return flags


# Entry by entry ------------------------------------------------------------------------------------------------------


def _numdifftools_work(problem: Problem, entries: int) -> object:
    """nd.Gradient by the first entries of W(1), with its own step and Richardson extrapolation."""
    import numdifftools

    loss, parameters = array_loss(problem, np), [v.numpy() for v in parameters_of(problem)]
    flat = parameters[0].reshape(-1)
    size = min(entries, flat.size)

    def function(v: NDArray) -> float:
        flat[:size] = v
        return float(loss(*parameters))

    return numdifftools.Gradient(function)(flat[:size].copy())


def _loop(problem: Problem, entries: int, step: float = 1e-5) -> Gradient:
    """Central differences, weight by weight, the weight restored by assignment."""
    loss, parameters = torch_loss(problem), parameters_of(problem)
    found = [torch.zeros_like(v) for v in parameters]
    with torch.no_grad():
        for row, slope in _entries(parameters, found, entries):
            kept = row[...].item()
            E = []
            for sign in (1, -1):
                row.fill_(kept + sign * step)
                E.append(loss(*parameters).item())
            row.fill_(kept)
            slope.fill_((E[0] - E[1]) / (2 * step))
    return found


def _entries(parameters: Gradient, found: Gradient, entries: int) -> Any:
    """The first entries of the parameters, with the places for their slopes, as tensors of no dimension."""
    left = entries
    for v, g in zip(parameters, found, strict=True):
        rows, slopes = v.reshape(-1), g.reshape(-1)
        for k in range(min(left, rows.numel())):
            yield rows[k], slopes[k]
        left -= min(left, rows.numel())


def _cs231n(problem: Problem, entries: int) -> Gradient:
    """Forward differences, h = 1e-5, in NumPy over an index: the scheme of deck 004 "计算梯度"."""
    loss, parameters = array_loss(problem, np), [v.numpy() for v in parameters_of(problem)]
    found, left, h = [np.zeros_like(v) for v in parameters], entries, 1e-5
    E = float(loss(*parameters))
    for v, g in zip(parameters, found, strict=True):
        for index in np.ndindex(v.shape):
            if left == 0:
                break
            left -= 1
            kept = v[index]
            v[index] = kept + h
            g[index] = (float(loss(*parameters)) - E) / h
            v[index] = kept
    return [torch.from_numpy(g) for g in found]


def relative_error(first: Tensor, second: Tensor) -> float:
    """CS231n's rel_error: the largest |x − y| / max(1e-8, |x| + |y|)."""
    return float(torch.amax((first - second).abs() / torch.clamp(first.abs() + second.abs(), min=1e-8)))


def largest_relative_error(gradient: Gradient, estimate: Gradient) -> float:
    """rel_error over all parameters."""
    return max(relative_error(v, w) for v, w in zip(gradient, estimate, strict=True))


def _by_relative_error(estimate: Callable[[Problem, int], Gradient]) -> Callable[[Problem], Judge]:
    """Flags above 1e-4, which CS231n's notes call usual for losses with kinks."""

    def judge(problem: Problem) -> Judge:
        found = estimate(problem, problem.parameters)
        return lambda gradient: largest_relative_error(gradient, found) > 1e-4

    return judge


def _hindsight(estimate: Callable[[Problem, int], Gradient]) -> Callable[[Problem], Judge]:
    """Flags above the largest relative error of the right gradient: the best threshold, known only afterwards."""

    def judge(problem: Problem) -> Judge:
        found = estimate(problem, problem.parameters)
        threshold = largest_relative_error(right_gradient(problem), found)
        return lambda gradient: largest_relative_error(gradient, found) > threshold

    return judge


def right_gradient(problem: Problem) -> Gradient:
    """The gradient by hand, in the peers' order."""
    lines = manual_witness(problem).lines
    return [torch.from_numpy(lines[f"{kind}{l}"].copy()) for l in range(1, problem.L + 1) for kind in ("dW", "db")]


# The lists -----------------------------------------------------------------------------------------------------------

EVERY, DIRECTION = "every entry", "one direction"
OURS = Peer(
    "backproof, differences",
    f"{EVERY}, error bars",
    lambda p, n: differences(p),
    _ours(differences_witness),
    whole=True,
)
OURS_AUTOGRAD = Peer(
    "backproof, manual and autograd", f"{EVERY}, budgets", lambda p, n: autograd_witness(p),
    _ours(autograd_witness, shared=True), whole=True,
)  # fmt: skip
OURS_COMPLEX = Peer(
    "backproof, complex step",
    f"{EVERY}, error bars",
    lambda p, n: complex_step(p),
    _ours(complex_step_witness),
    whole=True,
)


OURS_GENERAL = Peer(
    "backproof, general engine", f"{EVERY}, error bars", lambda p, n: differences_of(torch_loss(p), *parameters_of(p)),
    whole=True, most=2_000,
)  # fmt: skip
GRADCHECK = Peer("torch gradcheck", EVERY, _gradcheck_share, _gradcheck_judge(fast=False))
GRADCHECK_FAST = Peer("torch gradcheck, fast", DIRECTION, _gradcheck_fast, _gradcheck_judge(fast=True), whole=True)
JAX = Peer("jax check_grads", DIRECTION, _jax_work, _jax_judge, whole=True, package="jax")
HIPS = Peer("autograd check_grads", DIRECTION, _hips_work, _hips_judge, whole=True, package="autograd")
NUMDIFFTOOLS = Peer("numdifftools", f"{EVERY}, error estimates", _numdifftools_work, package="numdifftools")
LOOP = Peer("a loop, central differences", EVERY, _loop, _by_relative_error(_loop))
CS231N = Peer("CS231n, forward differences", EVERY, _cs231n, _by_relative_error(_cs231n))

PEERS = (OURS, OURS_COMPLEX, OURS_GENERAL, GRADCHECK, GRADCHECK_FAST, JAX, HIPS, NUMDIFFTOOLS, LOOP, CS231N)
JUDGES = (OURS, OURS_AUTOGRAD, OURS_COMPLEX, GRADCHECK, GRADCHECK_FAST, JAX, HIPS, LOOP, CS231N)
# What a loop could flag at best: the threshold is taken from the right gradient itself.
HINDSIGHT = {LOOP.name: _hindsight(_loop), CS231N.name: _hindsight(_cs231n)}
