"""Where a worker runs: wrapped by bubblewrap, or as a confined process forked off a server that has numpy loaded."""

from __future__ import annotations

import atexit
import contextlib
import functools
import itertools
import json
import marshal
import os
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verify.isolation.inside.zygote import remove
from verify.isolation.packages import Packages, library_folders, packages_for, standard_library
from verify.isolation.protocol import IsolationError, Job, Limits, sealed_file
from verify.isolation.supervision import End, Running

_INSIDE = Path(__file__).parent / "inside"
# In this order: each may use those before it.
_MODULES = ("imports", "codec", "confine", "noautograd", "program", "standins", "worker", "zygote")
_START_SECONDS = 120.0
_STOP_SECONDS = 60.0
_FIRST_WRAPPED_USER = 1_900_000_000
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
# One thread, and the same hashes every time. The grader's own environment stays outside, but for what BLAS needs here.
_ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "MALLOC_ARENA_MAX": "1",
    "MKL_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
}
_KEPT_VARIABLES = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


@dataclass(frozen=True)
class Sandbox:
    """A way to run submissions that works on this machine.

    mode: "bubblewrap" or "process". notes: what it shuts out here, for the report. user_namespace: how bwrap was
    started. landlock: whether processes are shut off from files with it. own_user: whether each submission is a user
    of its own, where the grader is root.
    """

    mode: str
    notes: tuple[str, ...] = ()
    user_namespace: bool = False
    landlock: bool = True
    own_user: bool = True

    def start(self, job: Job, calls: int, reply: int, output: int) -> Running:
        """Starts a worker on a job; reply and output are the writing ends of its pipes. Raises IsolationError."""
        start = _Wrapped if self.mode == "bubblewrap" else _Forked
        return start(self, job, calls, reply, output)


def _python() -> list[str]:
    # Not -I, which would ignore the hash seed: the environment is ours, and the other two things it means are here.
    executable = os.path.realpath(sys.executable)
    return [executable, "-P", "-s", "-S", "-B", "-X", "utf8", "-c", (_INSIDE / "boot.py").read_text()]


def _environment() -> dict[str, str]:
    return _ENVIRONMENT | {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}


@functools.cache
def _modules() -> tuple[tuple[str, Any], ...]:
    """The modules of inside/, compiled once for all workers."""
    return tuple((name, compile((_INSIDE / f"{name}.py").read_text(), f"<{name}>", "exec")) for name in _MODULES)


def _bundle(start: tuple[str, str], **config: Any) -> bytes:
    return marshal.dumps({"modules": _modules(), "start": start, **config})


# Processes -----------------------------------------------------------------------------------------------------------


class _Zygote:
    """The grader's end of one fork server."""

    def __init__(self, backend: str, landlock: bool, own_user: bool) -> None:
        packages = packages_for(backend)
        self.control, inside = socket.socketpair()
        self.errors = (
            os.memfd_create("errors", os.MFD_CLOEXEC) if hasattr(os, "memfd_create") else os.open(os.devnull, os.O_RDWR)
        )
        bundle = sealed_file(_bundle(("zygote", "serve"), **_zygote_config(backend, packages, landlock, own_user)))
        try:
            self.process = subprocess.Popen(
                [*_python(), str(bundle), str(inside.fileno())],
                env=_environment(),
                pass_fds=(bundle, inside.fileno()),
                stdin=subprocess.DEVNULL,
                stdout=self.errors,
                stderr=self.errors,
                cwd="/",
                start_new_session=True,
            )
        finally:
            os.close(bundle)
            inside.close()
        self.control.settimeout(_START_SECONDS)
        self.told: dict[str, Any] = {"scratch": ""}
        self.told = self.hear()

    def hear(self) -> dict[str, Any]:
        """The next message. Raises IsolationError where none comes."""
        text = b""
        try:
            while not text.endswith(b"\n"):
                part = self.control.recv(4096)
                if not part:
                    raise IsolationError(f"the process sandbox failed: {self._reason()}")
                text += part
        except OSError as error:
            raise IsolationError(f"the process sandbox does not answer: {error}") from None
        return json.loads(text)

    def _reason(self) -> str:
        lines = os.pread(self.errors, 1 << 16, 0).decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it ended without a word"

    def close(self) -> None:
        """Ends the server; it ends and removes what is left of its child first."""
        self.control.close()
        os.close(self.errors)
        try:
            self.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.returncode != 0:
            # It was ended from outside, and could not tidy up.
            remove(self.told["scratch"])


