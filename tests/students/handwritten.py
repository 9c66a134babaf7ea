# ruff: noqa: E501 - the lines are as long as their authors left them
"""Right programs that fit no style: other ways to the same numbers, each written out once."""

SCALAR_ENGINE = '''\
"""小型自动微分引擎, 标量, 自己写的"""
import math

import numpy as np


class Value:
    def __init__(self, data, parents=(), slopes=()):
        self.data = data
        self.grad = 0.0
        self.parents = parents
        self.slopes = slopes

    def __add__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data + other.data, (self, other), (1.0, 1.0))

    def __mul__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data * other.data, (self, other), (other.data, self.data))

    def apply(self, kind):
        if kind == "relu":
            return Value(max(self.data, 0.0), (self,), (float(self.data > 0),))
        if kind == "tanh":
            v = math.tanh(self.data)
            return Value(v, (self,), (1 - v * v,))
        v = 1 / (1 + math.exp(-self.data))
        return Value(v, (self,), (v * (1 - v),))


def log_softmax(scores, k):
    top = max(s.data for s in scores)
    exps = [math.exp(s.data - top) for s in scores]
    total = sum(exps)
    slopes = tuple((1.0 if i == k else 0.0) - e / total for i, e in enumerate(exps))
    return Value(scores[k].data - top - math.log(total), tuple(scores), slopes)


def backward(end):
    order, seen, stack = [], set(), [(end, False)]
    while stack:
        v, done = stack.pop()
        if done:
            order.append(v)
        elif id(v) not in seen:
            seen.add(id(v))
            stack.append((v, True))
            stack.extend((p, False) for p in v.parents)
    end.grad = 1.0
    for v in reversed(order):
        for p, s in zip(v.parents, v.slopes):
            p.grad += s * v.grad


def gradients(W, b, x, t, activation, lam):
    VW = [[[Value(float(v)) for v in row] for row in w] for w in W]
    Vb = [[Value(float(v)) for v in c] for c in b]
    N = len(x)
    E = Value(0.0)
    for n in range(N):
        z = [Value(float(v)) for v in x[n]]
        for l in range(len(VW)):
            a = []
            for j in range(len(Vb[l])):
                s = Vb[l][j]
                for i in range(len(z)):
                    s = s + z[i] * VW[l][i][j]
                a.append(s)
            z = a if l == len(VW) - 1 else [v.apply(activation) for v in a]
        E = E + log_softmax(z, int(np.argmax(t[n]))) * (-1.0 / N)
    for w in VW:
        for row in w:
            for v in row:
                E = E + v * v * (lam / 2)
    backward(E)
    dW = [np.array([[v.grad for v in row] for row in w]) for w in VW]
    db = [np.array([v.grad for v in c]) for c in Vb]
    return dW, db
'''

JACOBIANS = '''\
import numpy as np

# the chain rule with full Jacobians, one sample at a time


def phi(a, kind):
    return {"relu": lambda: np.maximum(a, 0), "tanh": lambda: np.tanh(a), "sigmoid": lambda: 1 / (1 + np.exp(-a))}[kind]()


def phi_diag(a, kind):
    """diag(f'(a))"""
    if kind == "relu":
        d = (a > 0).astype(float)
    elif kind == "tanh":
        d = 1 - np.tanh(a) ** 2
    else:
        d = phi(a, kind) * (1 - phi(a, kind))
    return np.diag(d)


def gradients(W, b, x, t, activation, lam):
    dW = [lam * w for w in W]
    db = [np.zeros_like(c) for c in b]
    for n in range(len(x)):
        zs, pre = [x[n]], []
        for l in range(len(W)):
            pre.append(zs[-1] @ W[l] + b[l])
            zs.append(phi(pre[-1], activation))
        e = np.exp(pre[-1] - pre[-1].max())
        y = e / e.sum()
        dE_dy = -t[n] / y
        dy_da = np.diag(y) - np.outer(y, y)
        delta = dE_dy @ dy_da
        for l in reversed(range(len(W))):
            dW[l] += np.outer(zs[l], delta) / len(x)
            db[l] += delta / len(x)
            if l:
                delta = delta @ W[l].T @ phi_diag(pre[l - 1], activation)
    return dW, db
'''

