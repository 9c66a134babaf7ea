"""The lines of a working: their names, their order, their equations and their places in the slides."""

from __future__ import annotations

import re
from typing import NamedTuple

from verify.problems.written import LOSSES, PENALTIES

_NAME = re.compile(r"(delta|dW|db|a|z)([1-9][0-9]*)|(y|E)")
_DIGITS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


class Place(NamedTuple):
    """Where the decks state an equation."""

    deck: str
    heading: str
    equation: str  # with {l}, {below}, {above} for layers, {penalty} and {rate} for what is added to E and its λ

    def __str__(self) -> str:
        return f'deck {self.deck} "{self.heading}"'


_FORWARD = "回顾一次迭代前向计算的过程"
_SUMMARY = "综上,误差反向传播求导及调整步骤"

_PLACES: dict[str, Place] = {
    "a": Place("000", _FORWARD, "a({l}) = z({below}) W({l}) + b({l})"),
    "z": Place("000", _FORWARD, "z({l}) = f(a({l}))"),
    "y": Place("000", _FORWARD, "y = σ(a({l}))"),
    "E": Place("000", "误差反向传播-整体代价函数", "E = (1/N) Σ Eₙ + {penalty}"),
    "delta": Place("000", _SUMMARY, "δ({l}) = δ({above}) W({above})ᵀ ⊙ f′(a({l}))"),
    "dW": Place("000", _SUMMARY, "∂E/∂W({l}) = (1/N) z({below})ᵀ δ({l}) + {rate} W({l})"),
    "db": Place("000", _SUMMARY, "∂E/∂b({l}) = (1/N) Σₙ δₙ({l})"),
}

# The same lines in the columns convention, under deck 000's names of them; there z is before the activation.
# Deck 003 derives them for one sample; deck 001 "抽丝剥茧，不断深入" has the mean and λW.
_IN_COLUMNS: dict[str, Place] = {
    "a": Place("003", "变量定义", "z({l}) = W({l}) a({below}) + b({l})"),
    "z": Place("003", "变量定义", "a({l}) = f(z({l}))"),
    "y": Place("003", "变量定义", "a({l}) = σ(z({l}))"),
    "E": Place("001", "正式开始推导", "E = (1/N) Σ Eₙ + {penalty}"),
    "delta": Place("003", "隐藏层残差", "δ({l}) = W({above})ᵀ δ({above}) ⊙ f′(z({l}))"),
    "dW": Place("003", "连接权重的梯度", "∂E/∂W({l}) = (1/N) δ({l}) a({below})ᵀ + {rate} W({l})"),
    "db": Place("003", "偏置梯度", "∂E/∂b({l}) = (1/N) Σₙ δₙ({l})"),
}

# The step of descent, for W and b alike.
STEP = Place("000", _SUMMARY, "W({l}) − η ∂E/∂W({l})")


def kind_and_layer(name: str) -> tuple[str, int | None]:
    """'delta3' -> ('delta', 3), 'y' -> ('y', None). Raises ValueError for what is no line."""
    match = _NAME.fullmatch(name)
    if match is None:
        raise ValueError(f"{name!r} is no line; lines are a1, z1, …, y, E, delta3, dW3, db3, …")
    return (match[3], None) if match[3] else (match[1], int(match[2]))


def names(L: int) -> tuple[str, ...]:
    """The lines of a network of L weight layers, in the order in which they are computed."""
    hidden = [f"{kind}{l}" for l in range(1, L) for kind in ("a", "z")]
    back = [f"{kind}{l}" for l in range(L, 0, -1) for kind in ("delta", "dW", "db")]
    return (*hidden, f"a{L}", "y", "E", *back)


def gradient_names(L: int) -> tuple[str, ...]:
    """The lines that every submission returns, in the order in which they are computed."""
    return tuple(f"{kind}{l}" for l in range(L, 0, -1) for kind in ("dW", "db"))


def place(name: str, *, columns: bool = False) -> Place:
    """Where the decks state the line's equation, in the one convention or the other. `name` is deck 000's in both."""
    return (_IN_COLUMNS if columns else _PLACES)[kind_and_layer(name)[0]]


def equation(
    name: str,
    L: int,
    output: str = "softmax",
    loss: str = "cross-entropy",
    *,
    columns: bool = False,
    penalty: str = "lam/2",
) -> str:
    """The line's equation with its layer's numbers, as the slides write it (f′ at a, where the slide errs)."""
    kind, layer = kind_and_layer(name)
    l = L if layer is None else layer
    if kind == "delta" and l == L:
        y, a = (f"a({l})", f"z({l})") if columns else ("y", f"a({l})")
        return f"δ({l}) = {LOSSES[loss].delta(output, y, a)}"
    text = place(name, columns=columns).equation
    if l == 1:
        text = text.replace("z({below})", "x").replace("a({below})", "x")
    if kind == "y":
        text = text.replace("σ", "softmax" if output == "softmax" else "σ")
    added, rate = PENALTIES[penalty].added, PENALTIES[penalty].rate
    return text.format(l=l, below=l - 1, above=l + 1, penalty=added, rate=rate)


def symbol(name: str) -> str:
    """The line as the slides write it: 'delta3' -> 'δ(3)', 'dW1' -> '∂E/∂W(1)'."""
    kind, l = kind_and_layer(name)
    return {"delta": f"δ({l})", "dW": f"∂E/∂W({l})", "db": f"∂E/∂b({l})"}.get(
        kind, kind if l is None else f"{kind}({l})"
    )


def local_name(name: str, deepest: int, L: int) -> str | None:
    """A line of the deepest network in one of L layers, counted from the output: dW3 of three is dW2 of two.

    The output layer has equations of its own, so it is the output layer's lines that belong together.
    """
    kind, l = kind_and_layer(name)
    if l is None:
        return name
    return f"{kind}{l - deepest + L}" if l - deepest + L >= 1 and (kind != "z" or l < deepest) else None
