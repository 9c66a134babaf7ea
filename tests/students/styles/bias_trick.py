"""The bias as one more row of theta, a column of ones beside the activations."""

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
from ..wrong import Letters, derivative_edits, gathered, l2_edits, mean_edits, output_edits

TEMPLATE = """\
import numpy as np


<<activations>>


<<softmax>>


<<globals>>


def add_ones(a):
    return np.hstack([a, np.ones((a.shape[0], 1))])


def hypothesis(thetas, X, activation):
    units = [<<ones>>]
    inputs = []
    for k, theta in enumerate(thetas):
        s = units[k] @ theta
        if k == len(thetas) - 1:
            units.append(softmax(s))
        else:
            <<activate>>
        inputs.append(s)
    return inputs, units


def gradients(W, b, x, t, activation, lam):
    <<pre>>
    m = x.shape[0]
    thetas = [np.vstack([w, c]) for w, c in zip(W, b)]
    <<call_forward>>
    h = units[-1]
    D = [None] * len(thetas)
    error = (<<out>>)<<out_n>>
    for k in range(len(thetas) - 1, -1, -1):
        theta = thetas[k]
        grad = <<grad>>
        <<regularise>>
        <<biases>>
        D[k] = grad
        <<update>>
        if k > 0:
            <<back>>
    <<post>>
    return <<result>>


<<extras>>
"""

S = Letters(
    W="theta[:-1]",
    b="theta[-1]",
    delta="error",
    z_below="units[k][:, :-1]",
    a_below="inputs[k - 1]",
    z_own="",
    y="h",
    t="t",
    a_out="inputs[-1]",
    up="inputs[k]",
    N="m",
    lam="lam",
    f="sigma",
    df="sigma_grad",
    kind="activation",
    x="",
    first="k == 0",
    last="k == len(thetas) - 1",
)


def _penalties() -> dict:
    """l2_edits as statements of their own: the slot l2 stands in `grad[:-1] += ...`."""
    edits = {
        k: [edit(e.note, l2=e.texts["l2"].removeprefix(" + ")) for e in v]
        for k, v in l2_edits(S).items()
        if "l2" in v[0].texts
    }
    edits["l2-missing"] = [edit(regularise=""), edit(regularise="# no regularisation for now")]
    edits["l2-sign"] = [edit(regularise="grad[:-1] -= lam * theta[:-1]")]
    return edits


OWN = {
    "mean-missing": [edit("", {"mean": "late"}, dw_n="")],
    "mean-twice": [edit("", {"mean": "early"}, dw_n=" / m")],
    "mean-missing-biases": [edit("", {"mean": "late"}, biases="grad[-1] = error.sum(axis=0)")],
    "mean-missing-weights": [edit("", {"mean": "late"}, dw_n="", biases="grad[-1] /= m")],
    "bias-mean-again": [edit("", {"mean": "early"}, biases="grad[-1] = error.mean(axis=0)")],
    "integer-arrays": [
        edit("integer buffers", result="[g[:-1].astype(int) for g in D], [g[-1].astype(int) for g in D]")
    ],
    "l2-on-biases": [
        edit(regularise="grad += lam * theta"),
        edit(grad="<<product>><<dw_n>> + lam * theta", regularise=""),
    ],
    "derivative-not-passed-on": [
        edit(
            back=(
                "back = (back if k < len(thetas) - 1 else error) @ theta[:-1].T\n"
                "error = back * sigma_grad(<<d_at>>, activation)"
            )
        ),
    ],
    "relu-of-gradient": [edit(back="error = np.maximum(<<Wback>>, 0)<<back_n>>")],
    "cache-overwritten": [
        edit(
            "in place",
            {"df": "pre"},
            plain=("d_relu",),
            activate="s[:] = sigma(s, activation)\nunits.append(add_ones(s))",
        )
    ],
    "weights-not-transposed": [edit(Wback="error @ theta[:-1]")],
    "weights-of-wrong-layer": [edit(Wback="error @ thetas[k - 1][:-1].T")],
    "input-in-every-layer": [edit(product="units[0].T @ error")],
    "preactivation-in-weight-gradient": [edit(product="(add_ones(inputs[k - 1]) if k > 0 else units[0]).T @ error")],
    "bias-summed-to-scalar": [edit("spread over the units", biases="grad[-1] = grad[-1].sum()")],
    "bias-not-summed": [edit("first sample only", biases="grad[-1] = error[0]<<dw_n>>")],
    "bias-gradient-zero": [
        edit(biases="grad[-1] = 0  # the bias unit is not connected"),
        edit(biases="grad[-1, :] = np.zeros(theta.shape[1])"),
    ],
    "updated-weights-in-backward": [
        edit("in gradients, once a batch", update="theta = theta - 0.1 * D[k]"),
        edit("in gradients, once a batch", update="alpha = 0.03\ntheta = thetas[k] - alpha * grad"),
    ],
    "inputs-mutated": [
        edit("t", {"mean": "late"}, out="np.subtract(h, t, out=t)"),
        edit(
            "W and b",
            post="for w, c, g in zip(W, b, D):\n    w[...] = w - 0.01 * g[:-1]\n    c[...] = c - 0.01 * g[-1]",
        ),
    ],
    "cache-stale": [
        edit(
            "by shapes",
            globals="stored = {}",
            call_forward="key = (activation, x.shape, *[th.shape for th in thetas])\n"
            "if key not in stored:\n    stored[key] = hypothesis(thetas, x, activation)\ninputs, units = stored[key]",
        ),
    ],
    "gradients-accumulated": [
        edit(
            "while the shapes stay",
            globals="Delta = {}",
            post="key = str([th.shape for th in thetas])\n"
            "D = Delta[key] = [g + old for g, old in zip(D, Delta.get(key, [0] * len(D)))]",
        ),
    ],
    "precision-float32": [
        edit(
            "all of it",
            pre="W = [w.astype(np.float32) for w in W]\nb = [c.astype(np.float32) for c in b]\n"
            "x, t = x.astype(np.float32), t.astype(np.float32)",
            ones="np.c_[X, np.ones(len(X), np.float32)]",
            activate="units.append(np.c_[sigma(s, activation), np.ones(len(X), np.float32)])",
        ),
    ],
}

