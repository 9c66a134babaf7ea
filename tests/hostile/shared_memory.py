"""Leaves a System V segment, which outlives the process that made it."""

import ctypes

identity = ctypes.CDLL(None).shmget(0x0BAC, 4096, 0o1666)
print("segment", identity)


def gradients(W, b, x, t, activation, lam):
    return [2 * w for w in W], [2 * v for v in b]
