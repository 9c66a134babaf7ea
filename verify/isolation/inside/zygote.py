"""A fork server: Python with its packages loaded once, and a clean child of it for every submission.

It knows no expected value and no submission: what a child runs, the child alone is told. One child lives at a time, and
when it has ended everything that it started, wrote or left behind is gone before the grader hears of it.
"""

# ruff: noqa: PTH101, PTH106, PTH108, PTH110, PTH112, PTH123, PTH208
# os works on open folders, and pathlib would cost time before a student's clock starts.
from __future__ import annotations

import contextlib
import gc
import itertools
import json
import os
import secrets
import select
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

from verify.isolation.inside import confine, imports, worker

# Whole ranges of users that no system gives away; what a child starts has one of them, and so is found again.
_FIRST_USER = 1_880_000_000
_FIRST_KILLER = 1_890_000_000
_FEW_USERS = 8192
_LOOK_SECONDS = 0.25
_WORLD_WRITABLE = ("/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue", "/run/lock", "/var/lock", "/var/crash")


def serve(control_descriptor: int, config: dict[str, Any]) -> None:
    """Takes jobs from the grader until it hangs up. config: what `sandbox.py` decided for this machine."""
    control = socket.socket(fileno=control_descriptor)
    confine.become_subreaper()
    wakeup = _wake_on_child()
    config["scratch"] = tempfile.mkdtemp(prefix="backproof-", dir=_temporary(config))
    try:
        os.chmod(config["scratch"], 0o711)
        state = _State(config)
        _say(
            control,
            {"scratch": config["scratch"], "network": state.network, "user": state.user, "landlock": state.landlock},
        )
        while True:
            message, descriptors, _, _ = socket.recv_fds(control, 4096, 4)
            if not message:
                break
            # A message without descriptors is a "stop" that came too late: the child had ended by itself.
            if descriptors:
                bounds = json.loads(message.splitlines()[-1])
                _say(control, _one(state, control, wakeup, descriptors, bounds))
    except (BrokenPipeError, ConnectionResetError):
        pass
    finally:
        remove(config["scratch"])


def _temporary(config: dict[str, Any]) -> str:
    """A folder for scratch folders that another user can reach, where children become one."""
    places = [config["temporary"], "/tmp", "/var/tmp"]
    return next((place for place in places if not config["switch_user"] or imports.others_reach(place)), places[0])


class _State:
    """What stays the same from child to child."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self.network = os.geteuid() == 0 and confine.leave_network()
        self.user, self.killer = _users() if config["switch_user"] else (None, None)
        self.landlock = confine.landlock_version() if config["landlock"] else 0
        self.reading, self.devices = -1, []
        if self.landlock:
            shared = [*config["readable"], *config["devices"], config["scratch"]]
            self.reading = confine.landlock_reading(shared, self.landlock)
            self.devices = [_open_path(path) for path in config["devices"] if os.path.exists(path)]
        gc.collect()
        gc.freeze()


def _users() -> tuple[int, int]:
    """Two users that are nobody else's while this process lives: the child's, and the one that ends its processes."""
    with open("/proc/self/uid_map") as stream:
        ranges = [(int(line.split()[0]), int(line.split()[2])) for line in stream]
    number = os.getpid()
    if any(first <= _FIRST_USER and _FIRST_KILLER + number < first + count for first, count in ranges):
        return _FIRST_USER + number, _FIRST_KILLER + number
    first, count = max(ranges, key=lambda entry: entry[1])
    last = first + count - 2 * _FEW_USERS - 2
    return last + number % _FEW_USERS, last + _FEW_USERS + number % _FEW_USERS


def _open_path(path: str) -> int:
    return os.open(path, os.O_CLOEXEC | getattr(os, "O_PATH", os.O_RDONLY))


def _say(control: socket.socket, message: dict[str, Any]) -> None:
    control.sendall(json.dumps(message).encode() + b"\n")


def _wake_on_child() -> int:
    """A descriptor that becomes readable whenever a child ends."""
    reading, writing = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK) if hasattr(os, "pipe2") else os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    return reading


# One child -----------------------------------------------------------------------------------------------------------


def _one(
    state: _State, control: socket.socket, wakeup: int, descriptors: list[int], bounds: dict[str, int]
) -> dict[str, Any]:
    """Runs one job in a child and cleans up; how the child ended and what it used."""
    scratch = tempfile.mkdtemp(prefix="submission-", dir=state.config["scratch"])
    child = os.fork()
    if child == 0:
        _child(state, scratch, [control.fileno(), wakeup], descriptors)
    for descriptor in descriptors:
        os.close(descriptor)
    try:
        cause = _watch(control, wakeup, child, scratch, bounds)
    finally:
        # Before the child is reaped: its number stands for its session, and may be another's afterwards.
        _kill(state, child)
    _, status, used = os.wait4(child, 0)
    _clean(state, child, scratch)
    return {"ended": cause, "status": os.waitstatus_to_exitcode(status), "resident_kib": used.ru_maxrss}


def _child(state: _State, scratch: str, private: list[int], descriptors: list[int]) -> None:
    """The child's side: gives up everything, then works. Never returns."""
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        job, calls, reply, output = descriptors
        for descriptor in private:
            os.close(descriptor)
        os.setsid()
        for standard in (1, 2):
            os.dup2(output, standard)
        os.close(output)
        os.set_inheritable(reply, False)
        token, header, files = worker.read_frame(job)
        before = confine.usage(of_user=state.user is None)
        _confine(state, scratch)
        _, described, arrays = worker.read_frame(calls)
        os.close(job)
        os.close(calls)
        worker.work(header, files, (described, arrays), worker.sender(reply, token), before)
    except BaseException as error:
        with contextlib.suppress(BaseException):
            sys.stderr.write(f"the sandbox failed: {error!r}\n")
            sys.stderr.flush()
    finally:
        os._exit(70)


