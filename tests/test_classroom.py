"""A class: every submission graded on its own, once; our own failures told apart; a killed run gone on with."""

from __future__ import annotations

import csv
import json
import os
import re
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import pytest

import verify.classroom.classroom
import verify.classroom.sitting
import verify.lessons.network.ran
from tests.classes import CLASS, HERE, NO_MEAN, RIGHT, grade_class, records, write_class
from verify import isolation
from verify.classroom.classroom import Classroom, Graders
from verify.classroom.gradebook import HISTORY, Gradebook, same_but_for_timings
from verify.classroom.sitting import Sitting
from verify.errors import BadInput
from verify.grading.assignment import Assignment, Points
from verify.isolation import choose
from verify.submissions.confined import find_submissions

STATES = {
    "alice.py": "correct", "bob.py": "wrong", "carol.py": "wrong", "dora.py": "ungradable", "emil.py": "error",
    "fay.py": "wrong",
}  # fmt: skip
FEW = {name: CLASS[name] for name in ("alice.py", "bob.py", "dora.py")}


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A class that was graded; not to be written to."""
    folder = tmp_path_factory.mktemp("graded")
    grade_class(write_class(folder / "class"), folder / "out")
    return folder / "out"


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the submissions that are run from here on."""
    names: list[str] = []
    run = verify.lessons.network.ran.run

    def count(submission, *rest, **more):
        names.append(submission.name)
        return run(submission, *rest, **more)

    monkeypatch.setattr(verify.lessons.network.ran, "run", count)
    return names


def states(out: Path) -> dict[str, str]:
    return {
        path.name.removesuffix(".json"): json.loads(path.read_bytes())["state"]
        for path in out.glob("*.json")
        if path.name != "class.json"
    }


def differing(graded: Path, out: Path, sandbox: str = '"sandbox": "process"') -> list[str]:
    """The records of FEW that say something else than those of the class that nothing happened to."""
    pairs = {f"{name}.json": [(folder / f"{name}.json").read_bytes() for folder in (graded, out)] for name in FEW}
    return [
        name
        for name, (theirs, mine) in pairs.items()
        if not same_but_for_timings(theirs, mine.replace(sandbox.encode(), b'"sandbox": "process"'))
    ]


# What it writes ------------------------------------------------------------------------------------------------------


def test_every_submission_has_a_record_a_page_and_a_row(graded: Path) -> None:
    assert states(graded) == STATES
    assert {path.name for path in graded.glob("*.md")} == {f"{name}.md" for name in CLASS}
    rows = [*csv.DictReader((graded / "gradebook.csv").read_text(encoding="utf-8").splitlines())]
    assert {row["submission"]: row["state"] for row in rows} == STATES
    assert {row["submission"]: row["score"] for row in rows}["alice.py"] == "10"


def test_the_summary_groups_the_same_diagnosis(graded: Path) -> None:
    summary = json.loads((graded / "class.json").read_bytes())
    assert summary["states"] == {"wrong": 3, "correct": 1, "error": 1, "ungradable": 1}
    together = [group["submissions"] for group in summary["groups"]]
    assert ["bob.py", "fay.py"] in together
    assert summary["sandbox"] == "process"
    assert summary["scores"]["count"] == 6


def test_the_page_says_what_the_record_says(graded: Path) -> None:
    page = (graded / "bob.py.md").read_text()
    assert "bob.py" in page
    assert "wrong" in page


def test_no_page_shows_the_expected_code(graded: Path) -> None:
    shown = " ".join((graded / f"{name}.md").read_text() for name in CLASS)
    assert "delta @ W[l].T * slope" not in shown


def test_two_runs_with_one_seed_give_the_same_bytes(graded: Path, tmp_path: Path) -> None:
    grade_class(write_class(tmp_path / "class"), tmp_path / "out")
    assert records(tmp_path / "out") == records(graded)


def test_another_seed_gives_other_problems(graded: Path, tmp_path: Path) -> None:
    grade_class(write_class(tmp_path / "class", {"bob.py": NO_MEAN}), tmp_path / "out", seed=5)
    other = json.loads((tmp_path / "out" / "bob.py.json").read_bytes())
    assert (other["seed"], other["state"]) == (5, "wrong")
    assert other["lines"] != json.loads((graded / "bob.py.json").read_bytes())["lines"]


# Names ---------------------------------------------------------------------------------------------------------------

ODD_NAMES = ["王芳.py", "Олена Шевченко.py", "=HYPERLINK(1).py", "<b>bold.py", "-rf.py", "class", "history", "a|b.py"]


