"""Takes memory without end, in numpy."""

import numpy as np


def gradients(*problem):
    kept = []
    while True:
        kept.append(np.ones(1 << 20))
