"""The corpus proves itself: right programs are right, wrong ones wrong, by a small autograd reference of its own.

Nothing of the grader is used here, so that what is measured on the corpus rests on the corpus alone.
"""

import copy
import functools
import tomllib
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from types import CodeType
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from tests import students
from tests.students import Kind, Program

# Every id of MISTAKES.md that gradients or step of a default submission can show.
DEFAULT_IDS = """
mean-missing mean-missing-weights mean-missing-biases mean-twice mean-per-layer factor-two mean-over-outputs
l2-missing l2-doubled l2-halved l2-over-n l2-sign l2-on-biases l2-some-layers l2-scalar l2-squared l1-for-l2
softmax-derivative-again softmax-jacobian-diagonal output-derivative-extra target-missing output-sign
softmax-over-batch softmax-overflow squared-error-for-cross-entropy labels-not-one-hot
derivative-missing derivative-at-activation derivative-formula-of-preactivation activation-for-derivative
derivative-of-wrong-layer derivative-twice derivative-not-passed-on relu-of-gradient relu-derivative-one
relu-derivative-flipped sigmoid-derivative-everywhere tanh-derivative-of-output cache-overwritten
weights-not-transposed weight-gradient-transposed own-output-in-weight-gradient preactivation-in-weight-gradient
input-in-every-layer weights-of-wrong-layer
bias-mean-again bias-not-summed bias-summed-to-scalar bias-wrong-axis bias-gradient-zero
updated-weights-in-backward step-sign inputs-mutated cache-stale gradients-accumulated step-repeated
precision-float32 integer-arrays
"""
# Those that another assignment shows; the hinge loss, momentum, Adam and clipping are no part of the contract.
OTHER_IDS = (
    "output-derivative-missing leaky-slope-dropped elu-negative-side gelu-form-mixed swish-derivative-incomplete"
)
# What the forms of these do differs from style to style in more than rounding.
FORMS_DIFFER = {
    "updated-weights-in-backward",  # eta
    "cache-stale",  # how much of the first call is kept
    "gradients-accumulated",  # until when
    "weights-of-wrong-layer",  # the layer above or below
    "precision-float32",  # rounding
}


@dataclass(frozen=True, eq=False)
class Problem:
    W: list[np.ndarray]
    b: list[np.ndarray]
    x: np.ndarray
    t: np.ndarray
    activation: str
    lam: float

    def arguments(self) -> list[Any]:
        return copy.deepcopy([self.W, self.b, self.x, self.t, self.activation, self.lam])


@dataclass(frozen=True, eq=False)
class Task:
    """What of an assignment matters here."""

    convention: str = "rows"
    backend: str = "numpy"
    output: str = "softmax"
    loss: str = "cross-entropy"
    activations: tuple[str, ...] = ("relu", "tanh", "sigmoid")
    l2: bool = True
    constants: Mapping[str, float] = field(default_factory=dict)
    tolerance: float = 1e-10


DEFAULT = Task()


def task_of(assignment: str | None) -> Task:
    toml = tomllib.loads(assignment or "")
    keys = {k: toml[k] for k in ("convention", "backend", "output", "loss", "l2") if k in toml}
    tolerance = 2e-3 if toml.get("precision") == "float32" else 1e-10
    activations = tuple(toml.get("activations", Task.activations))
    return Task(**keys, activations=activations, constants=toml.get("activation", {}), tolerance=tolerance)


def problem(
    seed: int, sizes: tuple[int, ...], N: int, activation: str, lam: float, task: Task | None = None
) -> Problem:
    rng = np.random.default_rng(seed)
    W = [rng.normal(size=shape) for shape in pairwise(sizes)]
    b = [0.5 * rng.normal(size=M) for M in sizes[1:]]
    x = rng.normal(size=(N, sizes[0]))
    if task is None or task.loss == "cross-entropy":
        t = np.eye(sizes[-1])[rng.integers(sizes[-1], size=N)]
    elif task.loss == "binary-cross-entropy":
        t = rng.integers(2, size=(N, sizes[-1])).astype(float)
    else:
        t = rng.uniform(0.1, 0.9, size=(N, sizes[-1]))
    return Problem(W, b, x, t, activation, lam)