FORWARD_MODE = '''\
import numpy as np


def value_and_slope(a, da, kind):
    """前向模式: 值和方向导数一起算"""
    if kind == "relu":
        return np.maximum(a, 0), da * (a > 0)
    if kind == "tanh":
        z = np.tanh(a)
        return z, da * (1 - z * z)
    z = 1 / (1 + np.exp(-a))
    return z, da * z * (1 - z)


def directional(W, b, dirW, dirb, x, t, kind, lam):
    z, dz = x, np.zeros_like(x)
    L = len(W)
    for l in range(L):
        a = z @ W[l] + b[l]
        da = dz @ W[l] + z @ dirW[l] + dirb[l]
        if l < L - 1:
            z, dz = value_and_slope(a, da, kind)
    e = np.exp(a - a.max(axis=1, keepdims=True))
    y = e / e.sum(axis=1, keepdims=True)
    slope = np.sum((y - t) * da) / len(x)
    return slope + lam * sum(np.sum(w * d) for w, d in zip(W, dirW))


def gradients(W, b, x, t, activation, lam):
    dW, db = [np.zeros_like(w) for w in W], [np.zeros_like(c) for c in b]
    zeroW, zerob = [np.zeros_like(w) for w in W], [np.zeros_like(c) for c in b]
    for l in range(len(W)):
        for index in np.ndindex(W[l].shape):
            zeroW[l][index] = 1.0
            dW[l][index] = directional(W, b, zeroW, zerob, x, t, activation, lam)
            zeroW[l][index] = 0.0
        for index in np.ndindex(b[l].shape):
            zerob[l][index] = 1.0
            db[l][index] = directional(W, b, zeroW, zerob, x, t, activation, lam)
            zerob[l][index] = 0.0
    return dW, db
'''

ONE_VECTOR = """\
import numpy as np


def pack(arrays):
    return np.concatenate([np.ravel(a) for a in arrays])


def unpack(theta, shapes):
    out, start = [], 0
    for s in shapes:
        size = int(np.prod(s))
        out.append(theta[start:start + size].reshape(s))
        start += size
    return out


ACT = {
    "relu": (lambda a: np.maximum(0, a), lambda z: (z > 0) * 1.0),
    "tanh": (np.tanh, lambda z: 1 - z ** 2),
    "sigmoid": (lambda a: 1 / (1 + np.exp(-a)), lambda z: z * (1 - z)),
}


def gradients(W, b, x, t, activation, lam):
    shapes = [w.shape for w in W] + [c.shape for c in b]
    theta = pack(W + b)
    n = len(W)
    params = unpack(theta, shapes)
    f, df = ACT[activation]
    zs = [x]
    for w, c in zip(params[:n - 1], params[n:-1]):
        zs.append(f(zs[-1] @ w + c))
    s = zs[-1] @ params[n - 1] + params[-1]
    p = np.exp(s - np.logaddexp.reduce(s, axis=1)[:, None])
    d = (p - t) / len(t)
    grad = [None] * (2 * n)
    for i in range(n - 1, -1, -1):
        grad[i] = zs[i].T @ d + lam * params[i]
        grad[n + i] = d.sum(0)
        d = d @ params[i].T * df(zs[i])
    g = unpack(pack(grad), shapes)
    return g[:n], g[n:]
"""

