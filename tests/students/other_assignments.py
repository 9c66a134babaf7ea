"""Programs for other assignments than the default: conventions, torch, all activations, other outputs and losses."""

from collections.abc import Iterator
from typing import NamedTuple

from .blocks import softmax_slot
from .program import Kind, Program
from .styles import BY_NAME
from .template import Edit, Style, edit, seed_of, write
from .wrong import Letters, bias_edits, derivative_edits, gathered, l2_edits, mean_edits, output_edits, upstream_edits

COLUMNS = 'convention = "columns"\n'
TORCH = 'backend = "torch"\n'
TORCH_COLUMNS = 'convention = "columns"\nbackend = "torch"\n'
_NAMES = "relu leaky_relu elu softplus sigmoid tanh swish gelu gelu_tanh gelu_sigmoid identity"
_ALL = "[" + ", ".join(f'"{name}"' for name in _NAMES.split()) + "]"
ALL_ACTIVATIONS = f"activations = {_ALL}\n"
CONSTANTS = f"activations = {_ALL}\n\n[activation]\nleaky_relu = 0.2\nelu = 0.7\nswish = 1.5\n"
LOGISTIC_OUTPUTS = 'output = "sigmoid"\nloss = "binary-cross-entropy"\n'
TANH_SQUARED = 'output = "tanh"\nloss = "squared-error"\n'
SIGMOID_SQUARED = 'output = "sigmoid"\nloss = "squared-error"\nactivations = ["sigmoid"]\nl2 = false\n'
LINEAR_SQUARED = 'output = "identity"\nloss = "squared-error"\noutputs = [1, 4]\n'
ONLY_RELU = 'activations = ["relu"]\nlayers = [3, 3]\nwidths = [5, 5]\n'
ONLY_TANH = 'activations = ["tanh"]\nlayers = [2, 2]\nbiases = false\n'
SINGLE_PRECISION = 'precision = "float32"\n'

_SHARED = {
    "globals": ("",),
    "back_n": ("",),
    "l2b": ("",),
    "post": ("",),
}
_MEAN = {
    "late": {"out_n": "", "dw_n": " / N", "db_n": " / N"},
    "early": {"out_n": " / N", "dw_n": "", "db_n": ""},
}

# ---------------------------------------------------------------- columns: x (D, N), W (out, in), b (out, 1)

