"""Sends itself SIGABRT."""

import os
import signal

os.kill(os.getpid(), signal.SIGABRT)


def gradients(W, b, x, t, activation, lam):
    return [2 * w for w in W], [2 * v for v in b]