def test_names_of_any_kind(tmp_path: Path) -> None:
    files = {name if name.endswith(".py") else f"{name}/submission.py": RIGHT for name in ODD_NAMES}
    stray = {
        "__MACOSX/alice.py": RIGHT,
        ".DS_Store": "",
        "._bob.py": "",
        "carol/__MACOSX/x.py": "",
        "carol/c.py": RIGHT,
    }
    record = grade_class(write_class(tmp_path / "class", files | stray), tmp_path / "out")
    assert record.states == {"correct": 9}
    found = {student.submission for student in record.students}
    assert found == {
        "王芳.py",
        "Олена Шевченко.py",
        "=HYPERLINK(1).py",
        "_b_bold.py",
        "-rf.py",
        "class",
        "history",
        "a_b.py",
        "carol",
    }
    assert json.loads((tmp_path / "out" / "class.json").read_bytes())["schema"] == "backproof.class/1"
    assert json.loads((tmp_path / "out" / "class_.json").read_bytes())["submission"] == "class"
    table = (tmp_path / "out" / "gradebook.csv").read_text(encoding="utf-8")
    assert "\n'=HYPERLINK(1).py," in table
    assert "\n'-rf.py," in table


def test_two_students_of_one_name_stay_apart(tmp_path: Path) -> None:
    for section, source in (("monday", RIGHT), ("tuesday", NO_MEAN)):
        write_class(tmp_path / "class" / section, {"alice.py": source})
    entries = find_submissions([tmp_path / "class" / "monday", tmp_path / "class" / "tuesday"])
    with Gradebook(tmp_path / "out") as gradebook:
        room = Classroom(gradebook, Sitting(Assignment(), 0, "process"), HERE)
        record = room.grade(entries)
    assert [(s.submission, s.state, s.file) for s in record.students] == [
        ("alice (2).py", "wrong", "alice (2).py.json"),
        ("alice.py", "correct", "alice.py.json"),
    ]


# Going on ------------------------------------------------------------------------------------------------------------


class _Killed(Exception):
    pass


def test_a_run_goes_on_where_an_earlier_one_stopped(graded: Path, tmp_path: Path, counted: list[str]) -> None:
    folder = write_class(tmp_path / "class")

    def stop(done: int, total: int, states: dict[str, int]) -> None:
        assert (total, sum(states.values())) == (6, done)
        if done == 3:
            raise _Killed

    with pytest.raises(_Killed):
        grade_class(folder, tmp_path / "out", report=stop)
    written = {path.name for path in (tmp_path / "out").glob("*.py.json")}
    assert len(written) == 3
    counted.clear()
    grade_class(folder, tmp_path / "out")
    assert records(tmp_path / "out") == records(graded)
    assert set(counted) == CLASS.keys() - {name.removesuffix(".json") for name in written} - {"dora.py"}
    assert not (tmp_path / "out" / HISTORY).exists()


def _same(folder: Path, again: dict) -> None:
    pass


def _other_submission(folder: Path, again: dict) -> None:
    (folder / "bob.py").write_text(RIGHT)


def _other_seed(folder: Path, again: dict) -> None:
    again["sitting"] = Sitting(Assignment(), 1, "process")


def _other_assignment(folder: Path, again: dict) -> None:
    again["sitting"] = Sitting(Assignment(points=Points(gradients=20)), 0, "process")


def _other_grader(folder: Path, again: dict) -> None:
    again["version"] = "another"


@pytest.mark.parametrize(
    ("change", "graded_again"),
    [
        (_same, 0),
        (_other_submission, 1),
        (_other_seed, 2),
        (_other_assignment, 2),
        (_other_grader, 2),
    ],
)
def test_a_record_is_used_again_only_while_all_is_the_same(
    tmp_path: Path, counted: list[str], monkeypatch: pytest.MonkeyPatch, change, graded_again: int
) -> None:
    folder = write_class(tmp_path / "class", {"alice.py": RIGHT, "bob.py": NO_MEAN})
    grade_class(folder, tmp_path / "out")
    counted.clear()
    again: dict = {}
    change(folder, again)
    version = again.pop("version", None)
    if version:
        monkeypatch.setattr(verify.classroom.classroom, "version", lambda device: version)
    grade_class(folder, tmp_path / "out", **again)
    assert len(counted) == graded_again
    kept = [*(tmp_path / "out" / HISTORY).iterdir()] if (tmp_path / "out" / HISTORY).exists() else []
    assert len(kept) == graded_again