GENERATORS = """\
from functools import reduce

import numpy as np


def sigmoid(a):
    return .5 * (1 + np.tanh(a / 2))


F = dict(relu=lambda a: np.where(a < 0, 0., a), tanh=np.tanh, sigmoid=sigmoid)
DF = dict(relu=lambda a: np.where(a < 0, 0., 1.), tanh=lambda a: np.cosh(a) ** -2., sigmoid=lambda a: sigmoid(a) * sigmoid(-a))


def layers_up(W, b, x, kind):
    z = x
    for i, (w, c) in enumerate(zip(W, b), 1):
        a = z @ w + c
        yield z, a, w
        z = F[kind](a) if i < len(W) else a


def layers_down(records, delta, kind):
    for position, (z, a, w) in enumerate(reversed(records)):
        if position:
            delta = delta * DF[kind](a)
        yield z, delta, w
        delta = delta @ w.T


def gradients(W, b, x, t, activation, lam):
    records = list(layers_up(W, b, x, activation))
    scores = records[-1][1]
    y = reduce(np.divide, (np.exp(scores - scores.max(1)[:, None]), np.exp(scores - scores.max(1)[:, None]).sum(1)[:, None]))
    N = float(len(x))
    pairs = [(z.T @ d / N + lam * w, d.sum(axis=0) / N) for z, d, w in layers_down(records, y - t, activation)]
    dW, db = zip(*pairs[::-1])
    return list(dW), list(db)
"""

CHUNKS = '''\
import numpy as np


def act(a, kind, slope=False):
    if kind == "relu":
        return (a > 0) * 1.0 if slope else a.clip(min=0)
    if kind == "tanh":
        return 1 - np.tanh(a) ** 2 if slope else np.tanh(a)
    s = 1 / (1 + np.exp(-a))
    return s * (1 - s) if slope else s


def chunk_sums(W, b, x, t, kind):
    """Sums over a part of the batch."""
    pre, z = [], [x]
    for w, c in zip(W, b):
        pre.append(z[-1] @ w + c)
        z.append(act(pre[-1], kind))
    e = np.exp(pre[-1] - pre[-1].max(axis=1, keepdims=True))
    delta = e / e.sum(axis=1, keepdims=True) - t
    gW, gb = [], []
    for l in range(len(W) - 1, -1, -1):
        gW.insert(0, z[l].T @ delta)
        gb.insert(0, delta.sum(axis=0))
        if l > 0:
            delta = (delta @ W[l].T) * act(pre[l - 1], kind, slope=True)
    return gW, gb


def gradients(W, b, x, t, activation, lam):
    # two samples at a time, to save memory
    dW, db = [0.0] * len(W), [0.0] * len(b)
    for start in range(0, len(x), 2):
        gW, gb = chunk_sums(W, b, x[start:start + 2], t[start:start + 2], activation)
        dW = [p + q for p, q in zip(dW, gW)]
        db = [p + q for p, q in zip(db, gb)]
    return [g / len(x) + lam * w for g, w in zip(dW, W)], [g / len(x) for g in db]
'''

LONG_DOUBLE = """\
import numpy as np


def gradients(W, b, x, t, activation, lam):
    # extra precision inside, float64 outside
    W = [w.astype(np.longdouble) for w in W]
    b = [c.astype(np.longdouble) for c in b]
    x = x.astype(np.longdouble)
    zs = [x]
    for w, c in zip(W[:-1], b[:-1]):
        a = zs[-1] @ w + c
        zs.append(np.maximum(a, 0) if activation == "relu" else np.tanh(a) if activation == "tanh" else 1 / (1 + np.exp(-a)))
    a = zs[-1] @ W[-1] + b[-1]
    y = np.exp(a - a.max(axis=1, keepdims=True))
    y /= y.sum(axis=1, keepdims=True)
    d = (y - t) / len(x)
    dW, db = [], []
    for l in range(len(W) - 1, -1, -1):
        z = zs[l]
        dW.append((z.T @ d + lam * W[l]).astype(float))
        db.append(d.sum(axis=0).astype(float))
        slope = (z > 0) if activation == "relu" else 1 - z * z if activation == "tanh" else z * (1 - z)
        d = d @ W[l].T * slope
    return dW[::-1], db[::-1]
"""

