"""Bubblewrap: a Python of its own for each submission, in name spaces of its own."""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import os
import select
import shutil
import signal
import subprocess
from dataclasses import asdict

from verify.isolation import control_groups, places
from verify.isolation.inside import groups, syscalls, totals
from verify.isolation.packages import packages_for
from verify.isolation.protocol import IsolationError, Job, Limits, sealed_file
from verify.isolation.servers import as_nobody
from verify.isolation.start import bundle, environment, python
from verify.isolation.supervision import End

_STOP_SECONDS = 60.0


class Wrapped:
    """A worker in bubblewrap mode."""

    # Nobody but the grader sees all of its processes.
    looks = True

    def __init__(self, user_namespace: bool, job: Job, calls: int, reply: int, output: int) -> None:
        self.limits = asdict(job.limits)
        self._inner: int | None = None
        self._first = 0
        self._peak, self._excess, self._bounded = totals.Totals(), "", False
        file = sealed_file(job.encoded())
        parcel = sealed_file(_bundle(job.backend))
        hear_info, say_info = os.pipe()
        self._waits = totals.Waits()
        self._group = groups.made(None if as_nobody(user_namespace) else control_groups.opened(), _tasks(job))
        if self._group is not None:
            # Until the worker has said what Python and its packages take.
            self._group.bound_memory(self.limits, _PACKAGES_BYTES)
        command = [_program(), *_arguments(job.backend, job.device, job.limits, user_namespace)]
        if self._group is not None:
            command = [*_ENTER, f"{control_groups.base()}/{self._group.name}/cgroup.procs", *command]
        command += ["--info-fd", str(say_info), "--", *python(), *map(str, (parcel, file, calls, reply))]
        try:
            self.process = subprocess.Popen(
                command,
                env=environment(),
                pass_fds=(parcel, file, calls, reply, say_info),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # A Ctrl-C between its fork and its first words would end it and leave its child waiting for ever.
                start_new_session=True,
                **as_nobody(user_namespace),
            )
        except OSError as error:
            os.close(hear_info)
            self._leave()
            raise IsolationError(f"bwrap does not start: {error}") from None
        finally:
            for descriptor in (file, parcel, say_info):
                os.close(descriptor)
        self._outer = os.pidfd_open(self.process.pid)
        try:
            self._first, self._inner = _inner_process(hear_info)
        except BaseException:
            self.stop()
            raise

    @property
    def ended(self) -> int:
        return self._outer

    def look(self, base: int) -> str:
        if self._inner is None or self._excess:
            return self._excess
        if self._group is not None and not self._bounded:
            self._group.bound_memory(self.limits, base)
            self._bounded = True
        members = totals.family(self._first)
        seen = totals.totals(members)
        self._waits.look(members, seen)
        self._peak.resident = max(self._peak.resident, seen.resident)
        self._peak.cpu = max(self._peak.cpu, seen.cpu)
        totals.step_back(members, seen, ours=1)
        self._excess = totals.excess(members, seen, self.limits, base=base, ours=1)
        if not self._excess and _files(self._first) > self.limits["files"]:
            self._excess = "overflow"
        return self._excess

    def stop(self) -> End:
        itself = os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        if self._inner is not None:
            # The first process of the name space: the kernel ends all the others with it before it says so.
            _kill_and_wait(self._inner)
            os.close(self._inner)
        # It ends by itself when that one has, and must, to take leave of it.
        # The memory it used says nothing of the worker: the kernel counts in what the grader had before bwrap began.
        if not select.select([self._outer], [], [], _STOP_SECONDS if self._inner is not None else 0)[0]:
            os.kill(self.process.pid, signal.SIGKILL)
        used = _waited(self.process)
        os.close(self._outer)
        status = _unwrapped(self.process.returncode) if itself else None
        out_of_memory = self._leave() and itself and status != 0
        excess = self._excess or ("memory" if out_of_memory else "")
        return End(status, self._peak.resident >> 10, max(self._peak.cpu, used), excess, self._waits.seconds)

    def _leave(self) -> bool:
        """Ends the control group, if there is one; whether the kernel ended the worker for its memory."""
        return self._group is not None and self._group.end()


