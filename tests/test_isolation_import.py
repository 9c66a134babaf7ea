"""What is Linux's alone is imported, and asked for, only where a submission is run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Of Windows: what Python has not there, as far as our own modules could ask for it.
HIDDEN = """
import sys
for name in ("fcntl", "resource", "pwd", "grp", "termios"):
    sys.modules[name] = None
import os, signal, numpy, torch, msgspec, multiprocessing.resource_tracker
for name in ("register_at_fork", "memfd_create", "fork", "O_DIRECTORY", "O_NOFOLLOW", "O_PATH", "sysconf", "pipe2",
             "geteuid", "getuid"):
    delattr(os, name)
for name in ("pthread_sigmask", "SIGKILL", "SIGXCPU", "SIGALRM", "pidfd_send_signal", "setitimer"):
    delattr(signal, name)
"""
MODULES = [
    "verify.isolation",
    "verify.lessons.network.grade",
    "verify.classroom.classroom",
    "verify.classroom.gradebook",
    "verify.commands.one_submission",
]


def test_modules_import_without_what_windows_has_not() -> None:
    program = f"{HIDDEN}\nimport {', '.join(MODULES)}\nprint('imported')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.stdout == "imported\n", done.stderr
