"""For each mistake a program close to it that must not get its name: right, or wrong in a way that has no name."""

from collections.abc import Iterator
from typing import NamedTuple

from .program import Kind, Program
from .singles import altered
from .styles import BY_NAME

_PRE, _POST = {"df": "pre"}, {"df": "post"}
_LATE, _EARLY = {"mean": "late"}, {"mean": "early"}


class Near(NamedTuple):
    """near_to: the id it must not get. style, texts, given: how it is written. right: whether it is right after all."""

    near_to: str
    style: str
    why: str
    texts: dict[str, str]
    given: dict[str, str] | None = None
    right: bool = False
    plain: tuple[str, ...] = ()


NEAR = (
    # mean over the batch, scale
    Near("mean-missing", "lists", "divides by N - 1", {"out_n": " / max(N - 1, 1)"}, _EARLY),
    Near("mean-missing", "caches", "divides by N + 1", {"dw_n": " / (m + 1)", "db_n": " / (m + 1)"}, _LATE),
    Near(
        "mean-missing",
        "scores",
        "no division, but each row of t weighted by 1/N",
        {"mean": "", "out": "(probs - t) * np.full((N, 1), 1 / N)"},
        right=True,
    ),
    Near(
        "mean-missing-weights",
        "lists",
        "divides by the number of inputs, not of samples",
        {"dw_n": " / z[l].shape[1]"},
        _LATE,
    ),
    Near("mean-missing-weights", "samples", "divides by N - 1", {"dw_n": " / max(N - 1, 1)"}, _LATE),
    Near("mean-missing-biases", "columns", "divides by the number of units", {"db_n": " / dZ.shape[0]"}, _LATE),
    Near("mean-missing-biases", "einsum", "divides by the root of N", {"db_n": " / n_samples ** 0.5"}, _LATE),
    Near("mean-twice", "lists", "1/N and 1/sqrt(N)", {"dw_n": " / N ** 1.5", "db_n": " / N ** 1.5"}, _LATE),
    Near("mean-twice", "unrolled", "1/N and 1/3", {"out_n": " / 3"}, _LATE),
    Near(
        "mean-per-layer", "lists", "divides by the units of the layer on the way back", {"back_n": " / W[l].shape[0]"}
    ),
    Near("mean-per-layer", "recursive", "divides by N at the first layer only", {"back_n": " / (N if l == 1 else 1)"}),
    Near("factor-two", "lists", "factor 3", {"out": "3 * (y - t)"}),
    Near("factor-two", "samples", "factor 1.9", {"out": "1.9 * (yn - tn)"}),
    Near(
        "factor-two",
        "caches",
        "2 and 1/2 cancel",
        {"out": '2 * (caches[f"A{L}"] - Y)', "dw_n": " / m / 2", "db_n": " / (2 * m)"},
        _LATE,
        right=True,
    ),
    Near("mean-over-outputs", "lists", "divides by K + 1", {"out": "(y - t) / (y.shape[1] + 1)"}),
    Near("mean-over-outputs", "columns", "divides by the number of inputs", {"out": "(Y - T) / X.shape[0]"}),
    # regularisation
    Near("l2-missing", "lists", "lambda on the diagonal only", {"l2": " + lam * W[l] * np.eye(*W[l].shape)"}),
    Near("l2-missing", "chinese", "lambda squared", {"l2": " + self.lam ** 2 * self.W[i]"}),
    Near("l2-doubled", "lists", "3 lambda", {"l2": " + 3 * lam * W[l]"}),
    Near("l2-doubled", "samples", "2 * (lambda / 2)", {"l2": " + 2 * (lam / 2) * W[k]"}, right=True),
    Near("l2-halved", "caches", "a third of lambda", {"l2": ' + lambd / 3 * parameters[f"W{l}"]'}),
    Near("l2-over-n", "lists", "lambda over the number of weights", {"l2": " + lam / W[l].size * W[l]"}),
    Near("l2-over-n", "columns", "lambda times N over N", {"l2": " + lam * m / m * W[l]"}, right=True),
    Near("l2-over-n", "einsum", "lambda over N squared", {"l2": " + lam / n_samples ** 2 * W[k]"}),
    Near("l2-sign", "lists", "lambda times the absolute value", {"l2": " + lam * np.abs(W[l])"}),
    Near("l2-on-biases", "lists", "the mean of W on the biases", {"l2b": " + lam * W[l].mean()"}),
    Near("l2-on-biases", "samples", "lambda itself on the biases", {"l2b": " + lam"}),
    Near("l2-some-layers", "lists", "all but the one in the middle", {"l2": " + lam * W[l] * (l in (0, L - 1))"}),
    Near("l2-some-layers", "caches", "more for higher layers", {"l2": ' + lambd * l * parameters[f"W{l}"]'}),
    Near("l2-scalar", "lists", "the sum of W, not of its squares", {"l2": " + lam * np.sum(W[l])"}),
    Near("l2-scalar", "closures", "the norm of W", {"l2": " + lam * np.linalg.norm(w)"}),
    Near("l2-squared", "lists", "W cubed", {"l2": " + lam * W[l] ** 3"}),
    Near("l1-for-l2", "lists", "W over its norm", {"l2": " + lam * W[l] / np.linalg.norm(W[l])"}),
    Near("l1-for-l2", "recursive", "sign(W) |W|", {"l2": " + lam * np.sign(W[l]) * np.abs(W[l])"}, right=True),
    # output layer
    Near("softmax-derivative-again", "lists", "(y - t) y", {"out": "(y - t) * y"}),
    Near(
        "softmax-derivative-again",
        "caches",
        "(y - t) (1 - y)",
        {"out": '(caches[f"A{L}"] - Y) * (1 - caches[f"A{L}"])'},
    ),
    Near("softmax-jacobian-diagonal", "lists", "-t y", {"out": "-t * y"}),
    Near(
        "softmax-jacobian-diagonal",
        "samples",
        "the whole Jacobian",
        {"out": "-(tn / yn) @ (np.diag(yn) - np.outer(yn, yn))"},
        right=True,
    ),
    Near(
        "output-derivative-extra",
        "lists",
        "tanh' in place of the logistic's",
        {"out": "(y - t) * (1 - np.tanh(a[-1]) ** 2)"},
    ),
    Near("target-missing", "lists", "y - 1/K", {"out": "y - 1 / y.shape[1]"}),
    Near("target-missing", "samples", "y - 0.9 t", {"out": "yn - 0.9 * tn"}),
    Near("output-sign", "lists", "|y - t|", {"out": "np.abs(y - t)"}),
    Near("output-sign", "unrolled", "t - y on the true class only", {"out": "np.where(t == 1, t - y, y)"}),
    Near(
        "softmax-over-batch",
        "lists",
        "normalised over everything",
        {"softmax": "def softmax(a):\n    e = np.exp(a - a.max())\n    return e / e.sum()"},
    ),
    Near(
        "softmax-overflow",
        "lists",
        "one maximum for all",
        {"softmax": "def softmax(a):\n    e = np.exp(a - a.max())\n    return e / e.sum(axis=1, keepdims=True)"},
        right=True,
    ),
    Near(
        "softmax-overflow",
        "columns",
        "the mean subtracted",
        {"softmax": "def softmax(Z):\n    e = np.exp(Z - Z.mean(axis=0))\n    return e / e.sum(axis=0)"},
        right=True,
    ),
    Near("squared-error-for-cross-entropy", "lists", "y (y - t), the sum left out", {"out": "y * (y - t)"}),
    Near(
        "squared-error-for-cross-entropy",
        "samples",
        "the sum of the other classes only",
        {"out": "yn * ((yn - tn) - (np.sum((yn - tn) * yn) - (yn - tn) * yn))"},
    ),
    Near("labels-not-one-hot", "lists", "one-hot of the next class", {"out": "y - np.roll(t, 1, axis=1)"}),
    Near(
        "labels-not-one-hot",
        "caches",
        "one-hot made again from the index",
        {"out": 'caches[f"A{L}"] - np.eye(Y.shape[1])[np.argmax(Y, axis=1)]'},
        right=True,
    ),
    # derivative of the activation
    Near("derivative-missing", "lists", "0.5 for the derivative", {"fprime": " * 0.5"}),
    Near(
        "derivative-missing",
        "samples",
        "missing where it is above a half",
        {"fprime": " * np.where(dact(<<d_at>>, activation) > 0.5, 1, dact(<<d_at>>, activation))"},
    ),
    Near(
        "derivative-at-activation",
        "lists",
        "at a without the bias",
        {"d_at": "a[l - 1] - b[l - 1]"},
        _PRE,
        plain=("d_relu",),
    ),
    Near("derivative-at-activation", "caches", "f'(z) written for z the output", {}, _POST, right=True),
    Near(
        "derivative-formula-of-preactivation",
        "lists",
        "1 - z without the square, only tanh",
        {"p_tanh": "1 - z"},
        _POST,
    ),
    Near("derivative-formula-of-preactivation", "samples", "z (1 - a)", {"fprime": " * out[k] * (1 - pre[k - 1])"}),
    Near("activation-for-derivative", "lists", "f(a) squared", {"fprime": " * z[l] ** 2"}),
    Near("activation-for-derivative", "columns", "1 - f(a)", {"fprime": " * (1 - As[l])"}),
    Near(
        "derivative-of-wrong-layer",
        "lists",
        "of the layer below",
        {"d_at": "(a[l - 2] if l > 1 else a[l - 1][:, ::-1])"},
        _PRE,
    ),
    Near("derivative-twice", "lists", "cubed", {"fprime": " * f_prime(<<d_at>>, activation) ** 3"}),
    Near("derivative-twice", "einsum", "square root", {"fprime": " * np.sqrt(squash_slope(<<d_at>>, activation))"}),
    Near(
        "derivative-not-passed-on",
        "lists",
        "passed on, but not used in dW and db",
        {
            "store": "raw = delta if l == L - 1 else raw\n"
            "dW[l] = <<zprev>>.T @ raw<<dw_n>><<l2>>\ndb[l] = raw.sum(axis=0)<<db_n>>",
            "back": "raw = <<Wback>>\ndelta = raw<<fprime>>",
        },
    ),
    Near(
        "relu-of-gradient",
        "lists",
        "of the whole delta, derivative and all",
        {"back": "delta = np.maximum((<<Wback>>)<<fprime>>, 0)"},
    ),
    Near("relu-of-gradient", "samples", "|delta W|", {"Wback": "np.abs(W[k] @ d)"}),
    Near("relu-derivative-one", "lists", "a leak of 0.01", {"d_relu": "np.where(a > 0, 1.0, 0.01)"}, _PRE),
    Near("relu-derivative-one", "units", "a half below", {"d_relu": "1.0 if a > 0 else 0.5"}, _PRE),
    Near("relu-derivative-flipped", "lists", "-1 below", {"d_relu": "np.sign(a)"}, _PRE),
    Near("relu-derivative-flipped", "caches", "0 where a > 1", {"d_relu": "((Z > 0) & (Z <= 1)) * 1.0"}, _PRE),
    Near("sigmoid-derivative-everywhere", "lists", "z (1 - z^2)", {"fprime": " * z[l] * (1 - z[l] ** 2)"}),
    Near("sigmoid-derivative-everywhere", "columns", "1 - z^2 everywhere", {"fprime": " * (1 - As[l] ** 2)"}),
    Near("tanh-derivative-of-output", "lists", "1 - tanh(z), no square", {"p_tanh": "1 - np.tanh(z)"}, _POST),
    Near("tanh-derivative-of-output", "samples", "1 - tanh(a)^2", {"d_tanh": "1 - np.tanh(s) ** 2"}, _PRE, right=True),
    Near(
        "cache-overwritten",
        "lists",
        "in place, and the derivative by the output",
        {"activate": "a[l][:] = f(a[l], activation)\nz.append(a[l])"},
        _POST,
        right=True,
    ),
    Near(
        "cache-overwritten",
        "caches",
        "in place, on a copy",
        {"activate": "A = Z.copy()\nA[:] = softmax(A) if l == L else activate(A, activation)"},
        right=True,
    ),
    # matrices and indices
    Near("weights-not-transposed", "lists", "W upside down", {"Wback": "delta @ W[l][::-1].T"}),
    Near("weights-not-transposed", "samples", "W wrapped round", {"Wback": "np.roll(W[k], 1, axis=1) @ d"}),
    Near(
        "weight-gradient-transposed",
        "lists",
        "rows in the reverse order",
        {"dW": "(<<zprev>>.T @ delta)[::-1]<<dw_n>><<l2>>"},
    ),
    Near(
        "weight-gradient-transposed",
        "columns",
        "transposed twice",
        {"dW": "(<<zprev>> @ dZ.T).T<<dw_n>><<l2>>"},
        right=True,
    ),
    Near("own-output-in-weight-gradient", "lists", "the mean of z below", {"zprev": "(z[l] - z[l].mean(axis=0))"}),
    Near(
        "own-output-in-weight-gradient", "samples", "f of z below", {"zprev": "(act(out[k], activation) if k else xn)"}
    ),
    Near(
        "preactivation-in-weight-gradient",
        "lists",
        "a without its bias",
        {"zprev": "(x if l == 0 else a[l - 1] - b[l - 1])"},
    ),
    Near(
        "input-in-every-layer",
        "lists",
        "x in the second of three layers only",
        {"zprev": "(x if l == 1 and L == 3 else z[l])"},
    ),
    Near("input-in-every-layer", "unrolled", "x + z", {"zprev": "(z@h + x.mean())"}),
    Near("weights-of-wrong-layer", "lists", "signs of the weights", {"Wback": "delta @ np.sign(W[l]).T"}),
    Near(
        "weights-of-wrong-layer", "caches", "the weights halved", {"Wback": 'np.dot(dZ, 0.5 * parameters[f"W{l}"].T)'}
    ),
    # biases
    Near("bias-mean-again", "lists", "divides by the number of units again", {"db_n": " / delta.shape[1]"}, _EARLY),
    Near("bias-not-summed", "lists", "the last sample only", {"db": "delta[-1]<<db_n>>"}),
    Near("bias-not-summed", "columns", "every other sample", {"db": "dZ[:, ::2].sum(axis=1, keepdims=True)<<db_n>>"}),
    Near(
        "bias-summed-to-scalar", "lists", "the mean over units", {"db": "np.full_like(b[l], delta.mean() * N<<db_n>>)"}
    ),
    Near("bias-wrong-axis", "lists", "units in the reverse order", {"db": "delta.sum(axis=0)[::-1]<<db_n>>"}),
    Near(
        "bias-wrong-axis", "einsum", "running sums over the units", {"db": "np.cumsum(np.einsum('no->o', err))<<db_n>>"}
    ),
    Near("bias-gradient-zero", "lists", "a thousandth", {"db": "delta.sum(axis=0) * 1e-3<<db_n>>"}),
    Near(
        "bias-gradient-zero",
        "samples",
        "zero in the last layer only",
        {"accumulate": "sum_W[k] += <<outer>>\nsum_b[k] += d * (k < n_layers - 1)"},
    ),
    # order, state, step
    Near(
        "updated-weights-in-backward",
        "lists",
        "a step, but after delta was handed down",
        {"pre": "W = [w.copy() for w in W]", "back": "delta = (<<Wback>>)<<fprime>>\nW[l] = W[l] - 0.1 * dW[l]"},
        right=True,
    ),
    Near(
        "updated-weights-in-backward",
        "caches",
        "weights shrunk by a constant",
        {"Wback": 'np.dot(dZ, 0.9 * parameters[f"W{l}"].T)'},
    ),
    Near(
        "step-sign",
        "lists",
        "minus for W, plus for b",
        {
            "extras": "def step(W, b, x, t, activation, lam, eta):\n"
            "    dW, db = gradients(W, b, x, t, activation, lam)[:2]\n"
            "    return [w - eta * g for w, g in zip(W, dW)], [c + eta * g for c, g in zip(b, db)]"
        },
    ),
    Near(
        "step-repeated",
        "lists",
        "three steps, whatever N",
        {
            "extras": "def step(W, b, x, t, activation, lam, eta):\n"
            "    dW, db = gradients(W, b, x, t, activation, lam)[:2]\n"
            "    for epoch in range(3):\n        W = [w - eta * g for w, g in zip(W, dW)]\n"
            "        b = [c - eta * g for c, g in zip(b, db)]\n    return W, b"
        },
    ),
    Near(
        "step-repeated",
        "columns",
        "N steps of eta / N",
        {
            "extras": "def step(W, b, x, t, activation, lam, eta):\n"
            "    dW, db = gradients(W, b, x, t, activation, lam)[:2]\n"
            "    for n in range(len(x)):\n        W = [w - eta / len(x) * g for w, g in zip(W, dW)]\n"
            "        b = [c - eta / len(x) * g for c, g in zip(b, db)]\n    return W, b"
        },
        right=True,
    ),
    Near(
        "inputs-mutated",
        "lists",
        "writes into copies",
        {"pre": "x, t = x.copy(), t.copy()", "out_stmt": "t -= y\nt *= -1\ndelta = t<<out_n>>"},
        right=True,
    ),
    Near(
        "cache-stale",
        "lists",
        "kept by content",
        {
            "globals": "memory = {}",
            "call_forward": "key = (activation, x.shape, x.tobytes(), *[v.tobytes() for v in [*W, *b]])\n"
            "if key not in memory:\n    memory[key] = run_forward(W, b, x, activation)\na, z = memory[key]",
        },
        right=True,
    ),
    Near(
        "gradients-accumulated",
        "lists",
        "added up, but set back to zero each time",
        {
            "globals": "dW, db = [], []",
            "alloc": "dW[:] = [np.zeros_like(w) for w in W]\ndb[:] = [np.zeros_like(c) for c in b]",
            "store": "dW[l] += <<dW>>\ndb[l] += <<db>>",
            "result": "list(dW), list(db)",
        },
        right=True,
    ),
    Near(
        "gradients-accumulated",
        "einsum",
        "a running mean with 0.9",
        {
            "globals": "velocity = {}",
            "post": "for k in range(depth):\n    old = velocity.get((k, W[k].shape, activation), 0.0)\n"
            "    grad_W[k] = velocity[k, W[k].shape, activation] = 0.9 * old + grad_W[k]",
        },
    ),
    Near(
        "precision-float32", "lists", "rounded to six places", {"dW": "np.round(<<zprev>>.T @ delta<<dw_n>><<l2>>, 6)"}
    ),
    Near(
        "precision-float32",
        "caches",
        "float16",
        {
            "pre": "W = [w.astype(np.float16) for w in W]\nb = [c.astype(np.float16) for c in b]\n"
            "x, t = x.astype(np.float16), t.astype(np.float16)"
        },
    ),
    Near("integer-arrays", "lists", "rounded to two places", {"dW": "np.round(<<zprev>>.T @ delta<<dw_n>><<l2>>, 2)"}),
    Near(
        "integer-arrays",
        "samples",
        "the true classes kept as integers",
        {"out": "yn - np.eye(len(yn), dtype=int)[int(tn.argmax())]"},
        right=True,
    ),
)


def near_misses() -> Iterator[Program]:
    """One program and more for each id, with `near_to` the id that it must not get."""
    for i, near in enumerate(NEAR):
        given = {k: v for k, v in (near.given or {}).items() if k in BY_NAME[near.style].variants}
        yield altered(
            BY_NAME[near.style],
            Kind.NEAR_MISS,
            f"{near.near_to}.{i}",
            f"not {near.near_to}: {near.why}",
            near_to=near.near_to,
            right=near.right,
            texts=near.texts,
            given=given,
            plain=near.plain,
        )
