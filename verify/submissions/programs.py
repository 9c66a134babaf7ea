"""A program of any form, from its bytes to what is run. It is compiled here, and nothing of it runs."""

from __future__ import annotations

import ast
import contextlib
import re
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import replace
from pathlib import PurePosixPath

from verify.submissions.decoding import decode
from verify.submissions.documents import TEXTS, as_before_jupytext, blocks, divided, marimo
from verify.submissions.ipython import python_of
from verify.submissions.notebooks import read_cells
from verify.submissions.submission import Part, Submission, shown
from verify.submissions.unpacking import Unreadable

MAX_SOURCE_BYTES = 1 << 20
MEMORY = "takes more memory to read than a program may"
MAX_NOTEBOOK_BYTES = 16 << 20
MAX_FILE_NAME_BYTES = 255
# What a submission is about: where several programs lie side by side, it is the one that defines this.
_sought: ContextVar[str] = ContextVar("sought", default="gradients")
# And the programs of the assignment's other parts, which are not this one's.
_others: ContextVar[tuple[str, ...]] = ContextVar("others", default=())

_COLAB = "Commented out IPython magic"
_compiling = threading.Lock()


@contextlib.contextmanager
def seeking(name: str, others: Sequence[str] = ()) -> Iterator[None]:
    """Reads programs for what defines that name, as an assignment needs it. others: files of its other parts."""
    token, kept = _sought.set(name), _others.set(tuple(others))
    try:
        yield
    finally:
        _sought.reset(token)
        _others.reset(kept)


def of_other_parts() -> tuple[str, ...]:
    """The names of files that are programs of the assignment's other parts."""
    return _others.get()


def sought() -> str:
    """The name that a submission is about."""
    return _sought.get()


def is_program(path: str) -> bool:
    """Whether a path is a program's, whatever lies beside it."""
    return path.casefold().endswith((".py", ".ipynb"))


def is_text(path: str) -> bool:
    """Whether a path is that of a text which may have Python in it."""
    return path.casefold().endswith(TEXTS)


def most_bytes(name: str) -> int:
    """How large a program of that name may be."""
    return MAX_NOTEBOOK_BYTES if name.casefold().endswith(".ipynb") else MAX_SOURCE_BYTES


def program(name: str, entry: str, data: bytes, files: Mapping[str, bytes]) -> Submission:
    """The submission whose program these bytes are. Raises Unreadable with the place."""
    where = "" if entry == name else f"{entry}: "
    try:
        _check_path(entry)
        submission = _read(name, entry, data, files)
        _check(submission)
    except Unreadable as reason:
        raise Unreadable(f"{where}{reason}") from None
    return submission


def _check_path(entry: str) -> None:
    parts = PurePosixPath(entry).parts
    if any(len(part.encode(errors="surrogateescape")) > MAX_FILE_NAME_BYTES for part in parts):
        raise Unreadable(f"a name in its path is longer than {MAX_FILE_NAME_BYTES} bytes, which no disk takes")


def _read(name: str, entry: str, data: bytes, files: Mapping[str, bytes]) -> Submission:
    if entry.casefold().endswith(".ipynb"):
        source, parts = joined(read_cells(data))
        return Submission(name, source, entry, {**files, **_run_beside(source, files)}, parts)
    text, notes = decode(data)
    if is_text(entry):
        parts = tuple(Part(part.first_line, python_of(part.text)) for part in blocks(text))
        if not parts:
            raise Unreadable("has no block of Python in it")
        return Submission(name, text, entry, files, parts, notes)
    return _script(_restored(Submission(name, text, entry, files, (), notes)))


def joined(cells: Sequence[str]) -> tuple[str, tuple[Part, ...]]:
    """The source of a notebook, its cells' Python one below the other, and the cells."""
    parts: list[Part] = []
    lines = 0
    for number, cell in enumerate(cells, 1):
        text = python_of(cell)
        parts.append(Part(lines + 1, text, number))
        lines += text.count("\n") + 1
    return "\n".join(part.text for part in parts) + "\n", tuple(parts)


