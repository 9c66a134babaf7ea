"""A fork server: Python with its packages loaded once, and a clean child of it for every submission.

It knows no expected value and no submission: what a child runs, the child alone is told. Of the problems, which all
submissions of a class get, it keeps those that were asked last. One child lives at a time, and when it has ended
everything that it started, wrote or left behind is gone before the grader hears of it.
"""

# ruff: noqa: PTH101, PTH110, PTH123
# os works on open folders, and pathlib would cost time before a student's clock starts.
from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import socket
import sys
import tempfile
import time
from typing import Any, NamedTuple

from verify.isolation.inside import cleaning, confine, groups, imports, landlock, rooms, syscalls, totals, worker
from verify.isolation.inside.looking import ROOM_TASKS, Look

# Whole ranges of users that no system gives away; what a child starts has one of them, and so is found again.
_FIRST_USER = 1_880_000_000
_FIRST_KILLER = 1_890_000_000
_FEW_USERS = 8192
_KEPT_BYTES = 1 << 20
Calls = tuple[dict[str, Any], bytes]  # what is asked for, and the bytes of its arrays
_WORLD_WRITABLE = ("/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue", "/run/lock", "/var/lock", "/var/crash")


def serve(control_descriptor: int, config: dict[str, Any]) -> None:
    """Takes jobs from the grader until it hangs up. config: what `sandbox.py` decided for this machine."""
    control = socket.socket(fileno=control_descriptor)
    confine.become_subreaper()
    wakeup = _wake_on_child()
    config["scratch"] = "" if config["room"] else tempfile.mkdtemp(prefix="backproof-", dir=_temporary(config))
    try:
        if config["scratch"]:
            os.chmod(config["scratch"], 0o711)
        state = _State(config)
        _say(control, state.told())
        while True:
            message, descriptors, _, _ = socket.recv_fds(control, 4096, 4)
            if not message:
                break
            # A message without descriptors is a "stop" that came too late: the child had ended by itself.
            if descriptors:
                limits = json.loads(message.splitlines()[-1])
                _say(control, _one(state, control, wakeup, descriptors, limits))
    except (BrokenPipeError, ConnectionResetError):
        pass
    finally:
        if config["scratch"]:
            cleaning.remove(config["scratch"])


def _temporary(config: dict[str, Any]) -> str:
    """A folder for scratch folders that another user can reach, where children become one."""
    places = [config["temporary"], "/tmp", "/var/tmp"]
    return next((place for place in places if not config["switch_user"] or imports.others_reach(place)), places[0])


