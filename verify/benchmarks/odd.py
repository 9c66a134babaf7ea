"""Odd answers and damaged files, drawn: what the grader must take without a word of its own.

`odd`: how many answers are sorted, and files read, with anything else than a value or one reason that is told.
"""

from __future__ import annotations

import io
import json
import random
import tarfile
import tempfile
import traceback
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from verify.benchmarks.tables import Settings, Table, none_of
from verify.grading.answers import gradients_answer
from verify.isolation.inside.codec import Decoder, Encoder
from verify.submissions.reading import Entry, read_entry
from verify.submissions.submission import Ungradable

_MOST = 1 << 20
_PROGRAM = "import numpy as np\n\ndef gradients(W, b, x, t, activation, lam):\n    return W, b\n"
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
    encoder = Encoder(_MOST)
    structure = json.loads(json.dumps(encoder.encode(value)))
    received = Decoder(b"".join(encoder.buffers)).decode(structure)
    return gradients_answer(received, 2, columns=columns, biases=biases).returned


# Files ---------------------------------------------------------------------------------------------------------------


def good_files() -> dict[str, bytes]:
    """Name -> a submission of that form, as it should be."""
    files = {"submission.py": _PROGRAM, "data/数据.txt": "1"}
    tars = {f"hw.tar{suffix}": _tarred(files, mode) for suffix, mode in (("", "w"), (".gz", "w:gz"), (".xz", "w:xz"))}
    text = f"---\ntitle: hw\n---\n\n```{{python}}\n{_PROGRAM}```\n"
    return tars | {
        "hw.zip": _zipped(files),
        "hw.py": _PROGRAM.encode(),
        "hw.ipynb": json.dumps(_notebook()).encode(),
        "hw.qmd": text.encode(),
    }


def _notebook() -> dict[str, Any]:
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": ["# hw\n"]},
        {"cell_type": "code", "metadata": {}, "execution_count": 1, "outputs": [], "source": _PROGRAM.splitlines(True)},
        {"cell_type": "code", "metadata": {}, "execution_count": 2, "outputs": [], "source": "%time x = 1\n!ls"},
    ]
    return {"nbformat": 4, "nbformat_minor": 4, "metadata": {"kernelspec": {"name": "python3"}}, "cells": cells}


def _zipped(files: Mapping[str, str]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return packed.getvalue()


def _tarred(files: Mapping[str, str], mode: Any) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=mode) as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return packed.getvalue()


def damaged(chance: random.Random) -> Iterator[tuple[str, bytes]]:
    """Without end: a file's name and content, damaged as bytes, or, a notebook, as JSON."""
    good = good_files()
    while True:
        name, content = chance.choice([*good.items()])
        if name.endswith(".ipynb") and chance.random() < 0.7:
            yield name, json.dumps(_changed(chance, json.loads(content))).encode()
        else:
            yield name, _bitten(chance, content)


def _bitten(chance: random.Random, content: bytes) -> bytes:
    data = bytearray(content)
    for _ in range(chance.randint(1, 6)):
        start, length = chance.randrange(len(data) + 1), chance.choice([0, 1, 1, 2, 8, 100])
        data[start : start + length] = chance.choice([
            chance.randbytes(length), b"", bytes(length), b"\xff" * length, bytes(data[:length]),
        ])  # fmt: skip
    return bytes(data[: chance.randrange(len(data) + 1)]) if chance.random() < 0.1 else bytes(data)


def _changed(chance: random.Random, value: Any) -> Any:
    """JSON with some of its values gone, doubled or replaced."""
    if chance.random() < 0.06:
        odd = [None, True, -1, 1e308, "", "\ud800", [], [[]], {}, {"cells": []}, "x" * 100, [None], "\0", "%%", "!"]
        return chance.choice(odd)
    if isinstance(value, dict):
        return {key: _changed(chance, entry) for key, entry in value.items() if chance.random() > 0.04}
    if isinstance(value, list):
        kept = [_changed(chance, entry) for entry in value if chance.random() > 0.04]
        return kept + kept[: chance.random() < 0.05]
    return value


def read_file(folder: Path, name: str, content: bytes) -> bool:
    """Writes a file and reads it as a submission; whether it is one."""
    path = folder / name
    path.write_bytes(content)
    try:
        read_entry(Entry(name, path, ()))
    except Ungradable:
        return False
    return True


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


def odd_table(settings: Settings) -> Table:
    """Odd answers and damaged files, and what of them was met with an exception."""
    answers, files = (1000, 300) if settings.quick else (100_000, 10_000)
    counts = {"odd answers": count_answers(settings.seed, answers), "damaged files": count_files(settings.seed, files)}
    rows = [(name, f"{c.cases:,}", f"{c.taken:,}", str(len(c.failures))) for name, c in counts.items()]
    notes = [c.failures[0] for c in counts.values() if c.failures]
    record = {name: {"cases": c.cases, "taken": c.taken, "failures": c.failures[:20]} for name, c in counts.items()}
    goals = [none_of(f"exceptions at {c.cases:,} {name}", len(c.failures)) for name, c in counts.items()]
    columns = ("", "cases", "taken as they are", "exceptions")
    return Table("odd", "Odd answers and damaged files", columns, rows, notes, record, goals)
