"""The catalogue's texts in an assignment's own words: no rows' letters or axes in columns, no formula left open."""

import msgspec
import pytest

from verify.grading.assignment import Assignment
from verify.lessons.network.mistakes import CATALOGUE
from verify.lessons.network.words import Words, in_columns

SQUARED = msgspec.structs.replace(Assignment(), output="sigmoid", loss="squared-error")


@pytest.mark.parametrize(
    ("rows", "columns"),
    [
        ("z(l−1)ᵀ δ(l)", "δ(l) a(l−1)ᵀ"),
        ("δ(l) = δ(l+1) W(l+1)ᵀ ⊙ f′(a(l))", "δ(l) = W(l+1)ᵀ δ(l+1) ⊙ f′(z(l))"),
        ("δ(l+1) (W(l+1) − η ∂E/∂W(l+1))ᵀ", "(W(l+1) − η ∂E/∂W(l+1))ᵀ δ(l+1)"),
        ("(1/N) z(l−1)ᵀ δ(l) + λ W(l)", "(1/N) δ(l) a(l−1)ᵀ + λ W(l)"),
        ("xᵀ δ(l)", "δ(l) xᵀ"),
        ("y − t, y(1 − y)", "a(L) − t, a(L)(1 − a(L))"),
        ("a factor, of a δ, a 2, where a ≤ 0", "a factor, of a δ, a 2, where z ≤ 0"),
        ("axis 1 for axis 0, one row per sample", "axis 0 for axis 1, one column per sample"),
    ],
)
def test_a_text_in_columns(rows: str, columns: str) -> None:
    assert in_columns(rows) == columns


def test_delta_is_the_assignments_own() -> None:
    assert Words.of(Assignment()).text("δ(L) = {delta}") == "δ(L) = y − t"
    assert Words.of(SQUARED).text("δ(L) = {delta}") == "δ(L) = (y − t) ⊙ σ′(a(L))"


@pytest.mark.parametrize("mistake", CATALOGUE.values(), ids=lambda m: m.id)
def test_no_text_is_left_open(mistake) -> None:
    forms = [text for v in mistake.variants for text in (v.says, v.wrong, v.right, v.form)]
    for text in (mistake.says, mistake.wrong, mistake.right, *forms):
        said = Words.of(SQUARED).text(text)
        assert "{delta}" not in said
        assert in_columns(in_columns(said).replace("a(L)", "y")).count("ᵀ") == said.count("ᵀ")
