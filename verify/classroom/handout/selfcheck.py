"""Checks your own gradients before you hand them in: python selfcheck.py [FILE.py]

It compares what your `gradients` returns with differences of what your own `loss` returns, on problems drawn here, one
entry at a time. It knows no gradients and no loss of its own: if your loss is wrong, gradients that fit it agree. So
check first that your loss is what the slides say. Needs Python and NumPy, nothing else.
"""

import importlib.util
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np

TASK = {
    "program": "submission.py", "convention": "rows", "backend": "numpy", "activations": ["relu", "tanh", "sigmoid"],
    "output": "softmax", "loss": "cross-entropy", "layers": [1, 3], "widths": [1, 8], "inputs": [1, 8],
    "outputs": [2, 6], "batch": [1, 8], "biases": True, "l2": True,
}  # fmt: skip

STEP = 1e-4
MOST_ENTRIES = 40  # of each array: of a wide layer some are drawn
# Beyond this share of an array's largest entry a budget is no evidence.
EVIDENCE = 1e-3


def check(gradients, loss, problems=6, seed=None):
    """Prints, for each problem and each array, whether your gradients agree with differences of your own loss.

    Returns True where all that could be decided agrees.
    """
    seed = int(np.random.default_rng().integers(10**6)) if seed is None else seed
    print(f"{problems} problems, drawn from {seed}: check(gradients, loss, seed={seed}) draws the same again.")
    draw = np.random.default_rng(seed)
    good = True
    for number in range(1, problems + 1):
        problem = _problem(draw)
        W, _, x = problem[:3]
        shapes = f"W {[w.shape for w in W]}, x {x.shape}"
        print(f"\nProblem {number}: {len(W)} layers, {shapes}, {problem[4]}, lam {problem[5]:g}")
        told = [_told(*line) for line in compare(gradients, loss, problem, draw)]
        good = good and all(told)
    print("\nAll that could be decided agrees." if good else "\nSomething differs: see above.")
    return good


def compare(gradients, loss, problem, draw):
    """(name, what is wrong or "", error, budget) of each array."""
    given = _copied(problem)
    returned = gradients(*_handed(given))
    fault = _form_fault(returned, problem)
    if fault:
        return [("gradients", fault, 0.0, 0.0)]
    if not all(_same(new, old) for new, old in zip(given, problem, strict=True)):
        return [("gradients", "changed its arguments: work on copies", 0.0, 0.0)]
    named = [("dW", 0), ("db", 1)] if TASK["biases"] else [("dW", 0)]
    return [
        (f"{name}{l}", *_entries(_array(returned[place][l - 1]), problem, place, l - 1, loss, draw))
        for l in range(len(problem[0]), 0, -1)
        for name, place in named
    ]


def _entries(yours, problem, place, layer, loss, draw):
    """What is wrong with one array or "", its largest error, and the budget there."""
    if yours.shape != problem[place][layer].shape:
        return f"has shape {yours.shape}, and its weights have {problem[place][layer].shape}", 0.0, 0.0
    if not np.isfinite(yours).all():
        return "is not finite", 0.0, 0.0
    found = [
        (index, *_derivative(lambda step, at=index: _moved(problem, place, layer, at, step, loss)))
        for index in _some(yours.shape, draw)
    ]
    return _judged(yours, found)


def _moved(problem, place, layer, index, step, loss):
    """The loss where one entry of W or b is moved by a step."""
    moved = _copied(problem)
    moved[place][layer][index] += step
    return _one_number(loss(*_handed(moved)))


# Differences ---------------------------------------------------------------------------------------------------------


def _some(shape, draw):
    """The indices of an array's entries; of a large one some, drawn."""
    indices = list(np.ndindex(shape))
    if len(indices) <= MOST_ENTRIES:
        return indices
    return [indices[i] for i in draw.choice(len(indices), MOST_ENTRIES, replace=False)]


def _judged(yours, found):
    """What is wrong with an array or "", its largest error, and the budget there. found: index, derivative, budget."""
    largest = max(abs(value) for _, value, _ in found)
    decided = [(i, value, budget) for i, value, budget in found if budget <= EVIDENCE * max(largest, 1e-6)]
    if not decided:
        return "cannot be decided: your loss has a kink there, or does not depend smoothly on it", 0.0, 0.0
    index, value, budget = max(decided, key=lambda entry: abs(yours[entry[0]] - entry[1]) / entry[2])
    error = float(abs(yours[index] - value))
    where = list(map(int, index))
    wrong = f"differs at {where}: yours {yours[index]:.6g}, differences of your own loss {value:.6g}"
    return wrong if error > budget else "", error, budget


