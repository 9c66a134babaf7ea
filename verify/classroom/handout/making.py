"""Writes what students get: nothing of it tells an equation of the backward pass, or a problem that is graded."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import nbformat
from jinja2 import Environment, PackageLoader, StrictUndefined

from verify.classroom.handout.lesson_making import Kit
from verify.errors import BadInput
from verify.grading.assignment import NUMBERED_LINES, Assignment
from verify.grading.lesson_assignment import AnyAssignment, LessonAssignment, PartsAssignment
from verify.lessons.network.cases.terms import forward_formula, loss_formula
from verify.lessons.registry import lesson_of
from verify.problems.headings import in_english, titles
from verify.problems.lines import STEP, Place, place
from verify.problems.written import PENALTIES

SELF_CHECK = Path(__file__).with_name("selfcheck.py")
_TASK = re.compile(r"^TASK = \{.*?^\}  # fmt: skip$", re.MULTILINE | re.DOTALL)
_ASKED = (
    "convention", "backend", "activations", "output", "loss", "layers", "widths", "inputs", "outputs", "batch",
    "biases", "l2",
)  # fmt: skip


@dataclass(frozen=True)
class Argument:
    """One argument: what it is, and its shape."""

    name: str
    meaning: str
    shape: str = ""


@dataclass(frozen=True)
class Function:
    """A function to fill in. required: without it the submission is incomplete. points: 0 where it earns none."""

    name: str
    takes: str
    returns: str
    says: str
    points: float
    required: bool
    places: tuple[str, ...]


def make(folder: Path, asked: AnyAssignment) -> list[Path]:
    """The files, written into a folder; returns them. Raises BadInput for an assignment that has no hand-out."""
    if isinstance(asked, PartsAssignment):
        return _of_parts(folder, asked)
    if asked.adapter.name:
        raise BadInput(
            f"adapter = {asked.adapter.name}: has no hand-out, which is for the form that is graded without one; "
            "allowed is an assignment without an adapter"
        )
    program = asked.program if asked.program.endswith(".py") else "submission.py"
    notebook = Path(asked.program or program).with_suffix(".ipynb").name
    names = {"program": program, "notebook": notebook}
    texts = _of_network(asked, names) if isinstance(asked, Assignment) else _of_lesson(asked, names)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in texts]


def _of_parts(folder: Path, asked: PartsAssignment) -> list[Path]:
    """A folder for each part, whose program has the part's name, and a page that says what they are worth."""
    rows = []
    for part in asked.parts:
        inner = folder / part.name
        inner.mkdir()
        program = part.asked.program or f"{part.name.replace('-', '_')}.py"
        alone = msgspec.structs.replace(
            part.asked, name=f"{asked.name or 'Homework'}: {part.name}", due=asked.due, late=asked.late,
            show=asked.show, program=program,
        )  # fmt: skip
        make(inner, alone)
        title = "A network" if isinstance(alone, Assignment) else lesson_of(alone).title
        rows.append((part.name, program, title, asked.worth(part) * part.asked.points.total))
    page = folder / "STUDENT.md"
    about = _of_course(asked) | {"title": asked.name or "Homework", "rows": rows}
    page.write_text(_TEMPLATES.get_template("parts.md.j2").render(about), encoding="utf-8")
    return [page, *(folder / part.name for part in asked.parts)]


def _of_network(asked: Assignment, names: dict[str, str]) -> dict[str, str]:
    about = _of_course(asked) | context(asked) | names
    starter = _TEMPLATES.get_template("starter.py.j2").render(about)
    return {
        "STUDENT.md": _TEMPLATES.get_template("STUDENT.md.j2").render(about),
        names["program"]: starter,
        names["notebook"]: _notebook(starter, "check(gradients, loss)"),
        "selfcheck.py": self_check(asked),
    }


def _of_lesson(asked: LessonAssignment, names: dict[str, str]) -> dict[str, str]:
    kit = Kit(lesson_of(asked), asked)
    about = _of_course(asked) | kit.context() | names
    starter = _TEMPLATES.get_template("lesson.py.j2").render(about)
    return {
        "STUDENT.md": _TEMPLATES.get_template("lesson.md.j2").render(about),
        names["program"]: starter,
        names["notebook"]: _notebook(starter, "check(globals())"),
        "selfcheck.py": kit.self_check(names["program"]),
    }


def self_check(asked: Assignment) -> str:
    """The self-check with this assignment's shapes in it."""
    values = {"program": asked.program or "submission.py"} | {name: getattr(asked, name) for name in _ASKED}
    plain = {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}
    lines = "".join(f"    {key!r}: {value!r},\n".replace("'", '"') for key, value in plain.items())
    return _TASK.sub(lambda _: f"TASK = {{\n{lines}}}", SELF_CHECK.read_text(encoding="utf-8"))


# What the templates say ----------------------------------------------------------------------------------------------


def context(asked: Assignment) -> dict[str, Any]:
    """What STUDENT.md and the starter need to know."""
    columns = asked.convention == "columns"
    return {
        "title": asked.name or "Backpropagation by hand",
        "arguments": _arguments(asked, columns),
        "functions": _functions(asked, columns),
        "formulas": [forward_formula(name, asked.activation) for name in asked.activations],
        "output": forward_formula(asked.output, asked.activation) if asked.output != "softmax" else "",
        "loss": f"{asked.loss}: {loss_formula(asked.loss, asked.losses)}",
        "penalty": PENALTIES[asked.penalty].added,
        "lines": _lines(asked, columns),
        "decks": sorted({deck for kind in NUMBERED_LINES for deck in (place(f"{kind}1", columns=columns).deck,)}),
        "titles": titles(),
    }


