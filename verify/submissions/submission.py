"""What a student handed in, once it was read: a program, and the names that it goes by. Nothing of it runs here."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field

# Leaves room for ".json" and a temporary suffix in the 255 bytes of a file name.
MAX_NAME_BYTES = 200


class Ungradable(Exception):
    """A submission that cannot be read as Python: the reason and the place, in one line."""


@dataclass(frozen=True)
class Part:
    """A cell of a notebook, or a block of Python in a text, which is run by itself.

    first_line: in the submission's source. text: as Python. number: the cell's among the code cells, from 1; 0 where
    the student sees one text with lines that count through.
    """

    first_line: int
    text: str
    number: int = 0


@dataclass(frozen=True)
class Submission:
    """One student's program, ready to be run.

    name: the entry's own name (alice.py, stray.zip, the folder shadow), never the file inside.
    source: the program's text; of a notebook its cells joined. parts: what of it is run, one after the other; none
    where it is a script.
    entry: the path of the program inside the submission. files: the small files beside it, by path.
    notes: what the student should know of how it was read. adapter, needs: the instructor's program that gives this
    one the form that is graded, and the name that it uses. digest: hex SHA-256 of entry, source, parts and files.
    """

    name: str
    source: str
    entry: str
    files: Mapping[str, bytes] = field(default_factory=dict)
    parts: tuple[Part, ...] = ()
    notes: tuple[str, ...] = ()
    adapter: str = ""
    needs: str = ""
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        texts = [self.entry.encode(errors="surrogateescape"), self.source.encode(errors="surrogatepass")]
        for path in sorted(self.files):
            texts += [path.encode(errors="surrogateescape"), self.files[path]]
        for part in self.parts:
            texts += [str(part.first_line).encode(), part.text.encode(errors="surrogatepass")]
        state = hashlib.sha256()
        for text in texts:
            state.update(len(text).to_bytes(8, "big") + text)
        object.__setattr__(self, "digest", state.hexdigest())

    def place(self, line: int | None) -> str:
        """Where a line of `source` stands for the student: "line 12", or "cell 3, line 2" of a notebook."""
        if line is None:
            return "no line"
        before = [part for part in self.parts if part.first_line <= line]
        if not before or not before[-1].number:
            return f"line {line}"
        return f"cell {before[-1].number}, line {line - before[-1].first_line + 1}"


# Names ---------------------------------------------------------------------------------------------------------------


# What GitHub's and Azure's runners obey when a program prints it: ::command, ##[command] and ##vso[command].
_COMMAND = re.compile(r"^(\s*:):|(#)#(?=\[|vso\[)", re.MULTILINE | re.IGNORECASE)


def shown(text: str, most: int = 400) -> str:
    """A text from outside in one line of printable characters, cut to `most` of them, that no runner obeys."""
    line = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text[: most + 1])
    return no_command(line if len(line) <= most else line[: most - 3] + "...")


def no_command(text: str) -> str:
    """A text with a space in whatever a runner of workflows would take for a command."""
    return (
        _COMMAND.sub(lambda found: f"{found[1]} :" if found[1] else "# #", text)
        if "::" in text or "##" in text
        else text
    )


def typed(name: str) -> str:
    """A name as one can type it after a command: one that begins with - would be an option."""
    return f"./{name}" if name.startswith("-") else name


def folded(name: str) -> str:
    """A name as file systems compare it that ignore case and how letters are composed."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def safe_name(name: str) -> str:
    """A name that can be a file's on any disk: no separators or control characters, bounded; any script is kept."""
    decoded = name.encode(errors="surrogateescape").decode(errors="replace")
    clean = "".join(letter if letter.isprintable() and letter not in '/\\:*?"<>|' else "_" for letter in decoded)
    clean = clean.strip(" ") or "_"
    if clean in (".", ".."):
        clean = "_" * len(clean)
    if len(clean.encode()) <= MAX_NAME_BYTES:
        return clean
    stem, suffix = split_suffix(clean)
    mark = "~" + hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()[:8]
    room = MAX_NAME_BYTES - len((mark + suffix).encode())
    return stem.encode()[:room].decode(errors="ignore") + mark + suffix


def split_suffix(name: str) -> tuple[str, str]:
    """A name before and from its ending, where that is one of a submission: alice and .tar.gz."""
    match = re.search(r"(\.tar)?\.[A-Za-z0-9]{1,8}$", name)
    return (name[: match.start()], match.group()) if match and match.start() else (name, "")
