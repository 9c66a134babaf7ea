"""The decks' tables and figures in the terminal."""

from __future__ import annotations

from typing import Any

import msgspec


def encoded(record: dict[str, Any]) -> str:
    """The record as JSON text."""
    return msgspec.json.format(msgspec.json.encode(record), indent=1).decode() + "\n"


def show(topic: str, record: dict[str, Any]) -> None:
    """Print what the decks print of a topic."""
    print(f"\n{topic}")
    for line in _LINES[topic](record):
        print(f"    {line}")


def _regression(record: dict[str, Any]) -> list[str]:
    w = record["w"]
    rows = [
        "w*        " + "".join(f"{'M = ' + M:>14}" for M in w) + f"{'ridge, λ = ' + format(record['lambda'], 'g'):>20}"
    ]
    for i in range(max(map(len, w.values()))):
        cells = [f"{v[i]:14.2f}" if i < len(v) else " " * 14 for v in w.values()]
        rows.append(f"w{i:<9}" + "".join(cells) + f"{record['ridge'][i]:20.2f}")
    return [*rows, f"MAP equals ridge at λ = σ²/ν²: {'yes' if record['map_equals_ridge'] else 'no'}"]


def _perceptron(record: dict[str, Any]) -> list[str]:
    rows = []
    for e in record["examples"]:
        end = f"w = {_row(e['w'])}, b = {e['b']:g} after {e['updates']} updates (bound {e['bound'] or 0:.0f})"
        rows.append(f"{e['name']}: {end if e['separable'] else 'not parted in ' + str(e['rounds']) + ' rounds'}")
    return rows


def _graphs(record: dict[str, Any]) -> list[str]:
    rows = []
    for e in record["examples"]:
        if isinstance(e["gradients"][next(iter(e["gradients"]))], list):
            rows.append(f"{e['function']} = {e['value']:.4g}; the gradients are arrays")
            continue
        at = ", ".join(f"{n} = {v:g}" for n, v in e["inputs"].items())
        of = ", ".join(f"∂/∂{n} = {v:.3g}" for n, v in e["gradients"].items())
        rows.append(f"{e['function']} at {at}: {e['value']:.4g}; {of}")
    return rows


def _svm(record: dict[str, Any]) -> list[str]:
    least = min(range(len(record["a"])), key=lambda i: record["loss"][i])
    return [f"L is smallest, {record['loss'][least]:.4g}, at a weight of {record['a'][least]:.3g} for class 0"]


def _slices(record: dict[str, Any]) -> list[str]:
    return [f"the curve L(W + aW₁) is {'convex' if record['convex'] else 'not convex'} on {len(record['a'])} points"]


def _searches(record: dict[str, Any]) -> list[str]:
    ways = [f"{name}: {best[-1]:.4g} after {len(best)} evaluations" for name, best in record["ways"].items()]
    steps = [f"steps {name} (η = {record['eta'][name]:g}): {v[-1]:.4g}" for name, v in record["steps"].items()]
    return [*ways, *steps]


def _numerical(record: dict[str, Any]) -> list[str]:
    rows = []
    for name, errors in record["errors"].items():
        best = min(range(len(errors)), key=lambda i: errors[i])
        rows.append(f"{name}: smallest error {errors[best]:.1e} at h = {record['steps'][best]:.1e}")
    return rows


def _logistic(record: dict[str, Any]) -> list[str]:
    dead = record["dead"]
    ends = f"{dead['count'][0]} at bias 0, {dead['count'][-1]} at {dead['bias'][-1]:g}"
    return [
        f"w = {_row(record['w'])}, b = {record['b']:.3g}; {record['right']:.0%} of the samples are right",
        f"dead of {dead['units']} ReLU units: {ends}",
    ]


def _vanishing(record: dict[str, Any]) -> list[str]:
    rows = [f"{h} hidden layers: first over last {ratio:.2g}" for h, ratio in record["ratio"].items()]
    return [*rows, ", ".join(f"{name} = {value:g}" for name, value in record["products"].items())]


def _remedies(record: dict[str, Any]) -> list[str]:
    head = f"{'':26}{'first over last':>16}{'saturated':>11}{'median slope':>14}{'E at the end':>14}"
    rows = [
        f"{name:26}{r['ratio']:16.2g}{r['saturated']:11.1%}{r['median_slope']:14.2g}{r['loss'][-1]:14.3f}"
        for name, r in record["remedies"].items()
    ]
    return [head, *rows]


def _exercise(record: dict[str, Any]) -> list[str]:
    head = f"{'layers':18}{'activation':12}{'optimiser':11}{'training':>9}{'test':>8}   after {record['epochs']} epochs"
    rows = []
    for r in record["runs"]:
        name = f"{'-'.join(map(str, r['layers'])):18}{r['activation']:12}{r['optimiser']:11}"
        rows.append(f"{name}{r['train'][-1]:9.4f}{r['test'][-1]:8.4f}")
    printed = ", ".join(f"{share}" for share in record["printed"].values())
    return [head, *rows, f"printed in deck 002 after 10,000 epochs: {printed} of the training part"]


def _row(values: list[float]) -> str:
    return "(" + ", ".join(f"{v:.3g}" for v in values) + ")"


_LINES = {
    "regression": _regression, "perceptron": _perceptron, "graphs": _graphs, "svm": _svm, "slices": _slices,
    "searches": _searches, "numerical": _numerical, "logistic": _logistic, "vanishing": _vanishing,
    "remedies": _remedies, "exercise": _exercise,
}  # fmt: skip