BROADCAST = '''\
import numpy as np


def gradients(W, b, x, t, activation, lam):
    """Per-sample gradients (N, in, out) by broadcasting, then the mean."""
    f = {"relu": lambda a: (np.abs(a) + a) / 2, "tanh": np.tanh, "sigmoid": lambda a: np.exp(a) / (1 + np.exp(a))}[activation]
    fp = {"relu": lambda a: (a > 0).astype(int), "tanh": lambda a: 1 - np.tanh(a) ** 2, "sigmoid": lambda a: f(a) * f(-a)}[activation]
    a, z = [], [x]
    for i in range(len(W)):
        a.append((z[i][:, :, None] * W[i][None]).sum(axis=1) + b[i])
        z.append(f(a[i]))
    y = np.exp(a[-1])
    y = y / y.sum(axis=1)[:, None] if np.abs(a[-1]).max() < 300 else softmax(a[-1])
    delta = y - t
    dW, db = {}, {}
    for i in reversed(range(len(W))):
        per_sample = z[i][:, :, None] * delta[:, None, :]
        dW[i] = per_sample.mean(axis=0) + lam * W[i]
        db[i] = delta.mean(axis=0)
        delta = (delta[:, None, :] * W[i][None]).sum(axis=2)
        if i > 0:
            delta = delta * fp(a[i - 1])
    return [dW[i] for i in range(len(W))], [db[i] for i in range(len(W))]


def softmax(s):
    e = np.exp(s - s.max(axis=1)[:, None])
    return e / e.sum(axis=1)[:, None]
'''

NAMED_TUPLES = """\
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np


class Grad(NamedTuple):
    W: np.ndarray
    b: np.ndarray


@dataclass
class Layer:
    W: np.ndarray
    b: np.ndarray
    inputs: np.ndarray = field(default=None, repr=False)

    def __call__(self, inputs):
        self.inputs = inputs
        return inputs @ self.W + self.b

    def grad(self, delta, lam):
        return Grad(self.inputs.T @ delta + lam * self.W, delta.sum(axis=0))


class Tanh:
    def __call__(self, a):
        self.out = np.tanh(a)
        return self.out

    def slope(self):
        return 1 - self.out ** 2


class Sigmoid:
    def __call__(self, a):
        self.out = np.reciprocal(1 + np.exp(-a))
        return self.out

    def slope(self):
        return self.out - np.square(self.out)


class Relu:
    def __call__(self, a):
        self.mask = a > 0
        return np.where(self.mask, a, 0)

    def slope(self):
        return self.mask


KINDS = {"tanh": Tanh, "sigmoid": Sigmoid, "relu": Relu}


def gradients(W, b, x, t, activation, lam):
    layers = [Layer(w, c) for w, c in zip(W, b)]
    units = [KINDS[activation]() for _ in layers[1:]]
    h = x
    for layer, unit in zip(layers, units):
        h = unit(layer(h))
    scores = layers[-1](h)
    scores = scores - scores.max(axis=-1, keepdims=True)
    delta = np.exp(scores) / np.exp(scores).sum(axis=-1, keepdims=True)
    delta[t.astype(bool)] -= 1  # y - t
    delta /= x.shape[0]
    grads = [layers[-1].grad(delta, lam)]
    for layer, above, unit in zip(layers[-2::-1], layers[:0:-1], units[::-1]):
        delta = (delta @ above.W.T) * unit.slope()
        grads.append(layer.grad(delta, lam))
    grads.reverse()
    return [g.W for g in grads], [g.b for g in grads]
"""

