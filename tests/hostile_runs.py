"""Runs every kind of hostile program in one sandbox, as whoever starts this, and says as JSON what came of each.

    python -m tests.hostile_runs namespaces [process]

`tests/test_hostile.py` says what must come of each, and starts this a second time as an ordinary user.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import secrets
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tests.classes import RIGHT
from tests.hostile_kinds import HOSTILE, KINDS, LIMITS, Kind, Place, program
from verify import isolation
from verify.errors import BadInput
from verify.grading.assignment import Assignment
from verify.grading.record import encode
from verify.isolation import Call, Calls, IsolationError, Run, Sandbox, choose, run, servers
from verify.isolation.inside import syscalls
from verify.lessons.network.grade import Examination, calls, examination, grade, grade_submission
from verify.reports.graded_pages import as_markdown
from verify.submissions.reading import read_submission
from verify.submissions.submission import Submission

ROOT = Path(__file__).resolve().parents[1]
_REAPED = 5.0  # s within which a process that has ended is asked for its end
# Users that own nothing on any system; one for each run, since the kernel counts what all of one user's have together.
FIRST_ORDINARY, ORDINARY_USERS = 2_100_000_000, 1_000_000
HONEST = Submission(
    "honest.py",
    "def gradients(W, b, x, t, activation, lam):\n    return [2 * w for w in W], [2 * v for v in b]\n",
    "honest.py",
)


def problem(layers: int) -> Call:
    """A call of gradients with small whole numbers."""
    W = [np.arange(6.0).reshape(2, 3) + layer if layer == 0 else np.eye(3) * layer for layer in range(layers)]
    b = [np.full(3, float(layer)) for layer in range(layers)]
    return Call("gradients", (W, b, np.ones((4, 2)), np.eye(4, 3), "relu", 0.25))


CALLS = Calls([problem(1), problem(2), problem(1)])


def right(value: Any, call: Call) -> bool:
    """Whether dW and db are twice W and b, as the honest program's are, to the last bit."""
    if not isinstance(value, tuple) or len(value) < 2 or not all(type(part) is list for part in value[:2]):
        return False
    W, b = call.arguments[:2]
    dW, db = value[:2]
    return all(
        type(got) is np.ndarray and got.dtype == np.float64 and np.array_equal(got, 2 * given)
        for got, given in itertools.zip_longest([*dW, *db], [*W, *b])
    )


def all_right(result: Any) -> bool:
    """Whether every answer of a run is right."""
    return result.state == "ok" and all(
        right(reply.value, call) for reply, call in zip(result.replies, CALLS, strict=True)
    )


# Running them --------------------------------------------------------------------------------------------------------


def ran(mode: str, names: list[str]) -> dict[str, Any]:
    """What came of each program, with an honest one after each; what the tries did; what is left when all is over."""
    try:
        sandbox = choose(mode)
    except BadInput as reason:
        return {"skip": f"{reason}{' (apt-get install bubblewrap)' if mode == 'bubblewrap' else ''}"}
    names = [name for name in names if mode in KINDS[name].modes]
    with _noted_users() as users, _place() as place:
        harness = Harness(sandbox, place)
        # Where all are one user, the kernel counts the processes of two that run beside each other together.
        with ThreadPoolExecutor(1 if mode == "process" and os.geteuid() != 0 else 2) as pool:
            found = dict(zip(names, pool.map(harness.outcome, names), strict=True))
        tried = _tried(sandbox)
        servers.pool.close()
    return {"kinds": found, "tried": tried, "left": left(users)}


@contextlib.contextmanager
def _place() -> Iterator[Place]:
    """A word in a file that every user of this machine can read, and a port on which somebody listens."""
    word = "the-expected-", secrets.token_hex(8)
    with (
        tempfile.TemporaryDirectory(prefix="open-", dir="/tmp") as folder,
        socket.create_server(("127.0.0.1", 0)) as at,
    ):
        Path(folder).chmod(0o755)
        path = Path(folder, "answers.txt")
        path.write_text("".join(word))
        yield Place(str(path), word, *at.getsockname())


