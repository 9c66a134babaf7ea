"""Reads what people hand in where it can do no harm: in a process of its own that the kernel ends.

A source may take the compiler minutes, an archive may unpack to gigabytes, and what holds the interpreter hears no
clock. So files are read in a helper process with limits of processor time and memory. A file whose helper ends twice
cannot be read, which is the file's fault and said so.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import math
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from verify.errors import BadInput
from verify.submissions.finding import Handed, find
from verify.submissions.programs import MEMORY, seeking
from verify.submissions.reading import Entry, read_entry
from verify.submissions.submission import Submission, Ungradable, shown

try:
    import resource
except ImportError:  # Windows: nothing is confined there
    resource: Any = None

# A thousand times what an honest program takes.
PROCESSOR_SECONDS = 15
MEMORY_MIB = 1024
# Waiting for a disk takes no processor time.
WALL_SECONDS = 300.0
_ENDING_SECONDS = 5.0
_ROOT = Path(__file__).parents[2]
_START = (
    "import sys; sys.path.insert(0, sys.argv[1]); from verify.submissions.confined import serve; serve(sys.argv[2:])"
)


@dataclass(frozen=True)
class Unread:
    """Why a submission cannot be read as Python."""

    reason: str


@dataclass(frozen=True)
class Several:
    """What was read of a submission for each part of an assignment, in its order."""

    parts: tuple[Submission | Unread, ...]

    @property
    def digest(self) -> str:
        """Of all that runs."""
        every = [part.digest if isinstance(part, Submission) else part.reason for part in self.parts]
        return hashlib.sha256("\n".join(every).encode(errors="replace")).hexdigest()


def read(entry: Entry, wanted: str = "", defines: str = "gradients", others: Sequence[str] = ()) -> Submission | Unread:
    """The submission of an entry.

    wanted: the program's name, where the assignment gives it one; without a suffix it is one that the program may have.
    defines: the function or class that it is about. others: the same of an assignment's other parts, as wanted.
    """
    return _reader.ask(
        "read", (entry, wanted, defines, tuple(others)), lambda why: Unread(shown(f"{entry.name}: {why}"))
    )


def start() -> None:
    """Starts the process that reads, so that it is there when it is asked."""
    _reader.start()


def find_submissions(paths: Sequence[Path], assignment: str = "") -> list[Entry]:
    """Every submission under the paths. Raises BadInput."""
    return find_class(paths, assignment).entries


def find_class(paths: Sequence[Path], assignment: str = "") -> Handed:
    """Every submission under the paths, and what is none, as `finding.find` tells them. Raises BadInput.

    assignment: its name, for a tree that holds several.
    """

    def refuse(why: str) -> Any:
        raise BadInput(shown(f"{', '.join(map(str, paths))}: {why}"))

    found = _reader.ask("find", ([*map(Path, paths)], assignment), refuse)
    if isinstance(found, _Refused):
        raise BadInput(found.reason)
    return found


# In the helper -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Refused:
    """BadInput, on its way back."""

    reason: str


def _read(entry: Entry, wanted: str, defines: str, others: Sequence[str]) -> Submission | Unread:
    try:
        with seeking(defines, others):
            return read_entry(entry, wanted)
    except Ungradable as reason:
        return Unread(str(reason))
    except MemoryError:
        return Unread(shown(f"{entry.name}: {MEMORY}"))
    # A file that its reader does not understand is a damaged one.
    except Exception as error:
        return Unread(shown(f"{entry.name}: is damaged: {type(error).__name__}: {error}"))


def _find(paths: list[Path], assignment: str) -> Handed | _Refused:
    try:
        return find(paths, assignment)
    except BadInput as reason:
        return _Refused(str(reason))
    except OSError as error:
        return _Refused(shown(f"{error.filename or paths[0]}: cannot be read ({error.strerror})"))
    except Exception as error:
        return _Refused(shown(f"{paths[0]}: cannot be looked through ({type(error).__name__}: {error})"))


_TASKS: dict[str, Callable[..., Any]] = {"read": _read, "find": _find}


def serve(words: Sequence[str]) -> None:
    """Reads until the grader hangs up. words: the descriptor of the channel to it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)  # the compiler warns, and what dies is told by its end
    with contextlib.suppress(EOFError, OSError), Connection(int(words[0])) as channel:
        while True:
            name, arguments, folder, seconds, mebibytes = channel.recv()
            os.chdir(folder)  # of whoever asks, now
            _limit(seconds, mebibytes)
            channel.send(_TASKS[name](*arguments))


