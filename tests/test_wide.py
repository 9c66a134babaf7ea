"""With forward_only = "wrong" programs without a backward pass are wrong, by the time that one wide problem takes."""

from __future__ import annotations

from dataclasses import replace
from time import process_time

import msgspec
import numpy as np
import pytest
import torch

from verify.grading.answers import Answer
from verify.grading.assignment import Assignment, Points
from verify.grading.record import GradeRecord
from verify.isolation import choose
from verify.lessons.network.grade import Examination, examination, grade_submission
from verify.lessons.network.judging import wide
from verify.problems.lines import gradient_names
from verify.submissions.submission import Submission

ASSIGNMENT = Assignment(
    activations=("tanh",), output="identity", loss="squared-error", layers=(1, 2), seed=5, forward_only="wrong",
    time_limit=60.0,
)  # fmt: skip

VECTORISED = """
import numpy as np
def gradients(W, b, x, t, activation, lam):
    z = [x]
    for l in range(len(W)):
        a = z[-1] @ W[l] + b[l]
        z.append(a if l == len(W) - 1 else np.tanh(a))
    d, dW, db = (z[-1] - t) / len(x), [], []
    for l in reversed(range(len(W))):
        dW.insert(0, z[l].T @ d + lam * W[l])
        db.insert(0, d.sum(0))
        d = (d @ W[l].T) * (1 - z[l] ** 2)
    return dW, db
"""

LOOPS = """
import numpy as np
def gradients(W, b, x, t, activation, lam):
    L = len(W)
    dW, db = [lam * w for w in W], [np.zeros_like(v) for v in b]
    for n in range(len(x)):
        z = [x[n]]
        for l in range(L):
            a = np.array([z[l] @ W[l][:, k] + b[l][k] for k in range(len(b[l]))])
            z.append(a if l == L - 1 else np.tanh(a))
        d = (z[L] - t[n]) / len(x)
        for l in range(L - 1, -1, -1):
            for k in range(len(d)):
                dW[l][:, k] += d[k] * z[l]
                db[l][k] += d[k]
            d = np.array([W[l][i] @ d for i in range(len(z[l]))]) * (1 - z[l] ** 2)
    return dW, db
"""

ENTRIES = """
import math
import numpy as np
def gradients(W, b, x, t, activation, lam):
    L = len(W)
    dW, db = [lam * w for w in W], [np.zeros_like(v) for v in b]
    for n in range(len(x)):
        z = [x[n]]
        for l in range(L):
            out = []
            for k in range(len(b[l])):
                s = b[l][k]
                for i in range(len(z[l])):
                    s += z[l][i] * W[l][i, k]
                out.append(s if l == L - 1 else math.tanh(s))
            z.append(out)
        d = [(z[L][k] - t[n, k]) / len(x) for k in range(len(t[n]))]
        for l in range(L - 1, -1, -1):
            below = []
            for i in range(len(z[l])):
                s = 0.0
                for k in range(len(d)):
                    dW[l][i, k] += z[l][i] * d[k]
                    s += W[l][i, k] * d[k]
                below.append(s * (1 - z[l][i] ** 2))
            for k in range(len(d)):
                db[l][k] += d[k]
            d = below
    return dW, db
"""

# E and J by one forward pass; the programs below take their derivatives, one parameter at a time.
ENERGY = """
import numpy as np
def energy(W, b, x, t, lam):
    z = x
    for l in range(len(W)):
        a = z @ W[l] + b[l]
        z = a if l == len(W) - 1 else np.tanh(a)
    return ((z - t) ** 2).sum() / (2 * len(x)) + lam / 2 * sum((w ** 2).sum() for w in W)
"""

EACH = """
def gradients(W, b, x, t, activation, lam):
    W, b = [w.astype(KIND) for w in W], [v.astype(KIND) for v in b]
    out = []
    for group in (W, b):
        out.append([np.zeros(v.shape) for v in group])
        for v, g in zip(group, out[-1]):
            for at in np.ndindex(v.shape):
                kept = v[at]
                g[at] = slope(lambda h: (v.__setitem__(at, kept + h), energy(W, b, x, t, lam))[1])
                v[at] = kept
    return out[0], out[1]
"""

CENTRAL = f"""{ENERGY}
KIND = float
def slope(f):
    return (8 * (f(1e-3) - f(-1e-3)) - f(2e-3) + f(-2e-3)) / 12e-3
{EACH}"""

COMPLEX = f"""{ENERGY}
KIND = complex
def slope(f):
    return f(1e-30j).imag / 1e-30
{EACH}"""

