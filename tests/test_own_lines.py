"""A student's own lines decide what the inputs leave undecided, and never make a right program wrong."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from verify.benchmarks.verdicts import graded
from verify.bounds.budget import FLOAT32, FLOAT64
from verify.bounds.forms import DECIDED
from verify.grading.answers import Answer
from verify.grading.assignment import Assignment
from verify.grading.record import GradeRecord
from verify.isolation import Calls
from verify.lessons.network.cases.fixtures import Case, Fixture
from verify.lessons.network.grade import Examination, calls
from verify.lessons.network.judging.own_lines import OwnLines
from verify.problems.problem import Problem

LAYERS, UNITS, OUTPUTS = 20, 16, 4


def dense(N: int, lam: float, seed: int, gain: float = 1.2) -> Problem:
    """A deep network of dense weights, as no graded problem is: budgets from the inputs outgrow its lines."""
    rng = np.random.default_rng(seed)
    units = [UNITS] * LAYERS + [OUTPUTS]
    made = lambda *shape: torch.from_numpy(rng.normal(0, 1, shape))
    W = tuple(gain / UNITS**0.5 * made(m, k) for m, k in pairwise(units))
    b = tuple(0.3 * made(k) for k in units[1:])
    t = torch.eye(OUTPUTS, dtype=torch.float64)[torch.from_numpy(rng.integers(0, OUTPUTS, N))]
    return Problem(W, b, made(N, UNITS), t, "tanh", "softmax", "cross-entropy", lam, label=f"dense {seed}")


@cache
def exam(precision: str = "float64") -> Examination:
    assignment = Assignment(
        layers=(LAYERS, LAYERS), inputs=(UNITS, UNITS), widths=(UNITS, UNITS), outputs=(OUTPUTS, OUTPUTS),
        activations=("tanh",), precision=precision,
    )  # fmt: skip
    cases = (Case(dense(1, 0.0, 1), "general"), Case(dense(3, 0.5, 2), "general"))
    fixture = Fixture(assignment, cases)
    return Examination(fixture, Calls(calls(fixture)))


HANDED = """
import numpy as np


def affine(z, w, c):
    return z @ w + c


def gradients(W, b, x, t, activation, lam):
    L, N = len(W), len(x)
    a, z = {}, {0: x}
    for l in range(1, L + 1):
        a[l] = affine(z[l - 1], W[l - 1], b[l - 1])
        z[l] = np.tanh(a[l])
    e = np.exp(a[L] - a[L].max(axis=1, keepdims=True))
    y = e / e.sum(axis=1, keepdims=True)
    delta = {L: y - t}
    for l in range(L - 1, 0, -1):
        delta[l] = (delta[l + 1] @ W[l].T) * (1 - np.tanh(a[l]) ** 2)
    dW = [z[l - 1].T @ delta[l] / N + lam * W[l - 1] for l in range(1, L + 1)]
    db = [delta[l].mean(axis=0) for l in range(1, L + 1)]
    lines = {f"a{l}": v for l, v in a.items()} | {f"z{l}": z[l] for l in range(1, L)} | {"y": y}
    lines |= {f"delta{l}": v for l, v in delta.items()}
    lines["E"] = -np.log((y * t).sum(axis=1)).mean() + lam / 2 * sum((w**2).sum() for w in W)
    return dW, db, lines
