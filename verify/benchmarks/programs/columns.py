"""Styles of the columns convention: x (D, N), W (out, in), b (out, 1); z is before the activation, a after it."""

from __future__ import annotations

from collections.abc import Callable

from verify.benchmarks.programs.draw import Parts
from verify.benchmarks.programs.styles import STYLES

_AFFINE = (
    "W[l] @ a[l] + b[l]",
    "b[l] + W[l] @ a[l]",
    "np.dot(W[l], a[l]) + b[l]",
    "np.hstack([W[l], b[l]]) @ np.vstack([a[l], np.ones((1, N))])",
    "np.column_stack([W[l] @ a[l][:, n] + b[l][:, 0] for n in range(N)])",
    "np.einsum('oi,in->on', W[l], a[l]) + b[l]",
)
_WEIGHTS = (
    "delta @ a[l].T / N + lam * W[l]",
    "lam * W[l] + delta @ a[l].T / N",
    "np.dot(delta, a[l].T) / N + lam * W[l]",
    "(a[l] @ delta.T).T / N + lam * W[l]",
    "np.einsum('on,in->oi', delta, a[l]) / N + lam * W[l]",
    "sum(np.outer(delta[:, n], a[l][:, n]) + lam * W[l] for n in range(N)) / N",
    "np.mean([np.outer(u, v) for u, v in zip(delta.T, a[l].T)], axis=0) + lam * W[l]",
)
_BIASES = (
    "delta.mean(axis=1, keepdims=True)",
    "np.sum(delta, axis=1, keepdims=True) / N",
    "delta.sum(axis=1).reshape(-1, 1) / N",
    "delta @ np.ones((N, 1)) / N",
)
_CARRIED = (
    "W[l].T @ delta",
    "np.dot(W[l].T, delta)",
    "(delta.T @ W[l]).T",
    "np.einsum('oi,on->in', W[l], delta)",
)


def in_columns(p: Parts) -> str:
    pick = p.rng.choice
    lines = "{**{f'z{i + 1}': v for i, v in enumerate(z)}, **kept}"
    return f"""
def gradients(W, b, x, t, activation, lam):
    L, N = len(W), x.shape[1]
    a, z = [x], []
    for l in range(L):
        z.append({pick(_AFFINE)})
        a.append({p.f}(z[-1], activation) if l < L - 1 else {p.output}(z[-1].T).T)
    dW, db, kept = [None] * L, [None] * L, {{}}
    delta = delta_of(z[-1].T, a[-1].T, t.T).T
    for l in reversed(range(L)):
        kept[f"delta{{l + 1}}"] = delta
        dW[l] = {pick(_WEIGHTS)}
        db[l] = {pick(_BIASES)}
        if l > 0:
            delta = {p.passed(pick(_CARRIED), f"{p.df}(z[l - 1], a[l], activation)")}
    return {p.result(lines)}
"""


def turned(p: Parts) -> str:
    """A program of rows, with its arguments and results turned over."""
    p.lines = "none"
    rows = STYLES[p.rng.choice(("lists", "layers", "recursive", "planned"))](p)
    return (
        rows.replace("def gradients(", "def in_rows(")
        + """

def gradients(W, b, x, t, activation, lam):
    dW, db = in_rows([w.T for w in W], [c.ravel() for c in b], x.T, t.T, activation, lam)
    return [g.T for g in dW], [g.reshape(-1, 1) for g in db]
"""
    )


COLUMN_STYLES: dict[str, Callable[[Parts], str]] = {"in columns": in_columns, "turned": turned}