def test_regrade_shows_old_and_new_side_by_side(tmp_path: Path, counted: list[str]) -> None:
    folder = write_class(tmp_path / "class", {"alice.py": RIGHT, "bob.py": NO_MEAN})
    assert grade_class(folder, tmp_path / "out").regraded == []
    old = json.loads((tmp_path / "out" / "bob.py.json").read_bytes())
    # What a lenient assistant wrote by hand.
    (tmp_path / "out" / "bob.py.json").write_text(json.dumps(old | {"score": 9.0}))
    counted.clear()
    record = grade_class(folder, tmp_path / "out", regrade=True)
    assert sorted(counted) == ["alice.py", "bob.py"]
    said = [(r.submission, r.old_score, r.score) for r in record.regraded]
    assert said == [("bob.py", 9.0, old["score"]), ("alice.py", 10.0, 10.0)]
    assert [json.loads(path.read_bytes())["score"] for path in (tmp_path / "out" / HISTORY).iterdir()] == [9.0]


def test_records_of_earlier_runs_stay_in_the_gradebook(tmp_path: Path) -> None:
    grade_class(write_class(tmp_path / "early", {"alice.py": RIGHT}), tmp_path / "out")
    record = grade_class(write_class(tmp_path / "late", {"bob.py": NO_MEAN}), tmp_path / "out")
    assert record.states == {"correct": 1, "wrong": 1}
    assert record.earlier == ["alice.py"]


# Our own failures ----------------------------------------------------------------------------------------------------


def test_an_exception_of_ours_is_a_grader_error_of_that_one_alone(
    graded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = verify.lessons.network.ran.run

    def planted(submission, *rest, **more):
        if submission.name == "bob.py":
            raise ZeroDivisionError("planted")
        return run(submission, *rest, **more)

    folder = write_class(tmp_path / "class", FEW)
    with monkeypatch.context() as patch:
        patch.setattr(verify.lessons.network.ran, "run", planted)
        record = grade_class(folder, tmp_path / "out")
    assert record.grader_errors == ["bob.py"]
    failed = json.loads((tmp_path / "out" / "bob.py.json").read_bytes())
    assert (failed["state"], failed["score"]) == ("grader-error", None)
    assert "ZeroDivisionError: planted" in failed["message"]
    assert differing(graded, tmp_path / "out") == ["bob.py.json"]
    # It is graded again without being asked for: there is nothing to keep.
    assert grade_class(folder, tmp_path / "out").grader_errors == []
    assert differing(graded, tmp_path / "out") == []


def test_a_page_that_cannot_be_written_is_a_grader_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = verify.classroom.sitting._page

    def planted(record):
        if record.state == "wrong":
            raise KeyError("planted")
        return page(record)

    monkeypatch.setattr(verify.classroom.sitting, "_page", planted)
    record = grade_class(write_class(tmp_path / "class", {"alice.py": RIGHT, "bob.py": NO_MEAN}), tmp_path / "out")
    assert record.states == {"correct": 1, "grader-error": 1}


def _die_on_bob() -> None:
    """Begins a process that dies of bob.py, as one would whose memory the system takes."""
    import torch

    torch.set_num_threads(1)
    run = verify.lessons.network.ran.run

    def planted(submission, *rest, **more):
        if submission.name == "bob.py":
            os._exit(9)
        return run(submission, *rest, **more)

    verify.lessons.network.ran.run = planted


def _dying() -> Executor:
    context = get_context("forkserver")
    context.set_forkserver_preload(["verify.lessons.network.grade"])
    return ProcessPoolExecutor(2, mp_context=context, initializer=_die_on_bob)


def test_a_process_that_dies_costs_no_other_submission_its_grade(graded: Path, tmp_path: Path) -> None:
    record = grade_class(write_class(tmp_path / "class", FEW), tmp_path / "out", graders=Graders(_dying, 4))
    assert record.grader_errors == ["bob.py"]
    assert "ended, twice" in json.loads((tmp_path / "out" / "bob.py.json").read_bytes())["message"]
    assert differing(graded, tmp_path / "out") == ["bob.py.json"]


def test_a_sandbox_that_does_not_work_there_is_bad_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(mode: str):
        raise BadInput(f"--sandbox {mode}: does not work here")

    monkeypatch.setattr(isolation, "choose", none)
    with pytest.raises(BadInput, match="does not work here"):
        grade_class(write_class(tmp_path / "class"), tmp_path / "out")


def _broken() -> Executor:
    return ProcessPoolExecutor(1, mp_context=get_context("forkserver"), initializer=os._exit, initargs=(3,))


def test_processes_that_do_not_even_start_are_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"this machine: the processes that grade do not work there \(BrokenProcessPool"):
        grade_class(write_class(tmp_path / "class"), tmp_path / "out", graders=Graders(_broken, 2))


