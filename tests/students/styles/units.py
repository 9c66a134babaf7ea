"""No arrays at all: loops over samples and units in plain Python floats."""

from ..template import Style, edit
from ..wrong import gathered

TEMPLATE = """\
import math

import numpy as np


def f(a, kind):
    if kind == "relu":
        return a if a > 0 else 0.0
    if kind == "tanh":
        return math.tanh(a)
    return 1.0 / (1.0 + math.exp(-a))


def df(<<v>>, kind):
    if kind == "relu":
        return <<relu>>
    if kind == "tanh":
        return <<tanh>>
    return <<sigmoid>>


<<softmax>>


<<globals>>


def forward_sample(W, b, sample, activation):
    a, z = [], [sample]
    for l in range(len(W)):
        al = []
        for j in range(len(b[l])):
            total = b[l][j]
            for i in range(len(z[l])):
                total += z[l][i] * W[l][i][j]
            al.append(total)
        <<activate>>
    return a, z


def zeros_like(v):
    return [zeros_like(u) for u in v] if isinstance(v, list) else <<zero>>


def gradients(W, b, x, t, activation, lam):
    W = [w.tolist() for w in W]
    b = [c.tolist() for c in b]
    x, t = x.tolist(), t.tolist()
    <<pre>>
    N, L = len(x), len(W)
    dW, db = <<alloc>>
    for n in range(N):
        <<call_forward>>
        y = z[L]
        K = len(y)
        delta = [0.0] * K
        for k in range(K):
            delta[k] = (<<out>>)<<out_n>>
        for l in range(L - 1, -1, -1):
            for j in range(len(delta)):
                <<add_b>>
                for i in range(len(z[l])):
                    <<add_W>>
            <<update>>
            if l > 0:
                below = []
                for i in range(len(z[l])):
                    s = 0.0
                    for j in range(len(delta)):
                        s += <<Wback>>
                    below.append((s)<<fprime>><<back_n>>)
                delta = below
    <<post>>
    # 平均, 再加上正则项
    for l in range(L):
        for j in range(len(b[l])):
            db[l][j] = <<db>>
            for i in range(len(W[l])):
                dW[l][i][j] = <<dW>>
    return [np.array(g) for g in dW], [np.array(g) for g in db]


<<extras>>
"""

_SOFTMAX = """\
def softmax(a):
    m = max(a)
    e = [math.exp(v - m) for v in a]
    return [v / sum(e) for v in e]"""
_SOFTMAX_LOG = """\
def softmax(a):
    top = max(a)
    log_sum = top + math.log(sum(math.exp(v - top) for v in a))
    return [math.exp(v - log_sum) for v in a]"""
_OVERFLOW = """\
def softmax(a):
    e = [np.exp(v) for v in a]
    return [v / sum(e) for v in e]"""

_LOGISTIC = "1.0 / (1.0 + math.exp(-a))"
_PRE, _POST = {"df": "pre"}, {"df": "post"}
_LATE, _EARLY = {"mean": "late"}, {"mean": "early"}
_FP = " * df(<<d_at>>, activation)"
_STEP = """\
def step(W, b, x, t, activation, lam, eta):
    dW, db = gradients(W, b, x, t, activation, lam)
    for l in range(len(W)):
        {body}
    return dW, db
"""
_SGD = """\
def step(W, b, x, t, activation, lam, eta):
    W = [w.tolist() for w in W]
    b = [c.tolist() for c in b]
    for sample, target in zip(x.tolist(), t.tolist()):
        a, z = forward_sample(W, b, sample, activation)
        delta = [yk - tk for yk, tk in zip(z[-1], target)]
        for l in range(len(W) - 1, -1, -1):
            for j in range(len(delta)):
                b[l][j] -= eta * delta[j]
                for i in range(len(z[l])):
                    W[l][i][j] -= eta * (z[l][i] * delta[j] + lam * W[l][i][j])
            if l > 0:
                # W[l] has been updated already
                delta = [sum(W[l][i][j] * delta[j] for j in range(len(delta))) * df(<<d_at>>, activation)
                         for i in range(len(z[l]))]
    return [np.array(w) for w in W], [np.array(c) for c in b]
"""
_OUT_LOGISTIC = "1 / (1 + math.exp(-a[-1][k]))"