def _zygote_config(backend: str, packages: Packages, landlock: bool, own_user: bool) -> dict[str, Any]:
    switch_user = own_user and os.geteuid() == 0 and hasattr(os, "setresuid")
    return {
        "packages": {"paths": [str(folder) for folder in packages.folders], "names": packages.names},
        "preload": _PRELOADED[backend],
        "switch_user": switch_user,
        "landlock": landlock,
        "readable": [str(path) for path in (*standard_library(), *packages.files, *_shared_libraries())],
        "devices": [*_DEVICES, *map(str, Path("/dev").glob("nvidia*"))],
        "temporary": tempfile.gettempdir(),
    }


_PRELOADED = {
    "numpy": [
        "numpy",
        "random",
        "numpy.random",
        "numpy.linalg",
        "numpy.fft",
        "numpy.polynomial",
        "math",
        "copy",
        "itertools",
    ],
    "torch": ["random", "numpy.random", "torch", "torch.func", "torch.autograd.forward_ad", "torch._functorch.apis"],
}


def _shared_libraries() -> Iterator[Path]:
    """Where the dynamic linker finds libraries, without the Python packages of the system."""
    for folder in map(Path, ("/usr/lib", "/usr/lib64", "/lib", "/lib64")):
        if folder.is_dir():
            yield from (entry for entry in folder.iterdir() if not entry.name.startswith("python"))
    yield from map(Path, ("/etc/ld.so.cache", "/usr/share/zoneinfo", "/usr/share/fonts", "/etc/fonts"))
    yield Path(sysconfig.get_config_var("LIBDIR") or "/usr/lib") / str(sysconfig.get_config_var("INSTSONAME"))


# Backend, Landlock, a user of its own.
_Kind = tuple[str, bool, bool]


class _Pool:
    """Idle fork servers of this process, so that the next submission need not wait for one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: dict[_Kind, list[_Zygote]] = {}

    def take(self, kind: _Kind) -> _Zygote:
        """An idle server, or a new one. Raises IsolationError."""
        while True:
            with self._lock:
                idle = self._idle.get(kind)
                zygote = idle.pop() if idle else None
            if zygote is None:
                return _Zygote(*kind)
            if zygote.process.poll() is None:
                return zygote
            zygote.close()

    def give(self, zygote: _Zygote, kind: _Kind) -> None:
        """Takes a server back that has nothing left of its last child."""
        with self._lock:
            self._idle.setdefault(kind, []).append(zygote)

    def close(self) -> None:
        """Ends all idle servers."""
        with self._lock:
            zygotes = [zygote for idle in self._idle.values() for zygote in idle]
            self._idle.clear()
        for zygote in zygotes:
            zygote.close()

    def forget(self) -> None:
        """In a child of this process: its servers are the parent's, so only this end of them is closed."""
        for zygote in (zygote for idle in self._idle.values() for zygote in idle):
            zygote.control.close()
            zygote.process.returncode = 0
        self.__init__()


_pool = _Pool()
atexit.register(_pool.close)
os.register_at_fork(after_in_child=_pool.forget)


class _Forked:
    """A worker in process mode."""

    def __init__(self, sandbox: Sandbox, job: Job, calls: int, reply: int, output: int) -> None:
        self.kind = (job.backend, sandbox.landlock, sandbox.own_user)
        self.zygote = _pool.take(self.kind)
        file = sealed_file(job.encoded())
        try:
            bounds = json.dumps({"disk_bytes": job.limits.disk_bytes, "files": job.limits.files})
            socket.send_fds(self.zygote.control, [bounds.encode() + b"\n"], [file, calls, reply, output])
        except OSError:
            self.zygote.close()
            raise IsolationError("the process sandbox has ended") from None
        finally:
            os.close(file)

    @property
    def ended(self) -> int:
        return self.zygote.control.fileno()

    def stop(self) -> End:
        try:
            # An answer that is there already, the child's own end, is read all the same.
            self.zygote.control.sendall(b"stop\n")
            said = self.zygote.hear()
        except (OSError, IsolationError):
            # Without a user of its own a submission can end its server; the next one gets another.
            self.zygote.close()
            return End(None)
        _pool.give(self.zygote, self.kind)
        return End(
            said["status"] if said["ended"] == "itself" else None, said["resident_kib"], said["ended"] == "overflow"
        )


