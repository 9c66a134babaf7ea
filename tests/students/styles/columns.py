"""Columns inside (one sample a column, W (out, in)), transposed where the arrays come in and go out."""

from ..blocks import (
    activation_blocks,
    activation_edits,
    activation_slots,
    extras_slot,
    softmax_edits,
    softmax_slot,
    step_edits,
)
from ..template import Style, edit
from ..wrong import (
    Letters,
    bias_edits,
    derivative_edits,
    gathered,
    l2_edits,
    mean_edits,
    output_edits,
    upstream_edits,
)

TEMPLATE = '''\
import numpy as np


<<activations>>


<<softmax>>


<<globals>>


def to_columns(W, b):
    return [w.T for w in W], [c.reshape(-1, 1) for c in b]


def feed_forward(W, b, X, activation):
    """W[l]: (out, in), b[l]: (out, 1), X: (D, m)"""
    As, Zs = [X], []
    for l in range(len(W)):
        Z = <<affine>>
        <<activate>>
        Zs.append(Z)
        As.append(A)
    return Zs, As


def gradients(W, b, x, t, activation, lam):
    <<pre>>
    W, b = to_columns(W, b)
    X, T = <<transposed>>
    m = X.shape[1]
    L = len(W)
    <<call_forward>>
    Y = As[L]
    dZ = (<<out>>)<<out_n>>
    <<alloc>>
    all_dZ = {L: dZ}
    for l in range(L - 1, -1, -1):
        <<store>>
        <<update>>
        if l == 0:
            break
        <<back>>
        all_dZ[l] = dZ
    # back to rows
    dW = [<<out_W>> for g in dW]
    db = [<<out_b>> for g in db]
    <<post>>
    return <<result>>


<<extras>>
'''

S = Letters(
    W="W[l]",
    b="b[l]",
    delta="dZ",
    z_below="As[l]",
    a_below="Zs[l - 1]",
    z_own="As[l + 1]",
    y="Y",
    t="T",
    a_out="Zs[-1]",
    up="Zs[l]",
    N="m",
    lam="lam",
    f="g",
    df="g_prime",
    kind="activation",
    x="X",
    first="l == 0",
    last="l == L - 1",
    layout="columns",
)

_STEP = """\
def step(W, b, x, t, activation, lam, eta):
    W, b = to_columns(W, b)
    Zs, As = feed_forward(W, b, x.T, activation)
    dZ = (As[-1] - t.T) / len(x)
    for l in range(len(W) - 1, -1, -1):
        W[l] = W[l] - eta * (dZ @ As[l].T + lam * W[l])
        b[l] = b[l] - eta * dZ.sum(axis=1, keepdims=True)
        if l > 0:
            dZ = (W[l].T @ dZ) * g_prime(<<d_at>>, activation)
    return [w.T for w in W], [c.ravel() for c in b]
"""

OWN = {
    "derivative-not-passed-on": [
        edit(back="dA = W[l].T @ (dZ if l == L - 1 else dA)\ndZ = dA * g_prime(<<d_at>>, activation)"),
    ],
    "relu-of-gradient": [edit(back="dZ = np.maximum(<<Wback>>, 0)<<back_n>>")],
    "cache-overwritten": [
        edit(
            "in place",
            {"df": "pre"},
            plain=("d_relu",),
            activate="if l == len(W) - 1:\n    A = softmax(Z)\nelse:\n    Z[:, :] = g(Z, activation)\n    A = Z",
        ),
    ],
    "weights-not-transposed": [edit(Wback="W[l] @ dZ"), edit(Wback="np.dot(W[l], dZ)")],
    "weight-gradient-transposed": [edit(dW="<<zprev>> @ dZ.T<<dw_n>><<l2>>")],
    "weights-of-wrong-layer": [edit(Wback="W[l - 1].T @ dZ")],
    "bias-not-summed": [edit("not summed at all", db="dZ<<db_n>>", out_b="g.T")],
    "bias-summed-to-scalar": [edit("a scalar", db="np.sum(dZ)<<db_n>>", out_b="g")],
    "bias-wrong-axis": [edit(db="np.sum(dZ, axis=0, keepdims=True)<<db_n>>")],
    "updated-weights-in-backward": [
        edit(
            "in gradients, once a batch",
            update="W[l] = W[l] - 0.1 * dW[l]\nb[l] = b[l] - 0.1 * np.reshape(db[l], (-1, 1))",
        ),
        edit("in step, once a batch", extras=_STEP),
    ],
    "inputs-mutated": [
        edit(
            "t",
            {"mean": "late"},
            transposed="x.T, t.T",
            call_forward="Zs, As = feed_forward(W, b, X, activation)\nT -= As[L]  # target minus output",
            out="-T",
        ),
        edit("the order of W and b", pre="W.reverse(); b.reverse()\nW, b = W[::-1], b[::-1]"),
    ],
    "cache-stale": [
        edit(
            "by shapes",
            globals="last = {}",
            call_forward="key = (activation, X.shape, *(w.shape for w in W))\n"
            "if key not in last:\n    last[key] = feed_forward(W, b, X, activation)\nZs, As = last[key]",
        ),
    ],
    "gradients-accumulated": [
        edit(
            "while the shapes stay",
            globals="running = {}",
            post="key = tuple(g.shape for g in dW)\nif key in running:\n"
            "    dW = [p + q for p, q in zip(running[key][0], dW)]\n"
            "    db = [p + q for p, q in zip(running[key][1], db)]\n"
            "running[key] = dW, db",
        ),
    ],
    "precision-float32": [
        edit(
            "all of it",
            pre="W = [np.float32(w) for w in W]\nb = [np.float32(c) for c in b]\nx, t = np.float32(x), np.float32(t)",
        ),
        edit(
            "all of it, returned as float64",
            pre="W = [np.float32(w) for w in W]\nb = [np.float32(c) for c in b]\nx, t = np.float32(x), np.float32(t)",
            out_W="g.T.astype(float)",
            out_b="g.ravel().astype(float)",
        ),
    ],
    "integer-arrays": [
        edit("integer buffers at the end", out_W="g.T.astype(int)", out_b="g.ravel().astype(int)"),
    ],
}