MISTAKES = {
    "mean-missing": [edit("", _LATE, dw_n="", db_n=""), edit("", _EARLY, out_n="")],
    "mean-missing-weights": [edit("", _LATE, dw_n="")],
    "mean-missing-biases": [edit("", _LATE, db_n="")],
    "mean-twice": [edit("", _EARLY, dw_n=" / N", db_n=" / N")],
    "mean-per-layer": [edit(back_n=" / N")],
    "bias-mean-again": [edit("", _EARLY, db_n=" / N")],
    "mean-over-outputs": [edit(out="(y[k] - t[n][k]) / K"), edit("", _LATE, out_n=" / len(y)")],
    "factor-two": [edit(out="2 * (y[k] - t[n][k])"), edit("half", out="0.5 * (y[k] - t[n][k])")],
    "l2-missing": [edit(l2="")],
    "l2-doubled": [edit(l2=" + 2 * lam * W[l][i][j]")],
    "l2-halved": [edit(l2=" + lam * W[l][i][j] / 2")],
    "l2-over-n": [edit(l2=" + lam * W[l][i][j] / N")],
    "l2-sign": [edit(l2=" - lam * W[l][i][j]")],
    "l2-on-biases": [edit(l2b=" + lam * b[l][j]")],
    "l2-some-layers": [
        edit("last layer only", l2=" + (lam * W[l][i][j] if l == L - 1 else 0.0)"),
        edit("first layer only", l2=" + (lam * W[l][i][j] if l == 0 else 0.0)"),
    ],
    "l2-scalar": [edit(l2=" + lam * sum(w * w for row in W[l] for w in row)")],
    "l2-squared": [edit(l2=" + lam * W[l][i][j] ** 2")],
    "l1-for-l2": [edit(l2=" + lam * np.sign(W[l][i][j])")],
    "softmax-derivative-again": [edit(out="(y[k] - t[n][k]) * y[k] * (1 - y[k])")],
    "softmax-jacobian-diagonal": [edit(out="-t[n][k] * (1 - y[k])"), edit(out="-(t[n][k] / y[k]) * y[k] * (1 - y[k])")],
    "output-derivative-extra": [edit(out=f"(y[k] - t[n][k]) * ({_OUT_LOGISTIC}) * (1 - {_OUT_LOGISTIC})")],
    "target-missing": [edit(out="y[k]")],
    "output-sign": [edit(out="t[n][k] - y[k]")],
    "squared-error-for-cross-entropy": [
        edit(out="sum((y[m] - t[n][m]) * y[m] * ((m == k) - y[k]) for m in range(K))"),
    ],
    "labels-not-one-hot": [edit(out="y[k] - t[n].index(max(t[n]))")],
    "softmax-overflow": [edit(softmax=_OVERFLOW)],
    "derivative-missing": [edit(fprime=""), edit("only tanh", _PRE, d_tanh="1.0")],
    "derivative-at-activation": [
        edit("", _PRE, plain=("d_relu",), d_at="z[l][i]"),
        edit("only sigmoid", _POST, p_sigmoid='f(z, "sigmoid") * (1 - f(z, "sigmoid"))'),
    ],
    "derivative-formula-of-preactivation": [
        edit("", _POST, plain=("p_relu",), d_at="a[l - 1][i]"),
        edit("only tanh", _PRE, d_tanh="1 - a ** 2"),
        edit("only sigmoid", _PRE, d_sigmoid="a * (1 - a)"),
    ],
    "activation-for-derivative": [
        edit(fprime=" * f(a[l - 1][i], activation)"),
        edit("only tanh", _PRE, d_tanh="math.tanh(a)"),
        edit("only relu", _PRE, d_relu="max(a, 0.0)"),
        edit("only sigmoid", _POST, p_sigmoid="z"),
    ],
    "derivative-of-wrong-layer": [edit("", _PRE, d_at="a[l][i]")],
    "derivative-twice": [edit(fprime=f"{_FP} ** 2"), edit("only sigmoid", _POST, p_sigmoid="(z * (1 - z)) ** 2")],
    "relu-of-gradient": [edit(fprime=" if s > 0 else 0.0")],
    "relu-derivative-one": [edit("", _POST, p_relu="1.0 if z >= 0 else 0.0"), edit("", _PRE, d_relu="1.0")],
    "relu-derivative-flipped": [
        edit("", _PRE, d_relu="1.0 if a <= 0 else 0.0"),
        edit("", _POST, p_relu="0.0 if z > 0 else 1.0"),
    ],
    "sigmoid-derivative-everywhere": [
        edit(fprime=" * z[l][i] * (1 - z[l][i])"),
        edit("only tanh", _POST, p_tanh="z * (1 - z)"),
    ],
    "tanh-derivative-of-output": [edit("", _POST, p_tanh="1 - math.tanh(z) ** 2")],
    "weights-not-transposed": [edit(Wback="W[l][j][i] * delta[j]")],
    "weight-gradient-transposed": [edit(add_W="dW[l][j][i] += <<zprev>> * delta[j]")],
    "own-output-in-weight-gradient": [edit(zprev="z[l + 1][i]")],
    "preactivation-in-weight-gradient": [edit(zprev="(a[l - 1][i] if l > 0 else x[n][i])")],
    "input-in-every-layer": [edit(zprev="x[n][i]")],
    "weights-of-wrong-layer": [edit(Wback="W[l - 1][i][j] * delta[j]")],
    "bias-not-summed": [edit("first sample only", add_b="if n == 0:\n    db[l][j] += delta[j]")],
    "bias-summed-to-scalar": [
        edit("spread over the units", add_b="for u in range(len(delta)):\n    db[l][u] += delta[j]")
    ],
    "bias-gradient-zero": [edit(add_b="pass  # bias?")],
    "updated-weights-in-backward": [
        edit(
            "in gradients, after each sample, lambda on the stepped W",
            update=(
                "for i in range(len(z[l])):\n    for j in range(len(delta)):\n"
                "        W[l][i][j] -= 0.1 * z[l][i] * delta[j]"
            ),
        ),
        edit("in step, after each sample", extras=_SGD),
    ],
    "step-sign": [edit(extras=_STEP.format(body="dW[l] = W[l] + eta * dW[l]\n        db[l] = b[l] + eta * db[l]"))],
    "step-repeated": [
        edit(
            extras=_STEP.format(
                body="gW, gb = dW[l], db[l]\n        dW[l], db[l] = W[l], b[l]\n        for n in range(len(x)):\n"
                "            dW[l] = dW[l] - eta * gW\n            db[l] = db[l] - eta * gb"
            )
        ),
    ],
    "cache-stale": [
        edit(
            "by index and shapes",
            globals="known = {}",
            call_forward="key = (n, activation, N, str(zeros_like(W)), str(zeros_like(x)))\n"
            "if key not in known:\n    known[key] = forward_sample(W, b, x[n], activation)\na, z = known[key]",
        ),
    ],
    "integer-arrays": [
        edit("floor division", _LATE, dw_n=" // N", db_n=" // N"),
    ],
}

