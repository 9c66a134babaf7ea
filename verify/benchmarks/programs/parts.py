"""Textbook forms of the equations in the rows convention: z (N, in), W (in, out), b (out,), d = δ (N, out).

A form is an expression in those letters and, where it is a loop, the function that it calls. `late` forms of the
gradients divide by N themselves, `early` ones are given a δ that has been divided already.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Form:
    """An expression with {z}, {W}, {b}, {d}, {N}, {lam}, and the function that it calls."""

    text: str
    function: str = ""
    small: bool = False  # only for networks of few units: it would take seconds elsewhere


_BIAS_FIRST = """
def weighted_sum(z, W, b):
    a = np.zeros((len(z), len(b))) + b
    for i in range(len(W)):
        a = a + np.outer(z[:, i], W[i])
    return a
"""
_BACKWARDS = """
def summed(z, W, b):
    a = b * np.ones((z.shape[0], 1))
    for i in reversed(range(W.shape[0])):
        a += z[:, [i]] * W[[i], :]
    return a
"""
_BY_UNIT = """
def net_input(z, W, b):
    a = np.empty((len(z), len(b)))
    for n, sample in enumerate(z):
        for j in range(len(b)):
            a[n, j] = b[j]
            for i in range(len(sample)):
                a[n, j] += sample[i] * W[i, j]
    return a
"""
AFFINE = (
    Form("{z} @ {W} + {b}"),
    Form("{b} + {z} @ {W}"),
    Form("np.dot({z}, {W}) + {b}"),
    Form("np.matmul({z}, {W}) + {b}.reshape(1, -1)"),
    Form("({W}.T @ {z}.T).T + {b}"),
    Form("({W}.T @ {z}.T + {b}[:, None]).T"),
    Form("np.hstack([np.ones((len({z}), 1)), {z}]) @ np.vstack([{b}, {W}])"),
    Form("np.hstack([{z}, np.ones((len({z}), 1))]) @ np.vstack([{W}, {b}])"),
    Form("np.c_[np.ones(len({z})), {z}].dot(np.r_[[{b}], {W}])"),
    Form("np.einsum('ni,io->no', {z}, {W}) + {b}"),
    Form("np.array([sample @ {W} + {b} for sample in {z}])"),
    Form("({z}[:, :, None] * {W}[None, :, :]).sum(axis=1) + {b}"),
    Form("weighted_sum({z}, {W}, {b})", _BIAS_FIRST),
    Form("summed({z}, {W}, {b})", _BACKWARDS),
    Form("net_input({z}, {W}, {b})", _BY_UNIT, small=True),
)

_DECAY_FIRST = """
def weight_gradient(z, d, W, lam):
    g = lam * W
    for n in range(len(z)):
        g = g + np.outer(z[n], d[n]) / len(z)
    return g
"""
_DECAY_FIRST_EARLY = """
def weight_gradient(z, d, W, lam):
    g = lam * W
    for u, v in zip(z, d):
        g += u[:, None] * v
    return g
"""
_OVER_SAMPLES = """
def accumulated(z, d, W, lam):
    total = np.zeros_like(W)
    for n in range(len(z)):
        total += z[n].reshape(-1, 1) @ d[n].reshape(1, -1)
    return total
"""
_ENTRIES = """
def entry_by_entry(z, d, W, lam):
    g = np.zeros(W.shape)
    for i in range(W.shape[0]):
        for j in range(W.shape[1]):
            for n in range(len(z)):
                g[i, j] += z[n, i] * d[n, j]
            g[i, j] = g[i, j] / len(z) + lam * W[i, j]
    return g
