"""Differences of functions of many inputs: the plan, the memory, the progress, and waves between the points."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

from verify.errors import BadInput
from verify.witnesses.evaluating import Evaluated
from verify.witnesses.general import differences_of
from verify.witnesses.plan import Plan


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# The plan ----------------------------------------------------------------------------------------------------------


def test_a_sample_is_differenced_and_the_rest_is_undecided():
    x, y = draw(20, 15), draw(5)
    found, whole = differences_of(lambda x, y: torch.sin(x).sum() + (y**3).sum(), x, y, plan=Plan(50))
    assert int(found.asked.sum()) == 50
    assert bool(whole.asked.all())
    assert torch.equal(found.undecided, ~found.asked)
    assert bool((found.bar[~found.asked] == torch.inf).all())
    off = (found.value - torch.cos(x)).abs()
    assert bool((off <= found.bar).all())
    assert float(found.bar[found.asked].max()) < 1e-8


def test_a_sample_agrees_with_the_same_entries_of_the_whole():
    x, f = draw(12, 10), lambda x: (torch.tanh(x) @ torch.ones(10, dtype=torch.float64)).square().sum()
    (part,), (whole,) = (differences_of(f, x, plan=p) for p in (Plan(20), Plan()))
    at = part.asked
    assert bool(((part.value - whole.value).abs() <= part.bar + whole.bar)[at].all())


def test_a_sample_depends_on_the_seed_and_the_argument_alone():
    where = lambda seed, k: Plan(10, seed).entries(k, 1000, torch.device("cpu"))
    assert torch.equal(where(1, 0), where(1, 0))
    assert not torch.equal(where(1, 0), where(2, 0))
    assert not torch.equal(where(1, 0), where(1, 1))
    assert len(torch.unique(where(3, 0))) == 10


def test_the_plan_says_its_share():
    assert Plan(256, 5).says("W1", 22_270) == "256 of 22,270 entries of W1 (1.1 %), drawn with seed 5"
    assert Plan(256).says("W1", 256) is None
    assert Plan().says("W1", 10**6) is None
    with pytest.raises(BadInput, match="limit 0"):
        Plan(0)


# Memory and progress -----------------------------------------------------------------------------------------------


class Largest(TorchDispatchMode):
    """The largest tensor that an operation makes, in bytes."""

    bytes = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        found = func(*args, **(kwargs or {}))
        if not any(r.alias_info is not None for r in func._schema.returns):
            sizes = [v.numel() * v.element_size() for v in tree_flatten(found)[0] if isinstance(v, Tensor)]
            self.bytes = max([self.bytes, *sizes])
        return found


def outer(x: Tensor) -> Tensor:
    """100 inputs, and 10,000 numbers on the way."""
    return torch.tanh(x[:, None] * x[None, :]).sum()


@pytest.mark.parametrize("memory", [2**20, 2**22])
def test_what_the_function_makes_counts(memory):
    with Largest() as largest:
        differences_of(outer, draw(100), memory=memory)
    assert largest.bytes <= memory


def test_the_memory_of_one_call_is_measured():
    assert 10_000 * 8 <= Evaluated(outer, [draw(100)], 1).footprint <= 4 * 10_000 * 8


def test_progress_ends_where_it_said():
    heard: list[tuple[int, int]] = []
    differences_of(lambda x: torch.sin(x).sum(), draw(50), memory=20_000, progress=lambda *at: heard.append(at))
    done, of = zip(*heard, strict=True)
    assert len(heard) > 4
    assert list(done) == sorted(done)
    assert list(of) == sorted(of)
    assert done[-1] == of[-1]
    assert all(d <= o for d, o in heard)


# Waves between the points ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("power", [4, 9, 14, 18, 21, 25, 28, 31, 35])
def test_a_wave_whose_period_is_a_power_of_two_is_never_taken_for_flat(power):
    """At each power of two apart it has one value: the slope would be 0, with a bar of nothing."""
    x = torch.tensor([0.25, 0.6875, -1.5], dtype=torch.float64) + 0.3 * 2.0**-power
    (found,) = differences_of(lambda v: torch.sin(2 * math.pi * 2.0**power * v).sum(), x)
    truth = 2 * math.pi * 2.0**power * torch.cos(2 * math.pi * ((x * 2.0**power) % 1))
    assert bool(((found.value - truth).abs() <= found.bar).all())
    assert bool((found.aliased <= found.undecided).all())
    if power >= 21:
        assert bool(found.aliased.all())


def test_entries_beside_a_wave_are_decided():
    wave = lambda x: torch.sin(2 * math.pi * 2.0**30 * x[0]) * 1e-3 + torch.exp(x[1])
    (found,) = differences_of(wave, torch.tensor([0.1, 0.5], dtype=torch.float64), rounding=1e-15)
    assert found.aliased.tolist() == [True, False]
    assert abs(float(found.value[1]) - math.exp(0.5)) <= float(found.bar[1])


def test_an_even_function_is_no_wave():
    for function in (torch.cos, lambda x: x**8, torch.cosh):
        (found,) = differences_of(lambda x, f=function: f(x).sum(), torch.zeros(2, dtype=torch.float64))
        assert bool((found.value.abs() <= found.bar).all())
        assert not bool(found.undecided.any())
        assert float(found.bar.max()) < 1e-8
