"""No loop at all: one branch for each depth, every line written out (deck 000's δ(3), δ(2), δ(1))."""

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

_HEAD = """\
import numpy as np


<<activations>>


<<softmax>>


<<globals>>


def gradients(W, b, x, t, activation, lam):
    <<pre>>
    N = x.shape[0]
    z0 = x
"""
_TAIL = """\
    raise NotImplementedError("at most three layers")


def predict(W, b, x, activation):
    z = x
    for i in range(len(W) - 1):
        z = f(z @ W[i] + b[i], activation)
    return softmax(z @ W[-1] + b[-1])


<<extras>>
"""


def _branch(depth: int) -> str:
    names = ", ".join(f"W{i}" for i in range(1, depth + 1)) + ("," if depth == 1 else "")
    lines = [f"if len(W) == {depth}:", f"    {names} = W", f"    {names.replace('W', 'b')} = b"]
    for i in range(1, depth + 1):
        last = i == depth
        lines += [
            f"    a{i} = z{i - 1} @ W{i} + b{i}",
            f"    y = z{i} = softmax(a{i})" if last else f"    <<activate:{i}>>",
        ]
    lines.append("    # backward")
    for i in range(depth, 0, -1):
        lines += [f"    <<{'top' if i == depth else 'back'}:{i}>>", f"    <<store:{i}>>"]
        if i > 1:
            lines.append(f"    <<update:{i}>>")
    for kind in "Wb":
        gathered_up = ", ".join(f"d{kind}{i}" for i in range(1, depth + 1))
        lines.append(f"    d{kind} = [{gathered_up}]")
    lines += ["    <<post>>", "    return dW, db" if depth < 3 else "    return <<result>>"]
    return "\n".join("    " + line for line in lines) + "\n"


S = Letters(
    W="W@i",
    b="b@i",
    delta="delta@i",
    z_below="z@i",
    a_below="a@i",
    z_own="z@i",
    y="y",
    t="t",
    a_out="a@i",
    up="a@j",
    N="N",
    lam="lam",
    f="f",
    df="df",
    kind="activation",
    x="x",
    first="",
    last="",
)

OWN = {
    "l2-some-layers": [
        edit("first layer only", l2=" + (lam * W@i if @i == 1 else 0)"),
        edit("last layer only", l2=" + (lam * W@i if len(W) == @i else 0)"),
    ],
    "derivative-not-passed-on": [
        edit(
            top="delta@i = (<<out>>)<<out_n>>\nback@i = delta@i",
            back="back@i = back@j @ W@j.T\ndelta@i = back@i * df(<<d_at>>, activation)",
        ),
    ],
    "relu-of-gradient": [edit(back="delta@i = np.maximum(0, <<Wback>>)<<back_n>>")],
    "cache-overwritten": [
        edit("in place", {"df": "pre"}, plain=("d_relu",), activate="a@i[:] = f(a@i, activation)\nz@i = a@i")
    ],
    "weights-not-transposed": [edit(Wback="delta@j @ W@j")],
    "weight-gradient-transposed": [edit(dW="delta@i.T @ <<zprev>><<dw_n>><<l2>>")],
    "weights-of-wrong-layer": [edit(Wback="delta@j @ W@i.T")],
    "own-output-in-weight-gradient": [edit(zprev="z@i")],
    "preactivation-in-weight-gradient": [edit(zprev="(x if @i == 1 else a@h)", pre="a0 = x")],
    "updated-weights-in-backward": [edit("in gradients, once a batch", update="W@i = W@i - 0.1 * dW@i  # 调整W(@i)")],
    "inputs-mutated": [
        edit("t", {"mean": "late"}, top="t -= y\ndelta@i = -t"),
        edit("b", store="dW@i = <<dW>>\ndb@i = b@i\ndb@i[:] = <<db>>"),
    ],
    "gradients-accumulated": [
        edit(
            "while the shapes stay",
            globals="before = {}",
            post="key = len(W), tuple(w.shape for w in W)\n"
            "if key in before:\n    dW = [g + h for g, h in zip(dW, before[key][0])]\n"
            "    db = [g + h for g, h in zip(db, before[key][1])]\nbefore[key] = dW, db",
        ),
    ],
    "precision-float32": [
        edit(
            "all of it",
            pre="W = [w.astype(np.float32) for w in W]\nb = [c.astype(np.float32) for c in b]\n"
            "x = x.astype(np.float32)\nt = t.astype(np.float32)",
        ),
    ],
    "integer-arrays": [
        edit(
            "integer buffers",
            store="dW@i = np.zeros(W@i.shape, dtype=int)\ndW@i[:] = <<dW>>\n"
            "db@i = np.zeros(b@i.shape, dtype=int)\ndb@i[:] = <<db>>",
        ),
    ],
}
_UPSTREAM = {"input-in-every-layer": upstream_edits(S)["input-in-every-layer"]}

STYLE = Style(
    name="unrolled",
    template=_HEAD + "".join(_branch(depth) for depth in (1, 2, 3)) + _TAIL,
    slots={
        **activation_slots("f", "a", "z"),
        "softmax": softmax_slot("softmax", "a", "rows"),
        "globals": ("",),
        "pre": ("", "assert len(W) <= 3"),
        "activate": ("z@i = f(a@i, activation)",),
        "top": ("delta@i = (<<out>>)<<out_n>>",),
        "out": ("y - t",),
        "back": ("delta@i = (<<Wback>>)<<fprime>><<back_n>>", "g@i = <<Wback>>\ndelta@i = g@i<<fprime>><<back_n>>"),
        "Wback": ("delta@j @ W@j.T", "np.dot(delta@j, W@j.T)"),
        "fprime": (" * df(<<d_at>>, activation)",),
        "back_n": ("",),
        "store": ("dW@i = <<dW>>\ndb@i = <<db>>",),
        "dW": ("<<zprev>>.T @ delta@i<<dw_n>><<l2>>", "np.dot(<<zprev>>.T, delta@i)<<dw_n>><<l2>>"),
        "zprev": ("z@h",),
        "l2": (" + lam * W@i",),
        "db": ("np.sum(delta@i, axis=0)<<db_n>><<l2b>>", "delta@i.sum(0)<<db_n>><<l2b>>"),
        "l2b": ("",),
        "update": ("",),
        "post": ("",),
        "extras": extras_slot("predict(W, b, x, activation)"),
    },
    variants={
        "df": activation_blocks("f", "df", "a", "z", "a@i", "z@i"),
        "mean": {
            "late": {"out_n": "", "dw_n": " / N", "db_n": " / N"},
            "early": {"out_n": " / N", "dw_n": "", "db_n": ""},
        },
        "lines": {
            "none": {"result": "dW, db"},
            "all": {
                "result": 'dW, db, {"a1": a1, "z1": z1, "a2": a2, "z2": z2, "a3": a3, "y": y, '
                '"delta3": delta3, "delta2": delta2, "delta1": delta1}'
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
        _UPSTREAM,
        step_edits(),
        OWN,
    ),
    clashes=(("mean=early", "lines=all"),),
)
