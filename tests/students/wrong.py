"""The wrong texts that most styles share, in the style's own letters."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .template import Edit, edit

LATE, EARLY = {"mean": "late"}, {"mean": "early"}
PRE, POST = {"df": "pre"}, {"df": "post"}


@dataclass(frozen=True)
class Letters:
    """How a style writes things. W, b, delta: those of the layer at hand; z_below: f of the layer below, a_below its
    pre-activation; z_own, a_own: those of the layer itself; y, t, a_out: at the output. up: what the derivative is
    taken of one layer too high. layout: rows, columns, or vector (one sample at a time)."""

    W: str
    b: str
    delta: str
    z_below: str
    a_below: str
    z_own: str
    y: str
    t: str
    a_out: str
    up: str
    N: str
    lam: str
    f: str
    df: str
    kind: str
    x: str
    first: str
    last: str
    layout: str = "rows"

    @property
    def units(self) -> str:
        return {"rows": "axis=1, keepdims=True", "columns": "axis=0, keepdims=True", "vector": ""}[self.layout]

    @property
    def batch_axis(self) -> str:
        return {"rows": "0", "columns": "1"}[self.layout]


def output_edits(s: Letters) -> dict[str, list[Edit]]:
    """δ(L) in place of y − t."""
    y, t = s.y, s.t
    comma = f", {s.units}" if s.units else ""
    index = {
        "rows": (f"{t}.argmax(axis=1)[:, None]", f"np.argmax({t}, axis=1).reshape(-1, 1)"),
        "columns": (f"{t}.argmax(axis=0)", f"np.argmax({t}, axis=0)[None, :]"),
        "vector": (f"{t}.argmax()", f"np.argmax({t})"),
    }[s.layout]
    outputs = {"rows": f"{y}.shape[1]", "columns": f"{y}.shape[0]", "vector": f"len({y})"}[s.layout]
    sigmoid = f'{s.f}({s.a_out}, "sigmoid")'
    logistic = f"1 / (1 + np.exp(-{s.a_out}))"
    return {
        "factor-two": [
            edit(out=f"2 * ({y} - {t})"),
            edit("half", out=f"({y} - {t}) / 2"),
            edit("half", out=f"0.5 * ({y} - {t})"),
        ],
        "softmax-derivative-again": [
            edit(out=f"({y} - {t}) * {y} * (1 - {y})"),
            edit(out=f"({y} - {t}) * ({y} - {y} ** 2)"),
        ],
        "softmax-jacobian-diagonal": [edit(out=f"-{t} * (1 - {y})"), edit(out=f"-{t} / {y} * {y} * (1 - {y})")],
        "output-derivative-extra": [
            edit(out=f"({y} - {t}) * ({logistic}) * (1 - {logistic})"),
            *([edit(out=f"({y} - {t}) * {sigmoid} * (1 - {sigmoid})")] if s.f else []),
        ],
        "target-missing": [edit(out=y), edit(out=f"{y}.copy()")],
        "output-sign": [edit(out=f"{t} - {y}"), edit(out=f"-({y} - {t})")],
        "squared-error-for-cross-entropy": [
            edit(out=f"{y} * (({y} - {t}) - np.sum(({y} - {t}) * {y}{comma}))"),
            edit(out=f"{y} * ({y} - {t}) - {y} * (({y} - {t}) * {y}).sum({s.units})"),
        ],
        "labels-not-one-hot": [edit(out=f"{y} - {i}") for i in index],
        "mean-over-outputs": [edit(out=f"({y} - {t}) / {outputs}")],
    }


def mean_edits(s: Letters) -> dict[str, list[Edit]]:
    """1/N; a style with the dimension "mean" has it late (in dW and db) or early (in δ at the output)."""
    over = f" / {s.N}"
    return {
        "mean-missing": [edit("", LATE, dw_n="", db_n=""), edit("", EARLY, out_n="")],
        "mean-missing-weights": [edit("", LATE, dw_n="")],
        "mean-missing-biases": [edit("", LATE, db_n="")],
        "mean-twice": [edit("", EARLY, dw_n=over, db_n=over), edit("", LATE, out_n=over)],
        "mean-per-layer": [edit(back_n=over)],
        "bias-mean-again": [edit("", EARLY, db_n=over)],
        "integer-arrays": [edit("floor division", LATE, dw_n=f" // {s.N}", db_n=f" // {s.N}")],
    }


def l2_edits(s: Letters) -> dict[str, list[Edit]]:
    """The slot l2 holds the whole term with its plus, l2b the same for the biases (nothing)."""
    W, lam = s.W, s.lam
    return {
        "l2-missing": [edit(l2="")],
        "l2-doubled": [edit(l2=f" + 2 * {lam} * {W}"), edit(l2=f" + {lam} * ({W} + {W})")],
        "l2-halved": [edit(l2=f" + {lam} / 2 * {W}"), edit(l2=f" + 0.5 * {lam} * {W}")],
        "l2-over-n": [edit(l2=f" + {lam} / {s.N} * {W}"), edit(l2=f" + ({lam} * {W}) / {s.N}")],
        "l2-sign": [edit(l2=f" - {lam} * {W}")],
        "l2-on-biases": [edit(l2b=f" + {lam} * {s.b}")],
        "l2-some-layers": [
            edit("last layer only", l2=f" + ({lam} * {W} if {s.last} else 0)"),
            edit("first layer only", l2=f" + ({lam} if {s.first} else 0.0) * {W}"),
        ]
        if s.first
        else [],
        "l2-scalar": [edit(l2=f" + {lam} * np.sum({W} ** 2)"), edit(l2=f" + {lam} * ({W} * {W}).sum()")],
        "l2-squared": [edit(l2=f" + {lam} * {W} ** 2"), edit(l2=f" + {lam} * np.square({W})")],
        "l1-for-l2": [edit(l2=f" + {lam} * np.sign({W})")],
    }


def bias_edits(s: Letters) -> dict[str, list[Edit]]:
    """The slot db, for styles that hold a batch in an array."""
    delta, axis = s.delta, s.batch_axis
    other = "0" if axis == "1" else "1"
    first = f"{delta}[0]" if s.layout == "rows" else f"{delta}[:, 0]"
    return {
        "bias-not-summed": [
            edit("not summed at all", db=f"{delta}<<db_n>>"),
            edit("first sample only", db=f"{first}<<db_n>>"),
        ],
        "bias-summed-to-scalar": [
            edit("a scalar", db=f"np.sum({delta})<<db_n>>"),
            edit("spread over the units", db=f"np.full_like({s.b}, {delta}.sum()<<db_n>>)"),
            edit("a scalar", db=f"{delta}.sum()<<db_n>>"),
        ],
        "bias-wrong-axis": [
            edit(db=f"{delta}.sum(axis={other})<<db_n>>"),
            edit(db=f"np.sum({delta}, axis={other})<<db_n>>"),
        ],
        "bias-gradient-zero": [edit(db=f"np.zeros_like({s.b})"), edit(db=f"np.zeros({s.b}.shape)")],
        "bias-mean-again": [edit("", EARLY, db=f"{delta}.mean(axis={axis})")],
    }


def derivative_edits(s: Letters) -> dict[str, list[Edit]]:
    """The slot fprime holds the factor with its times sign, d_at what the derivative is taken of."""
    z, a = s.z_below, s.a_below
    return {
        "derivative-missing": [edit(fprime="")],
        "derivative-at-activation": [edit("", PRE, plain=("d_relu",), d_at=z)],
        "derivative-formula-of-preactivation": [edit("", POST, plain=("p_relu",), d_at=a)],
        "activation-for-derivative": [edit(fprime=f" * {s.f}({a}, {s.kind})"), edit(fprime=f" * {z}")],
        "derivative-of-wrong-layer": [edit("", PRE, d_at=s.up)] if s.up else [],
        "derivative-twice": [
            edit(fprime=f" * {s.df}(<<d_at>>, {s.kind}) ** 2"),
            edit(fprime=f" * {s.df}(<<d_at>>, {s.kind}) * {s.df}(<<d_at>>, {s.kind})"),
        ],
        "sigmoid-derivative-everywhere": [edit(fprime=f" * {z} * (1 - {z})"), edit(fprime=f" * ({z} - {z} ** 2)")],
    }


def upstream_edits(s: Letters) -> dict[str, list[Edit]]:
    """zprev, the factor of dW; those that MISTAKES.md lists under matrices."""
    return {
        "own-output-in-weight-gradient": [edit(zprev=s.z_own)],
        "preactivation-in-weight-gradient": [edit(zprev=f"({s.x} if {s.first} else {s.a_below})")],
        "input-in-every-layer": [edit(zprev=s.x)],
    }


def gathered(*tables: Mapping[str, Iterable[Edit]], without: Iterable[str] = ()) -> dict[str, tuple[Edit, ...]]:
    """One table of all, without the ids that the style does not lend itself to."""
    whole: dict[str, tuple[Edit, ...]] = {}
    for table in tables:
        for mistake, edits in table.items():
            if edits and mistake not in set(without):
                whole[mistake] = (*whole.get(mistake, ()), *edits)
    return whole
