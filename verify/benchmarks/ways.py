"""Right programs in every order and textbook form, against the budget: it has to hold for each of them.

A program is the manual working with one equation written in another way (`orders`), or one function in another of its
forms (`textbook`). What it gives is set against the manual working of float64, within the sum of both budgets; or
against the exact lines in balls, within the program's own budget alone, which is what a budget promises.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Generator, Tensor

from manual import Activation, Pair, Working, work
from manual.outputs import through_activation
from verify.benchmarks.measure import random_problem
from verify.benchmarks.orders import WAYS
from verify.benchmarks.textbook import ACTIVATION_FORMS, LOSSES, SOFTMAXES, forms_of
from verify.bounds.bounded import unit_roundoff
from verify.bounds.budget import FLOAT64, bounded_working, budgets, lines_of
from verify.problems.problem import Problem
from verify.problems.samples import CPU, seeded
from verify.witnesses.against import exact_witness


@dataclass(frozen=True)
class Written:
    """A right program: what of it is written in another way, how, and what it computes of a problem it can be asked."""

    line: str
    name: str
    concerns: Callable[[Problem], bool]
    run: Callable[[Problem], Working]
    range: Callable[[Problem, Mapping[str, Tensor]], float] = lambda p, lines: 0.0  # of what it takes exponentials


@dataclass
class Tally:
    """What the programs gave: entries compared and beyond their budget, and the largest share of a budget taken."""

    problems: int = 0
    entries: int = 0
    violations: int = 0
    undecided: int = 0  # entries whose budget is larger than the largest entry of their line / 1000
    not_finite: int = 0  # entries of programs that overflow somewhere, which nothing is compared of
    worst: dict[str, float] = field(default_factory=dict)  # line of a program -> share of the budget
    broken: list[str] = field(default_factory=list)


def programs() -> tuple[Written, ...]:
    """All of them: orders of every line, forms of every activation, of the softmax and of the losses."""
    return tuple(_ordered()) + tuple(_formed())


def _ordered() -> Iterator[Written]:
    for way in WAYS:
        run = lambda p, way=way: p.work(way.into())
        yield Written(way.line, way.name, lambda p: True, run)


def _formed() -> Iterator[Written]:
    for name in ACTIVATION_FORMS:
        for which, called, form in forms_of(name):
            line = f"{name} {'f' if which == 'f' else 'f′'}"
            concerns = lambda p, name=name: name in ((p.activation,) if p.L > 1 else ()) + (p.output,)
            run = lambda p, which=which, form=form, name=name: _with_activation(p, name, which, form)
            yield Written(line, called, concerns, run, lambda p, lines, name=name: _scores(p, lines, name))
    for called, y in SOFTMAXES.items():
        run = lambda p, y=y: _with_pair(p, replace(p.pair, y=y))
        yield Written("softmax", called, lambda p: p.output == "softmax", run, _exponent(called))
    for loss, held in LOSSES.items():
        for called, form in held.items():
            range = _exponent(called.rpartition(", ")[2])
            run = lambda p, form=form: _with_pair(p, replace(p.pair, error=lambda a, y, t: form(a, t)))
            yield Written(loss, called, lambda p, loss=loss: p.loss == loss, run, range)


def _scores(p: Problem, lines: Mapping[str, Tensor], name: str) -> float:
    """The largest |a| that the activation of that name is taken at."""
    used = [lines[f"a{l}"] for l in range(1, p.L + 1) if (p.output if l == p.L else p.activation) == name]
    return max(float(a.abs().max()) for a in used)


def _exponent(softmax: str) -> Callable[[Problem, Mapping[str, Tensor]], float]:
    """The largest exponent of a softmax that is not shifted by its row's maximum: beyond a limit it loses digits."""
    if softmax in ("e/Σe", "exp(a − ln Σe)"):
        return lambda p, lines: float(lines[f"a{p.L}"].abs().max())
    if softmax in ("less the batch's maximum", "less the row's mean"):
        return lambda p, lines: float(lines[f"a{p.L}"].max() - lines[f"a{p.L}"].min())
    return lambda p, lines: 0.0


def _with_pair(p: Problem, pair: Pair) -> Working:
    return work(p.W, p.b, p.x, p.t, p.f, pair, p.lam, penalty=p.form)


def _with_activation(p: Problem, name: str, which: str, form: Callable[..., Tensor]) -> Working:
    """Wherever the network has that activation, f or f′ in that form."""

    def changed(f: Activation) -> Activation:
        if f.name != name:
            return f
        held = lambda a: form(a, p.constants)
        return replace(f, f=held) if which == "f" else replace(f, derivative=held)

    pair = p.pair
    if pair.g is not None and pair.by_y is not None:
        g = changed(pair.g)
        pair = replace(pair, y=g.f, delta=through_activation(g, pair.by_y), g=g)
    elif pair.output == name and which == "f":
        pair = replace(pair, y=lambda a: form(a, p.constants))
    return work(p.W, p.b, p.x, p.t, changed(p.f), pair, p.lam, penalty=p.form)


