"""One sample after the other, gradients summed up (deck 001), vectors and np.outer."""

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
from ..wrong import Letters, derivative_edits, gathered, l2_edits, mean_edits, output_edits, upstream_edits

TEMPLATE = '''\
import numpy as np


<<activations>>


<<softmax>>


<<globals>>


def forward_one(W, b, xn, activation):
    """one sample: xn (D,)"""
    pre, out = [], [xn]
    for k in range(len(W)):
        s = <<affine>>
        if k < len(W) - 1:
            <<activate>>
        else:
            out.append(softmax(s))
        pre.append(s)
    return pre, out


def gradients(W, b, x, t, activation, lam):
    <<pre>>
    n_layers = len(W)
    N = len(x)
    # 累加每个样本的梯度
    <<alloc>>
    for n in range(N):
        xn, tn = x[n], t[n]
        <<call_forward>>
        yn = out[-1]
        d = (<<out>>)<<out_n>>
        for k in range(n_layers - 1, -1, -1):
            <<accumulate>>
            <<update>>
            if k > 0:
                <<back>>
    dW, db = [], []
    for k in range(n_layers):
        <<finish>>
    return <<result>>


<<extras>>
'''

S = Letters(
    W="W[k]",
    b="b[k]",
    delta="d",
    z_below="out[k]",
    a_below="pre[k - 1]",
    z_own="out[k + 1]",
    y="yn",
    t="tn",
    a_out="pre[-1]",
    up="pre[k]",
    N="N",
    lam="lam",
    f="act",
    df="dact",
    kind="activation",
    x="xn",
    first="k == 0",
    last="k == n_layers - 1",
    layout="vector",
)

_COPY = "W = [np.array(w) for w in W]\nb = [np.array(c) for c in b]"
_SGD = """\
def step(W, b, x, t, activation, lam, eta):
    W = [np.array(w) for w in W]
    b = [np.array(c) for c in b]
    for xn, tn in zip(x, t):
        pre, out = forward_one(W, b, xn, activation)
        d = out[-1] - tn
        for k in range(len(W) - 1, -1, -1):
            W[k] = W[k] - eta * (np.outer(out[k], d) + lam * W[k])
            b[k] = b[k] - eta * d
            if k > 0:
                d = (W[k] @ d) * dact(<<d_at>>, activation)
    return W, b
"""
_SGD_SMALL = _SGD.replace(
    "eta * (np.outer(out[k], d) + lam * W[k])", "eta / len(x) * (np.outer(out[k], d) + lam * W[k])"
)

OWN = {
    "derivative-not-passed-on": [
        edit(back="back = W[k] @ (d if k == n_layers - 1 else back)\nd = back * dact(<<d_at>>, activation)"),
    ],
    "relu-of-gradient": [edit(back="d = np.maximum(0, <<Wback>>)<<back_n>>")],
    "cache-overwritten": [
        edit("in place", {"df": "pre"}, plain=("d_relu",), activate="s[:] = act(s, activation)\nout.append(s)"),
    ],
    "weights-not-transposed": [edit(Wback="W[k].T @ d"), edit(Wback="d @ W[k]")],
    "weight-gradient-transposed": [edit(outer="np.outer(d, <<zprev>>)")],
    "weights-of-wrong-layer": [edit(Wback="W[k - 1] @ d")],
    "bias-not-summed": [edit("first sample only", accumulate="sum_W[k] += <<outer>>\nif n == 0:\n    sum_b[k] += d")],
    "bias-summed-to-scalar": [
        edit("spread over the units", accumulate="sum_W[k] += <<outer>>\nsum_b[k] += d.sum()"),
        edit("spread over the units", accumulate="sum_W[k] = sum_W[k] + <<outer>>\nsum_b[k] = sum_b[k] + np.sum(d)"),
    ],
    "bias-gradient-zero": [edit(accumulate="sum_W[k] += <<outer>>  # TODO bias")],
    "updated-weights-in-backward": [
        edit(
            "in gradients, after each sample, weights only",
            pre="W_old, W = W, list(W)",
            l2=" + lam * W_old[k]",
            update="W[k] = W[k] - 0.05 * <<outer>>",
        ),
        edit(
            "in gradients, after each sample, lambda on the stepped W",
            {"df": "pre"},
            pre=_COPY,
            update="W[k] = W[k] - 0.1 * <<outer>>\nb[k] = b[k] - 0.1 * d",
        ),
        edit("in step, after each sample", extras=_SGD),
        edit("in step, after each sample, eta / N", extras=_SGD_SMALL),
    ],
    "step-repeated": [STEP_REPEATED_FRESH],
    "inputs-mutated": [
        edit("t", {"mean": "late"}, pre="", out="-np.subtract(tn, yn, out=tn)"),
        edit(
            "x",
            pre="",
            call_forward="pre, out = forward_one(W, b, xn, activation)\nxn = out[0]",
            accumulate="sum_W[k] += <<outer>>\nsum_b[k] += d\nif k == 0:\n    out[0] *= 0  # free the memory",
        ),
    ],
    "cache-stale": [
        edit(
            "by index and shapes",
            globals="seen = {}",
            call_forward="key = (n, x.shape, activation) + tuple(w.shape for w in W)\nif key not in seen:\n"
            "    seen[key] = forward_one(W, b, xn, activation)\npre, out = seen[key]",
        ),
    ],
    "gradients-accumulated": [
        edit(
            "while the shapes stay",
            globals="sum_W, sum_b = [], []",
            alloc="if [s.shape for s in sum_W] != [w.shape for w in W]:\n"
            "    sum_W[:] = [np.zeros(w.shape) for w in W]\n"
            "    sum_b[:] = [np.zeros(c.shape) for c in b]",
        ),
        edit(
            "default arguments",
            globals="def zeros_like(params, made={}):\n    key = tuple(p.shape for p in params)\n"
            "    if key not in made:\n        made[key] = [np.zeros(p.shape) for p in params]\n    return made[key]",
            alloc="sum_W, sum_b = zeros_like(W), zeros_like(b)",
        ),
    ],
    "precision-float32": [
        edit(
            "all of it",
            pre="W = [w.astype('float32') for w in W]\nb = [c.astype('float32') for c in b]\n"
            "x, t = x.astype('float32'), t.astype('float32')",
            alloc="sum_W = [np.zeros(w.shape, 'float32') for w in W]\n"
            "sum_b = [np.zeros(c.shape, 'float32') for c in b]",
        ),
    ],
    "integer-arrays": [
        edit(
            "integer buffers at the end",
            finish="gW = np.zeros(W[k].shape, dtype=int)\ngb = np.zeros(b[k].shape, dtype=int)\n"
            "gW[:] = sum_W[k]<<dw_n>><<l2>>\ngb[:] = sum_b[k]<<db_n>>\ndW.append(gW)\ndb.append(gb)",
        ),
    ],
}

