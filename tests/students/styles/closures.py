"""Functional: every operation returns its value and a function that pulls the gradient back."""

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
from ..wrong import Letters, bias_edits, gathered, l2_edits, mean_edits, output_edits

TEMPLATE = """\
import numpy as np


<<activations>>


<<softmax>>


def affine(w, c, z, lam):
    <<keep>>
    a = z @ w + c

    def pullback(g):
        N = g.shape[0]
        gw = <<dW>>
        gc = <<db>>
        <<update>>
        return (<<Wback>>)<<back_n>>, gw, gc

    return a, pullback


def nonlinear(a, kind):
    <<activate>>

    def pullback(g):
        return <<passed>>

    return z, pullback


def cross_entropy(a, t):
    y = softmax(a)
    N = len(t)

    def pullback():
        return (<<out>>)<<out_n>>

    return y, pullback


<<globals>>


def build(W, b, x, t, activation, lam):
    tape = []
    z = x
    for i, (w, c) in enumerate(zip(W, b)):
        a, back = affine(w, c, z, <<layer_lam>>)
        tape.append(("affine", back))
        if i + 1 < len(W):
            z, back = nonlinear(a, activation)
            tape.append(("nonlinear", back))
    y, head = cross_entropy(a, t)
    return y, head, tape


def gradients(W, b, x, t, activation, lam):
    <<pre>>
    <<call_build>>
    g = head()
    dW, db = [], []
    while tape:
        name, back = tape.pop()
        if name == "nonlinear":
            g = back(g)
            continue
        g, gw, gc = back(g)
        <<collect>>
    <<post>>
    return <<result>>


<<extras>>
"""

S = Letters(
    W="w",
    b="c",
    delta="g",
    z_below="z",
    a_below="a",
    z_own="",
    y="y",
    t="t",
    a_out="a",
    up="",
    N="N",
    lam="lam",
    f="phi",
    df="dphi",
    kind="kind",
    x="",
    first="",
    last="",
)

OWN = {
    "derivative-missing": [edit(passed="g")],
    "derivative-at-activation": [edit("", {"df": "pre"}, plain=("d_relu",), d_at="z")],
    "derivative-formula-of-preactivation": [edit("", {"df": "post"}, plain=("p_relu",), d_at="a")],
    "activation-for-derivative": [edit(passed="g * phi(a, kind)"), edit(passed="g * z")],
    "derivative-twice": [
        edit(passed="g * dphi(<<d_at>>, kind) ** 2"),
        edit(
            activate="z = phi(a, kind)\nslope = dphi(<<d_at>>, kind)\nslope = slope * dphi(<<d_at>>, kind)",
            passed="slope * g",
        ),
    ],
    "sigmoid-derivative-everywhere": [edit(passed="g * (z * (1 - z))")],
    "relu-of-gradient": [edit(passed="np.where(g > 0, g, 0)"), edit(passed="np.maximum(0.0, g)")],
    "cache-overwritten": [edit("in place", {"df": "pre"}, plain=("d_relu",), activate="z = a\nz[...] = phi(a, kind)")],
    "weights-not-transposed": [edit(Wback="g @ w"), edit(Wback="np.matmul(g, w)")],
    "weight-gradient-transposed": [edit(dW="g.T @ z<<dw_n>><<l2>>")],
    "l2-some-layers": [
        edit("last layer only", layer_lam="lam if i == len(W) - 1 else 0"),
        edit("first layer only", layer_lam="0 if i > 0 else lam"),
    ],
    "updated-weights-in-backward": [
        edit("in gradients, once a batch", keep="w, c = w.copy(), c.copy()", update="w[:] = w - 0.1 * gw"),
    ],
    "inputs-mutated": [
        edit(
            "W",
            Wback="back",
            dW="z.T @ g<<dw_n>>",
            update="back = g @ w.T\ngw = np.add(np.multiply(w, lam, out=w), gw, out=w)",
        ),
        edit("the list of W", pre="W.append(None); b.append(None)\nW, b = W[:-1], b[:-1]"),
    ],
    "cache-stale": [
        edit(
            "everything of the first call, by shapes",
            globals="built = {}",
            call_build="key = (activation, lam, x.shape, *[w.shape for w in W])\n"
            "if key not in built:\n    built[key] = build(W, b, x, t, activation, lam)\n"
            "y, head, tape = built[key]\ntape = list(tape)",
        ),
    ],
    "gradients-accumulated": [
        edit(
            "while the shapes stay",
            globals="grad_sums = {}",
            post='for name, grads in (("W", dW), ("b", db)):\n    for i in range(len(grads)):\n'
            "        old = grad_sums.get((name, i, len(W)))\n"
            "        if old is not None and np.shape(old) == np.shape(grads[i]):\n"
            "            grads[i] = grads[i] + old\n        grad_sums[name, i, len(W)] = grads[i]",
        ),
    ],
    "precision-float32": [
        edit("all of it", keep="w, c, z = np.float32(w), np.float32(c), np.float32(z)", pre="t = np.float32(t)"),
    ],
    "integer-arrays": [
        edit(
            "integer buffers",
            keep="grads = np.zeros(w.shape, int), np.zeros(c.shape, int)",
            update="grads[0][:], grads[1][:] = gw, gc\ngw, gc = grads",
        )
    ],
}

STYLE = Style(
    name="closures",
    template=TEMPLATE,
    slots={
        **activation_slots("phi", "a", "z"),
        "softmax": softmax_slot("softmax", "a", "rows"),
        "globals": ("",),
        "keep": ("", "# z is what came in, it stays in the closure"),
        "dW": ("z.T @ g<<dw_n>><<l2>>", "(g.T @ z).T<<dw_n>><<l2>>"),
        "l2": (" + lam * w",),
        "db": ("g.sum(0)<<db_n>><<l2b>>", "np.sum(g, axis=0)<<db_n>><<l2b>>"),
        "l2b": ("",),
        "update": ("",),
        "Wback": ("g @ w.T",),
        "back_n": ("",),
        "activate": ("z = phi(a, kind)",),
        "passed": ("g * dphi(<<d_at>>, kind)", "dphi(<<d_at>>, kind) * g"),
        "out": ("y - t",),
        "layer_lam": ("lam",),
        "pre": ("",),
        "call_build": ("y, head, tape = build(W, b, x, t, activation, lam)",),
        "collect": ("dW.insert(0, gw)\ndb.insert(0, gc)", "dW, db = [gw] + dW, [gc] + db"),
        "post": ("",),
        "extras": extras_slot("build(W, b, x, x, activation, 0)[0]"),
    },
    variants={
        "df": activation_blocks("phi", "dphi", "a", "z", "a", "z"),
        "mean": {
            "late": {"out_n": "", "dw_n": " / N", "db_n": " / N"},
            "early": {"out_n": " / N", "dw_n": "", "db_n": ""},
        },
        "lines": {"none": {"result": "dW, db"}, "some": {"result": 'dW, db, {"y": y}'}},
    },
    mistakes=gathered(
        activation_edits("phi", "a", "z"),
        softmax_edits("softmax", "a", "rows"),
        output_edits(S),
        mean_edits(S),
        l2_edits(S),
        bias_edits(S),
        step_edits(),
        OWN,
    ),
)
