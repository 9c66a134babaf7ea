"""The main job: the slides' network on real images, all witnesses against the manual one line by line, then a sweep."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from verify.bounds.comparison import Comparison, Verdict
from verify.errors import BadInput
from verify.problems import samples
from verify.problems.data import CLASSES, read_batch
from verify.problems.job import Job
from verify.problems.lines import equation, kind_and_layer, place, symbol
from verify.problems.problem import Problem
from verify.witnesses import complex_step
from verify.witnesses.against import (
    Witness,
    autograd_witness,
    complex_step_witness,
    detection_limit,
    differences_witness,
    exact_witness,
    largest_limit,
    manual_witness,
    needs_flint,
    set_against,
    shared_rounding,
)
from verify.witnesses.record import (
    CellPart,
    CompareRecord,
    ExactPart,
    FailurePart,
    LinePart,
    OffPart,
    PlacePart,
    ProblemPart,
    SweepPart,
    WitnessPart,
    number,
)
from verify.witnesses.step_sizes import step_sizes

if TYPE_CHECKING:  # python-flint need not be installed
    from verify.witnesses.balls import Balls

Progress = Callable[[str, int, int], None]  # what is done, how far, of how much


@dataclass(frozen=True)
class Check:
    """A witness that the manual one is set against, and where it has nothing to say."""

    witness: Callable[[Problem], Witness]
    unavailable: Callable[[Problem], str | None] = lambda problem: None


CHECKS: tuple[Check, ...] = (
    Check(autograd_witness),
    Check(differences_witness),
    Check(complex_step_witness, complex_step.unavailable),
)


@dataclass
class Outcome:
    """One problem judged by all witnesses."""

    problem: Problem
    witnesses: list[Witness] = field(default_factory=list)
    comparisons: list[Comparison] = field(default_factory=list)
    limits: dict[str, float] = field(default_factory=dict)
    largest: dict[str, float] = field(default_factory=dict)
    exact: ExactPart | None = None

    @property
    def disagreements(self) -> list[Comparison]:
        return [c for c in self.comparisons if c.verdict not in (Verdict.AGREE, Verdict.INCONCLUSIVE)]

    @property
    def undecided_lines(self) -> list[Comparison]:
        """Lines of which not one entry was decided: nothing was shown of them, and that is no agreement."""
        return [c for c in self.comparisons if c.verdict is Verdict.INCONCLUSIVE and c.inconclusive == c.entries]

    @property
    def off(self) -> int:
        """Entries at which a witness is further from the exact line than it can explain."""
        return sum(line.off for line in self.exact.lines) if self.exact else 0

    @property
    def inconclusive(self) -> int:
        """Parameters that some witness leaves undecided, each witness's by itself."""
        return sum(self.undecided_by(w.name) for w in self.witnesses)

    def undecided_by(self, name: str) -> int:
        """Parameters that this witness leaves undecided."""
        of_it = [c for c in self.comparisons if c.pair[1] == name and kind_and_layer(c.line)[0] in ("dW", "db")]
        return sum(c.inconclusive for c in of_it)


def judge(problem: Problem, *, exact: bool = False) -> Outcome:
    """Every witness that can speak on the problem, set against the manual one; if asked for, the exact one against all.

    Raises BadInput where the exact one is asked for and python-flint is not there.
    """
    if exact:
        needs_flint()
    manual = manual_witness(problem)
    outcome = Outcome(problem, [manual])
    for check in CHECKS:
        if check.unavailable(problem) is not None:
            continue
        _compare(outcome, manual, check.witness(problem))
    if exact:
        others = list(outcome.witnesses)
        enclosed, balls = exact_witness(problem)
        _compare(outcome, manual, enclosed)
        outcome.exact = _exact_part(problem, others, enclosed, balls)
    return outcome


def _compare(outcome: Outcome, manual: Witness, other: Witness) -> None:
    shared = shared_rounding(outcome.problem, manual, other)
    outcome.witnesses.append(other)
    outcome.comparisons += set_against(manual, other, shared)
    pair = f"{manual.name}/{other.name}"
    outcome.limits[pair] = detection_limit(manual, other, shared)
    outcome.largest[pair] = largest_limit(manual, other, shared)


def _exact_part(problem: Problem, others: list[Witness], enclosed: Witness, balls: Balls) -> ExactPart:
    from verify.witnesses.offsets import offsets

    parts = tuple(
        OffPart(
            o.line, o.witness, o.entries, o.of, number(o.median_ulp), number(o.worst_ulp), number(o.share), o.index,
            (number(o.values[0]), number(o.values[1])), o.off,
        )
        for o in offsets(problem, others, enclosed, balls)
    )  # fmt: skip
    lines = balls.lines
    return ExactPart(
        seconds=enclosed.seconds,
        bits=balls.bits,
        parameters=sum(v.value.size for name, v in lines.items() if kind_and_layer(name)[0] in ("dW", "db")),
        hulls=sum(int(v.hull.sum()) for v in lines.values()),
        open=sum(int(v.open.sum()) for v in lines.values()),
        lines=parts,
    )


def main_problem(job: Job) -> Problem:
    """The job's network on real images: weights N(0, 1/√in), biases N(0, 0.1), so that no pre-activation is 0 by rule.

    Raises BadInput where the layers do not fit the data, the data cannot be read, or the device is not there.
    """
    job.check()
    device = available_device(job.device)
    batch = read_batch(job.data, job.batch, seed=job.seed)
    _check_ends(job, batch.images.shape[1])
    generator = samples.seeded(job.seed)
    W, b = samples.weights(generator, job.layers), samples.biases(generator, job.layers)
    t = torch.nn.functional.one_hot(batch.labels, CLASSES).to(torch.float64)
    problem = Problem(
        W, b, batch.images, t, job.activation, job.output, job.loss, job.lam, label=batch.name, penalty=job.penalty
    )
    return problem.to(dtype=getattr(torch, job.dtype), device=device)


