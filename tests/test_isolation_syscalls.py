"""The filter of system calls: its numbers, and what it answers to each call on each machine."""

from __future__ import annotations

import ctypes
import ctypes.util
import errno
import functools
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from verify.isolation import sandbox as sandboxes
from verify.isolation.inside import syscalls

ROOT = Path(__file__).resolve().parents[1]
MACHINES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
ALLOWED, KILLED = "allowed", "killed"


@functools.cache
def read_back(machine: str) -> list[tuple[int, int, int, int]]:
    code = syscalls.program(machine)
    assert code is not None
    return list(struct.iter_unpack("=HBBI", code))


def answer(machine: str, number: int, arguments: tuple[int, ...] = (), audit: int | None = None) -> str | int:
    """What the filter answers, worked out by the rules of its language: allowed, killed or an error number."""
    given = [*arguments, *[0] * (6 - len(arguments))]
    data = struct.pack("=IIQ6Q", number, audit or MACHINES[machine], 0, *given)
    instructions = read_back(machine)
    accumulator = place = 0
    while True:
        kind, true, false, value = instructions[place]
        place += 1
        if kind == 0x20:
            [accumulator] = struct.unpack_from("=I", data, value)
        elif kind == 0x54:
            accumulator &= value
        elif kind == 0x06:
            return {0x7FFF0000: ALLOWED, 0x80000000: KILLED}.get(value & 0xFFFF0000, value & 0xFFFF)
        else:
            holds = {0x15: accumulator == value, 0x35: accumulator >= value, 0x45: bool(accumulator & value)}[kind]
            place += true if holds else false


def numbers(machine: str) -> dict[str, int]:
    column = list(MACHINES).index(machine)
    return {name: number for name, both in syscalls.NUMBERS.items() if (number := both[column]) is not None}


@pytest.mark.parametrize("machine", MACHINES)
def test_numbers_are_those_of_libseccomp(machine: str) -> None:
    """The table is typed; libseccomp keeps its own, from the kernel's sources."""
    path = ctypes.util.find_library("seccomp")
    if path is None:
        pytest.skip("libseccomp is not here to compare with: apt-get install libseccomp2")
    library = ctypes.CDLL(path)
    library.seccomp_syscall_resolve_name_arch.argtypes = [ctypes.c_uint32, ctypes.c_char_p]
    known = {
        name: library.seccomp_syscall_resolve_name_arch(MACHINES[machine], name.encode()) for name in syscalls.NUMBERS
    }
    ours = numbers(machine)
    assert {name: known[name] for name in ours} == ours
    # Those that a machine has not are negative there.
    assert all(known[name] < 0 for name in syscalls.NUMBERS if name not in ours)


# Name, arguments: what is answered. The rest of the table is refused whatever the arguments are.
WITH_ARGUMENTS = [
    ("prlimit64", (0, 7), ALLOWED),
    ("prlimit64", (1, 7), errno.EPERM),
    ("setpriority", (0, 0, 5), ALLOWED),
    ("setpriority", (0, 77, 5), errno.EPERM),
    ("setpriority", (2, 0, 5), errno.EPERM),
    ("sched_setaffinity", (0,), ALLOWED),
    ("sched_setaffinity", (5,), errno.EPERM),
    ("sched_setscheduler", (5,), errno.EPERM),
    ("sched_setparam", (0,), ALLOWED),
    ("sched_setattr", (9,), errno.EPERM),
    ("ioprio_set", (1, 0, 0), ALLOWED),
    ("ioprio_set", (3, 0, 0), errno.EPERM),
    ("ioprio_set", (1, 4, 0), errno.EPERM),
    ("clone", (17,), ALLOWED),
    ("clone", (0x3D0F00,), ALLOWED),  # a thread, as the C library starts it
    *[("clone", (17 | 1 << bit,), errno.EPERM) for bit in (17, 25, 26, 27, 28, 29, 30)],
    ("socketpair", (1, 1), ALLOWED),
    ("socketpair", (1, 1 | 0o2000000), ALLOWED),  # closed on exec
    ("socketpair", (1, 2), errno.EPERM),
    ("socketpair", (1, 5), errno.EPERM),
    ("socketpair", (2, 1), errno.EPERM),
    ("ioctl", (0, 0x5401), ALLOWED),
    ("ioctl", (0, 0x5412), errno.EPERM),
    ("ioctl", (0, 0x541C), errno.EPERM),
    ("personality", (0xFFFFFFFF,), ALLOWED),
    ("personality", (0x0040000,), errno.EPERM),
]


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize(("name", "arguments", "expected"), WITH_ARGUMENTS)
def test_calls_that_depend_on_their_arguments(
    machine: str, name: str, arguments: tuple[int, ...], expected: str | int
) -> None:
    assert answer(machine, numbers(machine)[name], arguments) == expected


@pytest.mark.parametrize("machine", MACHINES)
def test_every_number_has_its_answer(machine: str) -> None:
    """Every number there is: those of the table are refused, or answered and not done, and no other is touched."""
    of = {number: name for name, number in numbers(machine).items()}
    depending = {name for name, _, _ in WITH_ARGUMENTS}
    for number in range(460):
        name = of.get(number)
        if name in depending:
            continue
        got = answer(machine, number, (0xFFFFFFFFFF,) * 6)
        if name is None:
            assert got == (ALLOWED if number <= 452 else errno.ENOSYS), number
        elif name in ("chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat",
                      "utime", "utimes", "futimesat", "utimensat"):  # fmt: skip
            assert got == 0, name
        else:
            assert got in (errno.EPERM, errno.ENOSYS), name


@pytest.mark.parametrize("machine", MACHINES)
def test_numbers_of_other_machines_end_the_program(machine: str) -> None:
    """32-bit programs, and x32, number their calls otherwise."""
    assert answer(machine, 20, audit=0x40000003) == KILLED
    assert answer(machine, 0x40000000 + 41) == errno.ENOSYS
    assert answer(machine, 1 << 31) == errno.ENOSYS


def test_a_machine_that_is_not_known_has_no_filter_and_the_report_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    assert syscalls.program("riscv64") is None
    monkeypatch.setattr(os, "uname", lambda: os.uname_result(("Linux", "", "", "", "riscv64")))
    syscalls.filter_here.cache_clear()
    try:
        assert syscalls.filter_here() is None
        assert not syscalls.shut()
        assert "system calls not filtered" in " ".join(sandboxes.notes(sandboxes.Sandbox("bubblewrap")))
    finally:
        monkeypatch.undo()
        syscalls.filter_here.cache_clear()


PLANTED = """
import ctypes, os, socket, sys
from verify.isolation.inside import confine, syscalls
if sys.argv[1] == "shut":
    confine.gain_nothing()
    assert syscalls.shut()
try:
    socket.socket()
    print("open")
except PermissionError:
    print("shut")
"""


@pytest.mark.parametrize("state", ["open", "shut"])
def test_it_is_the_filter_that_refuses(state: str) -> None:
    if syscalls.filter_here() is None:
        pytest.skip("this kernel or machine has no filter")
    done = subprocess.run([sys.executable, "-c", PLANTED, state], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.stdout == f"{state}\n", done.stderr
