"""Write docs/mistakes/: a page per mistake of the catalogue in English and Chinese, and an index.

Each page has the wrong and the right line, and the smallest problem of the ladder that shows the mistake, worked line
by line with the wrong program's values beside it. What shows from one call to the next, or in the form of the answer
alone, has a line of Python in place of that. Exit code 1, with --check, where a page is out of date.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import NamedTuple

from verify.commands.command_line import has_only
from verify.grading.answers import Answer
from verify.grading.assignment import Assignment
from verify.grading.record import Counterexample, GradeRecord
from verify.language import by_key, speaking, tr
from verify.lessons.network.cases.counterexample import counterexample
from verify.lessons.network.cases.fixtures import Case, Fixture, mistaken, shows
from verify.lessons.network.cases.ladder import ladder
from verify.lessons.network.mistake import Mistake, Variant
from verify.lessons.network.mistakes import CATALOGUE
from verify.lessons.network.texts import TEXTS
from verify.lessons.network.words import Words
from verify.problems.choices import ACTIVATIONS, PAIRS
from verify.problems.lines import place
from verify.problems.written import PENALTIES
from verify.reports import spoken
from verify.reports.graded_terminal import case_text

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "mistakes"
WIDTH = 80
# What a line of Python shows better than numbers do: wrong, right.
CODE = {
    "step-sign": ("W[l] + eta * dW[l]", "W[l] - eta * dW[l]"),
    "step-repeated": ("for n in range(N): W[l] = W[l] - eta * dW[l]", "W[l] = W[l] - eta * dW[l]"),
    "step-without-weights": ("return -eta * dW[l]", "return W[l] - eta * dW[l]"),
    "step-gradients-exchanged": ("W[l] - eta * db[l], b[l] - eta * dW[l]", "W[l] - eta * dW[l], b[l] - eta * db[l]"),
    "inputs-mutated": ("x -= x.mean()", "x = x - x.mean()"),
    "cache-stale": ("if not cache: cache.extend(forward(W, b, x))", "cache = forward(W, b, x)"),
    "gradients-accumulated": ("dW[l] += z[l].T @ delta", "dW[l] = z[l].T @ delta"),
    "precision-float32": ("delta = (y - t).astype(np.float32)", "delta = y - t"),
    "integer-arrays": ("dW = [np.zeros(V.shape, dtype=int) for V in W]", "dW = [np.zeros(V.shape) for V in W]"),
    "softmax-overflow": ("np.exp(a)", "np.exp(a - a.max(axis=1, keepdims=True))"),
    "activation-clipped": ("z = np.exp(np.minimum(a, 5))", "z = np.exp(a)"),
    "bend-shifted": ("(a > 1e-3) * 1.0", "(a > 0) * 1.0"),
    "scores-clipped": ("y = softmax(np.clip(a, -10, 10))", "y = softmax(a)"),
    "activation-ignored": ("z = np.tanh(a)", "z = functions[activation](a)"),
    "constant-of-another-library": ("np.where(a > 0, a, 0.2 * a)", "np.where(a > 0, a, 0.01 * a)"),
    "straight-softplus": ("np.where(a > 20, a, np.log1p(np.exp(a)))", "np.logaddexp(0, a)"),
    "probability-clipped": ("delta = np.clip(y, 1e-7, 1 - 1e-7) - t", "delta = y - t"),
    "epsilon-in-denominator": ("y = e / (e.sum(axis=1, keepdims=True) + 1e-8)", "y = e / e.sum(axis=1, keepdims=True)"),
    "epsilon-in-log": ("E = -np.sum(t * np.log(y + 1e-8)) / N", "E = -np.sum(t * log_softmax(a)) / N"),
    "gradient-clipped": ("dW[l] = np.clip(dW[l], -1, 1)", "return dW[l]"),
    "bias-axis-kept": ("db = delta.mean(axis=0, keepdims=True)", "db = delta.mean(axis=0)"),
    "forward-biases-missing": ("a = z @ W[l]", "a = z @ W[l] + b[l]"),
    "gradients-exchanged": ("return db, dW", "return dW, db"),
    "weight-gradients-transposed": ("dW[l] = (z[l].T @ delta / N).T", "dW[l] = z[l].T @ delta / N"),
    "reversed-lists": ("dW.append(gradient)  # l = L, …, 1", "dW.insert(0, gradient)  # l = L, …, 1"),
    "arrays-the-other-way-round": ("a = W[l] @ z + b[l]", "a = z @ W[l] + b[l]"),
    "layers-hard-coded": ("for l in (2, 1, 0):", "for l in reversed(range(len(W))):"),
}


class Found(NamedTuple):
    """The assignment under which a mistake shows, and its smallest case as a report prints it."""

    assignment: Assignment
    case: str


def pages() -> Iterator[tuple[str, str]]:
    """Name and text of every page, the index first."""
    yield "README.md", index()
    for mistake in CATALOGUE.values():
        yield f"{mistake.id}.md", page(mistake)


def index() -> str:
    """The page that lists them all."""
    rows = [f"| [{m.id}]({m.id}.md) | {_cell(said(m, 'en'))} | {_cell(said(m, 'zh'))} |" for m in CATALOGUE.values()]
    about = (
        f"The {len(rows)} mistakes of the network's catalogue. Where two give the same numbers, the one that stands "
        "first is named. `scripts/mistakes.py` writes these pages; [docs/DIAGNOSIS.md](../DIAGNOSIS.md) says when a "
        "mistake is named."
    )
    table = "\n".join(["| mistake | what it is | 说明 |", "| --- | --- | --- |", *rows])
    return f"# Mistakes\n\n{about}\n\n{table}\n"


def page(mistake: Mistake) -> str:
    """A mistake's page."""
    found = None if mistake.id in CODE else smallest(mistake)
    parts = [f"# {mistake.id}", *_in("en", mistake, found), *_in("zh", mistake, found)]
    if found is not None:
        parts += ["## The smallest case · 最小例子", f"```text\n{found.case}\n```"]
    return "\n\n".join([*parts, "[All mistakes · 所有错误](README.md)"]) + "\n"


