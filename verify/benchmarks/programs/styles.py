"""The ways in which students arrange a program of the rows convention. A style is a function of the drawn `Parts`.

Every style is complete: it takes depth and widths from W, N from x, and writes into none of its arguments.
"""

from __future__ import annotations

from collections.abc import Callable

from verify.benchmarks.programs.draw import Parts


def lists(p: Parts) -> str:
    return f"""
def gradients(W, b, x, t, activation, lam):
    L, N = len(W), len(x)
    a, z = [], [x]
    for l in range(L):
        a.append({p.affine("z[l]", "W[l]", "b[l]")})
        z.append({p.f}(a[l], activation) if l + 1 < L else {p.output}(a[l]))
    y = z[L]
    dW, db = [None] * L, [None] * L
    delta = {p.delta("a[-1]", "y", "t")}
    kept = {{}}
    for l in range(L - 1, -1, -1):
        kept[f"delta{{l + 1}}"] = delta
        dW[l] = {p.weights("z[l]", "delta", "W[l]")}
        db[l] = {p.biases("delta")}
        if l > 0:
            delta = {p.passed(p.carried("delta", "W[l]"), f"{p.df}(a[l - 1], z[l], activation)")}
    return {p.result("{**kept, **{f'a{i + 1}': v for i, v in enumerate(a)}, 'y': y}")}
"""


def cache(p: Parts) -> str:
    return f"""
def propagate(W, b, x, activation):
    cache = {{"z0": x}}
    L = len(W)
    for l in range(1, L):
        cache["a" + str(l)] = {p.affine("cache['z' + str(l - 1)]", "W[l - 1]", "b[l - 1]")}
        cache["z" + str(l)] = {p.f}(cache["a" + str(l)], activation)
    cache["a" + str(L)] = {p.affine("cache['z' + str(L - 1)]", "W[L - 1]", "b[L - 1]")}
    cache["y"] = {p.output}(cache["a" + str(L)])
    return cache


def gradients(W, b, x, t, activation, lam):
    cache = propagate(W, b, x, activation)
    L, N = len(W), x.shape[0]
    grads = {{}}
    delta = {p.delta("cache['a' + str(L)]", "cache['y']", "t")}
    l = L
    while l >= 1:
        below = cache["z" + str(l - 1)]
        grads["W" + str(l)] = {p.weights("below", "delta", "W[l - 1]")}
        grads["b" + str(l)] = {p.biases("delta")}
        if l > 1:
            error = {p.carried("delta", "W[l - 1]")}
            delta = {p.passed("error", f"{p.df}(cache['a' + str(l - 1)], below, activation)")}
        l -= 1
    dW = [grads[f"W{{k}}"] for k in range(1, L + 1)]
    db = [grads[f"b{{k}}"] for k in range(1, L + 1)]
    return {p.result("{k: v for k, v in cache.items() if k != 'z0'}")}
"""


def layers(p: Parts) -> str:
    return f"""
class Dense:
    def __init__(self, W, b, lam, kind):
        self.W, self.b, self.lam, self.kind = W, b, lam, kind

    def forward(self, z):
        self.z = z
        self.a = {p.affine("z", "self.W", "self.b")}
        self.out = {p.output}(self.a) if self.kind is None else {p.f}(self.a, self.kind)
        return self.out

    def backward(self, delta):
        N, lam = len(self.z), self.lam
        self.dW = {p.weights("self.z", "delta", "self.W")}
        self.db = {p.biases("delta")}
        return {p.carried("delta", "self.W")}

    def slope(self):
        return {p.df}(self.a, self.out, self.kind)


class Network:
    def __init__(self, W, b, activation, lam):
        kinds = [activation] * (len(W) - 1) + [None]
        self.layers = [Dense(w, c, lam, kind) for w, c, kind in zip(W, b, kinds)]

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, y, t):
        N = len(t)
        delta = {p.delta("self.layers[-1].a", "y", "t")}
        for i, layer in reversed(list(enumerate(self.layers))):
            error = layer.backward(delta)
            if i > 0:
                delta = {p.passed("error", "self.layers[i - 1].slope()")}


def gradients(W, b, x, t, activation, lam):
    net = Network(W, b, activation, lam)
    y = net.forward(x)
    net.backward(y, t)
    dW, db = [layer.dW for layer in net.layers], [layer.db for layer in net.layers]
    return {p.result("{'y': y, **{f'a{i}': layer.a for i, layer in enumerate(net.layers, 1)}}")}
"""