STYLE = Style(
    name="bias-trick",
    template=TEMPLATE,
    slots={
        **activation_slots("sigma", "s", "u"),
        "softmax": softmax_slot("softmax", "s", "rows"),
        "globals": ("",),
        "ones": ("add_ones(X)", "np.c_[X, np.ones(len(X))]"),
        "activate": ("units.append(add_ones(sigma(s, activation)))",),
        "pre": ("",),
        "call_forward": ("inputs, units = hypothesis(thetas, x, activation)",),
        "out": ("h - t",),
        "product": ("units[k].T @ error", "np.dot(units[k].T, error)"),
        "grad": ("<<product>><<dw_n>>", "(<<product>>)<<dw_n>>"),
        "regularise": ("grad[:-1] += <<l2>>", "grad[:-1, :] = grad[:-1, :] + <<l2>>"),
        "l2": ("lam * theta[:-1]", "theta[:-1] * lam"),
        "biases": ("",),
        "update": ("",),
        "back": ("error = (<<Wback>>)<<fprime>><<back_n>>",),
        "Wback": ("error @ theta[:-1].T", "(error @ theta.T)[:, :-1]"),
        "fprime": (" * sigma_grad(<<d_at>>, activation)",),
        "back_n": ("",),
        "post": ("",),
        "extras": extras_slot("hypothesis([np.vstack([w, c]) for w, c in zip(W, b)], x, activation)[1][-1]"),
    },
    variants={
        "df": activation_blocks("sigma", "sigma_grad", "s", "u", "inputs[k - 1]", "units[k][:, :-1]"),
        "mean": {"late": {"out_n": "", "dw_n": " / m"}, "early": {"out_n": " / m", "dw_n": ""}},
        "lines": {
            "none": {"result": "[g[:-1] for g in D], [g[-1] for g in D]"},
            "none-copies": {"result": "[g[:-1].copy() for g in D], [g[-1].copy() for g in D]"},
        },
    },
    mistakes=gathered(
        activation_edits("sigma", "s", "u"),
        softmax_edits("softmax", "s", "rows"),
        output_edits(S),
        {k: v for k, v in mean_edits(S).items() if k in ("mean-per-layer",)},
        {"mean-missing": [edit("", {"mean": "early"}, out_n="")]},
        {k: v for k, v in _penalties().items() if k not in OWN},
        derivative_edits(S),
        step_edits(),
        OWN,
    ),
)