# Bubblewrap ----------------------------------------------------------------------------------------------------------


class _Wrapped:
    """A worker in bubblewrap mode: a Python of its own, in a name space of its own."""

    def __init__(self, sandbox: Sandbox, job: Job, calls: int, reply: int, output: int) -> None:
        file = sealed_file(job.encoded())
        bundle = sealed_file(_wrapped_bundle(job.backend))
        hear_info, say_info = os.pipe()
        try:
            command = [
                _bwrap_program(),
                *_bwrap(job.backend, job.device, job.limits, sandbox.user_namespace),
                "--info-fd",
                str(say_info),
                "--",
            ]
            self.process = subprocess.Popen(
                [*command, *_python(), *map(str, (bundle, file, calls, reply))],
                env=_environment(),
                pass_fds=(bundle, file, calls, reply, say_info),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                **_unprivileged(sandbox),
            )
        except OSError as error:
            os.close(hear_info)
            raise IsolationError(f"bwrap does not start: {error}") from None
        finally:
            for descriptor in (file, bundle, say_info):
                os.close(descriptor)
        self._outer = os.pidfd_open(self.process.pid)
        self._inner = _inner_process(hear_info)

    @property
    def ended(self) -> int:
        return self._outer

    def stop(self) -> End:
        itself = os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        if self._inner is not None:
            # The first process of the name space: the kernel ends all the others with it before it says so.
            _kill_and_wait(self._inner)
            os.close(self._inner)
        # It ends by itself when that one has, and must, to take leave of it.
        # What it used says nothing of the worker: the kernel counts in what the grader had before bwrap began.
        if not select.select([self._outer], [], [], _STOP_SECONDS if self._inner is not None else 0)[0]:
            os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self._outer)
        return End(_unwrapped(self.process.returncode) if itself else None)


def _unprivileged(sandbox: Sandbox) -> dict[str, Any]:
    """Has bwrap start as nobody in particular where it must not be root, whose processes the kernel does not count."""
    if sandbox.user_namespace and os.geteuid() == 0:
        user = _FIRST_WRAPPED_USER + secrets.randbelow(1 << 24)
        return {"user": user, "group": user, "extra_groups": []}
    return {}


def _inner_process(info: int) -> int | None:
    """A descriptor of the first process inside, from what bwrap says of it; None where it did not get so far."""
    with open(info, "rb") as stream:
        text = b""
        while not text.rstrip().endswith(b"}") and (part := os.read(stream.fileno(), 4096)):
            text += part
    try:
        return os.pidfd_open(json.loads(text)["child-pid"])
    except (ValueError, ProcessLookupError):
        return None


