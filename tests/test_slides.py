"""Every citation names a deck and one of its headings; every equation of the summary is one line of the code."""

from __future__ import annotations

import ast
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from verify.problems.lines import equation, names, place

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "tests" / "data"
HEADINGS: dict[str, list[str]] = tomllib.loads((DATA / "headings.toml").read_text(encoding="utf-8"))
SUMMARY: dict[str, str] = tomllib.loads((DATA / "summary.toml").read_text(encoding="utf-8"))
SUMMARY_HEADING = "综上,误差反向传播求导及调整步骤"
SOURCES = sorted(
    path for folder in ("manual", "torch_ref", "verify", "scripts") for path in (ROOT / folder).rglob("*.py")
)
BY_HAND = sorted((ROOT / "manual").glob("*.py"))

# deck 002 "one heading", "another" and "a third"
_CITATION = re.compile(r'[Dd]eck (\d{3})((?:(?:,? and|,)? "[^"]+")+)')
# What may follow a deck's number where the deck as a whole is meant: deck 000's network, deck 000 (its title)
_WHOLE_DECK = re.compile(r"[Dd]eck \d{3}(?:'s| \(|,? in its)")


def texts(source: str) -> list[str]:
    """Every string of a program as it reads, docstrings among them, and its comments."""
    strings = [node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)]
    comments = re.findall(r"^\s*#(.*)$", source, re.MULTILINE)
    return [text for text in [*strings, *comments] if isinstance(text, str)]


def citations(source: str) -> Iterator[tuple[str, str]]:
    """(deck, heading) of every citation in a program; a line break within one counts as a space."""
    for text in texts(source):
        for deck, headings in _CITATION.findall(" ".join(text.split())):
            yield from ((deck, heading) for heading in re.findall(r'"([^"]+)"', headings))


def unknown(source: str) -> list[tuple[str, str]]:
    """Citations that no deck bears out; "…" stands for any heading."""
    cited = [(deck, heading) for deck, heading in citations(source) if heading != "…"]
    return [(deck, heading) for deck, heading in cited if heading not in HEADINGS.get(deck, [])]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_citation_names_a_deck_and_one_of_its_headings(path: Path) -> None:
    assert unknown(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", BY_HAND, ids=lambda path: path.name)
def test_a_deck_is_never_cited_without_a_heading(path: Path) -> None:
    for text in texts(path.read_text(encoding="utf-8")):
        line = " ".join(text.split())
        cited = len(_CITATION.findall(line)) + len(_WHOLE_DECK.findall(line))
        assert len(re.findall(r"[Dd]eck \d{3}", line)) == cited, line


@pytest.mark.parametrize(
    "wrong",
    ['"""Deck 000 "relu函数"."""', '"""deck 005 "回顾"."""', 's = \'deck 002 "经典激活函数", "relu函数及其求导"\'',
     '# deck 000 "Summary"', '"""deck 000 "综上,误差\n反向传播"."""'],
)  # fmt: skip
def test_a_wrong_citation_is_caught(wrong: str) -> None:
    assert unknown(wrong + "\n") != []


def test_the_citations_are_seen_at_all() -> None:
    decks = Counter(deck for path in BY_HAND for deck, _ in citations(path.read_text(encoding="utf-8")))
    assert decks["000"] >= 15
    assert decks["002"] >= 10
    assert set(decks) >= {"000", "001", "002", "003"}


# The summary of deck 000 ---------------------------------------------------------------------------------------------


def marks(docstring: str) -> list[str]:
    """Which equations of the summary a function says it is: … 综上 …" (4) (6)."""
    found = re.search(re.escape(SUMMARY_HEADING) + r'"((?: \(\w+\))+)', " ".join(docstring.split()))
    return re.findall(r"\((\w+)\)", found[1]) if found else []


def functions_by_mark() -> Counter[str]:
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in BY_HAND]
    functions = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return Counter(mark for function in functions for mark in marks(ast.get_docstring(function) or ""))


def test_every_equation_of_the_summary_is_exactly_one_line() -> None:
    assert functions_by_mark() == Counter(list(SUMMARY))


def test_a_missing_and_a_second_line_would_be_seen() -> None:
    once = f'δ, deck 000 "{SUMMARY_HEADING}" (4) (6).'
    assert marks(once) == ["4", "6"]
    assert marks(once.replace(" (4) (6)", "")) == []
    assert Counter([*marks(once), "4"]) != Counter(["4", "6"])


@pytest.mark.parametrize("loss", ["cross-entropy", "squared-error"])
@pytest.mark.parametrize("name", names(3))
def test_every_line_has_a_place_and_an_equation(name: str, loss: str) -> None:
    where = place(name)
    assert where.heading in HEADINGS[where.deck]
    text = equation(name, 3, "softmax" if loss == "cross-entropy" else "tanh", loss)
    assert "{" not in text
    assert text.index("=") > 0


def test_equations_read_as_on_the_slides() -> None:
    assert equation("delta3", 3) == "δ(3) = y − t"
    assert equation("delta2", 3) == "δ(2) = δ(3) W(3)ᵀ ⊙ f′(a(2))"
    assert equation("dW1", 3) == "∂E/∂W(1) = (1/N) xᵀ δ(1) + λ W(1)"
    assert equation("a1", 3) == "a(1) = x W(1) + b(1)"
    assert equation("y", 3) == "y = softmax(a(3))"
