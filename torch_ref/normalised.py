"""The same network from nn.Linear, nn.BatchNorm1d and autograd."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from torch_ref.activations import activation_module
from torch_ref.batch_norm import module
from torch_ref.network import linear
from torch_ref.outputs import loss_of


def gradients(
    W: Sequence[Tensor],
    b: Sequence[Tensor],
    gamma: Sequence[Tensor],
    beta: Sequence[Tensor],
    x: Tensor,
    t: Tensor,
    *,
    activation: str,
    output: str,
    loss: str,
) -> tuple[Tensor, dict[str, list[Tensor]]]:
    """E, and the gradients by W (in, out), b, γ and β, each in the layers' order."""
    linears = [linear(w, v) for w, v in zip(W, b, strict=True)]
    norms = [module(g, v) for g, v in zip(gamma, beta, strict=True)]
    layers: list[nn.Module] = []
    for l, norm in enumerate(norms):
        layers += [linears[l], norm, activation_module(activation, {})]
    E = torch.mean(loss_of(output, loss, {})(nn.Sequential(*layers, linears[-1])(x), t))
    wanted = {
        "W": [layer.weight for layer in linears], "b": [layer.bias for layer in linears],
        "gamma": [norm.weight for norm in norms], "beta": [norm.bias for norm in norms],
    }  # fmt: skip
    found = iter(torch.autograd.grad(E, [v for held in wanted.values() for v in held]))
    by_name = {name: [next(found) for _ in held] for name, held in wanted.items()}
    by_name["W"] = [g.T for g in by_name["W"]]
    return E.detach(), by_name