STYLE = Style(
    name="units",
    template=TEMPLATE,
    slots={
        "d_relu": ("1.0 if a > 0 else 0.0", "float(a > 0)", "0.0 if a <= 0 else 1.0"),
        "d_tanh": ("1 - math.tanh(a) ** 2", "1.0 - math.tanh(a) * math.tanh(a)"),
        "d_sigmoid": ('f(a, "sigmoid") * (1 - f(a, "sigmoid"))', f"{_LOGISTIC} * (1 - {_LOGISTIC})"),
        "p_relu": ("1.0 if z > 0 else 0.0", "float(z != 0)"),
        "p_tanh": ("1 - z ** 2", "(1 - z) * (1 + z)"),
        "p_sigmoid": ("z * (1 - z)", "z - z * z"),
        "softmax": (_SOFTMAX, _SOFTMAX_LOG),
        "globals": ("",),
        "activate": ("a.append(al)\nz.append(softmax(al) if l == len(W) - 1 else [f(v, activation) for v in al])",),
        "zero": ("0.0",),
        "pre": ("", "# 全部用 Python 的列表"),
        "alloc": ("zeros_like(W), zeros_like(b)",),
        "call_forward": ("a, z = forward_sample(W, b, x[n], activation)",),
        "out": ("y[k] - t[n][k]", "y[k] - (1.0 if t[n][k] == 1 else 0.0)"),
        "add_b": ("db[l][j] += delta[j]",),
        "add_W": ("dW[l][i][j] += <<zprev>> * delta[j]", "dW[l][i][j] = dW[l][i][j] + delta[j] * <<zprev>>"),
        "zprev": ("z[l][i]",),
        "update": ("",),
        "Wback": ("W[l][i][j] * delta[j]", "delta[j] * W[l][i][j]"),
        "fprime": (_FP,),
        "back_n": ("",),
        "post": ("",),
        "db": ("db[l][j]<<db_n>><<l2b>>",),
        "dW": ("dW[l][i][j]<<dw_n>><<l2>>",),
        "l2": (" + lam * W[l][i][j]",),
        "l2b": ("",),
        "extras": (
            "",
            "",
            (
                "def forward(W, b, x, activation):\n    W, b = [w.tolist() for w in W], [c.tolist() for c in b]\n"
                "    return np.array([forward_sample(W, b, row, activation)[1][-1] for row in x.tolist()])"
            ),
            _STEP.format(body="dW[l] = W[l] - eta * dW[l]\n        db[l] = b[l] - eta * db[l]"),
        ),
    },
    variants={
        "df": {
            "pre": {
                "v": "a",
                "d_at": "a[l - 1][i]",
                "relu": "<<d_relu>>",
                "tanh": "<<d_tanh>>",
                "sigmoid": "<<d_sigmoid>>",
            },
            "post": {
                "v": "z",
                "d_at": "z[l][i]",
                "relu": "<<p_relu>>",
                "tanh": "<<p_tanh>>",
                "sigmoid": "<<p_sigmoid>>",
            },
        },
        "mean": {
            "late": {"out_n": "", "dw_n": " / N", "db_n": " / N"},
            "early": {"out_n": " / N", "dw_n": "", "db_n": ""},
        },
    },
    mistakes=gathered(MISTAKES),
)