def test_graders_of_another_version_are_bad_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify.classroom.classroom, "version", lambda device: "another")
    there = replace(HERE, elsewhere="--executor dask://host:1")
    with pytest.raises(BadInput, match="--executor dask://host:1: has another version"):
        grade_class(write_class(tmp_path / "class"), tmp_path / "out", graders=there)


# Neighbours ----------------------------------------------------------------------------------------------------------


def test_a_record_changed_behind_our_back_is_put_right_and_told(graded: Path, tmp_path: Path) -> None:
    def forge(done: int, total: int, states: dict[str, int]) -> None:
        for path in (tmp_path / "out").glob("bob.py.json"):
            path.write_bytes(re.sub(rb'"score": [0-9.]+', b'"score": 10.0', path.read_bytes()))

    record = grade_class(write_class(tmp_path / "class", FEW), tmp_path / "out", report=forge)
    assert record.restored == ["bob.py.json"]
    assert differing(graded, tmp_path / "out") == []


HOSTILE = Path(__file__).parent / "hostile"
NEIGHBOURS = {
    "exit_on_import.py": "crashed",
    "forged_output.py": "wrong",
    "kill_everyone.py": "wrong",
    "leaves_files.py": "error",
    "writes_to_descriptors.py": "crashed",
    "hostile_message.py": "error",
    "daemon.py": "wrong",
    "signal_sigkill.py": "crashed",
}


@pytest.mark.parametrize("mode", ["process", "namespaces", "bubblewrap"])
def test_hostile_neighbours_change_no_honest_record(graded: Path, tmp_path: Path, mode: str) -> None:
    try:
        choose(mode)
    except BadInput as reason:
        pytest.skip(f"no {mode} sandbox on this machine: {reason}")
    programs = FEW | {f"b{name}": (HOSTILE / name).read_text() for name in NEIGHBOURS}
    sitting = Sitting(Assignment(), 0, mode)
    record = grade_class(write_class(tmp_path / "class", programs), tmp_path / "out", sitting=sitting)
    assert record.grader_errors == record.restored == []
    states = {student.submission: student.state for student in record.students}
    assert states == {n: STATES[n] for n in FEW} | {f"b{n}": state for n, state in NEIGHBOURS.items()}
    assert differing(graded, tmp_path / "out", f'"sandbox": "{mode}"') == []


# Seed and rule of points ---------------------------------------------------------------------------------------------


def test_a_secret_seed_is_drawn_once_kept_with_the_class_and_shown_to_nobody(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from verify.commands import grade

    folder, out = write_class(tmp_path / "class", {"alice.py": RIGHT}), tmp_path / "out"
    command = [str(folder), "--out", str(out), "--sandbox", "process", "--jobs", "1"]
    assert CliRunner().invoke(grade.app, command).exit_code == 0
    seed = (out / ".seed").read_bytes()
    assert (out / ".seed").stat().st_mode & 0o777 == 0o600
    assert int(seed) != 0
    first = (out / "alice.py.json").read_bytes()
    assert json.loads(first)["seed"] is None
    assert seed.strip() not in first + (out / "alice.py.md").read_bytes() + (out / "class.json").read_bytes()
    assert CliRunner().invoke(grade.app, [*command, "--regrade"]).exit_code == 0
    assert (out / ".seed").read_bytes() == seed
    assert same_but_for_timings(first, (out / "alice.py.json").read_bytes())
    other = [str(folder), "--out", str(tmp_path / "other"), "--sandbox", "process", "--jobs", "1"]
    assert CliRunner().invoke(grade.app, other).exit_code == 0
    assert (tmp_path / "other" / ".seed").read_bytes() != seed


def old_rule(out: Path, name: str) -> None:
    """The record as the rule of points before this one wrote it."""
    path = out / f"{name}.json"
    record = json.loads(path.read_bytes())
    del record["points_rule"]
    path.write_text(json.dumps(record | {"score": 1.25}), encoding="utf-8")


def test_scores_of_two_rules_never_stand_in_one_gradebook(tmp_path: Path) -> None:
    folder, out = write_class(tmp_path / "class", FEW), tmp_path / "out"
    grade_class(folder, out)
    old_rule(out, "alice.py")
    old_rule(out, "bob.py")
    before = {path.name: path.read_bytes() for path in out.glob("*.json")}
    with pytest.raises(BadInput, match=r"2 records there have points by the rule before this one, and bob\.py of them"):
        grade_class(folder / "alice.py", out)
    assert {path.name: path.read_bytes() for path in out.glob("*.json")} == before
    record = grade_class(folder, out)
    assert {r.submission for r in record.regraded} >= {"alice.py", "bob.py"}
    assert {json.loads((out / f"{name}.json").read_bytes())["points_rule"] for name in FEW} == {2}
