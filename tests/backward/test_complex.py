"""check_backward of complex tensors: torch's convention, by reference and by differences, marks, parts and reports."""

from __future__ import annotations

import pytest
import torch

from verify import check_backward
from verify.benchmarks.complexes import OWN, by_hand, draw, violations
from verify.benchmarks.planted import function
from verify.errors import BadInput

BY_HAND = {k.name: k for k in by_hand()}
FAULTS = [(k.name, fault) for k in BY_HAND.values() for fault in k.faults]
FEW = ("upstream random", "upstream one", "upstream conjugate", "inputs")


@pytest.mark.parametrize("kind", [torch.complex128, torch.complex64])
@pytest.mark.parametrize("name", BY_HAND)
def test_a_right_one_is_right(name, kind):
    k = BY_HAND[name]
    report = check_backward(k.right(), k.at(kind), k.forward, shapes=False, probes=FEW)
    assert report.verdict == "right", report


@pytest.mark.parametrize("name", ["matrix product", "absolute value", "rotation", "Fourier transform"])
def test_without_a_reference_the_parts_are_differenced(name):
    k = BY_HAND[name]
    few = ("upstream random",)
    assert check_backward(k.right(), k.at(torch.complex64), shapes=False, probes=few).verdict == "right"
    for fault in k.faults:
        assert check_backward(k.faulty(fault), k.at(torch.complex64), shapes=False, probes=few).verdict == "wrong", (
            fault
        )


@pytest.mark.parametrize(("name", "fault"), FAULTS)
def test_a_fault_is_flagged(name, fault):
    k = BY_HAND[name]
    report = check_backward(
        k.faulty(fault), k.at(torch.complex64), k.forward, shapes=False, probes=("upstream random",)
    )
    assert report.verdict == "wrong", report


@pytest.mark.parametrize("name", OWN)
def test_torchs_own_functions_are_right(name):
    f, inputs = OWN[name]
    report = check_backward(f, inputs, f, shapes=False, probes=("upstream random", "upstream conjugate", "float64"))
    assert report.verdict == "right", report


def test_the_worst_case_of_random_programs_holds():
    entries, beyond = violations(12, 0, size=8)
    assert entries > 3000
    assert beyond == 0


# What the report says ------------------------------------------------------------------------------------------------


def test_what_it_would_be_right_as_is_said():
    abs_ = BY_HAND["absolute value"]
    for fault, says in (
        ("the phase conjugated", "Its conjugate would be right"),
        ("Wirtinger's half", "Twice it would be right"),
        ("Wirtinger's conjugate", "Twice its conjugate would be right"),
    ):
        report = check_backward(abs_.faulty(fault), abs_.inputs, abs_.forward, shapes=False, probes=("upstream ones",))
        assert f"{says}: torch's gradient by a complex z is" in report.record.sentence
    product = BY_HAND["product"]
    other = check_backward(
        product.faulty("conj forgotten"), product.inputs, product.forward, shapes=False, probes=("upstream random",)
    )
    assert "would be right" not in str(other).replace("It would", "")


def test_the_entry_is_the_tensors_own_and_the_part_is_named(tmp_path):
    z = draw(3, 4)
    cut = function(lambda z: 2 * z, lambda g, z: 2 * g * (1 - 1j * (torch.arange(4) == 2) * 1e-3), "Cut")
    report = check_backward(cut, [z], lambda z: 2 * z, shapes=False, probes=("upstream random",))
    finding = report.findings[0]
    assert finding.index[1:] == [2]
    assert finding.values["part"] in ("real part", "imaginary part")
    assert f"worst at the {finding.values['part']} of [{finding.index[0]}, 2]" in finding.says
    worst = next(c.worst for c in report.record.cells if c.probe == "upstream random" and c.worst)
    assert worst.part == finding.values["part"]
    assert worst.index == finding.index
    picture = report.record.pictures[0]
    assert [len(row) for row in picture.rows] == [8, 8, 8]  # real parts on the left, imaginary ones on the right
    beyond = {column for row in picture.rows for column, level in enumerate(row) if level is not None and level > 0}
    assert beyond == {2, 6}
    page = report.html(tmp_path / "cut.html").read_text(encoding="utf-8")
    assert "complex128" in page
    assert finding.values["part"] in page