# All three activations, depths 1 to 3, square and not, N from 1 to 6, lambda 0 and more; some shapes come twice with
# other data, for what stays behind from an earlier call.
DEFAULT_PROBLEMS = [
    problem(1, (4, 5, 3), 6, "tanh", 0.3),
    problem(2, (3, 3, 3, 3), 4, "tanh", 0.2),
    problem(3, (3, 3, 3, 3), 4, "relu", 0.2),
    problem(4, (3, 3, 3, 3), 3, "sigmoid", 0.1),
    problem(5, (2, 4, 3, 5), 4, "sigmoid", 0.4),
    problem(6, (2, 4, 3, 5), 4, "relu", 0.0),
    problem(7, (5, 3), 3, "tanh", 0.5),
    problem(8, (3, 3), 2, "relu", 0.7),
    problem(9, (1, 1, 2), 1, "sigmoid", 0.0),
    problem(10, (3, 6, 2), 2, "relu", 0.25),
    problem(11, (4, 5, 3), 6, "tanh", 0.3),
    problem(12, (3, 3, 3, 3), 4, "tanh", 0.2),
    problem(13, (3, 3, 3), 5, "sigmoid", 0.0),
]


@dataclass(frozen=True)
class Truth:
    dW: list[np.ndarray]
    db: list[np.ndarray]
    y: np.ndarray
    E: float


def hidden(a: torch.Tensor, kind: str, constants: Mapping[str, float]) -> torch.Tensor:
    leak, gamma, beta = (constants.get(k, d) for k, d in (("leaky_relu", 0.01), ("elu", 1.0), ("swish", 1.0)))
    match kind:
        case "leaky_relu":
            return functional.leaky_relu(a, leak)
        case "elu":
            return functional.elu(a, gamma)
        case "swish":
            return a * torch.sigmoid(beta * a)
        case "gelu_tanh":
            return functional.gelu(a, approximate="tanh")
        case "gelu_sigmoid":
            return a * torch.sigmoid(1.702 * a)
        case "identity":
            return a
        case "softmax":
            return torch.softmax(a, dim=1)
    return getattr(functional, kind)(a)


def truth(p: Problem, task: Task) -> Truth:
    W = [torch.tensor(w, requires_grad=True) for w in p.W]
    b = [torch.tensor(c, requires_grad=True) for c in p.b]
    z, t = torch.tensor(p.x), torch.tensor(p.t)
    for w, c in zip(W[:-1], b[:-1], strict=True):
        z = hidden(z @ w + c, p.activation, task.constants)
    y = hidden(z @ W[-1] + b[-1], task.output, task.constants)
    if task.loss == "cross-entropy":
        data = -(t * y.log()).sum()
    elif task.loss == "binary-cross-entropy":
        data = functional.binary_cross_entropy(y, t, reduction="sum")
    else:
        data = 0.5 * (y - t).square().sum()
    squares = torch.stack([w.square().sum() for w in W]).sum()
    E = data / len(p.x) + p.lam / 2 * squares
    grads = [g.numpy() for g in torch.autograd.grad(E, [*W, *b])]
    return Truth(grads[: len(W)], grads[len(W) :], y.detach().numpy(), E.item())


ETA = 0.1


@dataclass(frozen=True)
class Answer:
    """What one call of gradients gave: arrays, or the exception; whether the arguments are as they were."""

    arrays: tuple[np.ndarray, ...] | None
    error: str
    unchanged: bool


@functools.cache
def compiled(source: str) -> CodeType:
    return compile(source, "student.py", "exec")


def load(source: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "student"}
    exec(compiled(source), names)
    return names


