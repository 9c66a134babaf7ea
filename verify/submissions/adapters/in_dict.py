"""For gradients(parameters, x, t, activation, lam) with {"W1": …, "b1": …, "W2": …}.

It returns a dict with dW1, db1, … or W1, b1, …; alone, or in a tuple beside the loss or a cache.
"""

needs = "gradients"


def gradients(student, W, b, x, t, activation, lam):
    """dW, db as lists, from the program's dict."""
    found = _gradients_in(student.gradients(_named(W, b), x, t, activation, lam))
    layers = range(1, len(W) + 1)
    return [_of(found, f"W{l}") for l in layers], [_of(found, f"b{l}") for l in layers]


def forward(student, W, b, x, activation):
    """y, alone or beside a cache."""
    returned = student.forward(_named(W, b), x, activation)
    return returned[0] if isinstance(returned, tuple) else returned


def loss(student, W, b, x, t, activation, lam):
    """E, alone or beside gradients or a cache."""
    returned = student.loss(_named(W, b), x, t, activation, lam)
    return next(part for part in returned if not isinstance(part, dict)) if isinstance(returned, tuple) else returned


def _named(W, b):
    weights = {f"W{l}": W_l for l, W_l in enumerate(W, 1)}
    return weights | {f"b{l}": b_l for l, b_l in enumerate(b, 1)}


def _gradients_in(returned):
    parts = returned if isinstance(returned, tuple) else (returned,)
    dicts = [part for part in parts if isinstance(part, dict)]
    for key in ("dW1", "W1"):
        for part in dicts:
            if key in part:
                return part
    raise TypeError(
        "gradients is to return a dict with dW1, db1, ... or W1, b1, ..., alone or beside the loss or a cache; it "
        f"returned {type(returned).__name__}"
    )


def _of(found, name):
    return found[f"d{name}"] if f"d{name}" in found else found[name]