def tape(p: Parts) -> str:
    return f"""
def linear(z, W, b, lam):
    N = len(z)
    a = {p.affine("z", "W", "b")}

    def pull(delta):
        return {p.carried("delta", "W")}, {p.weights("z", "delta", "W")}, {p.biases("delta")}

    return a, pull


def bend(a, kind):
    z = {p.f}(a, kind)
    return z, lambda error: {p.passed("error", f"{p.df}(a, z, kind)")}


def gradients(W, b, x, t, activation, lam):
    N, pulls, z = len(x), [], x
    for i, (w, c) in enumerate(zip(W, b)):
        a, pull = linear(z, w, c, lam)
        pulls.append(pull)
        if i < len(W) - 1:
            z, pull = bend(a, activation)
            pulls.append(pull)
    y = {p.output}(a)
    g = {p.delta("a", "y", "t")}
    dW, db = [], []
    for k, pull in enumerate(reversed(pulls)):
        if k % 2 == 1:
            g = pull(g)
        else:
            g, w_grad, b_grad = pull(g)
            dW.insert(0, w_grad)
            db.insert(0, b_grad)
    return {p.result("{'y': y}")}
"""


def recursive(p: Parts) -> str:
    return f"""
def descend(l, z, W, b, t, activation, lam, lines):
    N = len(z)
    a = {p.affine("z", "W[l]", "b[l]")}
    lines[f"a{{l + 1}}"] = a
    if l == len(W) - 1:
        y = {p.output}(a)
        lines["y"] = y
        delta, dW, db = {p.delta("a", "y", "t")}, [], []
    else:
        out = {p.f}(a, activation)
        lines[f"z{{l + 1}}"] = out
        error, dW, db = descend(l + 1, out, W, b, t, activation, lam, lines)
        delta = {p.passed("error", f"{p.df}(a, out, activation)")}
    lines[f"delta{{l + 1}}"] = delta
    here = {p.weights("z", "delta", "W[l]")}
    return {p.carried("delta", "W[l]")}, [here] + dW, [{p.biases("delta")}] + db


def gradients(W, b, x, t, activation, lam):
    lines = {{}}
    _, dW, db = descend(0, x, W, b, t, activation, lam, lines)
    return {p.result("lines")}
"""


def samples(p: Parts) -> str:
    return f"""
def of_one(W, b, x, t, activation, lam):
    N, z, a = 1, [x], []
    for l, (w, c) in enumerate(zip(W, b), 1):
        a.append({p.affine("z[-1]", "w", "c")})
        z.append({p.output}(a[-1]) if l == len(W) else {p.f}(a[-1], activation))
    y = z[-1]
    delta = {p.delta("a[-1]", "y", "t")}
    dW, db = [], []
    for l in range(len(W) - 1, -1, -1):
        dW.append({p.weights("z[l]", "delta", "W[l]")})
        db.append({p.biases("delta")})
        if l:
            delta = {p.passed(p.carried("delta", "W[l]"), f"{p.df}(a[l - 1], z[l], activation)")}
    return dW[::-1], db[::-1]


def gradients(W, b, x, t, activation, lam):
    dW, db = [np.zeros_like(w) for w in W], [np.zeros_like(c) for c in b]
    for n in range(len(x)):
        one_W, one_b = of_one(W, b, x[n : n + 1], t[n : n + 1], activation, lam)
        for l in range(len(W)):
            dW[l] += one_W[l]
            db[l] += one_b[l]
    return [g / len(x) for g in dW], [g / len(x) for g in db]
"""


def planned(p: Parts) -> str:
    return f"""
def gradients(W, b, x, t, activation, lam):
    N, L = x.shape[0], len(W)
    z, a = [x], [None]
    for w, c in zip(W[:-1], b[:-1]):
        a += [{p.affine("z[-1]", "w", "c")}]
        z += [{p.f}(a[-1], activation)]
    a += [{p.affine("z[-1]", "W[-1]", "b[-1]")}]
    y = {p.output}(a[-1])
    deltas = [{p.delta("a[-1]", "y", "t")}]
    for l in range(L - 1, 0, -1):
        back = {p.carried("deltas[0]", "W[l]")}
        deltas = [{p.passed("back", f"{p.df}(a[l], z[l], activation)")}] + deltas
    dW = [{p.weights("below", "d", "w")} for below, d, w in zip(z, deltas, W)]
    db = [{p.biases("d")} for d in deltas]
    return {p.result("{f'delta{i}': d for i, d in enumerate(deltas, 1)}")}
"""


