"""check_backward: planted errors are flagged, right backward passes are called right, and each probe has its fault."""

from __future__ import annotations

import pytest
import torch

from verify import check_backward
from verify.benchmarks.planted import everywhere, single
from verify.benchmarks.sound import sound

PLANTED = {p.name: p for p in (*everywhere(), *single())}
SOUND = {s.name: s for s in sound()}


def test_there_are_enough_of_both():
    assert len(PLANTED) >= 60
    assert len(SOUND) >= 40


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_error_is_flagged(name):
    p = PLANTED[name]
    report = check_backward(p.function, p.inputs, p.reference, shapes=p.shapes, probes=p.probes)
    assert report.verdict == "wrong", report
    with pytest.raises(AssertionError, match="wrong"):
        report.raise_if_wrong(allow=("doubtful", "inconclusive"))


@pytest.mark.parametrize("name", [p.name for p in single() if p.only])
def test_no_other_probe_sees_it(name):
    p = PLANTED[name]
    report = check_backward(p.function, p.inputs, p.reference, shapes=p.shapes)
    assert {f.probe for f in report.findings if f.probe} <= {q for q in _names(report) if q.startswith(p.probes)}


def _names(report):
    return [probe.name for probe in report.record.probes]


@pytest.mark.parametrize("name", SOUND)
def test_a_right_backward_pass_is_called_right(name):
    s = SOUND[name]
    some = ("upstream random", "upstream expanded", "inputs with", "second", "size 5 → 65")
    report = check_backward(s.function, s.inputs, s.reference, accumulate=s.accumulate, probes=some)
    assert report.verdict in ("right", s.known), report
    report.raise_if_wrong(allow=s.known if s.known != "right" else ())


def test_half_precisions_have_no_proof_and_still_power():
    """The negative control: on the same data a zero, negated or doubled gradient would be seen."""
    s = SOUND["attention, bfloat16"]
    report = check_backward(s.function, s.inputs, s.reference, shapes=False)
    for power in report.power.values():
        assert all(power.seen[mistake] > 0.9 for mistake in ("zero", "negated", "doubled")), power


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_one_percent_is_seen(dtype):
    s = SOUND[f"layer norm, {str(dtype).removeprefix('torch.')}"]
    report = check_backward(s.function, s.inputs, s.reference, shapes=False)
    assert all(power.seen["1 % off"] > 0.9 for power in report.power.values())
