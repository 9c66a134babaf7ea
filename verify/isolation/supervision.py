"""Watches one worker from outside: its clock, its messages, its output, its end; and says what became of it."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

from verify.isolation.inside.engine import ENDED
from verify.isolation.inside.totals import LOOK_SECONDS
from verify.isolation.protocol import Call, Calls, IsolationError, Limits, Malformed, Outcome, Reply, Run, Transcript
from verify.isolation.texts import said
from verify.said import Said
from verify.submissions.submission import Submission, no_command, shown

# Until the worker says that it is ready no line of the student's has run: this clock is the grader's own.
_BOOT_SECONDS = 120.0
_LAST_WORDS_SECONDS = 0.5
_CHUNK = 1 << 18
_OUT_OF_MEMORY = 77
_NEARLY = 0.8


class Cause(StrEnum):
    """Why the grader stopped listening."""

    DONE = "done"
    ENDED = "ended"
    TIMEOUT = "timeout"
    FLOOD = "flood"
    FORGED = "forged"
    EXCESS = "excess"


@dataclass(frozen=True)
class End:
    """How a worker ended: exit status or minus its signal, its memory and processor time.

    excess: the total that it was ended for: "memory", "cpu", "processes", "overflow" (of its folder); "" for none.
    waited: seconds in which it could have gone on and had no processor; None where that is not known.
    """

    status: int | None
    resident_kib: int = 0
    cpu: float = 0.0
    excess: str = ""
    waited: float | None = None


class Running(Protocol):
    """A worker that was started."""

    @property
    def ended(self) -> int:
        """A descriptor that can be read once its process has ended."""
        ...

    @property
    def looks(self) -> bool:
        """Whether it must be looked at, several times a second, for its totals to be kept."""
        ...

    def look(self, base: int) -> str:
        """The total that it exceeds; "" for none. base: bytes that it had in memory before the student's code came."""
        ...

    def stop(self) -> End:
        """Ends it and all that it started, and waits until they are gone."""
        ...


class Output:
    """What a program prints: its beginning is kept, the rest is read and dropped."""

    def __init__(self, kept: int, most: int) -> None:
        self.kept = kept
        self.most = most
        self.total = 0
        self._parts: list[bytes] = []

    def take(self, data: bytes) -> None:
        """Takes in what was read."""
        room = self.kept - self.total
        if room > 0:
            self._parts.append(data[:room])
        self.total += len(data)

    @property
    def flooded(self) -> bool:
        """Whether it is more than any honest program prints."""
        return self.total > self.most

    def text(self) -> str:
        """As text, with every control character but the line's end escaped, so that it cannot act on a terminal."""
        text = b"".join(self._parts).decode(errors="backslashreplace").replace("\r\n", "\n")
        visible = "".join(c if c.isprintable() or c in "\n\t" else ascii(c)[1:-1] for c in text)
        dropped = self.total - self.kept
        visible = no_command(visible)
        return visible + (f"\n[{dropped} more bytes were dropped]\n" if dropped > 0 else "")


