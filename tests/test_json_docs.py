"""docs/JSON.md against the records: every field is documented, and none that is not there."""

import re
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from verify.classroom.class_record import ClassRecord
from verify.grading.explain_record import ExplainRecord, LessonExplainRecord
from verify.grading.record import GradeRecord, LessonRecord, PartsRecord
from verify.reports.figures_record import FiguresRecord
from verify.witnesses.record import CompareRecord

PAGE = (Path(__file__).parent.parent / "docs" / "JSON.md").read_text(encoding="utf-8")
RECORDS = (
    CompareRecord, GradeRecord, LessonRecord, PartsRecord, ExplainRecord, LessonExplainRecord, ClassRecord,
    FiguresRecord,
)  # fmt: skip


def inside(kind: Any) -> Iterator[tuple[type, str]]:
    """The structs within a type, with [] for each list around them."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield kind, ""
    lists = "[]" if typing.get_origin(kind) in (list, tuple) else ""
    for argument in typing.get_args(kind):
        yield from ((struct, lists + path) for struct, path in inside(argument))


def sections(struct: type, path: str, seen: set[type]) -> Iterator[tuple[str, list[str]]]:
    """Path -> fields, for a struct and all within it; what was told before is not told again."""
    seen.add(struct)
    fields = msgspec.structs.fields(struct)
    yield path, [field.encode_name for field in fields]
    for field in fields:
        for part, suffix in inside(field.type):
            if part not in seen:
                yield from sections(part, f"{path}/{field.name}{suffix}", seen)


def of_records(records: tuple[type, ...] = RECORDS) -> dict[str, set[str]]:
    seen: set[type] = set()
    return {
        path: set(fields)
        for record in records
        for path, fields in sections(record, str(msgspec.structs.fields(record)[_schema(record)].default), seen)
    }


def _schema(record: type) -> int:
    return next(i for i, field in enumerate(msgspec.structs.fields(record)) if field.name == "schema")


def of_page(page: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    schema = path = ""
    for line in page.splitlines():
        if heading := re.match(r"## (backproof\.\S+)$", line):
            schema = path = heading[1]
        elif heading := re.match(r"### (\S+)$", line):
            path = f"{schema}/{heading[1].replace('.', '/')}"
        elif row := re.match(r"\| `(\w+)` \| [^|]+ \| \S[^|]* \|$", line):
            assert row[1] not in found.setdefault(path, set()), f"{path}.{row[1]} stands twice"
            found[path].add(row[1])
    return found


def test_every_field_is_documented_and_none_that_is_not_there():
    assert of_page(PAGE) == of_records()


@pytest.mark.parametrize("line", ["| `score` | number or null | points; `null` with grader-error alone |\n"])
def test_a_field_that_is_left_out_would_be_seen(line):
    assert line in PAGE
    assert of_page(PAGE.replace(line, "")) != of_records()
    assert of_page(PAGE.replace(line, line + line.replace("score", "scores"))) != of_records()
