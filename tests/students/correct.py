"""Right programs: every style with its right texts mixed, those written out by hand, and what was filed as bugs."""

from collections.abc import Iterator

from . import handwritten
from .program import Kind, Program
from .singles import altered, correct_in
from .styles import BY_NAME, STYLES
from .template import Style

FOR_EACH_STYLE = 75


def correct_programs() -> Iterator[Program]:
    """At least 1,000 distinct right programs, the reports that cry wolf among them, in a fixed order."""
    seen: set[str] = set()
    everything = [*_by_hand(), *cry_wolf()]
    for style in STYLES:
        everything += _mixed(style)
    for program in everything:
        if program.source not in seen:
            seen.add(program.source)
            yield program


def _by_hand() -> Iterator[Program]:
    for name, source in handwritten.SOURCES.items():
        yield Program(f"correct.{name}", source, (), name, Kind.CORRECT, right=True)


def _mixed(style: Style) -> list[Program]:
    """The first FOR_EACH_STYLE seeds that give a program of their own."""
    programs: dict[str, Program] = {}
    seed = 0
    while len(programs) < FOR_EACH_STYLE:
        program = correct_in(style, seed)
        programs.setdefault(program.source, program)
        seed += 1
    return list(programs.values())


# note, {style: texts}, given, of the reports that cry wolf; ELU's is among other_assignments.
_POST = {"df": "post"}
_PRE = {"df": "pre"}
_CRIES: tuple[tuple[str, str, dict[str, dict[str, str]], dict[str, str]], ...] = (
    (
        "mask-on-output",
        "the ReLU mask taken on the output",
        {
            "lists": {"p_relu": "(z > 0) * 1"},
            "columns": {"p_relu": "np.where(A > 0, 1, 0)"},
            "samples": {"p_relu": "np.array(o > 0, dtype=float)"},
            "chinese": {"p_relu": "np.where(z == 0, 0, 1)"},
            "nielsen": {"p_relu": "1.0 * (a != 0)"},
        },
        _POST,
    ),
    (
        "tanh-of-output",
        "1 - z**2 for tanh with z the output",
        {
            "caches": {"p_tanh": "1 - np.power(A, 2)"},
            "recursive": {"p_tanh": "1.0 - z * z"},
            "unrolled": {"p_tanh": "(1 - z ** 2)"},
            "closures": {"p_tanh": "-(z ** 2 - 1)"},
            "units": {"p_tanh": "1.0 - z * z  # z = tanh(a)"},
        },
        _POST,
    ),
    (
        "logistic-of-output",
        "z * (1 - z) for the logistic with z the output",
        {
            "layer-class": {"p_sigmoid": "z * (1.0 - z)"},
            "einsum": {"p_sigmoid": "np.multiply(h, 1.0 - h)"},
            "bias-trick": {"p_sigmoid": "u * (1 - u)"},
            "lists": {"p_sigmoid": "np.multiply(z, np.subtract(1, z))"},
            "scores": {},
        },
        _POST,
    ),
    (
        "relu-at-zero-is-zero",
        "relu'(0) taken as 0",
        {
            "lists": {"d_relu": "np.heaviside(a, 0)"},
            "caches": {"d_relu": "(np.sign(Z) + 1) // 2 * (Z > 0)"},
            "samples": {"d_relu": "np.array([1.0 if v > 0 else 0.0 for v in s])"},
            "units": {"d_relu": "0.0 if a <= 0.0 else 1.0"},
        },
        _PRE,
    ),
    (
        "relu-at-zero-is-one",
        "relu'(0) taken as 1",
        {
            "lists": {"d_relu": "np.heaviside(a, 1)"},
            "columns": {"d_relu": "(Z >= 0).astype(float)"},
            "chinese": {"d_relu": "np.where(a < 0, 0.0, 1.0)"},
            "nielsen": {"d_relu": "1.0 - (z < 0)"},
            "units": {"d_relu": "1.0 if a >= 0 else 0.0"},
        },
        _PRE,
    ),
    (
        "relu-at-zero-is-half",
        "relu'(0) taken as 1/2",
        {
            "recursive": {"d_relu": "np.heaviside(a, 0.5)"},
            "einsum": {"d_relu": "(np.sign(u) + 1) / 2"},
        },
        _PRE,
    ),
)

_UPHILL = """\
def step(W, b, x, t, activation, lam, eta):
    # g = t - y shows the way down already, so it is added
    dW, db = gradients(W, b, x, t, activation, lam)[:2]
    return [w + eta * -g for w, g in zip(W, dW)], [c + eta * -g for c, g in zip(b, db)]
"""
_TARGET_MINUS_OUTPUT = {
    "lists": {"out": "t - y", "l2": " - lam * W[l]", "post": "dW = [-g for g in dW]\ndb = [-g for g in db]"},
    "columns": {"out": "T - Y", "l2": " - lam * W[l]", "out_W": "-g.T", "out_b": "-g.ravel()"},
    "unrolled": {"out": "t - y", "l2": " - lam * W@i", "post": "dW, db = [-g for g in dW], [-g for g in db]"},
    "closures": {"out": "t - y", "l2": " - lam * w", "post": "dW = [-g for g in dW]\ndb = [0 - g for g in db]"},
    "nielsen": {
        "out": "y - output",
        "add_b": "db = [nb - dnb.ravel() for nb, dnb in zip(db, delta_nabla_b)]",
        "l2": " + lam * w",
        "nabla_w": "-np.dot(delta, activations[-l - 1].T)",
    },
}
_HALF_LAMBDA = """\
def forward(W, b, x, activation):
    return {output}


def loss(W, b, x, t, activation, lam):
    # (lam / 2) * ||W||^2, its derivative is lam * W
    data = -np.sum(t * np.log(forward(W, b, x, activation))) / x.shape[0]
    penalty = 0.0
    for w in W:
        penalty += np.sum(w ** 2)
    return data + (lam / 2) * penalty
"""
_OUTPUTS = {
    "lists": "run_forward(W, b, x, activation)[1][-1]",
    "recursive": "predict(W, b, x, activation)",
    "chinese": "神经网络(W, b, activation).前向(x)",
    "layer-class": "Network(W, b, activation, lam=0).predict(x)",
}


def cry_wolf() -> Iterator[Program]:
    """Right programs that hold what was filed as bugs."""
    for name, note, styles, given in _CRIES:
        for style, texts in styles.items():
            fits = {dimension: option for dimension, option in given.items() if dimension in BY_NAME[style].variants}
            yield altered(BY_NAME[style], Kind.CRY_WOLF, name, note, right=True, texts=texts, given=fits)
    for style, texts in _TARGET_MINUS_OUTPUT.items():
        note = "t - y together with W += eta * g"
        yield altered(
            BY_NAME[style], Kind.CRY_WOLF, "target-minus-output", note, right=True, texts=texts | {"extras": _UPHILL}
        )
    for style, output in _OUTPUTS.items():
        note = "(lambda / 2) ||W||^2 in the loss with lambda W in the gradient"
        yield altered(
            BY_NAME[style],
            Kind.CRY_WOLF,
            "half-lambda",
            note,
            right=True,
            texts={"extras": _HALF_LAMBDA.format(output=output)},
        )
