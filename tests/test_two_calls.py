"""A mistake of state shows two calls, which reproduce it by themselves; what the grader provoked is nobody's output."""

from __future__ import annotations

import sys
import types
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from tests.classes import NO_SLOPE, RIGHT, write_class
from verify.benchmarks.trusted import run_trusted
from verify.commands.one_submission import OneJob, grade_one
from verify.grading.assignment import Assignment
from verify.grading.record import Counterexample, GradeRecord
from verify.lessons.network.grade import Examination, examination, grade
from verify.reports import graded_pages, reproduce
from verify.reports.graded_terminal import failure

KEPT = "KEPT = {}\n\n\ndef gradients(W"


def piling_up(source: str) -> str:
    return source.replace("def gradients(W", KEPT).replace(
        "    return dW, db",
        "    before = KEPT.get('all')\n"
        "    if before and [g.shape for g in before[0]] == [g.shape for g in dW]:\n"
        "        dW, db = ([g + h for g, h in zip(*two)] for two in zip((dW, db), before))\n"
        "    KEPT['all'] = dW, db\n"
        "    return dW, db",
    )


STALE = RIGHT.replace("def gradients(W", KEPT).replace(
    "    e = np.exp",
    "    z, a = KEPT.setdefault((len(x), activation, *(w.shape for w in W)), (z, a))\n    e = np.exp",
)
PROGRAMS = {"piled up": piling_up(RIGHT), "piled up, no slope": piling_up(NO_SLOPE), "kept": STALE}


@cache
def exam() -> Examination:
    return examination(Assignment(), seed=2)


@cache
def graded(name: str) -> GradeRecord:
    return grade("mine.py", run_trusted(PROGRAMS[name], exam().calls), exam())


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_two_calls_by_themselves_give_the_same_numbers(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    record = graded(name)
    case = record.counterexample
    assert isinstance(case, Counterexample)
    assert case.before is not None
    module = types.ModuleType("mine")
    exec(PROGRAMS[name], module.__dict__)
    monkeypatch.setitem(sys.modules, "mine", module)
    got: list = []
    exec(reproduce.program(record).replace("print(", "got.append("), {"got": got})
    assert len(got) == 2
    number = int(case.line[2:]) - 1
    np.testing.assert_allclose(got[1][case.line.startswith("db")][number], case.yours)


def test_every_report_shows_both_calls() -> None:
    record = graded("piled up")
    for text in (failure(record), graded_pages.as_markdown(record), graded_pages.as_html(record)):
        assert " ".join(text.split()).count("The second call, which shows it:") == 1


def test_other_mistakes_take_one_call() -> None:
    case = grade("mine.py", run_trusted(NO_SLOPE, exam().calls), exam()).counterexample
    assert isinstance(case, Counterexample)
    assert case.before is None


def test_what_the_grader_provoked_is_no_output_and_a_message_is_one_line(tmp_path: Path) -> None:
    plain = RIGHT.replace(" - a[-1].max(axis=1, keepdims=True)", "")
    lines = RIGHT.replace("    z, a = [x], []\n", "    raise ValueError('first\\n\\nsecond')\n")
    folder = write_class(tmp_path, {"plain.py": plain, "lines.py": lines})
    record = grade_one(OneJob(folder / "plain.py", None, "process"))
    assert (record.state, record.output) == ("correct", "")
    assert any(advice.startswith("softmax-overflow") for advice in record.advice)
    assert "first second" in grade_one(OneJob(folder / "lines.py", None, "process")).message


def test_failures_that_differ_in_their_sizes_are_told_once() -> None:
    of_one = RIGHT.replace("    z, a = [x], []\n", "    x = x.reshape(1, -1)\n    z, a = [x], []\n")
    record = grade("mine.py", run_trusted(of_one, exam().calls), exam())
    assert len(record.raised) == 1
    assert "with these numbers or others" in record.raised[0]


def test_what_stands_in_no_line_is_not_said_to_follow_from_one() -> None:
    record = grade("mine.py", run_trusted(RIGHT.replace("return dW, db", "return dW[::-1], db[::-1]"), exam().calls),
                   exam())  # fmt: skip
    assert [found.mistake for found in record.diagnosis] == ["reversed-lists"]
    assert not any("follows from" in line.reason for line in record.lines)
