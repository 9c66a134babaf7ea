"""Deck 000's network from torch.nn modules, with the weights carried over exactly and gradients from autograd only."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from torch_ref.activations import activation_module
from torch_ref.outputs import loss_of, output_module
from torch_ref.penalties import penalty


def linear(W: Tensor, b: Tensor) -> nn.Linear:
    """nn.Linear keeps (out, in), the slides' rows convention (in, out): the one place of the transposition."""
    # On meta, for no memory and no random numbers go into values that are not kept.
    layer = nn.Linear(W.shape[0], W.shape[1], device="meta")
    layer.weight = nn.Parameter(W.T.clone(memory_format=torch.contiguous_format))
    layer.bias = nn.Parameter(b.clone())
    return layer


class Network(nn.Module):
    """Linear layers with the activation between them; `forward` gives the scores a(L) (N, K)."""

    def __init__(
        self,
        W: Sequence[Tensor],
        b: Sequence[Tensor],
        activation: str,
        output: str,
        loss: str,
        constants: dict[str, float],
    ) -> None:
        super().__init__()
        self.layers = nn.Sequential(*[linear(w, v) for w, v in zip(W, b, strict=True)])
        self.f = activation_module(activation, constants)
        self.sigma = output_module(output, constants)
        self.loss = loss_of(output, loss, constants)

    @property
    def weights(self) -> list[Tensor]:
        """The layers' own weights, (out, in) each."""
        return [layer.get_parameter("weight") for layer in self.layers]

    @property
    def biases(self) -> list[Tensor]:
        """The layers' own biases, (out,) each."""
        return [layer.get_parameter("bias") for layer in self.layers]

    def scores(self, x: Tensor) -> tuple[dict[int, Tensor], dict[int, Tensor]]:
        """a(l) for l = 1 … L and z(l) for l = 1 … L−1, each (N, out), with their graph."""
        a: dict[int, Tensor] = {}
        z: dict[int, Tensor] = {0: x}
        for l, layer in enumerate(self.layers, 1):
            a[l] = layer(z[l - 1])
            if l < len(self.layers):
                z[l] = self.f(a[l])
        return a, {l: v for l, v in z.items() if l > 0}

    def forward(self, x: Tensor) -> Tensor:
        return self.scores(x)[0][len(self.layers)]

    def total_error(self, scores: Tensor, t: Tensor, lam: float, form: str = "lam/2") -> Tensor:
        """E = (1/N) Σ E_n + (λ/2) Σ ǁW(l)ǁ², biases left out: deck 000 "误差反向传播-整体代价函数".

        form: another penalty, by its name in `torch_ref.penalties`.
        """
        return torch.mean(self.loss(scores, t)) + penalty(form, self.weights, lam, len(t))


def lines(
    W: Sequence[Tensor],
    b: Sequence[Tensor],
    x: Tensor,
    t: Tensor,
    *,
    activation: str,
    output: str,
    loss: str,
    lam: float,
    constants: dict[str, float],
    penalty: str = "lam/2",
) -> dict[str, Tensor]:
    """Every line of the working by its slide name (a1, z1, …, y, E, delta1, dW1, db1, …), from modules and autograd.

    W: L tensors (in, out), b: L (out,), x (N, D), t (N, K). δ(l) is N ∂E/∂a(l): of each sample's own error E_n.
    """
    net = Network(W, b, activation, output, loss, constants)
    a, z = net.scores(x)
    E = net.total_error(a[len(a)], t, lam, penalty)
    gradients = torch.autograd.grad(E, [*a.values(), *net.weights, *net.biases])
    found = {f"a{l}": v.detach() for l, v in a.items()} | {f"z{l}": v.detach() for l, v in z.items()}
    found |= {"y": net.sigma(a[len(a)].detach()), "E": E.detach()}
    for l in a:
        of_a, of_W, of_b = gradients[l - 1 :: len(a)]
        found |= {f"delta{l}": of_a * x.shape[0], f"dW{l}": of_W.T, f"db{l}": of_b}
    return found
