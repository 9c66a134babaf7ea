"""Opens files without end."""

opened = []
while True:
    opened.append(open("/dev/null"))


def gradients(W, b, x, t, activation, lam):
    return [2 * w for w in W], [2 * v for v in b]