def _check_ends(job: Job, inputs: int) -> None:
    shown = ",".join(map(str, job.layers))
    for where, units, allowed, why in (
        ("begin", job.layers[0], inputs, f"the pixels of an image of {job.data}"),
        ("end", job.layers[-1], CLASSES, "its classes"),
    ):
        if units != allowed:
            raise BadInput(f"layers {shown!r} {where} with {units}: allowed is {allowed}, {why}")


def available_device(name: str) -> torch.device:
    """The device of that name. Raises BadInput, with torch's own reason, where it is not there."""
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).strip().splitlines()[0]
        raise BadInput(f"device {name!r}: {reason}; allowed here is cpu") from error
    # float32 is judged with float32's roundoff: products with 10 bits would not be within it.
    torch.backends.cuda.matmul.allow_tf32 = False
    return device


def run(job: Job, progress: Progress = lambda stage, done, total: None) -> CompareRecord:
    """The main job and its sweep. Raises BadInput before anything is computed."""
    problem = main_problem(job)
    progress("main", 0, 1)
    outcome = judge(problem, exact=job.exact)
    progress("main", 1, 1)
    part = _swept(job, _tracked(samples.sweep(job.sweep, job.seed), job.sweep, progress))
    return CompareRecord(
        agree=not (outcome.disagreements or outcome.undecided_lines or outcome.off or part.failures),
        problem=_problem_part(job, problem),
        witnesses=tuple(_witness_part(w, outcome) for w in outcome.witnesses),
        lines=tuple(_line_part(c, problem) for c in outcome.comparisons),
        sweep=part,
        detection_limit={pair: number(limit) for pair, limit in outcome.limits.items()},
        versions={"python": platform.python_version(), "torch": str(torch.__version__)},
        largest_limit={pair: number(limit) for pair, limit in outcome.largest.items()},
        exact=outcome.exact,
        steps=step_sizes(problem, torch.as_tensor(outcome.witnesses[0].lines["dW1"], device=problem.device)),
    )


def _tracked(problems: Iterable[Problem], total: int, progress: Progress) -> Iterable[Problem]:
    for done, problem in enumerate(problems):
        progress("sweep", done, total)
        yield problem
    progress("sweep", total, total)


def _swept(job: Job, problems: Iterable[Problem]) -> SweepPart:
    start = time.perf_counter()
    device, dtype = torch.device(job.device), getattr(torch, job.dtype)
    outcomes = [judge(problem.to(dtype=dtype, device=device)) for problem in problems]
    judged = [o.problem for o in outcomes]
    undecided = [o for o in outcomes if o.undecided_lines and not o.disagreements]
    failed = [o for o in outcomes if o.disagreements]
    return SweepPart(
        problems=len(outcomes),
        disagreements=len(failed),
        inconclusive=sum(o.inconclusive for o in outcomes),
        parameters=sum(p.parameters for p in judged),
        activations=len({p.activation for p in judged}),
        losses=len({p.loss for p in judged}),
        lambdas=tuple(sorted({p.lam for p in judged})),
        shapes=tuple(dict.fromkeys(f"{p.layers}, N = {p.N}" for p in judged)),
        seconds=time.perf_counter() - start,
        failures=tuple(map(_failure, [*failed, *undecided])),
        undecided=len(undecided),
        cells=tuple(map(_cell, outcomes)),
    )


def _cell(outcome: Outcome) -> CellPart:
    p = outcome.problem
    said = "disagree" if outcome.disagreements else "inconclusive" if outcome.undecided_lines else "agree"
    ratios = [c.ratio for c in outcome.comparisons if c.ratio == c.ratio]
    return CellPart(p.activation, p.loss, p.lam, f"{p.layers}, N = {p.N}", said, number(max(ratios, default=0.0)))


def _failure(outcome: Outcome) -> FailurePart:
    first = (outcome.disagreements or outcome.undecided_lines)[0]
    return FailurePart(outcome.problem.label, first.line, first.pair, first.verdict.value)


def _problem_part(job: Job, problem: Problem) -> ProblemPart:
    return ProblemPart(
        data=job.data,
        layers=problem.layers,
        batch=problem.N,
        activation=problem.activation,
        output=problem.output,
        loss=problem.loss,
        lam=problem.lam,
        penalty=problem.penalty,
        dtype=job.dtype,
        device=str(problem.device),
        seed=job.seed,
        parameters=problem.parameters,
    )


def _witness_part(witness: Witness, outcome: Outcome) -> WitnessPart:
    if not witness.undecided:
        return WitnessPart(witness.name, witness.seconds)
    left = outcome.undecided_by(witness.name)
    return WitnessPart(witness.name, witness.seconds, outcome.problem.parameters, left)


def _line_part(c: Comparison, problem: Problem) -> LinePart:
    where = place(c.line)
    return LinePart(
        name=c.line,
        pair=c.pair,
        verdict=c.verdict.value,
        worst_error=number(c.error),
        budget=number(c.budget),
        ratio=number(c.ratio),
        index=c.index,
        values=(number(c.values[0]), number(c.values[1])),
        entries=c.entries,
        wrong=c.wrong,
        inconclusive=c.inconclusive,
        symbol=symbol(c.line),
        equation=equation(c.line, problem.L, problem.output, problem.loss, penalty=problem.penalty),
        place=PlacePart(where.deck, where.heading),
        detail=c.detail,
        histogram=c.histogram,
        limit=number(c.limit),
        largest_limit=number(c.largest_limit),
    )
