"""docs/ARCHITECTURE.md against the source: its drawing is the one that the script draws, and sees a planted import."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import architecture


def test_the_drawing_is_that_of_the_source() -> None:
    assert architecture.drawing() in architecture.PAGE.read_text(encoding="utf-8")


def test_an_import_is_seen_and_one_inside_a_function_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "verify" / "bounds").mkdir(parents=True)
    (tmp_path / "verify" / "grading").mkdir()
    source = "from verify.grading import x\n\ndef f():\n    from verify.lessons import y\n"
    (tmp_path / "verify" / "bounds" / "a.py").write_text(source)
    monkeypatch.setattr(architecture, "ROOT", tmp_path)
    assert architecture.arrows() == {("bounds", "grading")}


def test_a_word_that_is_no_option_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["architecture.py", "--chek"])
    with pytest.raises(SystemExit) as end:
        architecture.main()
    assert end.value.code == 2
    assert capsys.readouterr().err == "architecture.py: --chek: is not known; allowed is --check\n"
