"""Verdicts on programs that nobody wrote for the grader: drawn ones, right and wrong, for assignments of all kinds.

`scripts/benchmark.py --verdicts` and `--names` do the same with a thousand.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from itertools import islice

import pytest

from tests import students
from verify.benchmarks.programs.right import right_programs
from verify.benchmarks.programs.tasks import BY_NAME
from verify.benchmarks.programs.wrong import mutants
from verify.benchmarks.trusted import run_trusted
from verify.benchmarks.verdicts import graded, judged_right, judged_wrong
from verify.lessons.network.grade import Examination, examination, grade
from verify.lessons.network.grade import _answers as gradient_answers

# How many programs, of assignments whose problems are drawn and judged in a second.
TASKS = {
    "default": 68, "columns": 40, "logistic outputs": 60, "tanh outputs": 40, "relu outputs": 20, "one unit": 40,
    "asked for all": 20, "activations of no deck": 12,
}  # fmt: skip


@cache
def exam(task: str) -> Examination:
    return examination(BY_NAME[task].assignment, seed=0)


@pytest.mark.parametrize(("task", "count"), TASKS.items())
def test_right_programs_are_called_right(task: str, count: int) -> None:
    found = judged_right(right_programs(count, seed=8, tasks=[BY_NAME[task]]), {task: exam(task)})[task]
    assert found.wrong == []
    assert (found.programs, found.undecided) == (count, 0)


def test_there_are_three_hundred() -> None:
    assert sum(TASKS.values()) == 300


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_changed_programs_are_seen_and_no_name_is_false(depth: int) -> None:
    tasks = ["default", "one unit"]
    drawn = mutants(6, seed=8, depth=depth, tasks=[BY_NAME[task] for task in tasks])
    found = judged_wrong(drawn, {task: exam(task) for task in tasks})
    assert (found.missed, found.false, found.accused) == ([], [], [])
    assert found.wrong == found.seen > 2


def _three_styles() -> list[students.Program]:
    """Each mistake of the catalogue in three styles of those that can make it."""
    made: dict[str, dict[str, students.Program]] = defaultdict(dict)
    for p in students.single_mistakes(forms=1):
        if p.assignment is None and p.mistakes != ("softmax-overflow",):  # that one is advice
            made[p.mistakes[0]].setdefault(p.style, p)
    return [p for styles in made.values() for p in list(styles.values())[:: max(1, len(styles) // 3)][:3]]


def _called_correct(p: students.Program, task: str) -> bool:
    """Whether a program passes; the whole record is made only where its gradients do."""
    ran = run_trusted(p.source, exam(task).calls)
    answers = gradient_answers(exam(task).fixture, ran)
    if not all(a.returned for a in answers) or any(j.wrong for j in exam(task).judge.lines(answers, float32=False)):
        return False
    return grade(p.name, ran, exam(task)).state == "correct"


def test_no_planted_mistake_is_called_correct() -> None:
    programs = _three_styles()
    assert len(programs) > 150
    asked = {"step-sign": "asked for all", "step-repeated": "asked for all"}
    assert [p.name for p in programs if _called_correct(p, asked.get(p.mistakes[0], "default"))] == []


def test_a_program_that_is_right_but_for_a_thousandth_of_a_percent_is_wrong() -> None:
    program = next(iter(right_programs(1, seed=3, tasks=[BY_NAME["default"]])))
    source = program.source + "\n\nright = gradients\n\n\ndef gradients(*given):\n    dW, db = right(*given)[:2]\n"
    assert graded(source + "    return dW, db\n", exam("default")).state == "correct"
    assert graded(source + "    return [g * (1 + 1e-12) for g in dW], db\n", exam("default")).state == "wrong"


# Of the Jacobian written out, whose products of small y underflow; of a step's difference in float64; E as np.float32.
SINGLE = {7: "jacobian", 11: "difference", 12: "E as a number of NumPy's", 15: "jacobian"}


@pytest.mark.parametrize("number", SINGLE, ids=SINGLE.values())
def test_where_float32_is_allowed_forms_that_lose_digits_are_right(number: int) -> None:
    program = next(islice(right_programs(20, seed=0, tasks=[BY_NAME["float32"]]), number, None))
    record = graded(program.source, exam("float32"))
    assert (record.state, record.score) == ("correct", 10.0)
    assert record.diagnosis == []