_IN_COLUMNS = """\
import numpy as np


def f(z, kind):
    return {"relu": np.maximum(z, 0), "tanh": np.tanh(z), "sigmoid": 1 / (1 + np.exp(-z))}[kind]


def f_prime(z, kind):
    if kind == "relu":
        return <<d_relu>>
    if kind == "tanh":
        return <<d_tanh>>
    return <<d_sigmoid>>


<<softmax>>


def feed(W, b, x, activation):
    a, z = {0: x}, {}
    L = len(W)
    for l in range(1, L + 1):
        z[l] = W[l - 1] @ a[l - 1] + b[l - 1]
        a[l] = softmax(z[l]) if l == L else f(z[l], activation)
    return a, z


def gradients(W, b, x, t, activation, lam):
    # 每一列是一个样本
    N, L = x.shape[1], len(W)
    a, z = feed(W, b, x, activation)
    y = a[L]
    dW, db, delta = [None] * L, [None] * L, {}
    delta[L] = (<<out>>)<<out_n>>
    for l in range(L, 0, -1):
        dW[l - 1] = <<dW>>
        db[l - 1] = <<db>>
        if l > 1:
            delta[l - 1] = (<<Wback>>)<<fprime>><<back_n>>
    return <<result>>


def forward(W, b, x, activation):
    return feed(W, b, x, activation)[0][len(W)]


def loss(W, b, x, t, activation, lam):
    y = forward(W, b, x, activation)
    return -np.sum(t * np.log(y)) / x.shape[1] + lam / 2 * sum(np.sum(w ** 2) for w in W)
"""
_C = Letters(
    W="W[l - 1]",
    b="b[l - 1]",
    delta="delta[l]",
    z_below="a[l - 1]",
    a_below="z[l - 1]",
    z_own="a[l]",
    y="y",
    t="t",
    a_out="z[L]",
    up="z[l]",
    N="N",
    lam="lam",
    f="f",
    df="f_prime",
    kind="activation",
    x="x",
    first="l == 1",
    last="l == L",
    layout="columns",
)
_C_BIASES = {
    "bias-not-summed": [edit("not summed at all", db="delta[l]<<db_n>>")],
    "bias-summed-to-scalar": [edit("spread over the units", db="np.full_like(b[l - 1], delta[l].sum()<<db_n>>)")],
    "bias-wrong-axis": [edit(db="delta[l].sum(axis=0)<<db_n>>")],
    "bias-gradient-zero": [edit(db="np.zeros_like(b[l - 1])")],
}
_C_MATRICES = {
    "weights-not-transposed": [edit(Wback="W[l - 1] @ delta[l]")],
    "weight-gradient-transposed": [edit(dW="a[l - 1] @ delta[l].T<<dw_n>><<l2>>")],
    "relu-derivative-flipped": [edit(d_relu="(z <= 0) * 1.0")],
}
_IN_COLUMNS_STYLE = Style(
    "columns-convention",
    _IN_COLUMNS,
    _SHARED
    | {
        "softmax": softmax_slot("softmax", "z", "columns"),
        "d_relu": ("(z > 0).astype(float)", "np.where(z > 0, 1.0, 0.0)"),
        "d_tanh": ("1 - np.tanh(z) ** 2",),
        "d_sigmoid": ("f(z, kind) * (1 - f(z, kind))",),
        "out": ("y - t",),
        "dW": ("delta[l] @ <<zprev>>.T<<dw_n>><<l2>>", "np.dot(delta[l], <<zprev>>.T)<<dw_n>><<l2>>"),
        "zprev": ("a[l - 1]",),
        "l2": (" + lam * W[l - 1]",),
        "db": ("delta[l].sum(axis=1, keepdims=True)<<db_n>><<l2b>>",),
        "Wback": ("W[l - 1].T @ delta[l]",),
        "fprime": (" * f_prime(<<d_at>>, activation)",),
    },
    {
        "df": {"pre": {"d_at": "z[l - 1]"}},
        "mean": _MEAN,
        "lines": {
            "none": {"result": "dW, db"},
            "all": {
                "result": "dW, db, {**{f'z{i}': z[i] for i in z}, **{f'a{i}': a[i] for i in range(1, L)}, 'y': y, "
                "**{f'delta{i}': delta[i] for i in delta}}"
            },
        },
    },
    gathered(
        output_edits(_C),
        mean_edits(_C),
        l2_edits(_C),
        _C_BIASES,
        derivative_edits(_C),
        upstream_edits(_C),
        _C_MATRICES,
        without=("derivative-formula-of-preactivation", "bias-mean-again"),
    ),
    (("mean=early", "lines=all"),),
)

# ---------------------------------------------------------------- torch tensors, no autograd

