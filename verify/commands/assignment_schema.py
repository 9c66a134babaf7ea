"""The schema of an assignment's file: the network's, that of every lesson that is here, and several of them as parts.

Made of the checks by which the file is read, so that both allow the same.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from verify.grading import checks
from verify.grading.assignment import KEYS, schema_of
from verify.grading.lesson import COMMON
from verify.grading.lesson_assignment import ABOUT_PART, MOST_PARTS, OF_ALL, PART, keys_of
from verify.lessons.registry import BUILT_IN, LESSON_FILE, NETWORK, lesson_named

Schema = dict[str, Any]
# A lesson of the instructor's own, in a file beside the assignment: its sizes, keys and functions are not known here.
_OWN = "own-lesson"
_SHORT = 40  # characters that a reference takes as well


def schema() -> Schema:
    """The file as JSON Schema, for editors: every key with what it takes."""
    whole, parts = _whole(), {}
    for name, one in whole.items():
        parts[f"part-{name}"] = _as_part(one)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "An assignment of backproof",
        "type": "object",
        "anyOf": [*_references(whole), {"$ref": "#/$defs/parts"}],
        "$defs": _once({**whole, **parts, "parts": _of_parts(parts)}),
    }


def _once(tables: dict[str, Schema]) -> dict[str, Schema]:
    """The same, where what several tables say of a key stands once, under the first table's name and the key's."""
    places: dict[tuple[str, str], str] = {}
    shared: dict[str, Schema] = {}
    made: dict[str, Schema] = {}
    of = [(name, key, _text(value)) for name, one in tables.items() for key, value in one["properties"].items()]
    often = Counter((key, text) for _, key, text in of if len(text) > _SHORT)
    for name, one in tables.items():
        found = dict(one["properties"])
        for key, value in found.items():
            if often[key, text := _text(value)] > 1:
                place = places.setdefault((key, text), f"{name}.{key}")
                shared[place] = value
                found[key] = {"$ref": f"#/$defs/{place}"}
        made[name] = {**one, "properties": found}
    return {**made, **shared}


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _references(names: dict[str, Schema]) -> list[Schema]:
    return [{"$ref": f"#/$defs/{name}"} for name in names]


def _whole() -> dict[str, Schema]:
    """Lesson's name -> what an assignment of it alone may say. The network's is the one that needs no name."""
    lessons = {name: schema_of(keys_of(lesson_named(name, name))) | {"required": ["lesson"]} for name in BUILT_IN}
    return {NETWORK: schema_of(KEYS), **lessons, _OWN: _own()}


def _own() -> Schema:
    """Of a lesson in a file what every lesson has, and any other key."""
    known = schema_of({key: KEYS[key] for key in COMMON if key not in ("lesson", "functions", "points")})
    points = {"type": "object", "additionalProperties": {"anyOf": [{"type": "number"}, {"type": "object"}]}}
    return {
        **known,
        "properties": {
            **known["properties"],
            "lesson": {"type": "string", "pattern": f"^{LESSON_FILE.pattern}$"},
            "functions": {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
            "points": points,
        },
        "additionalProperties": True,
        "required": ["lesson"],
    }


def _as_part(one: Schema) -> Schema:
    """The same in a [[part]]: with its weight and name, and without what stands once for all."""
    once = {key for key in OF_ALL if key != "points"}
    kept = {key: value for key, value in one["properties"].items() if key not in once}
    about = {key: checks.schema_of(check) for key, check in ABOUT_PART.items()}
    refused = dict.fromkeys((*once, PART), False) if one["additionalProperties"] else {}
    return {**one, "properties": {**kept, **refused, **about}}


def _of_parts(parts: dict[str, Schema]) -> Schema:
    found = schema_of(OF_ALL)
    tables = {"type": "array", "minItems": 1, "maxItems": MOST_PARTS, "items": {"anyOf": _references(parts)}}
    return {**found, "properties": {**found["properties"], PART: tables}, "required": [PART]}
