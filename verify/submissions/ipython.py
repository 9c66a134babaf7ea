"""What IPython makes of a cell before Python sees it, by IPython itself, with every line where it was."""

from __future__ import annotations

import ast
import difflib
import functools
import re
import warnings
from typing import Any

# Magics that run their cell as Python in the notebook's own names.
_RUNNING = frozenset({"capture", "debug", "memit", "prun", "time"})
_PROMPT = re.compile(r"\s*(In \[\d+\]:|>>>)")


def python_of(cell: str) -> str:
    """A cell as the Python that IPython runs: with as many lines, each in its place.

    Magics and commands become calls of get_ipython(). What is no Python even then comes back as it is.
    """
    if is_python(cell) and not _PROMPT.match(cell):
        return cell
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = _transformer().transform_cell(cell)
    except SyntaxError:
        return cell
    body = _body_that_runs(made)
    if body is None:
        return _realigned(cell, made)
    above = cell.rstrip("\n").count("\n") - body.rstrip("\n").count("\n")
    return _padded("\n" * above + python_of(body), cell)


def is_python(text: str) -> bool:
    """Whether a text compiles, with `await` outside functions as notebooks have it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(text, "cell", "exec", flags=ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


@functools.cache
def _transformer() -> Any:
    from IPython.core.inputtransformer2 import TransformerManager  # a quarter of a second, for notebooks alone

    return TransformerManager()


def _body_that_runs(made: str) -> str | None:
    """The cell below %%time and its like, for it is as much Python as any other cell."""
    if not made.startswith("get_ipython().run_cell_magic("):
        return None
    try:
        arguments = ast.literal_eval(made[made.index("(", len("get_ipython()")) :])
    except (SyntaxError, ValueError):
        return None
    return arguments[2] if len(arguments) == 3 and arguments[0] in _RUNNING else None


def _realigned(cell: str, made: str) -> str:
    """What was made of a cell, with empty lines where it has fewer: a command over two lines becomes one."""
    before, after = cell.split("\n"), made.rstrip("\n").split("\n")
    if len(before) == len(after):
        return made
    steps = difflib.SequenceMatcher(None, [s.strip() for s in before], [s.strip() for s in after], autojunk=False)
    lines: list[str] = []
    for _, first, last, start, stop in steps.get_opcodes():
        lines += after[start:stop] + [""] * ((last - first) - (stop - start))
    return "\n".join(lines)


def _padded(text: str, cell: str) -> str:
    return text + "\n" * max(0, cell.count("\n") - text.count("\n"))
