"""Leaves programs running."""

import os
import sys

for _ in range(3):
    try:
        os.posix_spawn("/bin/sleep", ["sleep", "10000"], {}, setsid=True)
    except OSError as error:
        print(error)


def gradients(W, b, x, t, activation, lam):
    return [2 * w for w in W], [2 * v for v in b]
