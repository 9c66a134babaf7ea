"""A lesson is short: what is general lies in the machinery."""

from __future__ import annotations

from pathlib import Path

import pytest

from verify.lessons.registry import BUILT_IN

ROOT = Path(__file__).parents[2]
FILES = [*{module.replace(".", "/") + ".py" for module in BUILT_IN.values()}, "docs/examples/poisson.py"]


@pytest.mark.parametrize("file", sorted(FILES))
def test_a_lesson_has_a_hundred_lines_at_most(file: str) -> None:
    assert len((ROOT / file).read_text(encoding="utf-8").splitlines()) <= 100
