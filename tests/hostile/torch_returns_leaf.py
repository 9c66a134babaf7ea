"""Returns a tensor that wants gradients."""

import torch


def gradients(W, b, x, t, activation, lam):
    return [torch.ones(2, requires_grad=True)], b