def _of_course(asked: AnyAssignment) -> dict[str, Any]:
    """What the pages of all lessons say."""
    return {
        "a": asked,
        "due": datetime.fromisoformat(asked.due).strftime("%Y-%m-%d %H:%M %z") if asked.due else "",
        "weights": _weights(asked),
        "shown": {"before": _shown(asked.show.before), "after": _shown(asked.show.after)},
        "offered": ", ".join(_offered(asked)),
        "files": list(asked.files.contents),
        "range": _range,
    }


def _offered(asked: AnyAssignment) -> list[str]:
    return [*(["PyTorch"] if asked.backend == "torch" else []), "NumPy", "matplotlib", *asked.packages]


def _range(pair: tuple[int, int]) -> str:
    return str(pair[0]) if pair[0] == pair[1] else f"{pair[0]} to {pair[1]}"


def _arguments(asked: Assignment, columns: bool) -> list[Argument]:
    kind = "tensors" if asked.backend == "torch" else "arrays"
    b = "the biases" if asked.biases else "zeros: this network has no biases, and db is not looked at"
    names = ", ".join(f'"{name}"' for name in asked.activations)
    return [
        Argument("W", f"list of {kind}, one per layer, W(1) first", "(out, in) each" if columns else "(in, out) each"),
        Argument("b", f"list of {kind}: {b}", "(out, 1) each" if columns else "(out,) each"),
        Argument("x", f"the batch, one sample per {'column' if columns else 'row'}", "(D, N)" if columns else "(N, D)"),
        Argument("t", "the target", "(K, N)" if columns else "(N, K)"),
        Argument("activation", f"of all hidden layers: {names}"),
        Argument(
            "lam", f"λ of the penalty {PENALTIES[asked.penalty].added}" + ("" if asked.l2 else ", always 0"), "a number"
        ),
    ]


def _functions(asked: Assignment, columns: bool) -> list[Function]:
    points, cited = (
        asked.points,
        lambda *kinds: tuple(dict.fromkeys(_cited(place(kind, columns=columns)) for kind in kinds)),
    )
    y = "y, " + ("(K, N)" if columns else "(N, K)")
    return [
        Function("forward", "W, b, x, activation", y, "The output of the network.", points.forward, points.forward > 0,
                 cited("a1", "z1", "y")),
        Function("loss", "W, b, x, t, activation, lam", "E, a number", "The loss with its penalty.", points.loss,
                 points.loss > 0, cited("E")),
        Function("gradients", "W, b, x, t, activation, lam", "dW, db: lists of the shapes of W and b",
                 "The gradients of the loss, worked out by hand.", points.gradients, True,
                 cited("delta1", "dW1", "db1")),
        *([Function("step", "W, b, x, t, activation, lam, eta", "the new W and b", "One step of gradient descent.",
                    points.step, points.step > 0, (_cited(STEP),))] if "step" in asked.asked else []),
    ]  # fmt: skip


def _cited(where: Place) -> str:
    """A place in the slides, in both languages."""
    return f"deck {where.deck} “{where.heading}” ({in_english(where.deck, where.heading)})"


def _lines(asked: Assignment, columns: bool) -> list[tuple[str, str, str]]:
    """The lines that may be returned beside the gradients: name, meaning, shape."""
    shape = "(out, N)" if columns else "(N, out)"
    before, after = ("z", "a") if columns else ("a", "z")
    per = "column" if columns else "row"
    return [
        (f"{before}1, {before}2, …", f"{before}(l), before the activation", shape),
        (f"{after}1, {after}2, …", f"{after}(l), after it; the output’s is y", shape),
        ("y", "the output", "(K, N)" if columns else "(N, K)"),
        ("E", "the loss", "a number"),
        ("delta1, delta2, …", f"δ(l), one {per} per sample, without the 1/N", shape),
    ]


def _weights(asked: AnyAssignment) -> list[str]:
    """The lines with points of their own, which must be handed over."""
    if isinstance(asked, PartsAssignment):
        return []
    return [f"{name} (weight {weight:g})" for name, weight in asked.points.lines.items() if weight > 0]


def _shown(level: str) -> str:
    """What students see, as the rest of "you see …"."""
    told = {
        "nothing": "only that your program was read",
        "states": "your score, and which lines are right",
        "hints": "your score, which lines are right, and what is wrong in words",
    }
    whole = "what is wrong in words, and the smallest case that shows it, worked line by line beside your own values"
    return told.get(level, f"your score, which lines are right, {whole}")


# The notebook --------------------------------------------------------------------------------------------------------


def _notebook(starter: str, call: str) -> str:
    """The starter with a cell for each function, and the self-check at its end."""
    head, *functions = re.split(r"\n\n\n(?=def )", starter.rstrip("\n"))
    docstring, _, imports = head.partition('"""\n\n')
    made = [
        nbformat.v4.new_markdown_cell(docstring.removeprefix('"""')),
        *(nbformat.v4.new_code_cell(text) for text in (imports, *functions)),
        nbformat.v4.new_markdown_cell("Check your own gradients; take this cell out, or leave it: it costs nothing."),
        nbformat.v4.new_code_cell(f"from selfcheck import check\n\n{call}"),
    ]
    for at, cell in enumerate(made):
        cell["id"] = f"cell-{at}"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook = nbformat.v4.new_notebook(
        cells=made, metadata={"kernelspec": kernel, "language_info": {"name": "python"}}
    )
    return nbformat.writes(notebook) + "\n"


_TEMPLATES = Environment(
    loader=PackageLoader("verify.classroom.handout"), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    keep_trailing_newline=True, autoescape=False,
)  # fmt: skip
