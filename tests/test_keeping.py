"""Answer keys: the same records as in full, given up wherever anything but a right number came, and kept with care."""

import os
import pickle
import stat
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from verify.grading.assignment import Assignment
from verify.grading.record import GradeRecord, decode
from verify.isolation import Sandbox, choose
from verify.lessons.network import keeping, key_place
from verify.lessons.network.grade import Examination, examination, grade_submission
from verify.lessons.network.judging.answer_key import Key
from verify.lessons.network.judging.laid_out import key_of
from verify.lessons.network.key_place import VARIABLE, has_key
from verify.lessons.network.keyed import Keyed
from verify.submissions.submission import Submission

SMALL = Assignment(activations=("relu", "tanh"), layers=(1, 2), widths=(1, 3), inputs=(1, 3), outputs=(2, 3))
RIGHT = (Path(__file__).parents[1] / "verify" / "benchmarks" / "submission.py").read_text()
HIDDEN = Sandbox("process", shuts_files=True)
ALL_LINES = RIGHT.replace(
    "return dW, db", "return dW, db, {'y': softmax(a[-1]), **{f'a{l}': v for l, v in enumerate(a, 1)}}"
)


@pytest.fixture(scope="module")
def whole() -> Examination:
    return examination(SMALL, 3)


@pytest.fixture(scope="module")
def key(whole: Examination) -> Key:
    """As it comes back from its file."""
    return keeping.decoded(keeping.encoded(key_of(whole.fixture, whole.judge, whole.calls)))


@pytest.fixture(scope="module")
def default() -> Key:
    whole = examination(Assignment(), 0)
    return keeping.decoded(keeping.encoded(key_of(whole.fixture, whole.judge, whole.calls)))


class WholeAsked(Exception):
    """The whole examination was asked for."""


def never() -> Examination:
    raise WholeAsked


def without_times(record: GradeRecord) -> GradeRecord:
    return msgspec.structs.replace(record, timings={})


def handed(source: str) -> Submission:
    return Submission("s.py", source, "s.py")


@pytest.mark.parametrize("source", [RIGHT, ALL_LINES], ids=["gradients", "lines"])
def test_what_is_right_needs_the_key_alone(source: str, whole: Examination, key: Key) -> None:
    sandbox = choose("process")
    full = grade_submission(handed(source), whole, sandbox)
    by_key = Keyed(SMALL, 3, key, never).grade(handed(source), sandbox)
    assert full.state == "correct"
    assert without_times(by_key) == without_times(full)


@pytest.mark.parametrize("source", [RIGHT, ALL_LINES], ids=["gradients", "lines"])
def test_so_does_what_is_right_in_the_default_assignment(source: str, default: Key) -> None:
    assert any(column.undecided for column in default.columns.values())
    assert Keyed(Assignment(), 0, default, never).grade(handed(source), choose("process")).state == "correct"


def test_where_own_lines_may_decide_the_key_gives_up(default: Key) -> None:
    """The budget from the inputs alone bears 1 % in f′ where σ is all but 1; the lines that came may not."""
    source = ALL_LINES.replace("z * (1 - z)", "z * (1 - z) * np.where(z > 1 - 1e-12, 1.01, 1)")
    assert source != ALL_LINES
    with pytest.raises(WholeAsked):
        Keyed(Assignment(), 0, default, never).grade(handed(source), choose("process"))


@pytest.mark.parametrize(
    ("what", "other"),
    [
        ("delta = softmax(a[-1]) - t", "delta = (softmax(a[-1]) - t) * (1 + 1e-9)"),
        ("return (a > 0).astype(float)", "return (a >= 0) * 1.5"),
        ("z, a = [x], []", "x *= 1.0000001\n    z, a = [x], []"),
        ("z, a = [x], []", "z, a = [x.astype(np.float32)], []"),
        ("return dW, db", "return dW, db[:-1]"),
        ("return dW, db", "return dW, db, {'a1': a[0] + 1}"),
        ("return dW, db", "return dW, [v[None] for v in db]"),
        ("return dW, db", "return dW, [v.astype(np.longdouble).astype(np.float32) if not v.any() else v for v in db]"),
        ("return dW, db", "return dW, db, {'y': str(a)}"),
        ("e = np.exp(a - a.max(axis=1, keepdims=True))", "e = np.exp(a)"),
        ("z, a = [x], []", "assert len(x) > 1\n    z, a = [x], []"),
        ("def gradients(", "def gradient("),
        ("z, a = [x], []", "np.full(2, np.nan)[0]; raise SystemExit"),
    ],
)
def test_anything_else_is_graded_in_full(what: str, other: str, key: Key) -> None:
    source = RIGHT.replace(what, other)
    assert source != RIGHT
    with pytest.raises(WholeAsked):
        Keyed(SMALL, 3, key, never).grade(handed(source), choose("process"))