@contextmanager
def quietly() -> Iterator[None]:
    """A student's program may warn as it likes: a warning here is no error."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def plain(value: Any) -> np.ndarray:
    return value.numpy().copy() if isinstance(value, torch.Tensor) else np.array(value, copy=True)


@functools.cache
def singles() -> list[Program]:
    return list(students.single_mistakes())


def given(p: Problem, task: Task) -> list[Any]:
    """The arguments in the layout and the library that the assignment asks for."""
    W, b, x, t, *rest = p.arguments()
    if task.convention == "columns":
        W, b, x, t = [w.T.copy() for w in W], [c.reshape(-1, 1) for c in b], x.T.copy(), t.T.copy()
    if task.backend == "torch":
        W, b, x, t = [torch.tensor(w) for w in W], [torch.tensor(c) for c in b], torch.tensor(x), torch.tensor(t)
    return [W, b, x, t, *rest]


@functools.cache
def untouched(p: Problem, task: Task) -> list[Any]:
    return given(p, task)


def same_arguments(before: Any, after: Any) -> bool:
    if isinstance(before, list):
        return len(before) == len(after) and all(map(same_arguments, before, after))
    if isinstance(before, str | float):
        return before == after
    return np.shape(before) == np.shape(after) and np.array_equal(plain(before), plain(after))


def call(names: dict[str, Any], p: Problem, task: Task) -> Answer:
    arguments = given(p, task)
    try:
        with quietly():
            dW, db = names["gradients"](*arguments)[:2]
            arrays = tuple(plain(g) for g in [*dW, *db])
    except Exception as error:  # whatever a student's program raises
        return Answer(None, repr(error), unchanged=True)
    return Answer(arrays, "", same_arguments(untouched(p, task), arguments))


def close(a: np.ndarray, b: np.ndarray, tolerance: float) -> bool:
    """Faster than np.allclose; NaN is close to nothing."""
    return a.shape == b.shape and bool((np.abs(a - b) <= tolerance * (1 + np.abs(b))).all())


def expected(t: Truth, task: Task) -> list[np.ndarray]:
    if task.convention == "columns":
        return [g.T for g in t.dW] + [g.reshape(-1, 1) for g in t.db]
    return [*t.dW, *t.db]


def gradients_wrong(answer: Answer, t: Truth, task: Task) -> bool:
    if answer.arrays is None or not answer.unchanged:
        return True
    want = expected(t, task)
    return len(want) != len(answer.arrays) or not all(
        close(g, w, task.tolerance) for g, w in zip(answer.arrays, want, strict=True)
    )


def others_wrong(names: dict[str, Any], p: Problem, t: Truth, task: Task) -> bool:
    """Whether forward, loss or step, where the program has them, are wrong."""
    W, b, x, target, activation, lam = given(p, task)
    with quietly():
        if "forward" in names:
            y = np.asarray(names["forward"](W, b, x, activation))
            if not close(y, t.y.T if task.convention == "columns" else t.y, task.tolerance):
                return True
        if "loss" in names and not np.isclose(names["loss"](W, b, x, target, activation, lam), t.E, rtol=1e-10):
            return True
        if "step" in names:
            try:
                new_W, new_b = names["step"](*given(p, task), ETA)
            except Exception:  # as above
                return True
            old = [v - ETA * g for v, g in zip([*W, *b], expected(t, task), strict=True)]
            return not all(close(np.asarray(v), w, task.tolerance) for v, w in zip([*new_W, *new_b], old, strict=True))
    return False


@functools.cache
def fixtures(assignment: str | None) -> tuple[Task, list[Problem], list[Truth]]:
    task = DEFAULT if assignment is None else task_of(assignment)
    problems = DEFAULT_PROBLEMS if assignment is None else other_problems(task)
    return task, problems, [truth(p, task) for p in problems]


def other_problems(task: Task) -> list[Problem]:
    lam = 0.3 if task.l2 else 0.0
    square = [problem(20 + i, (3, 3, 3, 3), 4, kind, lam, task) for i, kind in enumerate(task.activations)]
    oblong = [problem(40 + i, (2, 4, 3, 2), 3, kind, 0.0, task) for i, kind in enumerate(task.activations)]
    return [*square, *oblong, problem(60, (4, 3), 2, task.activations[0], lam, task)]


def wrong_on(program: Program, numbers: Iterable[int] | None = None) -> Iterator[int]:
    """The problems, by number, on which the program is wrong; all calls in one process, in order."""
    task, problems, truths = fixtures(program.assignment)
    names = load(program.source)
    for i in range(len(problems)) if numbers is None else numbers:
        p, t = problems[i], truths[i]
        if gradients_wrong(call(names, p, task), t, task) or others_wrong(names, p, t, task):
            yield i


def first_wrong(program: Program) -> int | None:
    return next(wrong_on(program), None)


def judged_otherwise(programs: Iterable[Program]) -> list[str]:
    """The programs that are not as the corpus says, right or wrong."""
    return [p.name for p in programs if (first_wrong(p) is None) != p.right]


def everything() -> Iterator[Program]:
    yield from students.correct_programs()
    yield from singles()
    yield from students.combinations(2, 100, seed=0)
    yield from students.combinations(3, 100, seed=0)
    yield from students.near_misses()
    yield from students.outside_catalogue()
    yield from students.other_assignments()


def test_names_are_unique_and_sources_differ() -> None:
    programs = list(everything())
    for program in programs:
        assert "<<" not in program.source, program.name
    assert len({p.name for p in programs}) == len(programs)
    right = [p for p in programs if p.kind in (Kind.CORRECT, Kind.CRY_WOLF)]
    assert len({(p.source, p.assignment) for p in right}) == len(right)


def test_the_counts() -> None:
    assert len(list(students.correct_programs())) >= 1000
    assert len(list(students.outside_catalogue())) >= 40
    assert len({p.style for p in students.single_mistakes()}) >= 8
    for size, kind in ((2, Kind.PAIR), (3, Kind.TRIPLE)):
        programs = list(students.combinations(size, 50, seed=1))
        assert len(programs) == 50
        assert {p.kind for p in programs} == {kind}
        assert all(len(set(p.mistakes)) == size for p in programs)


def test_every_id_is_made_in_four_styles_and_has_a_near_miss() -> None:
    styles: dict[str, set[str]] = defaultdict(set)
    for program in singles():
        styles[program.mistakes[0]].add(program.style)
    assert styles.keys() == set(DEFAULT_IDS.split())
    assert {mistake: len(made) for mistake, made in styles.items() if len(made) < 4} == {}
    assert {p.near_to for p in students.near_misses()} == set(DEFAULT_IDS.split())
    elsewhere = {mistake for p in students.other_assignments() for mistake in p.mistakes}
    assert set(OTHER_IDS.split()) <= elsewhere <= set(DEFAULT_IDS.split()) | set(OTHER_IDS.split())


def test_the_same_seed_gives_the_same_combinations() -> None:
    first, again, other = (list(students.combinations(2, 20, seed)) for seed in (5, 5, 6))
    assert first == again
    assert first != other


@pytest.mark.parametrize("part", range(2))
def test_right_programs_are_right(part: int) -> None:
    """All of them on a third of the problems, every fifth on all: the styles' texts come up many times in them."""
    programs = list(students.correct_programs())[part::2]
    assert [
        p.name for p in programs if next(wrong_on(p, range(part, len(DEFAULT_PROBLEMS), 3)), None) is not None
    ] == []
    assert judged_otherwise(programs[::5]) == []


