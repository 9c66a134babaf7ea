"""An assignment's file: read as text, taken apart as TOML, refused in one line."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from verify.errors import BadInput

MAX_FILE_BYTES = 1 << 20


def read_text(path: Path, source: str) -> str:
    """The file's text. Raises BadInput, one line with the file and what is allowed."""
    try:
        if not path.is_file():
            kind = "is a folder" if path.is_dir() else "is no such file" if not path.exists() else "is no regular file"
            raise BadInput(f"{source}: {kind}; an assignment is a TOML file")
        with path.open("rb") as stream:
            data = stream.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        raise BadInput(f"{source}: cannot be read ({_first_line(error)}); an assignment is a TOML file") from None
    if len(data) > MAX_FILE_BYTES:
        raise BadInput(f"{source}: is larger than {MAX_FILE_BYTES} bytes; an assignment is a short TOML file")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadInput(f"{source}: line {line} is not UTF-8 (byte 0x{data[error.start]:02x}); TOML is UTF-8") from None


def parse(text: str, source: str) -> dict[str, Any]:
    """The table that the text says. Raises BadInput."""
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise BadInput(f"{source}: is nested too deeply; an assignment has tables of one or two levels") from None
    except ValueError as error:
        raise BadInput(f"{source}: is no TOML: {_first_line(error)}") from None


def _first_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return (str(error).splitlines() or [type(error).__name__])[0]
