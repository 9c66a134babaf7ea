"""The gradebook's folder: written whole or not at all, nothing graded lost, put right where something else wrote."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from verify.classroom.gradebook import HISTORY, Gradebook, row_of, same_but_for_timings, stems, write_whole
from verify.errors import BadInput, Unwritten
from verify.grading.assignment import Assignment
from verify.grading.record import encode, without_run
from verify.grading.sentence import said


def record(name: str = "alice.py", score: float = 4.0, seconds: float = 1.0) -> bytes:
    graded = without_run(name, "wrong", said("unreadable", what="something is wrong"), Assignment(), 0)
    graded.score, graded.timings = score, {"seconds": seconds}
    return encode(graded)


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def test_a_record_and_its_page_are_found_again(tmp_path: Path) -> None:
    with Gradebook(tmp_path / "new" / "out") as book:
        row = book.write("alice.py", record(), b"# alice")
        assert (row.submission, row.state, row.score) == ("alice.py", "wrong", 4.0)
    with Gradebook(tmp_path / "new" / "out") as book:
        assert book.rows == {"alice.py": row}
        assert book.complete("alice.py")
    assert content(tmp_path / "new" / "out") == {"alice.py.json": record(), "alice.py.md": b"# alice"}


@pytest.mark.parametrize("name", ["alice.py.json", "alice.py.md"])
def test_a_record_without_its_page_is_not_complete(tmp_path: Path, name: str) -> None:
    with Gradebook(tmp_path) as book:
        book.write("alice.py", record(), b"# alice")
    (tmp_path / name).unlink()
    with Gradebook(tmp_path) as book:
        assert not book.complete("alice.py")


def test_only_what_is_a_record_is_taken_for_one(tmp_path: Path) -> None:
    others = {
        "class.json": record("class"),
        "half.json": record()[:-20],
        "other.json": b'{"schema": "backproof.compare/1", "submission": "x", "state": "correct"}',
        "deep.json": b"[" * 100_000,
        "empty.json": b"",
        "bytes.json": b"\xff\xfe",
    }
    for name, data in others.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "link.json").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe.json")
    with Gradebook(tmp_path) as book:
        assert book.rows == {}


def test_nothing_is_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_whole(tmp_path / "file", b"old")

    def full(descriptor: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("verify.classroom.gradebook.os.fsync", full)
    with pytest.raises(Unwritten, match="no space"):
        write_whole(tmp_path / "file", b"new")
    assert content(tmp_path) == {"file": b"old"}


def test_what_a_killed_run_left_half_written_is_removed(tmp_path: Path) -> None:
    (tmp_path / HISTORY).mkdir()
    for folder in (tmp_path, tmp_path / HISTORY):
        (folder / ".backproof-1234.tmp").write_bytes(record()[:50])
    with Gradebook(tmp_path):
        assert content(tmp_path) == {}


def test_one_run_at_a_time(tmp_path: Path) -> None:
    with Gradebook(tmp_path), pytest.raises(BadInput, match="another run"), Gradebook(tmp_path):
        pass
    with Gradebook(tmp_path):
        pass


# Nothing is lost -----------------------------------------------------------------------------------------------------


def test_a_record_that_gives_way_is_kept(tmp_path: Path) -> None:
    with Gradebook(tmp_path) as book:
        book.write("alice.py", record(score=4.0), b"4")
    with Gradebook(tmp_path) as book:
        book.write("alice.py", record(score=7.0), b"7")
        assert book.rows["alice.py"].score == 7.0
    kept = [*(tmp_path / HISTORY).iterdir()]
    assert [path.read_bytes() for path in kept] == [record(score=4.0)]
    assert kept[0].name.startswith("alice.py.2")


def test_the_same_record_with_other_timings_is_not_kept_twice(tmp_path: Path) -> None:
    assert same_but_for_timings(record(seconds=1.0), record(seconds=2.5))
    assert not same_but_for_timings(record(score=1.0), record(score=2.0))
    with Gradebook(tmp_path) as book:
        book.write("alice.py", record(seconds=1.0), b"4")
        book.write("alice.py", record(seconds=2.0), b"4")
    assert not (tmp_path / HISTORY).exists()


def test_to_be_killed_between_history_and_record_keeps_one_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Gradebook(tmp_path) as book:
        book.write("alice.py", record(score=4.0), b"4")
    with Gradebook(tmp_path) as book:
        with monkeypatch.context() as killed:
            killed.setattr(book, "_put", _interrupted)
            with pytest.raises(KeyboardInterrupt):
                book.write("alice.py", record(score=7.0), b"7")
        assert content(tmp_path)["alice.py.json"] == record(score=4.0)
        book.write("alice.py", record(score=7.0), b"7")
    assert [path.read_bytes() for path in (tmp_path / HISTORY).iterdir()] == [record(score=4.0)]


def _interrupted(name: str, data: bytes) -> None:
    raise KeyboardInterrupt


def test_a_file_that_is_no_record_is_kept_too(tmp_path: Path) -> None:
    (tmp_path / "alice.py.json").write_bytes(b"my notes on Alice")
    with Gradebook(tmp_path) as book:
        book.write("alice.py", record(), b"")
    assert [path.read_bytes() for path in (tmp_path / HISTORY).iterdir()] == [b"my notes on Alice"]


# Behind our back -----------------------------------------------------------------------------------------------------


def _forge(folder: Path) -> None:
    (folder / "alice.py.json").write_bytes(record(score=10.0))


def _delete(folder: Path) -> None:
    (folder / "alice.py.json").unlink()


def _folder(folder: Path) -> None:
    _delete(folder)
    (folder / "alice.py.json").mkdir()
    (folder / "alice.py.json" / "more").write_bytes(b"")


def _link(folder: Path) -> None:
    (folder / "elsewhere").write_bytes(record())
    _delete(folder)
    (folder / "alice.py.json").symlink_to(folder / "elsewhere")


def _append(folder: Path) -> None:
    with (folder / "alice.py.json").open("ab") as stream:
        stream.write(b" ")


@pytest.mark.parametrize("change", [_forge, _delete, _folder, _link, _append])
@pytest.mark.parametrize("found", [True, False], ids=["found", "written"])
def test_a_record_that_something_else_changed_is_put_right(tmp_path: Path, change, found: bool) -> None:
    with Gradebook(tmp_path) as book:
        book.write("alice.py", record(score=4.0), b"4")
        book.write("bob.py", record("bob.py", 3.0), b"3")
        if not found:
            change(tmp_path)
            assert book.restore() == ["alice.py.json"]
    if found:
        with Gradebook(tmp_path) as book:
            change(tmp_path)
            assert not book.complete("alice.py")
            assert book.restore() == ["alice.py.json"]
    assert (tmp_path / "alice.py.json").read_bytes() == record(score=4.0)
    assert not (tmp_path / "alice.py.json").is_symlink()
    with Gradebook(tmp_path) as book:
        assert book.restore() == []


def test_a_record_that_nobody_wrote_is_put_away(tmp_path: Path) -> None:
    with Gradebook(tmp_path) as book:
        book.write("alice.py", record(), b"4")
        (tmp_path / "zoe.py.json").write_bytes(record("zoe.py", 10.0))
        (tmp_path / "notes.json").write_bytes(b"{}")
        assert book.restore() == ["zoe.py.json"]
    assert not (tmp_path / "zoe.py.json").exists()
    assert (tmp_path / "notes.json").exists()
    with Gradebook(tmp_path) as book:
        assert [*book.rows] == ["alice.py"]


# Names ---------------------------------------------------------------------------------------------------------------


def test_the_names_of_files_are_the_submissions_own() -> None:
    assert stems(["alice.py", "王芳.py", "shadow"]) == {
        "alice.py": "alice.py",
        "王芳.py": "王芳.py",
        "shadow": "shadow",
    }


@pytest.mark.parametrize("names", [["class"], ["class", "class_"], ["Class", "class_", "CLASS__"], ["CLASS"]])
def test_no_record_is_called_as_the_summary_is(names: list[str]) -> None:
    found = stems(names)
    assert [*found] == names
    folded = [stem.casefold() for stem in found.values()]
    assert "class" not in folded
    assert len({*folded}) == len(names)


def test_a_row_needs_its_schema() -> None:
    assert row_of(record()) is not None
    assert row_of(record().replace(b"grade/1", b"grade/9")) is None


def test_a_pipe_is_written_to_and_stays_one(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_whole(pipe, b"table")
    assert os.read(reader, 100) == b"table"
    os.close(reader)
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]
