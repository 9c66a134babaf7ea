"""Runs one submission: imports it once, calls its functions in order, sends every answer back at once.

It holds no expected value, and nothing that it says is believed: a forged message is a forged answer, no verdict.
"""

# ruff: noqa: PTH102, PTH103, PTH109, PTH118, PTH119, PTH120, PTH123
# os works on open folders, and pathlib would cost time before a student's clock starts.
from __future__ import annotations

import contextlib
import errno
import os
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from verify.isolation.inside import adapting, confine, engine, imports, noautograd, program, standins, syscalls
from verify.isolation.inside.codec import (
    PREFIX_BYTES,
    TOKEN_BYTES,
    Decoder,
    Encoder,
    Unusable,
    Written,
    frame,
    parse_header,
    sizes,
    type_name,
)

# How the worker ends where no memory is left to say so.
OUT_OF_MEMORY = 77
_MAX_MESSAGE = 1000
_MOST_ABSENT = 20
# What of its time a program may take before the first call, where it has defined by then what is called.
_SHARE_OF_IMPORT = 0.5
# Packages for other tasks: that they are not offered is no accusation.
_NOT_OFFERED = frozenset({"torch", "torchvision", "tensorflow", "keras"})

Send = Callable[..., None]


def read_frame(descriptor: int) -> tuple[bytes, dict[str, Any], bytes]:
    """Token, header and payload of the one frame in a file of the grader's, whose offset stays where it is."""
    size = os.fstat(descriptor).st_size
    data = os.pread(descriptor, size, 0)
    token = data[:TOKEN_BYTES]
    header, _ = sizes(data[:PREFIX_BYTES], token, size)
    return token, parse_header(data[PREFIX_BYTES : PREFIX_BYTES + header]), data[PREFIX_BYTES + header :]


def sender(descriptor: int, token: bytes) -> Send:
    """The function that writes frames to the grader. A forked child of the student's ends instead of writing."""
    write, owner, getpid, leave = os.write, os.getpid(), os.getpid, os._exit

    def send(header: dict[str, Any], buffers: Sequence[bytes] = ()) -> None:
        if getpid() != owner:
            leave(0)
        data = memoryview(frame(token, header, list(buffers)))
        while data:
            data = data[write(descriptor, data) :]

    return send


def once(job: int, calls: int, reply: int, config: dict[str, Any]) -> None:
    """Runs one job in this process, from the descriptors that hold it. Never returns."""
    token, header, files = read_frame(job)
    _, described, arrays = read_frame(calls)
    os.close(job)
    os.close(calls)
    os.set_inheritable(reply, False)
    confine.close_all_but([reply])
    if header["user"] is not None:
        confine.switch_user(header["user"])
    with contextlib.suppress(OSError):
        os.setsid()
    confine.gain_nothing()
    work(header, files, (described, arrays), sender(reply, token))


def work(
    job: dict[str, Any],
    files: bytes,
    calls: tuple[dict[str, Any], bytes],
    send: Send,
    before: dict[str, int] | None = None,
) -> None:
    """Runs a job to its end in this process, which must be confined already but for its limits. Does not return.

    before: what `confine.usage` said, where this process cannot ask any more.
    """
    leave = os._exit
    try:
        _prepare(job, files)
        backend = _Torch(job) if job["backend"] == "torch" else _Numpy()
        stand_ins = standins.StandIns(os.path.basename(job["entry"]), job["parts"] or [(1, job["source"])])
        refused = imports.refuse(job["refused"], stand_ins)
        before = before or confine.usage(of_user=False)
        if job["device"] != "cpu":
            before = confine.usage_with_device(before)
        confine.limit(job["limits"], before, address_space=job["device"] == "cpu")
        syscalls.shut()
        send({"ready": True, "resident": before["resident"]})
        _Program(job, backend, refused, stand_ins, send).run(*calls)
    except MemoryError:
        leave(OUT_OF_MEMORY)
    leave(0)


def _prepare(job: dict[str, Any], files: bytes) -> None:
    """The scratch folder with the submission's files in it, an empty environment, seeds that are always the same."""
    home = os.getcwd()
    os.environ.clear()
    os.environ.update({"HOME": home, "TMPDIR": home, "PATH": "/usr/bin:/bin", "MPLBACKEND": "agg"})
    folder = os.path.join(home, "submission")
    os.mkdir(folder)
    place = 0
    for path, size in job["files"]:
        _write(os.path.join(folder, path), files[place : place + size])
        place += size
    _write(os.path.join(folder, job["entry"]), job["source"].encode(errors="replace"))
    os.chdir(os.path.dirname(os.path.join(folder, job["entry"])))
    sys.path.append(os.getcwd())
    sys.argv[:] = [job["entry"]]
    imports.seed_random_numbers()


