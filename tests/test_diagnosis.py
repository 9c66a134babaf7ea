"""Diagnosis and grading on programs as students write them: what is wrong is seen, and named exactly or not at all."""

import functools
import random

import msgspec
import pytest

from tests import students
from verify.benchmarks.trusted import run_trusted
from verify.grading.assignment import Assignment, assignment_from
from verify.grading.record import GradeRecord
from verify.lessons.network.grade import Examination, examination, grade

RIGHT = """
import numpy as np

def f(a, kind):
    return np.maximum(0, a) if kind == "relu" else np.tanh(a) if kind == "tanh" else 1 / (1 + np.exp(-a))

def df(z, kind):
    return (z > 0) * 1.0 if kind == "relu" else 1 - z**2 if kind == "tanh" else z * (1 - z)

def gradients(W, b, x, t, activation, lam):
    z, L, N, lines = [x], len(W), len(x), {}
    for l in range(L):
        a = z[-1] @ W[l] + b[l]
        lines[f"a{l + 1}"] = a
        if l < L - 1:
            z.append(f(a, activation))
            lines[f"z{l + 1}"] = z[-1]
    e = np.exp(a - a.max(axis=1, keepdims=True))
    y = e / e.sum(axis=1, keepdims=True)
    lines["y"] = y
    delta, dW, db = y - t, [None] * L, [None] * L
    for l in reversed(range(L)):
        lines[f"delta{l + 1}"] = delta
        dW[l] = z[l].T @ delta / N + lam * W[l]
        db[l] = delta.sum(axis=0) / N
        if l:
            delta = delta @ W[l].T * df(z[l], activation)
    return dW, db, lines
"""


@functools.cache
def with_a_step() -> Examination:
    """The default assignment where steps have points: functions without any are not called."""
    return examination(assignment_from({"points": {"step": 5.0}}, "test"))


@pytest.fixture(scope="module")
def exam() -> Examination:
    return examination(Assignment())


def graded(source: str, exam: Examination) -> GradeRecord:
    if "def step(" in source and exam.assignment == Assignment():
        exam = with_a_step()
    return grade("program.py", run_trusted(source, exam.calls), exam)


def named(record: GradeRecord) -> set[str]:
    return {d.mistake for d in record.diagnosis}


def states(record: GradeRecord) -> dict[str, tuple[str, str | None]]:
    return {line.name: (line.state, line.carried_forward) for line in record.lines}


def test_a_right_program_is_right_in_every_line(exam: Examination) -> None:
    record = graded(RIGHT, exam)
    assert (record.state, record.score, record.first_wrong_line) == ("correct", 10.0, None)
    assert {line.state for line in record.lines} == {"right"}
    assert record.detection_limit is not None
    assert record.detection_limit < 1e-12


def _sample(programs: list[students.Program], count: int) -> list[students.Program]:
    return random.Random(2).sample([p for p in programs if p.assignment is None], count)


@pytest.mark.parametrize("program", _sample(list(students.correct_programs()), 12), ids=lambda p: p.name)
def test_right_programs_are_called_right(program: students.Program, exam: Examination) -> None:
    assert graded(program.source, exam).state == "correct"


@pytest.mark.parametrize("program", list(students.cry_wolf())[::5], ids=lambda p: p.name)
def test_true_statements_filed_as_bugs_are_called_right(program: students.Program, exam: Examination) -> None:
    assert graded(program.source, exam).state == "correct"


def _one_a_mistake() -> list[students.Program]:
    first: dict[tuple[str, ...], students.Program] = {}
    for p in students.single_mistakes(forms=1):
        if p.assignment is None and p.mistakes != ("softmax-overflow",):
            first.setdefault(p.mistakes, p)
    return list(first.values())


@pytest.mark.parametrize("program", _one_a_mistake(), ids=lambda p: p.name)
def test_every_mistake_is_seen_and_named(program: students.Program, exam: Examination) -> None:
    record = graded(program.source, exam)
    assert record.state == "wrong"
    assert named(record) == set(students.reported_as(program))


@pytest.mark.parametrize(
    "program",
    [p for p in students.combinations(2, 12, seed=5) if students.across_equations(p.mistakes)][:8]
    + [p for p in students.combinations(3, 8, seed=5) if students.across_equations(p.mistakes)][:5],
    ids=lambda p: p.name,
)
def test_mistakes_in_several_equations_are_all_named(program: students.Program, exam: Examination) -> None:
    assert named(graded(program.source, exam)) == set(students.reported_as(program))


