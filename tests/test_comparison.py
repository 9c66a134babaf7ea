"""Two arrays set against one another: shape, dtype, finiteness, value, in that order, and never by broadcasting."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from verify.bounds.comparison import Comparison, Verdict, compare, median_limit, smallest_flagged

PAIR = ("first", "second")
NAN, INF = float("nan"), float("inf")


def against(first, second, budget: float | list[float] = 1e-9, undecided=None) -> Comparison:
    second = np.array(second, dtype=np.float64)
    allowed = np.broadcast_to(np.asarray(budget, dtype=np.float64), second.shape)
    return compare("dW1", PAIR, np.array(first), second, allowed, undecided)


@pytest.mark.parametrize(
    ("first", "verdict"),
    [
        (np.full((3, 1), NAN), Verdict.WRONG_SHAPE),  # also not finite, but the shape comes first
        (np.zeros((2, 2), dtype=np.int64), Verdict.WRONG_DTYPE),  # also other values
        (np.array([["1", "2"], ["3", "4"]]), Verdict.WRONG_DTYPE),
        (np.array([[1, 2], [3, 4 + 0j]]), Verdict.WRONG_DTYPE),
        (np.array([[1, 2], [3, None]]), Verdict.WRONG_DTYPE),
        (np.array([[True, True], [True, True]]), Verdict.WRONG_DTYPE),
        (np.array([[9.0, 2], [NAN, 4]]), Verdict.NOT_FINITE),  # also another value
        (np.array([[1.0, 2], [3, INF]]), Verdict.NOT_FINITE),
        (np.array([[9.0, 2], [3, 4]]), Verdict.DISAGREE),
        (np.array([[1.0, 2], [3, 4]]), Verdict.AGREE),
    ],
)
def test_shape_dtype_finiteness_value_in_that_order(first: np.ndarray, verdict: Verdict) -> None:
    found = against(first, [[1.0, 2], [3, 4]])
    assert found.verdict is verdict
    assert found.agrees == (verdict is Verdict.AGREE)


@pytest.mark.parametrize("shape", [(1, 64), (64, 1), (), (1,), (64, 64), (63,)])
def test_nothing_is_broadcast(shape: tuple[int, ...]) -> None:
    found = against(np.ones(shape), np.ones(64))
    assert found.verdict is Verdict.WRONG_SHAPE
    assert found.detail == f"shape {shape} where (64,) is expected"


@given(
    arrays(np.float64, (2, 3), elements=st.floats(allow_nan=True, allow_infinity=True)),
    arrays(np.float64, (2, 3), elements=st.floats(allow_nan=True, allow_infinity=True)),
    st.sampled_from([0.0, 1e-9, 1e300, INF, NAN]),
)
def test_nan_and_infinity_never_pass(first: np.ndarray, second: np.ndarray, budget: float) -> None:
    found = against(first, second, budget)
    finite = np.isfinite(first).all() and np.isfinite(second).all()
    assert finite or found.verdict is Verdict.NOT_FINITE
    assert not found.agrees or np.array_equal(first, second) or np.abs(first - second).max() <= budget < INF


@pytest.mark.parametrize("first", [-4e-7, 4e-7 * (1 + 1e-6), 0.0])
def test_a_small_entry_is_not_excused_by_its_size(first: float) -> None:
    assert against([first], [4e-7], 1e-14).verdict is Verdict.DISAGREE


def test_an_empty_reference_is_our_fault() -> None:
    with pytest.raises(ValueError, match="reference second is empty"):
        against(np.ones((0, 3)), np.ones((0, 3)))


def test_a_budget_of_another_shape_is_our_fault() -> None:
    with pytest.raises(ValueError, match=r"budget of shape \(2,\) for a reference of shape \(2, 2\)"):
        compare("dW1", PAIR, np.ones((2, 2)), np.ones((2, 2)), np.ones(2))


def test_the_budget_itself_still_agrees_and_what_is_beyond_does_not() -> None:
    # Beside an entry of a thousand, of which half a unit is little.
    assert against([1.5, 1e3], [1.0, 1e3], 0.5).verdict is Verdict.AGREE
    assert against([np.nextafter(1.5, 2), 1e3], [1.0, 1e3], 0.5).verdict is Verdict.DISAGREE
    assert against([1.0], [1.0], 0.0).verdict is Verdict.AGREE


def test_the_worst_entry_is_that_furthest_beyond_its_own_budget() -> None:
    budget = np.array([[1.0, 1e-6, 1e-3]])
    found = compare("dW1", PAIR, np.array([[0.9, 3e-6, 2e-3]]), np.zeros((1, 3)), budget)
    assert (found.index, found.error, found.budget) == ((0, 1), 3e-6, 1e-6)
    assert found.ratio == pytest.approx(3)
    assert (found.wrong, found.entries, found.values) == (2, 3, (3e-6, 0.0))


def test_a_scalar_line_has_no_index() -> None:
    found = against(1.0, 2.0)
    assert (found.verdict, found.index, found.entries) == (Verdict.DISAGREE, (), 1)


def test_what_overflows_on_the_way_is_beyond_every_budget() -> None:
    assert against([1.7e308], [-1.7e308], 1e300).verdict is Verdict.DISAGREE


@pytest.mark.parametrize(
    ("budget", "undecided", "verdict"),
    [
        ([INF, 1e-9], None, Verdict.INCONCLUSIVE),
        ([NAN, 1e-9], None, Verdict.INCONCLUSIVE),
        ([1e-9, 1e-9], [True, False], Verdict.INCONCLUSIVE),
        ([1e-9, 1e-9], [False, True], Verdict.DISAGREE),  # the first entry differs, and it is decided
        ([INF, INF], None, Verdict.INCONCLUSIVE),
    ],
)
def test_what_cannot_be_told_is_neither_pass_nor_fail(budget: list, undecided: list | None, verdict: Verdict) -> None:
    marks = None if undecided is None else np.array(undecided)
    found = compare("dW1", PAIR, np.array([5.0, 1.0]), np.ones(2), np.array(budget), marks)
    assert found.verdict is verdict
    assert not found.agrees


def test_with_nothing_decided_there_is_no_ratio() -> None:
    assert np.isnan(against([5.0, 1.0], [1.0, 1.0], INF).ratio)


def test_the_smallest_flagged_error_counts_what_is_there_already() -> None:
    first, second = np.array([1.0, 2.5, 0.0, 3.0]), np.array([1.0, 2.0, 0.0, 3.0])
    budget, undecided = np.array([0.1, 1.0, 0.1, 0.1]), np.array([False, False, False, True])
    limits = smallest_flagged(first, second, budget, undecided)
    assert limits[:2].tolist() == pytest.approx([0.1, 0.75])
    assert np.isnan(limits[2])  # an entry of 0 has no relative error
    assert limits[3] == INF
    assert median_limit(limits) == pytest.approx(0.75)
    assert median_limit(np.array([NAN])) == INF


def test_a_budget_wider_than_a_thousandth_of_the_line_is_no_evidence() -> None:
    found = against([1.0, 0.5, 1e-9], [1.0, 0.5, 2e-9], [1e-3, 1.1e-3, 1e-9])
    assert (found.verdict, found.inconclusive, found.index) == (Verdict.INCONCLUSIVE, 1, (2,))
    assert found.limit == pytest.approx(2.2e-3)
    assert found.largest_limit == pytest.approx(1)
    assert against([1.0, 0.5], [1.0, 0.5], 2.0).inconclusive == 2


def test_what_is_beyond_even_a_wide_budget_is_wrong() -> None:
    found = against([9.0, 1.0], [1.0, 1.0], [5.0, 1e-9])
    assert (found.verdict, found.wrong, found.inconclusive) == (Verdict.DISAGREE, 1, 0)


def test_a_line_of_zeros_has_no_size_to_measure_by() -> None:
    assert against([0.0, 0.0], [0.0, 0.0], 1e-12).verdict is Verdict.AGREE
