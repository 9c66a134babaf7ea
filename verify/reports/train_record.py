"""The record of a training, as `scripts/train.py --json` writes it."""

from __future__ import annotations

from typing import Any

import msgspec

SCHEMA = "backproof.train/1"


class Epoch(msgspec.Struct):
    """After an epoch: E over the training part, the share of samples that are right in both parts, the epoch's seconds.

    seconds: of the steps alone; measuring is not in it.
    """

    epoch: int
    loss: float
    train_accuracy: float
    test_accuracy: float
    seconds: float


class Final(msgspec.Struct):
    """The last epoch's numbers, and the seconds of all."""

    epoch: int
    loss: float
    train_accuracy: float
    test_accuracy: float
    seconds: float


class TrainRecord(msgspec.Struct, kw_only=True):
    """What was asked for, the history, and the end. `stopped` says why a training ended early, or nothing."""

    schema: str = SCHEMA
    job: dict[str, Any]
    history: list[Epoch]
    final: Final
    torch: str
    stopped: str = ""


def encode(record: TrainRecord) -> str:
    """The record as JSON text."""
    return msgspec.json.format(msgspec.json.encode(record), indent=2).decode() + "\n"
