"""Every hostile program in tests/hostile, in every sandbox: the right state, and nothing that anyone else notices."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.hostile_kinds import HOSTILE, LIMITS
from tests.hostile_runs import CALLS, HONEST, all_right, right
from verify import isolation
from verify.errors import BadInput
from verify.isolation import Call, Calls, IsolationError, Limits, Outcome, Run, Sandbox, Unusable, choose, run, servers
from verify.isolation.inside import cleaning, landlock
from verify.isolation.inside.engine import ENDED
from verify.submissions.reading import read_submission
from verify.submissions.submission import Submission

SHORT = Limits(time_limit=1.0, memory_mib=256, output_bytes=16 << 20, disk_bytes=32 << 20, files=2000)

# Sandboxes -----------------------------------------------------------------------------------------------------------


def available(mode: str) -> Sandbox:
    """The sandbox of this mode, or a skip that says why there is none."""
    if mode == "process-by-user":
        if os.geteuid() != 0:
            pytest.skip("without root there are no users of their own, and so only Landlock keeps files apart")
        # As on a kernel without Landlock: a user of its own is then what keeps submissions apart.
        return Sandbox("process", landlock=False)
    try:
        return choose(mode)
    except BadInput as reason:
        line = " (apt-get install bubblewrap)" if mode == "bubblewrap" else ""
        pytest.skip(f"no {mode} sandbox on this machine: {reason}{line}")


@pytest.fixture(params=["namespaces", "process", "bubblewrap"])
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    return available(request.param)


@dataclass
class Traces:
    """What a submission could leave behind on this machine, in this process and in its fork server."""

    users: set[int]

    def processes(self) -> list[str]:
        """Processes of the users that submissions ran as."""
        found = []
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdigit() and entry.stat().st_uid in self.users:
                    found.append((entry / "cmdline").read_text())
        return found

    def files(self) -> list[Path]:
        """Files of those users, or of the name that only the grader's own unpickling would give one."""
        folders = ["/tmp", "/var/tmp", "/dev/shm", "/run", "/run/lock", "/", str(Path.home()), str(Path.cwd())]
        folders += [str(path) for path in Path("/tmp").glob("backproof-*")]
        found = [Path("/tmp/hostile-left-pickle")] if Path("/tmp/hostile-left-pickle").exists() else []
        for folder in folders:
            with contextlib.suppress(OSError):
                found += [Path(entry.path) for entry in os.scandir(folder) if _owner(entry) in self.users]
        return found

    def segments(self) -> list[str]:
        """System V shared memory of those users."""
        rows = [line.split() for line in Path("/proc/sysvipc/shm").read_text().splitlines()[1:]]
        return [" ".join(row) for row in rows if int(row[7]) in self.users]