def _in(language: str, mistake: Mistake, found: Found | None) -> list[str]:
    """What one language says of it: the text, the two lines, where the slides have the right one, its forms."""
    with speaking(language):
        words = Words.of(found.assignment if found else Assignment())
        wrong, right = (tr("wrong"), tr("right"))
        code = CODE.get(mistake.id)
        rows = [(wrong, mistake.wrong), (right, mistake.right)]
        lines = [f"| {name} | {_code(spoken.formula(words.text(text)))} |" for name, text in rows]
        lines += [f"| {name} | {_code(text)} |" for name, text in zip((wrong, right), code or (), strict=False)]
        forms = [_said(language, f"form-{mistake.id}-{v.at}", words) for v in mistake.variants if v.form and not v.says]
        where = spoken.place(str(place(_line(mistake)))) if _line(mistake) else ""
        return [
            *(["## 中文"] if language == "zh" else []),
            said(mistake, language, words),
            "\n".join(["| | |", "| --- | --- |", *lines]),
            *([where] if where else []),
            *(["\n".join(f"- {text}" for text in forms)] if forms else []),
        ]


def said(mistake: Mistake, language: str, words: Words | None = None) -> str:
    """What a report says of it."""
    return _said(language, f"mistake-{mistake.id}", words or Words.of(Assignment()))


def _said(language: str, key: str, words: Words) -> str:
    with speaking(language):
        return spoken.formula(words.text(by_key("lesson", key) or TEXTS[key]))


_LINES = {"delta output": "delta2", "delta below": "delta1", "dW": "dW1", "db": "db1", "y": "y", "E": "E", "z": "z1"}


def _line(mistake: Mistake) -> str:
    """A line whose equation the mistake replaces."""
    return next((_LINES[kind] for kind in mistake.kinds if kind in _LINES), "")


def _code(text: str) -> str:
    return f"`{text}`".replace("|", "\\|")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


# The smallest case ---------------------------------------------------------------------------------------------------


def smallest(mistake: Mistake) -> Found | None:
    """The first rung that shows the mistake, of the first form that any shows; None where none does."""
    for variant in mistake.variants:
        for assignment in _assignments(variant):
            for problem in ladder(assignment, 0):
                case = Case(problem, "rung")
                lines = mistaken(variant, case)
                if lines is not None and shows(variant, case, assignment):
                    worked = counterexample(Fixture(assignment, (case,)), [Answer(lines)])
                    if worked is not None:
                        return Found(assignment, _text(worked))
    return None


def _text(worked: Counterexample) -> str:
    return case_text(GradeRecord(submission="", state="wrong", counterexample=worked), WIDTH)


def _assignments(variant: Variant) -> Iterator[Assignment]:
    """The assignments that the form concerns, the commonest first."""
    for activation, pair, penalty in product(_ACTIVATIONS, _PAIRS, PENALTIES):
        if variant.concerns(activation, *pair, penalty):
            yield Assignment(activations=(activation,), output=pair[0], loss=pair[1], penalty=penalty)


_COMMON = ("tanh", "relu", "sigmoid")
_ACTIVATIONS = (*_COMMON, *(name for name in ACTIVATIONS if name not in _COMMON))
_OUTPUTS = ("sigmoid", "softmax", "identity")
_PAIRS = sorted(
    ((output, loss) for loss, outputs in PAIRS.items() for output in outputs if output in _OUTPUTS),
    key=lambda pair: (pair[1] != "cross-entropy", pair[1] != "squared-error", _OUTPUTS.index(pair[0])),
)


def main() -> int:
    """Write the pages, or say which are out of date."""
    only_check = has_only("--check")
    wanted = dict(pages())
    stale = [name for name, text in wanted.items() if not _is_current(FOLDER / name, text)]
    stale += [path.name for path in FOLDER.glob("*.md") if path.name not in wanted]
    if only_check:
        print(*(f"{FOLDER / name}: out of date; scripts/mistakes.py writes it" for name in stale), sep="\n", end="")
        return 1 if stale else 0
    FOLDER.mkdir(exist_ok=True)
    for path in FOLDER.glob("*.md"):
        path.unlink()
    for name, text in wanted.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    return 0


def _is_current(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main())