@pytest.mark.parametrize("program", list(students.near_misses())[::6], ids=lambda p: p.name)
def test_a_near_miss_does_not_get_the_name(program: students.Program, exam: Examination) -> None:
    record = graded(program.source, exam)
    gradients = {line.state for line in record.lines if line.name.startswith(("dW", "db"))}
    # A right program may hand over lines that it has written over on its way: those lines are wrong, and so is it.
    overwritten = record.first_wrong_line == "a1" and gradients == {"right"}
    assert (record.state == "correct" or overwritten) == program.right
    assert program.near_to not in named(record)


@pytest.mark.parametrize("program", list(students.outside_catalogue())[::5], ids=lambda p: p.name)
def test_what_is_not_in_the_catalogue_is_wrong_and_nameless(program: students.Program, exam: Examination) -> None:
    record = graded(program.source, exam)
    assert record.state != "correct"
    assert named(record) == set(program.mistakes)


# Styles in which a mistake shows otherwise than in most.
OTHERWISE = (
    "softmax-derivative-again.nielsen.0",  # log-sum-exp: 1 − y loses more digits than values are looked at with
    "derivative-of-wrong-layer.einsum.0",  # an axis of 1 is stretched where shapes do not go together
    "gradients-accumulated.caches.0",  # one pile per name
    "gradients-accumulated.scores.0",  # one per name and shape
    "gradients-accumulated.einsum.0",  # one per network and activation
    "cache-stale.caches.0",  # found again by the shape of x alone, so another network's values fail
)


@pytest.mark.parametrize("name", OTHERWISE)
def test_a_mistake_is_named_in_every_style(name: str, exam: Examination) -> None:
    program = next(p for p in students.single_mistakes(forms=1) if p.name == name)
    assert named(graded(program.source, exam)) == set(program.mistakes)


def test_a_wrong_slope_costs_its_own_lines_and_nothing_twice(exam: Examination) -> None:
    record = graded(RIGHT.replace("1 - z**2", "1 - z"), exam)
    assert record.first_wrong_line == "delta2"
    lines = states(record)
    assert lines["delta3"] == ("right", None)
    assert lines["delta2"] == lines["delta1"] == ("wrong", "wrong")
    assert lines["dW2"] == lines["dW1"] == lines["db1"] == ("wrong", "right")
    assert record.score == pytest.approx(10 * 5 / 6, abs=1e-4)


def test_the_line_that_holds_the_mistake_is_not_said_to_follow_from_another(exam: Examination) -> None:
    record = graded(RIGHT.replace(" * df(z[l], activation)", ""), exam)
    assert record.first_wrong_line == "delta2"
    lines = {line.name: line for line in record.lines}
    assert lines["delta2"].reason == "its own equation is wrong (derivative-missing)"
    assert lines["dW2"].reason.endswith("right on the values it was given; the mistake above is charged here")
    assert lines["dW1"].reason.endswith("right on the values it was given")


def test_without_lines_the_diagnosis_carries_forward(exam: Examination) -> None:
    source = RIGHT.replace("return dW, db, lines", "return dW, db").replace(" * df(z[l], activation)", "")
    record = graded(source, exam)
    assert named(record) == {"derivative-missing"}
    lines = states(record)
    assert lines["delta2"] == ("wrong", None)
    assert lines["dW2"] == ("wrong", "right")
    assert 0 < (record.score or 0) < 10


def test_without_lines_and_a_name_what_follows_is_blocked(exam: Examination) -> None:
    source = RIGHT.replace("return dW, db, lines", "return dW, db").replace("y - t,", "(y - t) * abs(y - t),")
    record = graded(source, exam)
    assert (record.diagnosis, record.first_wrong_line) == ([], "delta3")
    assert states(record)["dW1"] == ("blocked", "blocked")


def test_delta_may_hold_the_mean(exam: Examination) -> None:
    source = RIGHT.replace("delta, dW, db = y - t", "delta, dW, db = (y - t) / N").replace("delta / N", "delta")
    record = graded(source.replace("delta.sum(axis=0) / N", "delta.sum(axis=0)"), exam)
    assert record.state == "correct"


