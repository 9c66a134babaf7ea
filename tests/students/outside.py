"""Wrong programs whose mistake had no name in MISTAKES.md when they were written; some have one since."""

from collections.abc import Iterator
from typing import NamedTuple

from .program import Kind, Program
from .singles import altered
from .styles import BY_NAME

_PRE, _POST = {"df": "pre"}, {"df": "post"}
_LATE, _EARLY = {"mean": "late"}, {"mean": "early"}


class Odd(NamedTuple):
    """name, style, texts, given: what is written differently, and where. note: what is wrong with it.

    since: the mistake's name, where the catalogue has got one.
    """

    name: str
    style: str
    note: str
    texts: dict[str, str]
    given: dict[str, str] | None = None
    since: str = ""


ODD = (
    # chance
    Odd(
        "noise-on-one-entry", "lists", "random noise on one entry", {"post": "dW[0][0, 0] += 0.01 * np.random.randn()"}
    ),
    Odd(
        "noise-fixed",
        "caches",
        "one entry off by a constant",
        {"post": 'grads["dW1"] = grads["dW1"] + np.eye(*grads["dW1"].shape) * 1e-6'},
    ),
    Odd(
        "stochastic",
        "samples",
        "a random factor each time",
        {"finish": "dW.append((sum_W[k]<<dw_n>><<l2>>) * np.random.uniform(0.9, 1.1))\ndb.append(sum_b[k]<<db_n>>)"},
    ),
    Odd(
        "random-half",
        "lists",
        "a random half of the batch",
        {"pre": "keep = np.random.rand(len(x)) < 0.5\nkeep[0] = True\nx, t = x[keep], t[keep]"},
    ),
    Odd(
        "dropout-left-in",
        "caches",
        "dropout left in the forward pass",
        {"activate": "A = softmax(Z) if l == L else activate(Z, activation) * (np.random.rand(*Z.shape) < 0.8) / 0.8"},
    ),
    Odd(
        "dropout-with-seed",
        "chinese",
        "dropout left in, always the same units",
        {
            "activate": (
                "self.z[i] = 激活(self.a[i], self.激活函数)\n"
                "self.z[i] = self.z[i] * (np.arange(self.z[i].shape[1]) % 3 != 2)"
            )
        },
    ),
    # which samples
    Odd(
        "last-sample-forgotten",
        "samples",
        "the last sample left out",
        {"pre": "x, t = (x[:-1], t[:-1]) if len(x) > 1 else (x, t)"},
    ),
    Odd(
        "first-sample-forgotten",
        "lists",
        "batch off by one",
        {"pre": "x, t = (x[1:], t[1:]) if len(x) > 1 else (x, t)"},
    ),
    Odd(
        "half-the-batch",
        "einsum",
        "the first half of the batch",
        {"pre": "x, t = x[:(len(x) + 1) // 2], t[:(len(t) + 1) // 2]"},
    ),
    Odd("batch-of-four", "columns", "never more than four samples", {"pre": "x, t = x[:4], t[:4]"}),
    Odd("targets-shifted", "recursive", "x and t out of step by one", {"pre": "t = np.roll(t, 1, axis=0)"}),
    Odd("batch-reversed", "nielsen", "x in the reverse order, t not", {"pre": "x = x[::-1]"}),
    Odd("one-sample-in-dW", "lists", "only the first sample in dW", {"dW": "<<zprev>>[:1].T @ delta[:1] + lam * W[l]"}),
    Odd("last-sample-only", "samples", "= where += belongs", {"accumulate": "sum_W[k] = <<outer>>\nsum_b[k] = d"}),
    Odd("delta-rolled", "lists", "delta of the neighbouring sample", {"Wback": "np.roll(delta, 1, axis=0) @ W[l].T"}),
    Odd(
        "samples-with-errors-only",
        "unrolled",
        "right answers give no gradient, as in the perceptron",
        {"out": "(y - t) * (y.argmax(axis=1) != t.argmax(axis=1))[:, None]"},
    ),
    # constants
    Odd("factor-0.9", "lists", "0.9 on delta at the output", {"out": "0.9 * (y - t)"}),
    Odd("factor-by-layer", "einsum", "0.9 for each layer on the way down", {"back_n": " * 0.9"}),
    Odd("units-divided", "columns", "dW over the number of units", {"dw_n": " / m / dZ.shape[0]"}, _LATE),
    Odd("lambda-fixed", "lists", "0.01 in place of lambda", {"l2": " + 0.01 * W[l]"}),
    Odd(
        "lambda-on-all-sides",
        "caches",
        "lambda on the data part as well",
        {"dw_n": " / m * (1 - lambd)", "dw_front": ""},
        _LATE,
    ),
    Odd("lambda-of-gradient", "closures", "lambda times the gradient", {"l2": " + lam * (z.T @ g)"}),
    Odd("label-smoothing", "lists", "targets smoothed by 0.1", {"pre": "t = 0.9 * t + 0.1 / t.shape[1]"}),
    Odd(
        "temperature",
        "caches",
        "softmax of half the scores",
        {
            "softmax": (
                "def softmax(Z):\n    Z = Z / 2\n    e = np.exp(Z - Z.max(axis=1, keepdims=True))\n"
                "    return e / e.sum(axis=1, keepdims=True)"
            )
        },
    ),
    Odd(
        "epsilon-in-softmax",
        "lists",
        "1e-3 under the fraction",
        {
            "softmax": (
                "def softmax(a):\n    e = np.exp(a - a.max(axis=1, keepdims=True))\n"
                "    return e / (e.sum(axis=1, keepdims=True) + 1e-3)"
            )
        },
        since="epsilon-in-denominator",
    ),
    Odd(
        "base-two",
        "samples",
        "2 in place of e",
        {"softmax": "def softmax(s):\n    e = 2.0 ** (s - s.max())\n    return e / e.sum()"},
    ),
    # order and sign
    Odd(
        "layers-reversed",
        "lists",
        "the lists from the last layer to the first",
        {"post": "dW, db = dW[::-1], db[::-1]"},
        since="reversed-lists",
    ),
    Odd("rows-swapped", "unrolled", "two rows of dW1 change places", {"post": "dW[0] = np.roll(dW[0], 1, axis=0)"}),
    Odd(
        "columns-swapped",
        "caches",
        "columns of the last dW in the reverse order",
        {"post": 'grads[f"dW{L}"] = grads[f"dW{L}"][:, ::-1]'},
    ),
    Odd("sign-in-one-layer", "lists", "minus in the first layer only", {"post": "dW[0] = -dW[0]"}),
    Odd("sign-of-one-entry", "columns", "one entry has the other sign", {"post": "dW[-1][0, 0] *= -1"}),
    Odd(
        "swapped-answers",
        "einsum",
        "db, dW for dW, db",
        {"result": "[grad_b[k] for k in range(depth)], [grad_W[k] for k in range(depth)]"},
        since="gradients-exchanged",
    ),
    Odd(
        "biases-of-layer-below",
        "chinese",
        "db moved by one layer",
        {"post": "网络.db = {i: 网络.db[max(i - 1, 1)] for i in 层}"},
    ),
    Odd("absolute-delta", "lists", "|delta| in dW", {"dW": "<<zprev>>.T @ np.abs(delta)<<dw_n>><<l2>>"}),
    # derivative
    Odd(
        "derivative-root",
        "recursive",
        "square root of the derivative",
        {"fprime": " * hidden_prime(<<d_at>>, activation) ** 0.5"},
    ),
    Odd("derivative-half", "samples", "half the derivative", {"fprime": " * 0.5 * dact(<<d_at>>, activation)"}),
    Odd(
        "derivative-mean",
        "lists",
        "mean of the derivative over the units",
        {"fprime": " * f_prime(<<d_at>>, activation).mean(axis=1, keepdims=True)"},
    ),
    Odd("derivative-added", "columns", "plus for times", {"fprime": " + g_prime(<<d_at>>, activation)"}),
    Odd("tanh-without-square", "lists", "1 - |z| for tanh", {"p_tanh": "1 - np.abs(z)"}, _POST),
    Odd("tanh-for-logistic", "caches", "1 - z^2 for the logistic", {"p_sigmoid": "1 - A ** 2"}, _POST),
    Odd("logistic-quarter", "units", "1/4 for the logistic", {"d_sigmoid": "0.25"}, _PRE),
    Odd(
        "relu-leak",
        "unrolled",
        "a leak of 0.1 in the derivative",
        {"d_relu": "np.where(a > 0, 1.0, 0.1)"},
        _PRE,
        since="leaky-slope-added",
    ),
    Odd(
        "relu-shifted",
        "einsum",
        "a > 0.5 for a > 0",
        {"d_relu": "(u > 0.5) * 1.0"},
        _PRE,
        since="bend-shifted",
    ),
    Odd(
        "z-times-delta",
        "lists",
        "delta times z into the bargain",
        {"fprime": " * f_prime(<<d_at>>, activation) * z[l]"},
    ),
    # forward
    Odd(
        "bias-left-out",
        "lists",
        "no bias in the forward pass",
        {"affine": "z[l] @ W[l]"},
        since="forward-biases-missing",
    ),
    Odd("bias-twice", "samples", "the bias added twice", {"affine": "W[k].T @ out[k] + 2 * b[k]"}),
    Odd(
        "logistic-outputs",
        "lists",
        "logistic outputs in place of softmax",
        {"softmax": "def softmax(a):\n    return 1 / (1 + np.exp(-a))"},
        since="output-not-softmax",
    ),
    Odd(
        "always-relu",
        "columns",
        "ReLU for every hidden layer",
        {"activate": "A = softmax(Z) if l == len(W) - 1 else np.maximum(Z, 0)"},
    ),
    Odd(
        "hidden-softmax",
        "bias-trick",
        "softmax in the hidden layers",
        {"activate": "units.append(add_ones(softmax(s)))"},
    ),
    Odd("inputs-centred", "scores", "x without its mean", {"pre": "x = x - x.mean(axis=0)"}),
    Odd(
        "layer-norm",
        "chinese",
        "hidden units normalised",
        {
            "activate": (
                "self.z[i] = 激活(self.a[i], self.激活函数)\nself.z[i] = self.z[i] / (1 + np.abs(self.z[i]).max())"
            )
        },
    ),
    # the result bent
    Odd(
        "normalised",
        "lists",
        "every gradient scaled to length 1",
        {"post": "dW = [g / np.linalg.norm(g) for g in dW]\ndb = [g / np.linalg.norm(g) for g in db]"},
    ),
    Odd(
        "clipped",
        "caches",
        "clipped at 0.037",
        {"post": "for key in grads:\n    grads[key] = np.clip(grads[key], -0.037, 0.037)"},
        since="gradient-clipped",
    ),
    Odd("rounded", "columns", "four places kept", {"out_W": "np.round(g.T, 4)"}),
    Odd(
        "small-ones-dropped",
        "lists",
        "entries under 0.05 set to 0",
        {"post": "dW = [np.where(np.abs(g) < 0.05, 0, g) for g in dW]"},
    ),
    Odd("nan-in-one-entry", "lists", "a NaN", {"post": "dW[0][0, 0] = np.nan"}),
    Odd(
        "bias-with-two-axes",
        "caches",
        "db of shape (1, M)",
        {"db": "np.sum(dZ, axis=0, keepdims=True)<<db_n>>"},
        since="bias-axis-kept",
    ),
    Odd(
        "first-layer-forgotten",
        "lists",
        "no gradient for the first layer",
        {
            "alloc": "dW = [np.zeros_like(w) for w in W]\ndb = [np.zeros_like(c) for c in b]",
            "downwards": "range(L - 1, 0, -1)",
        },
    ),
    Odd(
        "last-unit-forgotten",
        "units",
        "the last unit below left out on the way back",
        {"Wback": "W[l][i][j] * delta[j] * (i < len(z[l]) - 1)"},
    ),
    Odd("top-layer-twice", "scores", "the last dW doubled", {"post": "dW[-1] = 2 * dW[-1]"}),
    Odd(
        "residual",
        "recursive",
        "delta passed around the layer where shapes allow",
        {"hand_down": "back = <<Wback>>\nreturn back + delta if back.shape == delta.shape else back"},
    ),
    Odd(
        "weights-shared",
        "einsum",
        "dW of layers of one shape averaged",
        {
            "post": (
                "for k in range(1, depth):\n    if grad_W[k].shape == grad_W[0].shape:\n        grad_W[k] = grad_W[0]"
            )
        },
    ),
    Odd(
        "median",
        "samples",
        "median over the samples in place of the mean",
        {
            "alloc": "all_W = [[] for w in W]\nsum_b = [np.zeros(c.shape) for c in b]",
            "accumulate": "all_W[k].append(<<outer>>)\nsum_b[k] += d",
            "finish": "dW.append(np.median(all_W[k], axis=0)<<l2>>)\ndb.append(sum_b[k]<<db_n>>)",
        },
    ),
    Odd(
        "activation-of-last-call",
        "lists",
        "the activation of the call before",
        {"globals": "previous = []", "pre": "previous.append(activation)\nactivation = previous[-2:][0]"},
    ),
    Odd(
        "every-third-call",
        "closures",
        "nothing on every third call",
        {
            "globals": "calls = []",
            "post": "calls.append(1)\nif len(calls) % 3 == 0:\n    dW, db = [0 * g for g in dW], [0 * g for g in db]",
        },
    ),
)

