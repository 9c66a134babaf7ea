"""The witnesses of a problem, independent ways to its lines: the module that brings manual and torch_ref together."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

import torch_ref
from manual import work
from verify.bounds.bounded import unit_roundoff
from verify.bounds.budget import FLOAT64, budgets, lines_of, shared_budgets
from verify.bounds.comparison import Comparison, compare, largest_of, median_limit, smallest_flagged
from verify.bounds.known import Known, known_budgets
from verify.errors import BadInput
from verify.problems.lines import kind_and_layer, names
from verify.problems.problem import Problem
from verify.witnesses.columns import base_of
from verify.witnesses.complex_step import complex_step
from verify.witnesses.differences import MEMORY, Estimate, differences

if TYPE_CHECKING:  # python-flint need not be installed
    from verify.witnesses.balls import Balls


@dataclass(frozen=True)
class Witness:
    """What one witness says: lines by name, how far each entry can be off, and which entries it leaves undecided.

    `known`, where a witness has it, says more than the bars: its lines with how far they are off the exact ones at a
    point that it names, the a(l) and z(l) among them.
    """

    name: str
    lines: Mapping[str, NDArray]
    bars: Mapping[str, NDArray]
    seconds: float
    undecided: Mapping[str, NDArray] = field(default_factory=dict)
    known: Known | None = None
    units: Mapping[str, NDArray] = field(default_factory=dict)  # of a line that it has in part: which columns

    @property
    def inconclusive(self) -> int:
        """Parameters that it leaves undecided."""
        return sum(int(v.sum()) for line, v in self.undecided.items() if kind_and_layer(line)[0] in ("dW", "db"))


def manual_witness(problem: Problem) -> Witness:
    """The slides' equations by hand, in the problem's dtype."""
    lines, seconds = _timed(
        problem,
        lambda: lines_of(
            work(problem.W, problem.b, problem.x, problem.t, problem.f, problem.pair, problem.lam, penalty=problem.form)
        ),
    )
    return Witness("manual", _arrays(lines), rounding(problem), seconds)


def autograd_witness(problem: Problem) -> Witness:
    """torch.nn and autograd, in the problem's dtype."""
    p = problem
    lines, seconds = _timed(
        p,
        lambda: torch_ref.lines(
            p.W,
            p.b,
            p.x,
            p.t,
            activation=p.activation,
            output=p.output,
            loss=p.loss,
            lam=p.lam,
            constants=asdict(p.constants),
            penalty=p.penalty,
        ),
    )
    return Witness("autograd", _arrays(lines), rounding(p), seconds)


def differences_witness(problem: Problem, memory: int = MEMORY) -> Witness:
    """Finite differences in float64. Bars: each estimate's own, and the rounding of the point it is taken at.

    What it knows has the estimate's own bars alone: they hold at the stored pre-activations.
    """
    return _estimated("finite-differences", problem, lambda: differences(problem, memory))


def complex_step_witness(problem: Problem, memory: int = MEMORY) -> Witness:
    """The complex step in float64, with bars of the same two parts. Raises BadInput where it cannot be written out."""
    return _estimated("complex-step", problem, lambda: complex_step(problem, memory))


def _estimated(name: str, problem: Problem, compute: Callable[[], dict[str, Estimate]]) -> Witness:
    estimates, seconds = _timed(problem, compute)
    point = budgets(problem, FLOAT64)
    return Witness(
        name,
        _arrays({line: e.value for line, e in estimates.items()}),
        _arrays({line: e.bar + point[line] for line, e in estimates.items()}),
        seconds,
        _arrays({line: e.undecided for line, e in estimates.items()}),
        _at_stored_point(problem, estimates),
    )


def exact_witness(problem: Problem, seconds: float | None = None) -> tuple[Witness, Balls]:
    """Every line enclosed in balls: the float64 nearest to each entry, with the ball's size as its bar; and the balls.

    Raises BadInput where python-flint is not installed.
    """
    needs_flint()
    from verify.witnesses.balls import SECONDS, balls

    start = time.perf_counter()
    found = balls(problem, seconds=SECONDS if seconds is None else seconds)
    lines = {name: line.value for name, line in found.lines.items()}
    bars = {name: line.bar for name, line in found.lines.items()}
    tensors = lambda arrays: {name: torch.as_tensor(v, device=problem.device) for name, v in arrays.items()}
    known = Known(tensors(lines), tensors(bars))
    took = time.perf_counter() - start
    return Witness("exact", lines, bars, took, {}, known, found.units), found


