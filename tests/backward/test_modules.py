"""Modules: their parameters are checked as the inputs are, and keep their names."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from verify import check_backward
from verify.benchmarks.planted import draw, function
from verify.errors import BadInput


def linear(spoil):
    back = lambda g, x, w, b: (g @ w, *spoil(g.T @ x, g.sum(0)))
    return function(lambda x, w, b: x @ w.T + b, back, "ByHand")


class ByHand(nn.Module):
    """A linear layer and a batch norm behind it."""

    def __init__(self, spoil=lambda dw, db: (dw, db)):
        super().__init__()
        self.inner = nn.Linear(5, 3)
        self.norm = nn.BatchNorm1d(3)
        self.by_hand = linear(spoil)

    def forward(self, x):
        return self.norm(torch.tanh(self.by_hand(x, self.inner.weight, self.inner.bias)))


class Plain(ByHand):
    def forward(self, x):
        return self.norm(torch.tanh(self.inner(x)))


X = draw(7, 5)


def checked(module, reference, *probes):
    return check_backward(module, [X], reference, shapes=False, probes=("upstream random", *probes))


def test_parameters_are_inputs_by_name():
    torch.manual_seed(0)
    report = checked(ByHand(), Plain(), "frozen")
    assert report.verdict == "right", report
    assert report.record.inputs == ["x", "inner.weight", "inner.bias", "norm.weight", "norm.bias"]
    assert report.record.function == "ByHand"
    assert "frozen inner.weight" in str(report.record.probes)


@pytest.mark.parametrize(
    ("spoil", "name"),
    [(lambda dw, db: (dw, 2 * db), "inner.bias"), (lambda dw, db: (dw * (torch.arange(5) < 4), db), "inner.weight")],
    ids=["bias doubled", "a column of the weight missing"],
)
def test_a_wrong_parameter_is_named(spoil, name):
    torch.manual_seed(0)
    for reference in (Plain(), None):
        report = checked(ByHand(spoil), reference)
        assert report.verdict == "wrong", report
        assert {f.input for f in report.findings if f.verdict == "wrong"} == {name}


def test_the_reference_may_take_them_by_name():
    def reference(x, weight, bias):
        return functional.linear(x, weight, bias)

    assert checked(nn.Linear(5, 3), reference).verdict == "right"
    with pytest.raises(BadInput, match="takes no weight, bias: allowed are"):
        checked(nn.Linear(5, 3), torch.tanh)
    with pytest.raises(BadInput, match=r"parameter weight is \(3, 5\) in the module, \(4, 5\) in the reference"):
        checked(nn.Linear(5, 3), nn.Linear(5, 4))


def test_the_module_stays_as_it_is():
    torch.manual_seed(0)
    module = ByHand()
    before = {name: v.clone() for name, v in module.state_dict().items()}
    checked(module, Plain(), "inputs", "second")
    assert all(torch.equal(v, before[name]) for name, v in module.state_dict().items())
    assert all(p.grad is None for p in module.parameters())


def test_frozen_parameters_are_not_asked_for_and_their_sizes_stay():
    module = nn.Linear(5, 3)
    module.bias.requires_grad_(False)
    report = check_backward(module, [X], nn.Linear(5, 3), probes=("upstream random", "size"))
    assert report.record.inputs == ["input", "weight"]
    sizes = {p.name.split(" → ")[0] for p in report.record.probes if p.name.startswith("size")}
    assert sizes == {"size 7"}


def test_a_module_without_parameters():
    assert checked(nn.Tanh(), torch.tanh).verdict == "right"
