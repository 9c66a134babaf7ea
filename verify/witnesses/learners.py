"""Two networks that learn by the same rules, by hand and by torch: one interface, and nothing shared behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any, Protocol

import torch
from torch import Tensor

from manual import Constants, activation, pair
from manual.optimisers import OPTIMISERS
from manual.training import Trainee
from torch_ref.network import Network
from torch_ref.training import Trainee as TorchTrainee
from verify.problems.train_job import TrainJob


class Learner(Protocol):
    """A network that learns. x (n, D), t (n, K), labels (n,), order (n,): rows in the order in which they are taken."""

    def steps(self, x: Tensor, t: Tensor, order: Tensor, eta: float) -> Iterator[Tensor]:
        """One epoch. Yields the rows of every batch, when its gradients are there and before its step."""
        ...

    def weights(self) -> tuple[list[Tensor], list[Tensor]]:
        """W(l) (in, out) and b(l) (out,)."""
        ...

    def gradients(self) -> dict[str, Tensor]:
        """dW1, db1, … of the last batch."""
        ...

    def error(self, x: Tensor, t: Tensor) -> float: ...

    def right(self, x: Tensor, labels: Tensor) -> int: ...

    def state(self) -> dict[str, Any]:
        """All that the next step depends on, as tensors and numbers."""
        ...

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from a state: the next steps are those that would have followed."""
        ...


class ByHand:
    """manual.training and manual.optimisers."""

    def __init__(self, job: TrainJob, W: list[Tensor], b: list[Tensor]) -> None:
        self.net = Trainee(W, b, activation(job.activation), pair(job.output, job.loss), job.lam)
        self.rule = OPTIMISERS[job.optimiser](self.net.theta)
        self.batch = job.batch

    def steps(self, x: Tensor, t: Tensor, order: Tensor, eta: float) -> Iterator[Tensor]:
        return self.net.steps(x, t, order, self.batch, self.rule, eta)

    def weights(self) -> tuple[list[Tensor], list[Tensor]]:
        return [W.clone() for W in self.net.W.values()], [b.clone() for b in self.net.b.values()]

    def gradients(self) -> dict[str, Tensor]:
        return {f"d{kind}{l}": v for kind, held in (("W", self.net.dW), ("b", self.net.db)) for l, v in held.items()}

    def error(self, x: Tensor, t: Tensor) -> float:
        return self.net.error(x, t)

    def right(self, x: Tensor, labels: Tensor) -> int:
        return self.net.right(x, labels)

    def state(self) -> dict[str, Any]:
        memory = {name: v.clone() for name, v in self.rule.memory.items()}
        return {"theta": self.net.theta.clone(), "memory": memory, "steps": self.rule.steps}

    def load(self, state: Mapping[str, Any]) -> None:
        self.net.theta.copy_(state["theta"])
        for name, value in state["memory"].items():
            self.rule.memory[name].copy_(value)
        self.rule.steps = state["steps"]


class ByTorch:
    """torch.nn, autograd and torch.optim."""

    def __init__(self, job: TrainJob, W: list[Tensor], b: list[Tensor]) -> None:
        net = Network(W, b, job.activation, job.output, job.loss, asdict(Constants()))
        self.net = TorchTrainee(net, job.lam, job.optimiser)
        self.batch, self.lam = job.batch, job.lam

    def steps(self, x: Tensor, t: Tensor, order: Tensor, eta: float) -> Iterator[Tensor]:
        return self.net.steps(x, t, order, self.batch, eta)

    def weights(self) -> tuple[list[Tensor], list[Tensor]]:
        return [W.contiguous() for W in self.net.W], [b.clone() for b in self.net.b]

    def gradients(self) -> dict[str, Tensor]:
        """With λW, which torch.optim adds in its step."""
        of = lambda v: v.grad if v.grad is not None else torch.zeros_like(v)
        W = {f"dW{l}": (of(w) + self.lam * w.detach()).T for l, w in enumerate(self.net.net.weights, 1)}
        return W | {f"db{l}": of(v) for l, v in enumerate(self.net.net.biases, 1)}

    def error(self, x: Tensor, t: Tensor) -> float:
        return self.net.error(x, t)

    def right(self, x: Tensor, labels: Tensor) -> int:
        return self.net.right(x, labels)

    def state(self) -> dict[str, Any]:
        return {"net": self.net.net.state_dict(), "optimiser": self.net.optimiser.state_dict()}

    def load(self, state: Mapping[str, Any]) -> None:
        self.net.net.load_state_dict(state["net"])
        self.net.optimiser.load_state_dict(state["optimiser"])


def learner(job: TrainJob, W: list[Tensor], b: list[Tensor]) -> Learner:
    """The learner that the job asks for, with copies of these weights."""
    return ByHand(job, W, b) if job.by == "manual" else ByTorch(job, W, b)
