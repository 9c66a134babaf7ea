"""Training: epoch by epoch, kept on disk, checked on the way, stopped where it diverges."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import Tensor

from manual import initialisation
from verify.bounds.budget import budgets
from verify.errors import BadInput
from verify.problems.data import CLASSES, read_dataset
from verify.problems.problem import Problem
from verify.problems.train_job import TrainJob
from verify.reports.train_record import Epoch, Final, TrainRecord
from verify.witnesses.against import autograd_witness
from verify.witnesses.learners import Learner, learner

_SCHEMA = 1  # of the file that holds a state


@dataclass(frozen=True)
class Samples:
    """A part of the data on the job's device: x (n, D), t (n, K) one-hot, labels (n,)."""

    x: Tensor
    t: Tensor
    labels: Tensor


def samples(job: TrainJob, *, train: bool) -> Samples:
    """The images of one part, in the job's dtype on its device. BadInput where they do not fit the layers."""
    found = read_dataset(job.data, train=train)
    ends = (found.images.shape[1], CLASSES)
    if (job.layers[0], job.layers[-1]) != ends:
        raise BadInput(
            f"layers {','.join(map(str, job.layers))}: the images of {found.name} have {ends[0]} pixels and {ends[1]} "
            f"classes; allowed are layers that begin with {ends[0]} and end with {ends[1]}"
        )
    dtype, labels = getattr(torch, job.dtype), found.labels.to(job.device)
    one_hot = torch.eye(CLASSES, dtype=dtype, device=job.device)[labels]
    return Samples(found.images.to(device=job.device, dtype=dtype), one_hot, labels)


def first_weights(job: TrainJob) -> tuple[list[Tensor], list[Tensor]]:
    """The weights that the job begins with, drawn on the CPU: the same on every device."""
    rng = torch.Generator(device="cpu").manual_seed(job.seed)
    how = job.initialisation
    W, b = (
        initialisation.deck_weights(job.layers, rng) if how == "deck" else initialisation.weights(job.layers, how, rng)
    )
    to: Callable[[Tensor], Tensor] = lambda v: v.to(device=job.device, dtype=getattr(torch, job.dtype))
    return [to(w) for w in W], [to(v) for v in b]


def order_of(job: TrainJob, epoch: int, n: int) -> Tensor:
    """The order of the samples in an epoch: by seed and epoch alone, so that a resumed run takes the same."""
    if job.optimiser == "gd":
        return torch.arange(n, device=job.device)
    rng = torch.Generator(device="cpu").manual_seed((job.seed * 1_000_003 + epoch) % 2**63)
    return torch.randperm(n, generator=rng, device="cpu").to(job.device)


class Stopped(Exception):
    """Training that cannot go on: what happened, where, and what was kept."""


