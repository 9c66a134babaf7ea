"""Odd answers and damaged files, drawn: each is taken, or refused with a reason; nothing else ever comes of one."""

import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from verify.benchmarks import odd
from verify.benchmarks.odd_files import FORMS

LATE = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_odd_answers_are_sorted_or_told() -> None:
    found = odd.count_answers(seed=5, cases=1000)
    assert found.failures == []
    assert 50 < found.taken < 950


def test_damaged_files_are_read_or_told() -> None:
    found = odd.count_files(seed=5, cases=400)
    assert found.failures == []
    assert 50 < found.taken < 350


def test_classes_of_damaged_files_are_looked_through_or_told() -> None:
    found = odd.count_classes(seed=5, cases=60)
    assert found.failures == []
    assert 10 < found.taken <= 60


def test_odd_answers_are_graded_and_have_a_page() -> None:
    found = odd.count_graded(seed=5, cases=4)
    assert found.failures == []
    assert found.cases == 4


PARTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.complex_numbers() | st.text(max_size=5) | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.tuples(inner, inner) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=12,
)


@settings(LATE, max_examples=150)
@given(PARTS, st.booleans(), st.booleans())
def test_any_value_is_an_answer_or_told(value: object, columns: bool, biases: bool) -> None:
    assert odd.sort(value, columns=columns, biases=biases) in (True, False)


@settings(LATE, max_examples=200)
@given(
    st.sampled_from(sorted(FORMS)), st.integers(0, 1 << 32), st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=6)))
)
def test_any_bytes_in_any_place_are_read_or_told(
    tmp_path: Path, name: str, seed: int, edits: list[tuple[float, bytes]]
) -> None:
    data = bytearray(FORMS[name](random.Random(seed)))
    for place, content in edits:
        start = int(place * len(data))
        data[start : start + len(content)] = content
    assert odd.read_file(tmp_path, name, bytes(data)) in (True, False)


@pytest.mark.parametrize("name", FORMS)
def test_every_form_is_read_where_it_is_whole(tmp_path: Path, name: str) -> None:
    assert any(odd.read_file(tmp_path, name, FORMS[name](random.Random(seed))) for seed in range(10))


def test_an_exception_is_counted() -> None:
    found = odd.Count()
    found.add(lambda: next(odd.answers(random.Random(0))) is None)
    found.add(lambda: [][0])
    assert (found.cases, len(found.failures)) == (2, 1)
    assert "IndexError" in found.failures[0]