def test_the_smallest_case_is_small_and_shows_the_error(exam: Examination) -> None:
    record = graded(RIGHT.replace("delta.sum(axis=0) / N", "delta.sum(axis=0)"), exam)
    case = record.counterexample
    assert case is not None
    assert (case.line, len(case.W)) == ("db1", 1)
    assert len(case.x) == 2  # of one sample, sum and mean are the same
    assert case.yours != case.expected
    assert all(float(v).is_integer() for row in case.x for v in row)


def test_a_constant_factor_is_told_where_there_is_no_name(exam: Examination) -> None:
    record = graded(RIGHT.replace("return dW, db, lines", "return [1.7 * g for g in dW], db"), exam)
    assert record.diagnosis == []
    assert any("1.7 times" in sentence for sentence in record.known)


def test_a_mistake_confined_to_one_activation_is_said_to_be(exam: Examination) -> None:
    record = graded(RIGHT.replace('1 - z**2 if kind == "tanh"', '1.0 + 0 * z if kind == "tanh"'), exam)
    assert named(record) == {"derivative-missing"}
    assert record.diagnosis[0].only == ["tanh"]


def test_one_activation_for_every_name_is_named_whatever_the_slope() -> None:
    given = {"output": "tanh", "loss": "squared-error", "activations": ["tanh", "sigmoid"]}
    source = RIGHT.replace("f(a, activation)", "np.tanh(a)").replace(
        "y = e / e.sum(axis=1, keepdims=True)", "y = f(a, 'tanh')"
    )
    source = source.replace("delta, dW, db = y - t,", "delta, dW, db = (y - t) * (1 - y**2),")
    exam = examination(assignment_from(given, "test"))
    for program in (source, source.replace("df(z[l], activation)", "df(z[l], 'tanh')")):
        record = graded(program, exam)
        assert named(record) == {"activation-ignored"}
        assert record.diagnosis[0].only == ["sigmoid"]


def test_a_logistic_function_of_a_clipped_argument_is_named_with_its_limit(exam: Examination) -> None:
    record = graded(RIGHT.replace("np.exp(-a))", "np.exp(-np.clip(a, -10, 10)))"), exam)
    assert named(record) == {"activation-clipped"}
    assert "±10" in record.diagnosis[0].says
    assert not any("only with ." in sentence for sentence in record.known)


@pytest.mark.parametrize("entries", ["[None] * L * L", "[db[0]] * (2**L - 1)"])
def test_lists_that_grow_with_the_network_are_not_called_a_fixed_number_of_layers(
    entries: str, exam: Examination
) -> None:
    record = graded(RIGHT.replace("return dW, db, lines", f"return dW, {entries}"), exam)
    assert named(record) == set()
    assert any("entries, where a list of 2 arrays is expected" in sentence for sentence in record.raised)


def test_two_layers_whatever_the_network_has_are_named(exam: Examination) -> None:
    record = graded(RIGHT.replace("len(W), len(x)", "2, len(x)"), exam)
    assert named(record) == {"layers-hard-coded"}


def test_that_layers_are_hard_coded_explains_no_wrong_number(exam: Examination) -> None:
    """It says where a program fails; what is wrong where it answers is neither explained nor paid by it."""
    nothing = (
        "def gradients(W, b, x, t, activation, lam):\n    return [np.ones(3)] * 2, [np.zeros((2, 2)), np.ones(1)]\n"
    )
    record = graded(f"import numpy as np\n\n{nothing}", exam)
    assert (named(record), record.score) == ({"layers-hard-coded"}, 0.0)
    assert all(line.state in ("wrong", "absent") and line.carried_forward != "right" for line in record.lines)
    cubed = RIGHT.replace("len(W), len(x)", "2, len(x)").replace("delta @ W[l].T *", "delta**3 @ W[l].T *")
    record = graded(cubed, exam)
    assert named(record) == {"layers-hard-coded"}
    assert states(record)["delta2"] == ("wrong", "wrong")


def test_a_list_of_one_entry_is_told_as_one(exam: Examination) -> None:
    record = graded(RIGHT.replace("return dW, db, lines", "return dW[:1], db"), exam)
    assert record.raised[0].startswith("dW has 1 entry, where a list of 2 arrays is expected, one per layer")


def test_a_clipped_delta_is_named_with_its_limit(exam: Examination) -> None:
    record = graded(RIGHT.replace("delta @ W[l].T", "np.clip(delta @ W[l].T, -50, 50)"), exam)
    assert named(record) == {"gradient-clipped"}
    assert "Every entry of δ(l+1) W(l+1)ᵀ stays within ±50." in record.diagnosis[0].says


