"""Runs a program as far as it goes: what fails costs what it would have defined, and nothing else.

A notebook's cells run one after another, as Jupyter runs them: one that raises does not stop the next. A script stops
where it raises, unless what is graded is defined by then: the rest of it, a training loop or a plot, costs nothing.
"""

from __future__ import annotations
import __future__

import ast
import asyncio
import inspect
import linecache
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from types import CodeType, ModuleType, TracebackType
from typing import Any

_MOST_FAILURES = 20
# How often it is asked whether the program's time is over; after a cut, how long a definition may take at most.
_LOOK_SECONDS = 0.5
# How many times its processor time a program may have by the clock.
_PATIENCE = 1.6
_FUTURE = 0
for _name in __future__.all_feature_names:
    _FUTURE |= getattr(__future__, _name).compiler_flag


class Cut(BaseException):
    """Raised in a program whose functions are there and whose remaining lines take too long."""


@dataclass(frozen=True)
class Failure:
    """A part of the program that did not run to its end, with what it raised."""

    error: BaseException
    part: int


@dataclass
class Program:
    """A program that is being run.

    name: of its file. parts: the first line and the text of each cell; none for a script, whose text is `source`.
    required: the name that all is about. seconds: how long the program may go on once that is defined.
    """

    module: ModuleType
    name: str
    source: str
    parts: Sequence[tuple[int, str]]
    required: str
    seconds: float
    failures: list[Failure] = field(default_factory=list)
    _flags: int = 0
    _cut: bool = False

    def run(self) -> None:
        """Runs it, and keeps what it raised in `failures`. Raises what ends a script too early."""
        lines = self.source.splitlines(keepends=True)
        linecache.cache[self.name] = (len(self.source), None, lines, self.name)
        ends = self._end_in_time()
        try:
            if self.parts:
                self._cells()
            else:
                self._script()
        finally:
            ends()

    @property
    def defined(self) -> bool:
        """Whether what is graded is there."""
        return callable(self.module.__dict__.get(self.required))

    # Cells

    def _cells(self) -> None:
        broken = {}
        for part, (first, text) in enumerate(self.parts):
            if self._cut:
                self._definitions(ast.parse(_at(first, text)).body, part)
                continue
            error = self._attempt(lambda at=first, cell=text: self._execute(_at(at, cell)))
            if error is not None:
                broken[part] = error
                self._fail(error, part)
        if not self.defined:
            self._rescue(broken)

    def _rescue(self, broken: dict[int, BaseException]) -> None:
        """What is graded may stand in a cell below the line that raised: then the definitions there are taken."""
        for part, error in broken.items():
            if isinstance(error, SyntaxError):
                continue
            first, text = self.parts[part]
            body = _after(ast.parse(_at(first, text)).body, self._line(error))
            if self.required in _bound(body):
                self._definitions(body, part)

    # Scripts

    def _script(self) -> None:
        error = self._attempt(lambda: self._execute(self.source))
        body: list[ast.stmt] | None = None
        while error is not None:
            if not self.defined:
                raise error
            self._fail(error, 0)
            line = self._line(error)
            body = _after(ast.parse(self.source).body if body is None else body, line)
            if self._cut or isinstance(error, SystemExit) or line is None:
                self._definitions(body, 0)
                return
            error = self._attempt(lambda rest=body: self._execute(_module(rest)))

    def _definitions(self, body: Sequence[ast.stmt], part: int) -> None:
        for statement in filter(_is_definition, body):
            error = self._attempt(lambda one=statement: self._execute(_module([one])))
            if error is not None:
                self._fail(error, part)

    # Both

    def _execute(self, code: str | ast.Module) -> None:
        flags = self._flags | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        compiled: CodeType = compile(code, self.name, "exec", flags=flags, dont_inherit=True)
        self._flags |= compiled.co_flags & _FUTURE
        result = eval(compiled, self.module.__dict__)
        if inspect.iscoroutine(result):
            _await(result)

    def _attempt(self, action: Callable[[], None]) -> BaseException | None:
        try:
            action()
        except BaseException as error:
            self._cut = self._cut or type(error) is Cut
            return error
        return None

    def _fail(self, error: BaseException, part: int) -> None:
        if len(self.failures) < _MOST_FAILURES:
            self.failures.append(Failure(error, part))

    def _line(self, error: BaseException) -> int | None:
        """The line of the module itself on the way to where it was raised."""
        return next(lines_of(error.__traceback__, self.name), None)

    def _end_in_time(self) -> Callable[[], None]:
        """Has Cut raised in the program, once its time is over and it has defined what is graded."""

        began, used = time.monotonic(), time.process_time()

        def ring(_: int, __: Any) -> None:
            # Where a busy machine is what takes the time, the program gets some of the rest.
            slow = time.process_time() - used < self.seconds and time.monotonic() - began < self.seconds * _PATIENCE
            if self.defined and (self._cut or not slow):
                raise Cut

        before = signal.signal(signal.SIGALRM, ring)
        signal.setitimer(signal.ITIMER_REAL, self.seconds, _LOOK_SECONDS)

        def stop() -> None:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)

        return stop


