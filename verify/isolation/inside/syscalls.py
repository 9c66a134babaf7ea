"""The system calls that a student's code may not make, as a seccomp filter that nothing can take off again.

What is refused says so (EPERM), or that the kernel has no such call (ENOSYS), so that libraries fall back. Changes of
modes, owners and times are answered with success and not made. A call that came after the newest of this table is one
that the kernel has not.

Numbers: Linux, arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h (aarch64); the filter's
language: Linux, Documentation/userspace-api/seccomp_filter.rst. Each number is compared with libseccomp's in the tests.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import os
import struct
import sys
from collections.abc import Iterator, Mapping
from typing import Any

# What Linux calls each machine (linux/audit.h), and which column of the table is its own.
_MACHINES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}

# Name: number on x86-64, on aarch64; None where there is none.
NUMBERS: dict[str, tuple[int | None, int | None]] = {
    # sockets and connections
    "socket": (41, 198), "connect": (42, 203), "bind": (49, 200), "listen": (50, 201), "accept": (43, 202),
    "accept4": (288, 242),
    # other processes
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "process_madvise": (440, 440), "process_mrelease": (448, 448), "kcmp": (312, 272), "pidfd_getfd": (438, 438),
    "perf_event_open": (298, 241), "move_pages": (279, 239), "migrate_pages": (256, 238),
    # keys, queues, semaphores, shared memory: they have names that other programs know, and outlive who made them
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
    "mq_open": (240, 180), "mq_unlink": (241, 181), "mq_timedsend": (242, 182), "mq_timedreceive": (243, 183),
    "mq_notify": (244, 184), "mq_getsetattr": (245, 185),
    "msgget": (68, 186), "msgsnd": (69, 189), "msgrcv": (70, 188), "msgctl": (71, 187),
    "semget": (64, 190), "semop": (65, 193), "semtimedop": (220, 192), "semctl": (66, 191),
    "shmget": (29, 194), "shmat": (30, 196), "shmctl": (31, 195), "shmdt": (67, 197),
    # what happens to files
    "inotify_init": (253, None), "inotify_init1": (294, 26), "inotify_add_watch": (254, 27),
    "inotify_rm_watch": (255, 28), "fanotify_init": (300, 262), "fanotify_mark": (301, 263),
    "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265), "lookup_dcookie": (212, 18),
    # mounts and name spaces
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "open_tree": (428, 428),
    "move_mount": (429, 429), "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432),
    "fspick": (433, 433), "mount_setattr": (442, 442), "unshare": (272, 97), "setns": (308, 268),
    # files that are memory alone
    "memfd_create": (319, 279), "memfd_secret": (447, 447),
    # what makes calls on its own, watches calls, or runs in the kernel
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    "bpf": (321, 280), "seccomp": (317, 277), "userfaultfd": (323, 282), "landlock_create_ruleset": (444, 444),
    "landlock_add_rule": (445, 445), "landlock_restrict_self": (446, 446),
    # the machine itself
    "kexec_load": (246, 104), "kexec_file_load": (320, 294), "init_module": (175, 105), "finit_module": (313, 273),
    "delete_module": (176, 106), "reboot": (169, 142), "swapon": (167, 224), "swapoff": (168, 225),
    "syslog": (103, 116), "acct": (163, 89), "quotactl": (179, 60), "quotactl_fd": (443, 443),
    "settimeofday": (164, 170), "clock_settime": (227, 112), "clock_adjtime": (305, 266), "adjtimex": (159, 171),
    "sethostname": (170, 161), "setdomainname": (171, 162), "iopl": (172, None), "ioperm": (173, None),
    "vhangup": (153, 58), "nfsservctl": (180, 42), "modify_ldt": (154, None), "uselib": (134, None),
    "sysfs": (139, None), "_sysctl": (156, None), "ustat": (136, None),
    # modes, owners, times
    "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452), "chown": (92, None),
    "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54), "utime": (132, None), "utimes": (235, None),
    "futimesat": (261, None), "utimensat": (280, 88),
    "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7), "removexattr": (197, 14),
    "lremovexattr": (198, 15), "fremovexattr": (199, 16),
    # of oneself alone, or only some kinds
    "prlimit64": (302, 261), "setpriority": (141, 140), "sched_setaffinity": (203, 122),
    "sched_setscheduler": (144, 119), "sched_setparam": (142, 118), "sched_setattr": (314, 274),
    "ioprio_set": (251, 30), "clone": (56, 220), "clone3": (435, 435), "socketpair": (53, 199), "ioctl": (16, 29),
    "personality": (135, 92),
}  # fmt: skip
_NEWEST = 452

_NOT_DONE = frozenset({
    "chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat",
    "utime", "utimes", "futimesat", "utimensat",
})  # fmt: skip
# Those that a library tries and does without. What clone3 is asked for lies in memory that a filter cannot read.
_UNKNOWN = frozenset({"clone3", "io_uring_setup", "memfd_secret", "userfaultfd", "landlock_create_ruleset"})

# Name: (argument, what it is compared by, value) that all must hold for the call to be made.
_ONESELF = (0, "equal", 0)
_NAME_SPACES = 0x7E020000  # CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
_UNIX, _STREAM = 1, 1
_ALLOWED_IF: dict[str, tuple[tuple[int, str, int], ...]] = {
    "prlimit64": (_ONESELF,),
    "sched_setaffinity": (_ONESELF,),
    "sched_setscheduler": (_ONESELF,),
    "sched_setparam": (_ONESELF,),
    "sched_setattr": (_ONESELF,),
    "setpriority": ((0, "equal", 0), (1, "equal", 0)),  # PRIO_PROCESS, oneself
    "ioprio_set": ((0, "equal", 1), (1, "equal", 0)),  # IOPRIO_WHO_PROCESS, oneself
    "clone": ((0, "without", _NAME_SPACES),),
    # A pair is connected to itself; one of datagrams could still be sent elsewhere.
    "socketpair": ((0, "equal", _UNIX), (1, "low-equal", _STREAM)),
    "ioctl": ((1, "differs", 0x5412), (1, "differs", 0x541C)),  # TIOCSTI, TIOCLINUX: typing at a terminal
    "personality": ((0, "equal", 0xFFFFFFFF),),  # only asks
}

# The filter ----------------------------------------------------------------------------------------------------------

_LOAD, _AND, _RETURN = 0x20, 0x54, 0x06
_EQUAL, _AT_LEAST, _ANY_OF = 0x15, 0x35, 0x45
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_NUMBER_AT, _MACHINE_AT, _ARGUMENTS_AT = 0, 4, 16

_FEW = 4

Instruction = tuple[int, int, int, int]
_PASS: Instruction = (_RETURN, 0, 0, _ALLOW)


def program(machine: str) -> bytes | None:
    """The filter of a machine, as the kernel reads it; None for one whose numbers are not known here."""
    if machine not in _MACHINES:
        return None
    audit, column = _MACHINES[machine]
    code = [
        (_LOAD, 0, 0, _MACHINE_AT),
        # Another machine's numbers, as those of 32-bit programs, mean other calls.
        (_EQUAL, 1, 0, audit),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER_AT),
        (_AT_LEAST, 0, 1, _NEWEST + 1),
        (_RETURN, 0, 0, _ERRNO | errno.ENOSYS),
    ]
    known = ((numbers[column], name) for name, numbers in NUMBERS.items())
    code += _tree(sorted((number, name) for number, name in known if number is not None))
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)


def _tree(rules: list[tuple[int, str]]) -> list[Instruction]:
    """Halves until few are left: the kernel tries the whole filter for each of its calls when it is put on."""
    if len(rules) <= _FEW:
        return [*(instruction for number, name in rules for instruction in _rule(name, number)), _PASS]
    middle = len(rules) // 2
    below, above = _tree(rules[:middle]), _tree(rules[middle:])
    return [(_AT_LEAST, len(below), 0, rules[middle][0]), *below, *above]


def _rule(name: str, number: int) -> list[Instruction]:
    """What is done at one call; else goes on with the next rule, the number still loaded."""
    if name in _ALLOWED_IF:
        body = [*_conditions(_ALLOWED_IF[name]), _PASS, (_RETURN, 0, 0, _ERRNO | errno.EPERM)]
    else:
        refusal = 0 if name in _NOT_DONE else errno.ENOSYS if name in _UNKNOWN else errno.EPERM
        body = [(_RETURN, 0, 0, _ERRNO | refusal)]
    return [(_EQUAL, 0, len(body), number), *body]


def _conditions(conditions: tuple[tuple[int, str, int], ...]) -> Iterator[Instruction]:
    """Goes past the "allow" that follows all of them as soon as one does not hold."""
    left = sum(_LENGTH[kind] for _, kind, _ in conditions)
    for argument, kind, value in conditions:
        left -= _LENGTH[kind]
        # The lower half: both machines are little-endian, and the kernel reads ints and pids from it alone.
        yield _LOAD, 0, 0, _ARGUMENTS_AT + 8 * argument
        if kind == "low-equal":
            yield _AND, 0, 0, 0xF
        if kind in ("equal", "low-equal"):
            yield _EQUAL, 0, left + 1, value
        else:
            yield _EQUAL if kind == "differs" else _ANY_OF, left + 1, 0, value


_LENGTH: Mapping[str, int] = {"equal": 2, "low-equal": 3, "differs": 2, "without": 2}

# Putting it on -------------------------------------------------------------------------------------------------------

_PR_GET_SECCOMP, _PR_SET_SECCOMP, _MODE_FILTER = 21, 22, 2
_SET_MODE_FILTER, _ALL_THREADS = 1, 1


# Any: elsewhere than on POSIX nothing here is called.
_libc: Any = ctypes.CDLL(None, use_errno=True) if os.name == "posix" else None


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def machine() -> str:
    """What this process's machine is called in the table, "" for a 32-bit program, whose numbers are others."""
    return os.uname().machine if sys.platform == "linux" and sys.maxsize > 1 << 32 else ""


@functools.cache
def filter_here() -> bytes | None:
    """The filter of this machine; None where its numbers are not known, or this kernel takes none."""
    code = program(machine())
    return code if code is not None and _libc.prctl(_PR_GET_SECCOMP, 0, 0, 0, 0) >= 0 else None


def shut() -> bool:
    """Puts the filter on all threads of this process and on what it will start; False where there is none for it.

    It must not be able to gain rights any more. Raises OSError.
    """
    code = filter_here()
    if code is None:
        return False
    given = _Program(len(code) // 8, code)
    number = NUMBERS["seccomp"][_MACHINES[machine()][1]]
    if _libc.syscall(number, _SET_MODE_FILTER, _ALL_THREADS, ctypes.byref(given)) != 0:
        problem = ctypes.get_errno()
        raise OSError(problem, f"the filter of system calls: {os.strerror(problem)}")
    return True