class Harness:
    """Runs kinds in a sandbox, and grades an honest program after each."""

    def __init__(self, sandbox: Sandbox, place: Place) -> None:
        self.sandbox, self.place = sandbox, place
        self._records: dict[str, list[Any]] = {}
        whole = examination(Assignment(), 0)
        some = replace(whole.fixture, cases=(*whole.fixture.cases[:3], *whole.fixture.cases[3::20]))
        self.exam = Examination(some, Calls(calls(some)))
        self.honest = self._honest_record()
        assert b'"state":"correct"' in self.honest.replace(b'": ', b'":'), self.honest

    def _honest_record(self) -> bytes:
        """The honest program's record, but for its timings."""
        record = grade_submission(Submission("honest.py", RIGHT, "honest.py"), self.exam, self.sandbox)
        record.timings = {}
        return encode(record)

    def outcome(self, name: str) -> dict[str, Any]:
        """What came of a kind, for the tests."""
        kind = KINDS[name]
        try:
            result = self._run(name, kind)
            neighbour = self._honest_record()
        except IsolationError as error:
            return {"state": "grader-error", "message": str(error)}
        texts = [result.message, *(reply.message for reply in result.replies)]
        printable = all(map(str.isprintable, texts)) and all(c.isprintable() or c in "\n\t" for c in result.output)
        return {
            "state": result.state,
            "message": result.message,
            "right": kind.arguments is None and all_right(result),
            "holds": kind.holds(result),
            "answers": repr([reply.value for reply in result.replies])[:500],
            "neighbour": neighbour == self.honest,
            "printable": printable,
            # A record depends on the run alone: in one sandbox is enough.
            "record": self._record(result) if self.sandbox.mode == "process" and not own_user() else None,
            "seconds": result.seconds,
        }

    def _record(self, result: Run) -> list[Any]:
        """State and score of a run's record, and whether its page is printable; judged once for equal answers."""
        key = repr((result.state, result.functions, result.replies))
        if key not in self._records:
            record = grade("hostile.py", result, self.exam)
            printable = all(c.isprintable() or c == "\n" for c in as_markdown(record))
            self._records[key] = [record.state, record.score, printable]
        return self._records[key]

    def _run(self, name: str, kind: Kind) -> Run:
        asked = CALLS if kind.arguments is None else Calls([Call("gradients", kind.arguments(self.place))])
        results = [
            run(program(name), asked, limits=kind.limits, backend=kind.backend, sandbox=self.sandbox)
            for _ in range(kind.times)
        ]
        return results[-1]


def _tried(sandbox: Sandbox) -> dict[str, Any]:
    """What tries.py managed to do: name -> whether it did."""
    folders = len(sys.path) if sandbox.mode == "process" and os.geteuid() == 0 else 0
    result = run(read_submission(HOSTILE / "tries.py"), [tries(folders)], limits=LIMITS, sandbox=sandbox)
    return dict(result.replies[0].value or []) or {"message": result.message}


def tries(folders: int = 0, only: tuple[str, ...] = ()) -> Call:
    """The call of tries.py, with the numbers of system calls on this machine.

    folders: how many may be open. only: what to try; all, where it is empty, which is for sandboxes alone.
    """
    column = ("x86_64", "aarch64").index(os.uname().machine)
    numbers = {name: numbers[column] for name, numbers in syscalls.NUMBERS.items() if numbers[column] is not None}
    return Call("gradients", ({**numbers, "tomorrow": 480, "folders": folders, "only": list(only)},))


@contextlib.contextmanager
def _noted_users() -> Iterator[set[int]]:
    """The users that submissions are run as meanwhile: of each server, and of each wrapped worker."""
    users: set[int] = {os.getuid()} if own_user() else set()
    begin, single = servers._Zygote.__init__, isolation.user_for

    def noted(self: servers._Zygote, kind: servers.Kind) -> None:
        begin(self, kind)
        users.add(self.told["user"] or 0)
        with contextlib.suppress(OSError):
            users.add(Path(f"/proc/{self.process.pid}").stat().st_uid)

    def noted_single(sandbox: Sandbox) -> int | None:
        user = single(sandbox)
        users.add(user or 0)
        return user

    servers._Zygote.__init__, isolation.user_for = noted, noted_single
    try:
        yield users
    finally:
        servers._Zygote.__init__, isolation.user_for = begin, single