_IN_TORCH = '''\
import torch


def act(a, kind):
    if kind == "relu":
        return torch.clamp(a, min=0)
    if kind == "tanh":
        return torch.tanh(a)
    return torch.sigmoid(a)


def act_slope(z, kind):
    """z: what act returned"""
    if kind == "relu":
        return <<p_relu>>
    if kind == "tanh":
        return <<p_tanh>>
    return <<p_sigmoid>>


def gradients(W, b, x, t, activation, lam):
    N = x.shape[<<batch>>]
    z, pre = [x], []
    for l in range(len(W)):
        pre.append(<<affine>>)
        z.append(act(pre[l], activation) if l < len(W) - 1 else torch.softmax(pre[l], dim=<<classes>>))
    y = z[-1]
    dW, db = [], []
    delta = (<<out>>)<<out_n>>
    for l in range(len(W) - 1, -1, -1):
        dW.insert(0, <<dW>>)
        db.insert(0, <<db>>)
        if l > 0:
            delta = (<<Wback>>)<<fprime>><<back_n>>
    return dW, db
'''
_T = Letters(
    W="W[l]",
    b="b[l]",
    delta="delta",
    z_below="z[l]",
    a_below="pre[l - 1]",
    z_own="z[l + 1]",
    y="y",
    t="t",
    a_out="pre[-1]",
    up="",
    N="N",
    lam="lam",
    f="act",
    df="act_slope",
    kind="activation",
    x="x",
    first="l == 0",
    last="l == len(W) - 1",
)
_T_MISTAKES = {
    "mean-missing": [edit("", {"mean": "late"}, dw_n="", db_n=""), edit("", {"mean": "early"}, out_n="")],
    "mean-per-layer": [edit(back_n=" / N")],
    "factor-two": [edit(out="2 * (y - t)"), edit("half", out="(y - t) / 2")],
    "l2-missing": [edit(l2="")],
    "l2-doubled": [edit(l2=" + 2 * lam * W[l]")],
    "l2-over-n": [edit(l2=" + lam / N * W[l]")],
    "l2-scalar": [edit(l2=" + lam * torch.sum(W[l] ** 2)")],
    "l1-for-l2": [edit(l2=" + lam * torch.sign(W[l])")],
    "softmax-derivative-again": [edit(out="(y - t) * y * (1 - y)")],
    "output-derivative-extra": [edit(out="(y - t) * torch.sigmoid(pre[-1]) * (1 - torch.sigmoid(pre[-1]))")],
    "target-missing": [edit(out="y.clone()")],
    "output-sign": [edit(out="t - y")],
    "derivative-missing": [edit(fprime="")],
    "derivative-twice": [edit(fprime=" * act_slope(z[l], activation) ** 2")],
    "derivative-formula-of-preactivation": [edit(fprime=" * act_slope(pre[l - 1], activation)")],
    "activation-for-derivative": [edit(fprime=" * z[l]")],
    "sigmoid-derivative-everywhere": [edit(fprime=" * z[l] * (1 - z[l])")],
    "relu-derivative-one": [edit(p_relu="(z >= 0).to(z.dtype)")],
    "tanh-derivative-of-output": [edit(p_tanh="1 - torch.tanh(z) ** 2")],
    "bias-gradient-zero": [edit(db="torch.zeros_like(b[l])")],
    "bias-not-summed": [edit("not summed at all", db="delta<<db_n>>")],
}
_T_SLOTS = _SHARED | {
    "p_relu": ("(z > 0).to(z.dtype)",),
    "p_tanh": ("1 - z ** 2", "1 - z.square()"),
    "p_sigmoid": ("z * (1 - z)",),
    "out": ("y - t", "torch.sub(y, t)"),
    "l2": (" + lam * W[l]",),
    "fprime": (" * act_slope(z[l], activation)",),
    "zprev": ("z[l]",),
}
_IN_TORCH_STYLE = Style(
    "torch-rows",
    _IN_TORCH,
    _T_SLOTS
    | {
        "batch": ("0",),
        "classes": ("1",),
        "affine": ("z[l] @ W[l] + b[l]", "torch.addmm(b[l], z[l], W[l])"),
        "dW": ("<<zprev>>.T @ delta<<dw_n>><<l2>>", "torch.mm(<<zprev>>.t(), delta)<<dw_n>><<l2>>"),
        "db": ("delta.sum(dim=0)<<db_n>>", "torch.sum(delta, 0)<<db_n>>"),
        "Wback": ("delta @ W[l].T",),
    },
    {"mean": _MEAN},
    gathered(
        _T_MISTAKES,
        {
            "weights-not-transposed": [edit(Wback="delta @ W[l]")],
            "bias-mean-again": [edit("", {"mean": "early"}, db="delta.mean(dim=0)")],
            "input-in-every-layer": [edit(zprev="x")],
        },
    ),
)
_IN_TORCH_COLUMNS_STYLE = Style(
    "torch-columns",
    _IN_TORCH,
    _T_SLOTS
    | {
        "batch": ("1",),
        "classes": ("0",),
        "affine": ("W[l] @ z[l] + b[l]", "torch.addmm(b[l], W[l], z[l])"),
        "dW": ("delta @ <<zprev>>.T<<dw_n>><<l2>>",),
        "db": ("delta.sum(dim=1, keepdim=True)<<db_n>>",),
        "Wback": ("W[l].T @ delta", "torch.mm(W[l].t(), delta)"),
    },
    {"mean": _MEAN},
    gathered(
        _T_MISTAKES,
        {
            "weights-not-transposed": [edit(Wback="W[l] @ delta")],
            "weight-gradient-transposed": [edit(dW="<<zprev>> @ delta.T<<dw_n>><<l2>>")],
        },
    ),
)

