"""What a right program is put together from: one drawn form for each equation, and the helpers that these call."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from verify.benchmarks.programs import curves, parts
from verify.benchmarks.programs.parts import Form
from verify.benchmarks.programs.tasks import Task

# Helpers that students call as the contract's optional functions are called, and which are none of them.
_F = ("f", "phi", "act", "activate", "forward", "relu")
_DF = ("f_prime", "dphi", "slope", "backward", "step", "derivative")
_OUTPUT = ("output", "head", "predict", "softmax", "loss", "top")


@dataclass
class Parts:
    """The drawn forms, as methods that write an expression with a style's own names."""

    task: Task
    rng: random.Random
    small: bool
    early: bool
    f: str
    df: str
    output: str
    helpers: dict[str, str] = field(default_factory=dict)
    texts: dict[str, Form] = field(default_factory=dict)
    lines: str = ""

    def affine(self, z: str, W: str, b: str) -> str:
        return self._write("affine", parts.AFFINE, z=z, W=W, b=b)

    def weights(self, z: str, d: str, W: str) -> str:
        return self._write("weights", parts.WEIGHTS_EARLY if self.early else parts.WEIGHTS_LATE, z=z, d=d, W=W)

    def biases(self, d: str) -> str:
        return self._write("biases", parts.BIASES_EARLY if self.early else parts.BIASES_LATE, d=d)

    def carried(self, d: str, W: str) -> str:
        return self._write("carried", parts.CARRIED, d=d, W=W)

    def passed(self, carried: str, slope: str) -> str:
        """(δ Wᵀ) ⊙ f′, an expression of the two."""
        return self._form("passed", parts.PASSED).text.format(c=carried, s=slope)

    def delta(self, a: str, y: str, t: str) -> str:
        """δ(L), called by its function; divided by N where the gradients do not."""
        text = f"delta_of({a}, {y}, {t})"
        return f"{text} / N" if self.early else text

    def result(self, lines: str) -> str:
        """What gradients returns: with the lines that the style can hand over, or without."""
        return "dW, db" if self.lines == "none" else f"dW, db, {lines}"

    def _write(self, part: str, forms: tuple[Form, ...], **names: str) -> str:
        form = self._form(part, forms)
        if form.function:
            self.helpers[part] = form.function
        return form.text.format(N="N", lam="lam", **names)

    def _form(self, part: str, forms: tuple[Form, ...]) -> Form:
        if part not in self.texts:
            self.texts[part] = self.rng.choice([form for form in forms if self.small or not form.small])
        return self.texts[part]


def drawn(task: Task, rng: random.Random) -> Parts:
    """Forms and names for one program of a task."""
    helpers = rng.random() < 0.5 and not task.functions
    pick = lambda names: rng.choice(names) if helpers else names[0]
    f, df, output = pick(_F), pick(_DF), pick(_OUTPUT)
    early, lines = rng.random() < 0.4, rng.choice(("none", "some"))
    return Parts(task, rng, task.small, early, f, df, output, lines=lines)


# Functions of a and z ------------------------------------------------------------------------------------------------


def activations(p: Parts) -> str:
    """f and f′ by the activation's name, in one of the ways in which programs ask for it."""
    own = p.task.constants
    f = {name: p.rng.choice(curves.functions(own)[name]) for name in p.task.activations}
    df = {name: p.rng.choice(curves.slopes(own)[name]) for name in p.task.activations}
    return p.rng.choice((_by_if, _by_table, _by_match))(p, f, df)


def _by_if(p: Parts, f: dict[str, str], df: dict[str, str]) -> str:
    asked = p.rng.choice(("==", "==", "is"))
    rows = lambda forms: "\n".join(
        f'    if kind {asked} "{name}":\n        return {text}' for name, text in forms.items()
    )
    return f"def {p.f}(v, kind):\n{rows(f)}\n\n\ndef {p.df}(v, z, kind):\n{rows(df)}\n"


def _by_table(p: Parts, f: dict[str, str], df: dict[str, str]) -> str:
    rows = "\n".join(f'    "{name}": (lambda v: {f[name]}, lambda v, z: {df[name]}),' for name in f)
    return (
        f"TABLE = {{\n{rows}\n}}\n\n\ndef {p.f}(v, kind):\n    return TABLE[kind][0](v)\n\n\n"
        f"def {p.df}(v, z, kind):\n    return TABLE[kind][1](v, z)\n"
    )


def _by_match(p: Parts, f: dict[str, str], df: dict[str, str]) -> str:
    rows = lambda forms: "\n".join(f'        case "{name}":\n            return {text}' for name, text in forms.items())
    return (
        f"def {p.f}(v, kind):\n    match kind:\n{rows(f)}\n\n\ndef {p.df}(v, z, kind):\n    match kind:\n{rows(df)}\n"
    )


def outputs(p: Parts) -> str:
    """y of a(L), and δ(L) of a(L), y and t."""
    return f"def {p.output}(v):\n    return {_y(p)}\n\n\ndef delta_of(v, y, t):\n    return {_delta(p)}\n"


def _y(p: Parts) -> str:
    if p.task.output == "softmax":
        return p.rng.choice(curves.SOFTMAX)
    return p.rng.choice(curves.functions(p.task.constants)[p.task.output])


def _delta(p: Parts) -> str:
    if p.task.loss == "cross-entropy":
        return p.rng.choice(curves.CROSS_ENTROPY)
    if p.task.loss == "binary-cross-entropy":
        return p.rng.choice(curves.LOGISTIC)
    slope = p.rng.choice(curves.slopes(p.task.constants)[p.task.output])
    slope = slope.replace("z", "y") if p.task.output in ("sigmoid", "tanh") else f"(lambda v, z: {slope})(v, y)"
    return p.rng.choice((f"(y - t) * ({slope})", f"({slope}) * (y - t)", f"-(t - y) * ({slope})"))


def error(p: Parts) -> str:
    """E of a(L), y, t, W and λ."""
    data = p.rng.choice(parts.ERRORS[p.task.loss])
    penalty = p.rng.choice(parts.PENALTY)
    return f"def E_of(v, y, t, W, lam):\n    N = len(t)\n    return {data} + {penalty}\n"