def own_user() -> bool:
    """Whether this process is of the user that these tests alone have."""
    return FIRST_ORDINARY <= os.getuid() < FIRST_ORDINARY + ORDINARY_USERS


def left(users: set[int]) -> list[str]:
    """What submissions left on this machine: processes, files, what has a key."""
    others = users - {0} if own_user() else users - {0, os.getuid()}
    ours = others.__contains__
    return [*_processes(ours), *_files(ours), *_with_keys(ours)]


def _processes(ours: Any) -> list[str]:
    """All that run, and those that have ended where nobody has asked for their end within seconds."""
    end = time.monotonic() + _REAPED
    while True:
        found = _seen(ours)
        if not found or time.monotonic() > end or not all(ended for _, ended in found):
            return [told for told, _ in found]
        time.sleep(0.05)


def _seen(ours: Any) -> list[tuple[str, bool]]:
    """Processes, and whether each has ended already (state Z or X)."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and int(entry.name) != os.getpid() and ours(entry.stat().st_uid):
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
                found.append((f"process {entry.name} {(entry / 'cmdline').read_bytes()[:100]!r}", state in "ZX"))
    return found


def _files(ours: Any) -> list[str]:
    found = []
    for folder in ("/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue", "/run", "/run/lock", "/"):
        with contextlib.suppress(OSError):
            for entry in os.scandir(folder):
                with contextlib.suppress(OSError):
                    if ours(entry.stat(follow_symlinks=False).st_uid) or entry.name.startswith("hostile-left"):
                        found.append(f"file {entry.path}")
    return found


def _with_keys(ours: Any) -> list[str]:
    found = []
    for kind, column in (("shm", 7), ("msg", 7), ("sem", 4)):
        with contextlib.suppress(OSError):
            rows = [line.split() for line in Path(f"/proc/sysvipc/{kind}").read_text().splitlines()[1:]]
            found += [f"{kind} {row[1]}" for row in rows if ours(int(row[column]))]
    return found


# As an ordinary user -------------------------------------------------------------------------------------------------

# Python may lie where only root can go, as in /root: there the folders that are needed are laid open, for this
# process and its children alone.
_OPEN = """
set -e
shut=$1; shift
if [ -n "$shut" ]; then
    kept=$(mktemp -d /tmp/backproof-kept-XXXXXX)
    mount --rbind "$shut" "$kept"
    mount -t tmpfs -o mode=755 tmpfs "$shut"
    mkdir -p "$1"
    mount --rbind "$kept${1#"$shut"}" "$1"
    umount -l "$kept"; rmdir "$kept"
fi
shift
exec setpriv --reuid USER --regid USER --clear-groups "$@"
"""


def as_ordinary_user(command: list[str]) -> list[str] | str:
    """The command as an ordinary user starts it, or why it cannot be."""
    if os.geteuid() != 0:
        return "only root can become another user"
    missing = [name for name in ("unshare", "setpriv", "mount") if shutil.which(name) is None]
    if missing:
        return f"not installed: {', '.join(missing)} (apt-get install util-linux)"
    base = Path(sys.base_prefix).resolve()
    shut = next((path for path in reversed(base.parents) if not path.stat().st_mode & 1), None)
    if any(not path.stat().st_mode & 1 for path in (ROOT, *ROOT.parents)):
        return f"the folder {ROOT} is one that only root can enter"
    script = _OPEN.replace("USER", str(FIRST_ORDINARY + secrets.randbelow(ORDINARY_USERS)))
    return ["unshare", "--mount", "sh", "-c", script, "sh", str(shut or ""), str(base), *command]


if __name__ == "__main__":
    os.environ["HOME"] = tempfile.gettempdir()
    print(json.dumps({mode: ran(mode, list(KINDS)) for mode in sys.argv[1:]}))