STYLE = Style(
    name="samples",
    template=TEMPLATE,
    slots={
        **activation_slots("act", "s", "o"),
        "softmax": softmax_slot("softmax", "s", "vector"),
        "globals": ("",),
        "affine": ("W[k].T @ out[k] + b[k]", "out[k] @ W[k] + b[k]", "np.dot(out[k], W[k]) + b[k]"),
        "activate": ("out.append(act(s, activation))",),
        "pre": ("", "x = np.array(x)\nt = np.array(t)"),
        "alloc": (
            "sum_W = [np.zeros(w.shape) for w in W]\nsum_b = [np.zeros(c.shape) for c in b]",
            "sum_W = [np.zeros_like(w) for w in W]\nsum_b = [0.0 * c for c in b]",
        ),
        "call_forward": ("pre, out = forward_one(W, b, xn, activation)",),
        "out": ("yn - tn", "yn - 1.0 * tn"),
        "accumulate": (
            "sum_W[k] += <<outer>>\nsum_b[k] += d",
            "sum_W[k] = sum_W[k] + <<outer>>\nsum_b[k] = sum_b[k] + d",
        ),
        "outer": (
            "np.outer(<<zprev>>, d)",
            "<<zprev>>[:, None] * d[None, :]",
            "<<zprev>>.reshape(-1, 1) @ d.reshape(1, -1)",
        ),
        "zprev": ("out[k]",),
        "update": ("",),
        "back": ("d = (<<Wback>>)<<fprime>><<back_n>>",),
        "Wback": ("W[k] @ d", "d @ W[k].T", "np.dot(W[k], d)"),
        "fprime": (" * dact(<<d_at>>, activation)",),
        "back_n": ("",),
        "finish": ("dW.append(sum_W[k]<<dw_n>><<l2>>)\ndb.append(sum_b[k]<<db_n>><<l2b>>)",),
        "l2": (" + lam * W[k]",),
        "l2b": ("",),
        "extras": extras_slot("np.array([forward_one(W, b, xn, activation)[1][-1] for xn in x])"),
    },
    variants={
        "df": activation_blocks("act", "dact", "s", "o", "pre[k - 1]", "out[k]"),
        "mean": {
            "late": {"out_n": "", "dw_n": " / N", "db_n": " / N"},
            "early": {"out_n": " / N", "dw_n": "", "db_n": ""},
        },
        "lines": {"none": {"result": "dW, db"}, "none-tuple": {"result": "(tuple(dW), tuple(db))"}},
    },
    mistakes=gathered(
        activation_edits("act", "s", "o"),
        softmax_edits("softmax", "s", "vector"),
        output_edits(S),
        mean_edits(S),
        l2_edits(S),
        derivative_edits(S),
        upstream_edits(S),
        step_edits(),
        OWN,
    ),
)
