"""pytest --grade: outcomes and messages of the items, JUnit XML, xdist, and what lies beside the submissions."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

# Imported here, they stay: what an inner run imports first, pytester takes out again, and the next one loads it anew.
import verify.lessons.network.grade
import verify.reports.graded_terminal  # noqa: F401
from tests.test_compare_submission import RIGHT, SMALL, WRONG
from verify.classroom.sitting import failed

pytest_plugins = ["pytester"]

# What a submission would do in the grader's process, were it ever imported there.
TAKES_OVER = "import pathlib\npathlib.Path({marker!r}).write_text('was here')\n"


@pytest.fixture
def room(pytester: pytest.Pytester) -> pytest.Pytester:
    """A folder `handed` with a right and a wrong submission and one that cannot be read; an assignment beside it."""
    pytester.makefile(".toml", small=SMALL)
    handed = pytester.mkdir("handed")
    (handed / "alice.py").write_text(RIGHT)
    (handed / "bob.py").write_text(WRONG)
    (handed / "carol.py").write_text("def gradients(:\n")
    return pytester


def grade(room: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    room.plugins = ["no:hypothesispytest", "no:jaxtyping"]
    return room.runpytest_inprocess("--grade=handed", "--assignment=small.toml", "-p", "no:cacheprovider", *arguments)


def outcomes(result: pytest.RunResult) -> dict[str, str]:
    """Item -> outcome, from -v."""
    lines = (re.match(r"(\S+::\S+) (PASSED|FAILED|SKIPPED|XFAIL|ERROR)", line) for line in result.outlines)
    return {match[1]: match[2] for match in lines if match}


# Items ---------------------------------------------------------------------------------------------------------------


def test_items_of_a_class_and_their_outcomes(room, tmp_path):
    result = grade(room, "-v", f"--junitxml={tmp_path / 'junit.xml'}")
    found = outcomes(result)
    assert {name for name, outcome in found.items() if outcome == "FAILED"} == {
        "bob.py::state", "bob.py::gradients::delta2", "bob.py::gradients::delta1", "carol.py::state",
    }  # fmt: skip
    assert {n for n, outcome in found.items() if outcome == "XFAIL"} == {
        f"bob.py::gradients::d{k}{l}" for k in "Wb" for l in (1, 2)
    }
    right = {n for n, outcome in found.items() if n.startswith("alice.py") and outcome == "PASSED"}
    assert right == {
        "alice.py::state",
        *(f"alice.py::gradients::{k}{l}" for k in ("delta", "dW", "db") for l in (1, 2, 3)),
    }
    assert {outcome for n, outcome in found.items() if n.startswith("carol.py::gradients")} == {"SKIPPED"}
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    _check_messages(result.stdout.str())
    _check_junit(tmp_path / "junit.xml", found)


def _check_messages(text: str) -> None:
    """Diagnosis and smallest case, and no traceback."""
    assert "δ(l) lacks the factor f′(a(l)).  (derivative-missing)" in text
    assert "▶ δ(1) = δ(2) W(2)ᵀ ⊙ f′(a(1))" in text
    assert "carol.py: ungradable, 0 of 10 points" in text
    assert "line 1: SyntaxError" in text
    assert "Traceback" not in text
    assert "pytest_plugin.py" not in text
    assert ">  " not in text


def _check_junit(path: Path, found: dict[str, str]) -> None:
    suite = ElementTree.parse(path).getroot()[0]
    counts = Counter(found.values())
    assert int(suite.attrib["failures"]) == counts["FAILED"]
    assert int(suite.attrib["skipped"]) == counts["SKIPPED"] + counts["XFAIL"]
    assert suite.attrib["errors"] == "0"
    cases = {(case.attrib["classname"], case.attrib["name"]): case for case in suite.iter("testcase")}
    bob = cases["bob", "state"]
    failure = bob.find("failure")
    assert failure is not None
    assert "derivative-missing" in (failure.text or "")
    assert "bob.py: wrong, " in (failure.text or "")
    assert [*suite.iter("property")] == [], "pytest's own schema, xunit2, has none inside a test case"
    assert ("bob.gradients", "dW1") in cases


def test_each_submission_is_graded_once(room, monkeypatch):
    from verify.classroom import sitting

    graded: list[str] = []
    grades = sitting.record_of
    monkeypatch.setattr(sitting, "record_of", lambda work: (graded.append(work.entry.name), grades(work))[1])
    grade(room)
    assert graded == ["alice.py", "bob.py", "carol.py"]
    graded.clear()
    grade(room, "-k", "carol and state")
    assert graded == ["carol.py"]


def test_our_own_failure_is_an_error_and_no_failure(room, monkeypatch):
    from verify.classroom import sitting

    monkeypatch.setattr(sitting, "record_of", lambda work: failed(work.entry.name, "no more processes", work.sitting))
    result = grade(room)
    result.assert_outcomes(errors=3, skipped=3 * 16)
    assert "no more processes" in result.stdout.str()
    assert "Traceback" not in result.stdout.str()


def test_with_xdist_a_submission_stays_on_one_worker(room):
    options = ["--grade=handed", "--assignment=small.toml", "-p", "no:cacheprovider", "-n", "2", "-v", "--seed=4"]
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", *options], cwd=room.path, capture_output=True, text=True, check=False
    )
    found = re.findall(r"\[(gw\d)\] \[ *\d+%\] (\w+) (\w+\.py)::(\S+)", ended.stdout)
    assert Counter(outcome for _, outcome, _, _ in found) == Counter(outcomes(grade(room, "-v")).values())
    for name in ("alice.py", "bob.py", "carol.py"):
        assert len({worker for worker, _, file, _ in found if file == name}) == 1


# What lies beside them -----------------------------------------------------------------------------------------------


def test_nothing_of_the_folder_is_imported_or_collected(room):
    marker = str(room.path / "marker")
    for name in ("conftest.py", "__init__.py", "test_handed.py", "numpy.py", "sitecustomize.py"):
        (room.path / "handed" / name).write_text(TAKES_OVER.format(marker=marker) + "def test_passes(): pass\n")
    result = grade(room, "--collect-only", "-q")
    assert not Path(marker).exists()
    assert all(re.match(r"[\w.]+\.py::(state|gradients::\w+)$", line) for line in result.outlines if "::" in line)
    assert "conftest.py::state" in result.outlines
    result = grade(room, "-v", "-k", "conftest and state")
    assert outcomes(result) == {"conftest.py::state": "FAILED"}
    assert not Path(marker).exists()


@pytest.mark.parametrize("name", ["pytest.ini", "pyproject.toml"])
def test_a_configuration_among_them_is_refused_unless_it_is_named(room, name):
    file = room.path / "handed" / name
    file.write_text("[tool.pytest.ini_options]\n" if name.endswith("toml") else "[pytest]\naddopts = --collect-only\n")
    options = ["--grade", "handed", "--assignment=small.toml", "-p", "no:cacheprovider"]
    refused = room.runpytest_inprocess(*options)
    assert refused.ret == pytest.ExitCode.USAGE_ERROR
    assert f"{name} lies with the submissions" in refused.stderr.str()
    assert grade(room, "--collect-only").ret == pytest.ExitCode.OK
    assert room.runpytest_inprocess(*options, "-c", str(file), "--collect-only").ret == pytest.ExitCode.OK


def test_the_current_folder_of_submissions_is_no_place_to_import_from(room):
    for name in ("numpy.py", "conftest.py"):
        (room.path / "handed" / name).write_text(TAKES_OVER.format(marker=f"{name}.ran"))
    options = ["--grade=.", "--assignment=../small.toml", "-p", "no:cacheprovider", "-k", "carol and state"]
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:jaxtyping", "-p", "no:hypothesispytest", *options],
        cwd=room.path / "handed", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "carol.py: ungradable" in ended.stdout, ended.stdout + ended.stderr
    assert not list((room.path / "handed").glob("*.ran"))


# Bad commands, and none ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--assignment=missing.toml"], "missing.toml"),
        (["--grade-sandbox=docker"], "docker"),
        (["--device=tpu"], "tpu"),
        (["--seed=-1"], "-1"),
        (["--grade=nobody.py"], "nobody.py"),
        (["handed"], "handed"),
    ],
    ids=str,
)
def test_a_bad_command_is_a_usage_error(arguments, named, room):
    result = grade(room, *arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    errors = [line for line in result.errlines if line.strip()]
    assert len(errors) == 1, errors
    assert named in errors[0]


def test_without_grade_nothing_is_loaded_and_options_stay_free(pytester: pytest.Pytester):
    pytester.makeconftest(
        "def pytest_addoption(parser):\n    parser.addoption('--seed')\n    parser.addoption('--device')\n"
    )
    pytester.makepyfile(
        "import sys\n"
        "def test_nothing_is_loaded(pytestconfig):\n"
        "    assert pytestconfig.pluginmanager.hasplugin('verify.pytest_plugin')\n"
        "    ours = [m for m in sys.modules if m.startswith('verify.') and m != 'verify.pytest_plugin']\n"
        "    assert not ours and not {'numpy', 'torch', 'rich', 'msgspec'} & set(sys.modules)\n"
    )
    command: list[Any] = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "verify.pytest_plugin",
        "--seed=1",
        "-p",
        "no:cacheprovider",
    ]
    environment = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(Path(__file__).parent.parent)}
    ended = subprocess.run(command, cwd=pytester.path, env=environment, capture_output=True, text=True, check=False)
    assert "1 passed" in ended.stdout, ended.stdout + ended.stderr


def test_an_undecided_submission_is_skipped_with_the_reason(room, monkeypatch):
    from msgspec.structs import replace

    from verify.classroom import sitting

    grades = sitting.record_of

    def open_(work):
        record = grades(work)
        lines = [replace(line, state="undecided", reason="of this line nothing can be told") for line in record.lines]
        return replace(record, state="undecided", lines=lines, message="left open")

    monkeypatch.setattr(sitting, "record_of", open_)
    result = grade(room, "-v", "-rs", "-k", "alice")
    assert set(outcomes(result).values()) == {"SKIPPED"}
    assert "left open" in result.stdout.str()
    assert "of this line nothing can be told" in result.stdout.str()