def _owner(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat(follow_symlinks=False).st_uid
    except FileNotFoundError:
        return 0


@pytest.fixture
def traces(monkeypatch: pytest.MonkeyPatch) -> Iterator[Traces]:
    """Fails a test after which anything is left: a process, a file, a descriptor, a server with children."""
    users: set[int] = set()
    user_for = isolation.user_for

    def noted(used: Sandbox) -> int | None:
        user = user_for(used)
        users.add(user or 0)
        return user

    monkeypatch.setattr(isolation, "user_for", noted)
    # The calls' own file is opened on first use and stays open with them.
    CALLS.descriptor()
    before = descriptors()
    yield Traces(users)
    users |= {int(entry.told["user"] or 0) for idle in servers.pool._idle.values() for entry in idle}
    users -= {0}
    left = Traces(users)
    assert left.processes() == []
    assert left.files() == []
    assert left.segments() == []
    # A fork server more, and its two descriptors, may have been started.
    started = sum(len(idle) for idle in servers.pool._idle.values())
    assert descriptors() <= before + 2 * started
    for idle in servers.pool._idle.values():
        for entry in idle:
            children = Path(f"/proc/{entry.process.pid}/task/{entry.process.pid}/children")
            assert not children.exists() or children.read_text() == ""


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def hostile(
    name: str, sandbox: Sandbox, *, limits: Limits = LIMITS, calls: Calls = CALLS, backend: str = "numpy"
) -> Run:
    """Runs a program of tests/hostile, then an honest one that must not notice."""
    result = run(read_submission(HOSTILE / name), calls, limits=limits, backend=backend, sandbox=sandbox)
    assert len(result.replies) == len(calls)
    assert result.sandbox == sandbox.mode
    assert result.message.isprintable()
    assert all(reply.message.isprintable() for reply in result.replies)
    assert all(letter.isprintable() or letter in "\n\t" for letter in result.output)
    if backend == "numpy":
        assert all_right(run(HONEST, CALLS, limits=LIMITS, sandbox=sandbox)), "an honest neighbour was disturbed"
    return result


# Every program is in tests/test_hostile.py; here is what has more to it ---------------------------------------------


def test_answers_before_the_end_are_kept(sandbox: Sandbox, traces: Traces) -> None:
    for name in ("exit_in_call.py", "endless_in_call.py"):
        result = hostile(name, sandbox, limits=SHORT)
        assert right(result.replies[0].value, CALLS[0])
        assert [reply.outcome for reply in result.replies[1:]] == [Outcome.NOT_RUN] * 2


def test_recursion_without_a_limit(sandbox: Sandbox, traces: Traces) -> None:
    assert hostile("recursion_unlimited.py", sandbox).state in ("crashed", "memory")


def test_closing_the_channel_is_no_end(sandbox: Sandbox, traces: Traces) -> None:
    result = hostile("closes_descriptors.py", sandbox, limits=SHORT)
    assert result.state == "crashed"


def test_memory_that_is_never_given_back(sandbox: Sandbox, traces: Traces) -> None:
    assert hostile("memory_caught.py", sandbox, limits=SHORT).state in ("memory", "timeout")


# Taking over ---------------------------------------------------------------------------------------------------------


def test_files_beside_the_submission_take_nothing_over(tmp_path: Path, sandbox: Sandbox, traces: Traces) -> None:
    source = """
import numpy, random, json, helper
import deep.er
def gradients(W, b, x, t, activation, lam):
    assert "submission" not in numpy.__file__ and "submission" not in json.__file__
    assert helper.two == 2 and deep.er.three == 3 and open("data.txt").read() == "12"
    return [helper.two * w for w in W], [2 * v for v in b]
"""
    stop = "raise SystemExit('taken over')\n"
    for name in ("numpy", "torch", "json", "random", "conftest", "sitecustomize", "usercustomize", "site", "pytest"):
        (tmp_path / f"{name}.py").write_text(stop)
    (tmp_path / "numpy").mkdir()
    (tmp_path / "numpy" / "__init__.py").write_text(stop)
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "er.py").write_text("three = 3\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --collect-only\n")
    (tmp_path / "data.txt").write_text("12")
    (tmp_path / "helper.py").write_text("two = 2\n")
    (tmp_path / "submission.py").write_text(source)
    result = run(read_submission(tmp_path), CALLS, limits=LIMITS, sandbox=sandbox)
    assert all_right(result), (result.state, result.message, result.output)


def test_an_entry_in_a_folder_imports_what_lies_beside_it(sandbox: Sandbox) -> None:
    submission = Submission("hw", HONEST.source + "import helper\n", "a/b/hw.py", {"a/b/helper.py": b"", "a/c.py": b""})
    assert all_right(run(submission, CALLS, limits=LIMITS, sandbox=sandbox))


def test_patches_stay_where_they_were_made(sandbox: Sandbox, traces: Traces) -> None:
    result = hostile("patches.py", sandbox)
    assert not all_right(result)
    assert result.state in ("crashed", "error", "ok")
    assert np.asarray([1]).shape == (1,)
    assert not isinstance(1, str)