def _run_beside(source: str, files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The notebooks beside one that runs others (%run), as Python under names that no file handed in has."""
    if "run_line_magic('run'" not in source:
        return {}
    made = {}
    for path, data in files.items():
        if path.casefold().endswith(".ipynb"):
            folder, _, base = path.rpartition("/")
            made[f"{folder}/.{base}.py".lstrip("/")] = _notebook_as_script(data)
    return made


def _notebook_as_script(data: bytes) -> bytes:
    try:
        return joined(read_cells(data))[0].encode(errors="replace")
    except Unreadable as reason:
        return f"raise ImportError({str(reason)!r})\n".encode(errors="replace")


def _restored(read: Submission) -> Submission:
    """With the statements that jupytext made comments of, and a word to the author; where it is Python with them."""
    source = as_before_jupytext(read.source)
    if source == read.source or _fault(source) is not None:
        return read
    pairs = enumerate(zip(source.split("\n"), read.source.split("\n"), strict=True), 1)
    said = ", ".join(f"line {number}: {line}" for number, (line, before) in pairs if line != before)
    note = shown(f"jupytext has made a comment of a statement whose name is a command too; it was executed ({said}).")
    return replace(read, source=source, notes=(*read.notes, note))


def _script(read: Submission) -> Submission:
    """A .py file: a script where it is Python, else what a tool wrote that has cells in mind."""
    parts = marimo(read.source)
    if not parts and _fault(read.source) is not None:
        parts = [Part(part.first_line, python_of(part.text)) for part in divided(read.source)]
        if not parts:
            source = python_of(read.source)
            changed = source != read.source and _fault(source) is None
            return Submission(read.name, source, read.entry, read.files, (), read.notes) if changed else read
    return Submission(read.name, read.source, read.entry, read.files, tuple(parts), read.notes)


# Checks --------------------------------------------------------------------------------------------------------------


def _check(submission: Submission) -> None:
    """Raises Unreadable where there is nothing to run, with the line. Nothing is run."""
    if not submission.source.strip():
        raise Unreadable("is empty")
    if not submission.parts:
        _refuse(submission, 1, _fault(submission.source))
    else:
        _check_parts(submission)
    commented = re.search(rf"^#\s*(def|class) {sought()}\b", submission.source, re.MULTILINE)
    if _COLAB in submission.source and commented and not defines(submission):
        raise Unreadable(
            f"Colab has commented out the cell that defines {sought()}, since it begins with %%time or the like: hand "
            "in the notebook itself (File, Download, .ipynb), or take that line out and export it again"
        )


def _check_parts(submission: Submission) -> None:
    """A cell that is no Python stops no other: it is refused only where what is graded is nowhere else."""
    faults = [(part, fault) for part in submission.parts if (fault := _fault(part.text, cell=True)) is not None]
    if faults and not defines(submission):
        part, fault = faults[0]
        _refuse(submission, part.first_line, fault)


def _refuse(submission: Submission, first_line: int, fault: Exception | None) -> None:
    if isinstance(fault, SyntaxError):
        place = f"{submission.place(fault.lineno + first_line - 1)}: " if fault.lineno else ""
        raise Unreadable(f"{place}{type(fault).__name__}: {fault.msg}") from None
    if isinstance(fault, MemoryError):
        raise Unreadable(MEMORY) from None
    if isinstance(fault, RecursionError):
        raise Unreadable("is nested more deeply than Python compiles") from None
    if fault is not None:
        raise Unreadable(f"does not compile: {fault}") from None


def _fault(text: str, *, cell: bool = False) -> Exception | None:
    """Why a text does not compile, or None."""
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT if cell else 0
    try:
        _compile(text, flags)
    except (SyntaxError, ValueError, RecursionError) as fault:
        return fault
    except MemoryError as fault:
        return fault if _parses(text, flags) else RecursionError()
    return None


def _parses(text: str, flags: int) -> bool:
    """Whether the parser takes a text: where one is nested too deeply it raises MemoryError, however much there is."""
    try:
        _compile(text, flags | ast.PyCF_ONLY_AST)
    except MemoryError:
        return False
    return True


def _compile(text: str, flags: int) -> None:
    # The lock: which warnings are ignored is one list for the whole process.
    with _compiling, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compile(text, "program", "exec", flags=flags, dont_inherit=True)


# What is defined -----------------------------------------------------------------------------------------------------


def defines(submission: Submission) -> bool:
    """Whether the program gives what is graded a name, as far as its text tells."""
    return binding(submission) != ""


def binding(submission: Submission) -> str:
    """How: "defined" in the program itself, or "imported"; "" for neither."""
    texts = [part.text for part in submission.parts] or [submission.source]
    found = {kind for text in texts for kind in _bindings(text)}
    return "defined" if "defined" in found else "imported" if found else ""


def _bindings(text: str) -> Iterator[str]:
    if sought() not in text and "import *" not in text and "run_line_magic('run'" not in text:
        return
    if "run_line_magic('run'" in text:
        yield "imported"
    try:
        pending: list[ast.AST] = [*ast.parse(text).body]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    while pending:
        node = pending.pop()
        kind = _binds(node)
        if kind:
            yield kind
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            pending += ast.iter_child_nodes(node)


def _binds(node: ast.AST) -> str:
    if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == sought():
        return "defined"
    if isinstance(node, ast.Name) and node.id == sought() and isinstance(node.ctx, ast.Store):
        return "defined"
    if isinstance(node, ast.ImportFrom) and any((a.asname or a.name) in (sought(), "*") for a in node.names):
        return "imported"
    return ""
