"""The same training from torch.nn, autograd and torch.optim: one step for every batch, λW by the optimiser's own L2."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from torch_ref.network import Network
from torch_ref.optimisers import optimiser


class Trainee:
    """A network that learns, by the optimiser of that name (`torch_ref.optimisers`) and the penalty's λ."""

    def __init__(self, net: Network, lam: float, rule: str) -> None:
        self.net = net
        self.lam = lam
        self.optimiser = optimiser(rule, [*self.net.weights, *self.net.biases], 0.0)
        # weight_decay adds λW to the gradient: of the weights, in a group of their own, and not of the biases.
        kept = {key: value for key, value in self.optimiser.param_groups[0].items() if key != "params"}
        self.optimiser.param_groups.clear()
        self.optimiser.add_param_group({**kept, "params": self.net.weights, "weight_decay": lam})
        self.optimiser.add_param_group({**kept, "params": self.net.biases, "weight_decay": 0.0})

    @property
    def W(self) -> list[Tensor]:
        """W(l) (in, out)."""
        return [w.detach().T for w in self.net.weights]

    @property
    def b(self) -> list[Tensor]:
        """b(l) (out,)."""
        return [v.detach() for v in self.net.biases]

    def steps(self, x: Tensor, t: Tensor, order: Tensor, batch: int, eta: float) -> Iterator[Tensor]:
        """One epoch: a step per `batch` samples in that order, or per all for 0. Yields each batch's rows first."""
        for group in self.optimiser.param_groups:
            group["lr"] = eta
        for rows in torch.split(order, batch or len(order)):
            self.optimiser.zero_grad()
            torch.mean(self.net.loss(self.net(x[rows]), t[rows])).backward()
            yield rows
            self.optimiser.step()

    @torch.no_grad()
    def error(self, x: Tensor, t: Tensor) -> float:
        """E over all samples that are given."""
        return float(self.net.total_error(self.net(x), t, self.lam))

    @torch.no_grad()
    def right(self, x: Tensor, labels: Tensor) -> int:
        """How many samples have their largest score at their label."""
        return int((self.net(x).argmax(dim=1) == labels).sum())