def differences(p: Parts) -> str:
    """The step that a student wrote for training, asked for its gradient: (W − W_new)/η."""
    return f"""
ETA = 0.1


def trained(W, b, x, t, activation, lam):
    W, b = [w.copy() for w in W], [c.copy() for c in b]
    N, a, z = len(x), {{}}, {{0: x}}
    for l in range(1, len(W) + 1):
        a[l] = {p.affine("z[l - 1]", "W[l - 1]", "b[l - 1]")}
        z[l] = {p.f}(a[l], activation) if l < len(W) else {p.output}(a[l])
    y = z[len(W)]
    delta = {p.delta("a[len(W)]", "y", "t")}
    for l in range(len(W), 0, -1):
        gW = {p.weights("z[l - 1]", "delta", "W[l - 1]")}
        gb = {p.biases("delta")}
        if l > 1:
            delta = {p.passed(p.carried("delta", "W[l - 1]"), f"{p.df}(a[l - 1], z[l - 1], activation)")}
        W[l - 1] = W[l - 1] - ETA * gW
        b[l - 1] -= ETA * gb
    return W, b


def gradients(W, b, x, t, activation, lam):
    new_W, new_b = trained(W, b, x, t, activation, lam)
    return [(w - v) / ETA for w, v in zip(W, new_W)], [(c - d) / ETA for c, d in zip(b, new_b)]
"""


def generator(p: Parts) -> str:
    return f"""
from collections import namedtuple

Trace = namedtuple("Trace", "below a out")


def run(W, b, x, activation):
    for i, (w, c) in enumerate(zip(W, b)):
        a = {p.affine("x", "w", "c")}
        out = {p.output}(a) if i == len(W) - 1 else {p.f}(a, activation)
        yield Trace(x, a, out)
        x = out


def gradients(W, b, x, t, activation, lam):
    traces, N = list(run(W, b, x, activation)), len(x)
    y = traces[-1].out
    dW, db, error = [], [], None
    for i, (trace, w) in reversed(list(enumerate(zip(traces, W)))):
        if error is None:
            delta = {p.delta("trace.a", "y", "t")}
        else:
            delta = {p.passed("error", f"{p.df}(trace.a, trace.out, activation)")}
        dW = [{p.weights("trace.below", "delta", "w")}] + dW
        db = [{p.biases("delta")}] + db
        error = {p.carried("delta", "w")}
    return {p.result("{'y': y, 'E': E_of(traces[-1].a, y, t, W, lam)}")}
"""


def nested(p: Parts) -> str:
    return f"""
def gradients(W, b, x, t, activation, lam):
    N, L = len(t), len(W)
    zs, activations, dW, db = [], [x], {{}}, {{}}

    def ahead(w, c):
        zs.append({p.affine("activations[-1]", "w", "c")})
        last = len(zs) == L
        activations.append({p.output}(zs[-1]) if last else {p.f}(zs[-1], activation))

    def back(l, delta):
        dW[l] = {p.weights("activations[l]", "delta", "W[l]")}
        db[l] = {p.biases("delta")}
        if l == 0:
            return
        error = {p.carried("delta", "W[l]")}
        back(l - 1, {p.passed("error", f"{p.df}(zs[l - 1], activations[l], activation)")})

    for w, c in zip(W, b):
        ahead(w, c)
    y = activations[-1]
    back(L - 1, {p.delta("zs[-1]", "y", "t")})
    dW, db = [dW[l] for l in range(L)], [db[l] for l in range(L)]
    return {p.result("{'y': y, 'E': E_of(zs[-1], y, t, W, lam)}")}
"""


STYLES: dict[str, Callable[[Parts], str]] = {
    style.__name__: style
    for style in (lists, cache, layers, tape, recursive, samples, planned, differences, generator, nested)
}
