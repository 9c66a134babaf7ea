"""Whether a file that is being edited is half written: what is not at its end yet is waited for, not judged."""

from __future__ import annotations

import ast
import codeop
import io
import json
import tokenize
import warnings
from pathlib import Path

from verify.language import noted, tr

EMPTY = noted("it is empty")
FILES = (".py", ".ipynb")  # whose text says whether it is whole


def half_written(name: str, data: bytes) -> str:
    """Why a file with that name and content looks half written, in a few words; "" where it does not.

    Only what is wrong at a file's end counts: any other error is the reader's to report.
    """
    if not data.strip():
        return EMPTY
    suffix = Path(name).suffix.lower()
    if suffix == ".ipynb":
        return _half_of_json(data)
    return _half_of_program(data) if suffix == ".py" else ""


def _half_of_json(data: bytes) -> str:
    text = data.decode(errors="replace").rstrip()
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        at_end = error.pos >= len(text) or error.msg.startswith("Unterminated")
        return tr("its JSON ends early, in line {line}", line=error.lineno) if at_end else ""
    except RecursionError:
        pass
    return ""


def _half_of_program(data: bytes) -> str:
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        text = data.decode(encoding)
    except (SyntaxError, UnicodeDecodeError):
        return ""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            ast.parse(text)
        except SyntaxError as error:
            return tr("line {line}: {what}", line=error.lineno or 0, what=error.msg) if _at_end(text, error) else ""
        except (ValueError, RecursionError, MemoryError):
            pass
    return ""


def _at_end(text: str, error: SyntaxError) -> bool:
    """Whether more text could follow that makes a program of it, or the error lies in the last line."""
    last = text.rstrip().count("\n") + 1
    if (error.lineno or 0) >= last:
        return True
    try:
        return codeop.compile_command(text, symbol="exec") is None
    except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError):
        return False
