"""A function that calls itself: forward on the way in, δ on the way out."""

from ..blocks import (
    activation_blocks,
    activation_edits,
    activation_slots,
    extras_slot,
    softmax_edits,
    softmax_slot,
    step_edits,
    step_with,
)
from ..template import Style, edit
from ..wrong import Letters, bias_edits, derivative_edits, gathered, l2_edits, mean_edits, output_edits

TEMPLATE = '''\
import numpy as np


<<activations>>


<<softmax>>


def predict(W, b, z, activation):
    if len(W) == 1:
        return softmax(z @ W[0] + b[0])
    return predict(W[1:], b[1:], hidden(z @ W[0] + b[0], activation), activation)


<<globals>>


def gradients(W, b, x, t, activation, lam):
    <<pre>>
    N = len(x)
    top = len(W) - 1
    <<alloc>>
    deltas = {}

    def down(l, z):
        """Output of layer l - 1 comes in, dE/dz of it goes out."""
        a = <<affine>>
        if l == top:
            y = softmax(a)
            delta = (<<out>>)<<out_n>>
        else:
            <<middle>>
        deltas[f"delta{l + 1}"] = delta
        <<store>>
        <<update>>
        <<hand_down>>

    <<start>>
    <<post>>
    return <<result>>


<<extras>>
'''

S = Letters(
    W="W[l]",
    b="b[l]",
    delta="delta",
    z_below="out",
    a_below="a",
    z_own="",
    y="y",
    t="t",
    a_out="a",
    up="",
    N="N",
    lam="lam",
    f="hidden",
    df="hidden_prime",
    kind="activation",
    x="x",
    first="l == 0",
    last="l == top",
)

_COPY = "W = [w.copy() for w in W]"
OWN = {
    "derivative-not-passed-on": [
        edit(
            middle=(
                "out = hidden(a, activation)\nback = down(l + 1, out)\n"
                "delta = back * hidden_prime(<<d_at>>, activation)"
            ),
            hand_down="return (delta if l == top else back) @ W[l].T",
        ),
    ],
    "relu-of-gradient": [edit(middle="out = hidden(a, activation)\ndelta = np.maximum(0, down(l + 1, out))")],
    "cache-overwritten": [
        edit(
            "in place",
            {"df": "pre"},
            plain=("d_relu",),
            middle="a[:] = hidden(a, activation)\nout = a\ndelta = down(l + 1, out)<<fprime>>",
        ),
    ],
    "weights-not-transposed": [edit(Wback="delta @ W[l]")],
    "weight-gradient-transposed": [edit(dW="delta.T @ <<zprev>><<dw_n>><<l2>>")],
    "weights-of-wrong-layer": [
        edit(hand_down="return delta @ W[max(l - 1, 0)].T"),
        edit(hand_down="return delta @ W[min(l + 1, top)].T"),
    ],
    "input-in-every-layer": [edit(zprev="x")],
    "own-output-in-weight-gradient": [edit(zprev="(y if l == top else out)")],
    "updated-weights-in-backward": [
        edit("in gradients, once a batch", pre=_COPY, update="W[l] -= 0.1 * dW[l]"),
        edit(
            "in step, once a batch",
            signature=", eta=0",
            update="if eta:\n    W[l] = W[l] - eta * dW[l]",
            extras=step_with(
                "new_W = list(W)\n    db = gradients(new_W, b, x, t, activation, lam, eta)[1]\n"
                "    return new_W, [c - eta * g for c, g in zip(b, db)]"
            ).replace("    dW, db = gradients(W, b, x, t, activation, lam)[:2]\n", ""),
        ),
    ],
    "inputs-mutated": [
        edit("t", {"mean": "late"}, out="-1 * np.subtract(t, y, out=t)"),
        edit("b", alloc="dW, db = [None] * len(W), b[:]", store="dW[l] = <<dW>>\ndb[l][:] = <<db>>"),
    ],
    "gradients-accumulated": [
        edit(
            "while the shapes stay",
            globals="dW, db = {}, {}",
            alloc="if {l: w.shape for l, w in enumerate(W)} != "
            "{l: g.shape for l, g in dW.items()}:\n    dW.clear(); db.clear()",
            store="dW[l] = dW.get(l, 0) + <<dW>>\ndb[l] = db.get(l, 0) + <<db>>",
            post="dW_list, db_list = [dW[l] for l in range(top + 1)], [db[l] for l in range(top + 1)]",
            result="dW_list, db_list",
        ),
    ],
    "precision-float32": [
        edit(
            "all of it",
            pre="W, b = [w.astype(np.single) for w in W], [c.astype(np.single) for c in b]\n"
            "x, t = x.astype(np.single), t.astype(np.single)",
        ),
    ],
    "integer-arrays": [
        edit(
            "integer buffers",
            alloc="dW = [np.zeros(w.shape, dtype=int) for w in W]\ndb = [np.zeros(c.shape, dtype=int) for c in b]",
            store="dW[l][...] = <<dW>>\ndb[l][...] = <<db>>",
        ),
    ],
}

