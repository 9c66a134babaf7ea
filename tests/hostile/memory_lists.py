"""Takes memory without end, in Python."""

kept = []
while True:
    kept.append(bytearray(1 << 20))


def gradients(W, b, x, t, activation, lam):
    return [2 * w for w in W], [2 * v for v in b]
