"""Stand-ins for what a notebook has around it, and for packages that a program imports and that are not here.

A package that shows things (IPython, widgets, progress bars) is replaced by one that shows nothing. Any other is an
empty name: to import it costs nothing, and to use it raises what the import would have.
"""

# ruff: noqa: PTH118, PTH123
from __future__ import annotations

import ast
import builtins
import contextlib
import importlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

# They show, upload, mount or measure, and no gradient depends on them.
_SHOWING = frozenset(
    {
        "IPython", "ipykernel", "ipywidgets", "google", "kaggle_secrets", "marimo", "otter", "plotly", "seaborn",
        "tqdm", "wandb", "deepnote_toolkit",
    }
)  # fmt: skip
_BARS = ("tqdm", "trange", "tqdm_notebook", "tnrange")


class Nothing:
    """Whatever is asked of it, it does nothing. Called with a function, as a decorator is, it gives that back."""

    def __call__(self, *given: Any, **named: Any) -> Any:
        return given[0] if len(given) == 1 and not named and callable(given[0]) else Nothing()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Nothing()

    def __getitem__(self, key: Any) -> Any:
        return Nothing()

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: Any) -> None:
        return None


class Bar:
    """A progress bar that shows nothing: what it goes through, one after the other."""

    def __init__(self, iterable: Any = (), *_: Any, **__: Any) -> None:
        self.iterable = iterable

    def __iter__(self) -> Iterator[Any]:
        return iter(self.iterable)

    def __len__(self) -> int:
        return len(self.iterable)

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: Any) -> None:
        return None

    def __getattr__(self, name: str) -> Any:
        return Nothing()


class Absent:
    """A name out of a package that is not here. It can be passed around and asked after; used, it raises."""

    def __init__(self, package: str) -> None:
        self.__dict__["_package"] = package

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Absent(self._package)

    def __instancecheck__(self, instance: Any) -> bool:
        return False

    def __subclasscheck__(self, subclass: Any) -> bool:
        return False

    def _use(self, *_: Any, **__: Any) -> Any:
        raise ModuleNotFoundError(f"No module named {self._package!r}", name=self._package)

    __call__ = __getitem__ = __iter__ = __mro_entries__ = __enter__ = __len__ = _use
    __add__ = __radd__ = __mul__ = __rmul__ = __sub__ = __rsub__ = __matmul__ = __rmatmul__ = _use


