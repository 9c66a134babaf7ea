"""Works tasks off over a `concurrent.futures.Executor`, and finds out which task it was that a process died of.

What a task gives back, or that it died, is all that a caller sees: an executor that breaks is replaced, and the tasks
that were lost with it are worked again, each alone, so that only the one that ends its process again is blamed.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import wait as wait_for_any
from types import TracebackType
from typing import TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")

# A forked worker has them loaded already: the program that was started, which each would import again, and what judges.
# Imported here they would cost the caller, who needs none of them, seconds.
_PRELOADED = ["__main__", "verify.lessons.network.keeping", "verify.isolation", "verify.reports.graded_pages"]
_WHOLE = ["verify.lessons.network.judging.laid_out", "verify.lessons.network.grade"]  # with torch
_LAST = ["verify.classroom.frozen"]
_STALLED = 70


@dataclass(frozen=True)
class Died:
    """Why there is no result: the process that worked on the task ended, twice, the second time on this task alone."""

    reason: str


class Crew:
    """Workers of an executor that tasks are handed to, `ahead` at a time.

    hire: makes the executor, and again where it broke. Use as a context: leaving it ends the executor, at once and
    without its open tasks where an exception leaves it.
    """

    def __init__(self, hire: Callable[[], Executor], ahead: int) -> None:
        self._hire = hire
        self._ahead = ahead
        self._executor: Executor | None = None
        self._open: set[Future] = set()

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        if kind is not None:
            for future in [*self._open]:
                future.cancel()
        if self._executor is not None:
            self._executor.shutdown(wait=True)

    def first(self, function: Callable[[Task], Result], task: Task) -> Result:
        """What one task gives, with nothing beside it. Raises what it raises, or what the executor does."""
        return self._submit(function, task).result()

    def work(self, function: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[tuple[Task, Result | Died]]:
        """Each task with its result, in the order in which they are done. Takes no more tasks than it has room for."""
        running: dict[Future[Result], Task] = {}
        for task in tasks:
            running[self._submit(function, task)] = task
            if len(running) >= self._ahead:
                yield from self._some(function, running)
        while running:
            yield from self._some(function, running)

    def _some(
        self, function: Callable[[Task], Result], running: dict[Future[Result], Task]
    ) -> Iterator[tuple[Task, Result | Died]]:
        """Waits for one of the running tasks at least, and takes those that are done out of them."""
        done, _ = wait(running, return_when=FIRST_COMPLETED)
        if any(_lost(future) for future in done):
            # Whatever else was running may be lost too, and must be done before anything is worked alone.
            done, _ = wait(running)
        finished = [(future, running.pop(future)) for future in done]
        for future, task in finished:
            if not _lost(future):
                yield task, future.result()
        for future, task in finished:
            if _lost(future):
                yield task, self.alone(function, task)

    def alone(self, function: Callable[[Task], Result], task: Task) -> Result | Died:
        """What one task gives, with nothing beside it, or that its process died of it."""
        try:
            return self.first(function, task)
        except Exception as error:  # whatever the executor makes of the end of its worker
            return Died(" ".join(f"{type(error).__name__}: {error}".split()))

    def _submit(self, function: Callable[[Task], Result], task: Task) -> Future[Result]:
        with _uninterrupted():
            executor = self._executor or self._new()
            try:
                future = executor.submit(function, task)
            except BrokenExecutor:
                executor.shutdown(wait=True)
                future = self._new().submit(function, task)
        self._open.add(future)
        future.add_done_callback(self._open.discard)
        return future

    def _new(self) -> Executor:
        self._executor = self._hire()
        return self._executor


def _lost(future: Future) -> bool:
    return future.cancelled() or future.exception() is not None


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ctrl-C waits until a process is started, which it does not reach before it is ready: else both told at length."""
    # Another process, for the tracker, would let it through again.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


# Processes of this machine -------------------------------------------------------------------------------------------


def processes(number: int, *, light: bool = False) -> Executor:
    """That many processes, which ignore Ctrl-C and end with this process, however it ends.

    light: without torch, which each then imports by itself once it needs it. Otherwise they share it.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*_PRELOADED, *([] if light else _WHOLE), *_LAST])
    return ProcessPoolExecutor(number, mp_context=context, initializer=_begin)


def _begin() -> None:
    # A handler, for what is ignored stays so in programs that this process starts, and a student's may want it.
    signal.signal(signal.SIGINT, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    """A worker whose parent was killed would wait for its next task for ever."""
    wait_for_any([sentinel])
    os._exit(1)


@contextlib.contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Ends the process where the block takes longer: to the crew a task that stalls is one that its process died of."""
    timer = threading.Timer(seconds, os._exit, (_STALLED,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
