"""Honest, and uses much of what a program may: threads, children, pipes, programs, files, its own limits."""

import contextlib
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import threading

fork = multiprocessing.get_context("fork")


def double(pipe, arrays):
    pipe.send([2 * array for array in arrays])


def by_a_child(arrays):
    here, there = fork.Pipe()
    child = fork.Process(target=double, args=(there, arrays))
    child.start()
    result = here.recv()
    child.join()
    return result


def by_a_thread(arrays):
    result = []
    thread = threading.Thread(target=lambda: result.extend(2 * array for array in arrays))
    thread.start()
    thread.join()
    return result


def gradients(W, b, x, t, activation, lam):
    os.nice(1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.sched_setaffinity(0, os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "file")
        with open(path, "w") as stream:
            stream.write("1")
        os.chmod(path, 0o600)
        os.utime(path)
    # Not every sandbox has programs to run.
    with contextlib.suppress(PermissionError):
        done = subprocess.run([sys.executable, "-S", "-c", "print(1)"], capture_output=True, check=True)
        assert done.stdout == b"1\n"
    return by_a_child(W), by_a_thread(b)
