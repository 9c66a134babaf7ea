"""Explicit dictionaries, parameters["W1"], caches["Z1"], grads["dW1"], with Z before and A after the activation."""

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


def init_parameters(W, b):
    parameters = {}
    for l, (weight, bias) in enumerate(zip(W, b), start=1):
        parameters[f"W{l}"] = <<weight>>
        parameters[f"b{l}"] = bias
    return parameters


def forward_propagation(X, parameters, activation):
    """LINEAR -> ACTIVATION, ..., LINEAR -> SOFTMAX"""
    L = len(parameters) // 2
    caches = {"A0": X}
    for l in range(1, L + 1):
        Z = np.dot(caches[f"A{l - 1}"], parameters[f"W{l}"]) + parameters[f"b{l}"]
        <<activate>>
        caches[f"Z{l}"] = Z
        caches[f"A{l}"] = A
    return caches


def backward_propagation(Y, parameters, caches, activation, lambd):
    m = Y.shape[0]
    L = len(parameters) // 2
    grads = {}
    <<alloc>>
    <<out_stmt>>
    for l in range(L, 0, -1):
        # dZ: (m, units of layer l)
        grads[f"dZ{l}"] = dZ
        <<store>>
        <<update>>
        if l > 1:
            <<back>>
    <<post>>
    return grads


def gradients(W, b, x, t, activation, lam):
    <<pre>>
    parameters = init_parameters(W, b)
    <<call_forward>>
    grads = backward_propagation(t, parameters, caches, activation, lam)
    L = len(W)
    dW = [grads[f"dW{l}"] for l in range(1, L + 1)]
    db = [grads[f"db{l}"] for l in range(1, L + 1)]
    return <<result>>


