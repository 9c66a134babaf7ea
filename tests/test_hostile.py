"""A table: every kind of hostile program, in every sandbox, as root and as an ordinary user: what must come of it."""

from __future__ import annotations

import fcntl
import functools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.hostile_kinds import HOSTILE, KINDS
from tests.hostile_runs import ROOT, as_ordinary_user, ran, tries
from verify.isolation import MODES

USERS = ("own", "ordinary")
# What a mode does not stop, by the tries of tries.py, where the grader is no root: bwrap's own environment, in which
# nothing of the grader's is.
NOT_STOPPED = {"bubblewrap": {"parent's environment"}}


@functools.cache
def outcomes(mode: str, user: str, folder: Path) -> dict[str, Any]:
    """What came of all kinds in a mode, run once for all tests, in whatever process of the tests they are.

    Skipped where there is no such mode or user.
    """
    with (folder / f"hostile-{mode}-{user}.json").open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        text = file.read()
        if not text:
            text = json.dumps(ran(mode, list(KINDS)) if user == "own" else _by_ordinary_user(mode))
            file.write(text)
        return json.loads(text)


def _by_ordinary_user(mode: str) -> dict[str, Any]:
    command = as_ordinary_user([sys.executable, "-m", "tests.hostile_runs", mode])
    if isinstance(command, str):
        return {"skip": command}
    environment = {"PATH": os.environ["PATH"], "OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)[mode]


@pytest.fixture
def found(mode: str, user: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    base = tmp_path_factory.getbasetemp()
    everything = outcomes(mode, user, base.parent if "PYTEST_XDIST_WORKER" in os.environ else base)
    if "skip" in everything:
        pytest.skip(f"{mode}, {user} user: {everything['skip']}")
    return everything


@pytest.mark.parametrize(("name", "mode"), [(name, mode) for name, kind in KINDS.items() for mode in kind.modes])
@pytest.mark.parametrize("user", USERS)
def test_kind(name: str, mode: str, found: dict[str, Any]) -> None:
    outcome, kind = found["kinds"][name], KINDS[name]
    states, says = kind.expected(mode)
    assert (outcome["state"] in states, says in outcome["message"]) == (True, True), outcome
    assert outcome["right"] == kind.right, outcome
    assert outcome["holds"], outcome["answers"]
    assert outcome["printable"]
    assert outcome["neighbour"], "the record of an honest neighbour is another one"
    if outcome["record"] is None:
        return
    # As its record has it: a state of its own, never the grader's failure, and not all points.
    record, score, printable = outcome["record"]
    assert record in ("wrong", "error", "incomplete") if outcome["state"] == "ok" else record == outcome["state"]
    assert score < 10
    assert printable


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("user", USERS)
def test_nothing_is_left(found: dict[str, Any]) -> None:
    assert found["left"] == []


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("user", USERS)
def test_what_was_tried_did_not_work(mode: str, user: str, found: dict[str, Any]) -> None:
    worked = {name for name, did in found["tried"].items() if did}
    assert len(found["tried"]) > 50, found["tried"]
    root = user == "own" and os.geteuid() == 0
    assert worked == (set() if root else NOT_STOPPED.get(mode, set()))


# What can be tried outside of a sandbox: it touches nobody, and leaves nothing.
HARMLESS = (
    "tcp",
    "udp",
    "unix socket",
    "unix datagram",
    "pair of datagrams",
    "memory file",
    "inotify",
    "mode",
    "time",
)


def test_what_is_tried_works_outside(tmp_path: Path) -> None:
    """The same program where nothing is shut: so what did not work inside was stopped."""
    numbers = json.dumps(tries(only=HARMLESS).arguments[0])
    script = (
        f"import sys; sys.path.insert(0, {str(HOSTILE)!r}); import tries, json\n"
        f"print(json.dumps(tries.gradients(json.loads({numbers!r}))))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert dict(json.loads(done.stdout.splitlines()[-1])) == dict.fromkeys(HARMLESS, True)
