"""The schemas of every record and of the assignment's file, from the types themselves; they lie in verify/schemas/.

`python -m verify.commands.schemas` writes them anew.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from verify.backward.record import CheckRecord
from verify.classroom.class_record import ClassRecord
from verify.commands import assignment_schema
from verify.grading.explain_record import ExplainRecord, LessonExplainRecord
from verify.grading.record import GradeRecord, LessonRecord, PartsRecord
from verify.reports.figures_record import FiguresRecord
from verify.reports.train_record import TrainRecord
from verify.witnesses.record import CompareRecord

FOLDER = Path(__file__).parents[1] / "schemas"
RECORDS = {
    "check": CheckRecord,
    "class": ClassRecord,
    "compare": CompareRecord,
    "explain": ExplainRecord,
    "explain-lesson": LessonExplainRecord,
    "figures": FiguresRecord,
    "grade": GradeRecord,
    "grade-lesson": LessonRecord,
    "grade-parts": PartsRecord,
    "train": TrainRecord,
}


def schemas() -> dict[str, dict[str, Any]]:
    """File's name -> schema."""
    found = {f"{name}.schema.json": _of_record(record) for name, record in RECORDS.items()}
    return found | {"assignment.schema.json": assignment_schema.schema()}


def _of_record(record: type[msgspec.Struct]) -> dict[str, Any]:
    """A record's schema; `schema` in it is its own name and version."""
    found = msgspec.json.schema(record)
    own = found["$defs"][record.__name__]
    own["properties"]["schema"] = {"const": own["properties"]["schema"]["default"]}
    own["required"] = sorted({*own.get("required", ()), "schema"})
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": own["properties"]["schema"]["const"],
        **found,
    }


def text_of(schema: dict[str, Any]) -> str:
    """A schema as its file has it."""
    return json.dumps(schema, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def main() -> None:
    """Write all of them."""
    FOLDER.mkdir(exist_ok=True)
    for name, schema in schemas().items():
        (FOLDER / name).write_text(text_of(schema), encoding="utf-8")


if __name__ == "__main__":
    main()
