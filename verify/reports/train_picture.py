"""The history of a training as a picture: the loss, and the accuracy on both parts."""

from __future__ import annotations

from pathlib import Path

from verify.errors import BadInput
from verify.reports.train_record import TrainRecord


def draw(record: TrainRecord, path: Path) -> None:
    """Write the picture, in the format that the name's ending says. BadInput where it cannot be written."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    epochs = [e.epoch for e in record.history]
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9.5, 3.6))
    left.plot(epochs, [e.loss for e in record.history], color="#1b6ca8")
    left.set(title="E over the training part", xlabel="epoch", yscale="log")
    right.plot(epochs, [e.train_accuracy for e in record.history], color="#1b6ca8", label="training part")
    right.plot(epochs, [e.test_accuracy for e in record.history], color="#c2571a", label="test part")
    right.set(title="share of images that are right", xlabel="epoch")
    right.legend(frameon=False)
    for axis in (left, right):
        axis.grid(alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    try:
        figure.savefig(path, dpi=130)
    except (OSError, ValueError) as error:
        raise BadInput(f"--picture {path}: cannot be written ({' '.join(str(error).split())})") from error
    finally:
        pyplot.close(figure)
