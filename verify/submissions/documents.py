"""Programs in other clothes: marimo's files, Markdown with blocks of Python, scripts that are divided into cells."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator, Sequence

from verify.submissions.submission import Part

TEXTS = (".md", ".rmd", ".qmd", ".markdown")
_FENCE = re.compile(r"(?P<indent>\s*)(?P<marks>`{3,}|~{3,})(?P<info>[^`]*)$")
_PYTHON = re.compile(r"\s*\{?\.?(\{code-cell\}\s*)?i?(python|py)[0-9.]*\b(?P<options>.*)", re.IGNORECASE)
_NOT_RUN = re.compile(r"eval\s*[=:]\s*false", re.IGNORECASE)
_MARKER = re.compile(r"# (%%|In\s?\[.*\]|\+)", re.IGNORECASE)
# How much of a script the header of jupytext is looked for in.
_HEAD = 4096
_JUPYTEXT = re.compile(r"(#[^\n]*\n|\n)*?# ---\n(#[^\n]*\n)*?#   jupytext:\n")
# jupytext writes a line that begins with one of these as a comment, for Jupyter runs such a one as a command.
_COMMANDS = "cat|cd|copy|cp|ddir|echo|ldir|ls|mkdir|mv|ren|rm|rmdir"
_TAKEN_FOR_A_COMMAND = re.compile(rf"^# (?=({_COMMANDS})\s+([-+*/@%&|^]|//|\*\*|<<|>>)=\s*\S)", re.MULTILINE)


# Markdown ------------------------------------------------------------------------------------------------------------


def blocks(text: str) -> list[Part]:
    """The blocks of Python in a Markdown text (Quarto, R Markdown, MyST, jupytext), each at its own lines."""
    return [Part(first, "\n".join(_code(lines))) for first, lines in _fenced(text.split("\n")) if _runs(lines)]


def _fenced(lines: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """First line and lines of each block that is marked as Python."""
    opened, marks, info, start = False, "", "", 0
    for number, line in enumerate(lines, 1):
        fence = _FENCE.match(line)
        if fence is None:
            continue
        if not opened:
            opened, marks, info, start = True, fence["marks"], fence["info"], number
        elif fence["marks"].startswith(marks) and not fence["info"].strip():
            opened = False
            python = _PYTHON.match(info) or re.match(r"\s*\{code-cell\}\s*$", info)
            if python and not _NOT_RUN.search(info):
                yield start + 1, list(lines[start : number - 1])


def _runs(lines: Sequence[str]) -> bool:
    return not any(line.startswith("#|") and _NOT_RUN.search(line) for line in lines)


def _code(lines: list[str]) -> list[str]:
    """The lines with MyST's options above the code emptied."""
    if lines and lines[0].strip() == "---" and "---" in (line.strip() for line in lines[1:]):
        end = next(at for at, line in enumerate(lines[1:], 1) if line.strip() == "---")
        return [""] * (end + 1) + lines[end + 1 :]
    options = 0
    while options < len(lines) and lines[options].startswith(":"):
        options += 1
    return [""] * options + lines[options:]


# Scripts in cells ----------------------------------------------------------------------------------------------------


def divided(text: str) -> list[Part]:
    """The cells of a script with `# %%`, `# In[1]:` or `# +` above each; none where it has no such line."""
    lines = text.split("\n")
    starts = [at for at, line in enumerate(lines) if _MARKER.match(line)]
    if not starts:
        return []
    edges = [0, *starts, len(lines)]
    return [
        Part(first + 1, "\n".join(lines[first:last]))
        for first, last in itertools.pairwise(edges)
        if any(line.strip() for line in lines[first:last])
    ]


def as_before_jupytext(text: str) -> str:
    """A script with those statements again that jupytext took for commands of a shell: `ls += [1]`, `mv *= 0.9`.

    A comment that the author wrote, jupytext marks twice; it stays one.
    """
    return _TAKEN_FOR_A_COMMAND.sub("", text) if _JUPYTEXT.match(text[:_HEAD]) else text


# marimo --------------------------------------------------------------------------------------------------------------


def marimo(text: str) -> list[Part]:
    """The cells of a marimo notebook in the order in which they need one another; none where the text is none."""
    if "marimo" not in text:
        return []
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    if not any(_names(node, "App") for statement in body for node in ast.walk(statement)):
        return []
    lines = text.split("\n")
    setup = [_within(node.body, lines) for node in body if isinstance(node, ast.With) and _is_setup(node)]
    functions = [node for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)]
    tops = [_whole(node, lines) for node in functions if _mark(node) in ("function", "class_definition")]
    cells = [node for node in functions if not isinstance(node, ast.ClassDef) and _mark(node) == "cell"]
    return [*setup, *tops, *(_within(_without_return(cell), lines) for cell in _in_order(cells))]


def _names(node: ast.AST, attribute: str) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == attribute


def _is_setup(node: ast.With) -> bool:
    return any(_names(part, "setup") for item in node.items for part in ast.walk(item.context_expr))


def _mark(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> str:
    """What marimo's decorator says that it is; "" where there is none."""
    for decorator in node.decorator_list:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        if isinstance(called, ast.Attribute):
            return called.attr
    return ""


def _whole(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, lines: Sequence[str]) -> Part:
    """A definition without its decorators."""
    return Part(node.lineno, "\n".join(lines[node.lineno - 1 : node.end_lineno]))


def _within(body: Sequence[ast.stmt], lines: Sequence[str]) -> Part:
    """Statements that are indented, as a block of their own whose lines stay where they are."""
    if not body:
        return Part(1, "")
    first = min([body[0].lineno, *(d.lineno for d in getattr(body[0], "decorator_list", []))])
    return Part(first - 1, "\n".join(["if True:", *lines[first - 1 : body[-1].end_lineno]]))


def _without_return(cell: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.stmt]:
    return [statement for statement in cell.body if not isinstance(statement, ast.Return)]


def _in_order(
    cells: Sequence[ast.FunctionDef | ast.AsyncFunctionDef],
) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Each cell after those that define what it takes; else as they stand."""
    waiting = list(cells)
    makers = {name: cell for cell in cells for name in _gives(cell)}
    done: set[int] = set()
    while waiting:
        ready = next((cell for cell in waiting if _needs(cell, makers) <= done), waiting[0])
        waiting.remove(ready)
        done.add(id(ready))
        yield ready


def _needs(
    cell: ast.FunctionDef | ast.AsyncFunctionDef, makers: dict[str, ast.FunctionDef | ast.AsyncFunctionDef]
) -> set[int]:
    return {id(makers[argument.arg]) for argument in cell.args.args if argument.arg in makers} - {id(cell)}


def _gives(cell: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    last = cell.body[-1]
    value = last.value if isinstance(last, ast.Return) else None
    elements = value.elts if isinstance(value, ast.Tuple) else [value]
    return [element.id for element in elements if isinstance(element, ast.Name)]