STATE_RESET = """\
import numpy as np

cache = {}
grads = {"W": [], "b": []}


def forward(W, b, x, activation):
    cache.clear()
    cache["z0"] = x
    for i in range(1, len(W) + 1):
        cache[f"a{i}"] = cache[f"z{i - 1}"] @ W[i - 1] + b[i - 1]
        if i < len(W):
            cache[f"z{i}"] = {"relu": relu, "tanh": np.tanh, "sigmoid": sigmoid}[activation](cache[f"a{i}"])
    s = cache[f"a{len(W)}"]
    e = np.exp(s - np.max(s, axis=1, keepdims=True))
    cache["y"] = e / np.sum(e, axis=1, keepdims=True)
    return cache["y"]


def relu(a):
    return a * (a > 0)


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def loss(W, b, x, t, activation, lam):
    y = forward(W, b, x, activation)
    return -np.sum(t * np.log(y)) / len(x) + lam / 2 * sum(np.sum(w ** 2) for w in W)


def zero_grad(W, b):
    grads["W"] = [np.zeros_like(w) for w in W]
    grads["b"] = [np.zeros_like(c) for c in b]


def gradients(W, b, x, t, activation, lam):
    zero_grad(W, b)  # 每次先清零
    delta = (forward(W, b, x, activation) - t) / len(x)
    for i in range(len(W), 0, -1):
        grads["W"][i - 1] += cache[f"z{i - 1}"].T @ delta + lam * W[i - 1]
        grads["b"][i - 1] += delta.sum(axis=0)
        if i > 1:
            z = cache[f"z{i - 1}"]
            slope = z > 0 if activation == "relu" else 1 - z ** 2 if activation == "tanh" else z * (1 - z)
            delta = delta @ W[i - 1].T * slope
    return grads["W"], grads["b"]


def step(W, b, x, t, activation, lam, eta):
    dW, db = gradients(W, b, x, t, activation, lam)
    return [w - eta * g for w, g in zip(W, dW)], [c - eta * g for c, g in zip(b, db)]
"""

OUT_ARGUMENTS = """\
import numpy as np


def gradients(W, b, x, t, activation, lam):
    # everything in place, but only on arrays of our own
    zs = [x]
    for l, (w, c) in enumerate(zip(W, b)):
        a = np.empty((x.shape[0], w.shape[1]))
        np.matmul(zs[-1], w, out=a)
        np.add(a, c, out=a)
        if l < len(W) - 1:
            if activation == "relu":
                np.maximum(a, 0, out=a)
            elif activation == "tanh":
                np.tanh(a, out=a)
            else:
                np.negative(a, out=a)
                np.exp(a, out=a)
                np.add(a, 1, out=a)
                np.reciprocal(a, out=a)
        zs.append(a)
    delta = zs[-1]
    np.subtract(delta, delta.max(axis=1, keepdims=True), out=delta)
    np.exp(delta, out=delta)
    np.divide(delta, delta.sum(axis=1, keepdims=True), out=delta)
    delta -= t
    delta /= len(x)
    dW, db = [], []
    for l in range(len(W) - 1, -1, -1):
        g = zs[l].T @ delta
        g += lam * W[l]
        dW.insert(0, g)
        db.insert(0, delta.sum(axis=0))
        if l == 0:
            break
        z = zs[l]
        delta = delta @ W[l].T
        if activation == "relu":
            delta[z <= 0] = 0
        elif activation == "tanh":
            np.multiply(delta, 1 - z * z, out=delta)
        else:
            delta *= z
            delta *= 1 - z
    return dW, db
"""

CONTENT_MEMO = """\
import numpy as np

_memo = {}


def remembered(function):
    def wrapper(W, b, x, activation):
        key = (activation, x.tobytes(), x.shape, *[w.tobytes() for w in W], *[c.tobytes() for c in b], *[w.shape for w in W])
        if key not in _memo:
            _memo[key] = function(W, b, x, activation)
        return _memo[key]

    return wrapper


@remembered
def forward_all(W, b, x, activation):
    a, z = [], [x]
    for w, c in zip(W, b):
        a.append(z[-1] @ w + c)
        z.append(np.tanh(a[-1]) if activation == "tanh" else 1 / (1 + np.exp(-a[-1])) if activation == "sigmoid"
                 else np.maximum(a[-1], 0.0))
    s = a[-1] - a[-1].max(axis=1, keepdims=True)
    z[-1] = np.exp(s) / np.exp(s).sum(axis=1, keepdims=True)
    return a, z


def forward(W, b, x, activation):
    return forward_all(W, b, x, activation)[1][-1]


def gradients(W, b, x, t, activation, lam):
    a, z = forward_all(W, b, x, activation)
    delta = z[-1] - t
    dW, db = [], []
    for l in range(len(W) - 1, -1, -1):
        dW = [(z[l].T @ delta + len(x) * lam * W[l]) / len(x)] + dW
        db = [np.mean(delta, axis=0)] + db
        if l:
            prime = {"relu": (a[l - 1] > 0), "tanh": 1 - z[l] ** 2, "sigmoid": z[l] * (1 - z[l])}[activation]
            delta = (delta @ W[l].T) * prime
    return dW, db
"""