def test_forged_output_cannot_act(sandbox: Sandbox) -> None:
    output = hostile("forged_output.py", sandbox).output
    assert "PASSED" in output
    assert "\\x1b[2J" in output
    assert "\\u202e" in output
    assert "\\x00" in output


def test_the_grader_cannot_be_imported(sandbox: Sandbox) -> None:
    result = hostile("imports_the_grader.py", sandbox)
    assert (result.state, "found []" in result.output) == ("ok", True), result.output


# Reaching for the answers --------------------------------------------------------------------------------------------


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user of this machine can read."""
    with tempfile.TemporaryDirectory(prefix="open-", dir="/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_nothing_of_the_graders_is_within_reach(
    sandbox: Sandbox, open_folder: Path, monkeypatch: pytest.MonkeyPatch, traces: Traces
) -> None:
    if sandbox.mode == "process" and not landlock.version():
        pytest.skip("this kernel has no Landlock, without which process mode shuts no file that everyone can read")
    secret = "the-expected-" + "value-4711"
    monkeypatch.setenv("BACKPROOF_SECRET", secret)
    (open_folder / "answers.txt").write_text(secret)
    local = {"expected": [secret]}
    calls = Calls([Call("gradients", ("the-expected-", "value-4711", str(open_folder / "answers.txt")))])
    result = hostile("looks_around.py", sandbox, calls=calls)
    assert local
    assert (result.state, result.replies[0].value) == ("ok", []), result.message


def test_what_looks_around_finds_what_is_there(open_folder: Path) -> None:
    """The same program where the files are not shut: it does find the word, so finding nothing means something."""
    (open_folder / "answers.txt").write_text("the-expected-value-4711")
    calls = Calls([Call("gradients", ("the-expected-", "value-4711", str(open_folder / "answers.txt")))])
    result = hostile("looks_around.py", Sandbox("process", landlock=False), calls=calls)
    assert result.replies[0].value == [str(open_folder / "answers.txt")]


@pytest.mark.parametrize("mode", ["namespaces", "process", "process-by-user", "bubblewrap"])
def test_files_do_not_reach_the_next_submission(mode: str, traces: Traces) -> None:
    for _ in range(2):
        result = hostile("leaves_files.py", available(mode))
        assert (result.state, [reply.value for reply in result.replies]) == ("ok", [[]] * 3), result.output


def test_torch_is_out_of_reach_of_numpy_assignments(sandbox: Sandbox) -> None:
    result = hostile("torch_by_path.py", sandbox)
    assert [reply.value for reply in result.replies] == [False] * 3, result.message


def test_a_network_call_reaches_nobody(sandbox: Sandbox, traces: Traces) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(type=socket.SOCK_DGRAM) as mailbox:
        host, port = server.getsockname()
        mailbox.bind((host, port))
        server.setblocking(False)
        mailbox.setblocking(False)
        result = hostile("network.py", sandbox, calls=Calls([Call("gradients", (host, str(port)))]))
        # A datagram to nobody is sent with success where there is a network, even one with nobody else in it.
        assert (result.state, set(result.replies[0].value) <= {int(socket.SOCK_DGRAM)}) == ("ok", True), result.output
        with pytest.raises(BlockingIOError):
            server.accept()
        if sandbox.mode == "process" and os.geteuid() != 0:
            pytest.skip("without root, process mode leaves UDP to the system; TCP was refused")
        with pytest.raises(BlockingIOError):
            mailbox.recv(1)


# Values --------------------------------------------------------------------------------------------------------------


def first(name: str, sandbox: Sandbox, backend: str = "numpy") -> Any:
    result = hostile(name, sandbox, backend=backend)
    assert result.state == "ok", result.message
    return result.replies[0]


def test_a_late_thread_changes_nothing(sandbox: Sandbox) -> None:
    result = hostile("thread_after_return.py", sandbox)
    assert [array.any() for reply in result.replies for array in reply.value[0]] == [False] * 4


def test_pickles_are_not_opened(sandbox: Sandbox, traces: Traces) -> None:
    reply = first("returns_pickle.py", sandbox)
    assert (reply.outcome, reply.value) == (Outcome.UNUSABLE, Unusable("bytes"))


def test_lazy_objects_are_not_asked(sandbox: Sandbox) -> None:
    value = first("returns_lazy.py", sandbox).value
    assert value[:2] == ([Unusable("Lazy")], [Unusable("type")])
    assert value[2]["calls"] == 0


def test_objects_that_claim_to_be_arrays(sandbox: Sandbox) -> None:
    assert first("always_equal.py", sandbox).value == ([Unusable("Equal")], [Unusable("Equal")])


def test_subclasses_come_back_as_what_they_are(sandbox: Sandbox) -> None:
    dW, db, more = first("subclasses.py", sandbox).value
    assert [type(dW), type(db), type(dW[0]), type(db[0])] == [list, list, np.ndarray, np.ndarray]
    assert np.array_equal(dW[0], 3 * CALLS[0].arguments[0][0])
    assert np.array_equal(db[0], CALLS[0].arguments[1][0])
    assert more == {"y": Unusable("Float")}


def test_shapes_that_claim_more_than_there_is(sandbox: Sandbox) -> None:
    dW, db, more = first("huge_shapes.py", sandbox).value
    assert (dW, db) == ([Unusable("array of too many entries")],) * 2
    assert [more["y"].shape, more["E"].shape] == [(0, 3), (1,) * 20]


def test_dtypes_are_passed_on_and_objects_are_not(sandbox: Sandbox) -> None:
    odd, texts = first("odd_dtypes.py", sandbox).value
    assert [array.dtype.str for array in odd] == ["<c16", "<f4", "<f2", "<i8", "|u1", "|b1", "<f8", "<f16"]
    assert [array.dtype.isnative for array in odd] == [True] * 8
    # An array of objects is the numbers that it holds; of other kinds there is no number.
    assert [type(text) for text in texts] == [np.ndarray, *[Unusable] * 4]
    for array in odd[:5] + odd[6:]:
        assert np.array_equal(array, (2 * CALLS[0].arguments[0][0]).astype(array.dtype))


def test_odd_values(sandbox: Sandbox) -> None:
    dW, values = first("odd_values.py", sandbox).value
    assert np.isnan(dW[0]).all()
    assert values["long"] == Unusable("str of many letters")
    while not isinstance(values["endless"], Unusable):
        [values["endless"]] = values["endless"]
    assert values["endless"] == Unusable("a structure with too many parts")
    assert np.isnan(values["nan"])
    assert (values["inf"], values["negative"], values["none"], values["truth"]) == (np.inf, -7, None, True)
    assert (values["number"], values["text"]) == (2 + 3j, "\ud800<b>=1+1</b>")
    assert values["whole"] == Unusable("int of more than 64 bits")
    assert values["set"] == Unusable("set")
    assert values["self"] == Unusable("function")
    assert (type(values["np"]), values["np"].dtype) == (np.ndarray, np.float32)


def test_structures_with_too_many_parts(sandbox: Sandbox) -> None:
    lists, keys = first("many_parts.py", sandbox).value
    assert keys == Unusable("dict with a key of type int")
    assert Unusable("a structure with too many parts") in lists


def test_inputs_that_were_changed_are_seen_and_given_fresh(sandbox: Sandbox) -> None:
    for name in ("writes_into_inputs.py", "changes_lists.py"):
        assert [reply.inputs_changed for reply in hostile(name, sandbox).replies] == [True] * 3
    assert [reply.inputs_changed for reply in run(HONEST, CALLS, sandbox=sandbox).replies] == [False] * 3


def test_returned_inputs_are_copies(sandbox: Sandbox) -> None:
    W, b = first("returns_inputs.py", sandbox).value
    assert np.array_equal(W[0], CALLS[0].arguments[0][0])
    assert not np.shares_memory(W[0], CALLS[0].arguments[0][0])
    assert W[0].flags.owndata or W[0].base.flags.owndata
    assert W[0].flags.writeable
    assert b


def test_state_is_kept_from_call_to_call(sandbox: Sandbox) -> None:
    answers = hostile("changing_answers.py", sandbox).replies
    assert [reply.value[0][0].max() for reply in answers] == [5.0, 10.0, 15.0]
    outcomes = [reply.outcome for reply in hostile("first_call_only.py", sandbox).replies]
    assert outcomes == [Outcome.RETURNED, Outcome.RAISED, Outcome.RAISED]
    result = hostile("certain_shapes.py", sandbox)
    assert [reply.outcome for reply in result.replies] == [Outcome.RETURNED, Outcome.RAISED, Outcome.RETURNED]
    assert (result.replies[1].line, result.replies[1].message) == (5, "AssertionError: one layer is enough for me")


def test_differences_are_run(sandbox: Sandbox) -> None:
    reply = first("differences.py", sandbox)
    assert np.allclose(reply.value[0][0], 2 * CALLS[0].arguments[0][0], atol=1e-6)
    assert not right(reply.value, CALLS[0])


# Torch ---------------------------------------------------------------------------------------------------------------


def test_autograd_is_refused_with_the_line(sandbox: Sandbox) -> None:
    result = hostile("torch_backward.py", sandbox, backend="torch")
    assert (result.state, result.line) == ("forbidden", 7), result.message
    assert "requires_grad_()" in result.message


def test_catching_the_refusal_does_not_help(sandbox: Sandbox) -> None:
    source = read_submission(HOSTILE / "torch_caught.py")
    first_try = next(at for at, line in enumerate(source.source.splitlines(), 1) if "lambda" in line)
    count = source.source.count("lambda x:")
    for number in range(count):
        calls = [Call("gradients", (str(number), np.ones(2)))]
        result = run(source, calls, limits=LIMITS, backend="torch", sandbox=sandbox)
        assert (result.state, result.line) == ("forbidden", first_try + number), (number, result.message)
        if sandbox.mode == "bubblewrap":
            # One is enough to see that it is the same there, where torch is imported anew for each.
            break


def test_autograds_engine_cannot_run(sandbox: Sandbox) -> None:
    """By ways past every name that is guarded, in the program itself and in a child of it."""
    if sandbox.mode == "bubblewrap":
        ways = [("0", "")]  # torch is imported anew for each
    else:
        ways = [(number, child) for number in "01" for child in ("", "child")]
    for number, child in ways:
        calls = [Call("gradients", (number, child))]
        result = run(
            read_submission(HOSTILE / "torch_engine.py"), calls, limits=LIMITS, backend="torch", sandbox=sandbox
        )
        if child:
            assert (result.state, result.replies[0].value) == ("ok", ENDED), result.message
        else:
            assert result.state == "forbidden", result.message
            assert "autograd's engine was started; autograd is forbidden here, in gradients" in result.message


def test_a_device_that_does_not_start_is_the_graders_fault() -> None:
    sandbox = available("process")
    if torch.cuda.is_available():
        pytest.skip("here it does start")
    with pytest.raises(IsolationError, match=f"{sandbox.mode} sandbox did not start"):
        run(HONEST, CALLS, limits=LIMITS, backend="torch", device="cuda", sandbox=sandbox)


def test_what_cudas_driver_reads_can_be_read_and_nothing_else(sandbox: Sandbox) -> None:
    """No GPU is needed: the files are there, or not, and a numpy program asks for them."""
    source = """
