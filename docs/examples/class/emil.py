"""A submission that stops half-way: nothing in it is called gradients."""


def forward(W, b, x, activation):
    z = x
    for W_l, b_l in zip(W, b, strict=True):
        z = z @ W_l + b_l
    return z
