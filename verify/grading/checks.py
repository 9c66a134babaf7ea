"""Checks of one value of an assignment's file: each gives what the value means, or says what its key takes."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from typing import Any

import msgspec

from verify.errors import BadInput
from verify.grading.beside import HERE
from verify.grading.course import Adapter, Offered

SECRET = "secret"


class Refused(Exception):
    """A value that a key does not take; the message says what it takes."""


_ADAPTER = re.compile(r"[A-Za-z_][\w-]{0,99}\.py")
_PACKAGE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,98}[A-Za-z0-9])?")
_INSIDE = re.compile(r"(?!.*(?:^|/)\.\.?(?:/|$))[^/\\][^\\]{0,199}")
_PROGRAM = re.compile(r"[^/\\\0]{1,100}\.(py|ipynb|md|qmd|Rmd)")
Check = Callable[[Any], Any]


def schema_of(check: Check) -> dict[str, Any]:
    """What a check takes, in JSON Schema's words."""
    return vars(check)["schema"]


def _takes(check: Check, **schema: Any) -> Check:
    vars(check)["schema"] = schema
    return check


def one_of(known: tuple[str, ...]) -> Check:
    def check(value: Any) -> str:
        if not isinstance(value, str) or value not in known:
            raise Refused(f"one of {', '.join(known)}")
        return value

    return _takes(check, enum=list(known))


def some_of(known: tuple[str, ...], least: int = 1) -> Check:
    def check(value: Any) -> tuple[str, ...]:
        whole = isinstance(value, list) and all(isinstance(entry, str) and entry in known for entry in value)
        if not whole or len(value) < least or len(set(value)) < len(value):
            raise Refused(f"a list of {'at least one of ' if least else ''}{', '.join(known)}, each once")
        return tuple(value)

    return _takes(check, type="array", items={"enum": list(known)}, minItems=least, uniqueItems=True)


def truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Refused("true or false")
    return value


def file_name(value: Any) -> str:
    if not isinstance(value, str) or (value and not _PROGRAM.fullmatch(value)):
        raise Refused('the name of a .py file or a notebook, as "hw3.py"; "" for none in particular')
    return value


def adapter_name(value: Any) -> Adapter:
    if not isinstance(value, str) or (value not in ("", *HERE) and not _ADAPTER.fullmatch(value)):
        raise Refused(
            f'{", ".join(HERE)}, or the name of a .py file beside the assignment, as "adapter.py"; "" for none'
        )
    return Adapter(value)


def packages(value: Any) -> tuple[str, ...]:
    whole = isinstance(value, list) and all(isinstance(entry, str) and _PACKAGE.fullmatch(entry) for entry in value)
    if not whole or len(set(value)) < len(value):
        raise Refused('a list of packages as pip knows them, as ["pandas", "scipy"], each once')
    return tuple(value)


def paths(value: Any) -> Offered:
    """Files and folders beside the assignment."""
    whole = isinstance(value, list) and all(isinstance(entry, str) and _INSIDE.fullmatch(entry) for entry in value)
    if not whole:
        raise Refused('a list of files and folders beside the assignment, as ["data/", "words.txt"]')
    return Offered(tuple(value))


def title(value: Any) -> str:
    if not isinstance(value, str) or len(value) > 100 or (value and not value.isprintable()):
        raise Refused("a name in one line of at most 100 characters, as students know the assignment")
    return value


def moment(value: Any) -> str:
    """A date and time with its offset, as ISO 8601."""
    if value == "":
        return ""
    read = _in_quotes(value) if isinstance(value, str) else value
    if not isinstance(read, datetime) or read.utcoffset() is None:
        raise Refused('a date and time with its offset, as 2026-11-20T23:59:00+01:00; "" for none')
    return read.isoformat()


def _in_quotes(value: str) -> datetime | None:
    with contextlib.suppress(ValueError):
        return datetime.fromisoformat(value)
    return None