def measure_ways(
    entries: int,
    *,
    seed: int = 0,
    scales: tuple[float, float],
    dtype: torch.dtype = torch.float64,
    most: int | None = None,
    exact: bool = False,
    progress: Callable[[int], None] = lambda entries: None,
) -> Tally:
    """Run programs on random problems until that many entries have been judged; `most` programs of each, or all.

    exact: by balls. Raises BadInput where python-flint is not installed.
    """
    generator, found, every = seeded(seed), Tally(), programs()
    while found.entries < entries:
        problem = drawn(generator, scales, found.problems).to(dtype=dtype)
        judge(found, problem, _some(generator, [w for w in every if w.concerns(problem)], most), exact=exact)
        progress(found.entries)
    return found


def _some(generator: Generator, every: list[Written], most: int | None) -> list[Written]:
    if most is None:
        return every
    order = torch.randperm(len(every), generator=generator, device=CPU)[:most]
    return [every[k] for k in order.tolist()]


def drawn(generator: Generator, scales: tuple[float, float], number: int) -> Problem:
    """In turn: entries of one size; of sizes that differ as much as the scales allow; many samples or inputs."""
    p = replace(random_problem(generator, scales), penalty="lam/2")  # whose equations the ways are written in
    if number % 3 == 0:
        return p
    if number % 3 == 1:
        return replace(p, W=tuple(_spread(generator, w) for w in p.W), b=tuple(_spread(generator, v) for v in p.b))
    return _long(generator, p, 10 ** (1 + number // 3 % 3))


def _spread(generator: Generator, v: Tensor) -> Tensor:
    return v * 10 ** (6 * torch.rand(v.shape, generator=generator, dtype=v.dtype, device=CPU) - 4)


def _long(generator: Generator, p: Problem, count: int) -> Problem:
    """Few units, and that many samples or inputs."""
    pick = torch.randint(count, (count,), generator=generator, device=CPU)
    if count % 20 and p.N:  # ten samples or a thousand of them
        rows = pick % p.N
        noise = torch.randn(count, p.x.shape[1], generator=generator, dtype=p.x.dtype, device=CPU)
        return replace(p, x=p.x[rows] + 0.1 * noise, t=p.t[rows])
    columns = pick % p.x.shape[1]
    return replace(p, x=p.x[:, columns], W=(p.W[0][columns] / count**0.5, *p.W[1:]))


# Beyond it an exponential is no normal number, or its sum none.
_LARGEST = {torch.float64: 700.0, torch.float32: 80.0}


def judge(found: Tally, problem: Problem, written: list[Written], *, exact: bool = False) -> None:
    """Set what those programs give of a problem against the manual working or balls, within the budgets."""
    truth, allowed = _enclosed(problem) if exact else (lines_of(_exact(problem)), _allowed(problem))
    found.problems += 1
    for program in (w for w in written if w.range(problem, truth) <= _LARGEST[problem.dtype]):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # numpy's overflows, where a form has them
            lines = lines_of(program.run(problem))
        if not all(bool(torch.isfinite(line).all()) for line in lines.values()):
            found.not_finite += sum(line.numel() for line in lines.values())
            continue
        for name, line in lines.items():
            _add(found, problem, program, name, (line.double(), truth[name], allowed[name]))


def _exact(p: Problem) -> Working:
    q = p.to(dtype=torch.float64)
    return q.work()


def _allowed(p: Problem) -> Mapping[str, Tensor]:
    own, ours = budgets(p, unit_roundoff(p.dtype)), lines_of(bounded_working(p.to(dtype=torch.float64), FLOAT64))
    return {name: bound + ours[name].error for name, bound in own.items()}


def _enclosed(p: Problem) -> tuple[Mapping[str, Tensor], Mapping[str, Tensor]]:
    """The exact lines, each with the budget of a program on one side and the ball's own size."""
    witness, _ = exact_witness(p.to(dtype=torch.float64), seconds=1e9)
    own = budgets(p, unit_roundoff(p.dtype))
    as_tensor = lambda v: torch.as_tensor(v, device=p.device)
    truth = {name: as_tensor(line) for name, line in witness.lines.items()}
    return truth, {name: own[name] + as_tensor(bar) for name, bar in witness.bars.items()}


def _add(found: Tally, p: Problem, program: Written, name: str, held: tuple[Tensor, Tensor, Tensor]) -> None:
    line, truth, allowed = held
    error = (line - truth).abs()
    found.entries += line.numel()
    found.undecided += int((allowed > 1e-3 * truth.abs().max()).sum())
    share = float(torch.where(error > 0, error / allowed, error).max())
    where = f"{program.line}: {program.name}"
    found.worst[where] = max(found.worst.get(where, 0.0), share)
    beyond = int((error > allowed).sum())
    found.violations += beyond
    if beyond and len(found.broken) < 20:
        found.broken.append(f"{where}; {p.label}, N = {p.N}: {beyond} of {name} beyond, {share:.3g} budgets")
