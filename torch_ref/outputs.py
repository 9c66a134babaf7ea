"""Output and loss from torch.nn: the loss takes the scores a(L), as torch's own losses do, and returns E_n (N,)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from torch_ref.activations import activation_module

Loss = Callable[[Tensor, Tensor], Tensor]


def output_module(output: str, constants: dict[str, float]) -> nn.Module:
    """The module that turns the scores (N, K) into y (N, K)."""
    return nn.Softmax(dim=1) if output == "softmax" else activation_module(output, constants)


# The squared errors by what is made of the squares (N, K): half of their sum, or their mean.
_SQUARES: dict[str, Callable[[Tensor], Tensor]] = {
    "squared-error": lambda squares: torch.sum(squares, dim=1) / 2,
    "mean-squared-error": lambda squares: torch.mean(squares, dim=1),
}


def _hinge(margin: float) -> nn.Module:
    """Over all classes the mean of max(0, margin), which is 0 of the true one."""
    return nn.MultiMarginLoss(margin=margin, reduction="none")


def loss_of(output: str, loss: str, constants: dict[str, float]) -> Loss:
    """(scores (N, K), t (N, K)) -> E_n (N,), of torch.nn's losses without their reduction. ValueError for no pair."""
    if (output, loss) == ("softmax", "cross-entropy"):
        return nn.CrossEntropyLoss(reduction="none")  # takes the probabilities of the classes: one-hot t
    if (output, loss) == ("softmax", "smoothed-cross-entropy"):
        return nn.CrossEntropyLoss(reduction="none", label_smoothing=constants["smoothing"])
    if (output, loss) == ("sigmoid", "binary-cross-entropy"):
        entropy = nn.BCEWithLogitsLoss(reduction="none")
        return lambda scores, t: torch.sum(entropy(scores, t), dim=1)
    if loss in _SQUARES:
        y, square, over = output_module(output, constants), nn.MSELoss(reduction="none"), _SQUARES[loss]
        return lambda scores, t: over(square(y(scores), t))
    if loss in ("l1", "huber"):
        y = activation_module(output, constants)
        size = nn.L1Loss(reduction="none") if loss == "l1" else nn.HuberLoss(reduction="none", delta=constants["huber"])
        return lambda scores, t: torch.sum(size(y(scores), t), dim=1)
    if (output, loss) == ("identity", "hinge"):
        return lambda scores, t: scores.shape[1] * _hinge(constants["margin"])(scores, torch.argmax(t, dim=1))
    raise ValueError(f"output {output!r} with loss {loss!r} is no pair")
