"""What the main job is asked for, checked before anything heavy is imported."""

from __future__ import annotations

import math
from itertools import pairwise

import msgspec

from verify.errors import BadInput
from verify.problems.choices import ACTIVATIONS, LOSSES, OUTPUTS, PAIRS
from verify.problems.written import PENALTIES

DEVICES = ("cpu", "cuda")
DTYPES = ("float64", "float32")
SWEEP = 110
# 10 million weights and a sweep of that size are more than a teaching network needs, and still fit a small machine.
MOST_PARAMETERS = 10_000_000
MOST_SWEEP = 100_000
MOST_SEED = 2**63 - 1


class Job(msgspec.Struct, frozen=True):
    """The main job: which network on which data, and how many problems in the sweep. The defaults are deck 000's."""

    layers: tuple[int, ...] = (784, 256, 128, 10)
    batch: int = 32
    activation: str = "relu"
    output: str = "softmax"
    loss: str = "cross-entropy"
    lam: float = 0.001
    penalty: str = "lam/2"
    data: str = "fashion-mnist"
    sweep: int = SWEEP
    seed: int = 0
    device: str = "cpu"
    dtype: str = "float64"
    exact: bool = False

    def check(self) -> None:
        """BadInput, with the value and what is allowed, for whatever no run could serve."""
        check_names(self.activation, self.output, self.loss)
        check_lam(self.lam)
        check_penalty(self.penalty)
        check_layers(self.layers)
        check_whole("batch", self.batch, 1)
        check_whole("sweep", self.sweep, 0, MOST_SWEEP)
        check_whole("seed", self.seed, 0, MOST_SEED)
        check_known("device", self.device, DEVICES)
        check_known("dtype", self.dtype, DTYPES)


def layers_of(text: str) -> tuple[int, ...]:
    """'784,256,128,10' -> (784, 256, 128, 10). BadInput for anything else."""
    try:
        return tuple(int(units) for units in text.split(","))
    except ValueError:
        raise BadInput(
            f"layers {text!r}: allowed are whole numbers from the input to the output, as in 784,256,128,10"
        ) from None


def check_names(activation: str, output: str, loss: str) -> None:
    """BadInput for an unknown activation, output or loss, or an output and loss that are no pair."""
    check_known("activation", activation, ACTIVATIONS)
    check_known("output", output, OUTPUTS)
    check_known("loss", loss, LOSSES)
    if output not in PAIRS[loss]:
        raise BadInput(f"output {output!r} with loss {loss!r}: allowed with {loss} is {', '.join(PAIRS[loss])}")


def check_lam(lam: float) -> None:
    """BadInput for a λ that is negative or not finite."""
    if not 0 <= lam < math.inf:
        raise BadInput(f"lam {lam!r}: allowed is a finite number, 0 or more")


def check_penalty(penalty: str) -> None:
    """BadInput for a penalty that is not known."""
    check_known("penalty", penalty, tuple(PENALTIES))


def check_layers(layers: tuple[int, ...]) -> None:
    """BadInput for layers that are no network, or too large a one."""
    shown = ",".join(map(str, layers))
    if len(layers) < 2 or min(layers) < 1:
        raise BadInput(
            f"layers {shown!r}: allowed are two or more whole numbers, each at least 1, as in 784,256,128,10"
        )
    parameters = sum((below + 1) * units for below, units in pairwise(layers))
    if parameters > MOST_PARAMETERS:
        raise BadInput(f"layers {shown!r}: {parameters:,} parameters; allowed are up to {MOST_PARAMETERS:,}")


def check_known(what: str, value: str, known: tuple[str, ...]) -> None:
    """BadInput for a word that is not among the known ones."""
    if value not in known:
        raise BadInput(f"{what} {value!r} is not known; allowed are {', '.join(known)}")


def check_whole(what: str, value: int, least: int, most: int | None = None) -> None:
    """BadInput for a number outside of its limits."""
    if value < least or (most is not None and value > most):
        upper = "" if most is None else f" to {most}"
        raise BadInput(f"{what} {value}: allowed is a whole number from {least}{upper or ' on'}")