# ---------------------------------------------------------------- rows, numpy: any activation, output and loss

_GENERAL = """\
import math

import numpy as np

LEAK, GAMMA, BETA = <<constants>>
erf = np.vectorize(math.erf, otypes=[float])


def logistic(a):
    return 1 / (1 + np.exp(-a))


def f(a, kind):
    if kind == "relu":
        return np.maximum(a, 0)
    if kind == "leaky_relu":
        return np.where(a > 0, a, LEAK * a)
    if kind == "elu":
        return np.where(a > 0, a, GAMMA * (np.exp(np.minimum(a, 0)) - 1))
    if kind == "softplus":
        return np.logaddexp(0, a)
    if kind == "sigmoid":
        return logistic(a)
    if kind == "tanh":
        return np.tanh(a)
    if kind == "swish":
        return a * logistic(BETA * a)
    if kind == "gelu":
        return a * 0.5 * (1 + erf(a / math.sqrt(2)))
    if kind == "gelu_tanh":
        return 0.5 * a * (1 + np.tanh(math.sqrt(2 / math.pi) * (a + 0.044715 * a ** 3)))
    if kind == "gelu_sigmoid":
        return a * logistic(1.702 * a)
    if kind == "identity":
        return a
    raise ValueError("unknown activation " + kind)


def df(a, kind):
    z = f(a, kind)
    if kind == "relu":
        return (a > 0) * 1.0
    if kind == "leaky_relu":
        return <<leaky>>
    if kind == "elu":
        return <<elu>>
    if kind == "softplus":
        return <<softplus>>
    if kind == "sigmoid":
        return z * (1 - z)
    if kind == "tanh":
        return 1 - z * z
    if kind == "swish":
        <<swish>>
    if kind == "gelu":
        <<gelu>>
    if kind == "gelu_tanh":
        <<gelu_tanh>>
    if kind == "gelu_sigmoid":
        <<gelu_sigmoid>>
    return np.ones_like(a)


def output(a):
    <<output>>


def forward_all(W, b, x, activation):
    a, z = [], [x]
    for l in range(len(W)):
        a.append(z[l] @ W[l] + b[l])
        z.append(f(a[l], activation) if l < len(W) - 1 else output(a[l]))
    return a, z


def forward(W, b, x, activation):
    return forward_all(W, b, x, activation)[1][-1]


def loss(W, b, x, t, activation, lam):
    y = forward(W, b, x, activation)
    return np.sum(<<E>>) / len(x) + lam / 2 * sum(np.sum(w ** 2) for w in W)


def gradients(W, b, x, t, activation, lam):
    N, L = len(x), len(W)
    a, z = forward_all(W, b, x, activation)
    y = z[-1]
    delta = (<<out>>)<<out_n>>
    dW, db = [0] * L, [0] * L
    for l in reversed(range(L)):
        dW[l] = <<dW>>
        db[l] = <<db>>
        if l > 0:
            delta = (<<Wback>>)<<fprime>><<back_n>>
    return dW, db
"""
_G = Letters(
    W="W[l]",
    b="b[l]",
    delta="delta",
    z_below="z[l]",
    a_below="a[l - 1]",
    z_own="z[l + 1]",
    y="y",
    t="t",
    a_out="a[-1]",
    up="a[l]",
    N="N",
    lam="lam",
    f="f",
    df="df",
    kind="activation",
    x="x",
    first="l == 0",
    last="l == L - 1",
)
_GELU = "phi = np.exp(-a ** 2 / 2) / math.sqrt(2 * math.pi)\nreturn 0.5 * (1 + erf(a / math.sqrt(2))) + a * phi"
_GELU_TANH = (
    "c = math.sqrt(2 / math.pi)\nu = np.tanh(c * (a + 0.044715 * a ** 3))\n"
    "return 0.5 * (1 + u) + 0.5 * a * (1 - u * u) * c * (1 + 3 * 0.044715 * a ** 2)"
)
_GELU_SIGMOID = "s = logistic(1.702 * a)\nreturn s + 1.702 * a * s * (1 - s)"
_SWISH = "s = logistic(BETA * a)\nreturn s + BETA * a * s * (1 - s)"
_SOFTMAX = "e = np.exp(a - a.max(axis=1, keepdims=True))\nreturn e / e.sum(axis=1, keepdims=True)"
_ACTIVATION_MISTAKES = {
    "leaky-slope-dropped": [edit(leaky="np.where(a > 0, 1.0, 0.0)"), edit(leaky="(a > 0).astype(float)")],
    "elu-negative-side": [
        edit("gamma exp(z)", elu="np.where(a > 0, 1.0, GAMMA * np.exp(z))"),
        edit("f(a)", elu="np.where(a > 0, 1.0, z)"),
    ],
    "gelu-form-mixed": [
        edit("gelu_tanh has the exact derivative", gelu_tanh=_GELU),
        edit("gelu has the derivative of the tanh form", gelu=_GELU_TANH),
        edit("gelu_sigmoid has the exact derivative", gelu_sigmoid=_GELU),
    ],
    "swish-derivative-incomplete": [
        edit("logistic only", swish="return logistic(BETA * a)"),
        edit("beta left out", swish="s = logistic(BETA * a)\nreturn s + a * s * (1 - s)"),
    ],
}