def gradients(*paths):
    found = []
    for path in paths:
        try:
            open(path).close()
            found.append(path)
        except OSError:
            pass
    return found
"""
    wanted = ["/proc/self/status", "/proc/cpuinfo", "/proc/meminfo", "/sys/devices/system/cpu/online"]
    shut = ["/etc/passwd", "/etc/shadow", "/root/.profile", str(Path(__file__))]
    calls = [Call("gradients", (*wanted, *shut))]
    submission = Submission("a.py", source, "a.py")
    assert run(submission, calls, limits=LIMITS, device="cuda", sandbox=sandbox).replies[0].value == wanted


def test_torch_values(sandbox: Sandbox) -> None:
    assert hostile("torch_returns_leaf.py", sandbox, backend="torch").state == "forbidden"
    value = first("torch_subclass.py", sandbox, backend="torch").value
    assert right(value, CALLS[0])
    assert value[2] == {"y": Unusable("tensor of dtype torch.bfloat16")}
    assert all_right(hostile("torch_honest.py", sandbox, backend="torch"))


# The sandbox itself --------------------------------------------------------------------------------------------------


def test_an_honest_run_says_what_it_did(sandbox: Sandbox) -> None:
    submission = Submission("a.py", HONEST.source + "print('hello')\nclass Layer: pass\nx = 1\n", "a.py")
    calls = [*CALLS, Call("forward", ())]
    result = run(submission, calls, sandbox=sandbox)
    assert (result.state, result.output, result.functions) == ("ok", "hello\n", {"gradients", "Layer"})
    assert result.replies[3].outcome == Outcome.MISSING
    assert 0 < result.seconds < 10


def test_two_runs_are_the_same(sandbox: Sandbox) -> None:
    source = """
