"""Programs with two or three mistakes at once, in different places, none of which hides another."""

import random
from collections.abc import Iterator
from itertools import combinations as choose

from .program import Kind, Program
from .styles import BY_NAME, STYLES
from .template import Edit, SlotsUnused, Style, fit_together, seed_of, write

_DERIVATIVE = [
    "derivative-missing",
    "derivative-at-activation",
    "derivative-formula-of-preactivation",
    "activation-for-derivative",
    "derivative-of-wrong-layer",
    "derivative-twice",
    "derivative-not-passed-on",
    "relu-of-gradient",
    "relu-derivative-one",
    "relu-derivative-flipped",
    "sigmoid-derivative-everywhere",
    "tanh-derivative-of-output",
    "cache-overwritten",
]

# What a mistake has to do with; two mistakes of one group are one wrong equation, not two.
GROUPS = {
    "output": [
        "factor-two",
        "softmax-derivative-again",
        "softmax-jacobian-diagonal",
        "output-derivative-extra",
        "target-missing",
        "output-sign",
        "squared-error-for-cross-entropy",
        "labels-not-one-hot",
        "mean-over-outputs",
    ],
    "softmax": ["softmax-over-batch"],
    "mean": ["mean-missing", "mean-missing-weights", "mean-missing-biases", "mean-twice", "bias-mean-again"],
    "derivative": _DERIVATIVE,
    "down": ["weights-not-transposed", "weights-of-wrong-layer"],
    "scale": ["mean-per-layer"],
    "weights": [
        "weight-gradient-transposed",
        "own-output-in-weight-gradient",
        "preactivation-in-weight-gradient",
        "input-in-every-layer",
    ],
    "l2": [
        "l2-missing",
        "l2-doubled",
        "l2-halved",
        "l2-over-n",
        "l2-sign",
        "l2-some-layers",
        "l2-scalar",
        "l2-squared",
        "l1-for-l2",
    ],
    "biases": [
        "bias-mean-again",
        "bias-not-summed",
        "bias-summed-to-scalar",
        "bias-wrong-axis",
        "bias-gradient-zero",
        "l2-on-biases",
        "mean-missing-biases",
    ],
    "state": ["updated-weights-in-backward", "inputs-mutated", "cache-stale", "gradients-accumulated"],
    "step": ["step-sign", "step-repeated"],
    "precision": ["precision-float32"],
}
# The line of the slides that holds the mistake: "across equations" is across these.
EQUATIONS = {
    "output": "delta(L)",
    "softmax": "y",
    "mean": "mean",
    "derivative": "delta(l)",
    "down": "delta(l)",
    "scale": "delta(l)",
    "weights": "dW",
    "l2": "dW",
    "biases": "db",
    "state": "order",
    "step": "step",
    "precision": "numbers",
}
_NO_SCALE_IN_DB = ("bias-gradient-zero", "bias-wrong-axis", "bias-not-summed")
# Pairs with other names for the same numbers, or of which one undoes or hides the other, whatever the style.
NOT_TOGETHER = {
    frozenset(pair)
    for pair in (
        # db does not show whether its 1/N is there: mean-missing-weights would say as much
        *(("mean-missing", b) for b in _NO_SCALE_IN_DB),
        *(("mean-twice", b) for b in _NO_SCALE_IN_DB),
        ("mean-missing", "mean-per-layer"),  # "no 1/N anywhere"
        ("output-sign", "step-sign"),  # a right step but for lambda
        *(
            (shape, state)
            for shape in ("bias-not-summed", "bias-wrong-axis")  # does not fit into a buffer
            for state in ("inputs-mutated", "gradients-accumulated")
        ),
        *(("inputs-mutated", step) for step in ("step-sign", "step-repeated")),  # the step itself may raise
        ("inputs-mutated", "precision-float32"),  # writes into the float32 copies
        ("cache-overwritten", "preactivation-in-weight-gradient"),  # a is z
        ("updated-weights-in-backward", "weights-of-wrong-layer"),  # the other layer has not been stepped yet
    )
}


def groups_of(mistake: str) -> frozenset[str]:
    return frozenset(name for name, members in GROUPS.items() if mistake in members)


def equations_of(mistakes: tuple[str, ...]) -> frozenset[str]:
    return frozenset(EQUATIONS[group] for mistake in mistakes for group in groups_of(mistake))


def across_equations(mistakes: tuple[str, ...]) -> bool:
    """Whether no two of the mistakes lie in one equation of the slides (1/N and lambda W both lie in dW's)."""
    return not any(equations_of((a,)) & equations_of((b,)) for a, b in choose(mistakes, 2))


def compatible(mistakes: tuple[str, ...]) -> bool:
    """Whether the mistakes lie in different places, and show themselves beside one another."""
    for a, b in choose(mistakes, 2):
        if groups_of(a) & groups_of(b) or frozenset((a, b)) in NOT_TOGETHER:
            return False
    return all(groups_of(mistake) for mistake in mistakes)


def combinations(size: int, count: int, seed: int) -> Iterator[Program]:
    """`count` programs with `size` mistakes (2 or 3), the same ones for the same seed.

    note: "mistake: form" for forms with a note, joined by "; ".
    """
    rng = random.Random(seed_of("combinations", size, seed))
    taken: set[tuple[str, ...]] = set()
    while len(taken) < count:
        style = rng.choice(STYLES)
        mistakes = tuple(sorted(rng.sample(sorted(style.mistakes), size)))
        if not compatible(mistakes) or (style.name, *mistakes) in taken:
            continue
        edits = tuple(rng.choice(style.mistakes[mistake]) for mistake in mistakes)
        program = combined(style, mistakes, edits)
        if program is not None:
            taken.add((style.name, *mistakes))
            yield program


def combined(style: Style, mistakes: tuple[str, ...], edits: tuple[Edit, ...]) -> Program | None:
    """The program that makes all these mistakes at once; None where the edits get into each other's way."""
    if not fit_together(edits):
        return None
    name = f"{'+'.join(mistakes)}.{style.name}"
    try:
        source = write(style, edits, seed_of(name))
    except SlotsUnused:
        return None
    note = "; ".join(f"{m}: {e.note}" for m, e in zip(mistakes, edits, strict=True) if e.note)
    kind = {2: Kind.PAIR, 3: Kind.TRIPLE}[len(mistakes)]
    return Program(name, source, mistakes, style.name, kind, note)


def with_one_less(program: Program) -> Iterator[str]:
    """The sources with one mistake of a combination taken out, the others made in the same form."""
    style = BY_NAME[program.style]
    notes = dict(part.split(": ", 1) for part in program.note.split("; ") if part)
    for left in choose(program.mistakes, len(program.mistakes) - 1):
        forms = [next(e for e in style.mistakes[m] if e.note == notes.get(m, "")) for m in left]
        yield write(style, tuple(forms), seed_of(program.name))