def _write(path: str, data: bytes) -> None:
    # A name that this disk cannot have is no reason to fail: the program may never ask for it.
    with contextlib.suppress(OSError, ValueError):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as stream:
            stream.write(data)


# The program ---------------------------------------------------------------------------------------------------------


class _Program:
    """One submission: its import, its calls, and what is said about each."""

    def __init__(
        self,
        job: dict[str, Any],
        backend: _Numpy | _Torch,
        refused: Callable,
        stand_ins: standins.StandIns,
        send: Send,
    ) -> None:
        self.name = os.path.basename(job["entry"])
        self.source = job["source"]
        self.parts = job["parts"]
        self.adapter, self.needs = job["adapter"], job["needs"]
        self.seconds = job["limits"]["time_limit"] * _SHARE_OF_IMPORT
        self.backend = backend
        self.refused = refused
        self.stand_ins = stand_ins
        self.send = send
        self.bound = job["answer_bytes"]
        # Given back when memory runs out, so that there is some to say so with. Addresses are what is bounded: nothing
        # is written there, which would cost more time than most programs take.
        self.reserve = np.empty(4 << 20, np.uint8)

    def run(self, header: dict[str, Any], payload: bytes) -> None:
        """Sends the import's outcome, an answer to every call, and the last word."""
        calls = header["calls"]
        running = self._program(self.needs or (calls[0]["function"] if calls else ""))
        module = running.module
        with self._spoken({"imported": "returned"}) as said:
            running.run()
        said |= self._outcome(running)
        if self.adapter:
            with self._spoken(said):
                module = adapting.adapted(self.adapter, module, defined=running.defined)
        self.send({**said, "functions": _functions(module), "failed": self._failed(running)})
        if said["imported"] == "returned":
            for number, call in enumerate(calls):
                self._answer(module, number, call, payload)
        self.send({"done": True})

    def _program(self, required: str) -> program.Program:
        module = program.new_module(os.path.join(os.getcwd(), self.name), main=bool(self.parts))
        standins.surround(module, notebook=bool(self.parts))
        return program.Program(module, self.name, self.source, self.parts, required, self.seconds)

    def _outcome(self, running: program.Program) -> dict[str, Any]:
        """What failed parts mean for the whole: nothing where all that counts is there and nothing forbidden was."""
        said = [self._described("imported", failure.error) for failure in running.failures]
        refused = [one for one in said if one["imported"] == "forbidden"]
        return (refused or ([] if running.defined else said) or [{}])[0]

    def _failed(self, running: program.Program) -> list[dict[str, Any]]:
        """Parts that failed and packages that are not here, as they are told."""
        absent = [{"kind": "absent", "message": name, "line": line} for name, line in self.stand_ins.given.items()]
        return [self._failure(failure.error) for failure in running.failures] + absent[:_MOST_ABSENT]

    def _failure(self, error: BaseException) -> dict[str, Any]:
        if type(error) is program.Cut:
            return {"kind": "cut", "message": "", "line": self._line(error)}
        said = self._described("kind", error)
        if type(error) is SyntaxError or said["kind"] == "syntax":
            line = getattr(error, "lineno", None)
            return said | {"line": line if type(line) is int and line > 0 else None}
        return said

    def _answer(self, module: types.ModuleType, number: int, call: dict[str, Any], payload: bytes) -> None:
        function = module.__dict__.get(call["function"])
        if not callable(function):
            self.send({"call": number, "outcome": "missing"})
            return
        arguments = self._arguments(call, payload)
        encoder = Encoder(self.bound, self.backend.leaf)
        structure = None
        unwarned = np.errstate(all="ignore") if call["extreme"] else contextlib.nullcontext()
        with self._spoken({"call": number, "outcome": "returned"}) as said, unwarned:
            structure = encoder.encode(function(*arguments))
        if said["outcome"] != "returned":
            encoder.buffers, structure = [], None
        changed = self._changed(arguments, call, payload)
        self.send({**said, "value": structure, "changed": changed}, encoder.buffers)

    def _arguments(self, call: dict[str, Any], payload: bytes) -> list[Any]:
        first, last = call["bytes"]
        decoder = Decoder(memoryview(payload)[first:last])
        return [self.backend.argument(decoder.decode(structure)) for structure in call["arguments"]]

    def _changed(self, arguments: list[Any], call: dict[str, Any], payload: bytes) -> bool:
        """Whether the arguments would now be written down in other words or bytes than those that they came in."""
        first, last = call["bytes"]
        return not Written(payload[first:last], self.backend.plain).are(arguments, call["arguments"])

    @contextlib.contextmanager
    def _spoken(self, said: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Runs a part of the student's code; what it raises, if anything, is written into `said`."""
        key = "imported" if "imported" in said else "outcome"
        try:
            yield said
        except BaseException as error:
            if type(error) is MemoryError:
                self.reserve = np.empty(0, np.uint8)
            said |= self._described(key, error)
        tried = self.backend.tried()
        if tried is not None:
            said |= {key: "forbidden", "message": tried[0], "line": tried[1]}
        _flush()

    def _described(self, key: str, error: BaseException) -> dict[str, Any]:
        try:
            kind = self._kind(error)
            message = _message(error) + self._hint(kind, error) + self._elsewhere(error)
            return {key: kind, "message": message, "line": self._line(error)}
        except Exception:
            # An exception of the student's own making that does not want to be looked at.
            return {key: "raised", "message": type_name(type(error)), "line": None}

    def _hint(self, kind: str, error: BaseException) -> str:
        if not isinstance(error, ModuleNotFoundError):
            return ""
        return " (autograd is forbidden here)" if kind == "forbidden" else " (it is not offered to submissions)"

    def _kind(self, error: BaseException) -> str:
        refused = self.refused(error)
        if (refused and refused.partition(".")[0] not in _NOT_OFFERED) or isinstance(error, noautograd.Forbidden):
            return "forbidden"
        if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
            return "memory"
        if isinstance(error, RuntimeError) and "allocate memory" in _message(error):
            return "memory"
        if isinstance(error, SystemExit):
            return "exited"
        compiling = isinstance(error, SyntaxError) and error.filename == self.name
        return "syntax" if compiling and self._line(error) is None else "raised"

    def _elsewhere(self, error: BaseException) -> str:
        """Where it was raised, if that is another of the student's files: " (helper.py, line 5)"."""
        found = program.last_file(error.__traceback__, os.getcwd())
        return f" ({found[0]}, line {found[1]})" if found is not None and found[0] != self.name else ""

    def _line(self, error: BaseException) -> int | None:
        """The last line of the student's own file on the way to where it was raised."""
        return max([(0, None), *enumerate(program.lines_of(error.__traceback__, self.name), 1)])[1]


def _functions(module: types.ModuleType) -> list[str]:
    names = [name for name, value in module.__dict__.items() if type(name) is str and callable(value)]
    return sorted(name for name in names if not name.startswith("_") and len(name) < 100)[:1000]


def _message(error: BaseException) -> str:
    """Type and text of an exception. Both may be the student's code."""
    name = type_name(type(error))
    if isinstance(error, SyntaxError):
        return f"{name}: {error.msg} (line {error.lineno})"[:_MAX_MESSAGE]
    try:
        text = str(error)
    except BaseException:
        text = ""
    text = " ".join(text[:_MAX_MESSAGE].split()) if type(text) is str else ""  # a message is one line
    return (f"{name}: {text}" if text else name)[:_MAX_MESSAGE]


def _flush() -> None:
    for stream in (sys.__stdout__, sys.__stderr__):
        with contextlib.suppress(BaseException):
            stream.flush()  # type: ignore[union-attr]


# What the arrays are -------------------------------------------------------------------------------------------------


class _Numpy:
    """Arguments and answers of a numpy assignment."""

    def argument(self, value: Any) -> Any:
        return value

    def leaf(self, value: Any) -> Any:
        """What is encoded for an answer that is no numpy array, number, text or structure of them."""
        return value

    def plain(self, value: Any) -> Any:
        """The same for an argument."""
        return value

    def tried(self) -> tuple[str, int | None] | None:
        return None


class _Torch(_Numpy):
    """Arguments and answers of a torch assignment: tensors on the device, autograd refused."""

    def __init__(self, job: dict[str, Any]) -> None:
        import torch

        self.torch = torch
        self.device = job["device"]
        self.guard = noautograd.install(os.path.basename(job["entry"]))
        if self.device != "cpu":
            # The driver starts now, on the grader's account: with its threads, files and memory. Raises where it fails.
            value = torch.ones(2, 2, device=self.device)
            (value @ value).cpu()
        engine.disable()

    def argument(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self.argument(entry) for entry in value]
        return self.torch.from_numpy(value).to(self.device) if type(value) is np.ndarray else value

    def leaf(self, value: Any) -> Any:
        if issubclass(type(value), self.torch.Tensor):
            with self.torch._C.DisableTorchFunctionSubclass():
                if self.guard.requires_grad(value):
                    raise noautograd.Forbidden("a tensor that requires gradients came back")
        return self.plain(value)

    def plain(self, value: Any) -> Any:
        tensor = self.torch.Tensor
        if not issubclass(type(value), tensor):
            return value
        with self.torch._C.DisableTorchFunctionSubclass():
            try:
                return tensor.numpy(tensor.cpu(tensor.resolve_conj(tensor.detach(tensor.as_subclass(value, tensor)))))
            except (RuntimeError, TypeError):
                return Unusable(f"tensor of dtype {value.dtype}")

    def tried(self) -> tuple[str, int | None] | None:
        return self.guard.tried()