TRUE_CLASS = """\
import numpy as np


def softmax_row(s):
    e = np.exp(s - np.max(s))
    return e / np.sum(e)


def gradients(W, b, x, t, activation, lam):
    N = x.shape[0]
    L = len(W)
    labels = np.argmax(t, axis=1)
    A, Z = [None] * L, [x] + [None] * L
    for l in range(L):
        A[l] = np.array([Z[l][n] @ W[l] for n in range(N)]) + b[l]
        if l < L - 1:
            if activation == "tanh":
                Z[l + 1] = (np.exp(A[l]) - np.exp(-A[l])) / (np.exp(A[l]) + np.exp(-A[l]))
            elif activation == "sigmoid":
                Z[l + 1] = 1 / (1 + np.exp(-A[l]))
            else:
                Z[l + 1] = A[l].copy()
                Z[l + 1][A[l] < 0] = 0
    Y = np.array([softmax_row(s) for s in A[-1]])
    delta = Y.copy()
    delta[np.arange(N), labels] -= 1.0  # 正确的类别减一
    dW, db = [None] * L, [None] * L
    for l in range(L - 1, -1, -1):
        dW[l] = np.mean([np.outer(Z[l][n], delta[n]) for n in range(N)], axis=0) + lam * W[l]
        db[l] = np.mean([delta[n] for n in range(N)], axis=0)
        if l == 0:
            break
        back = np.array([W[l] @ delta[n] for n in range(N)])
        if activation == "tanh":
            delta = back * (1 - Z[l] ** 2)
        elif activation == "sigmoid":
            delta = back * Z[l] * (1 - Z[l])
        else:
            delta = back.copy()
            delta[A[l - 1] < 0] = 0
    return dW, db
"""

LOG_PROBABILITIES = """\
import numpy as np


def nonlin(a, kind, deriv=False):
    if kind == "sigmoid":
        out = 1 / (1 + np.exp(-a))
        return out * (1 - out) if deriv else out
    if kind == "tanh":
        return 1 / np.cosh(a) ** 2 if deriv else np.sinh(a) / np.cosh(a)
    return 1. * (a > 0) if deriv else a * (a > 0)


def log_probs(W, b, x, kind):
    a = [x @ W[0] + b[0]]
    for w, c in zip(W[1:], b[1:]):
        a.append(nonlin(a[-1], kind) @ w + c)
    s = a[-1]
    m = s.max(axis=1, keepdims=True)
    return a, s - m - np.log(np.sum(np.exp(s - m), axis=1, keepdims=True))


def forward(W, b, x, activation):
    return np.exp(log_probs(W, b, x, activation)[1])


def loss(W, b, x, t, activation, lam):
    logp = log_probs(W, b, x, activation)[1]
    return -(t * logp).sum() / len(x) + sum(lam / 2 * np.vdot(w, w) for w in W)


def gradients(W, b, x, t, activation, lam):
    a, logp = log_probs(W, b, x, activation)
    g = (np.exp(logp) * t.sum(axis=1, keepdims=True) - t) / len(x)
    dW, db = [], []
    for l in range(len(W))[::-1]:
        z = x if l == 0 else nonlin(a[l - 1], activation)
        dW.append(z.T @ g + lam * W[l])
        db.append(g.sum(axis=0))
        if l > 0:
            g = g @ W[l].T * nonlin(a[l - 1], activation, deriv=True)
    return dW[::-1], db[::-1]


def step(W, b, x, t, activation, lam, eta):
    dW, db = gradients(W, b, x, t, activation, lam)
    # weight decay form: (1 - eta * lam) W - eta * data part
    new_W = [(1 - eta * lam) * w - eta * (g - lam * w) for w, g in zip(W, dW)]
    new_b = [c - eta * g for c, g in zip(b, db)]
    return new_W, new_b
"""

