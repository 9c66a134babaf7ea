"""What the grader says to a worker and hears from it. Everything that is heard may be forged, and is checked."""

from __future__ import annotations

import os
import secrets
import tempfile
import threading
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, overload

from verify.isolation.inside.codec import (
    PREFIX_BYTES,
    TOKEN_BYTES,
    Decoder,
    Encoder,
    Malformed,
    Unusable,
    frame,
    parse_header,
    sizes,
)
from verify.isolation.packages import backend_of
from verify.said import Said
from verify.submissions.submission import Submission, shown

__all__ = ["Call", "Calls", "Failed", "Limits", "Malformed", "Outcome", "Reply", "Run", "Transcript", "Unusable"]


@dataclass(frozen=True)
class Limits:
    """What one submission may use, all its processes together. Memory is what it may take besides Python and packages.

    time_limit: seconds by the clock. cpu_limit: seconds of processor time; as many, unless said otherwise.
    """

    time_limit: float = 10.0
    cpu_limit: float = 0.0
    memory_mib: int = 1024
    output_bytes: int = 64 << 20
    output_kept: int = 64 << 10
    file_bytes: int = 16 << 20
    disk_bytes: int = 64 << 20
    files: int = 5000
    processes: int = 32
    descriptors: int = 64

    def __post_init__(self) -> None:
        if not self.cpu_limit:
            object.__setattr__(self, "cpu_limit", self.time_limit)


@dataclass(frozen=True)
class Call:
    """One call of a submission's function. arguments: nested lists of arrays, text and numbers.

    extreme: numbers beyond the range are the caller's doing, so NumPy does not warn of them in the program's output.
    """

    function: str
    arguments: tuple[Any, ...]
    extreme: bool = False


class Outcome(StrEnum):
    """What came of one call."""

    RETURNED = "returned"
    RAISED = "raised"
    MISSING = "missing"  # the function is not defined
    NOT_RUN = "not-run"  # the program had ended before
    UNUSABLE = "unusable"  # what came back is no structure of arrays
    FORBIDDEN = "forbidden"


@dataclass(frozen=True)
class Reply:
    """One call's outcome.

    value: nested lists, tuples and dicts of plain numpy arrays, Python numbers, text and None; `Unusable` stands in it
    for anything else. line: where in the submission's source it was raised. inputs_changed: the call wrote into its
    arguments. place: that line as the student sees it, once it is known whose program it was.
    """

    outcome: Outcome
    value: Any = None
    message: str = ""
    line: int | None = None
    inputs_changed: bool = False
    place: str = ""


@dataclass(frozen=True)
class Failed:
    """A part of a program that failed and was passed over.

    kind: raised, exited, memory, syntax; cut, where it took too long; absent, for a package of that name that is not
    here. message: what it raised. line: where in the submission's source.
    """

    kind: str
    message: str
    line: int | None


@dataclass(frozen=True)
class Run:
    """What came of one submission.

    state: ok, or error, timeout, memory, crashed, forbidden, ungradable. replies: one a call, whatever happened.
    functions: the public names that the program defines and that can be called. output: what it printed, cut, with
    control characters escaped. seconds, cpu: how long it ran by the clock, and the processor time that it used. waited:
    seconds in which it could have gone on and had no processor, all its tasks together; None where that is not known.
    sandbox: which mode was in force. failed: the parts that were passed over.
    """

    state: str
    replies: tuple[Reply, ...]
    functions: frozenset[str] = frozenset()
    message: str = ""
    line: int | None = None
    output: str = ""
    seconds: float = 0.0
    cpu: float = 0.0
    waited: float | None = None
    sandbox: str = ""
    failed: tuple[Failed, ...] = ()
    told: Said | None = None  # the message with its key and values


class IsolationError(Exception):
    """The sandbox itself failed: the grader's fault and never the student's."""


# To the worker -------------------------------------------------------------------------------------------------------


