"""Whose the records of a class are, over all its runs: from the course system's names, and from the class list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from verify.classroom.class_record import MISSING, Origin, Student, origins_in, students_of
from verify.classroom.gradebook import Row
from verify.classroom.roster import Member, Roster
from verify.grading.course import days_late
from verify.grading.lesson_assignment import AnyAssignment
from verify.submissions.people import Person
from verify.submissions.reading import Entry
from verify.submissions.submission import shown

_NOTHING = "Nothing was handed in."


class People:
    """The people of a class. roster: the class list, if there is one. doubts: one line for each."""

    def __init__(self, roster: Roster | None) -> None:
        self.roster = roster
        self.doubts: list[str] = []
        self._members: Mapping[str, tuple[Member | None, ...]] = {}
        self._origins: dict[str, list[Origin]] = {}

    def call(self, entries: Sequence[Entry]) -> list[Entry]:
        """The entries that are graded: of each member of the list the newest."""
        if self.roster is None:
            return [*entries]
        called = self.roster.call(entries)
        self.doubts, self._members = called.said, called.members
        return called.entries

    def know(self, stems: Mapping[str, str], entries: Iterable[Entry], earlier: bytes) -> None:
        """Whose each record is: those of earlier runs, as their summary says it, and this run's."""
        self._origins = {file: [*map(self._listed, told)] for file, told in origins_in(earlier).items()}
        for entry in entries:
            file = f"{stems[entry.name]}.json"
            self._origins[file] = [self._origin(file, entry, *pair) for pair in self._pairs(entry)]

    def _pairs(self, entry: Entry) -> list[tuple[Person, Member | None]]:
        """Who handed an entry in; a member whose newest is another entry is not among them."""
        if entry.name not in self._members:
            return [(person, None) for person in entry.people]
        assert self.roster is not None
        theirs = self._members[entry.name]
        pairs = [(person, self.roster.find(person)) for person in entry.people]
        found = [(person, member if member in theirs else None) for person, member in pairs]
        return [pair for pair in found if pair[1] is not None or None in theirs]

    def _listed(self, origin: Origin) -> Origin:
        """An earlier record's person as the list has that one."""
        found = self.roster.find(Person(origin.name, origin.id, email=origin.email)) if self.roster else None
        return origin if found is None else _of_member(origin, found)

    @staticmethod
    def _origin(file: str, entry: Entry, who: Person, member: Member | None) -> Origin:
        plain = Origin(
            file, shown(entry.origin), shown(who.name), who.id, who.late, email=shown(who.email),
            submitted=who.submitted,
        )  # fmt: skip
        return plain if member is None else _of_member(plain, member)

    def replaced(self, stems: Iterable[str], rows: Mapping[str, Row]) -> list[str]:
        """The records of earlier runs whose people all have another one from this run."""
        here = set(stems)
        now = {who for stem in here for origin in self._origins.get(f"{stem}.json", ()) if (who := _who(origin))}
        return sorted(
            stem
            for stem in rows.keys() - here
            if (told := self._origins.get(f"{stem}.json")) and all(_who(origin) in now for origin in told)
        )

    def students(self, rows: Mapping[str, Row], assignment: AnyAssignment) -> list[Student]:
        """Everybody's row, and one for each member of the list who handed in nothing."""

        def lateness(origin: Origin) -> tuple[int, float]:
            days = days_late(origin.submitted, assignment.due, assignment.late, marked=origin.late)
            return days, assignment.late.lost(days)

        found = students_of(rows, self._origins, lateness)
        there = {(student.number, student.name) for student in found}
        absent = [m for m in self.roster.members if (m.number, m.called) not in there] if self.roster else []
        return [*found, *(_missing(member, assignment.points.total) for member in absent)]


def _who(origin: Origin) -> tuple[str, str] | None:
    """What tells a person in two runs; None where only a file's name does."""
    return (origin.number or origin.id, origin.name) if origin.number or origin.id else None


def _of_member(origin: Origin, member: Member) -> Origin:
    return msgspec.structs.replace(
        origin, name=member.called, number=member.number, group=member.group, email=member.email or origin.email,
        login=member.login, id=origin.id or member.system,
    )  # fmt: skip


def _missing(member: Member, most: float) -> Student:
    return Student(
        "", MISSING, None, most, None, [], _NOTHING, "", name=member.called, id=member.system, number=member.number,
        group=member.group, email=member.email, login=member.login,
    )  # fmt: skip
