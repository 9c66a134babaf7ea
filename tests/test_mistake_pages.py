"""docs/mistakes/: a page for every mistake of the catalogue, in both languages, as scripts/mistakes.py writes it."""

import re

import pytest

from scripts import mistakes
from verify.lessons.network.mistakes import CATALOGUE

CASE = "## The smallest case"
WRITE = "out of date: .venv/bin/python scripts/mistakes.py writes it"
# Each with its smallest case worked anew; of the others the words alone, for all cases take a minute.
WHOLE = [*CATALOGUE][::12]


def _page(name: str) -> str:
    return (mistakes.FOLDER / f"{name}.md").read_text(encoding="utf-8")


def test_each_mistake_has_its_page_and_no_other_page_is_there() -> None:
    assert {path.stem for path in mistakes.FOLDER.glob("*.md")} == {"README", *CATALOGUE}, WRITE
    assert _page("README") == mistakes.index(), WRITE


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_page_has_both_languages_and_a_case_or_a_line_of_python(name: str) -> None:
    page = _page(name)
    assert re.search(r"[\u3400-\u9fff]", page.partition("## 中文\n\n")[2].split("\n")[0]), "a sentence in Chinese"
    assert page.count("| wrong |") == page.count("| 错误 |") >= 1
    assert (CASE in page) != (name in mistakes.CODE), "worked in numbers, or a line of Python"
    if name in mistakes.CODE:
        assert page == mistakes.page(CATALOGUE[name]), WRITE


@pytest.mark.parametrize("name", WHOLE)
def test_the_smallest_case_is_current(name: str) -> None:
    assert _page(name) == mistakes.page(CATALOGUE[name]), WRITE


def test_a_page_that_is_out_of_date_is_told(tmp_path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr(mistakes, "FOLDER", tmp_path)
    monkeypatch.setattr(mistakes, "pages", lambda: iter([("a.md", "new"), ("b.md", "same")]))
    monkeypatch.setattr(mistakes.sys, "argv", ["mistakes.py", "--check"])
    (tmp_path / "a.md").write_text("old")
    (tmp_path / "b.md").write_text("same")
    (tmp_path / "c.md").write_text("of a mistake that is gone")
    assert mistakes.main() == 1
    said = capsys.readouterr().out
    assert [name for name in ("a.md", "b.md", "c.md") if name in said] == ["a.md", "c.md"]
