"""Every sentence of a record stands beside its key and values, and is made again from these alone."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.test_diagnosis import RIGHT
from verify.benchmarks.trusted import run_trusted
from verify.bounds import forms
from verify.grading import sentence
from verify.grading.assignment import Assignment, assignment_from
from verify.grading.record import GradeRecord, SaidRecord, Task, decode, encode, said_record, task_of
from verify.isolation import texts as isolation
from verify.lessons.network import texts
from verify.lessons.network.english import COMMON, LESSON, english
from verify.lessons.network.grade import examination, grade
from verify.lessons.network.words import Words
from verify.said import Said, Value, filled

VERIFY = Path(__file__).parent.parent / "verify"
TABLES = (sentence, isolation, forms, texts)
TASKS = {
    "rows": task_of(Assignment()),
    "columns": task_of(
        assignment_from({"convention": "columns", "output": "sigmoid", "loss": "squared-error"}, "test")
    ),
}
PLACE = re.compile(r"\{(\w+)(?::([^{}]+))?\}")


# Every key that there is ---------------------------------------------------------------------------------------------


def _values(template: str) -> dict[str, Value]:
    """A value for every place of a template: a number where it is counted or rounded, else a word."""
    number = {name: 3 if form and form[0].isalpha() else 0.25 for name, form in PLACE.findall(template) if form}
    words = {name: ["dW2", "dW1"] for name, form in PLACE.findall(template) if not form and name != "delta"}
    return {**words, **number}


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_every_sentence_is_made_again_from_its_key_and_values(task: Task) -> None:
    words = Words.of(task)
    for key, template in (*COMMON.items(), *LESSON.items()):
        said = Said(key, _values(template), template)
        said = words.said(said) if key in LESSON else said
        again = msgspec.json.decode(msgspec.json.encode(said_record(said)), type=SaidRecord)
        assert english(again, task) == said.text
        assert not re.search(r"\{\w+(:[^{}]+)?\}", said.text), key


def test_no_key_stands_for_two_sentences() -> None:
    every = [key for table in TABLES for key in table.TEXTS]
    assert len(every) == len(set(every))


def _calls() -> Iterator[tuple[Path, ast.Call]]:
    for path in VERIFY.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = node.func if isinstance(node, ast.Call) else None
            if isinstance(node, ast.Call) and isinstance(name, ast.Name) and name.id in ("said", "lesson_said"):
                yield path, node


def test_every_key_that_the_code_names_is_there_with_its_values() -> None:
    texts_of = {**COMMON, **LESSON}
    named = set()
    for path, call in _calls():
        key = call.args[0]
        if not isinstance(key, ast.Constant):
            continue
        assert key.value in texts_of, (path.name, key.value)
        given = {k.arg for k in call.keywords}
        assert None in given or given >= {n for n, _ in PLACE.findall(texts_of[key.value])}, (path.name, key.value)
        named.add(key.value)
    assert len(named) > 80


def test_a_place_without_a_value_is_seen() -> None:
    assert filled("{a} of {b:problem}", {"a": 2}) == "2 of {b:problem}"
    assert filled("{a:problem}, {b}, {c:.1e}", {"a": 1, "b": ["x", "y"], "c": 0.0312}) == "1 problem, x and y, 3.1e-02"


# Records -------------------------------------------------------------------------------------------------------------

STEP = """
def step(W, b, x, t, activation, lam, eta):
    dW, db, _ = gradients(W, b, x, t, activation, lam)
    return [w + eta * d for w, d in zip(W, dW)], [c + eta * d for c, d in zip(b, db)]
"""
IN_COLUMNS = """
in_rows = gradients

def gradients(W, b, x, t, activation, lam):
    given = in_rows([w.T for w in W], [c[:, 0] for c in b], x.T, t.T, activation, lam)
    turned = [[np.asarray(v)[:, None] if np.ndim(v) == 1 else np.asarray(v).T for v in part] for part in given[:2]]
    return *turned, *given[2:]