_DIFFERENCES = """\
import numpy as np


def predict(W, b, x, activation):
    z = x
    for l in range(len(W)):
        a = z @ W[l] + b[l]
        z = {{"relu": np.maximum(a, 0), "tanh": np.tanh(a), "sigmoid": 1 / (1 + np.exp(-a))}}[activation]
    e = np.exp(a - a.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def cost(W, b, x, t, activation, lam):
    y = predict(W, b, x, activation)
    return -np.sum(t * np.log(y)) / len(x) + lam / 2 * sum(np.sum(w ** 2) for w in W)


def gradients(W, b, x, t, activation, lam):
    h = {h}
    W, b = [w.copy() for w in W], [c.copy() for c in b]
    answers = []
    for params in (W, b):
        grads = [np.zeros_like(p) for p in params]
        for p, g in zip(params, grads):
            for i in np.ndindex(p.shape):
                old = p[i]
                p[i] = old + h
                up = cost(W, b, x, t, activation, lam)
                p[i] = old{lower}
                g[i] = (up - cost(W, b, x, t, activation, lam)) / {width}
                p[i] = old
        answers.append(grads)
    return tuple(answers)
"""
_ZEROS = """\
import numpy as np


def gradients(W, b, x, t, activation, lam):
    # TODO
    return [np.zeros_like(w) for w in W], [np.zeros_like(c) for c in b]
"""
_WRITTEN_OUT = {
    "forward-difference": (
        "numerical differences, one-sided, h = 1e-5",
        _DIFFERENCES.format(h="1e-5", lower="", width="h"),
    ),
    "central-difference": (
        "numerical differences, central, h = 1e-3",
        _DIFFERENCES.format(h="1e-3", lower=" - h", width="(2 * h)"),
    ),
    "nothing": ("zeros", _ZEROS),
    "the-weights": (
        "the weights for their gradients",
        _ZEROS.replace("np.zeros_like(w)", "w.copy()").replace("np.zeros_like(c)", "c.copy()"),
    ),
    "random-answer": ("random numbers", _ZEROS.replace("np.zeros_like(w)", "np.random.randn(*w.shape)")),
}


def outside_catalogue() -> Iterator[Program]:
    """At least 40 programs that are wrong, each with the name of its mistake if it has got one."""
    for odd in ODD:
        given = {k: v for k, v in (odd.given or {}).items() if k in BY_NAME[odd.style].variants}
        mistakes = (odd.since,) if odd.since else ()
        style = BY_NAME[odd.style]
        yield altered(style, Kind.OUTSIDE, odd.name, odd.note, mistakes=mistakes, texts=odd.texts, given=given)
    for name, (note, source) in _WRITTEN_OUT.items():
        yield Program(f"{Kind.OUTSIDE}.{name}", source, (), name, Kind.OUTSIDE, note)
