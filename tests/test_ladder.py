"""The ladder's rungs: small whole numbers, and no scores that a softmax without a shift cannot take."""

from __future__ import annotations

import pytest

from verify.grading.assignment import Assignment
from verify.lessons.network.cases.drawing import worked
from verify.lessons.network.cases.ladder import beside_bends, ladder

ASSIGNMENTS = {
    "default": Assignment(),
    "deep": Assignment(layers=(20, 20), widths=(2, 6)),
    "deep, tanh and sigmoid": Assignment(layers=(20, 20), widths=(2, 6), activations=("tanh", "sigmoid")),
    "wide": Assignment(layers=(2, 2), widths=(300, 300)),
    "without biases": Assignment(layers=(8, 8), widths=(64, 64), biases=False),
}


@pytest.mark.parametrize("assignment", ASSIGNMENTS.values(), ids=ASSIGNMENTS)
@pytest.mark.parametrize("seed", [0, 5])
def test_no_rung_has_scores_beyond_what_a_plain_softmax_takes(assignment: Assignment, seed: int) -> None:
    rungs = ladder(assignment, seed)
    assert rungs
    assert max(float(worked(p).a[p.L].abs().max()) for p in rungs) <= 30


@pytest.mark.parametrize("assignment", ASSIGNMENTS.values(), ids=ASSIGNMENTS)
def test_weights_are_small_whole_numbers(assignment: Assignment) -> None:
    for p in ladder(assignment, 0):
        most = 34 if "far" in p.label else 6.1 if "close" in p.label else 2  # W(1) of the unit that is driven far
        parts = 16 if "far" in p.label else 1
        whole = p.W[1:] if "close" in p.label else p.W  # W(1) of 10⁻⁶ beside a bend
        assert all(bool(((w * parts == (w * parts).round()) & (w.abs() <= most)).all()) for w in whole)
        assert p.W[0].count_nonzero(dim=1).gt(0).sum() <= 4


@pytest.mark.parametrize("seed", range(4))
def test_beside_a_bend_nothing_is_all_but_zero_by_cancellation(seed: int) -> None:
    """δ(1) = 2·10⁻¹⁶ where the weights' terms cancel would be decided by no budget."""
    for problem in beside_bends(Assignment(activations=("swish", "gelu", "elu")), "elu", seed):
        net = problem.work()
        assert all(bool(((v == 0) | (v.abs() >= 1e-12)).all()) for v in net.delta.values())