def test_only_assignments_of_gradients_have_keys() -> None:
    assert has_key(SMALL)
    assert not has_key(replaced(functions=("loss",)))
    assert not has_key(replaced(forward_only="wrong"))


def replaced(**changes: object) -> Assignment:
    return msgspec.structs.replace(SMALL, **changes)


# On disk -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "kept"))
    return tmp_path / "kept" / "keys"


@pytest.fixture
def taken(folder: Path, whole: Examination, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Asks for the key of the small examination; how often it has been worked out."""
    made = []
    monkeypatch.setattr("verify.lessons.network.grade.examination", lambda *_: made.append(1) or whole)

    def ask() -> int:
        keeping.keyed(SMALL, 3, HIDDEN, lambda: None)
        return len(made)

    return ask


def test_a_key_is_made_once_and_is_its_owners_alone(folder: Path, taken: Callable[[], int]) -> None:
    assert [taken(), taken()] == [1, 1]
    (path,) = folder.iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("damage", [lambda data: data[:100], lambda data: data[:-1] + b"x", lambda data: b""])
def test_a_damaged_key_is_made_again_with_one_line(
    damage: Callable[[bytes], bytes], folder: Path, taken: Callable[[], int], capsys: pytest.CaptureFixture[str]
) -> None:
    taken()
    (path,) = folder.iterdir()
    data = path.read_bytes()
    path.write_bytes(damage(data))
    assert taken() == 2
    assert capsys.readouterr().err == f"{path}: this kept answer key is damaged; it is made again\n"
    assert [path.read_bytes(), taken()] == [data, 2]


def test_the_key_of_another_assignment_in_its_place_is_not_believed(
    folder: Path, taken: Callable[[], int], capsys: pytest.CaptureFixture[str]
) -> None:
    taken()
    (path,) = folder.iterdir()
    other = key_place.place(replaced(batch=(1, 2)), 3, HIDDEN)
    assert other is not None
    other.write_bytes(path.read_bytes())
    assert keeping._taken(other) is None
    assert capsys.readouterr().err == f"{other}: this kept answer key is damaged; it is made again\n"


class _Touches:
    """What, unpickled, makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


def _short(key: Key) -> bytes:
    """A key in which an array has fewer numbers than its shape says."""
    values = msgspec.msgpack.decode(keeping.encoded(key))
    values["columns"]["dW1"]["truth"][1] = values["columns"]["dW1"]["truth"][1][8:]
    return msgspec.msgpack.encode(values)


def test_what_is_no_key_is_not_believed_whatever_its_digest(
    folder: Path, key: Key, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = key_place.place(SMALL, 3, HIDDEN)
    assert path is not None
    for content in (b"", msgspec.msgpack.encode({}), pickle.dumps(_Touches(tmp_path / "touched")), _short(key)):
        path.write_bytes(keeping._digest(path, content) + content)
        assert keeping._taken(path) is None
        assert "is damaged" in capsys.readouterr().err
    path.write_bytes(keeping._digest(path, keeping.encoded(key)) + keeping.encoded(key))
    assert keeping._taken(path) is not None
    assert not (tmp_path / "touched").exists()


def test_no_key_is_believed_after_a_change(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = key_place.place(SMALL, 3, HIDDEN)
    others = [key_place.place(SMALL, 4, HIDDEN), key_place.place(replaced(batch=(1, 2)), 3, HIDDEN)]
    monkeypatch.setattr(key_place, "version", lambda: "another version")
    others.append(key_place.place(SMALL, 3, HIDDEN))
    monkeypatch.setattr(key_place, "_machine", lambda: "another machine")
    others.append(key_place.place(SMALL, 3, HIDDEN))
    assert len({first, *others}) == 5


def test_what_the_environment_says_of_arithmetic_is_part_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = key_place._machine.__wrapped__()
    monkeypatch.setenv("MKL_CBWR", "COMPATIBLE")
    assert key_place._machine.__wrapped__() != plain


def test_where_no_folder_can_be_made_nothing_is_kept_and_nothing_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: Examination, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(VARIABLE, str(tmp_path / "file" / "cache"))
    monkeypatch.setattr("verify.lessons.network.grade.examination", lambda *_: whole)
    exam = keeping.keyed(SMALL, 3, HIDDEN, lambda: None)
    assert exam.grade(handed(RIGHT), choose("process")).state == "correct"
    assert capfd.readouterr() == ("", "")


def test_nothing_is_kept_where_a_submission_could_reach_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert key_place.place(SMALL, 3, replace(HIDDEN, shuts_files=False)) is None
    monkeypatch.setenv(VARIABLE, str(Path(os.__file__).parent / "keys"))
    assert not HIDDEN.hides(Path(os.__file__).parent / "keys")


def test_an_empty_variable_keeps_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "")
    assert key_place.place(SMALL, 3, HIDDEN) is None
    assert not key_place.is_kept(SMALL, 3)


def test_a_folder_that_others_may_read_is_closed_to_them(folder: Path) -> None:
    folder.mkdir(mode=0o755, parents=True)
    folder.chmod(0o755)
    assert key_place.place(SMALL, 3, HIDDEN) is not None
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_link_in_the_place_of_the_folder_is_not_followed(folder: Path, tmp_path: Path) -> None:
    folder.parent.mkdir()
    folder.symlink_to(tmp_path)
    assert key_place.place(SMALL, 3, HIDDEN) is None


def test_the_keys_that_were_not_asked_for_longest_give_way(
    folder: Path, taken: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.mkdir(parents=True)
    for age in (3, 2, 1):
        path = folder / f"{age}.key"
        path.write_bytes(bytes(100_000))
        os.utime(path, (age, age))
    monkeypatch.setattr(keeping, "_MOST_BYTES", 250_000)
    taken()
    assert {path.name for path in folder.iterdir()} >= {"3.key"}
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 250_000


def test_what_grades_by_a_key_imports_no_torch() -> None:
    code = (
        "import sys, verify.lessons.network.keeping, verify.reports.graded_terminal, verify.commands.one_submission\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"{code}assert 'torch' not in sys.modules"],
        capture_output=True, text=True, check=False, cwd=Path(__file__).parents[1],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


_ASSIGNMENT = 'activations = ["relu"]\nlayers = [1, 2]\nwidths = [1, 3]\ninputs = [1, 3]\noutputs = [2, 3]\n'
_COMPARE = """
import runpy, sys
sys.argv = ["compare.py", *sys.argv[1:]]
try:
    runpy.run_path("scripts/compare.py", run_name="__main__")
except SystemExit as end:
    print("ended", end.code, "torch" in sys.modules)
"""


def test_a_right_submission_is_graded_again_without_torch(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "a.toml").write_text(_ASSIGNMENT)
    (tmp_path / "right.py").write_text(RIGHT)
    words = [str(tmp_path / "right.py"), "--assignment", str(tmp_path / "a.toml"), "--seed", "3", "--json"]
    said = []
    for name in ("first.json", "second.json"):
        done = subprocess.run(
            [sys.executable, "-c", _COMPARE, *words, str(tmp_path / name)],
            capture_output=True, text=True, check=False, cwd=Path(__file__).parents[1],
        )  # fmt: skip
        said.append((done.stdout.splitlines()[-1], done.stderr))
    assert said == [("ended 0 True", ""), ("ended 0 False", "")]
    first, second = (decode((tmp_path / name).read_bytes()) for name in ("first.json", "second.json"))
    assert without_times(first) == without_times(second)
    assert first.state == "correct"
