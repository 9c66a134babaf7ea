"""The catalogue proves itself: every mistake is detectable, and every two can be told apart or share one name."""

import itertools

import msgspec
import pytest
import torch

from manual import ACTIVATIONS
from verify.grading.assignment import ActivationConstants, Assignment
from verify.grading.machinery.posing import GRADED
from verify.lessons.network.cases.fixtures import Fixture, fixture, mistaken, shows
from verify.lessons.network.mistakes import CATALOGUE, SLOTS, Variant, rank, variants
from verify.problems.lines import gradient_names

DEFAULT = Assignment()
# At β = 1 swish's derivative without β is the right one.
EVERY_ACTIVATION = msgspec.structs.replace(
    DEFAULT, activations=ACTIVATIONS, activation=ActivationConstants(elu=0.7, swish=1.5, celu=0.7)
)
SQUARED = msgspec.structs.replace(DEFAULT, output="tanh", loss="squared-error")
BINARY = msgspec.structs.replace(DEFAULT, output="sigmoid", loss="binary-cross-entropy")

# Found by other means than a replaced equation: tests/test_diagnosis.py plants each.
OF_STATE = {
    "step-sign", "step-repeated", "step-without-weights", "step-gradients-exchanged", "inputs-mutated", "cache-stale",
    "gradients-accumulated", "precision-float32", "integer-arrays", "softmax-overflow", "activation-clipped",
    "activation-ignored", "constant-of-another-library", "probability-clipped", "epsilon-in-denominator",
    "epsilon-in-log", "gradient-clipped", "bias-axis-kept", "reversed-lists", "gradients-exchanged",
    "weight-gradients-transposed", "forward-biases-missing", "arrays-the-other-way-round",
    "layers-hard-coded", "bend-shifted", "scores-clipped",
}  # fmt: skip


@pytest.fixture(scope="module")
def every() -> Fixture:
    return fixture(EVERY_ACTIVATION)


def test_a_mistake_is_an_equation_in_a_known_slot_or_one_of_state() -> None:
    assert {m.id for m in CATALOGUE.values() if not m.variants} == OF_STATE
    assert {v.slot for m in CATALOGUE.values() for v in m.variants} <= set(SLOTS)
    assert [rank(id) for id in CATALOGUE] == list(range(len(CATALOGUE)))


@pytest.mark.parametrize("assignment", [DEFAULT, SQUARED, BINARY], ids=["softmax", "squared error", "sigmoid"])
def test_the_certificate_holds_for_the_usual_assignments(assignment: Assignment) -> None:
    assert fixture(assignment).hidden == ()


def test_every_variant_shows_on_some_problem_of_the_run(every: Fixture) -> None:
    hidden = [
        (v.mistake, v.form)
        for slot in SLOTS
        for v in variants(slot, ACTIVATIONS, "softmax", "cross-entropy")
        if not any(shows(v, case, EVERY_ACTIVATION) for _, case in every.of(*GRADED))
    ]
    assert hidden == []


def test_what_an_assignment_cannot_show_is_listed() -> None:
    relu_only = msgspec.structs.replace(DEFAULT, activations=("relu",), batch=(1, 1), l2=False)
    hidden = set(fixture(relu_only).hidden)
    assert {"derivative-at-activation", "mean-missing", "l2-missing"} <= hidden
    assert "relu-derivative-one" not in hidden


def _numbers(variant: Variant, every: Fixture) -> list[torch.Tensor | None]:
    """The gradients of a program with that mistake on every problem that it concerns; the right ones elsewhere."""
    result: list[torch.Tensor | None] = []
    for _, case in every.of("general"):
        p = case.problem
        concerned = variant.concerns(p.activation, p.output, p.loss)
        lines = mistaken(variant, case) if concerned else case.truth
        result.append(None if lines is None else torch.cat([lines[n].flatten() for n in gradient_names(p.L)]))
    return result


def _same(first: list[torch.Tensor | None], second: list[torch.Tensor | None]) -> bool:
    """Whether nothing that both return differs, and they raise on the same problems."""
    for a, b in zip(first, second, strict=True):
        if (a is None) != (b is None):
            return False
        if a is not None and b is not None and (a.shape != b.shape or not torch.allclose(a, b, rtol=1e-9, atol=1e-12)):
            return False
    return True


def test_every_two_mistakes_can_be_told_apart(every: Fixture) -> None:
    numbers = {
        (v.mistake, v.form): _numbers(v, every)
        for slot in SLOTS
        for v in variants(slot, ACTIVATIONS, "softmax", "cross-entropy")
    }
    alike = [
        (a, b) for a, b in itertools.combinations(numbers, 2) if a[0] != b[0] and _same(numbers[a], numbers[b])
    ]  # fmt: skip
    assert alike == []


def test_two_copies_of_one_equation_would_be_found_alike(every: Fixture) -> None:
    """The test above can fail."""
    v = CATALOGUE["l2-doubled"].variants[0]
    assert _same(_numbers(v, every), _numbers(v, every))