# Becomes what follows, in a control group.
_ENTER = ("/bin/sh", "-c", 'echo 0 >"$0" && exec "$@"')
_PACKAGES_BYTES = 8 << 30


def _tasks(job: Job) -> int:
    """Processes and threads: bwrap's own two, the submission's, and those of a device's driver."""
    return job.limits.processes + 3 + (groups.DEVICE_TASKS if job.device != "cpu" else 0)


def _waited(process: subprocess.Popen) -> float:
    """Takes leave of a process that has ended; the processor time that it and those before it used."""
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return used.ru_utime + used.ru_stime


def _files(process: int) -> int:
    """Files and folders on the small disks of a name space; 0 where the kernel does not let us look."""
    with contextlib.suppress(OSError):
        disks = [os.statvfs(f"/proc/{process}/root/{place}") for place in ("tmp", "dev/shm")]
        return sum(disk.f_files - disk.f_ffree for disk in disks)
    return 0


def _inner_process(info: int) -> tuple[int, int | None]:
    """The first process inside and a descriptor of it, from what bwrap says; None where it did not get so far."""
    with open(info, "rb") as stream:
        text = b""
        while not text.rstrip().endswith(b"}") and (part := os.read(stream.fileno(), 4096)):
            text += part
    try:
        first = json.loads(text)["child-pid"]
        return first, os.pidfd_open(first)
    except (ValueError, ProcessLookupError):
        return 0, None


def _kill_and_wait(process: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(process, signal.SIGKILL)
    select.select([process], [], [], _STOP_SECONDS)


def _unwrapped(status: int) -> int:
    """An exit status as bwrap passes it on: 128 and a signal's number for a program that a signal ended."""
    return 128 - status if 128 < status < 128 + signal.NSIG else status


def filters_calls() -> bool:
    """Whether a worker can be shut off from system calls here."""
    return syscalls.filter_here() is not None


def _program() -> str:
    program = shutil.which("bwrap")
    if program is None:
        raise IsolationError("bwrap does not start: it is not installed")
    return program


@functools.cache
def _bundle(backend: str) -> bytes:
    packages = {"paths": ["/packages"], "names": packages_for(backend).names}
    return bundle(("worker", "once"), packages=packages, room=None, preload=[], switch_user=False)


@functools.cache
def _arguments(backend: str, device: str, limits: Limits, user_namespace: bool) -> tuple[str, ...]:
    """The command line up to the program: nothing but Python, the packages and libraries can be seen inside."""
    size = str(limits.disk_bytes)
    steps = places.steps(backend, device)
    folders = (("--perms", "0755", "--dir", str(path)) for path in places.parents())
    files = (_argument(*step) for step in steps if step[0] != "device" and step[1] != "/sys")
    late = (_argument(*step) for step in steps if step[0] == "device" or step[1] == "/sys")
    return (
        *("--die-with-parent", "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts"),
        *("--unshare-cgroup-try", "--cap-drop", "ALL"),
        *(_WITHOUT_RIGHTS if user_namespace else ("--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID")),
        *itertools.chain.from_iterable(folders),
        *itertools.chain.from_iterable(files),
        *("--proc", "/proc", "--dev", "/dev", "--size", size, "--perms", "0777", "--tmpfs", "/dev/shm"),
        *itertools.chain.from_iterable(late),
        *("--size", size, "--perms", "0777", "--tmpfs", "/tmp"),
        *("--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/tmp"),
    )


_WITHOUT_RIGHTS = ("--unshare-user", "--uid", "65534", "--gid", "65534")


def _argument(kind: str, source: str, place: str) -> tuple[str, ...]:
    """A step of `places` as bwrap takes it."""
    if kind == "hide":
        return "--tmpfs", place
    return {"bind": "--ro-bind", "link": "--symlink", "device": "--dev-bind-try"}[kind], source, place