def is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def whole(least: int, most: int) -> Check:
    def check(value: Any) -> int:
        if not is_whole(value) or not least <= value <= most:
            raise Refused(f"a whole number from {least} to {most}")
        return value

    return _takes(check, type="integer", minimum=least, maximum=most)


def seed(value: Any) -> int | str:
    if value == SECRET or (is_whole(value) and 0 <= value < 2**63):
        return value
    raise Refused(f'"{SECRET}", or a whole number from 0 to {2**63 - 1}')


def span(most: int) -> Check:
    def check(value: Any) -> tuple[int, int]:
        pair = isinstance(value, list) and len(value) == 2 and all(map(is_whole, value))
        if not pair or not 1 <= value[0] <= value[1] <= most:
            raise Refused(f"two whole numbers [from, to] with 1 <= from <= to <= {most}")
        return value[0], value[1]

    units = {"type": "integer", "minimum": 1, "maximum": most}
    return _takes(check, type="array", items=units, minItems=2, maxItems=2)


def number(least: float, most: float, *, open_below: bool = False) -> Check:
    least_allowed = "greater than" if open_below else "of at least"

    def check(value: Any) -> float:
        numeric = isinstance(value, float) or is_whole(value)
        # A comparison, and not float(value), first: TOML's whole numbers have no upper bound, and NaN fails it.
        if not numeric or not least <= value <= most or (open_below and value == least):
            raise Refused(f"a number {least_allowed} {least:g} and at most {most:g}")
        return float(value)

    return _takes(check, type="number", maximum=most, **{"exclusiveMinimum" if open_below else "minimum": least})


_takes(truth, type="boolean")
_takes(file_name, type="string", pattern=f"^({_PROGRAM.pattern})?$".replace("\0", "\\0"))
_takes(adapter_name, anyOf=[{"enum": ["", *HERE]}, {"type": "string", "pattern": f"^{_ADAPTER.pattern}$"}])
_takes(packages, type="array", items={"type": "string", "pattern": f"^{_PACKAGE.pattern}$"}, uniqueItems=True)
_takes(paths, type="array", items={"type": "string"})
_takes(title, type="string", maxLength=100)
# TOML's own date and time, which its editors take for a text.
_takes(moment, type="string", description="a date and time with its offset, as 2026-11-20T23:59:00+01:00")
_takes(seed, anyOf=[{"const": SECRET}, {"type": "integer", "minimum": 0, "maximum": 2**63 - 1}])


def shown(value: Any) -> str:
    """A value as TOML would write it, in one line and not too long."""
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, int) and value.bit_length() > 128:
        return "a whole number of more than 38 digits"
    text = '"' + value.encode("unicode_escape").decode() + '"' if isinstance(value, str) else ascii(value)
    return text if len(text) <= 60 else text[:57] + "..."


# Tables --------------------------------------------------------------------------------------------------------------


class Table(msgspec.Struct, frozen=True):
    """A table of the file: the keys it knows, and what its checked values become."""

    keys: Mapping[str, Any]
    build: Callable[..., Any]


def checked(table: Mapping[str, Any], keys: Mapping[str, Check | Table], prefix: str, source: str) -> dict[str, Any]:
    """The table's values, each through its key's check; BadInput at the first unknown key or refused value."""
    values: dict[str, Any] = {}
    for key, value in table.items():
        name = prefix + key
        if key not in keys:
            raise BadInput(f"{source}: unknown key {shown(name)}; known here: {', '.join(keys)}")
        try:
            values[key] = _value(value, keys[key], f"{name}.", source)
        except Refused as refused:
            raise BadInput(f"{source}: {name} = {shown(value)} is not allowed; {name} takes {refused}") from None
    return values


def _value(value: Any, check: Check | Table, prefix: str, source: str) -> Any:
    if not isinstance(check, Table):
        return check(value)
    if not isinstance(value, dict):
        raise Refused(f"a table with the keys {', '.join(check.keys)}")
    return check.build(**checked(value, check.keys, prefix, source))
