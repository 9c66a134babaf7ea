"""Odd answers and damaged files, drawn: what the grader must take without a word of its own.

`odd`: how many answers are sorted, and files read, with anything else than a value or one reason that is told.
"""

from __future__ import annotations

import json
import random
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from verify.benchmarks.odd_files import damaged
from verify.benchmarks.tables import Settings, Table, none_of
from verify.errors import BadInput
from verify.grading.answers import gradients_answer
from verify.grading.assignment import Assignment
from verify.isolation import Calls, Outcome, Reply, Run
from verify.isolation.inside.codec import Decoder, Encoder
from verify.lessons.network.cases.fixtures import Case
from verify.lessons.network.grade import Examination, calls, examination, grade
from verify.reports import graded_pages
from verify.submissions.finding import find
from verify.submissions.reading import Entry, read_entry
from verify.submissions.submission import Ungradable

_MOST = 1 << 20
_DTYPES = ("f8", ">f8", "f4", "f2", "f16", "c16", "c8", "i8", "u1", "b1", "S3", "U2", "M8[s]", "O", "V4", "i4,f8")
_SHAPES = ((), (0,), (1,), (3,), (2, 3), (3, 2), (1, 1), (0, 4), (2, 0, 2), (1,) * 32)
_LEAVES = (
    None, True, 0, -1, 1 << 70, 0.0, -0.0, float("nan"), float("inf"), 1e308, 2j, "", "dW", "x" * 5000, b"dW",
    (), [], {}, set(), object, Ellipsis, range(3),
)  # fmt: skip
_NAMES = ("dW1", "db2", "delta1", "delta0", "a-1", "a1", "z9", "y", "E", "J", "", "dW", "dW１", "delta" + "9" * 5000)


# Answers -------------------------------------------------------------------------------------------------------------


def answers(chance: random.Random) -> Iterator[Any]:
    """Without end: what `gradients` might return, right in most of its parts."""
    while True:
        whole = [[_array(chance) for _ in range(2)], [_array(chance) for _ in range(2)]]
        lines = {chance.choice(_NAMES): _part(chance) for _ in range(chance.randrange(4))}
        yield _with_odd_parts(chance, (*whole, lines) if chance.random() < 0.5 else tuple(whole))


def _with_odd_parts(chance: random.Random, value: Any) -> Any:
    if chance.random() < 0.15:
        return _part(chance)
    if isinstance(value, (list, tuple)):
        entries = [_with_odd_parts(chance, entry) for entry in value]
        entries += [_part(chance)] if chance.random() < 0.1 else []
        return type(value)(entries[chance.random() < 0.1 :])
    return value


def _part(chance: random.Random, depth: int = 0) -> Any:
    kind = chance.randrange(5 if depth < 4 else 2)
    if kind == 0:
        return chance.choice(_LEAVES)
    if kind == 1:
        return _array(chance)
    parts = [_part(chance, depth + 1) for _ in range(chance.randrange(4))]
    if kind == 4:
        return {chance.choice([*_NAMES, 1, None, (2, 3)]): part for part in parts}
    return parts if kind == 2 else tuple(parts)


def _array(chance: random.Random) -> Any:
    found = np.zeros(chance.choice(_SHAPES), dtype=np.dtype(chance.choice(_DTYPES)))
    if found.dtype.kind == "f" and chance.random() < 0.5:
        found.fill(chance.choice([1.0, float("nan"), float("-inf"), np.finfo(found.dtype).max]))
    return found.T if chance.random() < 0.2 else found


def sort(value: Any, *, columns: bool = False, biases: bool = True) -> bool:
    """Sends an answer as a submission does, and sorts it; whether it has lines."""
    return gradients_answer(_received(value), 2, columns=columns, biases=biases).returned


def _received(value: Any) -> Any:
    """What arrives of an answer that a submission sends."""
    encoder = Encoder(_MOST)
    structure = json.loads(json.dumps(encoder.encode(value)))
    return Decoder(b"".join(encoder.buffers)).decode(structure)


# Answers that are graded ---------------------------------------------------------------------------------------------


class Graded:
    """Grades odd answers to a few small problems, and writes their pages, with no sandbox between."""

    def __init__(self) -> None:
        whole = examination(Assignment(), 0)
        some = replace(whole.fixture, cases=(*whole.fixture.cases[:3], *whole.fixture.cases[5:60:18]))
        self.exam = Examination(some, Calls(calls(some)))

    def submission(self, chance: random.Random) -> bool:
        """Whether a submission's record is as a record must be: its page is written, and no points are free."""
        seed, odd = chance.getrandbits(64), chance.random()
        replies = [
            Reply(Outcome.RETURNED, self._answer(case, random.Random(seed), odd)) for case in self.exam.fixture.cases
        ]
        record = grade("odd.py", Run("ok", tuple(replies), frozenset({"gradients"})), self.exam)
        graded_pages.as_markdown(record)
        graded_pages.as_html(record)
        if record.score is None or not 0 <= record.score <= record.max_score:
            raise AssertionError(f"score {record.score}")
        return record.state in ("correct", "undecided")

    def _answer(self, case: Case, chance: random.Random, odd: float) -> Any:
        """The right lines, or what is odd in the same place on every problem."""
        lines = {name: value.numpy().copy() for name, value in case.truth.items()}
        dW, db = ([lines.pop(f"{kind}{l}") for l in range(1, case.problem.L + 1)] for kind in ("dW", "db"))
        kept = {name: value for name, value in lines.items() if chance.random() < 0.5}
        value = (dW, db, kept)
        return _received(value if odd < 0.1 else _with_odd_numbers(chance, value, odd))