class Watch:
    """Listens to one worker until it has said all, has ended, or must be ended."""

    def __init__(
        self, reply: int, output: int, transcript: Transcript, limits: Limits, *, autograd_ends: bool = False
    ) -> None:
        self.transcript = transcript
        self.autograd_ends = autograd_ends
        self.limits = limits
        self.output = Output(limits.output_kept, limits.output_bytes)
        self.began = time.monotonic()
        self.seconds = 0.0
        self.forgery = ""
        self._reply, self._output = reply, output
        self._open = {reply, output}
        for descriptor in self._open:
            os.set_blocking(descriptor, False)

    def listen(self, worker: Running) -> Cause:
        """The first cause to stop; what was written until then has been read."""
        poll, ended = select.poll(), worker.ended
        for descriptor in (*self._open, ended):
            poll.register(descriptor, select.POLLIN)
        deadline, looked = self.began + _BOOT_SECONDS, time.monotonic()
        while True:
            was_ready, was_open = self.transcript.ready, set(self._open)
            patience = max(0.0, deadline - time.monotonic())
            patience = min(patience, LOOK_SECONDS) if worker.looks else patience
            ready = {descriptor for descriptor, _ in poll.poll(patience * 1000 + 1)}
            cause = self._read(ready)
            for descriptor in was_open - self._open:
                poll.unregister(descriptor)
                deadline = (
                    min(deadline, time.monotonic() + _LAST_WORDS_SECONDS) if descriptor == self._reply else deadline
                )
            if self.transcript.ready and not was_ready:
                self.began = time.monotonic()
                deadline = self.began + self.limits.time_limit
            if cause is None and ended in ready:
                cause = self._last_words()
            if cause is None and worker.looks and was_ready and time.monotonic() - looked >= LOOK_SECONDS:
                looked = time.monotonic()
                cause = Cause.EXCESS if worker.look(self.transcript.resident) else None
            if cause is None and time.monotonic() >= deadline:
                cause = Cause.TIMEOUT if self._reply in self._open else Cause.ENDED
            if cause is not None:
                self.seconds = time.monotonic() - self.began
                return cause

    def _read(self, ready: set[int]) -> Cause | None:
        if self._output in ready & self._open:
            data = self._chunk(self._output)
            self.output.take(data)
            if self.output.flooded:
                return Cause.FLOOD
        if self._reply in ready & self._open:
            try:
                self.transcript.feed(self._chunk(self._reply))
            except Malformed as forgery:
                self.forgery = str(forgery)
                return Cause.FORGED
            if self.transcript.done:
                # What was printed before the last word is in the pipe already.
                self._read({self._output})
                return Cause.DONE
        return None

    def _chunk(self, descriptor: int) -> bytes:
        try:
            data = os.read(descriptor, _CHUNK)
        except BlockingIOError:
            return b""
        if not data:
            self._open.discard(descriptor)
        return data

    def _last_words(self) -> Cause:
        """Reads what an ended worker had written; at most what a pipe holds, however many still write to it."""
        for _ in range(64):
            with contextlib.suppress(OSError):
                readable, _, _ = select.select(list(self._open), [], [], 0)
                if not readable:
                    break
                cause = self._read(set(readable))
                if cause is not None:
                    return cause
        return Cause.ENDED


# What became of it ---------------------------------------------------------------------------------------------------


def conclude(submission: Submission, calls: Calls, watch: Watch, cause: Cause, end: End, sandbox: str) -> Run:
    """The run of a submission, from all that was seen of it. Raises IsolationError where it never began."""
    heard = watch.transcript
    if not heard.ready:
        raise IsolationError(f"the {sandbox} sandbox did not start: {shown(watch.output.text().strip(), 300) or cause}")
    state, told, line = _judged(submission, calls, watch, cause, end)
    replies = [replace(reply, place=submission.place(reply.line)) if reply.line else reply for reply in heard.replies]
    missing = (Reply(Outcome.NOT_RUN),) * (len(calls) - len(heard.replies))
    return Run(
        state=state,
        replies=(*replies, *missing),
        functions=heard.functions,
        message=shown(told.text) if told is not None else "",
        told=told,
        line=line,
        output=watch.output.text(),
        seconds=watch.seconds,
        cpu=end.cpu,
        waited=end.waited,
        sandbox=sandbox,
        failed=heard.failed,
    )


def _judged(
    submission: Submission, calls: Calls, watch: Watch, cause: Cause, end: End
) -> tuple[str, Said | None, int | None]:
    """State, message and line: the worst thing seen counts."""
    heard = watch.transcript
    spoken = [(said("on-import"), heard.imported_as, heard.imported)] if heard.imported else []
    spoken += [
        (said("in-function", function=calls[at].function), kind, heard.replies[at])
        for at, kind in enumerate(heard.kinds)
    ]
    for wanted, state in (
        ("forbidden", "forbidden"),
        ("memory", "memory"),
        ("exited", "crashed"),
        ("syntax", "ungradable"),
    ):
        for where, kind, reply in spoken:
            if kind == wanted:
                return state, _told(submission, where, reply), reply.line
    if cause is not Cause.DONE:
        return *_stopped(calls, watch, cause, end), None
    kinds = [kind for kind in heard.kinds if kind != "missing"]
    if heard.imported_as == "raised" or (kinds and set(kinds) == {"raised"}):
        where, _, reply = next(entry for entry in spoken if entry[1] == "raised")
        return "error", _told(submission, where, reply), reply.line
    if heard.imported_as == "returned" and len(heard.replies) < len(calls):
        return "crashed", said("ended-early", where=_place(calls, heard)), None
    return "ok", None, None