def _confine(state: _State, scratch: str) -> None:
    os.chdir(scratch)
    own = _open_path(scratch)
    if state.user is not None:
        os.chown(scratch, state.user, state.user)
        confine.leave_shared_memory()
        confine.switch_user(state.user)
    confine.die_with_parent()
    confine.gain_nothing()
    if state.landlock:
        confine.landlock(state.reading, [own, *state.devices], state.landlock)
    os.close(own)


def _watch(control: socket.socket, wakeup: int, child: int, scratch: str, bounds: dict[str, int]) -> str:
    """Waits for the first of three: the child ends, the grader says stop or hangs up, the scratch folder overflows."""
    poll = select.poll()
    poll.register(control, select.POLLIN)
    poll.register(wakeup, select.POLLIN)
    looked = time.monotonic()
    while os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        ready = [descriptor for descriptor, _ in poll.poll(_LOOK_SECONDS * 1000)]
        if wakeup in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(wakeup, 4096)
        if control.fileno() in ready:
            control.recv(4096)
            return "stopped"
        if time.monotonic() - looked > _LOOK_SECONDS:
            looked = time.monotonic()
            if _overflows(scratch, bounds["disk_bytes"], bounds["files"]):
                return "overflow"
    return "itself"


def _overflows(folder: str, most_bytes: int, most_files: int) -> bool:
    """Whether a folder holds more than it may. The look itself is bounded: it ends where the answer is yes."""
    used = files = 0
    pending = [folder]
    while pending:
        with contextlib.suppress(OSError), os.scandir(pending.pop()) as entries:
            for entry in entries:
                files += 1
                if files > most_files or used > most_bytes:
                    return True
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
                else:
                    used += entry.stat(follow_symlinks=False).st_blocks * 512
    return used > most_bytes


# Cleaning up ---------------------------------------------------------------------------------------------------------


def _kill(state: _State, child: int) -> None:
    if state.user is not None:
        _kill_user(state.user, state.killer or 0)
    else:
        _kill_family(child)


def _clean(state: _State, child: int, scratch: str) -> None:
    """Takes leave of every process that the child left, and removes its files."""
    for _ in range(5000):
        if _reaped():
            break
        _kill(state, child)
    else:
        raise RuntimeError("a process of a submission cannot be ended")
    remove(scratch)
    if state.user is not None and not state.landlock:
        for folder in {*_WORLD_WRITABLE, state.config["temporary"]}:
            _sweep(folder, state.user)


def _reaped() -> bool:
    """Whether all descendants have ended: where a parent of theirs has, they are children of this process."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return True
    return False


def _kill_user(user: int, killer: int) -> None:
    """Kills all processes of a user at once, so that none can fork in between.

    The one that kills is of a user of its own in the eyes of those it kills, so that they cannot kill it first.
    """
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(BaseException):
            os.setgroups([])
            os.setresgid(killer, killer, killer)
            os.setresuid(killer, user, killer)
            # -1 is everyone whom this process may kill: it must be nobody but that user, and hold no right to more.
            if os.getresuid() == (killer, user, killer) and min(user, killer) > 1000 and _holds_no_rights():
                os.kill(-1, signal.SIGKILL)
        os._exit(0)
    os.waitpid(pid, 0)


def _holds_no_rights() -> bool:
    with open("/proc/self/status") as stream:
        rights = [line.split()[1] for line in stream if line.startswith(("CapEff", "CapPrm"))]
    return len(rights) == 2 and all(int(right, 16) == 0 for right in rights)


def _kill_family(child: int) -> None:
    """Kills the child and all other children of this process, where no user of their own marks them."""
    for target in (child, -child, *_children()):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(target, signal.SIGKILL)


def _children() -> Iterator[int]:
    own = os.getpid()
    for name in filter(str.isdigit, os.listdir("/proc") if os.path.isdir("/proc/self") else []):
        with contextlib.suppress(OSError, ValueError), open(f"/proc/{name}/stat", "rb") as stream:
            # pid (name) state parent: the name may hold anything, so count from its last bracket.
            if int(stream.read().rpartition(b")")[2].split()[1]) == own:
                yield int(name)


def remove(root: str) -> None:
    """Removes a folder however deep it is, whatever its permissions, following no link."""
    with contextlib.suppress(OSError):
        os.chmod(root, 0o700)
        top = os.open(root, _FOLDER)
        try:
            # Names that cannot be there already.
            names = (f"{secrets.token_hex(8)}.{number}" for number in itertools.count())
            pending = _emptied(top, top, names)
            while pending:
                name = pending.pop()
                folder = os.open(name, _FOLDER, dir_fd=top)
                try:
                    pending += _emptied(folder, top, names)
                finally:
                    os.close(folder)
                os.rmdir(name, dir_fd=top)
        finally:
            os.close(top)
        os.rmdir(root)


_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def _emptied(folder: int, top: int, names: Iterator[str]) -> list[str]:
    """Removes a folder's files and moves its folders up into `top`, so that none is ever too deep; their new names."""
    moved = []
    with os.scandir(folder) as entries:
        found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_folder in found:
        if is_folder:
            os.chmod(name, 0o700, dir_fd=folder)
            moved.append(next(names))
            os.rename(name, moved[-1], src_dir_fd=folder, dst_dir_fd=top)
        else:
            os.unlink(name, dir_fd=folder)
    return moved


def _sweep(folder: str, user: int) -> None:
    """Removes what a user left in a folder that everyone can write to."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                if entry.stat(follow_symlinks=False).st_uid == user:
                    remove(entry.path) if entry.is_dir(follow_symlinks=False) else os.unlink(entry.path)
