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


def tried(name, function):
    if only and name not in only:
        return
    try:
        result = function()
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


x86 = os.uname().machine == "x86_64"
parent, MACHINE = os.getppid(), 0 if x86 else 1
NEWUSER, NEWNS, NEWPID, NEWNET = 0x10000000, 0x20000, 0x20000000, 0x40000000


def gradients(numbers):
    # Outside of any sandbox it is told what to try: some of this leaves something behind.
    only.extend(numbers["only"])
    number = lambda name: numbers[name]
    # The three standard ones and the way back; in a folder that only root can enter, those of Python's own folders.
    tried("open descriptors", lambda: len(descriptors()) > 4 + numbers["folders"])
    tried("tcp", lambda: opened(socket.AF_INET, socket.SOCK_STREAM))
    tried("udp", lambda: opened(socket.AF_INET, socket.SOCK_DGRAM))
    tried("unix socket", lambda: opened(socket.AF_UNIX, socket.SOCK_STREAM))
    tried("unix datagram", lambda: opened(socket.AF_UNIX, socket.SOCK_DGRAM))
    tried("virtual machine socket", lambda: opened(40, socket.SOCK_STREAM))
    tried("netlink", lambda: opened(16, socket.SOCK_RAW))
    tried("kernel's crypto", lambda: opened(38, 5))
    tried("pair of datagrams", lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM))
    tried("abstract name", lambda: reached("\0backproof-nobody-listens"))
    tried("trace", lambda: libc.ptrace(16, parent, 0, 0) == 0)
    tried("be traced", lambda: libc.ptrace(0, 0, 0, 0) == 0)
    tried("parent's memory", lambda: memory_of(parent))
    tried("first process's memory", lambda: memory_of(1))
    tried("parent's memory as a file", lambda: read(f"/proc/{parent}/mem", id(None)))
    tried("parent's environment", lambda: read(f"/proc/{parent}/environ"))
    tried("parent's descriptor", lambda: call(number("pidfd_getfd"), os.pidfd_open(parent), 0, 0))
    tried("key", lambda: call(number("add_key"), b"user", b"backproof", b"1", 1, -1))
    tried("keyring", lambda: call(number("keyctl"), 0, -3, 1))
    tried("queue", lambda: call(number("mq_open"), b"backproof", os.O_CREAT | os.O_RDWR, 0o600, None))
    tried("old queue", lambda: call(number("msgget"), 0x0BAC, 0o1600))
    tried("semaphore", lambda: call(number("semget"), 0x0BAC, 1, 0o1600))
    tried("shared segment", lambda: call(number("shmget"), 0x0BAC, 4096, 0o1600))
    tried("inotify", lambda: call(number("inotify_init1"), 0))
    tried("fanotify", lambda: call(number("fanotify_init"), 0x200, 0))
    tried("mount", lambda: allowed(libc.mount(b"tmpfs", NOWHERE, b"tmpfs", 0, None)))
    tried("unmount", lambda: allowed(libc.umount2(NOWHERE, 0)))
    tried("chroot", lambda: allowed(libc.chroot(NOWHERE)))
    tried("new users", lambda: libc.unshare(NEWUSER) == 0)
    tried("new mounts", lambda: libc.unshare(NEWNS) == 0)
    tried("new processes", lambda: libc.unshare(NEWPID) == 0)
    tried("new network", lambda: libc.unshare(NEWNET) == 0)
    tried("child with new users", lambda: born(number("clone"), NEWUSER))
    tried("child by clone3", lambda: libc.syscall(number("clone3"), 0, 0) < 0 and ctypes.get_errno() != errno.ENOSYS)
    tried("another's name space", lambda: libc.setns(os.open(f"/proc/{parent}/ns/net", os.O_RDONLY), 0) == 0)
    tried("memory file", lambda: os.memfd_create("backproof"))
    tried("secret memory", lambda: call(number("memfd_secret"), 0))
    tried("io_uring", lambda: call(number("io_uring_setup"), 1, ctypes.create_string_buffer(120)))
    tried("bpf", lambda: call(number("bpf"), 0, struct.pack("IIIIQQQQQQ", 2, 4, 4, 1, *[0] * 6), 64))
    tried("faults", lambda: call(number("userfaultfd"), 1))
    tried("counters", lambda: call(number("perf_event_open"), struct.pack("IIQ", 1, 112, 0) + bytes(96), 0, -1, -1, 0))
    tried("landlock", lambda: call(number("landlock_create_ruleset"), None, 0, 1))
    tried("a call of tomorrow", lambda: libc.syscall(number("tomorrow"), 0) < 0 and ctypes.get_errno() != errno.ENOSYS)
    tried("parent's limits", lambda: resource.prlimit(parent, resource.RLIMIT_CORE, resource.prlimit(parent, resource.RLIMIT_CORE)))
    tried("parent's priority", lambda: os.setpriority(os.PRIO_PROCESS, parent, os.getpriority(os.PRIO_PROCESS, parent)) is None)
    tried("user's priority", lambda: os.setpriority(os.PRIO_USER, 0, os.getpriority(os.PRIO_USER, 0)) is None)
    tried("parent's affinity", lambda: os.sched_setaffinity(parent, os.sched_getaffinity(parent)) is None)
    tried("parent's scheduler", lambda: os.sched_setscheduler(parent, os.sched_getscheduler(parent), os.sched_getparam(parent)) is None)
    tried("more memory", lambda: raised(resource.RLIMIT_DATA))
    tried("more processes", lambda: raised(resource.RLIMIT_NPROC))
    tried("more descriptors", lambda: raised(resource.RLIMIT_NOFILE))
    tried("mode", lambda: changed(lambda name: os.chmod(name, 0o777)))
    tried("owner", lambda: changed(lambda name: os.chown(name, os.getuid(), os.getgid())))
    tried("time", lambda: changed(lambda name: os.utime(name, (1, 1))))
    tried("signal the parent", lambda: os.kill(parent, 0) is None and parent not in (0, 1))
    tried("typing", lambda: typed())
    tried("no more of what is not", lambda: os.getuid() == 0)
    return [[name, did] for name, did in worked.items()]


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
