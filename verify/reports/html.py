"""The main job's record as one HTML file: nothing to load, light and dark, on paper and on a telephone."""

from __future__ import annotations

from verify.reports import main_pictures, pages
from verify.reports.texts import say
from verify.witnesses.record import CompareRecord


def render(record: CompareRecord) -> str:
    """The report as a page of its own."""
    return pages.HTML.get_template("compare.html.j2").render(
        pages.compare_context(record), say=say, histogram=main_pictures.histogram, grid=main_pictures.grid(record),
        limits=main_pictures.limits(record), curve=main_pictures.curve(record),
    )  # fmt: skip
