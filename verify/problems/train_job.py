"""What a training is asked for, checked before anything heavy is imported."""

from __future__ import annotations

import math

import msgspec

from verify.errors import BadInput
from verify.problems.job import (
    DEVICES,
    DTYPES,
    MOST_SEED,
    check_known,
    check_lam,
    check_layers,
    check_names,
    check_whole,
)

BY = ("manual", "torch")
OPTIMISERS = ("gd", "sgd", "momentum", "adam")
SCHEDULES = ("constant", "deck")
INITIALISATIONS = ("normal", "fan-in", "xavier", "he", "deck")
MOST_EPOCHS = 1_000_000
# λ and η become numbers of the dtype inside torch, some of them times a small factor (Adam's 1/(1 − β)).
MOST_FACTOR = {"float32": 1e30, "float64": 1e300}


class TrainJob(msgspec.Struct, frozen=True):
    """A training. The defaults are deck 002's network on its exercise's images, with Adam in mini-batches.

    batch 0 stands for all images at once, which is what `gd` takes. dtype is that of weights and images.
    """

    data: str = "fashion-mnist"
    layers: tuple[int, ...] = (784, 28, 10)
    activation: str = "relu"
    output: str = "softmax"
    loss: str = "cross-entropy"
    lam: float = 0.0001
    lr: float = 0.001
    optimiser: str = "adam"
    epochs: int = 20
    batch: int = 100
    by: str = "manual"
    device: str = "cpu"
    dtype: str = "float32"
    seed: int = 0
    schedule: str = "constant"
    initialisation: str = "he"
    check_every: int = 0

    def check(self) -> None:
        """BadInput, with the value and what is allowed, for whatever no run could serve."""
        check_names(self.activation, self.output, self.loss)
        check_lam(self.lam)
        check_layers(self.layers)
        check_known("by", self.by, BY)
        check_known("optimiser", self.optimiser, OPTIMISERS)
        check_known("schedule", self.schedule, SCHEDULES)
        check_known("initialisation", self.initialisation, INITIALISATIONS)
        check_known("device", self.device, DEVICES)
        check_known("dtype", self.dtype, DTYPES)
        check_whole("epochs", self.epochs, 0, MOST_EPOCHS)
        check_whole("check", self.check_every, 0, MOST_SEED)
        check_whole("seed", self.seed, 0, MOST_SEED)
        check_whole("batch", self.batch, 0, MOST_SEED)
        if self.optimiser == "gd" and self.batch:
            raise BadInput(
                f"batch {self.batch} with optimiser gd, which takes all images at once; allowed is 0, or sgd"
            )
        if not (math.isfinite(self.lr) and self.lr > 0):
            raise BadInput(f"lr {self.lr}: allowed is a number above 0")
        for name, value in (("lam", self.lam), ("lr", self.lr)):
            if value > MOST_FACTOR[self.dtype]:
                raise BadInput(f"{name} {value} in {self.dtype}: allowed is at most {MOST_FACTOR[self.dtype]:g}")

    def eta(self, epoch: int) -> float:
        """η of an epoch, counted from 1. deck: `lr` in the first half of the epochs, a tenth of it in the second."""
        return self.lr / 10 if self.schedule == "deck" and 2 * epoch > self.epochs else self.lr
