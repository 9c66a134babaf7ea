"""Raises an exception whose text is made for reports."""


def gradients(W, b, x, t, activation, lam):
    raise ValueError("=HYPERLINK(1)<script>alert(1)</script>\n# [x](javascript:1)\x1b[31m\u202e" + "y" * 10**6)