class _State:
    """What stays the same from child to child."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self.rooms = config["room"] is not None
        # In a room each child has a network, and mounts, of its own.
        self.network = self.rooms or (os.geteuid() == 0 and confine.leave_network())
        self.user, self.killer = _users() if config["switch_user"] else (None, None)
        self.landlock = landlock.version() if config["landlock"] else 0
        self.reading, self.devices = -1, []
        if self.landlock:
            self.reading = self.reading_rule()
            self.devices = [_open_path(path) for path in config["devices"] if os.path.exists(path)]
        self.group = config["group"]
        self.own_tasks = groups.DEVICE_TASKS if config["with_device"] else 0
        # Made here, once for all children.
        self.filtered = syscalls.filter_here() is not None
        self._calls: tuple[int, Calls] | None = None
        gc.collect()
        gc.freeze()

    def reading_rule(self, *more: str) -> int:
        """What Landlock lets be read, as a descriptor."""
        config = self.config
        return landlock.reading([*config["readable"], *config["devices"], config["scratch"], *more], self.landlock)

    def calls(self, descriptor: int) -> Calls:
        """The calls in a sealed file, read once for all children in a row that get the same."""
        if self._calls is not None and os.path.sameopenfile(self._calls[0], descriptor):
            return self._calls[1]
        _, described, arrays = worker.read_frame(descriptor)
        if len(arrays) <= _KEPT_BYTES:
            if self._calls is not None:
                os.close(self._calls[0])
            # Kept open, so that no other file can have its number.
            self._calls = os.dup(descriptor), (described, arrays)
            gc.collect()
            gc.freeze()
        return described, arrays

    def told(self) -> dict[str, Any]:
        """What the grader is told of this server."""
        return {
            "scratch": self.config["scratch"],
            "network": self.network,
            "user": self.user,
            "landlock": self.landlock,
            "filtered": self.filtered,
            "group": self.group is not None,
        }


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
    state: _State, control: socket.socket, wakeup: int, descriptors: list[int], limits: dict[str, float]
) -> dict[str, Any]:
    """Runs one job in a child and cleans up; how the child ended and what it used."""
    scratch = "" if state.rooms else tempfile.mkdtemp(prefix="submission-", dir=state.config["scratch"])
    state.calls(descriptors[1])
    hear, say = os.pipe()
    group = groups.made(state.group, int(limits["processes"]) + ROOM_TASKS + 1 + state.own_tasks)
    began, cause = time.monotonic(), ""
    child = os.fork()
    if child == 0:
        start = _room if state.rooms else _child
        _enter(group)
        start(state, scratch, descriptors, limits, say)
    for descriptor in (*descriptors, say):
        os.close(descriptor)
    try:
        look = Look(child, scratch, limits, rooms=state.rooms, with_device=state.config["with_device"])
        if group is not None:
            group.bound_memory(limits, look.base)
        cause = _watch(control, wakeup, child, look)
    finally:
        # Before the child is reaped: its number stands for its session, and may be another's afterwards. Where a user
        # stands for it and it has ended, `_clean` sees whether it left anything: that is a child of this process now.
        if cause != "itself" or state.rooms or state.user is None:
            _kill(state, child)
    _, status, used = os.wait4(child, 0)
    _clean(state, child, scratch)
    ended = _Ended(os.waitstatus_to_exitcode(status), used.ru_maxrss, used.ru_utime + used.ru_stime)
    if state.rooms:
        ended = _told_of_room(hear)
    os.close(hear)
    if group is not None and group.end() and cause == "itself":
        cause = "memory"
    return {
        "ended": cause,
        "status": ended.status,
        "resident_kib": max(ended.resident_kib, look.resident >> 10),
        "cpu": min(max(ended.cpu, look.cpu), (time.monotonic() - began) * (os.cpu_count() or 1)),
        "waited": look.waits.seconds,
    }


class _Ended(NamedTuple):
    """How a submission's first process ended: exit status or minus its signal; its memory and processor time."""

    status: int | None
    resident_kib: int
    cpu: float


def _told_of_room(hear: int) -> _Ended:
    """What the room's first process wrote before it ended; nothing where it was ended itself."""
    words = os.read(hear, 256).split()
    return _Ended(int(words[0]), int(words[1]), float(words[2])) if len(words) == 3 else _Ended(None, 0, 0.0)


def _enter(group: groups.Group | None) -> None:
    """The child's first step, before it starts anything."""
    try:
        if group is not None:
            group.enter()
    except OSError as error:
        _failed(error)
        os._exit(70)


def _child(state: _State, scratch: str, descriptors: list[int], limits: dict[str, float], say: int) -> None:
    """The child's side: gives up everything, then works. Never returns."""
    job, calls, reply, output = descriptors
    try:
        _stand_alone(output)
        os.set_inheritable(reply, False)
        token, header, files = worker.read_frame(job)
        asked = state.calls(calls)
        if state.rooms:
            before = confine.usage(of_user=False) | {"tasks": 0 if state.user is not None else ROOM_TASKS}
            _confine_in_room(state)
        else:
            before = confine.usage(of_user=state.user is None)
            _confine(state, scratch)
        confine.close_all_but([reply, *imports.opened])
        worker.work(header, files, asked, worker.sender(reply, token), before)
    except BaseException as error:
        _failed(error)
    finally:
        os._exit(70)


def _failed(error: BaseException) -> None:
    with contextlib.suppress(BaseException):
        sys.stderr.write(f"the sandbox failed: {error!r}\n")
        sys.stderr.flush()