"""
PLAIN = ("return dW, db, lines", "return dW, db")
PROGRAMS: tuple[tuple[str, ...], ...] = (
    (),
    ("y - t, [None]", "(y - t) * 1.7, [None]"),
    (*PLAIN, "y - t, [None]", "(y - t) * abs(y - t), [None]"),
    (" * df(z[l], activation)", ""),
    ("1 - z**2", "1 - z"),
    ("1 - z**2", "1.0 + 0 * z"),
    ("delta @ W[l].T", "delta @ W[l]"),
    ("delta @ W[l].T", "delta @ (W[l] - 0.05 * dW[l]).T"),
    ("len(W), len(x)", "2, len(x)"),
    ("np.exp(-a))", "np.exp(-np.clip(a, -10, 10)))"),
    ("y = e / e.sum(axis=1, keepdims=True)", "y = e / (e.sum(axis=1, keepdims=True) + 1e-5)"),
    ("return dW, db, lines", "return dW, [None] * L"),
    ("return dW, db, lines", "return dW, [c[None] for c in db]"),
    ("return dW, db, lines", "return dW[:1], db"),
    ("return dW, db, lines", "return dW"),
    ("return dW, db, lines", "return dW, db, 3"),
    ("return dW, db, lines", "return dW, [d.astype(complex) for d in db]"),
    ("return dW, db, lines", "return [d * np.nan for d in dW], db"),
    ("return dW, db, lines", "return [0 * d for d in dW], db"),
    ("return dW, db, lines", "return dW, db, {'E': 1.0, 'y': 2 * y, 'delta1': 0 * delta}"),
    ("return dW, db, lines", "return dW, db, {**lines, 'E': -(t * np.log(y)).sum() / N}"),
    ("a.max(axis=1, keepdims=True)", "0"),
    ("delta = y - t", "delta = x.astype('f4')"),
    ("x, t, activation, lam):", "x, t, activation, lam):\n    x = x.astype('f4')"),
    ("def gradients", "def backward"),
    ("    z, L, N", "    raise ValueError('no')\n    z, L, N"),
    ("    z, L, N", "    x.T @ W[0] @ t.T @ t\n    z, L, N"),
    ("    z, L, N", "    if len(x) > 1: raise ValueError('no')\n    z, L, N"),
)  # fmt: skip


def _program(edits: tuple[str, ...]) -> str:
    source = RIGHT
    for old, new in zip(edits[::2], edits[1::2], strict=True):
        assert old in source or "delta = y" in old
        source = source.replace(old, new)
    return source


SMALL = {"layers": [2, 2], "activations": ["tanh"], "inputs": [1, 3], "widths": [2, 3], "batch": [1, 4]}
# An assignment, and which of the programs it is asked of.
ASSIGNMENTS: tuple[tuple[dict[str, Any], slice], ...] = (
    ({}, slice(0, None, 2)),
    ({"functions": ["step"]}, slice(1, None, 2)),
    ({"points": {"gradients": 6, "step": 2, "loss": 2, "lines": {"delta": 2}}}, slice(2, None, 9)),
)


def _said(record: GradeRecord) -> Iterator[tuple[str, str, list[SaidRecord]]]:
    """Where a sentence stands, the English, and its keys and values."""
    yield "message", record.message, record.message_said
    for name in ("advice", "known", "raised"):
        english_, keys = getattr(record, name), getattr(record, f"{name}_said")
        assert len(english_) == len(keys), name
        yield from ((name, text, [key]) for text, key in zip(english_, keys, strict=True))
    yield from ((f.mistake, f.says, f.said) for f in record.diagnosis)
    yield from ((line.name, line.reason, [line.reason_said] if line.reason_said else []) for line in record.lines)
    case = record.counterexample
    if case is not None:
        yield "case", case.message, [case.message_said] if case.message_said else []


@pytest.mark.parametrize("convention", ["rows", "columns"])
@pytest.mark.parametrize(("given", "which"), ASSIGNMENTS)
def test_every_sentence_of_a_record_is_in_its_keys_and_values(
    given: dict[str, Any], which: slice, convention: str
) -> None:
    exam = examination(assignment_from({**SMALL, **given, "convention": convention}, "test"))
    used = set()
    for edits in PROGRAMS[which][convention == "columns" :: 2]:
        source = _program(edits) + STEP + (IN_COLUMNS if convention == "columns" else "")
        record = decode(encode(grade("program.py", run_trusted(source, exam.calls), exam)))
        assert record.task is not None
        for where, text, keys in _said(record):
            assert text == " ".join(english(key, record.task) for key in keys), (edits, where)
            used |= {key.key for key in keys}
    assert len(used) > 3
