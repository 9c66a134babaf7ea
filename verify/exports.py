"""A class in the formats of other systems."""

from __future__ import annotations

from pathlib import Path

from verify.class_record import ClassRecord

FORMATS = ("gradescope", "canvas", "nbgrader")


def export(name: str, record: ClassRecord, folder: Path) -> None:
    """Writes the class in that format into the gradebook's folder."""
