"""One wide problem, asked of right programs where `forward_only = "wrong"`, in a time that only backward passes meet.

Differences, complex steps and dual numbers give right numbers by one forward pass per parameter. Here are a million
parameters and few samples. What a program may take is `FACTOR` times the processor time of a backward pass by plain
Python loops over single entries, measured in the same kind of sandbox; it has a run of its own for it. Processor time
is no neighbour's to take; the clock ends only what sleeps.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import msgspec
import numpy as np
import torch
from torch import Tensor

from verify.bounds.budget import FLOAT32, FLOAT64
from verify.bounds.forms import Textbook, explained
from verify.grading.answers import Answer
from verify.grading.assignment import Assignment
from verify.grading.record import GradeRecord, said_record
from verify.grading.sentence import Said, said
from verify.isolation import Calls, IsolationError, Limits, Run, Sandbox
from verify.isolation import run as run_isolated
from verify.lessons.network.cases import drawing
from verify.lessons.network.cases.drawing import Shape, outputs_of, penalty, within
from verify.lessons.network.cases.fixtures import Case
from verify.lessons.network.right import line_is_right, wanted
from verify.problems.problem import Problem
from verify.submissions.submission import Submission

PARAMETERS = 1_000_000
FACTOR = 20
# A torch program takes some microseconds per entry where it loops over them, and starts for seconds.
LEAST_SECONDS = {"numpy": 20.0, "torch": 60.0}
_CLOCK = 4  # times the bound: an honest program needs a twentieth of the bound, so others may slow it down 80 times
_MOST_CLOCK = 600.0
_LEAST_MEMORY_MIB = 1024
_FROM_KINK = 0.01
_MOST_OF_IT = 0.9

_LOOPS = """
def gradients(W, b, x, t, activation, lam):
    z = [[[float(v) for v in row] for row in x]]
    for w, bias in zip(W, b):
        z.append([])
        for row in z[-2]:
            out = []
            for k in range(w.shape[1]):
                s = bias[k]
                for i in range(w.shape[0]):
                    s = s + row[i] * w[i, k]
                out.append(s / (1 + abs(s)))
            z[-1].append(out)
    delta = [[y - float(v) for y, v in zip(ys, ts)] for ys, ts in zip(z[-1], t)]
    for l in range(len(W) - 1, -1, -1):
        w, dW = W[l], W[l] * lam
        for row, d in zip(z[l], delta):
            for i in range(w.shape[0]):
                for k in range(w.shape[1]):
                    dW[i, k] = dW[i, k] + row[i] * d[k]
        if l:
            delta = [[sum(w[i, k] * d[k] for k in range(w.shape[1])) for i in range(w.shape[0])] for d in delta]
    return W, b
"""


@dataclass(frozen=True)
class Wide:
    """The wide problem of an assignment, the same for a whole class, with its right answers."""

    case: Case
    assignment: Assignment
    calls: Calls
    loops: Calls

    @property
    def parameters(self) -> int:
        """Weights and biases."""
        p = self.case.problem
        return sum(v.numel() for v in (*p.W, *(p.b if self.assignment.biases else ())))

    def bound(self, sandbox: Sandbox) -> float:
        """Seconds of processor time: `FACTOR` times that of plain loops in such a sandbox, and not below the least."""
        if sandbox.mode not in self._bounds:
            ran = self._run(Submission("loops.py", _LOOPS, "loops.py"), self.loops, 600.0, sandbox, "numpy")
            if ran.state != "ok":
                raise IsolationError(f"the plain loops that bound forward-only programs: {ran.message or ran.state}")
            self._bounds[sandbox.mode] = max(LEAST_SECONDS[self.assignment.backend], FACTOR * ran.cpu)
        return self._bounds[sandbox.mode]

    @cached_property
    def _bounds(self) -> dict[str, float]:
        return {}

    def run(self, submission: Submission, bound: float, sandbox: Sandbox, device: str) -> Run:
        """The submission's run on the wide problem alone, in a sandbox of its own."""
        return self._run(submission, self.calls, bound, sandbox, self.assignment.offer, device)

    def _run(
        self, submission: Submission, calls: Calls, bound: float, sandbox: Sandbox, backend: str, device: str = "cpu"
    ) -> Run:
        clock = max(bound, min(_MOST_CLOCK, _CLOCK * bound))
        memory = max(_LEAST_MEMORY_MIB, self.assignment.memory_mib)
        limits = Limits(time_limit=clock, cpu_limit=bound, memory_mib=memory)
        return run_isolated(submission, calls, limits=limits, backend=backend, device=device, sandbox=sandbox)


