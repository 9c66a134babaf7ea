"""One program of the corpus, and the names that go with it."""

import tomllib
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    CORRECT = "correct"
    SINGLE = "single"
    PAIR = "pair"
    TRIPLE = "triple"
    NEAR_MISS = "near-miss"
    OUTSIDE = "outside"
    CRY_WOLF = "cry-wolf"


@dataclass(frozen=True)
class Program:
    """The source of one submission and what is true of it.

    mistakes: the ids of MISTAKES.md that it really makes, as the author made them: cache-overwritten stays
    cache-overwritten, `reported_as` gives the id that a report uses for it.
    note: what is special about this form, "only tanh" where a mistake is confined to one activation.
    assignment: the TOML of the assignment it answers, None for the default one.
    near_to: for a near miss, the id that it must not get.
    right: whether its numbers are those of the assignment.
    """

    name: str
    source: str
    mistakes: tuple[str, ...]
    style: str
    kind: str
    note: str = ""
    assignment: str | None = None
    near_to: str | None = None
    right: bool = False


# "Same numbers, one name", as far as single mistakes go: the id made, the id reported.
SAME_NUMBERS = {"cache-overwritten": "derivative-at-activation"}


# The same where an assignment allows one activation only: what it allows, the id made, the id reported.
SAME_NUMBERS_WITH_ONE_ACTIVATION = {
    ("relu", "derivative-missing"): "relu-derivative-one",
    ("tanh", "tanh-derivative-of-output"): "derivative-at-activation",
}


def reported_as(program: Program) -> frozenset[str]:
    """The ids that a report should show for a program, under its assignment."""
    activations = tomllib.loads(program.assignment or "").get("activations", ())
    names = dict(SAME_NUMBERS)
    if len(activations) == 1:
        names |= {
            made: seen for (only, made), seen in SAME_NUMBERS_WITH_ONE_ACTIVATION.items() if only == activations[0]
        }
    ids = frozenset(names.get(mistake, mistake) for mistake in program.mistakes)
    return ids | {"relu-derivative-one"} if "mask by >=" in program.note else ids
