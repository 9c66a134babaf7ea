"""Stays inside one call of numpy for minutes."""

import numpy as np


def gradients(*problem):
    a = np.ones((700, 700))
    return np.linalg.matrix_power(a, (1 << 1000) - 1)