"""
ALONE = HANDED.replace("return dW, db, lines", "return dW, db")


def changed(old: str, new: str, source: str = HANDED) -> str:
    assert old in source
    return source.replace(old, new)


def then(code: str) -> str:
    """The right program with its lines changed before they are handed over, by code that sees all its variables."""
    return changed("    return dW, db, lines", f"    {code}\n    return dW, db, lines")


def verdict(source: str, precision: str = "float64") -> GradeRecord:
    return graded(source, exam(precision))


# What is decided -----------------------------------------------------------------------------------------------------


def test_from_the_inputs_alone_the_lower_layers_are_undecided() -> None:
    record = verdict(ALONE)
    assert record.state == "undecided"
    assert {line.name for line in record.lines if line.state == "undecided"} >= {"dW1", "db1"}


def test_with_its_lines_a_right_program_is_correct() -> None:
    record = verdict(HANDED)
    assert (record.state, record.score) == ("correct", 10.0)
    assert not [line.name for line in record.lines if line.state != "right"]


NO_DATA = "for l in range(5):\n        dW[l], db[l] = lam * W[l], 0 * b[l]"
WRONG = {
    "no data gradient in five of twenty layers": then(NO_DATA),
    "a wrong sign in one layer": then("dW[1] = -dW[1]"),
    "one weight of a lower layer a hundredth off": then("dW[0] = dW[0] + 0.01 * abs(dW[0]).max() * np.eye(len(dW[0]))"),
    "the derivative left out in one layer": changed(
        "* (1 - np.tanh(a[l]) ** 2)", "* ((1 - np.tanh(a[l]) ** 2) if l != 3 else 1)"
    ),
    "a bias that is summed": then("db[2] = db[2] * N"),
}


@pytest.mark.parametrize("source", WRONG.values(), ids=WRONG)
def test_wrong_lower_layers_are_wrong_where_the_lines_are_handed_over(source: str) -> None:
    record = verdict(source)
    assert record.state == "wrong"
    assert (record.score or 0) < 10
    blamed = [line for line in record.lines if line.state == "wrong" and line.max_points]
    assert blamed != []
    assert all("your own lines" in line.reason for line in blamed)


@pytest.mark.parametrize("source", WRONG.values(), ids=WRONG)
def test_without_them_they_stay_undecided(source: str) -> None:
    assert verdict(changed("return dW, db, lines", "return dW, db", source)).state == "undecided"


def test_no_line_loses_points_but_those_that_are_wrong() -> None:
    lines = {line.name: line for line in verdict(then(NO_DATA)).lines}
    assert all(lines[f"dW{l}"].points == 0 for l in range(1, 6))
    assert all(lines[f"dW{l}"].points == lines[f"dW{l}"].max_points for l in range(6, LAYERS + 1))


# Never a right program -----------------------------------------------------------------------------------------------

# Lines as right programs hand them over, `v` of the line `n`.
FORMS = {
    "as they are": "v",
    "in single precision": "v.astype(np.float32)",
    "rounded to seven digits": "np.round(v, 7)",
    "rounded to two digits": "np.round(v, 2)",
    "transposed": "np.transpose(v)",
    "with the mean in δ": "v / N if n[:5] == 'delta' else v",
    "the negative of δ": "-v if n[:5] == 'delta' else v",
    "∂E/∂z under the name δ": "v / (1 - z[int(n[5:])] ** 2) if n[:5] == 'delta' and n != f'delta{L}' else v",
    "a for z": "a[int(n[1:])] if n[0] == 'z' else v",
    "z for a": "z[int(n[1:])] if n[0] == 'a' else v",
    "E without its penalty": "v - lam / 2 * sum((w**2).sum() for w in W) if n == 'E' else v",
    "zeros": "0 * v",
    "of another network": "v + 1",
    "no numbers": "v * np.nan",
    "flat": "np.ravel(v)",
    "the next layer's": "lines.get(n[:-1] + str(int(n[-1]) + 1), v) if n[-1].isdigit() else v",
}


def in_form(form: str, kinds: str) -> str:
    """The right program with the lines of some kinds in another form."""
    each = f"({form}) if n.rstrip('0123456789') in {kinds.split()!r} else v"
    return then(f"lines = {{n: {each} for n, v in list(lines.items())}}")


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_another_form_of_all_lines_makes_no_right_program_wrong(form: str) -> None:
    record = verdict(in_form(form, "a z y delta E"))
    assert (record.state, record.score) in (("correct", 10.0), ("undecided", 10.0))
    assert record.diagnosis == []


@pytest.mark.parametrize("form", ["v", "v.astype(np.float32)", FORMS["with the mean in δ"]])
def test_in_single_precision_neither(form: str) -> None:
    record = verdict(in_form(form, "a z y delta E"), "float32")
    assert (record.state, record.score) in (("correct", 10.0), ("undecided", 10.0))


@cache
def case_of(lam: float) -> Case:
    return Case(dense(2, lam, 10), "general")


def answered(source: str, case: Case) -> dict[str, torch.Tensor]:
    """The lines of a program by name, dW and db among them."""
    namespace: dict = {}
    exec(source, namespace)
    p = case.problem
    dW, db, lines = namespace["gradients"](
        [w.numpy() for w in p.W], [v.numpy() for v in p.b], p.x.numpy(), p.t.numpy(), "tanh", p.lam
    )
    made = lines | {f"dW{l}": v for l, v in enumerate(dW, 1)} | {f"db{l}": v for l, v in enumerate(db, 1)}
    return {n: torch.as_tensor(np.array(v, dtype=np.float64)) for n, v in made.items()}


REVERSED = changed(
    "return z @ w + c",
    "total = 0 * c\n    for i in reversed(range(len(w))):\n        total = total + z[:, i : i + 1] * w[i]\n"
    "    return total + c",
)


@settings(max_examples=8, deadline=None)
@given(
    forms=st.lists(st.sampled_from(sorted(FORMS.values())), min_size=5, max_size=5),
    left_out=st.sets(st.integers(0, 4 * LAYERS), max_size=40),
    lam=st.sampled_from([0.0, 0.5]),
    u=st.sampled_from([FLOAT64, FLOAT32]),
)
def test_lines_of_any_form_and_number_leave_right_gradients_as_right_as_they_were(
    forms: list[str], left_out: set[int], lam: float, u: float
) -> None:
    """Each kind of line in a form of its own, some lines left out, the gradients of another order of the sums."""
    case, source = case_of(lam), HANDED
    for kind, form in zip(("a", "z", "y", "delta", "E"), forms, strict=True):
        each = f"({form}) if n.rstrip('0123456789') == {kind!r} else v"
        code = f"    lines = {{n: {each} for n, v in list(lines.items())}}\n    return dW, db, lines"
        source = changed("    return dW, db, lines", code, source)
    handed = answered(source, case)
    own = OwnLines(case, Answer({n: v for i, (n, v) in enumerate(handed.items()) if i not in left_out}), u)
    other = answered(REVERSED, case)
    for name, truth in case.truth.items():
        before = case.allowed(name, float32=u == FLOAT32)
        allowed = own.allowed(name, before)
        assert bool((own.off(name, other[name]) <= allowed).all()), name
        assert bool((allowed <= before).all())
        assert bool((allowed >= torch.clamp(before, max=DECIDED * float(truth.abs().max()))).all())


def test_lines_of_a_second_evaluation_make_no_right_program_wrong() -> None:
    """The lines come from one order of the sums, the gradients from another."""
    first = (
        HANDED.replace("def gradients(", "def once(")
        .replace("def affine(", "def plain(")
        .replace("affine(z[", "plain(z[")
    )
    second = changed(
        "return z @ w + c", "return sum(z[:, i : i + 1] * w[i] for i in range(len(w))) + c", ALONE
    ).replace("def gradients(", "def again(")
    both = "\n\ndef gradients(*given):\n    return (*again(*given), once(*given)[2])\n"
    record = verdict(first + second + both)
    assert (record.state, record.score) == ("correct", 10.0)


def test_where_rounding_itself_moves_a_line_by_much_nothing_is_asked() -> None:
    """A network that enlarges every rounding ten thousand times: in single precision no two evaluations agree."""
    case = Case(dense(2, 0.0, 3, gain=4.0), "general")
    handed = Answer(dict(case.truth))
    undecided = case.allowed("dW1", float32=True)
    assert not bool((undecided <= DECIDED * case.truth["dW1"].abs().max()).any())
    assert torch.equal(OwnLines(case, handed, FLOAT32).allowed("dW1", undecided), undecided)
    assert not torch.equal(OwnLines(case, handed, FLOAT64).allowed("dW1", case.allowed("dW1")), case.allowed("dW1"))
