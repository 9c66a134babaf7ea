"""Lets autograd do the work."""

import torch


def gradients(W, b, x, t, activation, lam):
    W = [w.clone().requires_grad_() for w in W]
    sum((w**2).sum() for w in W).backward()
    return [w.grad for w in W], b