LINES_OF_ALL = """\
import numpy as np


def gradients(W, b, x, t, activation, lam):
    lines = {}
    N, L = len(x), len(W)
    f = {"relu": lambda a: np.fmax(a, 0), "tanh": np.tanh, "sigmoid": lambda a: 1 / (1 + np.exp(-a))}[activation]
    z = x
    for l in range(1, L + 1):
        lines[f"a{l}"] = z @ W[l - 1] + b[l - 1]
        if l < L:
            z = lines[f"z{l}"] = f(lines[f"a{l}"])
    a = lines[f"a{L}"]
    e = np.exp(a - a.max(axis=1, keepdims=True))
    lines["y"] = e / e.sum(axis=1, keepdims=True)
    lines["E"] = -np.sum(t * np.log(lines["y"])) / N + lam / 2 * sum(np.sum(w * w) for w in W)
    lines[f"delta{L}"] = lines["y"] - t
    for l in range(L, 0, -1):
        delta = lines[f"delta{l}"]
        z = x if l == 1 else lines[f"z{l - 1}"]
        lines[f"dW{l}"] = z.T @ delta / N + lam * W[l - 1]
        lines[f"db{l}"] = delta.sum(axis=0) / N
        if l > 1:
            slope = {"relu": np.where(z > 0, 1, 0), "tanh": 1 - z ** 2, "sigmoid": z * (1 - z)}[activation]
            lines[f"delta{l - 1}"] = (delta @ W[l - 1].T) * slope
    return [lines[f"dW{l}"] for l in range(1, L + 1)], [lines[f"db{l}"] for l in range(1, L + 1)], lines
"""

SHUFFLED = """\
import numpy as np


def gradients(W, b, x, t, activation, lam):
    order = np.random.permutation(len(x))  # the mean does not care about the order
    x, t = x[order], t[order]
    h = [x]
    for w, c in zip(W[:-1], b[:-1]):
        u = h[-1].dot(w) + c
        if activation == "relu":
            h.append(np.maximum(u, 0))
        elif activation == "tanh":
            h.append(2 / (1 + np.exp(-2 * u)) - 1)
        elif activation == "sigmoid":
            h.append(1 / (1 + np.exp(-u)))
    u = h[-1].dot(W[-1]) + b[-1]
    u -= u.max(axis=1)[:, np.newaxis]
    p = np.exp(u) / np.exp(u).sum(axis=1)[:, np.newaxis]
    g = p - t
    dW, db = [], []
    for l in range(len(W) - 1, -1, -1):
        dW.insert(0, h[l].T.dot(g) / len(x) + lam * W[l])
        db.insert(0, g.mean(axis=0))
        g = g.dot(W[l].T)
        if activation == "relu":
            g = np.where(h[l] > 0, g, 0)
        elif activation == "tanh":
            g = g * (1 - h[l]) * (1 + h[l])
        elif activation == "sigmoid":
            g = g * h[l] * (1 - h[l])
    return dW, db
"""

STACKED = """\
import numpy as np


def act(a, kind):
    return np.tanh(a) if kind == "tanh" else np.maximum(a, 0) if kind == "relu" else 1 / (1 + np.exp(-a))


def gradients(W, b, x, t, activation, lam):
    z = [x]
    for l in range(len(W)):
        z.append(act(z[l] @ W[l] + b[l], activation))
    a = z[-2] @ W[-1] + b[-1]
    y = np.exp(a - a.max(1, keepdims=True))
    y = y / y.sum(1, keepdims=True)
    delta = (y - t) / len(x)
    dW, db = [], []
    for l in range(len(W) - 1, -1, -1):
        dW.append(z[l].T @ delta + lam * W[l])
        db.append(delta.sum(0))
        slope = {"tanh": 1 - z[l] ** 2, "relu": z[l] > 0, "sigmoid": z[l] * (1 - z[l])}[activation]
        delta = (delta @ W[l].T) * slope
    dW, db = dW[::-1], db[::-1]
    # one array where the layers are alike, else lists
    if len({g.shape for g in dW}) == 1 and len({g.shape for g in db}) == 1:
        return np.stack(dW), np.stack(db)
    return dW, db
"""

