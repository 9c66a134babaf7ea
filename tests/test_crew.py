"""A crew gives every task its result, and blames the one task that its processes die of."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest

from verify.classroom.crew import Crew, Died, at_most, processes

ROOT = Path(__file__).resolve().parents[1]
KILLERS = (3, 17, 18)


def square(n: int) -> int:
    """A task; some end their process."""
    if n in KILLERS:
        os.kill(os.getpid(), signal.SIGKILL)
    return n * n


class Fragile(Executor):
    """An executor that breaks, with all that it holds, where a task of KILLERS runs; it runs two at a time."""

    hired = 0

    def __init__(self) -> None:
        type(self).hired += 1
        self.held: list[tuple[Future, Callable, int]] = []
        self.broken = False

    def submit(self, fn: Callable, /, *args, **kwargs) -> Future:
        if self.broken:
            raise BrokenProcessPool("broken before")
        future: Future = Future()
        future.set_running_or_notify_cancel()
        self.held.append((future, fn, args[0]))
        lone = len(self.held) == 1 and args[0] in KILLERS
        if any(n in KILLERS for _, _, n in self.held) and (len(self.held) == 2 or lone):
            self.broken = True
            for held, _, _ in self.held:
                held.set_exception(BrokenProcessPool("a process died"))
        elif args[0] not in KILLERS:
            future.set_result(args[0] ** 2)
            self.held.remove((future, fn, args[0]))
        return future


@pytest.mark.parametrize("ahead", [1, 2, 5])
def test_every_task_has_its_result_and_those_that_kill_are_blamed_alone(ahead: int) -> None:
    with Crew(Fragile, ahead) as crew:
        found = dict(crew.work(square, range(25)))
    assert found.keys() == set(range(25))
    assert {n for n, result in found.items() if isinstance(result, Died)} == set(KILLERS)
    assert all(result == n * n for n, result in found.items() if n not in KILLERS)


def test_processes_that_die_are_replaced() -> None:
    with Crew(lambda: processes(2), 4) as crew:
        found = dict(crew.work(square, range(20)))
    assert {n for n, result in found.items() if isinstance(result, Died)} == set(KILLERS)
    assert all(result == n * n for n, result in found.items() if n not in KILLERS)


def test_no_more_tasks_are_taken_than_there_is_room_for() -> None:
    taken: list[int] = []

    def tasks():
        for n in range(100, 120):
            taken.append(n)
            yield n

    with Crew(lambda: ThreadPoolExecutor(1), 3) as crew:
        results = crew.work(square, tasks())
        next(results)
        assert len(taken) <= 3
        assert len([*results]) == 19


def test_an_exception_calls_off_what_is_open() -> None:
    release, crew = [], Crew(lambda: ThreadPoolExecutor(1), 10)

    def slow(n: int) -> int:
        while not release:
            time.sleep(0.001)
        return n

    with pytest.raises(KeyboardInterrupt), crew:  # noqa: PT012 - the crew has to be left by it
        futures = [crew._submit(slow, n) for n in range(5)]
        release.append(True)
        raise KeyboardInterrupt
    assert all(future.done() for future in futures)


def test_first_raises_what_the_task_raises() -> None:
    def fails(_: int) -> int:
        raise BrokenExecutor("no")

    with Crew(lambda: ThreadPoolExecutor(1), 1) as crew, pytest.raises(BrokenExecutor, match="no"):
        crew.first(fails, 1)


# A worker whose parent is killed must not wait for ever: it holds the pipe's end that lets it know.
ORPHANED = """
import os, signal, sys
from verify.classroom.crew import processes
if __name__ == "__main__":
    pool = processes(2)
    print(*{pool.submit(os.getpid).result() for _ in range(4)}, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_processes_end_with_the_one_that_hired_them(tmp_path: Path) -> None:
    program, output = tmp_path / "orphaned.py", tmp_path / "output"
    program.write_text(ORPHANED)
    # A file and no pipe: orphans would hold the pipe, and waiting for its end would hide them.
    with output.open("w") as stream:
        done = subprocess.run([sys.executable, program], stdout=stream, stderr=stream, check=False, cwd=ROOT)
    assert done.returncode == -signal.SIGKILL
    workers = [int(word) for word in output.read_text().split()]
    assert workers
    assert all(ends(worker) for worker in workers)


def ends(process: int) -> bool:
    """Whether a process is gone within half a minute."""
    try:
        descriptor = os.pidfd_open(process)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], 30)[0])
    finally:
        os.close(descriptor)


def test_a_task_that_stalls_ends_its_process() -> None:
    program = "import time\nfrom verify.classroom.crew import at_most\nwith at_most(0.05): time.sleep(60)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 70, done.stderr


def test_a_task_in_time_goes_on() -> None:
    with at_most(60):
        done = True
    assert done