def _told(submission: Submission, where: Said, reply: Reply) -> Said:
    message = shown(reply.message)
    if not reply.line:
        return said("raised-where", where=where, message=message)
    return said("raised-where-at", where=where, place=submission.place(reply.line), message=message)


def _place(calls: Calls, heard: Transcript) -> Said:
    """Which part of the student's code was running."""
    if heard.imported is None:
        return said("on-import")
    number = len(heard.replies)
    if number >= len(calls):
        return said("after-calls")
    call: Call = calls[number]
    return said("in-call", function=call.function, number=number + 1, calls=len(calls))


def _stopped(calls: Calls, watch: Watch, cause: Cause, end: End) -> tuple[str, Said]:
    where, limits = _place(calls, watch.transcript), watch.limits
    if watch.autograd_ends and end.status == ENDED:
        return "forbidden", said("autograd-started", where=where)
    if end.excess:
        return _exceeded(end.excess, limits, where)
    if cause is Cause.FLOOD:
        return "crashed", said("printed", mib=limits.output_bytes >> 20, where=where)
    if cause is Cause.FORGED:
        return "crashed", said("forged", what=shown(watch.forgery), where=where)
    if cause is Cause.TIMEOUT or _ran_out_of_time(watch, end):
        if cause is not Cause.TIMEOUT and watch.seconds < limits.time_limit * _NEARLY:
            return _exceeded("cpu", limits, where)
        return "timeout", said("out-of-time", seconds=limits.time_limit, where=where)
    if _ran_out_of_memory(watch, end):
        return "memory", said("out-of-memory", mib=limits.memory_mib, where=where)
    return "crashed", _ending(end.status, where)


def _exceeded(excess: str, limits: Limits, where: Said) -> tuple[str, Said]:
    """State and message of a total that was beyond its limit."""
    return {
        "overflow": ("crashed", said("folder-full", mib=limits.disk_bytes >> 20, files=limits.files, where=where)),
        "processes": ("crashed", said("processes", processes=limits.processes, where=where)),
        "memory": ("memory", said("out-of-memory", mib=limits.memory_mib, where=where)),
        "cpu": ("timeout", said("out-of-processor-time", seconds=limits.cpu_limit, where=where)),
    }[excess]


def _ran_out_of_time(watch: Watch, end: End) -> bool:
    """Whether the kernel's own clock, of processor time, was first."""
    killed = end.status in (-signal.SIGXCPU, -signal.SIGKILL)
    limits = watch.limits
    return killed and (watch.seconds > limits.time_limit * _NEARLY or end.cpu > limits.cpu_limit * _NEARLY)


def _ran_out_of_memory(watch: Watch, end: End) -> bool:
    """Whether a worker that was killed, or gave up, had nearly all the memory that it may have."""
    if end.status == _OUT_OF_MEMORY:
        return True
    by_signal = end.status is not None and end.status < 0
    taken = end.resident_kib * 1024 - watch.transcript.resident
    return by_signal and taken > _NEARLY * (watch.limits.memory_mib << 20)


def _ending(status: int | None, where: Said) -> Said:
    if status is None:
        return said("ended-early", where=where)
    if status >= 0:
        return said("ended-status", status=status, where=where)
    name = f"signal {-status}"
    with contextlib.suppress(ValueError):
        name = signal.Signals(-status).name
    return said("ended-signal", signal=name, where=where)
