"""A made-up course, as each system would have it downloaded: nobody in it is a person, all names are drawn.

People hand in several times, late, or not at all; two of them have one name; strays lie among the files. Each program
says whose it is and which time it is, so that a gradebook can be held against what was handed in.
"""

from __future__ import annotations

import csv
import io
import random
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

DUE = datetime(2026, 11, 20, 22, 59, tzinfo=UTC)
# Four scripts: syllables that names are drawn from, and what stands between first and last name.
_SCRIPTS = {
    "latin": (("an", "bo", "ca", "de", "él", "fi", "gu", "hö", "ir", "jo", "ka", "lu", "mi", "no", "ru"), " "),
    "cyrillic": (("ан", "бо", "ва", "го", "де", "ел", "жи", "за", "їв", "ко", "лю", "ми", "не", "ро"), " "),
    "chinese": (("安", "博", "晨", "丹", "恩", "芳", "国", "海", "佳", "凯", "雷", "梅", "宁", "平"), ""),
    "arabic": (("اب", "بد", "تم", "جم", "حس", "خل", "دل", "رش", "زي", "سم", "عم", "فر", "كر"), " "),
}
_NONE, _LATE, _TWICE = 0.08, 0.1, 0.2


@dataclass(frozen=True)
class Fake:
    """One made-up person. number, system: the university's and the course system's; times: when it was handed in."""

    name: str
    number: str
    system: str
    login: str
    group: str
    times: tuple[datetime, ...]

    @property
    def late(self) -> bool:
        return bool(self.times) and self.times[-1] > DUE

    def source(self, time: int, text: str = "") -> str:
        """The program of one time."""
        return f"# {self.number} {time} of {len(self.times)}\n{text or 'x = 1'}\n"

    @property
    def newest(self) -> str:
        """The first line of what counts; nothing where nothing was handed in."""
        return self.source(len(self.times)).splitlines()[0] if self.times else ""


def people(count: int, seed: int = 0) -> list[Fake]:
    """That many, the last with the name of the first."""
    draw = random.Random(seed)
    found: dict[str, Fake] = {}
    while len(found) < count - 1:
        fake = _drawn(draw, len(found))
        found.setdefault(_squashed(fake.name), fake)
    *others, last = found.values()
    return [*others, last, replace(_drawn(draw, count - 1), name=others[0].name)]


def _drawn(draw: random.Random, at: int) -> Fake:
    syllables, between = _SCRIPTS[[*_SCRIPTS][at % len(_SCRIPTS)]]
    words = ["".join(draw.choices(syllables, k=draw.randint(1, 2) if not between else 3)) for _ in range(2)]
    name = between.join(word.title() for word in words)
    kind = draw.random()
    times = 0 if kind < _NONE else draw.randint(2, 4) if kind > 1 - _TWICE else 1
    last = DUE + timedelta(hours=draw.uniform(1, 60)) if draw.random() < _LATE else DUE - timedelta(hours=1)
    handed = tuple(last - timedelta(hours=back) for back in reversed(range(times)))
    return Fake(name, f"0{5000 + at}", str(70_000 + 7 * at), f"user{at}", "ABC"[at % 3], handed)


