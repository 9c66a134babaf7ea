"""Which of several programs that lie side by side is graded, and what its author is told of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from verify.submissions.programs import binding, is_program, is_text, most_bytes, of_other_parts, program, sought
from verify.submissions.submission import Submission
from verify.submissions.unpacking import Member, Unreadable, is_archive

MOST_CANDIDATES = 50
# Never the program itself, where another candidate is there.
_HELPERS = frozenset({"__init__.py", "conftest.py", "setup.py", "sitecustomize.py", "usercustomize.py"})


def entry(members: Sequence[Member], wanted: str) -> tuple[Member, tuple[str, ...]]:
    """The program to enter, and what to say of the choice.

    wanted: the name that the assignment gives it, or "", or a part's name, which a file may have. Else the topmost
    submission.py, the only program, the notebook of a pair, or the one that defines what is graded. Raises Unreadable.
    """
    programs = [member for member in members if is_program(member.path)]
    taken = {name for part in of_other_parts() for name in ([part] if "." in part else _called_as(part))}
    programs = [member for member in programs if basename(member.path).casefold() not in taken] or programs
    names = [wanted] if "." in wanted else [*_called_as(wanted), "submission.py", "submission.ipynb"]
    wanted = wanted if "." in wanted else ""
    named = _topmost(programs, names)
    if named is not None:
        return named, ()
    helpers = [member for member in programs if basename(member.path).casefold() in _HELPERS]
    candidates = [member for member in programs if member not in helpers] or helpers
    candidates = candidates or [member for member in members if is_text(member.path)]
    if len(candidates) == 1:
        return candidates[0], _instead(wanted, candidates[0])
    if candidates:
        return _of_several(candidates, wanted)
    archives = [member for member in members if is_archive(member.path)]
    inner = f"; {archives[0].path} inside is an archive, and those are not opened" if archives else ""
    raise Unreadable(f"has no .py file or notebook in it{inner}")


def _called_as(part: str) -> list[str]:
    """The files that a part of an assignment may lie in by their name alone."""
    stems = dict.fromkeys((part, part.replace("-", "_"))) if part else ()
    return [f"{stem.casefold()}{suffix}" for stem in stems for suffix in (".py", ".ipynb")]


def _topmost(programs: Sequence[Member], names: Sequence[str]) -> Member | None:
    """The one program of the first of these names that no other of the name lies above or beside."""
    for name in names:
        named = [member for member in programs if _is_called(member.path, name)]
        top = min((member.path.count("/") for member in named), default=0)
        named = [member for member in named if member.path.count("/") == top]
        if len(named) == 1:
            return named[0]
    return None


def _is_called(path: str, name: str) -> bool:
    return path.casefold() == name.casefold() or basename(path).casefold() == name.casefold()


def _instead(wanted: str, taken: Member) -> tuple[str, ...]:
    """What to say where the program has another name than the assignment asks for."""
    return (f"The assignment asks for {wanted}; {taken.path} was taken, the only program.",) if wanted else ()


def _of_several(candidates: Sequence[Member], wanted: str) -> tuple[Member, tuple[str, ...]]:
    if len(candidates) <= MOST_CANDIDATES:
        found = [(member, binding(read)) for member in candidates if (read := _tried(member)) is not None]
        for kind in ("defined", "imported"):
            binding_so = _without_pairs([member for member, how in found if how == kind])
            if len(binding_so) == 1:
                taken = binding_so[0]
                said = f"Of {len(candidates)} programs {taken.path} was taken, for it defines {sought()}."
                return taken, (*_asked(wanted), said)
            if binding_so:
                break
    names = ", ".join(member.path for member in candidates[:4]) + (", ..." if len(candidates) > 4 else "")
    raise Unreadable(
        f"has {len(candidates)} programs and no single {wanted or 'submission.py'}: {names}; "
        f"give the one that defines {sought()} that name"
    )


def _asked(wanted: str) -> tuple[str, ...]:
    return (f"The assignment asks for {wanted}, and no file has that name.",) if wanted else ()


def _tried(member: Member) -> Submission | None:
    """A candidate as far as it can be read."""
    try:
        return program(member.path, member.path, member_bytes(member, most_bytes(member.path)), {})
    except Unreadable:
        return None


def _without_pairs(members: Sequence[Member]) -> list[Member]:
    """A notebook and the script of the same name are one program in two forms: the notebook stands for both."""
    notebooks = {_stem(member.path) for member in members if member.path.casefold().endswith(".ipynb")}
    return [m for m in members if m.path.casefold().endswith(".ipynb") or _stem(m.path) not in notebooks]


def _stem(path: str) -> str:
    return str(PurePosixPath(path).with_suffix("")).casefold()


def basename(path: str) -> str:
    """The last part of a path in an archive or a folder."""
    return path.rsplit("/", 1)[-1]


def member_bytes(member: Member, most: int) -> bytes:
    """All of a file. Raises Unreadable where it is larger than that."""
    data = member.read(most)
    if len(data) > most:
        raise Unreadable(f"{member.path} is larger than {most >> 20} MiB")
    return data
