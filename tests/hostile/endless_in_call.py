"""Answers once, then never ends."""

calls = 0


def gradients(W, b, x, t, activation, lam):
    global calls
    calls += 1
    while calls > 1:
        pass
    return [2 * w for w in W], [2 * v for v in b]
