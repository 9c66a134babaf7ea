"""The decks' headings in English, beside the Chinese that citations have."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path


@cache
def headings() -> dict[str, dict[str, str]]:
    """Deck ("000" to "004") -> heading as the slides have it -> the heading in English."""
    text = Path(__file__).with_name("headings.toml").read_text(encoding="utf-8")
    return {deck: {k: v for k, v in rows.items() if k != "title"} for deck, rows in tomllib.loads(text).items()}


@cache
def titles() -> dict[str, str]:
    """Deck -> what the lecture is about, in English."""
    text = Path(__file__).with_name("headings.toml").read_text(encoding="utf-8")
    return {deck: rows["title"] for deck, rows in tomllib.loads(text).items()}


def in_english(deck: str, heading: str) -> str:
    """The heading in English. Raises KeyError for a deck or heading that is none."""
    return headings()[deck][heading]