def test_programs_for_other_assignments_are_what_they_say() -> None:
    assert judged_otherwise(students.other_assignments()) == []


def test_near_misses_and_programs_outside_the_catalogue_are_what_they_say() -> None:
    assert judged_otherwise(students.near_misses()) == []
    assert judged_otherwise(students.outside_catalogue()) == []


def test_single_mistakes_are_wrong() -> None:
    programs = [p for p in singles() if p.mistakes != ("softmax-overflow",)]
    assert judged_otherwise(programs) == []


def test_softmax_overflows_where_scores_are_large_and_only_there() -> None:
    large = Problem([np.array([[800.0, 0.0]])], [np.zeros(2)], np.ones((1, 1)), np.eye(2)[:1], "tanh", 0.0)
    for program in singles():
        if program.mistakes == ("softmax-overflow",):
            assert first_wrong(program) is None, program.name
            answer = call(load(program.source), large, DEFAULT)
            assert answer.arrays is not None
            assert not np.isfinite(answer.arrays[0]).all(), program.name


def outcome(program: Program, problems: list[Problem]) -> list[tuple[np.ndarray, ...] | None]:
    names = load(program.source)
    return [call(names, p, DEFAULT).arrays for p in problems]


def agree(one: list[tuple[np.ndarray, ...] | None], two: list[tuple[np.ndarray, ...] | None]) -> bool:
    """Whether the numbers are the same wherever both programs gave some of one shape."""
    for a, b in zip(one, two, strict=True):
        for g, h in zip(a or (), b or (), strict=False):
            if g.shape == h.shape and not close(g, h, 1e-9):
                return False
    return True


def test_forms_of_one_mistake_give_the_same_numbers_in_all_styles() -> None:
    problems = [DEFAULT_PROBLEMS[i] for i in (1, 2, 3)]
    first: dict[tuple[str, str], Any] = {}
    differing = []
    for program in singles():
        if program.mistakes[0] in FORMS_DIFFER:
            continue
        numbers = outcome(program, problems)
        if not agree(numbers, first.setdefault((program.mistakes[0], program.note), numbers)):
            differing.append(program.name)
    assert differing == []


def shown(source: str) -> list[Any]:
    """Everything that a program shows of itself, rounded, for comparison."""
    names = load(source)
    seen: list[Any] = []
    for p in [DEFAULT_PROBLEMS[i] for i in (0, 1, 2, 3, 5, 9, 10, 11)]:
        answer = call(names, p, DEFAULT)
        arrays = answer.arrays or ()
        seen.append((answer.arrays is None, answer.unchanged, [(g.shape, np.round(g, 8).tolist()) for g in arrays]))
        if "step" in names:
            seen.append(stepped(names, p))
    return seen


