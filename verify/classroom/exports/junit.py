"""junit.xml: a suite per submission and a case per line, as pytest's own schema (xunit2) has them."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from verify.classroom.class_record import MISSING, ClassRecord, Student
from verify.classroom.exports.tables import titled
from verify.classroom.gradebook import write_whole
from verify.grading.lesson_assignment import AnyAssignment
from verify.grading.record import GradeRecord, LineRecord, decode
from verify.grading.shown import WITHHELD, level, shown_as
from verify.plain import visible

_COUNTED = {"failures": "failure", "errors": "error", "skipped": "skipped"}


def write_junit(record: ClassRecord, folder: Path, asked: AnyAssignment) -> None:
    """junit.xml."""
    shown = level(asked)
    root = Element("testsuites", name=_text(titled(record)))
    for student in record.students:
        if student.state == MISSING:
            _missing(root, student)
        else:
            _suite(root, student, shown_as(decode((folder / student.file).read_bytes()), shown))
    write_whole(folder / "junit.xml", ElementTree.tostring(root, "utf-8", xml_declaration=True) + b"\n")


def _suite(root: Element, student: Student, graded: GradeRecord) -> None:
    name = _text(student.submission)
    suite = SubElement(root, "testsuite", name=name)
    properties = SubElement(suite, "properties")
    final = {} if graded.state == WITHHELD else {"score": graded.score, "final": student.final}
    about = {"state": graded.state, **final, "max_score": graded.max_score, "name": student.name, "id": student.id}
    for key, value in about.items():
        SubElement(properties, "property", name=key, value="" if value is None else _text(str(value)))
    _state(SubElement(suite, "testcase", classname=name, name="state", time=_seconds(graded)), graded)
    for line in graded.lines:
        case = SubElement(suite, "testcase", classname=f"{name}.{line.function}", name=line.name, time="0.000")
        _line(case, line)
    _count(suite)


def _missing(root: Element, student: Student) -> None:
    suite = SubElement(root, "testsuite", name=_text(student.name))
    case = SubElement(suite, "testcase", classname=_text(student.name), name="state", time="0.000")
    SubElement(case, "skipped", type=MISSING, message=student.message)
    _count(suite)


def _count(suite: Element) -> None:
    suite.set("tests", str(len(suite.findall("testcase"))))
    for attribute, tag in _COUNTED.items():
        suite.set(attribute, str(len(suite.findall(f"testcase/{tag}"))))


def _seconds(graded: GradeRecord) -> str:
    return f"{graded.timings.get('seconds', 0.0):.3f}"


def _state(case: Element, graded: GradeRecord) -> None:
    if graded.state == "correct":
        return
    tag = {"grader-error": "error", "undecided": "skipped", WITHHELD: "skipped"}.get(graded.state, "failure")
    told = SubElement(case, tag, type=graded.state, message=_text(graded.message))
    told.text = "\n".join(_text(finding.says) for finding in graded.diagnosis)


def _line(case: Element, line: LineRecord) -> None:
    if line.state in ("blocked", "undecided", "absent"):
        SubElement(case, "skipped", type=line.state, message=_text(line.reason))
    elif line.state != "right":
        SubElement(case, "failure", type=line.carried_forward or line.state, message=_text(line.reason))


def _text(text: str) -> str:
    """A text without what XML cannot hold."""
    return visible(text)
