"""What a report says of an error is true: a product in float32, a factor, a parameter for its gradient, a shape."""

from __future__ import annotations

from functools import cache

import pytest

from tests.classes import RIGHT, edited
from verify.benchmarks.trusted import run_trusted
from verify.grading.assignment import Assignment
from verify.grading.record import GradeRecord
from verify.lessons.network.grade import Examination, examination, grade

SINGLE = """
def single(u, v):
    return u.astype(np.float32) @ v.astype(np.float32)

def gradients("""


@cache
def exam() -> Examination:
    return examination(Assignment(), seed=4)


def graded(*changes: tuple[str, str]) -> GradeRecord:
    source = edited(RIGHT, *changes)
    return grade("mine.py", run_trusted(source.replace("\ndef gradients(", SINGLE), exam().calls), exam())


PRODUCTS = {
    "z(l−1) W(l)": ("z[-1] @ W_l + b_l", "single(z[-1], W_l) + b_l"),
    "z(l−1)ᵀ δ(l)": ("z[l].T @ delta / len(x)", "single(z[l].T, delta) / len(x)"),
    "δ(l+1) W(l+1)ᵀ": ("delta @ W[l].T", "single(delta, W[l].T)"),
}


@pytest.mark.parametrize("product", PRODUCTS)
def test_a_product_in_float32_is_named(product: str) -> None:
    record = graded(PRODUCTS[product])
    assert [found.mistake for found in record.diagnosis] == ["precision-float32"]
    assert f"It is the product {product} that is computed in float32." in record.diagnosis[0].says


def test_an_error_as_small_as_float32_is_none_of_it() -> None:
    record = graded(("z[-1] @ W_l", "z[-1] @ (W_l * (1 + 3e-8))"))
    assert (record.state, record.diagnosis) == ("wrong", [])


KNOWN = {
    "In your dW1 the factor of λW is 1.3, where 1 is right; the data's part is right.": (
        "    return dW, db", "    dW[0] = dW[0] + 0.3 * lam * W[0]\n    return dW, db"
    ),
    "In your dW1 the factor of λW is 0.25, where 1 is right; the data's part is right.": (
        "+ lam * W[l]", "+ lam * W[l] * (1 if l else 0.25)"
    ),
    "Your dW3 is W(3) itself, on every problem.": ("return dW, db", "return W, b"),
}  # fmt: skip


@pytest.mark.parametrize("sentence", KNOWN)
def test_what_is_known_without_a_name(sentence: str) -> None:
    record = graded(KNOWN[sentence])
    assert record.diagnosis == []
    assert sentence in record.known
    assert not any(" 1 times" in known for known in record.known)


def test_a_wrong_shape_is_decided_whatever_came_before() -> None:
    record = graded(("return dW, db", "return dW, [np.stack([v, v]) for v in db]"))
    states = {line.name: line.state for line in record.lines}
    assert states == {f"dW{l}": "right" for l in (1, 2, 3)} | {f"db{l}": "wrong" for l in (1, 2, 3)}
    assert all("has shape (2, " in line.reason for line in record.lines if line.state == "wrong")


def test_what_is_known_of_a_line_says_of_which() -> None:
    # The first wrong line is one that is handed over, and wrong everywhere; dW is so with several samples alone.
    record = graded(
        ("delta = e / e.sum(axis=1, keepdims=True) - t", "y = e / e.sum(axis=1, keepdims=True)\n    delta = y - t"),
        ("return dW, db", "dW = [1.37 * w for w in dW] if len(x) > 1 else dW\n    return dW, db, {'y': 3.7 * y}"),
    )
    assert record.first_wrong_line == "y"
    assert "Your dW3 is wrong only with more than one sample (N > 1)." in record.known
