"""What students get of any lesson: made from its contracts, the shapes of its inputs, and its places in the slides.

Of the equations only those of the forward pass are told: what the value that is derived is made of.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from verify.classroom.handout import selfcheck
from verify.grading.lesson import NUMBER, Contract, Lesson, parameters
from verify.grading.lesson_assignment import LessonAssignment
from verify.grading.machinery.posing import practice
from verify.grading.machinery.working import Case
from verify.grading.values import as_lists
from verify.problems.headings import headings, in_english

SELF_CHECK = Path(__file__).with_name("lesson_selfcheck.py")
_TASK = re.compile(r'^TASK = json\.loads\(r""".*?"""\)$', re.MULTILINE | re.DOTALL)
_SHARED = re.compile(r"^from verify\.classroom\.handout\.selfcheck import \((.*?)\)$", re.MULTILINE | re.DOTALL)
_PLACE = re.compile(r'deck (?P<deck>\d{3}) "(?P<heading>.+)"')
_PROBLEMS, _MOST_NUMBERS = 6, 300
_UPSTREAM = "d_"  # before an output: the derivative of the objective by it, which comes from upstream


@dataclass(frozen=True)
class Filled:
    """A function to fill in. graded: False for one that only the self-check calls."""

    contract: Contract
    points: float
    required: bool
    returns: str
    places: tuple[str, ...]
    graded: bool = True


class Kit:
    """A lesson's assignment with what its hand-out is made of."""

    def __init__(self, lesson: Lesson, asked: LessonAssignment) -> None:
        self.lesson, self.asked = lesson, asked
        seed = int.from_bytes(hashlib.sha256(f"hand-out of {asked.digest()}".encode()).digest()[:7])
        self.cases = practice(lesson, asked, seed, _PROBLEMS, _MOST_NUMBERS)

    @property
    def contracts(self) -> list[Contract]:
        """The functions that are graded, and those that the self-check needs."""
        lesson, asked = self.lesson, self.asked
        graded = [c for c in lesson.contracts if c.name in asked.asked]
        used = [c for c in lesson.contracts if c not in graded and set(c.returns) & set(self._derived_from())]
        return sorted([*graded, *used, *self._loss()], key=lambda c: bool(set(c.returns) & set(lesson.gradients)))

    def _derived_from(self) -> tuple[str, ...]:
        """The lines from which the self-check has the value that is derived: itself, or those that it weighs."""
        lesson = self.lesson
        if not lesson.gradients:
            return ()
        return tuple(self.weighed) or (lesson.objective,)

    @property
    def weighed(self) -> dict[str, str]:
        """Output -> the input that it is multiplied by, where the objective is Σ d_y ⊙ y."""
        lesson = self.lesson
        taken = parameters(lesson.lines[lesson.objective].value) if lesson.objective in lesson.lines else ()
        found = {n: f"{_UPSTREAM}{n}" for n in taken if n in lesson.lines and f"{_UPSTREAM}{n}" in lesson.inputs}
        return found if found and {*found, *found.values()} == set(taken) else {}

    def _loss(self) -> list[Contract]:
        """A function of the objective for the self-check, where the lesson asks for none."""
        lesson = self.lesson
        if not lesson.gradients or self.weighed or lesson.objective not in lesson.lines:
            return []
        if any(lesson.objective in c.returns for c in lesson.contracts):
            return []
        given = [n for n in lesson.inputs if n in set(self._inputs_of(lesson.objective))]
        name = "loss" if all(c.name != "loss" for c in lesson.contracts) else "objective"
        return [Contract(name, tuple(given), (lesson.objective,))]

    def _inputs_of(self, line: str) -> Iterator[str]:
        for source in self.lesson.sources(line):
            yield from parameters(self.lesson.lines[source].value)

    def context(self) -> dict[str, Any]:
        """What the templates need to know."""
        of_check = self._objective()
        return {
            "title": self.asked.name or self.lesson.title,
            "lesson": self.lesson,
            "place": _cited(self.lesson.place),
            "functions": self.filled(),
            "inputs": self.inputs(),
            "forward": self.forward(),
            "weighed": self.weighed,
            "further": self.further(),
            "differences": of_check["function"] if of_check else "",
        }

    def filled(self) -> list[Filled]:
        """The functions as the page and the starter have them."""
        points = self.asked.points.functions
        return [
            Filled(
                c, points.get(c.name, 0.0), points.get(c.name, 0.0) > 0, ", ".join(map(self._with_shape, c.returns)),
                tuple(dict.fromkeys(_cited(self.lesson.place_of(n)) for n in c.returns if self.lesson.place_of(n))),
                c.name in self.asked.asked,
            )
            for c in self.contracts
        ]  # fmt: skip

    def _with_shape(self, line: str) -> str:
        return f"{line} {_in_brackets(self.shape(line))}".strip()

    def shape(self, line: str) -> str:
        """'D N', "" for a number: the letters that fit on all problems, ? where none does."""
        if line in self.lesson.gradients:
            return self.lesson.inputs[self.lesson.gradients[line]]
        shapes = [tuple(case.truth[line].shape) for case in self.cases]
        if len({*map(len, shapes)}) != 1:
            return "?"
        return " ".join(self._letter([shape[at] for shape in shapes]) for at in range(len(shapes[0])))

    def _letter(self, sizes: Sequence[int]) -> str:
        letters = self.lesson.letters
        fits = [n for n in letters if [case.sizes[n] for case in self.cases] == [*sizes]]
        return fits[0] if fits else str(sizes[0]) if len({*sizes}) == 1 else "?"

    def inputs(self) -> list[tuple[str, str, str]]:
        """Name, what it is, shape."""
        return [(n, self._meaning(n, s), _in_brackets(s)) for n, s in self.lesson.inputs.items()]

    def _meaning(self, name: str, shape: str) -> str:
        value = self.cases[0].inputs[name]
        if shape == NUMBER:
            return "a number, the same for the whole problem"
        if isinstance(value, Tensor) and not value.is_floating_point():
            return f"whole numbers from 0, of an integer dtype: {value.dtype}".replace("torch.", "")
        return "numbers" if shape else "a number"

    def forward(self) -> list[str]:
        """The equations of the forward pass: never one of a gradient."""
        lesson = self.lesson
        if not lesson.gradients or self.weighed or lesson.objective not in lesson.lines:
            return []
        return [lesson.lines[n].equation for n in lesson.sources(lesson.objective)]

    def further(self) -> list[tuple[str, str, str]]:
        """Lines that may be handed over besides: name, symbol, shape."""
        lesson = self.lesson
        returned = {n for c in lesson.contracts for n in c.returns}
        return [
            (n, line.equation.split(" = ")[0] if " = " in line.equation else n, _in_brackets(self.shape(n)))
            for n, line in lesson.lines.items()
            if n not in returned
        ]

    def self_check(self, program: str) -> str:
        """The self-check with this lesson's functions, shapes and problems in it; no answer."""
        text = SELF_CHECK.read_text(encoding="utf-8")
        names = _SHARED.search(text)
        assert names is not None
        shared = _shared([name.strip() for name in names[1].split(",") if name.strip()])
        task = json.dumps(self._task(program), ensure_ascii=False)
        text = _SHARED.sub(lambda _: shared, text).replace("import json\n", "import importlib.util\nimport json\n", 1)
        return _TASK.sub(lambda _: f'TASK = json.loads(r"""{task}""")', text)

    def _task(self, program: str) -> dict[str, Any]:
        return {
            "program": program,
            "backend": self.asked.backend,
            "functions": {c.name: self._function(c) for c in self.contracts},
            "inputs": {n: {"shape": s} for n, s in self.lesson.inputs.items()},
            "gradients": dict(self.lesson.gradients),
            "objective": self._objective(),
            "problems": [{"sizes": dict(case.sizes), "inputs": _plain(case)} for case in self.cases],
        }

    def _function(self, contract: Contract) -> dict[str, Any]:
        required = self.asked.points.functions.get(contract.name, 0.0) > 0
        return {
            "arguments": list(contract.arguments),
            "returns": {line: self.shape(line) for line in contract.returns},
            "required": required,
        }

    def _objective(self) -> dict[str, Any] | None:
        """Which function gives the value that is derived."""
        wanted = set(self._derived_from())
        giving = next((c for c in self.contracts if wanted and wanted <= set(c.returns)), None)
        if giving is None:
            return None
        return {
            "function": giving.name,
            "line": None if self.weighed else self.lesson.objective,
            "weighed": self.weighed,
        }


def _plain(case: Case) -> dict[str, Any]:
    return {n: as_lists(v) if isinstance(v, Tensor) else v for n, v in case.inputs.items()}


def _shared(names: Sequence[str]) -> str:
    """The source of functions of the network's self-check, and of the constants that they use."""
    functions = [inspect.getsource(getattr(selfcheck, name)).rstrip() for name in names]
    used = {word for source in functions for word in re.findall(r"\b[A-Z][A-Z_]+\b", source)}
    constants = [line for line in inspect.getsource(selfcheck).splitlines() if line.split(" = ")[0] in used]
    return "\n\n\n".join(["\n".join(constants), *functions])


def _in_brackets(shape: str) -> str:
    """'N D' as (N, D); nothing for a number."""
    if shape in ("", NUMBER):
        return ""
    parts = shape.split()
    return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"


def _cited(place: str) -> str:
    """A place in the slides in both languages; any other as it is."""
    found = _PLACE.fullmatch(place)
    if found is None or found["heading"] not in headings().get(found["deck"], {}):
        return place
    return f"deck {found['deck']} “{found['heading']}” ({in_english(found['deck'], found['heading'])})"
