"""The table of hostile programs: each kind, what must come of it, and where that differs from sandbox to sandbox.

`tests/hostile_runs.py` runs them. A kind that needs arguments of its own, or whose answers say how it went, has both
here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from verify.isolation import Limits, Outcome, Run, Unusable
from verify.isolation.inside.engine import ENDED
from verify.submissions.reading import read_submission
from verify.submissions.submission import Submission

HOSTILE = Path(__file__).parent / "hostile"
LIMITS = Limits(time_limit=20.0, cpu_limit=10.0, memory_mib=256, output_bytes=16 << 20, disk_bytes=32 << 20, files=2000)
SHORT = Limits(time_limit=1.5, memory_mib=256, output_bytes=16 << 20, disk_bytes=32 << 20, files=2000)
BUSY = Limits(time_limit=20.0, cpu_limit=1.0, memory_mib=256, output_bytes=16 << 20, disk_bytes=32 << 20, files=2000)


@dataclass(frozen=True)
class Place:
    """What there is to be reached for while the kinds are run: a file that everyone may read, with a word in it, and a
    port on which somebody listens."""

    file: str
    word: tuple[str, str]
    host: str
    port: int


Arguments = Callable[[Place], tuple[Any, ...]]


@dataclass(frozen=True)
class Kind:
    """A hostile program and what must come of it: one of these states, words of the message, or right answers.

    elsewhere: mode -> (state, words) where they differ there. arguments: of its one call, where the usual calls will
    not do. holds: what its answers or its output must be like. modes: where it is run. times: so often.
    """

    state: str
    says: str = ""
    limits: Limits = LIMITS
    right: bool = False
    elsewhere: dict[str, tuple[str, str]] = field(default_factory=dict)
    backend: str = "numpy"
    arguments: Arguments | None = None
    holds: Callable[[Run], bool] = lambda run: True
    modes: tuple[str, ...] = ("namespaces", "bubblewrap", "process")
    times: int = 1

    def expected(self, mode: str) -> tuple[tuple[str, ...], str]:
        """States and words in a mode."""
        state, says = self.elsewhere.get(mode, (self.state, self.says))
        return tuple(state.split(" or ")), says


def program(name: str) -> Submission:
    """The submission of a kind."""
    return MADE[name] if name in MADE else read_submission(HOSTILE / name.partition(" ")[0])


_TAKEN_OVER = "raise SystemExit('taken over')\n"
_MODULES = ("numpy", "torch", "json", "random", "conftest", "sitecustomize", "usercustomize", "site", "pytest")
MADE = {
    "beside": Submission(
        "beside",
        "import numpy, json, helper\n\n\ndef gradients(W, b, x, t, activation, lam):\n"
        "    return [helper.two * w for w in W], [2 * v for v in b]\n",
        "submission.py",
        {f"{name}.py": _TAKEN_OVER.encode() for name in _MODULES}
        | {"numpy/__init__.py": _TAKEN_OVER.encode(), "pytest.ini": b"[pytest]\naddopts = -p conftest\n"}
        | {"helper.py": b"two = 2\n"},
    )
}


def _values(run: Run) -> list[Any]:
    return [reply.value for reply in run.replies]


def _none(run: Run) -> bool:
    """Whether every answer is an empty list, or says no."""
    return all(value in ([], False) for value in _values(run))


def _is(*expected: Any) -> Callable[[Run], bool]:
    """Whether the first answer is that, written out."""
    return lambda run: repr(run.replies[0].value) == repr(expected)


def _outcomes(*expected: Outcome) -> Callable[[Run], bool]:
    return lambda run: [reply.outcome for reply in run.replies] == [*expected]


def _neutral(run: Run) -> bool:
    """Whether no line of what was printed is a command to whoever runs the grader, and no control character is left."""
    lines = run.output.splitlines()
    return len(lines) > 5 and not any(line.lstrip().startswith(("::", "##")) for line in lines)


def _shapes(run: Run) -> list[Any]:
    dW, db, lines = run.replies[0].value
    return [np.shape(value) for value in (*dW, *db, *lines.values())]


def _quiet(run: Run) -> bool:
    """Whether no answer holds anything that was written after it was given."""
    return not any(array.any() for value in _values(run) for array in value[0])


def _torch(name: str, *given: Any) -> Arguments:
    return lambda place: (name, *given)


_WITHOUT_BUBBLEWRAP = ("namespaces", "process")  # torch is imported anew for each there: one program is enough
_FORBIDDEN = ("forbidden", "autograd")
_FILLED = ("crashed", "filled its folder: 32 MiB or 2000 files")
RIGHT = Kind("ok", right=True)
KINDS: dict[str, Kind] = {
    # ending early
    "exit_on_import.py": Kind("crashed", "ended early with exit status 0, on import"),
    "exit_in_call.py": Kind("crashed", "ended early with exit status 0, in gradients, call 2 of 3"),
    "sys_exit_on_import.py": Kind("crashed", "on import, line 5: SystemExit: 0"),
    "sys_exit_in_call.py": Kind("crashed", "gradients, line 5: SystemExit: 0"),
    "atexit_then_raise.py": Kind("error", "on import, line 7: ValueError: nothing here"),
    "atexit_hook.py": RIGHT,
    "signal_sigkill.py": Kind("crashed", "ended by SIGKILL, on import"),
    "signal_sigterm.py": Kind("crashed", "ended by SIGTERM, on import"),
    "signal_sigabrt.py": Kind("crashed", "ended by SIGABRT, on import"),
    "signal_sigstop.py": Kind("timeout", "did not finish within 1.5 s, on import", SHORT),
    "segfault.py": Kind("crashed", "ended by SIGSEGV, in gradients, call 1 of 3"),
    "recursion.py": Kind("error", "gradients, line 5: RecursionError"),
    "recursion_unlimited.py": Kind("crashed or memory", "gradients, call 1 of 3"),
    "hostile_message.py": Kind("error", "<script>alert(1)</script> # [x](javascript:1)\\x1b[31m\\u202eyyy"),
    "hostile_exception.py": Kind("error", "Odd"),
    # the way back
    "writes_to_descriptors.py": Kind("crashed", "wrote to the grader's own channel"),
    "writes_and_goes_on.py": Kind("crashed", "wrote to the grader's own channel"),
    "closes_descriptors.py": Kind("crashed", limits=SHORT),
    "forges_the_end.py": Kind("crashed", "ended early, in gradients, call 1 of 3"),
    "forges_answers.py": Kind("crashed", "wrote to the grader's own channel"),
    "forged_output.py": Kind("ok", right=True, holds=_neutral),
    "thread_after_return.py": Kind("ok", holds=_quiet),
    "returns_pickle.py": Kind("ok", holds=_outcomes(*[Outcome.UNUSABLE] * 3)),
    "returns_lazy.py": Kind("ok", holds=_is([Unusable("Lazy")], [Unusable("type")], {"calls": np.array(0)})),
    "writes_into_inputs.py": RIGHT,
    "changes_lists.py": RIGHT,
    # taking the harness over
    "beside": RIGHT,
    "patches.py": Kind("crashed or error or ok"),
    "imports_the_grader.py": Kind("ok", holds=lambda run: "found []" in run.output),
    # reaching for the answers, for others' files, for the network
    "looks_around.py": Kind("ok", arguments=lambda place: (*place.word, place.file), holds=_none),
    "opens_others_files.py": Kind("ok", holds=_none),
    "leaves_files.py": Kind("ok", holds=_none, times=2),
    "network.py": Kind("ok", arguments=lambda place: (place.host, str(place.port)), holds=_none),
    # fooling the comparison
    "always_equal.py": Kind("ok", holds=_is([Unusable("Equal")], [Unusable("Equal")])),
    "subclasses.py": Kind("ok", holds=lambda run: type(run.replies[0].value[0][0]) is np.ndarray),
    "empty_arrays.py": Kind("ok", holds=lambda run: _shapes(run) == [(0, 3), (0,), (4, 0), ()]),
    "broadcasts.py": Kind("ok", holds=lambda run: _shapes(run) == [(1, 1), (), (1, 3), (1,)]),
    "huge_shapes.py": Kind("ok", holds=lambda run: run.replies[0].value[0] == [Unusable("array of too many entries")]),
    "odd_dtypes.py": Kind("ok"),
    "odd_values.py": Kind("ok"),
    "many_parts.py": Kind("ok"),
    "returns_inputs.py": Kind("ok"),
    "changing_answers.py": Kind("ok", holds=lambda run: len({repr(value) for value in _values(run)}) == 3),
    # not doing the work
    "first_call_only.py": Kind("ok", holds=_outcomes(Outcome.RETURNED, Outcome.RAISED, Outcome.RAISED)),
    "certain_shapes.py": Kind("ok", holds=_outcomes(Outcome.RETURNED, Outcome.RAISED, Outcome.RETURNED)),
    "differences.py": Kind("ok"),
    "torch_by_path.py": Kind("ok", holds=_none),
    "torch_backward.py": Kind("forbidden", "requires_grad_()", backend="torch"),
    "torch_caught.py": Kind(*_FORBIDDEN, backend="torch", arguments=_torch("0", np.ones(2)), modes=_WITHOUT_BUBBLEWRAP),
    "torch_engine.py": Kind(*_FORBIDDEN, backend="torch", arguments=_torch("0", ""), modes=_WITHOUT_BUBBLEWRAP),
    "torch_engine.py in a child": Kind(
        "ok",
        backend="torch",
        arguments=_torch("0", "child"),
        modes=_WITHOUT_BUBBLEWRAP,
        holds=lambda run: run.replies[0].value == ENDED,
    ),
    "torch_returns_leaf.py": Kind("forbidden", "", backend="torch", modes=_WITHOUT_BUBBLEWRAP),
    "torch_subclass.py": Kind("ok", right=True, backend="torch", modes=_WITHOUT_BUBBLEWRAP),
    "torch_honest.py": Kind("ok", right=True, backend="torch", modes=_WITHOUT_BUBBLEWRAP),
    "imports_torch.py": RIGHT,
    "imports_tensorflow.py": RIGHT,
    "imports_jax.py": Kind("forbidden", "gradients, line 7: ModuleNotFoundError: No module named 'jax' (autograd is"),
    "imports_autograd.py": Kind("forbidden", "gradients, line 8: ModuleNotFoundError: No module named 'autograd'"),
    "imports_torch_late.py": Kind(
        "error", "gradients, line 7: ModuleNotFoundError: No module named 'torch' (it is not"
    ),
    "imports_torch_maybe.py": RIGHT,
    # time
    "endless_loop.py": Kind("timeout", "did not finish within 1.5 s, on import", SHORT),
    "endless_in_call.py": Kind("timeout", "did not finish within 1.5 s, in gradients, call 2 of 3", SHORT),
    "endless_numpy.py": Kind("timeout", "in gradients, call 1 of 3", SHORT),
    "sleeps.py": Kind("timeout", "on import", SHORT),
    "deaf_to_time.py": Kind("timeout", "on import", SHORT),
    "busy_children.py": Kind("timeout", "used more than 1 s of processor time, on import", BUSY),
    # processes
    "fork_bomb.py": Kind("timeout", "on import", SHORT),
    "fork_bomb_once.py": Kind("error", "line 6: BlockingIOError"),
    "forks_and_answers.py": RIGHT,
    "daemon.py": RIGHT,
    "subprocesses.py": RIGHT,
    "kill_everyone.py": RIGHT,
    "ten_thousand_threads.py": Kind("error", "RuntimeError: can't start new thread"),
    # memory, of one process and of all
    "memory_lists.py": Kind("memory", "MemoryError"),
    "memory_numpy.py": Kind("memory", "gradients, line 9"),
    "memory_shared.py": Kind("memory", "on import, line"),
    "memory_signal.py": Kind("memory", "needed more than 256 MiB, on import"),
    "memory_children.py": Kind("memory", "needed more than 256 MiB, on import"),
    "memory_children_shared.py": Kind("memory", "needed more than 256 MiB, on import"),
    "memory_caught.py": Kind("memory or timeout", "on import", SHORT),
    "shared_memory.py": RIGHT,
    # the disk
    "huge_file.py": Kind("error", "OSError"),
    "many_descriptors.py": Kind("error", "line 5: OSError"),
    "full_disk_quietly.py": Kind("timeout", "on import", SHORT, elsewhere={"process": _FILLED}),
    "full_disk.py": Kind("error", "No space left", elsewhere={"process": _FILLED}),
    "many_files.py": Kind("error", "No space left", elsewhere={"process": _FILLED, "bubblewrap": _FILLED}),
    "unlinked_files.py": Kind("error", "No space left", elsewhere={"process": _FILLED}),
    "preallocated_files.py": Kind("error", "No space left", elsewhere={"process": _FILLED}),
    "deep_folders.py": RIGHT,
    # output
    "floods_stdout.py": Kind("crashed", "printed more than 16 MiB, on import"),
    "floods_stderr.py": Kind("crashed", "printed more than 16 MiB, on import"),
    "prints_much.py": RIGHT,
    # what an honest program may do, and does
    "uses_what_it_may.py": RIGHT,
}
