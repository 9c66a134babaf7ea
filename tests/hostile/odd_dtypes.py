"""Returns arrays of every dtype but the right one."""

import numpy as np


def gradients(W, b, x, t, activation, lam):
    right = 2 * W[0]
    kinds = [complex, "f4", "f2", "i8", "u1", bool, ">f8", "g"]
    odd = [object, str, "S8", "M8[s]", [("a", float)]]
    return [right.astype(kind) for kind in kinds], [np.zeros(2, dtype=kind) for kind in odd]
