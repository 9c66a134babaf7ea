"""A record's sentences made again from their keys and values alone: what any other language has to do."""

from __future__ import annotations

from collections.abc import Mapping

from verify.bounds import forms
from verify.grading import sentence
from verify.grading.machinery import texts as machinery
from verify.grading.record import SaidRecord, Task
from verify.isolation import texts as isolation
from verify.lessons.network import texts
from verify.lessons.network.words import Words
from verify.said import Said, Value, joining

# Of the lesson, in rows, to be turned into the assignment's words; and those that are the same for all.
LESSON: Mapping[str, str] = texts.TEXTS
COMMON: Mapping[str, str] = {**machinery.TEXTS, **sentence.TEXTS, **isolation.TEXTS, **forms.TEXTS}


def english(record: SaidRecord, task: Task) -> str:
    """The sentence of that key with those values, for that assignment. KeyError for a key that is none."""
    return _said(record, Words.of(task)).text


def _said(record: SaidRecord, words: Words) -> Said:
    values: dict[str, Value] = {
        name: _said(value, words) if isinstance(value, SaidRecord) else value for name, value in record.values.items()
    }
    return Said(record.key, values, _template(record, words))


def _template(record: SaidRecord, words: Words) -> str:
    if record.key == "sentences":
        return joining(len(record.values))
    return words.text(LESSON[record.key]) if record.key in LESSON else COMMON[record.key]
