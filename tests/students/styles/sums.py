"""Everything as np.einsum, letters for the indices."""

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

TEMPLATE = """\
import numpy as np

# n: sample, i: unit below, o: unit of this layer


<<activations>>


<<softmax>>


<<globals>>


def forward_pass(W, b, x, activation):
    act, lin, h = [x], [], x
    for k, (w, c) in enumerate(zip(W, b)):
        u = np.einsum("ni,io->no", h, w) + c
        <<activate>>
        lin.append(u)
        act.append(h)
    return lin, act


def gradients(W, b, x, t, activation, lam):
    <<pre>>
    n_samples, depth = x.shape[0], len(W)
    <<call_forward>>
    y = act[depth]
    grad_W, grad_b = {}, {}
    err = (<<out>>)<<out_n>>
    k = depth - 1
    while True:
        <<store>>
        <<update>>
        if k == 0:
            break
        <<back>>
        k -= 1
    <<post>>
    return <<result>>


<<extras>>
"""

S = Letters(
    W="W[k]",
    b="b[k]",
    delta="err",
    z_below="act[k]",
    a_below="lin[k - 1]",
    z_own="act[k + 1]",
    y="y",
    t="t",
    a_out="lin[-1]",
    up="lin[k]",
    N="n_samples",
    lam="lam",
    f="squash",
    df="squash_slope",
    kind="activation",
    x="x",
    first="k == 0",
    last="k == depth - 1",
)

OWN = {
    "derivative-not-passed-on": [
        edit(
            back="raw = np.einsum('no,io->ni', err if k == depth - 1 else raw, W[k])\n"
            "err = raw * squash_slope(<<d_at>>, activation)"
        ),
    ],
    "relu-of-gradient": [edit(back="err = np.clip(<<Wback>>, 0, None)<<back_n>>")],
    "cache-overwritten": [
        edit(
            "in place",
            {"df": "pre"},
            plain=("d_relu",),
            activate="if k + 1 < len(W):\n    u[...] = squash(u, activation)\n    h = u\nelse:\n    h = softmax(u)",
        ),
    ],
    "weights-not-transposed": [edit(Wback="np.einsum('no,oi->ni', err, W[k])")],
    "weight-gradient-transposed": [edit(dW="np.einsum('no,ni->oi', err, <<zprev>>)<<dw_n>><<l2>>")],
    "weights-of-wrong-layer": [edit(Wback="np.einsum('no,io->ni', err, W[k - 1])")],
    "bias-not-summed": [edit("not summed at all", db="np.einsum('no->no', err)<<db_n>>")],
    "bias-summed-to-scalar": [edit("a scalar", db="np.einsum('no->', err)<<db_n>>")],
    "bias-wrong-axis": [edit(db="np.einsum('no->n', err)<<db_n>>")],
    "updated-weights-in-backward": [
        edit("in gradients, once a batch", pre="W = [1.0 * w for w in W]", update="W[k] -= 0.1 * grad_W[k]"),
    ],
    "inputs-mutated": [
        edit("t", {"mean": "late"}, out="np.negative(np.subtract(t, y, out=t), out=t)"),
    ],
    "cache-stale": [
        edit(
            "by shapes",
            globals="cached = {}",
            call_forward="key = (activation, x.shape, *[w.shape for w in W])\n"
            "if key not in cached:\n    cached[key] = forward_pass(W, b, x, activation)\nlin, act = cached[key]",
        ),
    ],
    "gradients-accumulated": [
        edit(
            "while the shapes stay",
            globals="history = {}",
            post="key = (activation, *[w.shape for w in W])\n"
            "for k in range(depth):\n"
            "    grad_W[k] = history[key + (k, 'W')] = history.get(key + (k, 'W'), 0) + grad_W[k]\n"
            "    grad_b[k] = history[key + (k, 'b')] = history.get(key + (k, 'b'), 0) + grad_b[k]",
        ),
    ],
    "precision-float32": [
        edit(
            "all of it",
            pre="f32 = lambda v: np.asarray(v, dtype=np.float32)\nW, b = list(map(f32, W)), list(map(f32, b))\n"
            "x, t = f32(x), f32(t)",
        ),
    ],
    "integer-arrays": [
        edit(
            "integer buffers",
            pre="big = [np.zeros_like(w, dtype=int) for w in W]\nsmall = [np.zeros_like(c, dtype=int) for c in b]",
            post="for k in range(depth):\n    big[k][:] = grad_W[k]\n"
            "    small[k][:] = grad_b[k]\n    grad_W[k], grad_b[k] = big[k], small[k]",
        ),
    ],
}

STYLE = Style(
    name="einsum",
    template=TEMPLATE,
    slots={
        **activation_slots("squash", "u", "h"),
        "softmax": softmax_slot("softmax", "u", "rows"),
        "globals": ("",),
        "activate": ("h = squash(u, activation) if k + 1 < len(W) else softmax(u)",),
        "pre": ("", "x = x + 0.0"),
        "call_forward": ("lin, act = forward_pass(W, b, x, activation)",),
        "out": ("y - t", "np.einsum('no->no', y) - t"),
        "store": ("grad_W[k] = <<dW>>\ngrad_b[k] = <<db>>",),
        "dW": (
            "np.einsum('ni,no->io', <<zprev>>, err)<<dw_n>><<l2>>",
            "np.einsum('no,ni->io', err, <<zprev>>)<<dw_n>><<l2>>",
        ),
        "zprev": ("act[k]",),
        "l2": (" + lam * W[k]", " + np.multiply(lam, W[k])"),
        "db": (
            "np.einsum('no->o', err)<<db_n>><<l2b>>",
            "np.einsum('no,n->o', err, np.ones(n_samples))<<db_n>><<l2b>>",
        ),
        "l2b": ("",),
        "update": ("",),
        "back": ("err = (<<Wback>>)<<fprime>><<back_n>>",),
        "Wback": ("np.einsum('no,io->ni', err, W[k])",),
        "fprime": (" * squash_slope(<<d_at>>, activation)",),
        "back_n": ("",),
        "post": ("",),
        "extras": extras_slot("forward_pass(W, b, x, activation)[1][-1]"),
    },
    variants={
        "df": activation_blocks("squash", "squash_slope", "u", "h", "lin[k - 1]", "act[k]"),
        "mean": {
            "late": {"out_n": "", "dw_n": " / n_samples", "db_n": " / n_samples"},
            "early": {"out_n": " / n_samples", "dw_n": "", "db_n": ""},
        },
        "lines": {
            "none": {"result": "[grad_W[k] for k in range(depth)], [grad_b[k] for k in range(depth)]"},
            "some": {
                "result": "[grad_W[k] for k in range(depth)], [grad_b[k] for k in range(depth)], {'a1': lin[0], 'y': y}"
            },
        },
    },
    mistakes=gathered(
        activation_edits("squash", "u", "h"),
        softmax_edits("softmax", "u", "rows"),
        output_edits(S),
        mean_edits(S),
        l2_edits(S),
        bias_edits(S),
        derivative_edits(S),
        upstream_edits(S),
        step_edits(),
        OWN,
    ),
)
