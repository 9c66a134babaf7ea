"""Vanishing gradients, their remedies, and deck 002's exercise."""

from __future__ import annotations

from typing import Any

from verify.reports.pictures.panels import BLUE, GREY, ORANGE, plain


def vanishing(figure: Any, record: dict[str, Any]) -> None:
    left, middle, right = figure.subplots(1, 3)
    for hidden, speeds in record["speeds"].items():
        left.plot(range(1, len(speeds) + 1), speeds, marker=".", label=hidden)
    left.legend(title="hidden layers", frameon=False, fontsize=7, title_fontsize=7)
    plain(left, title="learning speed by layer, before training", xlabel="layer", ylabel="ǁ∂E/∂bǁ", yscale="log")
    for layer, speeds in enumerate(zip(*record["history"], strict=True), 1):
        middle.plot(speeds, label=f"layer {layer}")
    middle.legend(frameon=False, fontsize=7)
    plain(middle, title="four hidden layers, in training", xlabel="epoch", yscale="log")
    slopes = record["slopes"]
    right.plot(slopes["a"], slopes["sigmoid"], color=BLUE, label="σ′: (0, ¼]")
    right.plot(slopes["a"], slopes["tanh"], color=ORANGE, label="tanh′: (0, 1]")
    right.legend(frameon=False)
    plain(right, title="slopes", xlabel="a")


def remedies(figure: Any, record: dict[str, Any]) -> None:
    left, middle, right = figure.subplots(1, 3)
    names = list(record["remedies"])
    held = list(record["remedies"].values())
    rows = range(len(names))
    left.barh(rows, [run["ratio"] for run in held], color=BLUE)
    left.set_yticks(rows, names, fontsize=7)
    left.invert_yaxis()
    plain(left, title="speed of the first over the last hidden layer", xscale="log")
    middle.barh(rows, [run["saturated"] for run in held], color=ORANGE)
    middle.set_yticks(rows, [""] * len(names))
    middle.invert_yaxis()
    plain(middle, title="share of saturated units", xlim=(0, 1))
    for name, run in record["remedies"].items():
        right.plot(run["loss"], label=name, lw=1.2)
    right.legend(frameon=False, fontsize=6)
    plain(right, title="E", xlabel="epoch")


def exercise(figure: Any, record: dict[str, Any]) -> None:
    layouts = list(dict.fromkeys(tuple(run["layers"]) for run in record["runs"]))
    for axis, layers in zip(figure.subplots(1, len(layouts), sharey=True), layouts, strict=True):
        for run in (run for run in record["runs"] if tuple(run["layers"]) == layers):
            axis.plot(
                range(1, len(run["train"]) + 1), run["train"], label=f"{run['activation']}, {run['optimiser']}", lw=1.2
            )
        for share in record["printed"].values():
            axis.axhline(share, color=GREY, ls=":", lw=1)
        plain(axis, title="-".join(map(str, layers)) + ": training part that is right", xlabel="epoch")
        axis.legend(frameon=False, fontsize=7)