# The problem ---------------------------------------------------------------------------------------------------------


def wide_case(assignment: Assignment, seed: int) -> Case:
    """At least `PARAMETERS` weights, as few samples as allowed, depth and outputs of the assignment; role "wide"."""
    rng = np.random.default_rng([seed, PARAMETERS])
    depth, K = within(2, assignment.layers), within(4, outputs_of(assignment))
    side = math.ceil(PARAMETERS / K) if depth == 1 else math.ceil(math.sqrt(PARAMETERS / (depth - 1)))
    units = (*[side] * depth, K)
    shape = Shape(within(1, assignment.batch), units, assignment.activations[0], penalty(assignment, 0.5))
    return Case(_single(_off_kinks(drawing.loose(assignment, shape, rng, "wide"))), "wide")


def _off_kinks(p: Problem) -> Problem:
    """The same problem with weights moved so far that no hidden pre-activation is near 0."""
    W, z = list(p.W), p.x
    for l in range(p.L - 1):
        a = z @ W[l] + p.b[l]
        aside = torch.where(a.abs() < _FROM_KINK, torch.where(a < 0, -1.0, 1.0) * 5 * _FROM_KINK - a, 0.0 * a)
        W[l] = W[l] + torch.linalg.pinv(z) @ aside
        z = p.f.f(z @ W[l] + p.b[l])
    return replace(p, W=tuple(W))


def _single(p: Problem) -> Problem:
    """The same problem in numbers that float32 has, too: a program that rounds its arguments loses nothing by it."""
    near = lambda v: v.float().double()
    return replace(p, W=tuple(map(near, p.W)), b=tuple(map(near, p.b)), x=near(p.x), t=near(p.t))


# Judging -------------------------------------------------------------------------------------------------------------


def judge(record: GradeRecord, wide: Wide, run: Run, answer: Answer, bound: float) -> None:
    """Puts what came of the wide run into the record of a submission that is right otherwise."""
    record.timings |= {"wide_cpu": run.cpu, "wide_bound": bound}
    fault = _fault(record, wide, run, answer)
    if run.state == "timeout" and run.cpu < _MOST_OF_IT * bound:
        record.timings["wide_starved"] = 1.0
    if fault is None:
        return
    record.state = "wrong"
    record.lines = [
        msgspec.structs.replace(line, state="blocked", points=0.0, reason=fault.text, reason_said=said_record(fault))
        if line.function == "gradients"
        else line
        for line in record.lines
    ]
    record.score = round(sum(line.points for line in record.lines), 6)
    record.message, record.message_said = fault.text, [said_record(fault)]


def _fault(record: GradeRecord, wide: Wide, run: Run, answer: Answer) -> Said | None:
    if run.state == "timeout":
        return said("forward-only", parameters=wide.parameters, factor=FACTOR)
    if run.state != "ok" or not answer.returned:
        what = run.told or answer.failed or said("ended", state=run.state)
        return said("wide-fails", parameters=wide.parameters, what=what)
    if any(line.function == "gradients" and line.state != "right" for line in record.lines):
        return None  # its numbers are off in a way that costs nothing, here as well
    off = wrong_lines(wide.case, answer, wide.assignment)
    return said("wide-wrong", parameters=wide.parameters, line=off[0]) if off else None


def wrong_lines(case: Case, answer: Answer, assignment: Assignment) -> list[str]:
    """The gradients that are wrong on the wide problem; rounding in float32 is allowed to float32 numbers alone."""
    names = wanted(case, assignment.biases)
    single = assignment.precision == "float32" and any(_is_single(answer.lines.get(n)) for n in names)
    off = [n for n in names if n not in answer.lines or not line_is_right(case, n, answer.lines[n], float32=single)]
    return off if off and not _by_form(case, answer, off, single=single) else []


def _is_single(value: Tensor | None) -> bool:
    return value is not None and bool(value.any()) and bool((value.float().double() == value).all())


def _by_form(case: Case, answer: Answer, off: Sequence[str], *, single: bool) -> bool:
    """Whether a textbook form's own rounding explains those lines."""
    if any(n not in answer.lines or answer.lines[n].shape != case.truth[n].shape for n in off):
        return False
    own = {n: case.allowed(n, float32=single) for n in case.truth}
    textbook = Textbook(case.problem, case.truth, own, FLOAT32 if single else FLOAT64)
    return explained([(textbook, {n: answer.lines[n] for n in off})]) is not None