def _kill_and_wait(process: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(process, signal.SIGKILL)
    select.select([process], [], [], _STOP_SECONDS)


def _unwrapped(status: int) -> int:
    """An exit status as bwrap passes it on: 128 and a signal's number for a program that a signal ended."""
    return 128 - status if 128 < status < 128 + signal.NSIG else status


def _bwrap_program() -> str:
    program = shutil.which("bwrap")
    if program is None:
        raise OSError("it is not installed")
    return program


@functools.cache
def _wrapped_bundle(backend: str) -> bytes:
    packages = {"paths": ["/packages"], "names": packages_for(backend).names}
    return _bundle(("worker", "once"), packages=packages, preload=[], switch_user=False)


@functools.cache
def _bwrap(backend: str, device: str, limits: Limits, user_namespace: bool) -> tuple[str, ...]:
    """The command line up to the program: nothing but Python, the packages and libraries can be seen inside."""
    size = str(limits.disk_bytes)
    return (
        *("--die-with-parent", "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts"),
        *("--unshare-cgroup-try", "--cap-drop", "ALL"),
        *(_as_nobody() if user_namespace else ("--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID")),
        *itertools.chain.from_iterable(("--perms", "0755", "--dir", str(path)) for path in _parents()),
        *_mounted_libraries(),
        *itertools.chain.from_iterable(("--ro-bind", str(path), str(path)) for path in _mounted_python()),
        *itertools.chain.from_iterable(("--tmpfs", str(path)) for path in _hidden()),
        *itertools.chain.from_iterable(
            ("--ro-bind", str(file), f"/packages/{file.name}") for file in packages_for(backend).files
        ),
        *("--proc", "/proc", "--dev", "/dev", "--size", size, "--perms", "0777", "--tmpfs", "/dev/shm"),
        *(_cuda_devices() if device != "cpu" else ()),
        *("--size", size, "--perms", "0777", "--tmpfs", "/tmp"),
        *("--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/tmp"),
    )


def _parents() -> list[Path]:
    """The folders above all that is mounted, which bwrap would make for root alone."""
    parents = {Path("/packages"), Path("/usr"), Path("/etc"), Path("/usr/share")}
    parents.update(*(path.parents for path in _mounted_python()))
    return sorted(parents - {Path("/")})


def _as_nobody() -> tuple[str, ...]:
    return ("--unshare-user", "--uid", "65534", "--gid", "65534")


def _mounted_libraries() -> Iterator[str]:
    for path in map(Path, ("/usr/lib", "/usr/lib32", "/usr/lib64", "/lib", "/lib32", "/lib64")):
        if path.is_symlink():
            yield from ("--symlink", str(path.readlink()), str(path))
        elif path.is_dir():
            yield from ("--ro-bind", str(path), str(path))
    for path in ("/etc/ld.so.cache", "/etc/alternatives", "/usr/share/zoneinfo", "/usr/share/fonts", "/etc/fonts"):
        yield from ("--ro-bind-try", path, path)


def _mounted_python() -> Iterator[Path]:
    yield Path(os.path.realpath(sys.executable))
    yield from library_folders()
    shared = Path(sysconfig.get_config_var("LIBDIR") or "", str(sysconfig.get_config_var("INSTSONAME")))
    if sysconfig.get_config_var("Py_ENABLE_SHARED") and shared.exists():
        yield shared


def _hidden() -> Iterator[Path]:
    """Folders under what is mounted that hold other packages, the grader itself perhaps among them."""
    own = library_folders()
    for folder in own:
        yield from (path for name in ("site-packages", "dist-packages") if (path := folder / name).is_dir())
    for folder in (Path("/usr/lib"), Path("/usr/lib64")):
        yield from (path for path in sorted(folder.glob("python*")) if path not in own and not path.is_symlink())


def _cuda_devices() -> Iterator[str]:
    for path in Path("/dev").glob("nvidia*"):
        yield from ("--dev-bind-try", str(path), str(path))
    yield from ("--ro-bind-try", "/sys", "/sys")


# Choosing ------------------------------------------------------------------------------------------------------------


def candidates(mode: str) -> list[Sandbox]:
    """The sandboxes of a mode, the better first, that could work here."""
    if mode == "process":
        return [Sandbox("process", landlock=True)]
    wrapped = [Sandbox("bubblewrap", user_namespace=True)]
    # Root needs no user namespace, and so becomes a user whose processes can be counted.
    return [Sandbox("bubblewrap"), *wrapped] if os.geteuid() == 0 else wrapped


def user_for(sandbox: Sandbox) -> int | None:
    """The user that a wrapped worker becomes: one of its own, where bwrap leaves it the right to."""
    if sandbox.mode == "bubblewrap" and not sandbox.user_namespace:
        return _FIRST_WRAPPED_USER + secrets.randbelow(1 << 24)
    return None


def notes(sandbox: Sandbox) -> tuple[str, ...]:
    """What a sandbox shuts out on this machine, in words for the report."""
    if sandbox.mode == "bubblewrap":
        return ("no network", "no files but Python and numpy", "its own process space", "not root")
    kind = ("numpy", sandbox.landlock, sandbox.own_user)
    zygote = _pool.take(kind)
    _pool.give(zygote, kind)
    return (
        "a user of its own" if zygote.told["user"] is not None else "the grader's own user",
        "no network"
        if zygote.told["network"]
        else "no TCP"
        if zygote.told["landlock"] >= 4
        else "the machine's network",
        "no files but Python and numpy (Landlock)" if zygote.told["landlock"] else "files by their permissions",
    )