DUAL = """
import numpy as np
def gradients(W, b, x, t, activation, lam):
    out = []
    for of, group in ((0, W), (1, b)):
        out.append([np.zeros(v.shape) for v in group])
        for l in range(len(group)):
            for at in np.ndindex(group[l].shape):
                z, dz = x, np.zeros_like(x)
                for j in range(len(W)):
                    a, da = z @ W[j] + b[j], dz @ W[j]
                    if j == l:
                        da[:, at[-1]] += 1 if of else z[:, at[0]]
                    z, dz = (a, da) if j == len(W) - 1 else (np.tanh(a), (1 - np.tanh(a) ** 2) * da)
                own = 0 if of else lam * W[l][at]
                out[-1][l][at] = ((z - t) * dz).sum() / len(x) + own
    return out[0], out[1]
"""


@pytest.fixture(scope="module")
def exam() -> Examination:
    return examination(ASSIGNMENT)


def graded(source: str, exam: Examination) -> GradeRecord:
    return grade_submission(Submission("a.py", source, "a.py"), exam, choose())


@pytest.mark.parametrize("source", [VECTORISED, LOOPS, ENTRIES], ids=["vectorised", "loops", "entries"])
def test_backward_passes_are_untouched(source: str, exam: Examination) -> None:
    record = graded(source, exam)
    assert (record.state, record.score) == ("correct", 10.0), record.message
    assert record.timings["wide_cpu"] < record.timings["wide_bound"] / 5


@pytest.mark.parametrize(
    ("source", "precision"),
    [(CENTRAL, "float32"), (COMPLEX, "float64"), (DUAL, "float64")],
    ids=["central", "complex", "dual"],
)
def test_programs_without_one_are_wrong(
    source: str, precision: str, exam: Examination, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wide.Wide, "bound", lambda self, sandbox: 1.5)  # of 20 s and more; what they need is below
    record = graded(source, with_key(exam, "wrong", precision))
    assert (record.state, record.score) == ("wrong", 0.0), record.message
    assert record.message_said[0].key == "forward-only"
    assert record.message_said[0].values == {"parameters": 1005004, "factor": 20}
    assert {line.state for line in record.lines if line.function == "gradients"} == {"blocked"}
    assert graded(source, with_key(exam, "allow", precision)).state == "correct"


def with_key(exam: Examination, forward_only: str, precision: str) -> Examination:
    """The same problems under another key."""
    a = msgspec.structs.replace(ASSIGNMENT, forward_only=forward_only, precision=precision)
    return Examination(replace(exam.fixture, assignment=a), exam.calls)


def test_one_pass_per_parameter_takes_far_more_than_the_bound(exam: Examination) -> None:
    p = exam.wide.case.problem
    W, b, x = [w.numpy() for w in p.W], [v.numpy() for v in p.b], p.x.numpy()
    took = []
    for _ in range(20):
        began = process_time()
        _ = np.tanh(x @ W[0] + b[0]) @ W[1] + b[1]
        took.append(process_time() - began)
    assert exam.wide.parameters >= 1_000_000
    assert min(took) * exam.wide.parameters > 2 * exam.wide.bound(choose())


@pytest.mark.parametrize(
    ("answer", "key"),
    [
        ("raise ValueError('too wide')", "wide-fails"),
        ("return [w * 0 for w in W], b", "wide-wrong"),
        ("return 1", "wide-fails"),
    ],
)
def test_who_answers_small_problems_only_is_told_so(answer: str, key: str, exam: Examination) -> None:
    source = VECTORISED.replace("    z = [x]\n", f"    if W[0].size > 10000:\n        {answer}\n    z = [x]\n")
    record = graded(source, exam)
    assert (record.state, record.message_said[0].key) == ("wrong", key)


def test_rounding_in_float32_is_for_float32_numbers(exam: Examination) -> None:
    case, lenient = exam.wide.case, msgspec.structs.replace(ASSIGNMENT, precision="float32")
    names = list(gradient_names(case.problem.L))
    near = {n: case.truth[n] + 0.1 * case.budget32[n] for n in names}
    single = Answer({n: v.float().double() for n, v in near.items()})
    assert wide.wrong_lines(case, single, lenient) == []
    assert wide.wrong_lines(case, Answer(near), lenient) == names
    assert wide.wrong_lines(case, single, ASSIGNMENT) == names
    assert all(torch.equal(v, v.float().double()) for v in (*case.problem.W, *case.problem.b, case.problem.x))


def test_without_the_key_nothing_is_asked(exam: Examination) -> None:
    allowed = examination(msgspec.structs.replace(ASSIGNMENT, forward_only="allow"))
    free = examination(msgspec.structs.replace(ASSIGNMENT, points=Points(gradients=0.0, step=1.0)))
    for other in (allowed, free):
        timings = graded(VECTORISED, other).timings
        assert {"seconds", "cpu"} <= set(timings) <= {"seconds", "cpu", "waited"}  # waited: where the kernel tells
    # An assignment without the key has the digest that it always had.
    assert Assignment().digest() == OLD_DIGEST


OLD_DIGEST = "be03e466759e77677128912abc6debbdd0cf7be19e0fbd3db48fcd009f3432d1"
