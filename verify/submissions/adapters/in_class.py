"""For a class Network(W, b, activation, lam) with forward(x) -> y and backward(t).

backward returns dW, db, or leaves them in self.dW and self.db.
"""

needs = "Network"


def gradients(student, W, b, x, t, activation, lam):
    """dW, db as lists, from the object once it went forward and backward."""
    network = student.Network(W, b, activation, lam)
    network.forward(x)
    returned = network.backward(t)
    return returned if isinstance(returned, tuple) else (network.dW, network.db)


def forward(student, W, b, x, activation):
    """y of the object."""
    return student.Network(W, b, activation, 0.0).forward(x)
