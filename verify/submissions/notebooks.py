"""The Python of a notebook: its code cells joined, without the lines that only a notebook understands."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

# The cell magics whose cell is ordinary Python all the same.
_PYTHON_MAGICS = frozenset({"%%time", "%%capture"})


class NoNotebook(Exception):
    """Why a file cannot be read as a notebook."""


class Cell(NamedTuple):
    """Where a code cell went: its number among the code cells, from 1, and its first line in the joined source."""

    number: int
    first_line: int


def read_cells(data: bytes) -> tuple[str, tuple[Cell, ...]]:
    """The source of a notebook's code cells, joined line for line, and where each begins. Raises NoNotebook."""
    lines: list[str] = []
    cells = []
    for number, source in enumerate(_code_cells(data), start=1):
        cells.append(Cell(number, len(lines) + 1))
        lines += _python_lines(source)
    if not cells:
        raise NoNotebook("is a notebook without code cells")
    return "\n".join(lines) + "\n", tuple(cells)


def _code_cells(data: bytes) -> list[str]:
    import nbformat  # a fifth of a second, which a class without notebooks need not wait for

    try:
        content = json.loads(data.decode("utf-8-sig"))
        # Outputs, pictures above all, are dropped before the notebook is converted: they may be most of it.
        notebook = nbformat.convert(nbformat.from_dict(_without_outputs(content)), 4)
        cells = notebook["cells"]
        sources = [cell["source"] for cell in cells if cell["cell_type"] == "code"]
    except UnicodeDecodeError as error:
        raise NoNotebook(f"is no notebook: byte {error.start} is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise NoNotebook(f"is no notebook: line {error.lineno}: {error.msg}") from None
    except RecursionError:
        raise NoNotebook("is no notebook: nested too deeply") from None
    except NoNotebook:
        raise
    # nbformat says what is wrong with malformed input in many types of exception.
    except Exception as error:
        raise NoNotebook(f"is no notebook that nbformat can read ({type(error).__name__})") from None
    return ["".join(source) if isinstance(source, list) else str(source) for source in sources]


def _without_outputs(content: Any) -> dict[str, Any]:
    """The notebook's formats and cells alone, of version 4 or of an older one with worksheets."""
    if not isinstance(content, dict) or not isinstance(content.get("nbformat"), int):
        raise NoNotebook("is no notebook: it has no nbformat version")
    kept = {"nbformat": content["nbformat"], "nbformat_minor": content.get("nbformat_minor", 0), "metadata": {}}
    if "worksheets" in content:
        sheets = [{**sheet, "cells": [_bare(cell) for cell in sheet["cells"]]} for sheet in content["worksheets"]]
        return {**kept, "worksheets": sheets}
    return {**kept, "cells": [_bare(cell) for cell in content["cells"]]}


def _bare(cell: Mapping[str, Any]) -> dict[str, Any]:
    text = {key: cell[key] for key in ("source", "input", "language", "level") if key in cell}
    code = {"outputs": [], "execution_count": None} if cell["cell_type"] == "code" else {}
    return {"cell_type": cell["cell_type"], "metadata": {}, **text, **code}


# Lines for the notebook alone ----------------------------------------------------------------------------------------


def _python_lines(source: str) -> list[str]:
    """A cell's lines, as many as it has, with those for the notebook alone emptied."""
    lines = source.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    magic = next((line for line in lines if line.strip()), "").split(" ")[0].strip()
    if magic.startswith("%%") and magic not in _PYTHON_MAGICS:
        return [""] * len(lines)
    return list(_without_magics(lines))


def _without_magics(lines: list[str]) -> Iterator[str]:
    inside = _Inside()
    for line in lines:
        body = line.lstrip()
        # Inside brackets or a long string, % is the remainder or text.
        if body.startswith(("%", "!")) and not inside:
            # "pass", since the line may have been all that a block had.
            yield line[: len(line) - len(body)] + "pass"
        else:
            inside.read(line)
            yield line


class _Inside:
    """Whether the lines read so far leave a bracket, a long string or a continued line open."""

    def __init__(self) -> None:
        self.brackets = 0
        self.quote = ""
        self.continued = False
        self.commented = False

    def __bool__(self) -> bool:
        return self.brackets > 0 or bool(self.quote) or self.continued

    def read(self, line: str) -> None:
        """Goes on by one line."""
        place = 0
        self.commented = False
        while place < len(line):
            place = self._in_string(line, place) if self.quote else self._in_code(line, place)
        self.continued = line.endswith("\\") and not self.commented
        if len(self.quote) == 1 and not self.continued:
            self.quote = ""

    def _in_string(self, line: str, place: int) -> int:
        if line[place] == "\\":
            return place + 2
        if line.startswith(self.quote, place):
            place += len(self.quote)
            self.quote = ""
            return place
        return place + 1

    def _in_code(self, line: str, place: int) -> int:
        letter = line[place]
        if letter == "#":
            self.commented = True
            return len(line)
        if letter in "\"'":
            self.quote = letter * 3 if line.startswith(letter * 3, place) else letter
            return place + len(self.quote)
        self.brackets += (letter in "([{") - (letter in ")]}")
        return place + 1
