"""The schemas in verify/schemas: made from the types, kept up to date, and what real records and assignments fit."""

from __future__ import annotations

import json
import re
import tomllib
from datetime import datetime
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from tests.classes import CLASS, grade_class, write_class
from tests.test_assignment import DEFAULT
from verify.commands.figures import TOPICS
from verify.commands.schemas import FOLDER, schemas, text_of
from verify.errors import BadInput
from verify.grading.assignment import assignment_from
from verify.lessons.registry import BUILT_IN, any_from
from verify.reports import figures_terminal
from verify.reports.figures_record import FiguresRecord, Topics

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("name", schemas())
def test_the_files_are_what_the_types_say(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == text_of(schemas()[name]), "python -m verify.commands.schemas"
    jsonschema.Draft202012Validator.check_schema(schemas()[name])


def fits(value: Any, name: str) -> bool:
    return jsonschema.Draft202012Validator(schemas()[f"{name}.schema.json"]).is_valid(value)


def test_records_of_a_class_fit(tmp_path: Path) -> None:
    few = {name: CLASS[name] for name in ("bob.py", "dora.py")}
    grade_class(write_class(tmp_path / "class", few), tmp_path / "out")
    for name in few:
        record = json.loads((tmp_path / "out" / f"{name}.json").read_bytes())
        assert fits(record, "grade")
        for spoilt in ({"schema": "backproof.grade/0"}, {"lines": [{}]}, {"score": "10"}):
            assert not fits(record | spoilt, "grade")
    summary = json.loads((tmp_path / "out" / "class.json").read_bytes())
    assert fits(summary, "class")
    assert not fits(summary | {"students": [{}]}, "class")


@pytest.mark.parametrize("topic", ["regression", "perceptron", "graphs", "svm", "numerical", "logistic"])
def test_the_numbers_of_a_topic_fit(topic: str) -> None:
    numbers = json.loads(
        figures_terminal.encoded({"schema": "backproof.figures/1", "topics": {topic: TOPICS[topic]()}})
    )
    assert fits(numbers, "figures")
    assert msgspec.convert(numbers, FiguresRecord)
    for spoilt in ({"schema": "backproof.figures/0"}, {"topics": {topic: {}}}, {"topics": {"none": {}}}):
        assert not fits(numbers | spoilt, "figures")


def test_every_topic_has_its_schema() -> None:
    assert set(Topics.__struct_fields__) == set(TOPICS)


def as_editors_read(table: dict[str, Any]) -> dict[str, Any]:
    return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in table.items()}


def examples_in_docs() -> list[str]:
    """Every assignment that a page shows: the TOML blocks that have a key of one."""
    pages = [page.read_text(encoding="utf-8") for page in sorted((ROOT / "docs").glob("*.md"))]
    blocks = [block for page in pages for block in re.findall(r"```toml\n(.*?)```", page, re.DOTALL)]
    return [block for block in blocks if set(tomllib.loads(block)) & {"lesson", "part", "layers", "due"}]


ALLOWED = [
    "", DEFAULT, 'program = "hw3.ipynb"', "due = 2026-11-20T23:59:00+01:00", "[points.lines]\ndelta3 = 2\ny = 1",
    "[points.mistakes]\nmean-missing = 2", 'seed = "secret"', "seed = 7",
]  # fmt: skip
OTHERS = [
    *examples_in_docs(), *(f'lesson = "{name}"' for name in BUILT_IN),
    'lesson = "svm"\nN = [1, 4]\nfunctions = []\n[points]\ngradient = 3\n[points.lines]\ndW = 2',
    "points = 2\n[[part]]\nlesson = 'svm'\nweight = 2\n[part.points]\ngradient = 3\n[[part]]\nname = 'n'\nl2 = true",
]  # fmt: skip
OTHERS_REFUSED = [
    'lesson = "svm"\nlayers = [1, 2]', 'lesson = "svm"\nN = [0, 4]', 'lesson = "svm"\n[points]\nforward = 1',
    'lesson = "svm"\nweight = 2', "part = []", "part = 3", "layers = [1, 2]\n[[part]]\nlesson = 'svm'",
    "[[part]]\nlesson = 'none'", "[[part]]\nlesson = 'svm'\nweight = 0", "[[part]]\nname = 'a b'",
    "[[part]]\nlesson = 'svm'\nseed = 1", "[[part]]\nlesson = 'svm'\nlayers = [1, 2]",
    "[[part]]\n[part.late]\nper_day = 0.1", "points = 0\n[[part]]\nlesson = 'svm'",
]  # fmt: skip
REFUSED = [
    "layer = [1, 2]", "layers = [1]", "layers = [0, 3]", "activations = []", 'activations = ["relu", "relu"]',
    "seed = -1", 'seed = "open"', "time_limit = 0", "biases = 1", "[late]\nper_day = 2", '[show]\nbefore = "all"',
    "[points.lines]\nx = 1", "[points.mistakes]\nnothing = 1", 'program = "a/b.py"', 'program = "hw3.txt"',
    'lesson = "none"',
]  # fmt: skip


@pytest.mark.parametrize("text", [*ALLOWED, (ROOT / "docs" / "assignment.toml").read_text(encoding="utf-8")])
def test_what_an_assignment_may_say_fits(text: str) -> None:
    assignment_from(tomllib.loads(text), "t")
    assert fits(as_editors_read(tomllib.loads(text)), "assignment")


@pytest.mark.parametrize("text", REFUSED)
def test_what_it_may_not_say_does_not(text: str) -> None:
    with pytest.raises(BadInput):
        assignment_from(tomllib.loads(text), "t")
    assert not fits(tomllib.loads(text), "assignment")


@pytest.mark.parametrize("text", OTHERS)
def test_other_lessons_and_parts_fit(text: str) -> None:
    any_from(tomllib.loads(text), "t")
    assert fits(as_editors_read(tomllib.loads(text)), "assignment")


@pytest.mark.parametrize("text", OTHERS_REFUSED)
def test_what_they_may_not_say_does_not(text: str) -> None:
    with pytest.raises(BadInput):
        any_from(tomllib.loads(text), "t")
    assert not fits(tomllib.loads(text), "assignment")


@pytest.mark.parametrize(
    "text", ['lesson = "my_own.py"\nrate = 0.5', "[[part]]\nlesson = 'own.py'\nweight = 2\nM = [1, 2]"]
)
def test_a_lesson_in_a_file_has_keys_of_its_own(text: str) -> None:
    assert fits(tomllib.loads(text), "assignment")
    assert not fits(tomllib.loads(text.replace("'own.py'", "'own.txt'").replace("my_own.py", "my_own")), "assignment")
    assert not fits(tomllib.loads(text + "\ntime_limit = 0"), "assignment")