class Calls(Sequence[Call]):
    """Calls in the form that workers read, encoded once and used for any number of submissions.

    largest: bytes of the arguments that have the most, once they are encoded.
    """

    def __init__(self, calls: Sequence[Call], frame: bytes = b"", largest: int = 0) -> None:
        self._calls = tuple(calls)
        self._lock = threading.Lock()
        self._descriptor: tuple[int, int] | None = None
        self._frame, self.largest = frame, largest

    @classmethod
    def encoded(cls, functions: Sequence[str], frame: bytes, largest: int) -> Calls:
        """Calls that were encoded before, of which nothing else is known than what they call."""
        return cls([Call(function, ()) for function in functions], frame, largest)

    def __len__(self) -> int:
        return len(self._calls)

    @overload
    def __getitem__(self, index: int) -> Call: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Call, ...]: ...
    def __getitem__(self, index: int | slice) -> Call | tuple[Call, ...]:
        return self._calls[index]

    def __reduce__(self) -> tuple[Any, ...]:
        return Calls, (self._calls, self._frame, self.largest)

    def descriptor(self) -> int:
        """A file with the encoded calls that nobody can write to; it is closed with this object."""
        with self._lock:
            if self._descriptor is None or self._descriptor[1] != os.getpid():
                number = sealed_file(self.frame())
                self._descriptor = number, os.getpid()
                weakref.finalize(self, _close_own, number, os.getpid())
            return self._descriptor[0]

    def frame(self) -> bytes:
        """The frame that says all of them."""
        if self._frame:
            return self._frame
        described, buffers, place = [], [], 0
        for call in self._calls:
            encoder = Encoder(most=1 << 40)
            arguments = [encoder.encode(argument) for argument in call.arguments]
            described.append({
                "function": call.function, "arguments": arguments, "bytes": [place, place + encoder.size],
                "extreme": call.extreme,
            })  # fmt: skip
            self.largest = max(self.largest, encoder.size)
            place += encoder.size
            buffers += encoder.buffers
        return frame(bytes(TOKEN_BYTES), {"calls": described}, buffers)


def _close_own(descriptor: int, process: int) -> None:
    if os.getpid() == process:
        os.close(descriptor)


