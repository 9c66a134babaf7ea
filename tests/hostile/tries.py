"""Tries what a program has no business to do, and says what worked.

Nothing here may do harm where it works: what is changed of others is set to what it was, what is mounted or left
has no place to be. Run outside of a sandbox, it is told by name what to try (`only`).
"""

import contextlib
import ctypes
import errno
import fcntl
import os
import resource
import socket
import struct
import tempfile

libc = ctypes.CDLL(None, use_errno=True)
worked = {}
only = []


def tried(name, function, numbers):
    if only and name not in only:
        return
    try:
        result = function(numbers)
    except (OSError, OverflowError, ValueError) as error:
        result = False
        print(name, error)
    worked[name] = bool(result)


def call(number, *arguments):
    """A system call that is made right: True."""
    return libc.syscall(number, *arguments) >= 0


# There is no such place: what is allowed fails too, but with another reason.
NOWHERE = b"/backproof/is/nowhere"


def allowed(result):
    """Whether a call that could do nothing failed for that reason, and not since it is refused."""
    return result == 0 or ctypes.get_errno() not in (errno.EPERM, errno.EACCES, errno.ENOSYS)


def opened(family, kind, protocol=0):
    with socket.socket(family, kind, protocol):
        return True


def reached(path):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        return True


def read(path, place=0):
    with open(path, "rb") as stream:
        stream.seek(place)
        return stream.read(8)


def changed(change):
    """Whether a file's mode, owner or time is another afterwards."""
    with tempfile.NamedTemporaryFile(dir=".") as file:
        before = os.stat(file.name)
        change(file.name)
        after = os.stat(file.name)
    return (before.st_mode, before.st_uid, before.st_mtime_ns) != (after.st_mode, after.st_uid, after.st_mtime_ns)


def raised(kind):
    soft, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (hard + 1, hard + 1))
    return True


def memory_of(process):
    """Eight bytes of another process."""
    text = ctypes.create_string_buffer(8)
    local = struct.pack("QQ", ctypes.addressof(text), 8)
    remote = struct.pack("QQ", id(None), 8)
    return libc.process_vm_readv(process, local, 1, remote, 1, 0) > 0


parent = os.getppid()
NEWUSER, NEWNS, NEWPID, NEWNET = 0x10000000, 0x20000, 0x20000000, 0x40000000


def born(number, flags):
    arguments = (flags | 17, 0, 0, 0, 0)
    child = libc.syscall(number, *arguments)
    if child == 0:
        os._exit(0)
    if child > 0:
        os.waitpid(child, 0)
    return child > 0


def typed():
    try:
        fcntl.ioctl(0, 0x5412, b"x")
    except OSError as error:
        # Where there is no terminal that is said, unless the call was not made at all.
        return error.errno != errno.EPERM
    return True


def descriptors():
    found = []
    for number in range(256):
        with contextlib.suppress(OSError):
            os.fstat(number)
            found.append(number)
    return found