def _general(name: str, output: str, E: str, out: tuple[str, ...], mistakes: dict[str, tuple[Edit, ...]]) -> Style:
    return Style(
        name,
        _GENERAL,
        _SHARED
        | {
            "leaky": ("np.where(a > 0, 1.0, LEAK)",),
            "elu": ("np.where(a > 0, 1.0, GAMMA * np.exp(np.minimum(a, 0)))", "np.where(a > 0, 1.0, z + GAMMA)"),
            "softplus": ("logistic(a)", "1 - np.exp(-z)"),
            "swish": (_SWISH, "s = logistic(BETA * a)\nreturn BETA * z + s * (1 - BETA * z)"),
            "gelu": (_GELU,),
            "gelu_tanh": (_GELU_TANH,),
            "gelu_sigmoid": (_GELU_SIGMOID,),
            "constants": ("0.01, 1.0, 1.0",),
            "output": (output,),
            "E": (E,),
            "out": out,
            "dW": ("<<zprev>>.T @ delta<<dw_n>><<l2>>", "np.dot(<<zprev>>.T, delta)<<dw_n>><<l2>>"),
            "zprev": ("z[l]",),
            "l2": (" + lam * W[l]",),
            "db": ("delta.sum(axis=0)<<db_n>><<l2b>>",),
            "Wback": ("delta @ W[l].T",),
            "fprime": (" * df(<<d_at>>, activation)",),
        },
        {"mean": _MEAN, "df": {"pre": {"d_at": "a[l - 1]"}}},
        mistakes,
    )