def test_a_conjugate_and_a_missing_part_have_a_power():
    f = function(lambda z: z * z, lambda g, z: 2 * g * z.conj(), "Square")
    report = check_backward(f, [draw(3, 4)], lambda z: z * z, shapes=False, probes=("upstream random",))
    assert report.power["z"].seen["conjugated"] > 0.9
    assert report.power["z"].missing["every imaginary part missing"] == 1
    size = check_backward(lambda z: z.real, [draw(3, 4)], lambda z: z.real, shapes=False, probes=("upstream random",))
    assert size.power["z"].seen["conjugated"] == 0  # every gradient is real
    assert "every imaginary part missing" not in size.power["z"].missing


# Marks, kinds and what is not taken ----------------------------------------------------------------------------------


def test_a_kernel_that_reads_memory_past_the_mark_is_seen():
    """.conj() only marks a tensor: whoever reads its memory gets the conjugate."""

    def raw(v: torch.Tensor) -> torch.Tensor:
        return torch.view_as_complex(torch.view_as_real(v.conj() if v.is_conj() else v).clone())

    blind = {
        "upstream conjugate": function(lambda z: 2 * z, lambda g, z: 2 * raw(g), "Blind"),
        "inputs conjugate": function(lambda z: z * z, lambda g, z: 2 * g * raw(z).conj(), "Blind"),
    }
    for probe, f in blind.items():
        reference = (lambda z: 2 * z) if probe.startswith("up") else lambda z: z * z
        report = check_backward(f, [draw(4, 3)], reference, shapes=False)
        assert report.verdict == "wrong", report
        assert {f.probe for f in report.findings if f.probe} == {probe}


def test_a_real_function_has_no_such_probes():
    report = check_backward(torch.tanh, [torch.randn(3, 2)], torch.tanh, shapes=False)
    assert not any("conjugate" in p.name for p in report.record.probes)


def test_a_real_signal_with_a_complex_result_is_taken():
    report = check_backward(torch.fft.rfft, [torch.randn(3, 6)], torch.fft.rfft, shapes=False)
    assert report.verdict == "right", report
    assert "upstream conjugate" in {p.name for p in report.record.probes}


def test_a_complex_module_and_its_parameters():
    layer = torch.nn.Linear(3, 2, dtype=torch.complex64)
    by_hand = lambda x, weight, bias: x @ weight.mT + bias
    report = check_backward(layer, [draw(4, 3).to(torch.complex64)], by_hand, shapes=False, probes=FEW)
    assert report.verdict == "right", report
    assert {"weight", "bias"} <= set(report.power)


def test_sizes_and_the_second_derivative():
    f = function(lambda z: z * z.conj() * z, lambda g, z: 2 * g * (z * z.conj()) + g.conj() * z * z, "Cubic")
    some = ("upstream random", "size", "double")
    report = check_backward(f, [draw(3, 4)], lambda z: z * z.conj() * z, double=True, probes=some)
    assert report.verdict == "right", report
    assert "double backward" in {p.name for p in report.record.probes}


def test_a_real_result_where_a_complex_one_is_expected():
    with pytest.raises(BadInput, match="makes its output real, the reference complex"):
        check_backward(lambda z: z.real, [draw(3)], lambda z: z * 1, shapes=False)


@pytest.mark.filterwarnings("ignore:ComplexHalf")
def test_halves_of_complex_numbers_are_not_taken():
    with pytest.raises(BadInput, match="complex32: allowed are .*complex64"):
        check_backward(lambda z: z, [draw(3).to(torch.complex32)], lambda z: z)