def sealed_file(data: bytes) -> int:
    """A descriptor of a nameless file with this content that cannot be changed by whoever gets it."""
    if not hasattr(os, "memfd_create"):
        with tempfile.NamedTemporaryFile() as stream:
            stream.write(data)
            stream.flush()
            return os.open(stream.name, os.O_RDONLY | os.O_CLOEXEC)
    import fcntl

    descriptor = os.memfd_create("backproof", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
    fcntl.fcntl(
        descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
    )
    return descriptor


@dataclass(frozen=True)
class Job:
    """One submission as the worker reads it, and the token that marks the worker's own messages."""

    submission: Submission
    limits: Limits
    backend: str
    device: str
    refused: tuple[str, ...]
    answer_bytes: int
    user: int | None = None
    token: bytes = field(default_factory=lambda: secrets.token_bytes(TOKEN_BYTES))

    def encoded(self) -> bytes:
        """The frame that says all of it."""
        files: Mapping[str, bytes] = self.submission.files
        header = {
            "entry": self.submission.entry,
            "source": self.submission.source,
            "parts": [[part.first_line, part.text] for part in self.submission.parts],
            "files": [[path, len(data)] for path, data in files.items()],
            "limits": asdict(self.limits),
            "backend": backend_of(self.backend),
            "device": self.device,
            "refused": self.refused,
            "answer_bytes": self.answer_bytes,
            "user": self.user,
            "adapter": self.submission.adapter,
            "needs": self.submission.needs,
        }
        return frame(self.token, header, list(files.values()))


# From the worker -----------------------------------------------------------------------------------------------------


class Transcript:
    """What a worker has said so far, in the only order that it may. `feed` raises Malformed at anything else."""

    def __init__(self, token: bytes, calls: int, answer_bytes: int, total_bytes: int) -> None:
        self.token = token
        self.calls = calls
        self.answer_bytes = answer_bytes
        self.left = total_bytes
        self.ready = False
        self.resident = 0
        self.done = False
        self.imported: Reply | None = None
        self.imported_as = ""
        self.functions: frozenset[str] = frozenset()
        self.failed: tuple[Failed, ...] = ()
        self.replies: list[Reply] = []
        self.kinds: list[str] = []
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        """Takes in what was read; whole messages are understood at once, and nothing after the last word."""
        self._buffer += data
        for header, payload in self._frames():
            if self.done:
                return
            self._hear(header, payload)

    def _frames(self) -> Iterator[tuple[dict[str, Any], bytes]]:
        while len(self._buffer) >= PREFIX_BYTES:
            most = min(self.answer_bytes, self.left)
            header, payload = sizes(bytes(self._buffer[:PREFIX_BYTES]), self.token, most)
            end = PREFIX_BYTES + header + payload
            if len(self._buffer) < end:
                return
            content = bytes(self._buffer[PREFIX_BYTES:end])
            del self._buffer[:end]
            self.left -= payload
            yield parse_header(content[:header]), content[header:]

    def _hear(self, header: dict[str, Any], payload: bytes) -> None:
        if header.get("ready") is True and not self.ready:
            self.ready = True
            self.resident = _size(header.get("resident"))
        elif "imported" in header and self.ready and self.imported is None:
            self.imported_as = _one_of(header["imported"], _SAID)
            self.imported = _reply(header, self.imported_as, None)
            self.functions = _names(header.get("functions"))
            self.failed = _failures(header.get("failed", []))
        elif self.imported is not None and header.get("call") == len(self.replies) < self.calls:
            self._hear_answer(header, payload)
        elif self.imported is not None and header.get("done") is True:
            self.done = True
        else:
            raise Malformed("a message out of turn")

    def _hear_answer(self, header: dict[str, Any], payload: bytes) -> None:
        kind = _one_of(header.get("outcome"), _SAID)
        value = None
        if kind == "returned":
            decoder = Decoder(payload)
            value = decoder.decode(header.get("value"))
            if decoder.place != len(payload):
                raise Malformed("an answer with bytes left over")
        self.kinds.append(kind)
        self.replies.append(_reply(header, kind, value))


# What the worker may say of a part of the student's code, and what that is for the grader.
_SAID = {
    "returned": Outcome.RETURNED,
    "missing": Outcome.MISSING,
    "forbidden": Outcome.FORBIDDEN,
    "raised": Outcome.RAISED,
    "exited": Outcome.RAISED,
    "memory": Outcome.RAISED,
    "syntax": Outcome.RAISED,
}
_FAILED = frozenset({"raised", "exited", "memory", "syntax", "forbidden", "cut", "absent"})
_MOST_FAILED = 64


def _size(said: Any) -> int:
    if type(said) is not int or not 0 <= said < 1 << 50:
        raise Malformed("a size that is none")
    return said


def _one_of(said: Any, known: Mapping[str, Outcome]) -> str:
    if not isinstance(said, str) or said not in known:
        raise Malformed("an outcome that there is not")
    return said


def _failures(said: Any) -> tuple[Failed, ...]:
    if not isinstance(said, list) or len(said) > _MOST_FAILED:
        raise Malformed("a list of failures that is none")
    return tuple(_failure(entry) for entry in said)


def _failure(said: Any) -> Failed:
    if not isinstance(said, dict) or said.get("kind") not in _FAILED:
        raise Malformed("a failure that there is not")
    message, line = _words(said)
    return Failed(said["kind"], shown(message), line)


def _words(said: Mapping[str, Any]) -> tuple[str, int | None]:
    message, line = said.get("message", ""), said.get("line")
    if not isinstance(message, str) or not (line is None or (type(line) is int and 0 < line < 1 << 31)):
        raise Malformed("a message without its words")
    return message, line


def _reply(header: dict[str, Any], kind: str, value: Any) -> Reply:
    message, line = _words(header)
    outcome = _SAID[kind]
    if isinstance(value, Unusable):
        outcome, message = Outcome.UNUSABLE, f"what came back is of type {value.type_name}"
    return Reply(outcome, value, shown(message), line, header.get("changed") is True)


def _names(names: Any) -> frozenset[str]:
    if not isinstance(names, list) or len(names) > 1000 or not all(isinstance(name, str) for name in names):
        raise Malformed("a list of functions that is none")
    return frozenset(shown(name, 100) for name in names)
