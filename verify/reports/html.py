"""The main job's record as one HTML file: nothing to load, light and dark, on paper and on a telephone."""

from __future__ import annotations

from verify.compare_record import CompareRecord
from verify.reports import pages


def render(record: CompareRecord) -> str:
    """The report as a page of its own."""
    return pages.HTML.get_template("compare.html.j2").render(pages.compare_context(record))