<<extras>>
'''

S = Letters(
    W='parameters[f"W{l}"]',
    b='parameters[f"b{l}"]',
    delta="dZ",
    z_below='caches[f"A{l - 1}"]',
    a_below='caches[f"Z{l - 1}"]',
    z_own='caches[f"A{l}"]',
    y='caches[f"A{L}"]',
    t="Y",
    a_out='caches[f"Z{L}"]',
    up='caches[f"Z{l}"]',
    N="m",
    lam="lambd",
    f="activate",
    df="activate_backward",
    kind="activation",
    x='caches["A0"]',
    first="l == 1",
    last="l == L",
)
_STEP = """\
def step(W, b, x, t, activation, lam, eta):
    parameters = init_parameters(W, b)
    caches = forward_propagation(x, parameters, activation)
    m, L = x.shape[0], len(W)
    dZ = caches[f"A{L}"] - t
    for l in range(L, 0, -1):
        dW = (1 / m) * np.dot(caches[f"A{l - 1}"].T, dZ) + lam * parameters[f"W{l}"]
        db = (1 / m) * np.sum(dZ, axis=0)
        # update parameters
        parameters[f"W{l}"] = parameters[f"W{l}"] - eta * dW
        parameters[f"b{l}"] = parameters[f"b{l}"] - eta * db
        if l > 1:
            dZ = np.dot(dZ, parameters[f"W{l}"].T) * activate_backward(<<d_at>>, activation)
    return [parameters[f"W{l}"] for l in range(1, L + 1)], [parameters[f"b{l}"] for l in range(1, L + 1)]
"""

OWN = {
    "mean-missing": [edit("", {"mean": "front"}, dw_front="", db_n="")],
    "mean-missing-weights": [edit("", {"mean": "front"}, dw_front="")],
    "derivative-not-passed-on": [
        edit(
            back='dA = np.dot(grads[f"dA{l}"] if l < L else dZ, parameters[f"W{l}"].T)\n'
            'grads[f"dA{l - 1}"] = dA\ndZ = dA * activate_backward(<<d_at>>, activation)'
        ),
    ],
    "relu-of-gradient": [edit(back="dA = <<Wback>>\ndZ = np.maximum(0, dA)<<back_n>>")],
    "cache-overwritten": [
        edit(
            "in place",
            {"df": "pre"},
            plain=("d_relu",),
            activate="if l < L:\n    Z[:] = activate(Z, activation)\n    A = Z\nelse:\n    A = softmax(Z)",
        ),
    ],
    "weights-not-transposed": [edit(Wback='np.dot(dZ, parameters[f"W{l}"])'), edit(Wback='dZ @ parameters[f"W{l}"]')],
    "weight-gradient-transposed": [edit(dW="<<dw_front>>np.dot(dZ.T, <<zprev>>)<<dw_n>><<l2>>")],
    "weights-of-wrong-layer": [
        edit(Wback='np.dot(dZ, parameters[f"W{l - 1}"].T)'),
        edit(Wback='np.dot(dZ, parameters.get(f"W{l + 1}", parameters[f"W{l}"]).T)'),
    ],
    "updated-weights-in-backward": [
        edit("in gradients, once a batch", update='parameters[f"W{l}"] = parameters[f"W{l}"] - 0.05 * grads[f"dW{l}"]'),
        edit("in step, once a batch", extras=_STEP),
    ],
    "inputs-mutated": [
        edit(
            "b",
            alloc='for l in range(1, L + 1):\n    grads[f"db{l}"] = parameters[f"b{l}"]',
            store='grads[f"dW{l}"] = <<dW>>\ngrads[f"db{l}"][...] = <<db>>',
        ),
        edit("the list of W", pre="W.insert(0, None)  # so that W[1] is the first layer\nW = W[1:]"),
    ],
    "cache-stale": [
        edit(
            "by the shape of x",
            globals="_caches = {}",
            call_forward="if x.shape not in _caches:\n    _caches[x.shape] = forward_propagation(x, parameters, "
            "activation)\ncaches = _caches[x.shape]",
        ),
        edit(
            "by shapes and activation",
            globals="CACHE = {}",
            call_forward="key = str([w.shape for w in W]) + str(x.shape) + activation\n"
            "caches = CACHE.setdefault(key, None) or forward_propagation(x, parameters, activation)\n"
            "CACHE[key] = caches",
        ),
    ],
    "gradients-accumulated": [
        edit(
            "while the shapes stay",
            globals="total = {}",
            post='for key in [k for k in grads if k[1] != "Z"]:\n'
            "    if key in total and total[key].shape == grads[key].shape:\n"
            "        total[key] = total[key] + grads[key]\n    else:\n        total[key] = grads[key]\n"
            "    grads[key] = total[key]",
        ),
    ],
    "precision-float32": [
        edit(
            "all of it",
            pre="W = [np.array(w, dtype='float32') for w in W]\n"
            "b = [np.array(c, dtype='float32') for c in b]\nx = x.astype('float32')\nt = t.astype('float32')",
        ),
        edit(
            "weights and biases kept in float32, and so on from there",
            pre="to32 = np.float32\nW, b, x, t = [to32(w) for w in W], [to32(c) for c in b], to32(x), to32(t)",
        ),
    ],
    "integer-arrays": [
        edit(
            "integer buffers",
            alloc="for l in range(1, L + 1):\n"
            '    grads[f"dW{l}"] = np.zeros(parameters[f"W{l}"].shape, dtype=np.int64)\n'
            '    grads[f"db{l}"] = np.zeros(parameters[f"b{l}"].shape, dtype=np.int64)',
            store='grads[f"dW{l}"][...] = <<dW>>\ngrads[f"db{l}"][...] = <<db>>',
        ),
    ],
}

STYLE = Style(
    name="caches",
    template=TEMPLATE,
    slots={
        **activation_slots("activate", "Z", "A"),
        "softmax": softmax_slot("softmax", "Z", "rows"),
        "globals": ("",),
        "weight": ("weight", "np.array(weight, dtype=np.float64)"),
        "activate": (
            "A = softmax(Z) if l == L else activate(Z, activation)",
            "if l < L:\n    A = activate(Z, activation)\nelse:\n    A = softmax(Z)",
        ),
        "pre": ("", "assert len(W) == len(b)", "# x: (m, D), t: (m, K)"),
        "call_forward": ("caches = forward_propagation(x, parameters, activation)",),
        "alloc": ("",),
        "out_stmt": ("dZ = (<<out>>)<<out_n>>",),
        "out": ('caches[f"A{L}"] - Y', 'np.subtract(caches[f"A{L}"], Y)'),
        "store": ('grads[f"dW{l}"] = <<dW>>\ngrads[f"db{l}"] = <<db>>',),
        "dW": ("<<dw_front>>np.dot(<<zprev>>.T, dZ)<<dw_n>><<l2>>", "<<dw_front>>(<<zprev>>.T @ dZ)<<dw_n>><<l2>>"),
        "zprev": ('caches[f"A{l - 1}"]',),
        "l2": (' + lambd * parameters[f"W{l}"]',),
        "db": (
            "np.sum(dZ, axis=0)<<db_n>><<l2b>>",
            "np.squeeze(np.sum(dZ, axis=0, keepdims=True), axis=0)<<db_n>><<l2b>>",
            "dZ.T.sum(axis=1)<<db_n>><<l2b>>",
        ),
        "l2b": ("",),
        "update": ("",),
        "back": (
            "dA = <<Wback>>\ndZ = dA<<fprime>><<back_n>>",
            'grads[f"dA{l - 1}"] = <<Wback>>\ndZ = grads[f"dA{l - 1}"]<<fprime>><<back_n>>',
        ),
        "Wback": ('np.dot(dZ, parameters[f"W{l}"].T)', 'dZ @ np.transpose(parameters[f"W{l}"])'),
        "fprime": (" * activate_backward(<<d_at>>, activation)",),
        "back_n": ("",),
        "post": ("",),
        "extras": extras_slot('forward_propagation(x, init_parameters(W, b), activation)[f"A{len(W)}"]'),
    },
    variants={
        "df": activation_blocks(
            "activate", "activate_backward", "Z", "A", 'caches[f"Z{l - 1}"]', 'caches[f"A{l - 1}"]'
        ),
        "mean": {
            "late": {"out_n": "", "dw_front": "", "dw_n": " / m", "db_n": " / m"},
            "front": {"out_n": "", "dw_front": "1.0 / m * ", "dw_n": "", "db_n": " / m"},
            "early": {"out_n": " / m", "dw_front": "", "dw_n": "", "db_n": ""},
        },
        "lines": {
            "none": {"result": "dW, db"},
            "some": {"result": 'dW, db, {**{f"a{l}": caches[f"Z{l}"] for l in range(1, L + 1)}, "y": caches[f"A{L}"]}'},
            "all": {
                "result": 'dW, db, {**{f"z{l}": caches[f"A{l}"] for l in range(1, L)}, "y": caches[f"A{L}"], '
                '**{f"delta{l}": grads[f"dZ{l}"] for l in range(1, L + 1)}}'
            },
        },
    },
    mistakes=gathered(
        activation_edits("activate", "Z", "A"),
        softmax_edits("softmax", "Z", "rows"),
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
