"""Runs every kind of hostile program in one sandbox, as whoever starts this, and says as JSON what came of each.

    python -m tests.hostile_runs namespaces [process]

`tests/test_hostile.py` says what must come of each, and starts this a second time as an ordinary user.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from verify.errors import BadInput
from verify.isolation import Call, Calls, IsolationError, Limits, Sandbox, choose, run, servers
from verify.isolation.inside import syscalls
from verify.submissions.reading import read_submission
from verify.submissions.submission import Submission

HOSTILE = Path(__file__).parent / "hostile"
ROOT = Path(__file__).resolve().parents[1]
# One that owns nothing on any system.
ORDINARY = 54321
LIMITS = Limits(time_limit=20.0, cpu_limit=10.0, memory_mib=256, output_bytes=16 << 20, disk_bytes=32 << 20, files=2000)
SHORT = Limits(time_limit=1.5, memory_mib=256, output_bytes=16 << 20, disk_bytes=32 << 20, files=2000)
BUSY = Limits(time_limit=20.0, cpu_limit=1.0, memory_mib=256, output_bytes=16 << 20, disk_bytes=32 << 20, files=2000)
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
    W, b = call.arguments[:2]
    dW, db = value[:2]
    return all(
        type(got) is np.ndarray and got.dtype == np.float64 and np.array_equal(got, 2 * given)
        for got, given in zip([*dW, *db], [*W, *b], strict=True)
    )


def all_right(result: Any) -> bool:
    """Whether every answer of a run is right."""
    return result.state == "ok" and all(
        right(reply.value, call) for reply, call in zip(result.replies, CALLS, strict=True)
    )


@dataclass(frozen=True)
class Kind:
    """A hostile program and what must come of it: a state, words of the message, or answers that are right.

    elsewhere: mode -> (state, words) where they differ there.
    """

    state: str
    says: str = ""
    limits: Limits = LIMITS
    right: bool = False
    elsewhere: dict[str, tuple[str, str]] = field(default_factory=dict)

    def expected(self, mode: str) -> tuple[str, str]:
        """State and words in a mode."""
        return self.elsewhere.get(mode, (self.state, self.says))


_FILLED = ("crashed", "filled its folder: 32 MiB or 2000 files")
RIGHT = Kind("ok", right=True)
KINDS: dict[str, Kind] = {
    # ending early
    "exit_on_import.py": Kind("crashed", "ended early with exit status 0, on import"),
    "exit_in_call.py": Kind("crashed", "ended early with exit status 0, in gradients, call 2 of 3"),
    "sys_exit_on_import.py": Kind("crashed", "on import, line 5: SystemExit: 0"),
    "sys_exit_in_call.py": Kind("crashed", "gradients, line 5: SystemExit: 0"),
    "atexit_then_raise.py": Kind("error", "on import, line 7: ValueError: nothing here"),
    "atexit_hook.py": RIGHT,
    "signal_sigkill.py": Kind("crashed", "ended by SIGKILL, on import"),
    "signal_sigterm.py": Kind("crashed", "ended by SIGTERM, on import"),
    "signal_sigabrt.py": Kind("crashed", "ended by SIGABRT, on import"),
    "signal_sigstop.py": Kind("timeout", "did not finish within 1.5 s, on import", SHORT),
    "segfault.py": Kind("crashed", "ended by SIGSEGV, in gradients, call 1 of 3"),
    "recursion.py": Kind("error", "gradients, line 5: RecursionError"),
    "hostile_message.py": Kind("error", "<script>alert(1)</script>\\n# [x](javascript:1)\\x1b[31m\\u202eyyy"),
    "hostile_exception.py": Kind("error", "Odd"),
    # the way back
    "writes_to_descriptors.py": Kind("crashed", "wrote to the grader's own channel"),
    "writes_and_goes_on.py": Kind("crashed", "wrote to the grader's own channel"),
    "closes_descriptors.py": Kind("crashed", limits=SHORT),
    "forges_the_end.py": Kind("crashed", "ended early, in gradients, call 1 of 3"),
    "forges_answers.py": Kind("crashed", "wrote to the grader's own channel"),
    "forged_output.py": RIGHT,
    "writes_into_inputs.py": RIGHT,
    "changes_lists.py": RIGHT,
    # not doing the work
    "imports_torch.py": RIGHT,
    "imports_tensorflow.py": RIGHT,
    "imports_jax.py": Kind("forbidden", "gradients, line 7: ModuleNotFoundError: No module named 'jax' (autograd is"),
    "imports_autograd.py": Kind("forbidden", "gradients, line 8: ModuleNotFoundError: No module named 'autograd'"),
    "imports_torch_late.py": Kind(
        "error", "gradients, line 7: ModuleNotFoundError: No module named 'torch' (it is not"
    ),
    "imports_torch_maybe.py": RIGHT,
    # time
    "endless_loop.py": Kind("timeout", "did not finish within 1.5 s, on import", SHORT),
    "endless_in_call.py": Kind("timeout", "did not finish within 1.5 s, in gradients, call 2 of 3", SHORT),
    "endless_numpy.py": Kind("timeout", "in gradients, call 1 of 3", SHORT),
    "sleeps.py": Kind("timeout", "on import", SHORT),
    "deaf_to_time.py": Kind("timeout", "on import", SHORT),
    "busy_children.py": Kind("timeout", "used more than 1 s of processor time, on import", BUSY),
    # processes
    "fork_bomb.py": Kind("timeout", "on import", SHORT),
    "fork_bomb_once.py": Kind("error", "line 6: BlockingIOError"),
    "forks_and_answers.py": RIGHT,
    "daemon.py": RIGHT,
    "subprocesses.py": RIGHT,
    "kill_everyone.py": RIGHT,
    "ten_thousand_threads.py": Kind("error", "RuntimeError: can't start new thread"),
    # memory, of one process and of all
    "memory_lists.py": Kind("memory", "MemoryError"),
    "memory_numpy.py": Kind("memory", "gradients, line 9"),
    "memory_shared.py": Kind("memory", "on import, line"),
    "memory_signal.py": Kind("memory", "needed more than 256 MiB, on import"),
    "memory_children.py": Kind("memory", "needed more than 256 MiB, on import"),
    "memory_children_shared.py": Kind("memory", "needed more than 256 MiB, on import"),
    "shared_memory.py": RIGHT,
    # the disk
    "huge_file.py": Kind("error", "OSError"),
    "many_descriptors.py": Kind("error", "line 5: OSError"),
    "full_disk.py": Kind("error", "No space left", elsewhere={"process": _FILLED}),
    "many_files.py": Kind("error", "No space left", elsewhere={"process": _FILLED, "bubblewrap": _FILLED}),
    "unlinked_files.py": Kind("error", "No space left", elsewhere={"process": _FILLED}),
    "preallocated_files.py": Kind("error", "No space left", elsewhere={"process": _FILLED}),
    "deep_folders.py": RIGHT,
    # output
    "floods_stdout.py": Kind("crashed", "printed more than 16 MiB, on import"),
    "floods_stderr.py": Kind("crashed", "printed more than 16 MiB, on import"),
    "prints_much.py": RIGHT,
    # what an honest program may do, and does
    "uses_what_it_may.py": RIGHT,
}

# Running them --------------------------------------------------------------------------------------------------------


def ran(mode: str, names: list[str]) -> dict[str, Any]:
    """What came of each program, with an honest one after each; what the tries did; what is left when all is over."""
    try:
        sandbox = choose(mode)
    except BadInput as reason:
        return {"skip": f"{reason}{' (apt-get install bubblewrap)' if mode == 'bubblewrap' else ''}"}
    # Where all are one user, the kernel counts the processes of two that run beside each other together.
    with ThreadPoolExecutor(1 if mode == "process" and os.geteuid() != 0 else 2) as pool:
        found = dict(zip(names, pool.map(lambda name: _one(name, sandbox), names), strict=True))
    tried = _tried(sandbox)
    servers.pool.close()
    return {"kinds": found, "tried": tried, "left": left()}


def _one(name: str, sandbox: Sandbox) -> dict[str, Any]:
    try:
        result = run(read_submission(HOSTILE / name), CALLS, limits=KINDS[name].limits, sandbox=sandbox)
        neighbour = run(HONEST, CALLS, limits=LIMITS, sandbox=sandbox)
    except IsolationError as error:
        return {"state": "grader-error", "message": str(error), "right": False, "neighbour": False}
    texts = [result.message, *(reply.message for reply in result.replies)]
    printable = all(map(str.isprintable, texts)) and all(c.isprintable() or c in "\n\t" for c in result.output)
    return {
        "state": result.state,
        "message": result.message,
        "right": all_right(result),
        "neighbour": all_right(neighbour),
        "printable": printable,
        "seconds": result.seconds,
    }


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


def left() -> list[str]:
    """What submissions left on this machine: processes, files, what has a key."""
    own = os.getuid()
    ours = (lambda user: user == own) if own == ORDINARY else (lambda user: user >= 1_880_000_000)
    return [*_processes(ours), *_files(ours), *_with_keys(ours)]


def _processes(ours: Any) -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and int(entry.name) != os.getpid() and ours(entry.stat().st_uid):
                found.append(f"process {entry.name} {(entry / 'cmdline').read_bytes()[:100]!r}")
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
    script = _OPEN.replace("USER", str(ORDINARY))
    return ["unshare", "--mount", "sh", "-c", script, "sh", str(shut or ""), str(base), *command]


if __name__ == "__main__":
    os.environ["HOME"] = tempfile.gettempdir()
    print(json.dumps({mode: ran(mode, list(KINDS)) for mode in sys.argv[1:]}))
