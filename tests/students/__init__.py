"""Programs as students write them, on which diagnosis and grading are measured.

They are written against the contract of a submission alone, `gradients(W, b, x, t, activation, lam)`, and know nothing
of the grader. Every generator gives the same programs, in the same order, on every run.
"""

from .combinations import across_equations, combinations, compatible, equations_of, with_one_less
from .correct import correct_programs, cry_wolf
from .near_misses import near_misses
from .other_assignments import other_assignments
from .outside import outside_catalogue
from .program import SAME_NUMBERS, Kind, Program, reported_as
from .singles import single_mistakes

__all__ = [
    "SAME_NUMBERS",
    "Kind",
    "Program",
    "across_equations",
    "combinations",
    "compatible",
    "correct_programs",
    "cry_wolf",
    "equations_of",
    "near_misses",
    "other_assignments",
    "outside_catalogue",
    "reported_as",
    "single_mistakes",
    "with_one_less",
]