_EVERYWHERE = gathered(
    mean_edits(_G),
    l2_edits(_G),
    bias_edits(_G),
    derivative_edits(_G),
    upstream_edits(_G),
    {
        "weights-not-transposed": [edit(Wback="delta @ W[l]")],
        "weight-gradient-transposed": [edit(dW="delta.T @ <<zprev>><<dw_n>><<l2>>")],
    },
    without=("derivative-formula-of-preactivation", "derivative-of-wrong-layer"),
)
_SOME_OUTPUT = {
    k: v
    for k, v in output_edits(_G).items()
    if k in ("factor-two", "target-missing", "output-sign", "mean-over-outputs")
}

_SOFTMAX_STYLE = _general(
    "all-activations",
    _SOFTMAX,
    "-t * np.log(y)",
    ("y - t",),
    gathered(_EVERYWHERE, output_edits(_G), _ACTIVATION_MISTAKES),
)
_LOGISTIC_STYLE = _general(
    "logistic-outputs",
    "return logistic(a)",
    "-t * np.log(y) - (1 - t) * np.log(1 - y)",
    ("y - t", "(y - t) / (y * (1 - y)) * (y * (1 - y))"),
    gathered(
        _EVERYWHERE,
        _SOME_OUTPUT,
        {
            "output-derivative-extra": [edit(out="(y - t) * y * (1 - y)")],
        },
    ),
)
_TANH_STYLE = _general(
    "tanh-squared-error",
    "return np.tanh(a)",
    "(y - t) ** 2 / 2",
    ("(y - t) * (1 - y ** 2)", "(y - t) * (1 - y) * (1 + y)"),
    gathered(
        _EVERYWHERE,
        {
            "output-derivative-missing": [edit(out="y - t")],
            "factor-two": [edit(out="2 * (y - t) * (1 - y ** 2)")],
            "output-sign": [edit(out="(t - y) * (1 - y ** 2)")],
            "target-missing": [edit(out="y * (1 - y ** 2)")],
        },
    ),
)
_SIGMOID_STYLE = _general(
    "sigmoid-squared-error",
    "return logistic(a)",
    "0.5 * np.square(y - t)",
    ("(y - t) * y * (1 - y)",),
    gathered(
        {
            k: v
            for k, v in _EVERYWHERE.items()
            if not k.startswith(("l2", "l1")) and k != "sigmoid-derivative-everywhere"
        },
        {
            "output-derivative-missing": [edit(out="y - t")],
            "factor-two": [edit(out="2 * (y - t) * y * (1 - y)")],
            "mean-over-outputs": [edit(out="(y - t) * y * (1 - y) / y.shape[1]")],
        },
    ),
)
_LINEAR_STYLE = _general(
    "linear-squared-error",
    "return a",
    "0.5 * (y - t) ** 2",
    ("y - t", "a[-1] - t"),
    gathered(_EVERYWHERE, _SOME_OUTPUT),
)

# ---------------------------------------------------------------- which style answers which assignment


class Task(NamedTuple):
    """pinned: slots with a text of their own under this assignment. only: the ids to take, () for all of the style."""

    assignment: str
    style: Style
    label: str
    pinned: dict[str, str] | None = None
    only: tuple[str, ...] = ()


