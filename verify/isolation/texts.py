"""What ended a program, as sentences with a key (`verify.said`)."""

from __future__ import annotations

from verify.said import saying

__all__ = ["TEXTS", "said"]

TEXTS = {
    "on-import": "on import",
    "after-calls": "after the last call",
    "in-call": "in {function}, call {number} of {calls}",
    "raised-where": "{where}: {message}",
    "raised-where-at": "{where}, {place}: {message}",
    "in-function": "{function}",
    "ended-early": "ended early, {where}",
    "ended-status": "ended early with exit status {status}, {where}",
    "ended-signal": "ended by {signal}, {where}",
    "autograd-started": "autograd's engine was started; autograd is forbidden here, {where}",
    "printed": "printed more than {mib} MiB, {where}",
    "forged": "wrote to the grader's own channel ({what}), {where}",
    "out-of-time": "did not finish within {seconds:g} s, {where}",
    "out-of-processor-time": "used more than {seconds:g} s of processor time, {where}",
    "out-of-memory": "needed more than {mib} MiB, {where}",
    "folder-full": "filled its folder: {mib} MiB or {files} files, {where}",
    "processes": "started more than {processes} processes, {where}",
}

said = saying(TEXTS)
