"""A plain loop over layers, a and z kept in lists."""

from ..blocks import (
    STEP_REPEATED_FRESH,
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

TEMPLATE = """\
import numpy as np


<<activations>>


<<softmax>>


<<globals>>


def run_forward(W, b, x, activation):
    a = []
    z = [x]  # z[0] is the input, z[l + 1] the output of layer l
    for l in range(len(W)):
        a.append(<<affine>>)
        if l == len(W) - 1:
            z.append(softmax(a[l]))
        else:
            <<activate>>
    return a, z


def gradients(W, b, x, t, activation, lam):
    <<pre>>
    L = len(W)
    N = <<count>>
    <<call_forward>>
    y = z[-1]

    <<alloc>>
    deltas = [None] * L
    <<out_stmt>>
    for l in <<downwards>>:
        deltas[l] = delta
        <<store>>
        <<update>>
        if l > 0:
            <<back>>
    <<post>>
    return <<result>>


<<extras>>
"""

S = Letters(
    W="W[l]",
    b="b[l]",
    delta="delta",
    z_below="z[l]",
    a_below="a[l - 1]",
    z_own="z[l + 1]",
    y="y",
    t="t",
    a_out="a[-1]",
    up="a[l]",
    N="N",
    lam="lam",
    f="f",
    df="f_prime",
    kind="activation",
    x="x",
    first="l == 0",
    last="l == L - 1",
)

_COPY = "W = [w.copy() for w in W]"
_STEPPED = """\
def step(W, b, x, t, activation, lam, eta):
    W, b = list(W), list(b)
    a, z = run_forward(W, b, x, activation)
    delta = (z[-1] - t) / len(x)
    for l in range(len(W) - 1, -1, -1):
        gW = z[l].T @ delta + lam * W[l]
        gb = delta.sum(axis=0)
        W[l] = W[l] - eta * gW
        b[l] = b[l] - eta * gb
        if l > 0:
            delta = (delta @ W[l].T) * f_prime({at}, activation)
    return W, b
"""
_STEPPED_SAMPLES = """\
def step(W, b, x, t, activation, lam, eta):
    # 随机梯度下降: 每个样本更新一次
    W = [w.copy() for w in W]
    b = [c.copy() for c in b]
    for n in range(len(x)):
        a, z = run_forward(W, b, x[n:n + 1], activation)
        delta = z[-1] - t[n:n + 1]
        for l in reversed(range(len(W))):
            W[l] -= eta * (z[l].T @ delta + lam * W[l])
            b[l] -= eta * delta[0]
            if l > 0:
                delta = (delta @ W[l].T) * f_prime({at}, activation)
    return W, b
"""

OWN = {
    "derivative-not-passed-on": [
        edit(back="back = (back if l < L - 1 else delta) @ W[l].T\ndelta = back * f_prime(<<d_at>>, activation)"),
    ],
    "relu-of-gradient": [edit(back="delta = np.maximum(<<Wback>>, 0)<<back_n>>")],
    "cache-overwritten": [
        edit("in place", {"df": "pre"}, plain=("d_relu",), activate="a[l][:] = f(a[l], activation)\nz.append(a[l])"),
        edit(
            "in place, mask by >=",
            {"df": "pre"},
            d_relu="(a >= 0).astype(float)",
            activate="a[l][...] = f(a[l], activation)  # saves memory\nz.append(a[l])",
        ),
    ],
    "weights-not-transposed": [edit(Wback="delta @ W[l]"), edit(Wback="np.dot(delta, W[l])")],
    "weight-gradient-transposed": [edit(dW="delta.T @ <<zprev>><<dw_n>><<l2>>")],
    "weights-of-wrong-layer": [edit(Wback="delta @ W[l - 1].T"), edit(Wback="delta @ W[min(l + 1, L - 1)].T")],
    "updated-weights-in-backward": [
        edit("in gradients, once a batch", pre=_COPY, update="W[l] = W[l] - 0.1 * dW[l]"),
        edit("in gradients, once a batch", pre=_COPY, update="W[l] -= 0.01 * dW[l]  # gradient descent"),
        edit("in step, once a batch", {"df": "pre"}, extras=_STEPPED.format(at="a[l - 1]")),
        edit("in step, after each sample", {"df": "post"}, extras=_STEPPED_SAMPLES.format(at="z[l]")),
    ],
    "step-repeated": [STEP_REPEATED_FRESH],
    "inputs-mutated": [
        edit("t", {"mean": "late"}, out_stmt="delta = np.subtract(y, t, out=t)"),
        edit(
            "b",
            alloc="dW = [None] * L\ndb = list(b)  # the shapes are right already",
            store="dW[l] = <<dW>>\ndb[l][:] = <<db>>",
        ),
    ],
    "cache-stale": [
        edit(
            "by shapes",
            globals="memory = {}",
            call_forward="key = (activation, x.shape, *[w.shape for w in W])\nif key not in memory:\n"
            "    memory[key] = run_forward(W, b, x, activation)\na, z = memory[key]",
        ),
    ],
    "gradients-accumulated": [
        edit(
            "while the shapes stay",
            globals="dW, db = [], []",
            alloc="if [g.shape for g in dW] != [w.shape for w in W]:\n    dW[:] = [np.zeros_like(w) for w in W]\n"
            "    db[:] = [np.zeros_like(c) for c in b]",
            store="dW[l] += <<dW>>\ndb[l] += <<db>>",
        ),
    ],
    "precision-float32": [
        edit(
            "all of it",
            pre="W = [w.astype(np.float32) for w in W]\nb = [c.astype(np.float32) for c in b]\n"
            "x, t = np.float32(x), np.float32(t)",
        ),
    ],
    "integer-arrays": [
        edit(
            "integer buffers",
            alloc="dW = [np.zeros(w.shape, dtype=int) for w in W]\ndb = [np.zeros(c.shape, dtype=int) for c in b]",
            store="dW[l][:] = <<dW>>\ndb[l][:] = <<db>>",
        ),
    ],
}

STYLE = Style(
    name="lists",
    template=TEMPLATE,
    slots={
        **activation_slots("f", "a", "z"),
        "softmax": softmax_slot("softmax", "a", "rows"),
        "globals": ("",),
        "affine": ("z[l] @ W[l] + b[l]", "np.dot(z[l], W[l]) + b[l]", "b[l] + z[l].dot(W[l])"),
        "activate": ("z.append(f(a[l], activation))",),
        "pre": ("", "", "x = np.asarray(x, dtype=float)", "W, b = list(W), list(b)  # never touch the caller's lists"),
        "count": ("len(x)", "x.shape[0]", "t.shape[0]"),
        "call_forward": ("a, z = run_forward(W, b, x, activation)",),
        "alloc": (
            "dW = [None] * L\ndb = [None] * L",
            "dW, db = [0] * L, [0] * L",
            "dW = [np.zeros_like(w) for w in W]\ndb = [np.zeros_like(c) for c in b]",
        ),
        "out_stmt": ("delta = (<<out>>)<<out_n>>",),
        "out": ("y - t", "-(t - y)", "-t + y"),
        "downwards": ("range(L - 1, -1, -1)", "reversed(range(L))"),
        "store": ("dW[l] = <<dW>>\ndb[l] = <<db>>", "db[l] = <<db>>\ndW[l] = <<dW>>"),
        "dW": (
            "<<zprev>>.T @ delta<<dw_n>><<l2>>",
            "np.dot(<<zprev>>.T, delta)<<dw_n>><<l2>>",
            "np.einsum('ni,nj->ij', <<zprev>>, delta)<<dw_n>><<l2>>",
        ),
        "zprev": ("z[l]",),
        "l2": (" + lam * W[l]", " + W[l] * lam"),
        "db": (
            "delta.sum(axis=0)<<db_n>><<l2b>>",
            "np.sum(delta, 0)<<db_n>><<l2b>>",
            "np.ones(N) @ delta<<db_n>><<l2b>>",
        ),
        "l2b": ("",),
        "update": ("",),
        "back": ("delta = (<<Wback>>)<<fprime>><<back_n>>", "g = <<Wback>>\ndelta = g<<fprime>><<back_n>>"),
        "Wback": ("delta @ W[l].T", "np.dot(delta, W[l].T)", "(W[l] @ delta.T).T"),
        "fprime": (" * f_prime(<<d_at>>, activation)",),
        "back_n": ("",),
        "post": ("",),
        "extras": extras_slot("run_forward(W, b, x, activation)[1][-1]"),
    },
    variants={
        "df": activation_blocks("f", "f_prime", "a", "z", "a[l - 1]", "z[l]"),
        "mean": {
            "late": {"out_n": "", "dw_n": " / N", "db_n": " / N"},
            "early": {"out_n": " / N", "dw_n": "", "db_n": ""},
        },
        "lines": {
            "none": {"result": "dW, db"},
            "none-tuples": {"result": "tuple(dW), tuple(db)"},
            "some": {
                "result": "dW, db, {**{f'a{l + 1}': a[l] for l in range(L)}, "
                "**{f'z{l}': z[l] for l in range(1, L)}, 'y': y}"
            },
            "all": {
                "result": "dW, db, {**{f'a{l + 1}': a[l] for l in range(L)}, "
                "**{f'z{l}': z[l] for l in range(1, L)}, 'y': y, "
                "**{f'delta{l + 1}': deltas[l] for l in range(L)}}"
            },
        },
    },
    mistakes=gathered(
        activation_edits("f", "a", "z"),
        softmax_edits("softmax", "a", "rows"),
        output_edits(S),
        mean_edits(S),
        l2_edits(S),
        bias_edits(S),
        derivative_edits(S),
        upstream_edits(S),
        step_edits(),
        OWN,
    ),
    clashes=(("mean=early", "lines=all"),),
)
