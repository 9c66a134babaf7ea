"""The network's items of a run under pytest: a function and a line each."""

from __future__ import annotations

from verify.grading.answers import columns_name
from verify.grading.assignment import Assignment
from verify.problems.lines import names


def items(assignment: Assignment) -> list[tuple[str, str]]:
    """Function and line of every item: all lines of the deepest network, and those of functions that have points."""
    L = assignment.layers[1]
    shown = [name for name in names(L) if assignment.biases or not name.startswith("db")]
    columns = assignment.convention == "columns"
    found = [("gradients", columns_name(name, L) if columns else name) for name in shown]
    of_functions = {"forward": ["y"], "loss": ["E"], "step": ["W", "b"] if assignment.biases else ["W"]}
    for function, lines in of_functions.items():
        if getattr(assignment.points, function) > 0:
            found += [(function, line) for line in lines]
    return found
