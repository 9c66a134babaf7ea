"""What a student's code can import: the standard library, the packages of the assignment, its own files last."""

# ruff: noqa: PTH110, PTH112, PTH116, PTH120
# os works on open folders, and pathlib would cost time before a student's clock starts.
from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

# The folders of the package that a module is looked for in; None for one at the top.
Path = Sequence[str] | None


class Packages:
    """Finds the packages of the assignment, and no others that lie in the same folders."""

    def __init__(self, paths: Sequence[str], names: Sequence[str]) -> None:
        self.paths = list(paths)
        self.names = frozenset(names)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if path is None and name in self.names:
            return PathFinder.find_spec(name, self.paths, target)
        return None


class Refusal:
    """Says that a package which differentiates does not exist, whatever lies beside the submission."""

    def __init__(self, names: Sequence[str], stand_ins: Any) -> None:
        self.names = frozenset(names)
        self.stand_ins = stand_ins

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name.partition(".")[0] not in self.names:
            return None
        spec = self.stand_ins.find_spec(name, path, target)
        if spec is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return spec


class Seeded:
    """Seeds the modules that make random numbers when they are imported, and not before: importing them takes time."""

    names = ("random", "numpy.random")

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path, target) if name in self.names else None
        loader: Any = spec.loader if spec is not None else None
        if loader is not None:
            execute = loader.exec_module

            def execute_and_seed(module: ModuleType) -> None:
                execute(module)
                module.seed(0)

            loader.exec_module = execute_and_seed
        return spec


def seed_random_numbers() -> None:
    """Makes the random numbers of this process the same every time, now and in modules that are still to come."""
    for name in Seeded.names:
        if name in sys.modules:
            sys.modules[name].seed(0)
    sys.meta_path.insert(0, Seeded())


def install(paths: Sequence[str], names: Sequence[str]) -> None:
    """Makes the named packages importable, before anything of the same name in sys.path."""
    sys.meta_path.insert(0, Packages(paths, names))


def refuse(names: Sequence[str], stand_ins: Any) -> Callable[[BaseException], str | None]:
    """Refuses packages from now on; the function that comes back tells the name that an ImportError is about.

    stand_ins: finds an empty module for what is not here, where one is in place.
    """
    refusal = Refusal(names, stand_ins)
    sys.meta_path.insert(0, refusal)
    sys.meta_path.append(stand_ins)

    def refused(error: BaseException) -> str | None:
        name = error.name if type(error) is ModuleNotFoundError else None
        return name if isinstance(name, str) and name.partition(".")[0] in refusal.names else None

    return refused


# Python in a folder that only root can enter --------------------------------------------------------------------------


def reach_without_rights(paths: Sequence[str]) -> list[str]:
    """The same folders by names that still work once this process is another user.

    Where a folder above cannot be entered by others, as /root, the folder is opened now and named by its descriptor.
    """
    shut = [os.path.exists(path) and not others_reach(path) for path in paths]
    return [f"/proc/self/fd/{_opened(path)}" if closed else path for path, closed in zip(paths, shut, strict=True)]


def others_reach(path: str) -> bool:
    while True:
        if os.path.isdir(path) and not os.stat(path).st_mode & 0o001:
            return False
        if path in ("/", ""):
            return True
        path = os.path.dirname(path)


# The descriptors that folders are named by: nobody may close them who still imports.
opened: list[int] = []


def _opened(path: str) -> int:
    opened.append(os.open(path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_PATH", 0)))
    return opened[-1]


def move_imports(old: Sequence[str], new: Sequence[str]) -> None:
    """Has everything that was and will be imported from the old folders look in the new ones."""
    names = dict(zip(old, new, strict=True))
    sys.path[:] = [names.get(path, path) for path in sys.path]
    sys.path_importer_cache.clear()
    for module in list(sys.modules.values()):
        locations: Any = getattr(module, "__path__", None)
        if isinstance(locations, list):
            locations[:] = [_moved(path, names) for path in locations]


def _moved(path: str, names: dict[str, str]) -> str:
    for old, new in names.items():
        if path == old or path.startswith(old + "/"):
            return new + path[len(old) :]
    return path
