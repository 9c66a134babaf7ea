"""The benchmark beside another checkout: the same commands in turn, everything that they start counted."""

from pathlib import Path

import pytest

from verify.benchmarks import against
from verify.benchmarks.tables import Settings
from verify.errors import BadInput

# What it starts and leaves behind works for 0.1 s of processor time.
_LEAVES = (
    "import subprocess, sys\n"
    "busy = 'import time\\nwhile time.process_time() < 0.15: pass'\n"
    "subprocess.Popen([sys.executable, '-c', busy], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\n"
)


def checkout(path: Path, program: str) -> Path:
    (path / "scripts").mkdir(parents=True)
    (path / "verify").mkdir()
    for name in ("grade", "compare"):
        (path / "scripts" / f"{name}.py").write_text(program)
    return path


def test_a_folder_that_is_no_checkout_is_refused_with_what_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is no checkout of backproof .it has no scripts/grade.py."):
        against.check(tmp_path)
    against.check(checkout(tmp_path / "other", ""))


def test_processor_time_is_of_all_that_a_command_starts_also_of_what_it_leaves(tmp_path: Path) -> None:
    command = against._Command("the main job", ("scripts/compare.py",))
    took = against._took(command, checkout(tmp_path / "other", _LEAVES), tmp_path)
    assert took.processor >= 0.1
    assert took.seconds > 0


def test_a_command_that_fails_is_told(tmp_path: Path) -> None:
    command = against._Command("the main job", ("scripts/compare.py",))
    with pytest.raises(RuntimeError, match="the main job in .*: .*nothing here"):
        against._took(command, checkout(tmp_path / "other", "raise SystemExit('nothing here')"), tmp_path)


def test_ratios_are_of_pairs_with_their_spread() -> None:
    pairs = [(against.Took(2.0, 4.0), against.Took(1.0, 1.0)), (against.Took(3.0, 4.0), against.Took(1.0, 2.0))]
    assert [*against._cells(pairs)] == ["2.50", "1.00", "2.5 (2.0 to 3.0)", "4.00", "1.50", "3.0 (2.0 to 4.0)"]


def test_both_are_run_alike_and_take_turns_at_being_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = []
    took = against.Took(1.0, 1.0)
    monkeypatch.setattr(against, "_took", lambda command, place, folder: ran.append(place) or took)
    command = against._Command("the main job", ("scripts/compare.py",))
    assert len([*against._pairs(command, tmp_path, tmp_path, 2, Settings())]) == 2
    assert [place == tmp_path for place in ran] == [False, True, True, False]


def test_the_first_pair_is_told_and_not_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([9.0, 9.0, *[2.0] * 20])
    took = lambda *_: against.Took(1.0, next(times))
    monkeypatch.setattr(against, "_took", took)
    monkeypatch.setattr(against, "_commands", lambda *_: [against._Command("the main job", ("scripts/compare.py",))])
    table = against.against_table(Settings(quick=True), tmp_path)
    assert table.rows[0][4:] == ("2.00", "2.00", "1.0 (1.0 to 1.0)")
    assert table.notes[-1].endswith("the main job 9.00 and 9.00.")


def test_both_keep_bytecode_and_answer_keys_for_themselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    found = against._environment(tmp_path / "other", tmp_path)
    assert "PYTHONDONTWRITEBYTECODE" not in found
    assert found["BACKPROOF_CACHE"] == str(tmp_path / "kept")
