"""Pieces that many students write alike: the activations with their derivatives, softmax, loss, step."""

from .template import Edit, edit

RIGHT_AT_PREACTIVATION = {
    "relu": (
        "({v} > 0).astype(float)",
        "np.where({v} > 0, 1.0, 0.0)",
        "1.0 * ({v} > 0)",
        "np.heaviside({v}, 0.0)",
        "np.where({v} <= 0, 0.0, 1.0)",
        "({v} >= 0) * 1.0",
    ),
    "tanh": (
        "1 - np.tanh({v}) ** 2",
        "1.0 - np.square(np.tanh({v}))",
        "(1 - np.tanh({v})) * (1 + np.tanh({v}))",
        "1 - {f}({v}, kind) ** 2",
    ),
    "sigmoid": (
        "{f}({v}, kind) * (1 - {f}({v}, kind))",
        "1 / (1 + np.exp(-{v})) * (1 - 1 / (1 + np.exp(-{v})))",
        "np.exp(-{v}) / (1 + np.exp(-{v})) ** 2",
        "1 / (1 + np.exp({v})) / (1 + np.exp(-{v}))",
    ),
}
RIGHT_AT_OUTPUT = {
    "relu": ("({v} > 0).astype(float)", "np.where({v} > 0, 1.0, 0.0)", "np.sign({v})", "1.0 * ({v} > 0)"),
    "tanh": ("1 - {v} ** 2", "1 - {v} * {v}", "(1 + {v}) * (1 - {v})", "1.0 - np.square({v})"),
    "sigmoid": ("{v} * (1 - {v})", "{v} - {v} ** 2", "(1 - {v}) * {v}", "np.multiply({v}, 1 - {v})"),
}

_FORWARD_IF = """\
def {f}({a}, kind):
    if kind == "relu":
        return np.maximum(0, {a})
    elif kind == "tanh":
        return np.tanh({a})
    elif kind == "sigmoid":
        return 1 / (1 + np.exp(-{a}))
    raise ValueError(kind)
"""
_FORWARD_WHERE = """\
def {f}({a}, kind):
    if kind == "relu":
        return np.where({a} > 0, {a}, 0.0)
    if kind == "tanh":
        return np.tanh({a})
    # 避免溢出: exp 的参数总是负的
    e = np.exp(-np.abs({a}))
    return np.where({a} >= 0, 1 / (1 + e), e / (1 + e))
"""
_DERIVATIVE_IF = """

def {df}({v}, kind):
    if kind == "relu":
        return <<{p}relu>>
    if kind == "tanh":
        return <<{p}tanh>>
    return <<{p}sigmoid>>"""
_DERIVATIVE_MATCH = """

def {df}({v}, kind):
    match kind:
        case "relu":
            return <<{p}relu>>
        case "tanh":
            return <<{p}tanh>>
        case "sigmoid":
            return <<{p}sigmoid>>
        case _:
            raise ValueError(f"unknown activation {{kind}}")"""
_TABLE = """\
def {f}({a}, kind):
    return TABLE[kind][0]({a})


def {df}({v}, kind):
    return TABLE[kind][1]({v}, kind)


TABLE = {{
    "relu": (lambda {a}: {a} * ({a} > 0), lambda {v}, kind: <<{p}relu>>),
    "tanh": (np.tanh, lambda {v}, kind: <<{p}tanh>>),
    "sigmoid": (lambda {a}: 1.0 / (1.0 + np.exp(-{a})), lambda {v}, kind: <<{p}sigmoid>>),
}}"""


def activation_blocks(f: str, df: str, a: str, z: str, at_a: str, at_z: str) -> dict[str, dict[str, str]]:
    """The variants of the dimension "df": the block `activations`, and what the derivative is taken of (`d_at`).

    f, df: names of the functions. a, z: their parameters' names. at_a, at_z: the arguments where they are called.
    """
    blocks = {}
    for option, v, p, at in (("pre", a, "d_", at_a), ("post", z, "p_", at_z)):
        names = {"f": f, "df": df, "a": a, "v": v, "p": p}
        for form, text in (
            ("if", _FORWARD_IF + _DERIVATIVE_IF),
            ("match", _FORWARD_IF + _DERIVATIVE_MATCH),
            ("where", _FORWARD_WHERE + _DERIVATIVE_IF),
            ("table", _TABLE),
        ):
            blocks[f"{option}-{form}"] = {"activations": text.format(**names), "d_at": at}
    return blocks