def needs_flint() -> None:
    """BadInput, with the line that installs it, where python-flint is not there."""
    if importlib.util.find_spec("flint") is None:
        raise BadInput(
            "the exact witness needs python-flint, which is not installed; "
            "this installs it: .venv/bin/pip install -c constraints.txt python-flint"
        )


def _at_stored_point(problem: Problem, estimates: Mapping[str, Estimate]) -> Known:
    base = base_of(problem)
    point = {f"a{l}": v for l, v in base.a.items()} | {f"z{l}": v for l, v in base.z.items() if l > 0}
    return Known(
        {**point, **{line: e.value for line, e in estimates.items()}},
        {
            **{line: torch.zeros_like(v) for line, v in point.items()},
            **{line: torch.where(e.undecided, torch.inf, e.bar) for line, e in estimates.items()},
        },
    )


def rounding(problem: Problem) -> dict[str, NDArray]:
    """The running budgets of the problem in its own dtype, as arrays."""
    return _arrays(budgets(problem, unit_roundoff(problem.dtype)))


def set_against(first: Witness, second: Witness, shared: Mapping[str, NDArray] | None = None) -> list[Comparison]:
    """Every line that both have, in the slides' order: within the sum of what each may be off, or not.

    `shared` may hold tighter bounds on the difference itself (`shared_rounding`); the smaller of the two counts.
    """
    layers = max(int(name[2:]) for name in second.lines if name.startswith("dW"))
    lines = [name for name in names(layers) if name in first.lines and name in second.lines]
    return [
        compare(
            name, (first.name, second.name),
            part(first.lines[name], name, second).astype(np.float64), second.lines[name].astype(np.float64),
            _budget(name, first, second, shared), second.undecided.get(name),
        )
        for name in lines
    ]  # fmt: skip


def part(line: NDArray, name: str, of: Witness) -> NDArray:
    """The columns of a line that the witness has: all, but for one that samples the units of a large network."""
    if name not in of.units or line.ndim == 0 or line.shape[-1] <= of.units[name].max():
        return line
    return line[..., of.units[name]]


def _budget(name: str, first: Witness, second: Witness, shared: Mapping[str, NDArray] | None) -> NDArray:
    own = part(first.bars[name], name, second) + second.bars[name]
    if shared is None or name not in shared:
        return own
    return np.fmin(own, shared[name])  # fmin: where a line is not finite its own bars stand


def detection_limit(first: Witness, second: Witness, shared: Mapping[str, NDArray] | None = None) -> float:
    """The median over all parameters of the smallest relative error that would have been flagged."""
    return median_limit(_limits(first, second, shared))


def largest_limit(first: Witness, second: Witness, shared: Mapping[str, NDArray] | None = None) -> float:
    """The largest of these errors; infinite where an entry could not be decided."""
    return largest_of(_limits(first, second, shared))


def _limits(first: Witness, second: Witness, shared: Mapping[str, NDArray] | None) -> NDArray:
    limits = [
        smallest_flagged(
            part(first.lines[name], name, second),
            line,
            _budget(name, first, second, shared),
            second.undecided.get(name),
        ).ravel()
        for name, line in second.lines.items()
        if kind_and_layer(name)[0] in ("dW", "db")
    ]
    return np.concatenate(limits)


def shared_rounding(problem: Problem, first: Witness, second: Witness) -> dict[str, NDArray]:
    """What rounding can explain in each line of two witnesses, given how far the earlier ones differ.

    `first` has all lines, `second` all or what it knows. Tighter than the sum of their bars, or no number.
    """
    tensors = lambda w: {name: torch.as_tensor(line, device=problem.device) for name, line in w.lines.items()}
    if second.known is None:
        return _arrays(shared_budgets(problem, tensors(first), tensors(second)))
    return _arrays(known_budgets(problem, tensors(first), second.known))


def _timed(problem: Problem, compute: Callable[[], Mapping]) -> tuple[Mapping, float]:
    start = time.perf_counter()
    result = compute()
    if problem.device.type == "cuda":
        torch.cuda.synchronize(problem.device)
    return result, time.perf_counter() - start


def _arrays(lines: Mapping) -> dict[str, NDArray]:
    return {name: line.detach().cpu().numpy() for name, line in lines.items()}
