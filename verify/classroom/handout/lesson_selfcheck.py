"""Checks your own program before you hand it in: python selfcheck.py [FILE.py]

It calls your functions on a few problems and looks at the form of what comes back: how many values, which shapes, no
NaN, arguments unchanged, twice the same. Where your own function gives the value that is derived, your gradients are
set against differences of it, one entry at a time. It knows no right answer: if your function is not what the lecture
says, gradients that fit it agree. Needs Python and NumPy, nothing else.
"""

import json
import sys
from pathlib import Path

import numpy as np

from verify.classroom.handout.selfcheck import (
    _array,
    _derivative,
    _judged,
    _loaded,
    _one_number,
    _some,
    _told,
)

TASK = json.loads(r"""{"functions": {}, "problems": []}""")


def check(functions, seed=None):
    """Prints, for each problem and each value that comes back, whether it has the form, and agrees with differences.

    functions: name -> function, or a module that defines them. Returns True where nothing is wrong.
    """
    given = functions if isinstance(functions, dict) else vars(functions)
    draw = np.random.default_rng(seed)
    good = True
    for number, problem in enumerate(TASK["problems"], 1):
        print(f"\nProblem {number}: {_described(problem)}")
        values = {name: _value(name, value) for name, value in problem["inputs"].items()}
        told = [_told(*line) for line in _of_problem(given, values, problem["sizes"], draw)]
        good = good and all(told)
    print("\nAll that could be decided agrees." if good else "\nSomething is wrong: see above.")
    return good


def _described(problem):
    return ", ".join(f"{name} = {size}" for name, size in problem["sizes"].items()) or "single numbers"


def _value(name, value):
    """An input as the grader hands it over, but for the backend."""
    return value if TASK["inputs"][name]["shape"] in ("", "number") else np.asarray(value)


def _of_problem(functions, values, sizes, draw):
    """(name, what is wrong or "", error, budget) of each value that each function returns."""
    known = {}
    for name, about in TASK["functions"].items():
        if name not in functions:
            if about["required"]:
                yield name, "is not defined", 0.0, 0.0
            continue
        arguments = _arguments(name, about, {**values, **known})
        if arguments is None:
            yield name, "cannot be decided: it takes what another of your functions is to give", 0.0, 0.0
            continue
        found, fault = _called(functions[name], about, arguments, sizes)
        if fault:
            yield name, fault, 0.0, 0.0
            continue
        known.update(found)
        for line, value in found.items():
            yield (f"{name}: {line}", *_line(line, value, functions, {**values, **known}, draw))


def _arguments(name, about, known):
    """The arguments of a function, or None where one of them is not there."""
    if any(argument not in known for argument in about["arguments"]):
        return None
    return [known[argument] for argument in about["arguments"]]


def _called(function, about, arguments, sizes):
    """Line -> value, and what is wrong with the form or ""."""
    handed = [_handed(value) for value in arguments]
    returned = _parts(function(*handed), about["returns"])
    if isinstance(returned, str):
        return {}, returned
    if not all(np.array_equal(_array(new), _array(old)) for new, old in zip(handed, arguments, strict=True)):
        return {}, "changed its arguments: work on copies"
    for line, value in returned.items():
        shape = tuple(sizes.get(part, part) for part in about["returns"][line].split())
        if "?" not in shape and value.shape != tuple(map(int, shape)) and not (value.size == 1 and shape == ()):
            return {}, f"{line} has shape {value.shape}, and is to have {tuple(map(int, shape))}"
        if not np.isfinite(value).all():
            return {}, f"{line} is not finite"
    again = _parts(function(*map(_handed, arguments)), about["returns"])
    if isinstance(again, str) or any(not np.array_equal(again[line], returned[line]) for line in returned):
        return {}, "gives something else when it is called again"
    return returned, ""


def _handed(value):
    if TASK["backend"] == "torch" and isinstance(value, np.ndarray):
        import torch

        return torch.from_numpy(value.copy())
    return value.copy() if isinstance(value, np.ndarray) else value


def _parts(returned, lines):
    """Line -> value as an array, or what is wrong with the form."""
    names = list(lines)
    if isinstance(returned, dict):
        missing = [name for name in names if name not in returned]
        return f"returned no {missing[0]}" if missing else {name: _array(returned[name]) for name in names}
    parts = list(returned) if isinstance(returned, (tuple, list)) and len(names) > 1 else [returned]
    if isinstance(returned, tuple) and len(names) == 1:
        parts = list(returned)
    if len(parts) == len(names) + 1 and isinstance(parts[-1], dict):
        parts = parts[:-1]
    if len(parts) != len(names):
        return f"returned {len(parts)} values; it is to return {', '.join(names)}"
    if any(part is None for part in parts):
        return f"returned None for {names[[part is None for part in parts].index(True)]}"
    return {name: _array(part) for name, part in zip(names, parts, strict=True)}


# Against differences -------------------------------------------------------------------------------------------------


def _line(line, yours, functions, known, draw):
    """What is wrong with a gradient or "", its largest error, and the budget there; no budget of any other line."""
    by = TASK["gradients"].get(line)
    objective = TASK["objective"]
    if by is None or objective is None or objective["function"] not in functions:
        return "", 0.0, None
    about, function = TASK["functions"][objective["function"]], functions[objective["function"]]
    arguments = _arguments(objective["function"], about, known)
    if arguments is None:
        return "", 0.0, None
    yours = np.asarray(yours, dtype=float).reshape(np.shape(known[by]))

    def at(index, step):
        moved = np.array(known[by], dtype=float)
        moved[index] += step
        there = _arguments("", about, {**known, by: moved if moved.shape else float(moved)}) or ()
        return _objective(_parts(function(*map(_handed, there)), about["returns"]), objective, known)

    found = [(index, *_derivative(lambda step, index=index: at(index, step))) for index in _some(yours.shape, draw)]
    return _judged(yours, found)


def _objective(returned, objective, known):
    """The value that is derived: what a function returns, or the sum of what it returns times what is handed over."""
    if isinstance(returned, str):
        raise SystemExit(f"{objective['function']} {returned}")
    if objective["line"] is not None:
        return _one_number(returned[objective["line"]])
    return float(sum((returned[line] * _array(known[by])).sum() for line, by in objective["weighed"].items()))


def main(words):
    """Load the file and check it; the exit code is 0 where nothing is wrong."""
    path = Path(words[0] if words else Path(__file__).with_name(TASK["program"]))
    if path.suffix == ".ipynb" or not path.is_file():
        print(f"{path}: give a .py file; in a notebook: from selfcheck import check; check(globals())")
        return 2
    return 0 if check(_loaded(path)) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
