"""The history of a training as a picture: the loss, and the accuracy on both parts."""

from __future__ import annotations

from pathlib import Path

from verify.reports.figure import figure_for
from verify.reports.train_record import TrainRecord


def draw(record: TrainRecord, path: Path) -> None:
    """Write the picture, in the format that the name's ending says. BadInput where it cannot be written."""
    epochs = [e.epoch for e in record.history]
    with figure_for("--picture", path, dpi=130, size=(9.5, 3.6)) as figure:
        left, right = figure.subplots(1, 2)
        left.plot(epochs, [e.loss for e in record.history], color="#1b6ca8")
        left.set(title="E over the training part", xlabel="epoch", yscale="log")
        right.plot(epochs, [e.train_accuracy for e in record.history], color="#1b6ca8", label="training part")
        right.plot(epochs, [e.test_accuracy for e in record.history], color="#c2571a", label="test part")
        right.set(title="share of images that are right", xlabel="epoch")
        right.legend(frameon=False)
        for axis in (left, right):
            axis.grid(alpha=0.25)
            axis.spines[["top", "right"]].set_visible(False)