def activation_slots(f: str, a: str, z: str) -> dict[str, tuple[str, ...]]:
    at_a = {f"d_{k}": tuple(text.format(f=f, v=a) for text in right) for k, right in RIGHT_AT_PREACTIVATION.items()}
    at_z = {f"p_{k}": tuple(text.format(f=f, v=z) for text in right) for k, right in RIGHT_AT_OUTPUT.items()}
    return at_a | at_z


def activation_edits(f: str, a: str, z: str) -> dict[str, list[Edit]]:
    """Wrong derivatives of one activation beside right ones of the others."""
    pre, post = {"df": "pre"}, {"df": "post"}
    return {
        "relu-derivative-one": [
            edit("", post, p_relu=f"({z} >= 0).astype(float)"),
            edit("", pre, d_relu=f"np.ones_like({a})"),
            edit("", post, p_relu=f"np.where({z} < 0, 0.0, 1.0)"),
        ],
        "relu-derivative-flipped": [
            edit("", pre, d_relu=f"({a} <= 0).astype(float)"),
            edit("", pre, d_relu=f"np.where({a} > 0, 0.0, 1.0)"),
            edit("", post, p_relu=f"np.where({z} > 0, 0.0, 1.0)"),
        ],
        "tanh-derivative-of-output": [
            edit("", post, p_tanh=f"1 - np.tanh({z}) ** 2"),
            edit("", pre, d_tanh=f"1 - np.tanh(np.tanh({a})) ** 2"),
        ],
        "derivative-at-activation": [
            edit("only sigmoid", post, p_sigmoid=f"{f}({z}, kind) * (1 - {f}({z}, kind))"),
            edit("only sigmoid", pre, d_sigmoid=f"{f}({f}({a}, kind), kind) * (1 - {f}({f}({a}, kind), kind))"),
        ],
        "derivative-formula-of-preactivation": [
            edit("only tanh", pre, d_tanh=f"1 - {a} ** 2"),
            edit("only sigmoid", pre, d_sigmoid=f"{a} * (1 - {a})"),
        ],
        "activation-for-derivative": [
            edit("only tanh", pre, d_tanh=f"np.tanh({a})"),
            edit("only sigmoid", pre, d_sigmoid=f"1 / (1 + np.exp(-{a}))"),
            edit("only relu", pre, d_relu=f"np.maximum(0, {a})"),
            edit("only tanh", post, p_tanh=z),
        ],
        "derivative-missing": [
            edit("only tanh", pre, d_tanh=f"np.ones_like({a})"),
            edit("only sigmoid", post, p_sigmoid="1.0"),
        ],
        "derivative-twice": [
            edit("only tanh", post, p_tanh=f"(1 - {z} ** 2) ** 2"),
            edit("only sigmoid", post, p_sigmoid=f"({z} * (1 - {z})) ** 2"),
        ],
        "sigmoid-derivative-everywhere": [
            edit("only tanh", post, p_tanh=f"{z} * (1 - {z})"),
            edit("only relu", post, p_relu=f"{z} * (1 - {z})"),
        ],
    }


_SOFTMAX = {
    "plain": """\
def {name}({a}):
    e = np.exp({a} - np.max({a}{axis}))
    return e / np.sum(e{axis})""",
    "steps": """\
def {name}({a}):
    # subtract the maximum, exp cannot overflow then
    shifted = {a} - {a}.max({bare})
    exps = np.exp(shifted)
    total = exps.sum({bare})
    return exps / total""",
    "logarithm": """\
def {name}({a}):
    top = np.max({a}{axis})
    log_sum = top + np.log(np.sum(np.exp({a} - top){axis}))  # log-sum-exp
    return np.exp({a} - log_sum)""",
    "own copy": """\
def {name}({a}):
    {a} = {a} - np.max({a}{axis})  # 减去最大值防止溢出
    np.exp({a}, out={a})
    {a} /= np.sum({a}{axis})
    return {a}""",
}
_OVERFLOW = """\
def {name}({a}):
    e = np.exp({a})
    return e / np.sum(e{axis})"""
_AXIS = {"rows": "axis=1, keepdims=True", "columns": "axis=0, keepdims=True", "vector": ""}


def _softmax(text: str, name: str, a: str, layout: str) -> str:
    bare = _AXIS[layout]
    return text.format(name=name, a=a, bare=bare, axis=f", {bare}" if bare else "")


