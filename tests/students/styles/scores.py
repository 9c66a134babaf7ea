"""As the assignments of a well-known course have it: scores, probs, dscores, dhidden, params, masks set in place."""

from dataclasses import replace

from ..blocks import extras_slot, softmax_edits, softmax_slot, step_edits
from ..template import Style, edit
from ..wrong import Letters, bias_edits, gathered, l2_edits, output_edits

TEMPLATE = '''\
import numpy as np


<<softmax>>


<<globals>>


def affine_forward(x, w, b):
    out = x.dot(w) + b
    return out, (x, w, b)


def affine_backward(dout, cache):
    """Computes the backward pass for an affine layer.

    - dout: Upstream derivative, of shape (N, M)
    - cache: x (N, D), w (D, M), b (M,)
    """
    x, w, b = cache
    dx = <<Wback>>
    dw = <<dw>>
    db = <<db>>
    return dx, dw, db


def nonlinearity_forward(x, kind):
    if kind == "relu":
        out = np.maximum(0, x)
    elif kind == "tanh":
        out = np.tanh(x)
    else:
        out = 1 / (1 + np.exp(-x))
    return out, (x, out, kind)


def nonlinearity_backward(dout, cache):
    x, out, kind = cache
    <<derivative>>
    return dx


def run(W, b, X, activation):
    hidden, caches = X, []
    for i in range(len(W) - 1):
        scores, fc_cache = affine_forward(hidden, W[i], b[i])
        <<nonlinearity>>
        caches.append((fc_cache, act_cache))
    scores, fc_cache = affine_forward(hidden, W[-1], b[-1])
    caches.append((fc_cache, None))
    return scores, softmax(scores), caches


def gradients(W, b, x, t, activation, lam):
    <<pre>>
    N, num_layers = x.shape[0], len(W)
    reg = lam
    <<call_run>>
    grads = {}
    # backward pass
    <<dscores>>
    dout = dscores
    for i in reversed(range(num_layers)):
        fc_cache, act_cache = caches[i]
        if act_cache is not None:
            <<through>>
        <<affine>>
        <<add>>
        <<update>>
        dout = dout<<back_n>>
    dW = [grads["W%d" % (i + 1)] for i in range(num_layers)]
    db = [grads["b%d" % (i + 1)] for i in range(num_layers)]
    <<post>>
    return <<result>>


<<extras>>
'''

S = Letters(
    W="W[i]",
    b="b[i]",
    delta="dout",
    z_below="x",
    a_below="",
    z_own="",
    y="probs",
    t="t",
    a_out="scores",
    up="",
    N="N",
    lam="reg",
    f="",
    df="",
    kind="",
    x="",
    first="i == 0",
    last="i == num_layers - 1",
)

_IF = """\
if kind == "relu":
    dx = {relu}
elif kind == "tanh":
    dx = {tanh}
else:
    dx = {sigmoid}"""
_MASK = """\
dx = dout.copy()
if kind == "relu":
    dx[{relu}] = 0
elif kind == "tanh":
    dx *= {tanh}
elif kind == "sigmoid":
    dx *= {sigmoid}"""
_RIGHT = {"relu": "dout * (x > 0)", "tanh": "dout * (1 - out ** 2)", "sigmoid": "dout * out * (1 - out)"}
_FACTORS = {"relu": "x <= 0", "tanh": "1 - out * out", "sigmoid": "out * (1 - out)"}


def _derivative(note: str = "", **wrong: str):
    return edit(note, derivative=_IF.format(**(_RIGHT | wrong)))


def _masked(note: str = "", **wrong: str):
    return edit(note, derivative=_MASK.format(**(_FACTORS | wrong)))