_CUSTOM = {"constants": "0.2, 0.7, 1.5"}
_HIDDEN_AT_BETA_ONE = "beta left out"
TASKS = (
    Task(COLUMNS, _IN_COLUMNS_STYLE, "columns"),
    Task(TORCH, _IN_TORCH_STYLE, "torch"),
    Task(TORCH_COLUMNS, _IN_TORCH_COLUMNS_STYLE, "torch-columns"),
    Task(ALL_ACTIVATIONS, _SOFTMAX_STYLE, "all-activations", only=tuple(_ACTIVATION_MISTAKES)),
    Task(CONSTANTS, _SOFTMAX_STYLE, "constants", _CUSTOM),
    Task(LOGISTIC_OUTPUTS, _LOGISTIC_STYLE, "logistic-outputs"),
    Task(TANH_SQUARED, _TANH_STYLE, "tanh-squared"),
    Task(SIGMOID_SQUARED, _SIGMOID_STYLE, "sigmoid-squared"),
    Task(LINEAR_SQUARED, _LINEAR_STYLE, "linear-squared"),
    Task(
        ONLY_RELU,
        _SOFTMAX_STYLE,
        "only-relu",
        only=(
            "mean-missing",
            "l2-doubled",
            "output-sign",
            "weights-not-transposed",
            "own-output-in-weight-gradient",
            "derivative-missing",
        ),
    ),
    Task(
        ONLY_TANH,
        _SOFTMAX_STYLE,
        "only-tanh",
        only=("mean-missing", "l2-missing", "derivative-missing", "derivative-twice", "derivative-at-activation"),
    ),
)
_RIGHT_EACH = 4


def other_assignments() -> Iterator[Program]:
    """Right programs and single mistakes for the assignments above, each with its TOML."""
    for task in TASKS:
        yield from _right(task)
        for mistake, edits in task.style.mistakes.items():
            if not task.only or mistake in task.only:
                yield from _wrong(task, mistake, edits)
    yield from _cries()
    yield from _single_precision()


def _right(task: Task) -> Iterator[Program]:
    seen: set[str] = set()
    for seed in range(10 * _RIGHT_EACH):
        source = write(task.style, (Edit(task.pinned or {}),), seed)
        if source not in seen and len(seen) < _RIGHT_EACH:
            seen.add(source)
            yield Program(
                f"{task.label}.correct.{seed}",
                source,
                (),
                task.style.name,
                Kind.CORRECT,
                assignment=task.assignment,
                right=True,
            )


def _wrong(task: Task, mistake: str, edits: tuple[Edit, ...]) -> Iterator[Program]:
    for number, one in enumerate(edits):
        if one.note == _HIDDEN_AT_BETA_ONE and task.pinned != _CUSTOM:
            continue
        name = f"{task.label}.{mistake}.{number}"
        source = write(task.style, (one, Edit(task.pinned or {})), seed_of(name))
        yield Program(name, source, (mistake,), task.style.name, Kind.SINGLE, one.note, assignment=task.assignment)


def _cries() -> Iterator[Program]:
    for assignment, pinned in ((ALL_ACTIVATIONS, {}), (CONSTANTS, _CUSTOM)):
        for i, elu in enumerate(("np.where(a > 0, 1, z + GAMMA)", "np.where(a <= 0, f(a, 'elu') + GAMMA, 1.0)")):
            source = write(_SOFTMAX_STYLE, (Edit({"elu": elu} | pinned),), i)
            label = "constants" if pinned else "all-activations"
            yield Program(
                f"{label}.cry-wolf.elu.{i}",
                source,
                (),
                "all-activations",
                Kind.CRY_WOLF,
                "ELU' as f + gamma at a <= 0",
                assignment,
                right=True,
            )


def _single_precision() -> Iterator[Program]:
    """Computed in float32 where the assignment allows it: right, within that precision."""
    for style in ("lists", "caches", "columns", "chinese"):
        name = f"single-precision.correct.{style}"
        source = write(BY_NAME[style], (BY_NAME[style].mistakes["precision-float32"][0],), seed_of(name))
        yield Program(
            name,
            source,
            (),
            style,
            Kind.CORRECT,
            "computed in float32, which is warned of",
            SINGLE_PRECISION,
            right=True,
        )