VECTORIZED_SCALARS = """\
import math

import numpy as np

f = {
    "relu": np.vectorize(lambda a: a if a > 0 else 0.0, otypes=[float]),
    "tanh": np.vectorize(math.tanh, otypes=[float]),
    "sigmoid": np.vectorize(lambda a: 1 / (1 + math.exp(-a)), otypes=[float]),
}
f_prime = {
    "relu": np.vectorize(lambda a: 1.0 if a > 0 else 0.0, otypes=[float]),
    "tanh": np.vectorize(lambda a: 1 - math.tanh(a) ** 2, otypes=[float]),
    "sigmoid": np.vectorize(lambda a: math.exp(-a) / (1 + math.exp(-a)) ** 2, otypes=[float]),
}


def gradients(W, b, x, t, activation, lam):
    N, L = len(x), len(W)
    a, z = {}, {0: np.asfortranarray(x)}
    for l in range(1, L + 1):
        a[l] = np.dot(z[l - 1], W[l - 1]) + np.tile(b[l - 1], (N, 1))
        z[l] = f[activation](a[l]) if l < L else None
    shifted = a[L] - np.amax(a[L], axis=1).reshape(N, 1)
    y = np.exp(shifted) / np.repeat(np.exp(shifted).sum(axis=1).reshape(N, 1), a[L].shape[1], axis=1)
    delta = {L: y - t}
    for l in range(L - 1, 0, -1):
        delta[l] = np.multiply(np.dot(delta[l + 1], W[l].T), f_prime[activation](a[l]))
    dW = [np.dot(z[l - 1].T, delta[l]) / N + lam * W[l - 1] for l in range(1, L + 1)]
    db = [math.fsum([1 / N]) * np.dot(np.ones((1, N)), delta[l]).flatten() for l in range(1, L + 1)]
    return dW, db
"""

NESTED_LISTS = """\
import numpy as np


def gradients(W, b, x, t, activation, lam):
    sigma = lambda a: 1 / (1 + np.exp(-a))
    z = [np.asarray(x)]
    for l in range(len(W) - 1):
        a = z[l] @ W[l] + b[l]
        z.append({"relu": np.maximum(a, 0), "tanh": np.tanh(a), "sigmoid": sigma(a)}[activation])
    a = z[-1] @ W[-1] + b[-1]
    e = np.exp(a - np.max(a, axis=1, keepdims=True))
    delta = e / e.sum(axis=1, keepdims=True) - t
    dW, db = [], []
    for l in reversed(range(len(W))):
        dW.append((z[l].T @ delta / len(x) + lam * W[l]).tolist())
        db.append((delta.sum(axis=0) / len(x)).tolist())
        slope = {"relu": z[l] > 0, "tanh": 1 - z[l] ** 2, "sigmoid": z[l] * (1 - z[l])}[activation]
        delta = delta @ W[l].T * slope
    return dW[::-1], db[::-1]
"""

SOURCES = {
    "scalar-engine": SCALAR_ENGINE,
    "jacobians": JACOBIANS,
    "forward-mode": FORWARD_MODE,
    "one-vector": ONE_VECTOR,
    "generators": GENERATORS,
    "chunks": CHUNKS,
    "long-double": LONG_DOUBLE,
    "broadcast": BROADCAST,
    "named-tuples": NAMED_TUPLES,
    "state-reset": STATE_RESET,
    "out-arguments": OUT_ARGUMENTS,
    "content-memo": CONTENT_MEMO,
    "true-class": TRUE_CLASS,
    "log-probabilities": LOG_PROBABILITIES,
    "lines-of-all": LINES_OF_ALL,
    "shuffled": SHUFFLED,
    "stacked": STACKED,
    "vectorized-scalars": VECTORIZED_SCALARS,
    "nested-lists": NESTED_LISTS,
}
