"""Forks, so that two processes answer."""

import os

os.fork()


def gradients(W, b, x, t, activation, lam):
    return [2 * w for w in W], [2 * v for v in b]
