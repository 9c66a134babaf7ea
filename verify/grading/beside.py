"""What lies beside an assignment's file and belongs to it: an adapter, and files that every program finds."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from verify.errors import BadInput
from verify.grading.course import Adapter, Offered
from verify.submissions.submission import Submission

MAX_FILES, MAX_FILES_BYTES = 200, 8 << 20
MAX_ADAPTER_BYTES = 1 << 20
HERE = ("dict", "class")
_ADAPTERS = Path(__file__).parents[1] / "submissions" / "adapters"


def filled(assignment: Any, folder: Path | None, source: str, functions: Sequence[str], here: Sequence[str]) -> Any:
    """The assignment with its adapter and its files read. folder: where its file lies; None where it is no file.

    functions: what an adapter defines at least, each as "gradients(W, b)". here: the adapters that are here for them.
    Raises BadInput, one line with the file, the key and what is allowed.
    """
    changed = {}
    if assignment.adapter.name:
        changed["adapter"] = _adapter(assignment.adapter.name, folder, source, functions, here)
    if assignment.files.names:
        changed["files"] = _offered(assignment.files.names, folder, source)
    return msgspec.structs.replace(assignment, **changed)


def given(submission: Submission, assignment: Any) -> Submission:
    """The submission with what the assignment gives it: files, which its own do not replace, and an adapter."""
    files = {**submission.files, **assignment.files.contents}
    return replace(submission, files=files, adapter=assignment.adapter.source, needs=assignment.adapter.needs)


def _beside(folder: Path | None, name: str, key: str, source: str) -> Path:
    if folder is None:
        raise BadInput(f"{source}: {key}: {name} lies beside an assignment's file, and this is none")
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise BadInput(f"{source}: {key}: {name} leads out of the folder of the assignment's file")
    return path


# The adapter ---------------------------------------------------------------------------------------------------------


def _adapter(name: str, folder: Path | None, source: str, functions: Sequence[str], here: Sequence[str]) -> Adapter:
    if name in HERE and name not in here:
        raise BadInput(f"{source}: adapter = {name}: is for lesson = network; allowed is a .py file beside this one")
    path = _ADAPTERS / f"in_{name}.py" if name in HERE else _beside(folder, name, "adapter", source)
    try:
        text = path.read_bytes()[: MAX_ADAPTER_BYTES + 1].decode("utf-8-sig")
        tree = ast.parse(text)
    except OSError as error:
        raise BadInput(f"{source}: adapter: {name} cannot be read ({error.strerror})") from None
    except (UnicodeDecodeError, SyntaxError, ValueError) as error:
        raise BadInput(f"{source}: adapter: {name} is no Python ({str(error).splitlines()[0]})") from None
    needs = _needs(tree)
    there = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    if not needs or not all(function.split("(")[0] in there for function in functions):
        raise BadInput(
            f'{source}: adapter: {name} is to have needs = "NAME", the function or class of a program that it uses, '
            f"and {' and '.join(function.replace('(', '(student, ') for function in functions)}"
        )
    return Adapter(name, text, needs)


def _needs(tree: ast.Module) -> str:
    """What `needs = "NAME"` says; "" where it says no name."""
    for node in tree.body:
        if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Constant):
            continue
        if [target.id for target in node.targets if isinstance(target, ast.Name)] == ["needs"]:
            value = node.value.value
            return value if isinstance(value, str) and value.isidentifier() else ""
    return ""


# Files ---------------------------------------------------------------------------------------------------------------


def _offered(names: tuple[str, ...], folder: Path | None, source: str) -> Offered:
    contents: dict[str, bytes] = {}
    for name in names:
        for path, at in _files(_beside(folder, name, "files", source), name.rstrip("/")):
            try:
                contents[at] = path.read_bytes()
            except OSError as error:
                raise BadInput(f"{source}: files: {at} cannot be read ({error.strerror})") from None
            if len(contents) > MAX_FILES or sum(map(len, contents.values())) > MAX_FILES_BYTES:
                most = f"{MAX_FILES} files and {MAX_FILES_BYTES >> 20} MiB"
                raise BadInput(f"{source}: files: holds more than {most}; allowed is that much")
    return Offered(names, dict(sorted(contents.items())))


def _files(path: Path, name: str) -> Iterator[tuple[Path, str]]:
    """The files at a path, with the paths that programs find them under."""
    if not path.is_dir():
        yield path, name
        return
    for inner in sorted(path.rglob("*")):
        relative = PurePosixPath(inner.relative_to(path).as_posix())
        if inner.is_file() and not any(part.startswith((".", "__pycache__")) for part in relative.parts):
            yield inner, f"{name}/{relative}"