# Name, and what is tried, with the numbers of system calls; in this order.
TRIES = (
    # The three standard ones and the way back; in a folder that only root can enter, those of Python's own folders.
    ("open descriptors", lambda n: len(descriptors()) > 4 + n["folders"]),
    ("tcp", lambda n: opened(socket.AF_INET, socket.SOCK_STREAM)),
    ("udp", lambda n: opened(socket.AF_INET, socket.SOCK_DGRAM)),
    ("unix socket", lambda n: opened(socket.AF_UNIX, socket.SOCK_STREAM)),
    ("unix datagram", lambda n: opened(socket.AF_UNIX, socket.SOCK_DGRAM)),
    ("virtual machine socket", lambda n: opened(40, socket.SOCK_STREAM)),
    ("netlink", lambda n: opened(16, socket.SOCK_RAW)),
    ("kernel's crypto", lambda n: opened(38, 5)),
    ("pair of datagrams", lambda n: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)),
    ("abstract name", lambda n: reached("\0backproof-nobody-listens")),
    ("trace", lambda n: libc.ptrace(16, parent, 0, 0) == 0),
    ("be traced", lambda n: libc.ptrace(0, 0, 0, 0) == 0),
    ("parent's memory", lambda n: memory_of(parent)),
    ("first process's memory", lambda n: memory_of(1)),
    ("parent's memory as a file", lambda n: read(f"/proc/{parent}/mem", id(None))),
    ("parent's environment", lambda n: read(f"/proc/{parent}/environ")),
    ("parent's descriptor", lambda n: call(n["pidfd_getfd"], os.pidfd_open(parent), 0, 0)),
    ("key", lambda n: call(n["add_key"], b"user", b"backproof", b"1", 1, -1)),
    ("keyring", lambda n: call(n["keyctl"], 0, -3, 1)),
    ("queue", lambda n: call(n["mq_open"], b"backproof", os.O_CREAT | os.O_RDWR, 0o600, None)),
    ("old queue", lambda n: call(n["msgget"], 0x0BAC, 0o1600)),
    ("semaphore", lambda n: call(n["semget"], 0x0BAC, 1, 0o1600)),
    ("shared segment", lambda n: call(n["shmget"], 0x0BAC, 4096, 0o1600)),
    ("inotify", lambda n: call(n["inotify_init1"], 0)),
    ("fanotify", lambda n: call(n["fanotify_init"], 0x200, 0)),
    ("mount", lambda n: allowed(libc.mount(b"tmpfs", NOWHERE, b"tmpfs", 0, None))),
    ("unmount", lambda n: allowed(libc.umount2(NOWHERE, 0))),
    ("chroot", lambda n: allowed(libc.chroot(NOWHERE))),
    ("new users", lambda n: libc.unshare(NEWUSER) == 0),
    ("new mounts", lambda n: libc.unshare(NEWNS) == 0),
    ("new processes", lambda n: libc.unshare(NEWPID) == 0),
    ("new network", lambda n: libc.unshare(NEWNET) == 0),
    ("child with new users", lambda n: born(n["clone"], NEWUSER)),
    ("child by clone3", lambda n: libc.syscall(n["clone3"], 0, 0) < 0 and ctypes.get_errno() != errno.ENOSYS),
    ("another's name space", lambda n: libc.setns(os.open(f"/proc/{parent}/ns/net", os.O_RDONLY), 0) == 0),
    ("memory file", lambda n: os.memfd_create("backproof")),
    ("secret memory", lambda n: call(n["memfd_secret"], 0)),
    ("io_uring", lambda n: call(n["io_uring_setup"], 1, ctypes.create_string_buffer(120))),
    ("bpf", lambda n: call(n["bpf"], 0, struct.pack("IIIIQQQQQQ", 2, 4, 4, 1, *[0] * 6), 64)),
    ("faults", lambda n: call(n["userfaultfd"], 1)),
    ("counters", lambda n: call(n["perf_event_open"], struct.pack("IIQ", 1, 112, 0) + bytes(96), 0, -1, -1, 0)),
    ("landlock", lambda n: call(n["landlock_create_ruleset"], None, 0, 1)),
    ("a call of tomorrow", lambda n: libc.syscall(n["tomorrow"], 0) < 0 and ctypes.get_errno() != errno.ENOSYS),
    ("parent's limits", lambda n: resource.prlimit(parent, resource.RLIMIT_CORE, resource.prlimit(parent, resource.RLIMIT_CORE))),
    ("parent's priority", lambda n: os.setpriority(os.PRIO_PROCESS, parent, os.getpriority(os.PRIO_PROCESS, parent)) is None),
    ("user's priority", lambda n: os.setpriority(os.PRIO_USER, 0, os.getpriority(os.PRIO_USER, 0)) is None),
    ("parent's affinity", lambda n: os.sched_setaffinity(parent, os.sched_getaffinity(parent)) is None),
    ("parent's scheduler", lambda n: os.sched_setscheduler(parent, os.sched_getscheduler(parent), os.sched_getparam(parent)) is None),
    ("more memory", lambda n: raised(resource.RLIMIT_DATA)),
    ("more processes", lambda n: raised(resource.RLIMIT_NPROC)),
    ("more descriptors", lambda n: raised(resource.RLIMIT_NOFILE)),
    ("mode", lambda n: changed(lambda name: os.chmod(name, 0o777))),
    ("owner", lambda n: changed(lambda name: os.chown(name, os.getuid(), os.getgid()))),
    ("time", lambda n: changed(lambda name: os.utime(name, (1, 1)))),
    ("signal the parent", lambda n: os.kill(parent, 0) is None and parent not in (0, 1)),
    ("typing", lambda n: typed()),
    ("no more of what is not", lambda n: os.getuid() == 0),
)


def gradients(numbers):
    # Outside of any sandbox it is told what to try: some of this leaves something behind.
    only.extend(numbers["only"])
    for name, function in TRIES:
        tried(name, function, numbers)
    return [[name, did] for name, did in worked.items()]
