"""Programs with one mistake of MISTAKES.md each."""

from collections.abc import Iterator

from .program import Kind, Program
from .styles import STYLES
from .template import Style, edit, seed_of, write


def single_mistakes(forms: int | None = None) -> Iterator[Program]:
    """Every id that a default submission can show by gradients or step, in every style that lends itself to it.

    forms: at most so many ways to write a mistake, for each style and each restriction ("only tanh"), None for all.
    """
    for style in STYLES:
        for mistake, edits in style.mistakes.items():
            seen: dict[str, int] = {}
            for number, one in enumerate(edits):
                seen[one.note] = seen.get(one.note, 0) + 1
                if forms is None or seen[one.note] <= forms:
                    yield _single(style, mistake, number)


def _single(style: Style, mistake: str, number: int) -> Program:
    one = style.mistakes[mistake][number]
    name = f"{mistake}.{style.name}.{number}"
    return Program(name, write(style, (one,), seed_of(name)), (mistake,), style.name, Kind.SINGLE, one.note)


def correct_in(style: Style, seed: int) -> Program:
    name = f"correct.{style.name}.{seed}"
    return Program(name, write(style, (), seed), (), style.name, Kind.CORRECT, right=True)


def altered(
    style: Style,
    kind: Kind,
    name: str,
    note: str,
    *,
    near_to: str | None = None,
    right: bool = False,
    mistakes: tuple[str, ...] = (),
    texts: dict[str, str],
    given: dict[str, str] | None = None,
    plain: tuple[str, ...] = (),
) -> Program:
    """A program of a style with texts in its slots that no mistake of the catalogue stands for."""
    full = f"{kind}.{name}.{style.name}"
    source = write(style, (edit("", given, plain=plain, **texts),), seed_of(full))
    return Program(full, source, mistakes, style.name, kind, note, near_to=near_to, right=right)
