"""Deck 002 "Exercise 1": optimisers, activations and layouts on Fashion-MNIST, beside the printed logs."""

from __future__ import annotations

from itertools import product
from typing import Any

from verify.commands.training import begin
from verify.problems.train_job import TrainJob

# Deck 002 "3. 数值结果 GD V.S. SGD": the last lines of the two logs, after 10,000 epochs of [784, 28, 10].
PRINTED = {"first log": 0.6918, "second log": 0.7888}
_EPOCHS = 15
_RATES = {"gd": 0.5, "sgd": 0.1, "adam": 0.002}
_LAYOUTS = ((784, 28, 10), (784, 64, 32, 10))


def topic() -> dict[str, Any]:
    """Accuracy on training and test part by epoch, for every optimiser, activation and layout."""
    runs = []
    for layers, activation, optimiser in product(_LAYOUTS, ("tanh", "sigmoid", "relu"), _RATES):
        job = TrainJob(
            layers=layers, activation=activation, optimiser=optimiser, lr=_RATES[optimiser], epochs=_EPOCHS,
            batch=0 if optimiser == "gd" else 100, lam=0.0003,
            initialisation="he" if activation == "relu" else "xavier",
        )  # fmt: skip
        training = begin(job, None, resume=False)
        training.run(lambda epoch: None)
        runs.append(
            {
                "layers": list(layers), "activation": activation, "optimiser": optimiser, "lr": job.lr,
                "train": [e.train_accuracy for e in training.history],
                "test": [e.test_accuracy for e in training.history],
            }
        )  # fmt: skip
    return {"epochs": _EPOCHS, "printed": PRINTED, "runs": runs}