import random
import numpy as np
def gradients(*problem):
    return random.random(), np.random.rand(3), hash("a"), repr({letter for letter in "abcdefgh"})
"""
    runs = [run(Submission("a.py", source, "a.py"), CALLS, sandbox=sandbox) for _ in range(2)]
    assert str(runs[0].replies) == str(runs[1].replies)
    assert runs[0].state == "ok"


def test_syntax_that_only_the_worker_sees(sandbox: Sandbox) -> None:
    result = run(Submission("a.py", "x = 1\ndef f(:\n", "a.py"), CALLS, sandbox=sandbox)
    assert (result.state, "line 2" in result.message) == ("ungradable", True)
    nested = run(Submission("a.py", "exec('def f(:')\n", "a.py"), CALLS, sandbox=sandbox)
    assert nested.state == "error"


def test_lines_of_a_notebook_and_of_a_helper(sandbox: Sandbox) -> None:
    submission = Submission(
        "hw",
        "import helper\ndef gradients(*p):\n    return helper.f()\n",
        "hw.py",
        {"helper.py": b"def f():\n\n    1 / 0\n"},
    )
    result = run(submission, CALLS, sandbox=sandbox)
    assert (result.state, result.line) == ("error", 3)
    assert "gradients, line 3: ZeroDivisionError: division by zero (helper.py, line 3)" in result.message
    alone = run(Submission("a.py", "def gradients(*p):\n    return len(1)\n", "a.py"), CALLS, sandbox=sandbox)
    assert "(a.py" not in alone.message


def test_empty_environment_one_thread_and_no_rights(sandbox: Sandbox) -> None:
    source = """