def softmax_slot(name: str, a: str, layout: str) -> tuple[str, ...]:
    return tuple(_softmax(text, name, a, layout) for text in _SOFTMAX.values())


def softmax_edits(name: str, a: str, layout: str) -> dict[str, list[Edit]]:
    edits = {"softmax-overflow": [edit(softmax=_softmax(_OVERFLOW, name, a, layout))]}
    if layout != "vector":
        other = "columns" if layout == "rows" else "rows"
        edits["softmax-over-batch"] = [
            edit(softmax=_softmax(_SOFTMAX["plain"], name, a, other)),
            edit(softmax=_softmax(_SOFTMAX["steps"], name, a, other)),
        ]
    return edits


_FORWARD = "def forward(W, b, x, activation):\n    return {output}\n"
_LOSS = """

def loss(W, b, x, t, activation, lam):
    y = forward(W, b, x, activation)
    {data}
    return E + {penalty}
"""
_STEP = """

def step(W, b, x, t, activation, lam, eta):
    dW, db = gradients(W, b, x, t, activation, lam)[:2]
    {body}
"""
DATA_LOSS = (
    "E = -np.sum(t * np.log(y)) / len(x)",
    "E = -np.mean(np.sum(t * np.log(y), axis=1))",
    "E = np.mean(-np.log(y[t == 1]))",
    "E = -np.log(np.maximum((y * t).sum(axis=1), 1e-300)).mean()",
)
PENALTY = (
    "lam / 2 * sum(np.sum(w ** 2) for w in W)",
    "0.5 * lam * sum((w * w).sum() for w in W)",
    "lam * sum(np.linalg.norm(w) ** 2 for w in W) / 2",
)
STEP = (
    "return [w - eta * g for w, g in zip(W, dW)], [c - eta * g for c, g in zip(b, db)]",
    (
        "W_new = [W[i] - eta * dW[i] for i in range(len(W))]\n    b_new = [b[i] - eta * db[i] for i in range(len(b))]\n"
        "    return W_new, b_new"
    ),
    (
        "new_W, new_b = [w.copy() for w in W], [c.copy() for c in b]\n    for i in range(len(W)):\n"
        "        new_W[i] -= eta * dW[i]\n        new_b[i] -= eta * db[i]\n    return new_W, new_b"
    ),
)
WRONG_STEP = {
    "step-sign": (
        "return [w + eta * g for w, g in zip(W, dW)], [c + eta * g for c, g in zip(b, db)]",
        (
            "W = [w.copy() for w in W]\n    b = [c.copy() for c in b]\n    for i in range(len(W)):\n"
            "        W[i] += eta * dW[i]\n        b[i] += eta * db[i]\n    return W, b"
        ),
    ),
    "step-repeated": (
        (
            "W, b = list(W), list(b)\n    for n in range(len(x)):\n        for i in range(len(W)):\n"
            "            W[i] = W[i] - eta * dW[i]\n            b[i] = b[i] - eta * db[i]\n    return W, b"
        ),
        (
            "for sample in x:  # update for every sample\n        W = [w - eta * g for w, g in zip(W, dW)]\n"
            "        b = [c - eta * g for c, g in zip(b, db)]\n    return W, b"
        ),
    ),
}


def step_with(body: str) -> str:
    return _STEP.format(body=body)


def extras_slot(output: str) -> tuple[str, ...]:
    """What a program may hold beside gradients: nothing, forward, forward and loss, all three.

    output: the expression of y in terms of W, b, x, activation.
    """
    forward = _FORWARD.format(output=output)
    losses = [_LOSS.format(data=data, penalty=PENALTY[i % len(PENALTY)]) for i, data in enumerate(DATA_LOSS)]
    steps = [step_with(body) for body in STEP]
    whole = [forward + losses[i] + "\n" + steps[i % len(steps)] for i in range(len(losses))]
    return ("", "", forward, forward + losses[1], *steps, *whole)


def step_edits() -> dict[str, list[Edit]]:
    return {mistake: [edit(extras=step_with(body)) for body in bodies] for mistake, bodies in WRONG_STEP.items()}


STEP_REPEATED_FRESH = edit(
    "gradient anew each time",
    extras="""\
def step(W, b, x, t, activation, lam, eta):
    for n in range(len(x)):
        out = gradients(W, b, x, t, activation, lam)
        W = [w - eta * g for w, g in zip(W, out[0])]
        b = [c - eta * g for c, g in zip(b, out[1])]
    return W, b
""",
)