def test_a_fitted_number_is_reported(exam: Examination) -> None:
    record = graded(RIGHT.replace("delta @ W[l].T", "delta @ (W[l] - 0.05 * dW[l]).T"), exam)
    assert named(record) == {"updated-weights-in-backward"}
    assert "0.05" in record.diagnosis[0].says


def test_a_program_that_raises_somewhere_is_diagnosed_from_the_rest(exam: Examination) -> None:
    record = graded(RIGHT.replace("delta @ W[l].T", "delta @ W[l]"), exam)
    assert named(record) == {"weights-not-transposed"}
    assert "ValueError" in record.raised[0]


@pytest.mark.parametrize(
    ("source", "state"),
    [
        ("def gradient(W): pass", "incomplete"),
        ("def gradients(*a): return None", "error"),
        ("def gradients(*a): raise RuntimeError('no')", "error"),
        (RIGHT.replace("return dW, db, lines", "return dW, [d[None] for d in db]"), "wrong"),
        (RIGHT.replace("return dW, db, lines", "return [d * np.nan for d in dW], db"), "wrong"),
        (RIGHT.replace("return dW, db, lines", "return [0 * w for w in W], [0 * v for v in b]"), "wrong"),
        (RIGHT.replace("return dW, db, lines", "return W, b"), "wrong"),
        (RIGHT.replace("return dW, db, lines", "return dW, [None] * L, lines"), "wrong"),
        (RIGHT.replace("return dW, db, lines", "return [None] * L, db"), "wrong"),
        (RIGHT.replace("return dW, db, lines", "return dW, [*db[:-1], None]"), "wrong"),
    ],
)
def test_what_is_no_answer_never_passes(source: str, state: str, exam: Examination) -> None:
    record = graded(source, exam)
    assert record.state == state
    assert (record.score or 0) < 10


def test_an_optional_function_is_graded_where_the_assignment_asks_for_it(exam: Examination) -> None:
    uphill = """
def step(W, b, x, t, activation, lam, eta):
    dW, db, _ = gradients(W, b, x, t, activation, lam)
    return [w + eta * d for w, d in zip(W, dW)], [c + eta * d for c, d in zip(b, db)]
"""
    assert grade("it.py", run_trusted(RIGHT + uphill, exam.calls), exam).state == "correct"
    record = graded(RIGHT + uphill, examination(assignment_from({"points": {"step": 5.0}}, "test")))
    assert record.state == "wrong"
    assert named(record) == {"step-sign"}
    told = graded(RIGHT + uphill, examination(assignment_from({"functions": ["step"]}, "test")))
    assert (told.state, told.score) == ("correct", 10.0)
    assert any(said.startswith("step-sign") for said in told.advice)


def test_a_required_function_that_is_missing_makes_it_incomplete() -> None:
    assignment = assignment_from({"points": {"loss": 2.0}}, "test")
    record = graded(RIGHT, examination(assignment))
    assert (record.state, record.max_score) == ("incomplete", 12.0)


def test_single_precision_passes_where_the_assignment_says_so(exam: Examination) -> None:
    short = "W, b, x, t = [w.astype('f4') for w in W], [c.astype('f4') for c in b], x.astype('f4'), t.astype('f4')"
    source = RIGHT.replace("    z, L, N, lines = [x]", f"    {short}\n    z, L, N, lines = [x]")
    assert named(graded(source, exam)) == {"precision-float32"}
    lenient = examination(msgspec.structs.replace(Assignment(), precision="float32"))
    record = graded(source, lenient)
    assert record.state == "correct"
    assert any("float32" in line for line in record.advice)


@pytest.mark.parametrize(
    "program",
    [p for p in students.other_assignments() if p.assignment][::45],
    ids=lambda p: p.name,
)
def test_other_assignments(program: students.Program) -> None:
    import tomllib

    assignment = assignment_from(tomllib.loads(program.assignment or ""), "test")
    if assignment.backend == "torch":
        pytest.skip("torch programs need the worker: tests/test_compare_submission.py runs them")
    record = graded(program.source, examination(assignment))
    assert (record.state == "correct") == program.right
    if program.mistakes and not program.right:
        assert named(record) == set(students.reported_as(program)) or named(record) == set()