@dataclass
class Training:
    """A run: the job, its data, the network, the history so far, and the file that it is kept in, if any."""

    job: TrainJob
    part: Samples
    test: Samples
    net: Learner
    state: Path | None
    history: list[Epoch]

    @property
    def done(self) -> int:
        """Epochs that are behind."""
        return len(self.history)

    def run(self, told: Callable[[Epoch], None]) -> None:
        """All epochs that are left; `told` of each. Raises Stopped where it diverges or a gradient is wrong."""
        while self.done < self.job.epochs:
            told(self.epoch())

    def record(self, stopped: str = "") -> TrainRecord:
        """The history so far, and its end. stopped: why the run ended early."""
        last = self.history[-1] if self.history else self._measured(0, 0.0)
        seconds = sum(e.seconds for e in self.history)
        return TrainRecord(
            job=msgspec.to_builtins(self.job), history=self.history,
            final=Final(last.epoch, last.loss, last.train_accuracy, last.test_accuracy, seconds),
            torch=str(torch.__version__), stopped=stopped,
        )  # fmt: skip

    def epoch(self) -> Epoch:
        """The next epoch. Raises Stopped."""
        epoch = self.done + 1
        before = self.net.state()
        start = time.perf_counter()
        for step, rows in enumerate(self._steps(epoch)):
            if self.job.check_every and (self._before(epoch) + step) % self.job.check_every == 0:
                self._check(rows, epoch, step + 1)
        if self.job.device == "cuda":
            torch.cuda.synchronize()
        found = self._measured(epoch, time.perf_counter() - start)
        if not _finite(found.loss):
            raise self._diverged(before, epoch)
        self.history.append(found)
        if self.state is not None:
            keep(self.state, self)
        return found

    def _steps(self, epoch: int) -> Iterator[Tensor]:
        order = order_of(self.job, epoch, len(self.part.x))
        return self.net.steps(self.part.x, self.part.t, order, self.job.eta(epoch))

    def _before(self, epoch: int) -> int:
        """Steps before an epoch."""
        n = len(self.part.x)
        return (epoch - 1) * -(-n // (self.job.batch or n))

    def _measured(self, epoch: int, seconds: float) -> Epoch:
        accuracy = lambda of: self.net.right(of.x, of.labels) / len(of.x)
        return Epoch(epoch, self.net.error(self.part.x, self.part.t), accuracy(self.part), accuracy(self.test), seconds)

    # What stops it ---------------------------------------------------------------------------------------------------

    def _diverged(self, before: dict[str, Any], epoch: int) -> Stopped:
        """The epoch once more from where it began, looked at step by step: where the first number is lost."""
        self.net.load(before)
        where = "after its last step"
        for step, _ in enumerate(self._steps(epoch), 1):
            lost = [name for name, g in self.net.gradients().items() if not bool(torch.isfinite(g).all())]
            if lost:
                highest = max(lost, key=lambda name: int(name[2:]))  # the backward pass comes by there first
                where = f"at step {step}, where {highest} is no longer finite"
                break
        self.net.load(before)
        kept = f"; the state after epoch {epoch - 1} is kept in {self.state}" if self.state else ""
        return Stopped(
            f"the training diverged in epoch {epoch}, {where} (η = {self.job.eta(epoch):g}); "
            f"a smaller --lr is the usual remedy{kept}"
        )

    def _check(self, rows: Tensor, epoch: int, step: int) -> None:
        """The batch's gradients beside autograd's, every entry within the budget of both."""
        if not all(bool(torch.isfinite(g).all()) for g in self.net.gradients().values()):
            return  # it diverged: the end of the epoch says where
        W, b = self.net.weights()
        p = Problem(
            tuple(W), tuple(b), self.part.x[rows], self.part.t[rows], self.job.activation, self.job.output,
            self.job.loss, self.job.lam,
        )  # fmt: skip
        allowed, reference = budgets(p), autograd_witness(p).lines
        for name, mine in self.net.gradients().items():
            apart = (mine.double() - torch.as_tensor(reference[name], device=mine.device).double()).abs()
            if not bool((apart <= 2 * allowed[name]).all()):
                worst = int((apart / (2 * allowed[name])).argmax())
                off, explained = float(apart.view(-1)[worst]), 2 * float(allowed[name].view(-1)[worst])
                raise Stopped(
                    f"{name} disagrees with autograd in epoch {epoch}, step {step}: entry {worst} is off by {off:.2g}, "
                    f"and rounding explains {explained:.2g}{self._kept_for_a_look(epoch, step)}"
                )

    def _kept_for_a_look(self, epoch: int, step: int) -> str:
        if self.state is None:
            return ""
        path = self.state.with_name(f"{self.state.name}.epoch{epoch}.step{step}")
        keep(path, self)
        return f"; the state at that step is kept in {path}"


def _finite(value: float) -> bool:
    return value == value and abs(value) != float("inf")


# The file ------------------------------------------------------------------------------------------------------------


def keep(path: Path, training: Training) -> None:
    """Write the state whole or not at all: to a file beside it first, on the disk, then under its name."""
    beside = path.with_name(path.name + ".part")
    content = {
        "schema": _SCHEMA, "job": msgspec.to_builtins(training.job), "net": training.net.state(),
        "history": msgspec.to_builtins(training.history),
    }  # fmt: skip
    try:
        with beside.open("wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise BadInput(f"--state {path}: cannot be written ({error.strerror})") from error


def begin(job: TrainJob, state: Path | None, *, resume: bool) -> Training:
    """A training from its first weights, or from the state that a file holds.

    Raises BadInput for a file that is no state of this very job; `epochs` may be more than before.
    """
    if state is not None and state.exists() and not state.is_file():
        raise BadInput(f"--state {state}: is no file that can be replaced; allowed is a file, or a name for a new one")
    part, test = samples(job, train=True), samples(job, train=False)
    training = Training(job, part, test, learner(job, *first_weights(job)), state, [])
    if resume:
        _load(training)
    return training


def _load(training: Training) -> None:
    path, job = training.state, training.job
    if path is None or not path.is_file():
        raise BadInput(f"--resume: there is no file {path}; allowed is the --state of a training that was begun")
    try:
        content = torch.load(path, map_location=job.device, weights_only=True)
        kept = msgspec.convert(content["job"], TrainJob)
        history = msgspec.convert(content["history"], list[Epoch])
    except Exception as error:  # whatever a file that is no state holds
        reason = " ".join(str(error).split())[:200]
        raise BadInput(f"--state {path}: holds no training ({reason}); allowed is what --state wrote") from error
    if (changed := _differs(kept, job)) is not None:
        raise BadInput(f"--state {path}: {changed}; allowed is to resume with the same options, and more --epochs")
    training.net.load(content["net"])
    training.history += history


def _differs(kept: TrainJob, job: TrainJob) -> str | None:
    """The first option that is not as it was. The deck's schedule looks at the number of epochs, so it stays too."""
    free = {"check_every"} | ({"epochs"} if job.schedule == "constant" and job.epochs >= kept.epochs else set())
    for name in TrainJob.__struct_fields__:
        if name not in free and getattr(kept, name) != getattr(job, name):
            return f"was begun with {name} {getattr(kept, name)!r}, not {getattr(job, name)!r}"
    return None