def stepped(names: dict[str, Any], p: Problem) -> list[Any] | None:
    try:
        with quietly():
            W, b = names["step"](*p.arguments(), ETA)
        return [np.round(v, 8).tolist() for v in [*W, *b]]
    except Exception:  # whatever a student's program raises
        return None


@functools.cache
def truth_of(p: Problem) -> Truth:
    return truth(p, DEFAULT)


@pytest.mark.parametrize(("size", "count"), [(2, 120), (3, 80)])
def test_every_mistake_of_a_combination_shows(size: int, count: int) -> None:
    for program in students.combinations(size, count, seed=0):
        assert first_wrong(program) is not None, program.name
        whole = shown(program.source)
        for source in students.with_one_less(program):
            assert shown(source) != whole, f"{program.name} is no more than\n{source}"


def test_wrong_programs_without_a_name_have_not_the_numbers_of_one() -> None:
    problems = DEFAULT_PROBLEMS[:10]
    known = [
        (p.mistakes[0], outcome(p, problems))
        for p in students.single_mistakes(forms=1)
        if p.style in ("lists", "samples")
    ]
    nameless = [p for p in (*students.near_misses(), *students.outside_catalogue()) if not p.right]
    for program in nameless:
        numbers = outcome(program, problems)
        if first_wrong_in_gradients(numbers, problems):
            assert [m for m, other in known if identical(numbers, other)] == [], program.name


def first_wrong_in_gradients(numbers: list[tuple[np.ndarray, ...] | None], problems: list[Problem]) -> bool:
    truths = [(*truth_of(p).dW, *truth_of(p).db) for p in problems]
    return not identical(numbers, truths)


def identical(one: Iterable[tuple[np.ndarray, ...] | None], two: Iterable[tuple[np.ndarray, ...] | None]) -> bool:
    for a, b in zip(one, two, strict=True):
        if a is None or b is None:
            if a is not b:
                return False
        elif not all(close(g, h, 1e-9) for g, h in zip(a, b, strict=True)):
            return False
    return True


def test_what_the_report_calls_a_program() -> None:
    programs = {p.name: p for p in (*singles(), *students.other_assignments())}
    assert students.reported_as(programs["l2-sign.lists.0"]) == {"l2-sign"}
    assert students.reported_as(programs["cache-overwritten.lists.0"]) == {"derivative-at-activation"}
    mask = next(p for p in programs.values() if "mask by >=" in p.note)
    assert students.reported_as(mask) == {"derivative-at-activation", "relu-derivative-one"}
    assert students.reported_as(programs["only-relu.derivative-missing.0"]) == {"relu-derivative-one"}


@pytest.mark.parametrize(
    ("right", "planted"),
    [
        ("dW[l] = z.T @ d / N", "dW[l] = z.T @ d / N * (1 + 1e-9)"),
        ("db[l] = d.sum(0) / N", "db[l] = d.sum(0, keepdims=True) / N"),
        ("return dW, db", "x += 1\n    return dW, db"),
        ("return dW, db", "return dW, db[:-1]"),
        ("return dW, db", "return dW[0]"),
    ],
)
def test_the_judge_sees_a_planted_error(right: str, planted: str) -> None:
    source = """
import numpy as np
def gradients(W, b, x, t, activation, lam):
    f = {"relu": lambda a: a * (a > 0), "tanh": np.tanh, "sigmoid": lambda a: 1 / (1 + np.exp(-a))}[activation]
    df = {"relu": lambda z: z > 0, "tanh": lambda z: 1 - z ** 2, "sigmoid": lambda z: z * (1 - z)}[activation]
    L, N = len(W), len(x)
    zs = [x]
    for w, c in zip(W, b):
        zs.append(f(zs[-1] @ w + c))
    y = np.exp(zs[-2] @ W[-1] + b[-1])
    d = y / y.sum(1, keepdims=True) - t
    dW, db = [0] * L, [0] * L
    for l in range(L - 1, -1, -1):
        z = zs[l]
        dW[l] = z.T @ d / N
        dW[l] = dW[l] + lam * W[l]
        db[l] = d.sum(0) / N
        d = d @ W[l].T * df(z)
    return dW, db
"""
    program = Program("planted", source, (), "", Kind.CORRECT, right=True)
    assert first_wrong(program) is None
    assert source.count(right) == 1
    assert first_wrong(Program("planted", source.replace(right, planted), (), "", Kind.CORRECT)) is not None
