"""Sleeps for hours, which takes no processor time."""

import time

time.sleep(10000)


def gradients(W, b, x, t, activation, lam):
    return [2 * w for w in W], [2 * v for v in b]