def _at(first: int, text: str) -> str:
    """The text with its lines counted from `first`."""
    return "\n" * (first - 1) + text


def _module(body: Sequence[ast.stmt]) -> ast.Module:
    return ast.Module(body=list(body), type_ignores=[])


def _after(body: Sequence[ast.stmt], line: int | None) -> list[ast.stmt]:
    """The statements below the one that holds a line."""
    if line is None:
        return []
    return [statement for statement in body if _first_line(statement) > line]


def _first_line(statement: ast.stmt) -> int:
    return min([statement.lineno, *(d.lineno for d in getattr(statement, "decorator_list", []))])


def _is_definition(statement: ast.stmt) -> bool:
    """Whether a statement gives something a name without doing any work."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom):
        return True
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        return statement.value is not None and not any(isinstance(node, ast.Call) for node in _done(statement.value))
    return False


def _done(node: ast.AST) -> Iterator[ast.AST]:
    """The parts of an expression that are worked out at once: what stands in a lambda is not."""
    if isinstance(node, ast.Lambda):
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _done(child)


def _bound(body: Sequence[ast.stmt]) -> set[str]:
    names = set()
    for statement in body:
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            names.add(statement.name)
        elif isinstance(statement, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name).partition(".")[0] for alias in statement.names}
        elif isinstance(statement, ast.Assign):
            names |= {target.id for target in statement.targets if isinstance(target, ast.Name)}
    return names


def lines_of(trace: TracebackType | None, name: str) -> Iterator[int]:
    """The lines of a file on the way to where something was raised, from the outermost in."""
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == name:
            yield trace.tb_lineno
        trace = trace.tb_next


def last_file(trace: TracebackType | None, folder: str) -> tuple[str, int] | None:
    """The innermost place in a file below the folder, on the way to where something was raised: its name, the line."""
    found = None
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if name.startswith(folder + os.sep):
            found = os.path.relpath(name, folder), trace.tb_lineno
        elif os.sep not in name and not name.startswith("<"):
            found = name, trace.tb_lineno
        trace = trace.tb_next
    return found


def _await(coroutine: Any) -> None:
    """Works a cell with `await` in it off. Where no event loop can be made, one step after another."""
    try:
        loop = asyncio.new_event_loop()
    except OSError:
        loop = None
    if loop is not None:
        try:
            loop.run_until_complete(coroutine)
        finally:
            loop.close()
        return
    try:
        while True:
            coroutine.send(None)
    except StopIteration:
        pass


def new_module(name: str, *, main: bool) -> ModuleType:
    """The module that a program is run in: `__main__` for a notebook, as it is in Jupyter."""
    module = ModuleType("__main__" if main else "submission")
    module.__file__ = name
    sys.modules["submission"] = module
    if main:
        sys.modules["__main__"] = module
    return module
