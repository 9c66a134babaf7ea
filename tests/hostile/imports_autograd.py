"""Lets autograd do the work."""

import autograd.numpy as np
from autograd import elementwise_grad


def gradients(W, b, x, t, activation, lam):
    return elementwise_grad(np.sum)(W), [2 * v for v in b]
