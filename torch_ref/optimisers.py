"""One step by torch.optim, from given weights, gradient and memory: what the steps by hand are held against."""

from __future__ import annotations

import torch
from torch import Tensor


def optimiser(name: str, parameters: list[Tensor], eta: float) -> torch.optim.Optimizer:
    """torch.optim's gd (and sgd), momentum at 0.9, or adam with its defaults."""
    if name == "adam":
        return torch.optim.Adam(parameters, lr=eta)
    return torch.optim.SGD(parameters, lr=eta, momentum=0.9 if name == "momentum" else 0.0)


def steps(name: str, theta: Tensor, gradients: list[Tensor], eta: float) -> list[Tensor]:
    """θ after each of the steps along the gradients that are given, by one optimiser that remembers."""
    parameter = theta.detach().clone().requires_grad_()
    rule = optimiser(name, [parameter], eta)
    found = []
    for g in gradients:
        parameter.grad = g.clone()
        rule.step()
        found.append(parameter.detach().clone())
    return found


def clip_by_norm(gradients: list[Tensor], most: float) -> list[Tensor]:
    """torch.nn.utils.clip_grad_norm_ on copies."""
    parameters = [torch.zeros_like(g, requires_grad=True) for g in gradients]
    for parameter, g in zip(parameters, gradients, strict=True):
        parameter.grad = g.clone()
    torch.nn.utils.clip_grad_norm_(parameters, most)
    return [parameter.grad for parameter in parameters if parameter.grad is not None]