def _limit(seconds: int, mebibytes: int) -> None:
    """Bounds what the next task may take. Each has its own time, and memory on top of what Python has by itself."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _lower(resource.RLIMIT_CPU, math.ceil(used.ru_utime + used.ru_stime) + seconds)
    _lower(resource.RLIMIT_AS, _BASE + (mebibytes << 20))
    _lower(resource.RLIMIT_CORE, 0)


def _lower(kind: int, value: int) -> None:
    ceiling = resource.getrlimit(kind)[1]
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(kind, (value if ceiling == resource.RLIM_INFINITY else min(value, ceiling), ceiling))


def _addresses() -> int:
    if resource is None:
        return 0
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except (OSError, ValueError):
        return 0


_BASE = _addresses()


# In the grader -------------------------------------------------------------------------------------------------------


class _Reader:
    """The grader's end: one helper at a time, replaced where it ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._helper: _Helper | None = None

    def ask(self, name: str, arguments: tuple[Any, ...], failed: Callable[[str], Any]) -> Any:
        """What a task gives; where its helper ended twice, what `failed` makes of the reason."""
        with self._lock:
            for _ in range(2):
                helper = self._helper = self._helper or _Helper()
                try:
                    return helper.ask((name, arguments, str(Path.cwd()), PROCESSOR_SECONDS, MEMORY_MIB))
                except (EOFError, OSError):
                    self._helper = None
                    reason = helper.end()
                except BaseException:
                    # What it says next would be the answer to a question that nobody waits for any more.
                    self._helper = None
                    helper.kill()
                    raise
            return failed(reason)

    def start(self) -> None:
        """Starts the helper and waits for nothing."""
        with self._lock:
            self._helper = self._helper or _Helper()

    def close(self) -> None:
        """Ends the helper."""
        if self._helper is not None:
            self._helper.close()
            self._helper = None

    def forget(self) -> None:
        """In a child of this process: the helper is the parent's."""
        if self._helper is not None:
            self._helper.forget()
        self.__init__()


class _Helper:
    """One helper process."""

    def __init__(self) -> None:
        self._channel, theirs = Pipe()
        self._late = False
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", _START, str(_ROOT), str(theirs.fileno())],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                # Ctrl-C is the grader's own business.
                start_new_session=True,
            )

    def ask(self, task: tuple[Any, ...]) -> Any:
        """What the task gives. Raises EOFError or OSError where the helper ended."""
        self._channel.send(task)
        if not self._channel.poll(WALL_SECONDS):
            self._late = True
            raise EOFError
        return self._channel.recv()

    def end(self) -> str:
        """Ends it; why it had ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(0.0 if self._late else _ENDING_SECONDS)
        self._process.kill()
        status = self._process.wait()
        self._channel.close()
        if self._late:
            return f"takes more than {WALL_SECONDS:g} s to read"
        if status == -signal.SIGXCPU:
            return f"takes more than {PROCESSOR_SECONDS} s of processor time to read"
        return f"brought the process that read it to its end, twice (status {status})"

    def close(self) -> None:
        """Ends a helper that waits."""
        self._channel.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_ENDING_SECONDS)
        self._process.kill()
        self._process.wait()

    def kill(self) -> None:
        """Ends it whatever it does."""
        self._process.kill()
        self._process.wait()
        self._channel.close()

    def forget(self) -> None:
        """Closes this end alone."""
        self._channel.close()
        self._process.returncode = 0


_reader = _Reader()
atexit.register(_reader.close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reader.forget)
