"""Kernels as real ones are: every fault is seen, and a seeded few of the right ones are right under all probes."""

from __future__ import annotations

import random

import pytest
import torch

from verify import check_backward
from verify.benchmarks.kernels import kernels

KERNELS = {k.name: k for k in kernels()}
FEW = ("upstream random", "inputs with zeros")
SOME = random.Random(13).sample(sorted(KERNELS), 4)
DTYPES = (torch.float64, torch.float32, torch.bfloat16, torch.float16)


def verdict(k, function, dtype, probes):
    inputs = k.at(dtype)
    return check_backward(function, inputs, k.reference, declared=k.declared, shapes=False, probes=probes)


@pytest.mark.parametrize("name", KERNELS)
def test_a_fault_is_seen(name):
    k = KERNELS[name]
    report = verdict(k, k.faulty(), torch.float32, FEW)
    assert report.verdict == "wrong", report


@pytest.mark.parametrize("name", KERNELS)
def test_a_right_one_is_right(name):
    k = KERNELS[name]
    report = verdict(k, k.right(), torch.float32, FEW[:1])
    assert report.verdict in ("right", k.known), report


@pytest.mark.parametrize(("name", "dtype"), [(n, DTYPES[i % 4]) for i, n in enumerate(SOME)])
def test_a_seeded_few_under_all_probes(name, dtype):
    k = KERNELS[name]
    assert verdict(k, k.right(), dtype, None).verdict in ("right", k.known)
    assert verdict(k, k.faulty(), dtype, None).verdict == "wrong"
