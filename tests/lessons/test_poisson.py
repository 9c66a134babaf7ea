"""Poisson regression, the lesson of docs/LESSONS.md: right programs, mistakes in three styles, odd answers."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path

import pytest

from tests.lessons.grading import graded as graded_in
from tests.lessons.grading import names
from tests.lessons.styles import RIGHT, TOGETHER, WRONG, arrays, rows, sums
from verify.grading.lesson_assignment import lesson_assignment
from verify.grading.machinery.examining import Examination, examination
from verify.grading.record import GradeRecord, LessonRecord, decode, encode
from verify.lessons.registry import lesson_of, read_any
from verify.reports import graded_pages, graded_terminal

FILE = Path(__file__).parents[2] / "docs" / "examples" / "poisson.py"


@cache
def exam(toml: str = "") -> Examination:
    found = lesson_of(read_any(None, FILE))  # type: ignore[arg-type]
    return examination(found, lesson_assignment(found, tomllib.loads(toml), "a.toml"), 3)


def graded(source: str, toml: str = "") -> GradeRecord:
    return graded_in(exam(toml), source)


def test_the_lesson_fits_on_a_page() -> None:
    assert len(FILE.read_text().splitlines()) <= 100


@pytest.mark.parametrize("style", RIGHT)
def test_right_programs_are_right(style: str) -> None:
    record = graded(RIGHT[style])
    assert (record.state, record.score, record.hidden_mistakes) == ("correct", 10.0, [])


@pytest.mark.parametrize(("mistake", "source"), [(m, s) for m, styles in WRONG.items() for s in styles])
def test_each_mistake_is_named_in_every_style(mistake: str, source: str) -> None:
    record = graded(source)
    assert (record.state, names(record)) == ("wrong", [mistake])
    assert record.score == 5.0
    assert isinstance(record, LessonRecord)
    assert record.counterexample is not None
    assert record.counterexample.label.startswith("small")


@pytest.mark.parametrize("mistakes", TOGETHER)
def test_mistakes_together_are_all_named(mistakes: tuple[str, ...]) -> None:
    assert names(graded(TOGETHER[mistakes])) == sorted(mistakes)


@pytest.mark.parametrize(
    "source",
    [arrays(delta="(y - t) * 1.5"), arrays(of_bias="0 * delta.sum()"), sums(delta="y - t_n + 0.001"),
     rows(penalty="+ lam * abs(w)"), arrays(of_weights="X.T @ delta / N + lam")],
)  # fmt: skip
def test_what_no_mistake_explains_gets_no_name(source: str) -> None:
    record = graded(source)
    assert (record.state, names(record)) == ("wrong", [])
    assert record.first_wrong_line in ("dw", "db")


def test_an_error_is_carried_forward_on_the_students_own_values() -> None:
    """δ has an error that no mistake has; dw and db are right on it, and δ pays for itself once."""
    record = graded(arrays(delta="(y - t) * 1.5", lines=", {'delta': delta, 'y': y}"))
    states = {line.name: (line.state, line.carried_forward) for line in record.lines}
    assert states == {
        "y": ("right", None),
        "delta": ("wrong", "wrong"),
        "dw": ("wrong", "right"),
        "db": ("wrong", "right"),
    }
    assert (record.score, record.first_wrong_line) == (5.0, "delta")


def test_zeros_handed_over_earn_nothing() -> None:
    source = arrays(delta="0 * (y - t)", lines=", {'delta': delta}")
    record = graded(source)
    assert (record.state, record.score) == ("wrong", 0.0)


def test_a_line_handed_over_wrong_costs_nothing_where_the_gradients_are_right() -> None:
    record = graded(arrays(lines=", {'E': y.sum()}"))
    assert (record.state, record.score) == ("correct", 10.0)
    assert record.advice == ["What you hand over as E is not what is expected. It has no points."]


@pytest.mark.parametrize(
    ("returned", "said"),
    [("dw", "1 value|array of shape"), ("None", "None"), ("{'dw': dw}", "without db"), ("dw, db, 3, 4", "4 values"),
     ("'dw', db", "str"), ("dw, {'db': db}", "dict"), ("dw, db, 3", "3 values")],
)  # fmt: skip
def test_what_is_no_answer_is_said(returned: str, said: str) -> None:
    record = graded(arrays().replace("return dw, db", f"return {returned}"))
    assert record.state in ("error", "wrong")
    assert record.score in (0.0, 5.0)  # db is right in some of them
    text = record.message + " ".join(line.reason for line in record.lines)
    assert re.search(said, text), text


def test_a_dict_by_name_is_an_answer() -> None:
    assert graded(arrays().replace("return dw, db", "return {'db': db, 'dw': dw, 'y': y}")).state == "correct"


@pytest.mark.parametrize("value", ["np.nan", "np.inf"])
def test_values_that_are_not_finite(value: str) -> None:
    everywhere = graded(arrays(of_weights=f"X.T @ delta / N + lam * w + {value}"))
    assert (everywhere.state, everywhere.diagnosis) == ("wrong", [])
    alone = graded(arrays(of_weights=f"X.T @ delta / N + lam * w + ({value} if N == 1 else 0)"))
    assert alone.state == "wrong"
    assert "N = 1" in " ".join(alone.known)
    assert 5.0 < (alone.score or 0) < 10.0


def test_a_program_that_fails_on_some_problems_is_told_where() -> None:
    record = graded(arrays(delta="(y - t) if N > 1 else 1 / 0"))
    assert record.known == ["The program fails with N = 1, and answers everywhere else."]
    assert record.raised
    assert record.raised[0].startswith("ZeroDivisionError")


def test_float32_is_named_or_let_pass() -> None:
    short = "X, w, t = (v.astype(np.float32) for v in (X, w, t))"
    single = arrays().replace("y = np.exp(X @ w + b)", f"{short}; y = np.exp(X @ w + np.float32(b))")
    single = single.replace("lam *", "np.float32(lam) *")
    assert names(graded(single)) == ["precision-float32"]
    record = graded(single, 'precision = "float32"')
    assert (record.state, record.score) == ("correct", 10.0)
    assert record.advice[0].startswith("precision-float32")


def test_inputs_that_are_written_to() -> None:
    record = graded(arrays(delta="np.subtract(y, t, out=t)"))
    assert names(record) == ["inputs-mutated"]


def test_results_that_pile_up() -> None:
    pile = "    global D, B\n    D, B = D + dw if np.shape(D) in ((), dw.shape) else dw, B + db\n    return D * 1, B"
    kept = "D = B = 0\n" + arrays().replace("    return dw, db", pile)
    assert names(graded(kept)) == ["gradients-accumulated"]


def test_the_assignment_narrows_sizes_and_sets_prices() -> None:
    toml = "N = [1, 1]\n[points]\ngradients = 6\nloss = 2\n[points.mistakes]\ndelta-sign = 1.5\n"
    record = graded(arrays(delta="t - y"), toml)
    assert record.hidden_mistakes == ["mean-missing"]
    assert (record.state, record.score, record.max_score) == ("incomplete", 4.5, 8.0)
    assert [line.name for line in record.lines if line.state == "absent"] == ["E"]


def test_a_mistake_without_a_price_is_advice() -> None:
    record = graded(arrays(of_weights="X.T @ delta / N + 2 * lam * w"), "[points.mistakes]\nl2-doubled = 0\n")
    assert (record.state, record.score) == ("correct", 10.0)
    assert record.advice[0].startswith("l2-doubled")


def test_an_optional_function_is_judged_where_it_has_points() -> None:
    both = arrays() + "\ndef loss(w, b, X, t, lam):\n    a = X @ w + b\n    return np.mean(np.exp(a) - t * a){}\n"
    toml = "[points]\nloss = 5\n"
    assert graded(both.format(" + lam / 2 * w @ w"), toml).score == 15.0
    record = graded(both.format(""), toml)
    assert (record.state, record.score, record.first_wrong_line) == ("wrong", 10.0, "loss: E")


def test_records_read_back_and_pages_are_written() -> None:
    record = graded(WRONG["mean-missing"][0])
    again = decode(encode(record))
    assert isinstance(again, LessonRecord)
    assert encode(again) == encode(record)
    assert again.schema == "backproof.grade/2"
    html, page = graded_pages.as_html(again), graded_pages.as_markdown(again)
    for text in (html, page, graded_terminal.failure(again)):
        assert "The mean over the samples is missing" in text
        assert "X = " in text
    assert {s.key for f in again.diagnosis for s in f.said} == {"mistake-mean-missing"}
