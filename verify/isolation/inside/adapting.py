"""The instructor's adapter: functions in the form that is graded, on what a program in another form defines."""

from __future__ import annotations

import ast
import functools
import linecache
from types import ModuleType

_NAME = "adapter.py"


class _Student:
    """What the program defines, by name."""

    def __init__(self, module: ModuleType) -> None:
        self.__dict__["_module"] = module

    def __getattr__(self, name: str) -> object:
        try:
            return self._module.__dict__[name]
        except KeyError:
            raise NameError(f"the program defines no {name}, which the assignment uses") from None


def adapted(source: str, program: ModuleType, *, defined: bool) -> ModuleType:
    """A module with the adapter's functions, each with the program as its first argument.

    defined: whether the program has what the adapter needs; without it there is nothing to call, and the names tell.
    """
    module = ModuleType("adapter")
    if not defined:
        # What the grader calls is never the program's own, where there is an adapter.
        called = {node.name for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)}
        module.__dict__.update({name: value for name, value in program.__dict__.items() if name not in called})
        return module
    linecache.cache[_NAME] = (len(source), None, source.splitlines(keepends=True), _NAME)
    exec(compile(source, _NAME, "exec", dont_inherit=True), module.__dict__)
    student = _Student(program)
    given = ModuleType("adapted")
    for name, value in module.__dict__.items():
        if callable(value) and not name.startswith("_"):
            given.__dict__[name] = functools.partial(value, student)
    return given