STYLE = Style(
    name="columns",
    template=TEMPLATE,
    slots={
        **activation_slots("g", "Z", "A"),
        "softmax": softmax_slot("softmax", "Z", "columns"),
        "globals": ("",),
        "affine": ("W[l] @ As[l] + b[l]", "np.dot(W[l], As[l]) + b[l]"),
        "activate": ("A = softmax(Z) if l == len(W) - 1 else g(Z, activation)",),
        "pre": ("", "x = np.asarray(x)"),
        "transposed": ("x.T, t.T", "np.transpose(x), np.transpose(t)", "np.ascontiguousarray(x.T), t.T.copy()"),
        "call_forward": ("Zs, As = feed_forward(W, b, X, activation)",),
        "alloc": ("dW, db = [None] * L, [None] * L",),
        "out": ("Y - T",),
        "store": ("dW[l] = <<dW>>\ndb[l] = <<db>>",),
        "dW": ("dZ @ <<zprev>>.T<<dw_n>><<l2>>", "np.dot(dZ, <<zprev>>.T)<<dw_n>><<l2>>"),
        "zprev": ("As[l]",),
        "l2": (" + lam * W[l]",),
        "db": (
            "np.sum(dZ, axis=1, keepdims=True)<<db_n>><<l2b>>",
            "dZ.sum(axis=1).reshape(-1, 1)<<db_n>><<l2b>>",
            "dZ @ np.ones((m, 1))<<db_n>><<l2b>>",
        ),
        "l2b": ("",),
        "update": ("",),
        "back": ("dZ = (<<Wback>>)<<fprime>><<back_n>>", "dA = <<Wback>>\ndZ = dA<<fprime>><<back_n>>"),
        "Wback": ("W[l].T @ dZ", "np.dot(W[l].T, dZ)"),
        "fprime": (" * g_prime(<<d_at>>, activation)",),
        "back_n": ("",),
        "out_W": ("g.T", "g.T.copy()"),
        "out_b": ("np.ravel(g)", "g.ravel()"),
        "post": ("",),
        "extras": extras_slot("feed_forward(*to_columns(W, b), x.T, activation)[1][-1].T"),
    },
    variants={
        "df": activation_blocks("g", "g_prime", "Z", "A", "Zs[l - 1]", "As[l]"),
        "mean": {
            "late": {"out_n": "", "dw_n": " / m", "db_n": " / m"},
            "early": {"out_n": " / m", "dw_n": "", "db_n": ""},
        },
        "lines": {
            "none": {"result": "dW, db"},
            "some": {"result": "dW, db, {f'z{i}': As[i].T for i in range(1, L)}"},
            "all": {
                "result": "dW, db, {**{f'a{i + 1}': Zs[i].T for i in range(L)}, 'y': Y.T, "
                "**{f'delta{i}': d.T for i, d in all_dZ.items()}}"
            },
        },
    },
    mistakes=gathered(
        activation_edits("g", "Z", "A"),
        softmax_edits("softmax", "Z", "columns"),
        output_edits(S),
        mean_edits(S),
        l2_edits(S),
        {
            "bias-gradient-zero": bias_edits(S)["bias-gradient-zero"],
            "bias-mean-again": bias_edits(S)["bias-mean-again"],
            "bias-not-summed": bias_edits(S)["bias-not-summed"][1:],
            "bias-summed-to-scalar": bias_edits(S)["bias-summed-to-scalar"][1:2],
        },
        derivative_edits(S),
        upstream_edits(S),
        step_edits(),
        OWN,
    ),
    clashes=(("mean=early", "lines=all"),),
)
