"""The code cells of a notebook, as their author wrote them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from verify.submissions.unpacking import Unreadable

_DIRECT_VERSION = 4


def read_cells(data: bytes) -> list[str]:
    """The sources of a notebook's code cells. Raises Unreadable."""
    try:
        content = json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise Unreadable(f"is no notebook: byte {error.start} is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise Unreadable(f"is no notebook: line {error.lineno}: {error.msg}") from None
    except RecursionError:
        raise Unreadable("is no notebook: nested too deeply") from None
    if not isinstance(content, dict) or not isinstance(content.get("nbformat"), int):
        raise Unreadable("is no notebook: it has no nbformat version")
    _check_language(content)
    cells = _cells(content)
    sources = [_text(number, cell.get("source")) for number, cell in enumerate(_code(cells), 1)]
    if not sources:
        raise Unreadable("is a notebook without code cells")
    return sources


def _check_language(content: Mapping[str, Any]) -> None:
    about = content.get("metadata")
    for key, field in (("kernelspec", "language"), ("language_info", "name")):
        said = about.get(key) if isinstance(about, dict) else None
        language = said.get(field) if isinstance(said, dict) else None
        if isinstance(language, str) and language and "python" not in language.casefold():
            raise Unreadable(f"is a notebook of {language}; what is graded is Python")


def _cells(content: dict[str, Any]) -> list[Any]:
    cells = content.get("cells")
    if content["nbformat"] == _DIRECT_VERSION and isinstance(cells, list):
        return cells
    return _converted(content)


def _converted(content: dict[str, Any]) -> list[Any]:
    """The cells of an older format, as nbformat brings them into the present one."""
    import nbformat  # a fifth of a second, for old notebooks alone

    try:
        # Outputs, pictures above all, are dropped before the notebook is converted: they may be most of it.
        return nbformat.convert(nbformat.from_dict(_without_outputs(content)), 4)["cells"]
    # nbformat says what is wrong with malformed input in many types of exception.
    except Exception as error:
        raise Unreadable(f"is no notebook that nbformat can read ({type(error).__name__})") from None


def _without_outputs(content: dict[str, Any]) -> dict[str, Any]:
    """The notebook's formats and cells alone, of version 4 or of an older one with worksheets."""
    kept = {"nbformat": content["nbformat"], "nbformat_minor": content.get("nbformat_minor", 0), "metadata": {}}
    if "worksheets" in content:
        sheets = [{**sheet, "cells": [_bare(cell) for cell in sheet["cells"]]} for sheet in content["worksheets"]]
        return {**kept, "worksheets": sheets}
    return {**kept, "cells": [_bare(cell) for cell in content["cells"]]}


def _bare(cell: Mapping[str, Any]) -> dict[str, Any]:
    text = {key: _one_text(cell[key]) for key in ("source", "input", "language", "level") if key in cell}
    code = {"outputs": [], "execution_count": None} if cell["cell_type"] == "code" else {}
    return {"cell_type": cell["cell_type"], "metadata": {}, **text, **code}


def _one_text(value: Any) -> Any:
    whole = isinstance(value, list) and all(isinstance(line, str) for line in value)
    return "".join(value) if whole else value


def _code(cells: list[Any]) -> list[Mapping[str, Any]]:
    for number, cell in enumerate(cells, 1):
        if not isinstance(cell, dict):
            raise Unreadable(f"is a damaged notebook: cell {number} of {len(cells)} is no cell")
    return [cell for cell in cells if cell.get("cell_type") == "code"]


def _text(number: int, source: Any) -> str:
    lines = [source] if isinstance(source, str) else source
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        raise Unreadable(f"is a damaged notebook: the source of code cell {number} is no text")
    return "".join(lines).replace("\r\n", "\n").replace("\r", "\n")
