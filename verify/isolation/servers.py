"""Fork servers: Python with its packages loaded, which forks a clean worker off for each submission.

In process mode a worker is shut off by Landlock and users; in namespaces mode it has a room of its own.
"""

from __future__ import annotations

import atexit
import json
import os
import secrets
import socket
import subprocess
import tempfile
import threading
from dataclasses import asdict
from typing import Any, NamedTuple

from verify.isolation import control_groups, places
from verify.isolation.inside.cleaning import remove
from verify.isolation.packages import backend_of, packages_for
from verify.isolation.protocol import IsolationError, Job, sealed_file
from verify.isolation.start import bundle, environment, python
from verify.isolation.supervision import End

_START_SECONDS = 120.0
# Whole ranges of users that no system gives away: see also inside/zygote.py.
FIRST_USER = 1_900_000_000
_STOP_SECONDS = 60.0


class Kind(NamedTuple):
    """What is the same for all workers that one server forks off.

    rooms: each gets name spaces of its own, in a user name space where `user_namespace` says so; else Landlock where
    `landlock` says so. own_user: each is a user of its own, where the grader is root.
    """

    rooms: bool
    backend: str
    device: str
    user_namespace: bool
    landlock: bool
    own_user: bool

    @property
    def mode(self) -> str:
        return "namespaces" if self.rooms else "process"


class _Zygote:
    """The grader's end of one fork server."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.control, inside = socket.socketpair()
        self.errors = (
            os.memfd_create("errors", os.MFD_CLOEXEC) if hasattr(os, "memfd_create") else os.open(os.devnull, os.O_RDWR)
        )
        group = _group(kind)
        parcel = sealed_file(bundle(("zygote", "serve"), **_config(kind)))
        try:
            self.process = subprocess.Popen(
                [*python(), str(parcel), str(inside.fileno())],
                env=environment(),
                pass_fds=(parcel, inside.fileno(), *(() if group is None else (group,))),
                stdin=subprocess.DEVNULL,
                stdout=self.errors,
                stderr=self.errors,
                cwd="/",
                start_new_session=True,
                **as_nobody(kind.user_namespace),
            )
        except OSError as error:
            self.control.close()
            os.close(self.errors)
            raise IsolationError(f"the {kind.mode} sandbox does not start: {error}") from None
        finally:
            os.close(parcel)
            inside.close()
        self.control.settimeout(_START_SECONDS)
        self.told: dict[str, Any] = {"scratch": ""}
        try:
            self.told = self.hear()
        except BaseException:
            self.close()
            raise

    def hear(self) -> dict[str, Any]:
        """The next message. Raises IsolationError where none comes."""
        text = b""
        try:
            while not text.endswith(b"\n"):
                part = self.control.recv(4096)
                if not part:
                    raise IsolationError(f"the {self.kind.mode} sandbox failed: {self._reason()}")
                text += part
        except OSError as error:
            raise IsolationError(f"the {self.kind.mode} sandbox does not answer: {error}") from None
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
        if self.process.returncode != 0 and self.told["scratch"]:
            # It was ended from outside, and could not tidy up.
            remove(self.told["scratch"])


def as_nobody(user_namespace: bool) -> dict[str, Any]:
    """Has a program start as nobody in particular where it must not be root, whose processes nobody counts."""
    if user_namespace and os.geteuid() == 0:
        user = FIRST_USER + secrets.randbelow(1 << 24)
        return {"user": user, "group": user, "extra_groups": []}
    return {}


def _group(kind: Kind) -> int | None:
    """Below what a server makes control groups. One that starts as nobody in particular has no right to make any."""
    return None if kind.user_namespace and os.geteuid() == 0 else control_groups.opened()


def _config(kind: Kind) -> dict[str, Any]:
    """What a server is told of this machine."""
    packages = packages_for(kind.backend)
    common = {
        "with_device": kind.device != "cpu",
        "preload": _PRELOADED[backend_of(kind.backend)],
        "group": _group(kind),
        "switch_user": kind.own_user and not kind.user_namespace and os.geteuid() == 0 and hasattr(os, "setresuid"),
    }
    if kind.rooms:
        steps = [*places.steps(kind.backend, kind.device), *places.device_steps()]
        return common | {
            "packages": {"paths": ["/packages"], "names": packages.names},
            "room": {"user": kind.user_namespace, "steps": steps, "folders": [str(path) for path in places.parents()]},
            "landlock": False,
        }
    return common | {
        "packages": {"paths": [str(folder) for folder in packages.folders], "names": packages.names},
        "room": None,
        "landlock": kind.landlock,
        "readable": places.readable(kind.backend, kind.device),
        "devices": [*places.DEVICES, *(places.cuda_devices() if kind.device != "cpu" else ())],
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


class _Pool:
    """Idle fork servers of this process, so that the next submission need not wait for one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: dict[Kind, list[_Zygote]] = {}

    def take(self, kind: Kind) -> _Zygote:
        """An idle server, or a new one. Raises IsolationError."""
        while True:
            with self._lock:
                idle = self._idle.get(kind)
                zygote = idle.pop() if idle else None
            if zygote is None:
                return _Zygote(kind)
            if zygote.process.poll() is None:
                return zygote
            zygote.close()

    def give(self, zygote: _Zygote, kind: Kind) -> None:
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


pool = _Pool()
atexit.register(pool.close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=pool.forget)


class Forked:
    """A worker that a fork server forks off."""

    # The server looks at its totals.
    looks = False

    def __init__(self, kind: Kind, job: Job, calls: int, reply: int, output: int) -> None:
        self.kind = kind
        self.zygote = pool.take(kind)
        file = sealed_file(job.encoded())
        try:
            limits = json.dumps(asdict(job.limits))
            socket.send_fds(self.zygote.control, [limits.encode() + b"\n"], [file, calls, reply, output])
        except OSError:
            self.zygote.close()
            raise IsolationError(f"the {kind.mode} sandbox has ended") from None
        finally:
            os.close(file)

    @property
    def ended(self) -> int:
        return self.zygote.control.fileno()

    def look(self, base: int) -> str:
        return ""

    def stop(self) -> End:
        try:
            # An answer that is there already, the child's own end, is read all the same.
            self.zygote.control.sendall(b"stop\n")
            said = self.zygote.hear()
        except (OSError, IsolationError):
            # Without a user of its own a submission can end its server; the next one gets another.
            self.zygote.close()
            return End(None)
        pool.give(self.zygote, self.kind)
        itself = said["ended"] == "itself"
        excess = "" if itself or said["ended"] == "stopped" else said["ended"]
        return End(said["status"] if itself else None, said["resident_kib"], said["cpu"], excess, said["waited"])
