"""Runs what is not trusted: a submission in a process of its own, that gets problems and gives back arrays."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
from collections.abc import Sequence

import numpy as np

from verify.errors import BadInput
from verify.isolation.packages import backend_of, packages_for
from verify.isolation.protocol import (
    Call,
    Calls,
    Failed,
    IsolationError,
    Job,
    Limits,
    Outcome,
    Reply,
    Run,
    Transcript,
    Unusable,
)
from verify.isolation.sandbox import MODES, Sandbox, candidates, notes, shuts_files, user_for
from verify.isolation.supervision import Watch, conclude
from verify.submissions.submission import Submission

__all__ = [
    "MODES",
    "Call",
    "Calls",
    "Failed",
    "IsolationError",
    "Limits",
    "Outcome",
    "Reply",
    "Run",
    "Sandbox",
    "Unusable",
    "choose",
    "run",
]

# An answer has a few arrays of the size of its arguments; beyond this many times them it is none.
_ANSWER_FACTOR = 8
_LEAST_ANSWER_BYTES = 16 << 20
_LEAST_TOTAL_BYTES = 64 << 20


def run(
    submission: Submission,
    calls: Sequence[Call],
    *,
    limits: Limits | None = None,
    backend: str = "numpy",
    device: str = "cpu",
    sandbox: Sandbox,
) -> Run:
    """Imports a submission once in a worker of its own and makes the calls in order.

    backend: numpy or torch, and behind + more packages, as packages_for takes them. Give `Calls` where more than one
    submission gets the same: they are then encoded once. Whatever the submission does, a Run comes back, with a reply
    for every call. Raises IsolationError where the sandbox itself fails.
    """
    limits = limits or Limits()
    calls = calls if isinstance(calls, Calls) else Calls(calls)
    descriptor = calls.descriptor()
    answer = max(_LEAST_ANSWER_BYTES, _ANSWER_FACTOR * calls.largest)
    total = max(_LEAST_TOTAL_BYTES, _ANSWER_FACTOR * os.fstat(descriptor).st_size)
    refused = packages_for(backend).refused
    job = Job(submission, limits, backend, device, refused, answer, user_for(sandbox))
    transcript = Transcript(job.token, len(calls), answer, total)
    with _pipe() as replies, _pipe() as output:
        worker = sandbox.start(job, descriptor, replies.write, output.write)
        try:
            # Only the worker may hold the writing ends, or their end would never be seen.
            replies.close_writing()
            output.close_writing()
            watch = Watch(replies.read, output.read, transcript, limits, autograd_ends=backend_of(backend) == "torch")
            cause = watch.listen(worker)
        finally:
            end = worker.stop()
    return conclude(submission, calls, watch, cause, end, sandbox.mode)


class _Pipe:
    """Two ends, each closed once."""

    def __init__(self) -> None:
        self.read, self.write = os.pipe()

    def close_writing(self) -> None:
        if self.write >= 0:
            os.close(self.write)
            self.write = -1

    def close(self) -> None:
        self.close_writing()
        os.close(self.read)


def _pipe() -> contextlib.closing[_Pipe]:
    return contextlib.closing(_Pipe())


def choose(sandbox: str = "auto") -> Sandbox:
    """A sandbox that has just been seen to work here.

    sandbox: one of MODES, or "auto" for the first of them that works. Raises BadInput with the reason where the one
    that was asked for does not.
    """
    modes = {"auto": MODES} | {mode: (mode,) for mode in MODES}
    if sandbox not in modes:
        raise BadInput(f"--sandbox {sandbox}: unknown; known are {', '.join(modes)}")
    reasons = []
    for mode in modes[sandbox]:
        works, reason = _tried(mode)
        if works is not None:
            return works
        reasons.append(reason)
    raise BadInput(f"--sandbox {sandbox}: does not work here: {'; '.join(reasons)}")


@functools.cache
def _tried(mode: str) -> tuple[Sandbox | None, str]:
    """The first sandbox of a mode that runs a small program, or why none does."""
    reasons = []
    for candidate in candidates(mode):
        try:
            problem = _problem(candidate)
        except IsolationError as error:
            problem = str(error)
        if not problem:
            return dataclasses.replace(candidate, notes=notes(candidate), shuts_files=shuts_files(candidate)), ""
        reasons.append(problem)
    return None, "; ".join(dict.fromkeys(reasons))


_PROBE = """
import numpy as np
def probe(x):
    return x + np.linalg.norm(x)
"""


def _problem(sandbox: Sandbox) -> str:
    probe = Submission("probe.py", _PROBE, "probe.py")
    result = run(probe, [Call("probe", (np.array([3.0, 4.0]),))], limits=Limits(time_limit=30.0), sandbox=sandbox)
    value = result.replies[0].value
    if result.state == "ok" and type(value) is np.ndarray and value.tolist() == [8.0, 9.0]:
        return ""
    return result.message or result.replies[0].message or result.output or "a small program gives wrong numbers"