_X = "(x > 0)", "(1 - np.tanh(x) ** 2)", "1 / (1 + np.exp(-x)) * (1 - 1 / (1 + np.exp(-x)))"
_THROUGH = "dout = nonlinearity_backward(dout, act_cache)"
OWN = {
    "mean-missing": [edit(mean="")],
    "mean-twice": [edit(dw="x.T.dot(dout) / len(dout)", db="np.sum(dout, axis=0) / len(dout)")],
    "mean-per-layer": [edit(back_n=" / N")],
    "derivative-missing": [
        edit(through="pass"),
        _derivative("only tanh", tanh="dout"),
        _masked("only sigmoid", sigmoid="1"),
    ],
    "derivative-at-activation": [
        _derivative(
            relu="dout * (out > 0)",
            tanh="dout * (1 - np.tanh(out) ** 2)",
            sigmoid="dout / (1 + np.exp(-out)) * (1 - 1 / (1 + np.exp(-out)))",
        ),
        _derivative("only sigmoid", sigmoid="dout * np.exp(-out) / (1 + np.exp(-out)) ** 2"),
    ],
    "derivative-formula-of-preactivation": [
        _derivative(tanh="dout * (1 - x ** 2)", sigmoid="dout * x * (1 - x)"),
        _derivative("only tanh", tanh="dout * (1 - x ** 2)"),
        _masked("only sigmoid", sigmoid="x * (1 - x)"),
    ],
    "activation-for-derivative": [
        _derivative(relu="dout * out", tanh="dout * out", sigmoid="dout * out"),
        _derivative("only relu", relu="dout * np.maximum(0, x)"),
        _derivative("only tanh", tanh="dout * np.tanh(x)"),
        _derivative("only sigmoid", sigmoid="dout * out"),
    ],
    "derivative-twice": [
        edit(through="dout = nonlinearity_backward(nonlinearity_backward(dout, act_cache), act_cache)"),
        _masked("only tanh", tanh="(1 - out * out) ** 2"),
    ],
    "derivative-not-passed-on": [
        edit(
            through="upstream, dout = dout, nonlinearity_backward(dout, act_cache)",
            affine="dx, dw, db = affine_backward(dout, fc_cache)\nif act_cache is not None:\n"
            "    dx = affine_backward(upstream, fc_cache)[0]\ndout = dx",
        ),
    ],
    "relu-of-gradient": [edit(through="dout = np.maximum(0, dout)"), edit(through="dout = dout * (dout > 0)")],
    "relu-derivative-one": [_derivative(relu="dout * (out >= 0)"), _masked(relu="out < 0")],
    "relu-derivative-flipped": [_derivative(relu="dout * (x <= 0)"), _masked(relu="x > 0")],
    "sigmoid-derivative-everywhere": [
        edit(derivative="dx = dout * out * (1 - out)"),
        _derivative("only tanh", tanh="dout * out * (1 - out)"),
        _derivative("only relu", relu="dout * out * (1 - out)"),
    ],
    "tanh-derivative-of-output": [_derivative(tanh="dout * (1 - np.tanh(out) ** 2)")],
    "cache-overwritten": [
        edit(
            "in place",
            derivative=_IF.format(
                relu="dout * (x > 0)",
                tanh="dout * (1 - np.tanh(x) ** 2)",
                sigmoid="dout * np.exp(-x) / (1 + np.exp(-x)) ** 2",
            ),
            nonlinearity="scores[:] = nonlinearity_forward(scores, activation)[0]\n"
            "hidden, act_cache = scores, (scores, scores, activation)",
        ),
    ],
    "weights-not-transposed": [edit(Wback="dout.dot(w)")],
    "weight-gradient-transposed": [edit(dw="dout.T.dot(x)")],
    "own-output-in-weight-gradient": [
        edit(
            affine="dx, _, db = affine_backward(dout, fc_cache)\n"
            "dw = (act_cache[1] if act_cache else probs).T.dot(dout)\ndout = dx"
        )
    ],
    "input-in-every-layer": [
        edit(affine="dx, dw, db = affine_backward(dout, fc_cache)\ndw = X.T.dot(dout)\ndout = dx", pre="X = x")
    ],
    "weights-of-wrong-layer": [
        edit(affine="_, dw, db = affine_backward(dout, fc_cache)\ndout = dout.dot(W[max(i - 1, 0)].T)")
    ],
    "bias-mean-again": [edit(db="np.mean(dout, axis=0)"), edit(db="dout.sum(axis=0) / dout.shape[0]")],
    "updated-weights-in-backward": [
        edit(
            "in gradients, once a batch",
            affine="_, dw, db = affine_backward(dout, fc_cache)",
            Wback="dout.dot(w.T)",
            update='if i > 0:\n    w = W[i] - 0.1 * grads["W%d" % (i + 1)]  # sgd step\n    dout = dout.dot(w.T)',
        ),
    ],
    "inputs-mutated": [
        edit("t", dscores="dscores = t\ndscores -= probs\ndscores /= -N"),
        edit("x, the first row", post="x[0] = 0"),
    ],
    "cache-stale": [
        edit(
            "the weights of the first call too, by shapes",
            globals="cache = {}",
            call_run="key = (activation, x.shape) + tuple(w.shape for w in W)\n"
            "if key not in cache:\n    cache[key] = run(W, b, x, activation)\nscores, probs, caches = cache[key]",
        ),
    ],
    "gradients-accumulated": [
        edit(
            "while the shapes stay",
            globals="grads_of_last_call = {}",
            post="for i in range(num_layers):\n"
            "    for mine, key in ((dW, (i, num_layers, 'W', dW[i].shape)), (db, (i, num_layers, 'b', db[i].shape))):\n"
            "        mine[i] = mine[i] + grads_of_last_call.get(key, 0)\n        grads_of_last_call[key] = mine[i]",
        ),
    ],
    "precision-float32": [
        edit(
            "all of it",
            pre="dtype = np.float32\nx, t = x.astype(dtype), t.astype(dtype)\nW = [w.astype(dtype) for w in W]\n"
            "b = [v.astype(dtype) for v in b]",
        ),
    ],
    "integer-arrays": [
        edit(
            "integer buffers",
            add='grads["W%d" % (i + 1)] = np.zeros(W[i].shape, dtype=int)\n'
            'grads["W%d" % (i + 1)][:] = dw<<l2>>\n'
            'grads["b%d" % (i + 1)] = np.zeros(b[i].shape, dtype=int)\ngrads["b%d" % (i + 1)][:] = db',
        ),
    ],
}

