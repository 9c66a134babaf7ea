"""Writes gigabytes to stdout."""

import os

while True:
    os.write(1, bytes(1 << 16))


def gradients(W, b, x, t, activation, lam):
    return [2 * w for w in W], [2 * v for v in b]
