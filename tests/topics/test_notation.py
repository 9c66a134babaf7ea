"""Every heading of the decks has its English, in the code and on the page."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from verify.problems.headings import headings, in_english, titles

ROOT = Path(__file__).resolve().parents[2]
CITABLE: dict[str, list[str]] = tomllib.loads((ROOT / "tests/data/headings.toml").read_text(encoding="utf-8"))
PAGE = (ROOT / "docs" / "NOTATION.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("deck", CITABLE)
def test_every_heading_that_may_be_cited_is_translated_and_no_other(deck: str) -> None:
    assert set(headings()[deck]) == set(CITABLE[deck])
    assert all(headings()[deck].values())
    assert titles()[deck]


@pytest.mark.parametrize("deck", CITABLE)
def test_the_page_shows_every_heading_in_both_languages(deck: str) -> None:
    for heading, english in headings()[deck].items():
        assert f"| {deck} | {heading} | {english} |" in PAGE


def test_an_unknown_heading_is_refused() -> None:
    assert in_english("004", "链式法则") == "The chain rule"
    with pytest.raises(KeyError):
        in_english("004", "no such slide")