import os, resource
def gradients():
    environment = open("/proc/self/environ").read() if os.access("/proc/self/environ", os.R_OK) else ""
    kinds = (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE)
    limits = [resource.getrlimit(kind)[1] for kind in kinds]
    return sorted(os.environ), environment, os.getuid(), limits, resource.getrlimit(resource.RLIMIT_NPROC)[1]
"""
    os.environ["BACKPROOF_TEST_SECRET"] = "1"
    result = run(Submission("a.py", source, "a.py"), [Call("gradients", ())], limits=LIMITS, sandbox=sandbox)
    del os.environ["BACKPROOF_TEST_SECRET"]
    names, environment, user, limits, processes = result.replies[0].value
    assert names == ["HOME", "MPLBACKEND", "PATH", "TMPDIR"]
    assert "SECRET" not in environment
    assert (user != 0, limits) == (True, [0, LIMITS.file_bytes, LIMITS.descriptors])
    # Without root the limit counts what the grader's user runs besides.
    assert processes == LIMITS.processes if os.geteuid() == 0 else processes > 0


def test_many_at_once(sandbox: Sandbox, traces: Traces) -> None:
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: run(HONEST, CALLS, limits=LIMITS, sandbox=sandbox), range(12)))
    assert all(map(all_right, results))


def test_daemons_without_a_user_of_their_own() -> None:
    """Where the grader is not root, a process is found again as a descendant."""
    family = Sandbox("process", own_user=False)
    for name in ("daemon.py", "subprocesses.py"):
        assert all_right(hostile(name, family))
    [server] = servers.pool._idle[family.kind()]
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text()
    assert children == ""


def test_a_server_that_was_ended_is_replaced() -> None:
    process = Sandbox("process")
    ended = []
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: run(HONEST, CALLS, sandbox=process), range(4)))
    for server in servers.pool._idle[process.kind()]:
        server.process.kill()
        server.process.wait()
        ended.append(server)
    assert all_right(run(HONEST, CALLS, sandbox=process))
    assert not [server.told["scratch"] for server in ended if Path(server.told["scratch"]).exists()]


_ENDLESS = """
import sys
from pathlib import Path
from verify.isolation import Limits, choose, run
from verify.submissions.reading import read_submission
sandbox = choose(sys.argv[1])
print("begins", flush=True)
run(read_submission(Path(sys.argv[2])), [], limits=Limits(time_limit=300.0), sandbox=sandbox)
"""


def test_a_grader_that_is_killed_takes_everything_along(sandbox: Sandbox) -> None:
    command = [sys.executable, "-c", _ENDLESS, sandbox.mode, str(HOSTILE / "endless_loop.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=HOSTILE.parent.parent, start_new_session=True) as grader:
        assert grader.stdout is not None
        assert grader.stdout.readline() == b"begins\n"
        # The busy one is the student's: it has run for some processor time, as nothing else here does.
        while not (family := _descendants(grader.pid)) or max(map(_seconds, family)) < 0.5:
            assert grader.poll() is None
        open_ends = [os.pidfd_open(pid) for pid in family]
        grader.kill()
    for end in open_ends:
        assert select.select([end], [], [], 30.0)[0], "a process outlived the grader"
        os.close(end)


def _descendants(ancestor: int) -> list[int]:
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    found = [ancestor]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found[1:]


def _seconds(pid: int) -> float:
    """Processor time that a process has used, the time before it was this program left out."""
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0


def test_choosing() -> None:
    assert choose("auto").mode in ("namespaces", "bubblewrap", "process")
    assert choose("process").notes
    with pytest.raises(BadInput, match=r"--sandbox jail: unknown; known are auto, namespaces, bubblewrap, process"):
        choose("jail")


def test_a_sandbox_that_does_not_work_is_refused_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    isolation._tried.cache_clear()
    with pytest.raises(
        BadInput, match=r"--sandbox bubblewrap: does not work here: bwrap does not start: it is not"
    ) as caught:
        choose("bubblewrap")
    assert len(str(caught.value).splitlines()) == 1
    assert choose("auto").mode in ("namespaces", "process")
    isolation._tried.cache_clear()


def test_removing_a_folder_follows_no_link(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text("x")
    doomed = tmp_path / "doomed"
    (doomed / "a" / "b").mkdir(parents=True)
    (doomed / "a" / "link").symlink_to(kept, target_is_directory=True)
    (doomed / "link").symlink_to(kept / "file")
    os.mkfifo(doomed / "a" / "b" / "pipe")
    (doomed / "a").chmod(0)
    cleaning.remove(str(doomed))
    assert not doomed.exists()
    assert (kept / "file").read_text() == "x"


def test_memory_and_descriptors_of_the_grader_stay_flat() -> None:
    process = available("process")
    for _ in range(20):
        run(HONEST, CALLS, sandbox=process)
    before, threads = descriptors(), threading.active_count()
    resident = _resident()
    for _ in range(200):
        run(HONEST, CALLS, sandbox=process)
    assert descriptors() == before
    assert threading.active_count() == threads
    assert _resident() < resident + (2 << 20)


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")