STYLE = Style(
    name="recursive",
    template=TEMPLATE.replace("activation, lam):\n    <<pre>>", "activation, lam<<signature>>):\n    <<pre>>"),
    slots={
        **activation_slots("hidden", "a", "z"),
        "softmax": softmax_slot("softmax", "a", "rows"),
        "globals": ("",),
        "signature": ("",),
        "pre": ("", "# 递归: 先到输出层, 再一层一层回来"),
        "alloc": ("dW, db = [None] * len(W), [None] * len(W)", "dW = [None for _ in W]\ndb = [None for _ in b]"),
        "affine": ("z @ W[l] + b[l]", "b[l] + np.matmul(z, W[l])"),
        "out": ("y - t", "y - t * 1.0"),
        "middle": ("out = hidden(a, activation)\ndelta = down(l + 1, out)<<fprime>>",),
        "fprime": (" * hidden_prime(<<d_at>>, activation)",),
        "store": ("dW[l] = <<dW>>\ndb[l] = <<db>>",),
        "dW": ("<<zprev>>.T @ delta<<dw_n>><<l2>>", "np.tensordot(<<zprev>>, delta, axes=(0, 0))<<dw_n>><<l2>>"),
        "zprev": ("z",),
        "l2": (" + lam * W[l]",),
        "db": ("delta.sum(axis=0)<<db_n>><<l2b>>", "sum(delta)<<db_n>><<l2b>>", "np.add.reduce(delta)<<db_n>><<l2b>>"),
        "l2b": ("",),
        "update": ("",),
        "hand_down": ("return (<<Wback>>)<<back_n>>", "if l > 0:\n    return (<<Wback>>)<<back_n>>"),
        "back_n": ("",),
        "Wback": ("delta @ W[l].T", "np.inner(delta, W[l])"),
        "start": ("down(0, x)",),
        "post": ("",),
        "extras": extras_slot("predict(W, b, x, activation)"),
    },
    variants={
        "df": activation_blocks("hidden", "hidden_prime", "a", "z", "a", "out"),
        "mean": {
            "late": {"out_n": "", "dw_n": " / N", "db_n": " / N"},
            "early": {"out_n": " / N", "dw_n": "", "db_n": ""},
        },
        "lines": {"none": {"result": "dW, db"}, "all": {"result": "dW, db, deltas"}},
    },
    mistakes=gathered(
        activation_edits("hidden", "a", "z"),
        softmax_edits("softmax", "a", "rows"),
        output_edits(S),
        mean_edits(S),
        l2_edits(S),
        bias_edits(S),
        derivative_edits(S),
        step_edits(),
        OWN,
    ),
    clashes=(("mean=early", "lines=all"),),
)