"""
WEIGHTS_LATE = (
    Form("{z}.T @ {d} / {N} + {lam} * {W}"),
    Form("{lam} * {W} + {z}.T @ {d} / {N}"),
    Form("({z}.T @ {d} + {N} * {lam} * {W}) / {N}"),
    Form("(1 / {N}) * np.dot({z}.T, {d}) + {lam} * {W}"),
    Form("1.0 / {N} * {z}.T.dot({d}) + {W} * {lam}"),
    Form("{z}.T @ ({d} / {N}) + {lam} * {W}"),
    Form("({z} / {N}).T @ {d} + {lam} * {W}"),
    Form("({d}.T @ {z}).T / {N} + {lam} * {W}"),
    Form("np.einsum('ni,no->io', {z}, {d}) / {N} + {lam} * {W}"),
    Form("np.mean({z}[:, :, None] * {d}[:, None, :], axis=0) + {lam} * {W}"),
    Form("np.mean({z}[:, :, None] * {d}[:, None, :] + {lam} * {W}, axis=0)"),
    Form("np.tensordot({z}, {d}, axes=(0, 0)) / {N} + {lam} * {W}"),
    Form("sum(np.outer({z}[n], {d}[n]) + {lam} * {W} for n in range({N})) / {N}"),
    Form("sum((np.outer(u, v) + {lam} * {W}) / {N} for u, v in zip({z}, {d}))"),
    Form("np.mean([np.outer(u, v) for u, v in zip({z}, {d})], axis=0) + {lam} * {W}"),
    Form("np.add.reduce([np.outer(u, v) / {N} for u, v in zip({z}, {d})]) + {lam} * {W}"),
    Form("{lam} / 2 * (2 * {W}) + {z}.T @ {d} / {N}"),
    Form("-(-{z}.T @ {d} / {N} - {lam} * {W})"),
    Form("weight_gradient({z}, {d}, {W}, {lam})", _DECAY_FIRST),
    Form("accumulated({z}, {d}, {W}, {lam}) / {N} + {lam} * {W}", _OVER_SAMPLES),
    Form("entry_by_entry({z}, {d}, {W}, {lam})", _ENTRIES, small=True),
)
WEIGHTS_EARLY = (
    Form("{z}.T @ {d} + {lam} * {W}"),
    Form("{lam} * {W} + {z}.T @ {d}"),
    Form("np.dot({z}.T, {d}) + np.multiply({lam}, {W})"),
    Form("({d}.T @ {z}).T + {lam} * {W}"),
    Form("np.einsum('ni,no->io', {z}, {d}) + {lam} * {W}"),
    Form("sum(np.outer(u, v) for u, v in zip({z}, {d})) + {lam} * {W}"),
    Form("np.matmul({z}[:, :, None], {d}[:, None, :]).sum(axis=0) + {lam} * {W}"),
    Form("weight_gradient({z}, {d}, {W}, {lam})", _DECAY_FIRST_EARLY),
    Form("accumulated({z}, {d}, {W}, {lam}) + {lam} * {W}", _OVER_SAMPLES),
)
BIASES_LATE = (
    Form("{d}.mean(axis=0)"),
    Form("{d}.sum(axis=0) / {N}"),
    Form("np.mean({d}, 0)"),
    Form("np.ones({N}) @ {d} / {N}"),
    Form("np.sum({d} / {N}, axis=0)"),
    Form("sum({d}) / {N}"),
    Form("(1 / {N}) * np.sum({d}, axis=0)"),
    Form("np.einsum('no->o', {d}) / {N}"),
    Form("np.average({d}, axis=0)"),
    Form("np.cumsum({d}, axis=0)[-1] / {N}"),
    Form("np.array([math.fsum(column) / {N} for column in {d}.T])"),
    Form("np.sum({d}, axis=0, keepdims=True).ravel() / {N}"),
)
BIASES_EARLY = (
    Form("{d}.sum(axis=0)"),
    Form("np.sum({d}, 0)"),
    Form("sum({d})"),
    Form("np.ones({N}) @ {d}"),
    Form("np.add.reduce({d}[::-1])"),
)
CARRIED = (
    Form("{d} @ {W}.T"),
    Form("np.dot({d}, {W}.T)"),
    Form("({W} @ {d}.T).T"),
    Form("np.einsum('no,io->ni', {d}, {W})"),
    Form("np.inner({d}, {W})"),
    Form("np.stack([{W} @ row for row in {d}])"),
    Form("({d}[:, None, :] * {W}[None, :, :]).sum(axis=2)"),
    Form("sum(np.outer({d}[:, j], {W}[:, j]) for j in range({W}.shape[1]))"),
)
PASSED = (
    Form("({c}) * {s}"),
    Form("{s} * ({c})"),
    Form("np.multiply({c}, {s})"),
)
PENALTY = (
    "lam / 2 * sum(np.sum(w ** 2) for w in W)",
    "0.5 * lam * sum((w * w).sum() for w in W)",
    "lam / 2 * sum(np.linalg.norm(w) ** 2 for w in W)",
    "lam * sum(w.ravel() @ w.ravel() for w in W) / 2",
    "sum(lam / 2 * np.sum(np.square(w)) for w in W)",
)
# (1/N) Σ E_n in v = a(L), y, t and N.
ERRORS = {
    "cross-entropy": (
        "-np.sum(t * np.log(y)) / N",
        "-np.mean(np.sum(t * np.log(y), axis=1))",
        "-np.log(y[np.arange(N), t.argmax(axis=1)]).mean()",
        "np.mean(np.log(np.sum(np.exp(v), axis=1)) - (t * v).sum(axis=1))",
    ),
    "binary-cross-entropy": (
        "-np.sum(t * np.log(y) + (1 - t) * np.log(1 - y)) / N",
        "np.sum(np.logaddexp(0, v) - t * v) / N",
        "-np.log(np.where(t == 1, y, 1 - y)).sum() / N",
    ),
    "squared-error": (
        "0.5 * np.sum((y - t) ** 2) / N",
        "np.mean(np.sum((y - t) ** 2, axis=1)) / 2",
        "np.linalg.norm(y - t) ** 2 / (2 * N)",
    ),
}