def _squashed(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


# The class list, and downloads ---------------------------------------------------------------------------------------

Files = dict[str, str]


def roster(fakes: list[Fake], system: str) -> str:
    """The class list as an instructor exports it from that system."""
    headings = {
        "canvas": ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"],
        "moodle": ["Identifier", "Full name", "ID number", "Email address", "Group"],
    }
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(headings.get(system, ["name", "number", "group", "login", "email"]))
    for fake in fakes:
        mail = f"{fake.login}@uni.example"
        table.writerow({
            "canvas": [fake.name, fake.system, fake.number, fake.login, fake.group],
            "moodle": [f"Participant {fake.system}", fake.name, fake.number, mail, fake.group],
        }.get(system, [fake.name, fake.number, fake.group, fake.login, mail]))  # fmt: skip
    return text.getvalue()


def _moodle(fakes: list[Fake]) -> Files:
    files: Files = {"solution.py": "x = 1\n"}
    for fake in fakes:
        if fake.times:
            files[f"{fake.name}_{fake.system}_assignsubmission_file_/hw3.py"] = fake.source(len(fake.times))
            files[f"{fake.name}_{fake.system}_assignsubmission_onlinetext_/onlinetext.html"] = "<p>see file</p>"
    return files


def _canvas(fakes: list[Fake]) -> Files:
    files: Files = {"rubric.md": "x"}
    for fake in fakes:
        for time, when in enumerate(fake.times, 1):
            late = "_LATE" if when > DUE else ""
            version = f"-{time - 1}" if time > 1 else ""
            name = f"{_squashed(fake.name)}{late}_{fake.system}_{90_000 + 10 * int(fake.system) + time}_hw3{version}.py"
            files[name] = fake.source(time)
    return files


def _gradescope(fakes: list[Fake]) -> Files:
    files: Files = {"solution.py": "x = 1\n"}
    about = "---\n"
    for fake in fakes:
        for time, when in enumerate(fake.times, 1):
            key = f"submission_{int(fake.system) * 10 + 9 - time}"
            about += (
                f"{key}:\n  :submitters:\n  - :name: {fake.name}\n    :sid: '{fake.number}'\n"
                f"    :email: {fake.login}@uni.example\n  :created_at: {when:%Y-%m-%d %H:%M:%S.%f} Z\n"
            )
            files[f"{key}/hw3.py"] = fake.source(time)
    return files | {"submission_metadata.yml": about}


def _nbgrader(fakes: list[Fake]) -> Files:
    return {"readme.txt": "x"} | {
        f"{fake.login}+ps1+{when:%Y-%m-%d %H:%M:%S.%f} UTC/hw3.py": fake.source(time)
        for fake in fakes
        for time, when in enumerate(fake.times, 1)
    }


def _classroom(fakes: list[Fake]) -> Files:
    files: Files = {"notes.md": "x"}
    for fake in fakes:
        if fake.times:
            files[f"hw3-{fake.login}/hw3.py"] = fake.source(len(fake.times))
            files[f"hw3-{fake.login}/README.md"] = "# hw3"
    return files


SYSTEMS: Mapping[str, Callable[[list[Fake]], Files]] = {
    "moodle": _moodle, "canvas": _canvas, "gradescope": _gradescope, "nbgrader": _nbgrader, "classroom": _classroom,
}  # fmt: skip
# Which of them say when, or that it was late.
TIMED = ("canvas", "gradescope", "nbgrader")


def write(
    fakes: list[Fake],
    system: str,
    where: Path,
    *,
    packed: bool = False,
    text: str = "",
    texts: Callable[[str], str] | None = None,
) -> Path:
    """The download of a system as a folder, or as an archive.

    text: what each program is, below its first line; texts: the same by the university's number, of the newest alone.
    """
    root = "hw3-submissions" if system == "classroom" else f"{system}-download"
    of = texts or (lambda number: text)
    files = {
        name: _filled(content, of, newest_alone=texts is not None) for name, content in SYSTEMS[system](fakes).items()
    }
    return put(where / root, files, packed, f"{root}/" if packed else "")


def _filled(content: str, text: Callable[[str], str], *, newest_alone: bool) -> str:
    """A file with the program of whose it is, if it is somebody's."""
    first = content.split("\n")[0].split()
    if first[:1] != ["#"] or len(first) != 5:
        return content
    _, number, time, _, times = first
    return content if newest_alone and time != times else content.replace("x = 1\n", text(number) or "x = 1\n")


def put(where: Path, files: Mapping[str, str], packed: bool, root: str = "") -> Path:
    """Those files in a folder, or in an archive with the folder's name; below root, which ends in a slash. Its path."""
    if packed:
        with zipfile.ZipFile(where.with_suffix(".zip"), "w") as made:
            for name, text in files.items():
                made.writestr(root + name, text)
        return where.with_suffix(".zip")
    for name, text in files.items():
        path = where / root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return where