# probs itself would be divided by N in place
_OUTPUT = output_edits(S) | {"target-missing": [edit(out="probs.copy()"), edit(out="np.array(probs)")]}
_BIASES = {k: [e for e in v if not e.given] for k, v in bias_edits(replace(S, b="b")).items()}

STYLE = Style(
    name="scores",
    template=TEMPLATE,
    slots={
        "softmax": softmax_slot("softmax", "scores", "rows"),
        "globals": ("",),
        "Wback": ("dout.dot(w.T)", "dout @ w.T"),
        "dw": ("x.T.dot(dout)", "np.dot(x.T, dout)"),
        "db": ("np.sum(dout, axis=0)", "dout.sum(axis=0)"),
        "derivative": (
            _IF.format(**_RIGHT),
            _MASK.format(**_FACTORS),
            _MASK.format(**(_FACTORS | {"relu": "out == 0"})),
            _IF.format(relu=f"dout * {_X[0]}", tanh=f"dout * {_X[1]}", sigmoid=f"dout * ({_X[2]})"),
        ),
        "nonlinearity": ("hidden, act_cache = nonlinearity_forward(scores, activation)",),
        "pre": ("", "# t is one-hot here, no need for np.arange"),
        "call_run": ("scores, probs, caches = run(W, b, x, activation)",),
        "dscores": ("dscores = <<out>>\n<<mean>>",),
        "out": ("probs - t", "probs.copy() - t"),
        "mean": ("dscores /= N", "dscores = dscores / N", "dscores *= 1.0 / N"),
        "through": (_THROUGH,),
        "affine": ("dout, dw, db = affine_backward(dout, fc_cache)",),
        "add": ('grads["W%d" % (i + 1)] = dw<<l2>>\ngrads["b%d" % (i + 1)] = db<<l2b>>',),
        "l2": (" + reg * W[i]",),
        "l2b": ("",),
        "update": ("",),
        "back_n": ("",),
        "db_n": ("",),
        "post": ("",),
        "extras": extras_slot("run(W, b, x, activation)[1]"),
    },
    variants={
        "lines": {"none": {"result": "dW, db"}, "some": {"result": 'dW, db, {"y": probs}'}},
    },
    mistakes=gathered(
        softmax_edits("softmax", "scores", "rows"),
        _OUTPUT,
        l2_edits(S),
        _BIASES,
        step_edits(),
        OWN,
    ),
)
