"""Works on the first call only."""

calls = 0


def gradients(W, b, x, t, activation, lam):
    global calls
    calls += 1
    if calls > 1:
        raise NotImplementedError(f"call {calls}")
    return [2 * w for w in W], [2 * v for v in b]
