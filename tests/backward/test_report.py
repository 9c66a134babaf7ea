"""What a reader sees: 80 columns, one sentence for each fault, names, and the page with its pixels."""

from __future__ import annotations

import re

import pytest
import torch
from torch import nn

from verify import check_backward
from verify.benchmarks.kernels import kernels
from verify.benchmarks.planted import draw, function

GROUP_NORM = next(k for k in kernels() if k.name.startswith("group norm"))


@pytest.fixture(scope="module")
def wrong():
    probes = ("upstream", "frozen", "size 5 → 6", "size 3 → 2")
    return check_backward(GROUP_NORM.faulty(), GROUP_NORM.inputs, GROUP_NORM.reference, probes=probes)


def test_no_line_is_longer_than_80_columns(wrong):
    lines = str(wrong).splitlines()
    assert all(len(line) <= 80 for line in lines if not line.startswith("Again: "))
    assert not any(line.endswith(" ") for line in lines)


def test_many_inputs_with_long_names_stand_in_blocks():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 2), nn.LayerNorm(2))
    report = check_backward(module, [draw(5, 3)], module, shapes=False, probes=("upstream",))
    text = str(report)
    assert all(len(line) <= 80 for line in text.splitlines())
    assert text.count("error / budget") > 1
    assert all(name in text for name, _ in module.named_parameters())


def test_a_fault_is_one_sentence_however_many_probes_see_it(wrong):
    text = " ".join(str(wrong).split())
    assert text.count("The gradient of x is wrong under 'upstream random'") == 2  # the verdict, the finding
    assert re.search(r"So it is under \d+ other probes, 'upstream one-hot' among them\.", text)
    assert "as under 'upstream random')" in text


def test_a_fault_that_one_probe_sees_names_it_alone():
    lost = function(lambda x: x * x, lambda g, x: 2 * x * g.clamp(-100, 100), "Clipped")
    report = check_backward(lost, [draw(4, 3)], torch.square, shapes=False, probes="upstream")
    text = " ".join(str(report).split())
    assert "under 'upstream huge'" in text
    assert "So it is under" not in text


def test_names_come_from_the_reference_where_the_function_has_none(wrong):
    assert wrong.record.inputs == ["x", "w", "b"]


def test_the_page_has_a_pixel_for_each_entry_and_a_scale(wrong, tmp_path):
    page = wrong.html(tmp_path / "page.html").read_text(encoding="utf-8")
    entries = sum(len(row) for p in wrong.record.pictures for row in p.rows)
    assert page.count("<rect ") == entries == 60 + 4 + 4
    assert "≤ 10^-3" in page
    assert "beyond" in page


def test_a_wrong_first_derivative_leaves_the_second_out():
    k = GROUP_NORM
    report = check_backward(k.faulty(), k.inputs, k.reference, shapes=False, probes=("double",))
    assert not any("second derivative" in note for note in report.record.notes)
