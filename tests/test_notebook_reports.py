"""Reports in a notebook: IPython's own formatter takes the page, in a frame in which nothing runs."""

from __future__ import annotations

import html
import re

import pytest
import torch
from IPython.core.formatters import HTMLFormatter

from verify import check_backward
from verify.grading.assignment import Assignment
from verify.grading.record import GradeRecord, without_run
from verify.grading.sentence import said
from verify.reports import graded_pages


def page(shown: object) -> str:
    """What a notebook puts below a cell, taken out of its frame."""
    frame = HTMLFormatter()(shown)
    found = re.fullmatch(r'<iframe srcdoc="([^"]*)" sandbox="" style="[^"]*"></iframe>', frame or "")
    assert found is not None, frame
    return html.unescape(found[1])


@pytest.fixture
def record() -> GradeRecord:
    return without_run('<b>"alice".py', "ungradable", said("unreadable", what='"<i>&'), Assignment(), 0)


def test_a_record_shows_its_page(record: GradeRecord) -> None:
    assert page(record) == graded_pages.as_html(record)


def test_a_report_of_a_backward_pass_shows_its_page() -> None:
    report = check_backward(torch.tanh, [torch.ones(2, dtype=torch.float64)], shapes=False, probes="upstream")
    assert page(report).lower().startswith("<!doctype html>")
    assert report.record.sentence in html.unescape(page(report))