def _stand_alone(output: int) -> None:
    """Takes leave of the server's signals and terminal; what is printed goes to the grader."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    for standard in (1, 2):
        os.dup2(output, standard)


def _confine(state: _State, scratch: str) -> None:
    os.chdir(scratch)
    own = _open_path(scratch)
    if state.user is not None:
        os.chown(scratch, state.user, state.user)
        confine.leave_shared_memory()
        confine.switch_user(state.user)
    confine.die_with_parent()
    # Where both are one user the server must look into it; with Landlock no other submission can.
    confine.gain_nothing(seen=state.user is None and bool(state.landlock))
    if state.landlock:
        # A device's driver looks at its own process, which has its number only now.
        reading = state.reading_rule("/proc/self") if state.config["with_device"] else state.reading
        landlock.shut(reading, [own, *state.devices], state.landlock)


# A child in a room ---------------------------------------------------------------------------------------------------


def _room(state: _State, scratch: str, descriptors: list[int], limits: dict[str, float], say: int) -> None:
    """Opens a room, starts its first process, and ends with it. Never returns."""
    server = os.getppid()
    try:
        confine.die_with_parent()
        _stand_alone(descriptors[-1])
        rooms.open_room(state.config["room"]["user"])
        alive, opener = os.pipe()
        first = os.fork()
        if first == 0:
            os.close(opener)
            _first(state, scratch, descriptors, limits, say, alive)
        confine.close_all_but([opener])
        _say_nothing_more()
        if os.getppid() == server:
            os.waitpid(first, 0)
    except BaseException as error:
        _failed(error)
    finally:
        os._exit(70)


def _first(state: _State, scratch: str, descriptors: list[int], limits: dict[str, float], say: int, alive: int) -> None:
    """A room's first process, with which the kernel ends all others in it: starts the submission, says how it ended."""
    try:
        confine.die_with_parent()
        if select.select([alive], [], [], 0)[0]:
            return  # Who opened the room had ended before it could take this one along.
        rooms.furnish(int(limits["disk_bytes"]), int(limits["files"]))
        child = os.fork()
        if child == 0:
            _child(state, scratch, descriptors, limits, say)
        confine.close_all_but([say])
        _say_nothing_more()
        # Orphans come here, too, and would be counted for as long as nobody took leave of them.
        ended, status, used = os.wait3(0)
        while ended != child:
            ended, status, used = os.wait3(0)
        text = f"{os.waitstatus_to_exitcode(status)} {used.ru_maxrss} {used.ru_utime + used.ru_stime}"
        os.write(say, text.encode())
    except BaseException as error:
        _failed(error)
    finally:
        os._exit(70)


def _say_nothing_more() -> None:
    """Gives the grader's pipe back, so that its end is seen when the submission's own processes have ended."""
    nothing = os.open("/dev/null", os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    os.close(nothing)


def _confine_in_room(state: _State) -> None:
    if state.user is not None:
        confine.switch_user(state.user)
    rooms.drop_rights()
    confine.die_with_parent()
    confine.gain_nothing(seen=state.user is None)


# Watching and cleaning up ---------------------------------------------------------------------------------------------


def _watch(control: socket.socket, wakeup: int, child: int, look: Look) -> str:
    """Waits for the first of three: the child ends, the grader says stop or hangs up, a total is exceeded."""
    poll = select.poll()
    poll.register(control, select.POLLIN)
    poll.register(wakeup, select.POLLIN)
    looked = time.monotonic()
    while os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        ready = [descriptor for descriptor, _ in poll.poll(totals.LOOK_SECONDS * 1000)]
        if wakeup in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(wakeup, 4096)
        if control.fileno() in ready:
            control.recv(4096)
            return "stopped"
        if time.monotonic() - looked > totals.LOOK_SECONDS:
            looked = time.monotonic()
            if excess := look.excess():
                return excess
    return "itself"


def _kill(state: _State, child: int) -> None:
    if state.rooms:
        # The first process inside, which takes the others along, and the one that opened the room.
        for process in reversed(totals.family(child)[:2]):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL)
        cleaning.kill_family(child)
    elif state.user is not None:
        cleaning.kill_user(state.user, state.killer or 0)
    else:
        cleaning.kill_family(child)


def _clean(state: _State, child: int, scratch: str) -> None:
    """Takes leave of every process that the child left, and removes its files."""
    for _ in range(5000):
        if cleaning.reaped():
            break
        _kill(state, child)
    else:
        raise RuntimeError("a process of a submission cannot be ended")
    if scratch:
        cleaning.remove(scratch)
    if state.user is not None and not state.landlock and not state.rooms:
        for folder in {*_WORLD_WRITABLE, state.config["temporary"]}:
            cleaning.sweep(folder, state.user)
