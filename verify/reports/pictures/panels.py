"""Regression, perceptron, logistic regression, SVM loss, slices, searches, numerical gradients."""

from __future__ import annotations

from typing import Any

BLUE, ORANGE, GREEN, GREY = "#1b6ca8", "#c2571a", "#3b7d3b", "#8a9099"


def plain(axis: Any, **labels: Any) -> None:
    """Grid, no box, and the labels."""
    axis.grid(alpha=0.25)
    axis.spines[["top", "right"]].set_visible(False)
    axis.set(**labels)


def regression(figure: Any, record: dict[str, Any]) -> None:
    axes = figure.subplots(1, 5, sharey=True)
    for axis, (name, curve) in zip(axes, record["fits"].items(), strict=True):
        axis.plot(record["grid"], curve, color=BLUE)
        axis.scatter(record["x"], record["t"], color=ORANGE, s=18, zorder=3)
        title = f"ridge, M = 9, λ = {record['lambda']:g}" if name == "ridge" else f"M = {name}"
        plain(axis, title=title, ylim=(-1.6, 1.6))


def perceptron(figure: Any, record: dict[str, Any]) -> None:
    examples = record["examples"]
    for axis, example in zip(figure.subplots(1, len(examples)), examples, strict=True):
        for label, marker, color in ((1, "x", BLUE), (-1, "o", ORANGE)):
            of = [p for p, found in zip(example["points"], example["labels"], strict=True) if found == label]
            axis.scatter([p[0] for p in of], [p[1] for p in of], marker=marker, color=color, s=34)
        (low, high), (w0, w1), b = axis.get_xlim(), example["w"], example["b"]
        limits = axis.get_ylim()
        if w1 and example["separable"]:
            axis.plot([low, high], [-(b + w0 * low) / w1, -(b + w0 * high) / w1], color=GREY)
        said = f"{example['updates']} updates" if example["separable"] else f"not parted in {example['rounds']} rounds"
        plain(axis, title=f"{example['name']}\n{said}", ylim=limits)
        axis.title.set_fontsize(9)


def svm(figure: Any, record: dict[str, Any]) -> None:
    left, right = figure.subplots(1, 2)
    for i in range(len(record["y"])):
        left.plot(record["a"], [row[i] for row in record["losses"]], label=f"L{i}")
    left.legend(frameon=False)
    plain(left, title="the losses of three samples", xlabel="weight of class 0")
    right.plot(record["a"], record["loss"], color=BLUE, label="L")
    right.plot(record["a"], record["gradient"], color=ORANGE, label="∂L/∂w₀, which jumps at kinks")
    right.legend(frameon=False)
    plain(right, title="their mean and its gradient", xlabel="weight of class 0")


def slices(figure: Any, record: dict[str, Any]) -> None:
    left, right = figure.subplots(1, 2)
    left.plot(record["a"], record["curve"], color=BLUE)
    plain(left, title="L(W + aW₁)", xlabel="a")
    levels = right.contourf(record["b"], record["b"], record["surface"], 24, cmap="viridis")
    figure.colorbar(levels, ax=right)
    right.set(title="L(W + aW₁ + bW₂)", xlabel="b", ylabel="a")


def searches(figure: Any, record: dict[str, Any]) -> None:
    left, right = figure.subplots(1, 2)
    for (name, best), color in zip(record["ways"].items(), (GREY, GREEN, BLUE), strict=True):
        left.plot(range(1, len(best) + 1), best, label=name, color=color)
    left.legend(frameon=False)
    plain(left, title="three strategies", xlabel="evaluations", ylabel="best loss so far", yscale="log")
    for (name, losses), color in zip(record["steps"].items(), (GREY, BLUE, ORANGE), strict=True):
        right.plot(range(1, len(losses) + 1), losses, label=f"{name}, η = {record['eta'][name]:g}", color=color)
    right.legend(frameon=False)
    plain(right, title="the length of a step", xlabel="steps", ylabel="loss", yscale="log")


def numerical(figure: Any, record: dict[str, Any]) -> None:
    for axis, name in zip(figure.subplots(1, 4, sharey=True), record["errors"], strict=True):
        axis.loglog(record["steps"], [max(v, 1e-18) for v in record["errors"][name]], color=BLUE, label="error")
        axis.loglog(record["steps"], record["budgets"][name], color=ORANGE, lw=1, label="explained")
        plain(axis, title=name, xlabel="step h", ylim=(1e-18, 10))
        axis.legend(frameon=False, fontsize=8)


def logistic(figure: Any, record: dict[str, Any]) -> None:
    left, middle, right = figure.subplots(1, 3)
    for label, marker, color in ((1, "x", BLUE), (0, "o", ORANGE)):
        of = [p for p, t in zip(record["x"], record["t"], strict=True) if t == label]
        left.scatter([p[0] for p in of], [p[1] for p in of], marker=marker, color=color, s=16)
    (low, high), limits, (w0, w1) = left.get_xlim(), left.get_ylim(), record["w"]
    left.plot([low, high], [-(record["b"] + w0 * v) / w1 for v in (low, high)], color=GREY)
    plain(left, title=f"P(y = 1|x) = ½; {record['right']:.0%} are right", ylim=limits)
    middle.plot(record["loss"], color=BLUE)
    plain(middle, title="cross-entropy", xlabel="steps", yscale="log")
    right.plot(record["dead"]["bias"], record["dead"]["count"], color=BLUE)
    plain(right, title=f"dead ReLU units of {record['dead']['units']}", xlabel="bias")