def _derivative(at):
    """The derivative of a function of a step, at 0, from four values of it, and how far off it may be."""
    values = [at(step) for step in (STEP, -STEP, 2 * STEP, -2 * STEP)]
    near, far = (values[0] - values[1]) / (2 * STEP), (values[2] - values[3]) / (4 * STEP)
    truncation = abs(near - far) / 3
    rounding = 100 * np.finfo(float).eps * max(1.0, *map(abs, values)) / STEP
    return (4 * near - far) / 3, truncation + rounding


def _one_number(value):
    value = _array(value)
    if value.size != 1:
        raise SystemExit(f"loss returned shape {value.shape}; it is to return one number, E")
    return float(value.reshape(()))


# Problems ------------------------------------------------------------------------------------------------------------


def _problem(draw):
    """W, b, x, t, activation, lam, in the assignment's shapes: none of the problems that are graded."""
    depth = int(draw.integers(TASK["layers"][0], TASK["layers"][1] + 1))
    among = lambda key: int(draw.integers(TASK[key][0], TASK[key][1] + 1))
    units = [among("inputs"), *(among("widths") for _ in range(depth - 1)), among("outputs")]
    N = among("batch")
    W = [draw.normal(size=(below, above)) / np.sqrt(below) for below, above in pairwise(units)]
    b = [draw.normal(size=above) / 2 if TASK["biases"] else np.zeros(above) for above in units[1:]]
    x, t = draw.normal(size=(N, units[0])), _targets(draw, N, units[-1])
    if TASK["convention"] == "columns":
        W, b, x, t = [w.T.copy() for w in W], [v[:, None] for v in b], x.T.copy(), t.T.copy()
    lam = float(draw.choice([0.0, 0.1, 1.0])) if TASK["l2"] else 0.0
    return W, b, x, t, str(draw.choice(TASK["activations"])), lam


def _targets(draw, N, K):
    if TASK["output"] == "softmax" or TASK["loss"] == "hinge":
        return np.eye(K)[draw.integers(0, K, N)]
    if TASK["loss"] == "binary-cross-entropy":
        return draw.integers(0, 2, (N, K)).astype(float)
    return draw.uniform(0.1, 0.9, (N, K))


def _copied(problem):
    W, b, x, t, *rest = problem
    return [w.copy() for w in W], [v.copy() for v in b], x.copy(), t.copy(), *rest


def _handed(problem):
    """The problem as the grader hands it over: NumPy's arrays, or torch's tensors."""
    if TASK["backend"] != "torch":
        return problem
    import torch

    W, b, x, t, *rest = problem
    tensors = lambda arrays: [torch.from_numpy(array) for array in arrays]
    return tensors(W), tensors(b), torch.from_numpy(x), torch.from_numpy(t), *rest


# What came back ------------------------------------------------------------------------------------------------------


def _array(value):
    return np.asarray(value.detach().numpy() if hasattr(value, "detach") else value, dtype=float)


def _same(new, old):
    if isinstance(old, list):
        return all(map(_same, new, old))
    return bool(np.array_equal(new, old)) if isinstance(old, np.ndarray) else True


def _form_fault(returned, problem):
    """What of the form is wrong: dW and db are lists with an array for each layer."""
    if not isinstance(returned, tuple) or len(returned) < 2:
        return f"returned {type(returned).__name__}; it is to return dW, db"
    for name, given in zip(("dW", "db"), returned, strict=False):
        if not isinstance(given, list | tuple) or len(given) != len(problem[0]):
            return f"{name} is to be a list of {len(problem[0])} arrays, one for each layer, and is {_called(given)}"
        if any(part is None for part in given):
            return f"{name} holds None"
    return ""


def _called(value):
    return f"a list of {len(value)}" if isinstance(value, list | tuple) else type(value).__name__


def _told(name, wrong, error, budget):
    """Prints one line; whether it is no fault."""
    undecided = wrong.startswith("cannot be decided")
    mark = "?" if undecided else "x" if wrong else "."
    agrees = "has its form" if budget is None else f"agrees: off by {error:.1e}, and {budget:.1e} can be explained"
    print(f"  {mark} {name} {wrong or agrees}")
    return undecided or not wrong


def main(words):
    """Load the file and check it; the exit code is 0 where all that could be decided agrees."""
    path = Path(words[0] if words else Path(__file__).with_name(TASK["program"]))
    if path.suffix == ".ipynb" or not path.is_file():
        print(f"{path}: give a .py file; in a notebook: from selfcheck import check; check(gradients, loss)")
        return 2
    module = _loaded(path)
    missing = [name for name in ("gradients", "loss") if not hasattr(module, name)]
    if missing:
        print(f"{path}: defines no {' and no '.join(missing)}")
        return 2
    return 0 if check(module.gradients, module.loss) else 1


def _loaded(path):
    sys.path.insert(0, str(path.resolve().parent))
    found = importlib.util.spec_from_file_location("submission", path)
    if found is None or found.loader is None:
        raise SystemExit(f"{path}: is no .py file")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
