"""Numbers and matrices as a report writes them."""

from __future__ import annotations

import pytest

from verify.reports.numbers import block, rows


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (2.0, ["2"]),
        ([1.0, -2.0], ["[1  -2]"]),
        ([[1.0, 2.0], [3.0, 40.0]], ["⎡1   2⎤", "⎣3  40⎦"]),
        ([[[1.0, 2.0], [3.0, 4.0]]], ["⎡1  2⎤", "⎣3  4⎦"]),
        ([[[1.0, 2.0]], [[3.0, 40.0]]], ["⎡1   2⎤", "⎢     ⎥", "⎣3  40⎦"]),
        ([[[[5.0]]]], ["[5]"]),
    ],
)
def test_a_value_as_a_block(value: object, written: list[str]) -> None:
    assert block(value) == written


def test_what_is_too_large_or_empty_is_said_in_words() -> None:
    assert rows([[[0.0] * 5] * 5] * 3) == [["an array of shape (3, 5, 5)"]]
    assert rows([]) == [["an array of shape (0,)"]]