class _StandIn(ModuleType):
    """A module that is not there."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        package = self.__name__.partition(".")[0]
        if package not in _SHOWING:
            return Absent(package)
        if name in _BARS:
            return Bar if name in ("tqdm", "tqdm_notebook") else lambda *n, **_: Bar(range(*n))
        return Nothing()


class _Loader:
    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = _StandIn(spec.name)
        module.__path__ = []
        return module

    def exec_module(self, module: ModuleType) -> None:
        return None


class StandIns:
    """Finds a stand-in for a package that a line of the program itself imports, where the program has no other way.

    name: the program's file. source: its texts. An import within `try` is left to fail, for what follows it knows how
    to go on; so is one within a function, unless the package only shows things.
    """

    def __init__(self, name: str, texts: Sequence[tuple[int, str]]) -> None:
        self.name = name
        self.given: dict[str, int] = {}
        self._texts = list(texts)
        self._top: set[int] = set()
        self._inside: set[int] = set()

    def _look_once(self) -> None:
        while self._texts:
            first, text = self._texts.pop()
            with contextlib.suppress(SyntaxError, ValueError, RecursionError, MemoryError):
                self._look(ast.parse(text).body, first - 1, self._top)

    def _look(self, body: Sequence[ast.AST], before: int, lines: set[int]) -> None:
        """Takes down the lines of imports, but those that are tried."""
        for node in body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                lines |= set(range(before + node.lineno, before + (node.end_lineno or node.lineno) + 1))
            elif isinstance(node, ast.Try):
                self._look([*node.orelse, *node.finalbody], before, lines)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                self._look(node.body, before, self._inside)
            elif isinstance(node, ast.If | ast.With | ast.For | ast.While):
                self._look([*node.body, *getattr(node, "orelse", [])], before, lines)

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: Any = None) -> ModuleSpec | None:
        """A stand-in for this module, or None."""
        head = name.partition(".")[0]
        line = self._asking()
        if line is not None:
            self._look_once()
        if isinstance(sys.modules.get(head), _StandIn):
            return self._spec(name)
        if line is None or path is not None or not (line in self._top or (line in self._inside and head in _SHOWING)):
            return None
        if head not in _SHOWING:
            self.given.setdefault(head, line)
        return self._spec(name)

    def _spec(self, name: str) -> ModuleSpec:
        return ModuleSpec(name, _Loader(), is_package=True)  # type: ignore[arg-type]

    def _asking(self) -> int | None:
        """The line of the program that imports; None where something else does."""
        frame = sys._getframe(2)
        while frame is not None and "importlib" in frame.f_code.co_filename:
            frame = frame.f_back
        while frame is not None and frame.f_code.co_filename in ("<imports>", "<standins>"):
            frame = frame.f_back
        while frame is not None and "importlib" in frame.f_code.co_filename:
            frame = frame.f_back
        return frame.f_lineno if frame is not None and frame.f_code.co_filename == self.name else None


# What a notebook has around it ---------------------------------------------------------------------------------------


class _Listing(list):
    """What `!command` gives: the lines of a command that was not run."""

    n = s = p = ""


class Shell:
    """`get_ipython()`: magics that run Python or write files do so, all others do nothing."""

    def __init__(self, module: ModuleType) -> None:
        self.user_ns = module.__dict__
        self._lines: dict[str, Callable[[str], Any]] = {
            "time": self._time, "prun": self._time, "memit": self._time, "run": self._run, "cd": self._cd,
            "pylab": self._pylab,
        }  # fmt: skip

    def run_line_magic(self, name: str, line: str, *_: Any) -> Any:
        """%name line."""
        return self._lines.get(name, lambda line: None)(line)

    def run_cell_magic(self, name: str, line: str, cell: str) -> None:
        """%%name line, with the cell below it."""
        if name in ("writefile", "file") and line.split():
            words = line.split()
            with open(words[-1].strip("'\""), "a" if "-a" in words[:-1] else "w", encoding="utf-8") as stream:
                stream.write(cell)
            importlib.invalidate_caches()

    magic = run_line_magic

    def system(self, command: str) -> None:
        """!command. It is not run: what would it be for?"""

    def getoutput(self, command: str, *_: Any, **__: Any) -> list[str]:
        """x = !command."""
        return _Listing()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Nothing()

    def _time(self, line: str) -> Any:
        try:
            expression = compile(line, "<magic>", "eval")
        except SyntaxError:
            return self._execute(line)
        return eval(expression, self.user_ns)

    def _execute(self, text: str) -> None:
        exec(compile(text, "<magic>", "exec", dont_inherit=True), self.user_ns)

    def _run(self, line: str) -> None:
        words = [word for word in line.split() if not word.startswith("-")]
        if not words:
            return
        name = words[0].strip("'\"")
        folder, base = os.path.split(name)
        if base.endswith(".ipynb"):
            name = os.path.join(folder, f".{base}.py")
        elif not base.endswith(".py"):
            name += ".py"
        with open(name, encoding="utf-8") as stream:
            source = stream.read()
        space: dict[str, Any] = {"__name__": "__main__", "__builtins__": builtins}
        exec(compile(source, base, "exec", dont_inherit=True), space)
        self.user_ns.update({key: value for key, value in space.items() if not key.startswith("__")})

    def _cd(self, line: str) -> None:
        with contextlib.suppress(OSError):
            os.chdir(line.strip())

    def _pylab(self, _: str) -> None:
        self._execute("import numpy\nnp = numpy\nfrom matplotlib import pyplot\nplt = pyplot\nfrom numpy import *")


def surround(module: ModuleType, *, notebook: bool) -> None:
    """Gives a program what it finds around it in a notebook."""
    shell = Shell(module)
    names: dict[str, Any] = {"get_ipython": lambda: shell, "input": _asked}
    if notebook:
        names |= {"display": lambda *_, **__: None, "In": [], "Out": {}, "_": None, "exit": _left, "quit": _left}
    for name, value in names.items():
        setattr(builtins, name, value)


def _asked(prompt: str = "") -> str:
    raise EOFError("input() was called, and nobody is there to answer")


def _left(*_: Any) -> None:
    raise SystemExit
