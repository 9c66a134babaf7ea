"""The answer key of an assignment, in NumPy alone: its right answers, by one comparison per line.

Every submission is judged by its columns. One that is right in all that it hands over needs nothing else, neither torch
nor the problems' workings, whose making takes seconds; so the key can be kept on disk (`keeping.py`). It gives up
wherever anything but a plainly right number came: the whole examination then judges.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from verify.grading.answers import Answer
from verify.grading.record import LineRecord, Worst
from verify.lessons.network.judging.subgradients import Subgradients


class Part(msgspec.Struct, frozen=True):
    """One problem's share of a column: its number, the line's name there, its shape, and what the problem is called."""

    case: int
    name: str
    shape: tuple[int, ...]
    label: str


class Column(msgspec.Struct, frozen=True):
    """One line of all problems, end to end.

    decided: whether an entry has a budget that is small beside the largest of its line. undecided: the problems in
    which an entry has not, each with the widest budget that decides one.
    """

    parts: Sequence[Part]
    truth: np.ndarray
    allowed: np.ndarray
    decided: bool
    undecided: Mapping[int, float]

    def present(self, answers: Sequence[Answer]) -> bool:
        """Whether every problem has the line in its right shape."""
        held = [answers[part.case].arrays.get(part.name) for part in self.parts]
        return bool(held) and all(
            v is not None and v.shape == part.shape for v, part in zip(held, self.parts, strict=True)
        )

    def judged(self, answers: Sequence[Answer]) -> Worst | None:
        """The entry closest to its budget, where all are within; None where they are not, or not all there."""
        if not self.present(answers):
            return None
        yours = end_to_end([answers[part.case].arrays[part.name] for part in self.parts])
        with np.errstate(over="ignore", invalid="ignore"):
            error = np.abs(yours - self.truth)
        if not bool((error <= self.allowed).all()):
            return None
        at = int(np.argmax(np.divide(error, self.allowed, out=np.zeros_like(error), where=error > 0)))
        part, index = self._place(at)
        return Worst(
            index, float(yours[at]), float(self.truth[at]), float(error[at]), float(self.allowed[at]), part.label
        )

    def stands(self, answers: Sequence[Answer]) -> bool:
        """Whether no line of the student's own can make wrong what is within the budget from the inputs.

        Own lines narrow the budget of an undecided entry, but never below the widest that decides it.
        """
        at = 0
        for part in self.parts:
            size = math.prod(part.shape)
            answer, least = answers[part.case], self.undecided.get(part.case)
            if least is not None and answer.has_own_lines:
                error = np.abs(answer.arrays[part.name].ravel() - self.truth[at : at + size])
                if not bool((error <= least).all()):
                    return False
            at += size
        return True

    def _place(self, at: int) -> tuple[Part, list[int]]:
        for part in self.parts:
            size = math.prod(part.shape)
            if at < size:
                return part, [int(k) for k in np.unravel_index(at, part.shape)] if part.shape else []
            at -= size
        raise AssertionError("the index lies within the problems")


class Key(msgspec.Struct, frozen=True):
    """What is right in an examination, in float64.

    shapes: of every line of each problem, in the order of the calls. layers: how many each has. open: the problems that
    count for advice alone. judged: how many count. hidden: mistakes that none of them shows. columns: line -> its right
    values. kinks: problem -> what is right there. records: line -> its record where it is right, but for its worst
    entry. limit: the detection limit of all gradients. calls: as workers read them; functions: what each calls;
    largest: bytes of the longest.
    """

    shapes: Sequence[Mapping[str, tuple[int, ...]]]
    layers: Sequence[int]
    open: Sequence[int]
    judged: int
    hidden: Sequence[str]
    columns: Mapping[str, Column]
    kinks: Mapping[int, Subgradients]
    records: Mapping[str, LineRecord]
    limit: float | None
    functions: Sequence[str]
    calls: bytes
    largest: int

    def right(self, answers: Sequence[Answer]) -> list[LineRecord] | None:
        """The records of all lines that came, where each came on every problem and is right on all; None otherwise.

        None, too, where a line has no entry that is decided, where own lines may decide one, where an answer is not in
        double precision, and where a program overflows at large scores.
        """
        if len(answers) != len(self.shapes) or not all(map(self._is_plain, answers, self.shapes)):
            return None
        names = self._came(answers)
        if names is None or not all(kink.are(answers[i].arrays) for i, kink in self.kinks.items()):
            return None
        worst = {n: self.columns[n].judged(answers) for n in names}
        if None in worst.values() or not all(self.columns[n].stands(answers) for n in names):
            return None
        return [msgspec.structs.replace(self.records[n], worst=found) for n, found in worst.items()]

    def _is_plain(self, answer: Answer, shapes: Mapping[str, tuple[int, ...]]) -> bool:
        """Whether a call gave lines alone, each in its right shape and in double precision."""
        if not answer.returned or answer.faults or answer.float32 or answer.integers or answer.inputs_changed:
            return False
        return all(shapes.get(n) == value.shape for n, value in answer.arrays.items())

    def _came(self, answers: Sequence[Answer]) -> list[str] | None:
        """The lines to be judged; None where one that has points is missing, is not decided, or is not finite."""
        handed = {n for answer in answers for n in answer.arrays}
        names = [n for n, column in self.columns.items() if not handed.isdisjoint(p.name for p in column.parts)]
        whole = {n for n, record in self.records.items() if record.max_points > 0} <= {*names}
        sure = all(self.columns[n].decided for n in names)
        return names if whole and sure and all(_is_finite(answers[i]) for i in (*self.open, *self.kinks)) else None


def _is_finite(answer: Answer) -> bool:
    return all(bool(np.isfinite(v).all()) for v in answer.arrays.values())


def end_to_end(values: Sequence[np.ndarray]) -> np.ndarray:
    """The entries of all, one after the other."""
    return np.concatenate([v.ravel() for v in values]) if values else np.empty(0)