def _with_odd_numbers(chance: random.Random, value: Any, odd: float) -> Any:
    """The same structure with some of its arrays replaced, or with a few odd entries."""
    if isinstance(value, dict):
        return {key: _with_odd_numbers(chance, entry, odd) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_with_odd_numbers(chance, entry, odd) for entry in value)
    how = chance.random()
    if how > odd / 2:
        return value
    number = chance.choice([0.0, 1.0, -1.0, float("nan"), float("inf"), float("-inf"), 5e-324, 1e308])
    if how < odd / 8 or np.ndim(value) == 0:
        return chance.choice([_part(chance), np.full_like(value, number), np.empty((0, *np.shape(value)[1:]))])
    if how < odd / 4:
        return chance.choice([value.T, value[..., :0], value[:1], value[None], value.astype("f4"), value.astype("i8")])
    changed = np.array(value)
    changed.flat[chance.randrange(max(1, changed.size)) if changed.size else slice(0)] = number
    return changed


# Files ---------------------------------------------------------------------------------------------------------------


def read_file(folder: Path, name: str, content: bytes) -> bool:
    """Writes a file and reads it as a submission; whether it is one."""
    path = folder / name
    path.write_bytes(content)
    try:
        read_entry(Entry(name, path, ()))
    except Ungradable as reason:
        text = str(reason)
        if len(text.splitlines()) != 1 or not text.isprintable():
            raise AssertionError(f"not one line: {text!r}") from None
        return False
    finally:
        path.unlink()
    return True


def find_files(folder: Path, files: Sequence[tuple[str, bytes]]) -> bool:
    """Lets a class of such files be found, as grade.py does; whether it has submissions."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        for at, (file, content) in enumerate(files):
            Path(name, f"{at}-{file}").write_bytes(content)
        try:
            return bool(find([Path(name)]).entries) and bool(find([next(Path(name).iterdir())]).entries)
        except BadInput as reason:
            if len(str(reason).splitlines()) != 1:
                raise AssertionError(f"not one line: {reason}") from None
            return False


# The table -----------------------------------------------------------------------------------------------------------


@dataclass
class Count:
    """Cases of one kind: how many were taken as they are, and what went wrong with others."""

    cases: int = 0
    taken: int = 0
    failures: list[str] = field(default_factory=list)

    def add(self, case: Callable[[], bool]) -> None:
        """Counts one case; what it raises is a failure."""
        self.cases += 1
        try:
            self.taken += case()
        except Exception:
            self.failures.append(traceback.format_exc(limit=-3))


def count_answers(seed: int, cases: int) -> Count:
    """That many odd answers, in both conventions, with biases and without."""
    found, chance = Count(), random.Random(seed)
    for _, value in zip(range(cases), answers(chance), strict=False):
        columns, biases = chance.random() < 0.3, chance.random() < 0.7
        found.add(lambda value=value, columns=columns, biases=biases: sort(value, columns=columns, biases=biases))
    return found


def count_files(seed: int, cases: int) -> Count:
    """That many damaged files, read one after the other."""
    found, chance = Count(), random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        for _, (name, content) in zip(range(cases), damaged(chance), strict=False):
            found.add(lambda name=name, content=content: read_file(Path(folder), name, content))
    return found


def count_graded(seed: int, cases: int) -> Count:
    """That many submissions whose answers are odd, graded."""
    found, chance, grading = Count(), random.Random(seed), Graded()
    for _ in range(cases):
        found.add(lambda: grading.submission(chance))
    return found


def count_classes(seed: int, cases: int) -> Count:
    """That many folders of some damaged files, looked through."""
    found, chance = Count(), random.Random(seed)
    files = damaged(chance)
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(cases):
            some = [next(files) for _ in range(chance.randint(1, 4))]
            found.add(lambda some=some: find_files(Path(folder), some))
    return found


def odd_table(settings: Settings) -> Table:
    """Odd answers and damaged files, and what of them was met with an exception."""
    answers, files, graded, classes = (1000, 300, 3, 30) if settings.quick else (100_000, 10_000, 500, 1000)
    counts = {
        "odd answers, sorted": count_answers(settings.seed, answers),
        "odd answers, graded, with their pages": count_graded(settings.seed, graded),
        "damaged files, read": count_files(settings.seed, files),
        "classes of damaged files, looked through": count_classes(settings.seed, classes),
    }
    rows = [(name, f"{c.cases:,}", f"{c.taken:,}", str(len(c.failures))) for name, c in counts.items()]
    notes = [c.failures[0] for c in counts.values() if c.failures]
    record = {name: {"cases": c.cases, "taken": c.taken, "failures": c.failures[:20]} for name, c in counts.items()}
    goals = [none_of(f"exceptions at {c.cases:,} {name}", len(c.failures)) for name, c in counts.items()]
    columns = ("", "cases", "taken as they are", "exceptions")
    return Table("odd", "Odd answers and damaged files", columns, rows, notes, record, goals)
